"""The worker side of the zoo ``keras``: builds, describes and runs Keras Applications.

Networks with ``weights=None`` and with published weights may differ: ``EfficientNetB0`` to ``B7``
have one more Rescaling layer with published weights, so each network is built as Keras builds it
for the requested weights. TensorFlow fixes its number of threads when its runtime starts, so
``describe`` avoids starting it.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import (
    MeasurementError,
    MissingFrameworkError,
    UnknownNameError,
    UsageError,
    WeightsUnavailableError,
)
from zoodiff.zoos.base import Network, OwnRecipe, WeightsState
from zoodiff.zoos.digest import sha256_of
from zoodiff.zoos.keras.catalogue import ZOO
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.weights_access import of_keras

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.frontends.keras.protocols import Model, Variable
    from zoodiff.graph.ir import Graph

PUBLISHED = "imagenet"
"""The weights that Keras publishes for every application."""
_SILENT_SECONDS = 10.0
"""Time without data after which a download counts as failed."""


@dataclass
class KerasNetwork:
    """A network with values in its variables; ``run`` calls it in the chosen mode."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    _call: Callable[[Any], Any]
    _preprocess: Callable[[Any], Any]
    _model: Model
    _compile: Callable[[], Callable[[Any], Any]]
    scope: Mapping[str, str]

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the variables by their paths in the graph."""
        return of_keras(self._model)

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace variables by path."""
        of_keras(self._model).assign(weights)
        if _adapt(self._model):
            self._call = self._compile()

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return Keras's outputs ``(batch, classes)`` for a batch ``(batch, height, width, 3)``."""
        result: NDArray[np.float32] = self._call(batch).numpy()
        return result

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Apply ``preprocess_input`` to images ``(batch, height, width, 3)`` of the input's size.

        Raises UsageError for another size: Keras publishes no way of resizing.
        """
        import numpy as np

        if images.shape[1:] != self.input_shape[1:]:
            raise UsageError(
                f"the network takes images of shape {self.input_shape[1:]}, not "
                f"{tuple(images.shape[1:])}; resize them first, Keras publishes no way to"
            )
        # preprocess_input overwrites its argument.
        pixels = np.array(images, dtype=np.float32)
        return np.ascontiguousarray(self._preprocess(pixels), dtype=np.float32)


class KerasBackend:
    """Keras Applications on TensorFlow; raises MissingFrameworkError without it.

    ``shapes`` are the ``(channels, height, width)`` to build at, by default the catalogue's.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]] | None = None) -> None:
        self._keras, self._tf = import_keras()
        self._shapes = shapes or {model.name: model.input_shape for model in ZOO.models()}
        self._last: tuple[tuple[str, str], Any] | None = None

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        return {"keras": self._keras.__version__, "tensorflow": self._tf.__version__}

    def models(self) -> Sequence[str]:
        """Return the applications of the installed Keras, ordered by name."""
        return applications(self._keras)

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph as Keras builds it for these weights; no weights are allocated."""
        from zoodiff.frontends.keras.functional import to_graph

        return to_graph(self.structure(model, weights))

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return scalars in trainable weights and in all others, as Keras counts them."""
        network = self.structure(model, weights)
        trainable = sum(size_of(variable) for variable in network.trainable_weights)
        return {"parameters": trainable, "statistics": int(network.count_params()) - trainable}

    def structure(self, model: str, weights: str | None) -> Any:
        """Return the Keras model without values in its variables."""
        key = (model, self._weights(weights))
        # A worker describes a network and then returns its facts.
        if self._last is None or self._last[0] != key:
            with unallocated(self._keras, self._tf), without_weights(self._keras):
                self._last = (key, self._build(*key))
        return self._last[1]

    def modes(self) -> Sequence[str]:
        """Return the modes: ``tf.function``, a direct call, or ``tf.function`` compiled by XLA."""
        return modes.KERAS

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Build with weights; random ones come from Keras's initialisers and ``seed``.

        Raises WeightsUnavailableError if Keras's own loader cannot fetch the published weights,
        MeasurementError if the number of threads was fixed at another number.
        """
        mode = modes.choose(mode, modes.KERAS, "keras")
        name = self._weights(weights)
        set_threads(self._tf, threads)
        with load_stages.stage(load_stages.CHECKS):
            file = None if name == RANDOM else self._fetch(model)
        self._keras.utils.clear_session(free_memory=False)
        self._keras.utils.set_random_seed(seed)
        reading = load_stages.calls_are(load_stages.WEIGHTS, (self._keras.Model, "load_weights"))
        try:
            with load_stages.stage(load_stages.BUILD), reading:
                network = self._build(model, name)
        except (OSError, ValueError) as error:
            if file is None:
                raise
            # Keras publishes no checksum for some files, so a damaged one is found only here.
            raise WeightsUnavailableError(
                f"{file} does not hold the published weights of keras:{model} "
                f"({' '.join(str(error).split())}); delete it and try again"
            ) from error

        def compiled() -> Any:
            return modes.tensorflow_call(
                self._tf, lambda batch: network(batch, training=False), mode
            )

        with load_stages.stage(load_stages.CHECKS):
            sha256 = sha256_of(file) if file else None
        return KerasNetwork(
            weights_state="random" if name == RANDOM else "published",
            weights_sha256=sha256,
            input_shape=(1, *network.input_shape[1:]),
            layout="NHWC",
            _call=compiled(),
            _preprocess=preprocess_input(self._keras, model),
            _model=network,
            _compile=compiled,
            scope=modes.keras_scope(mode),
        )

    def recipes(self, model: str, weights: str) -> Sequence[OwnRecipe]:
        """Return the application's ``preprocess_input``; Keras publishes no way of resizing."""
        if model not in self.models():
            raise UnknownNameError(f"no entry `keras:{model}`{did_you_mean(model, self.models())}")
        function = preprocess_input(self._keras, model)
        return [OwnRecipe(f"{function.__module__}.{function.__qualname__}", "pixels", "NHWC")]

    def prepared(
        self, model: str, weights: str, processor: str, image: bytes | NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Return what ``preprocess_input`` makes of pixels."""
        import numpy as np

        # preprocess_input overwrites its argument.
        pixels = np.array(image, dtype=np.float32)[np.newaxis]
        prepared = np.asarray(preprocess_input(self._keras, model)(pixels), dtype=np.float32)
        result: NDArray[np.float32] = prepared[0]
        return result

    def _build(self, model: str, weights: str) -> Any:
        if model not in self._shapes:
            known = did_you_mean(model, self._shapes)
            raise UnknownNameError(f"no entry `keras:{model}`{known}")
        if model not in self.models():
            raise MeasurementError(
                f"Keras {self._keras.__version__} has no {model}; install a newer Keras"
            )
        channels, height, width = self._shapes[model]
        # MobileNetV3 would leave its input size open without a shape.
        return getattr(self._keras.applications, model)(
            weights=None if weights == RANDOM else weights,
            input_shape=(height, width, channels),
        )

    def _weights(self, weights: str | None) -> str:
        if weights not in {None, PUBLISHED, RANDOM}:
            raise UnknownNameError(
                f'Keras Applications have no weights "{weights}"; '
                f"there are {PUBLISHED} (the default) and {RANDOM}"
            )
        return weights or PUBLISHED

    def _fetch(self, model: str) -> Path:
        """Fetch the published weights with Keras's own loader into its cache; return the file.

        This precedes building the network with values, so that a failure costs little.
        """
        get_file = _loader(self._keras).get_file
        fetched: list[Path] = []

        def fetch(*args: object, **kwargs: object) -> str:
            try:
                path = get_file(*args, **kwargs)
            except Exception as error:
                raise WeightsUnavailableError(
                    f"the published weights of keras:{model} could not be had "
                    f"({' '.join(str(error).split())}); "
                    f"connect to that address or use keras:{model}@{RANDOM}"
                ) from error
            fetched.append(Path(path))
            return str(path)

        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(_SILENT_SECONDS)
        try:
            with unallocated(self._keras, self._tf), _loading(self._keras, fetch):
                self._build(model, PUBLISHED)
        finally:
            socket.setdefaulttimeout(before)
        return fetched[-1]


def import_keras() -> tuple[Any, Any]:
    """Import Keras on TensorFlow without output; return both modules.

    Raises MissingFrameworkError if either is missing.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet():
            import keras
            import tensorflow
    except ImportError as error:
        raise MissingFrameworkError(
            f"the zoo keras needs Keras and TensorFlow ({error}); "
            "install them with: pip install 'zoodiff[keras]'"
        ) from error
    tensorflow.get_logger().setLevel("ERROR")
    keras.config.disable_interactive_logging()
    return keras, tensorflow


def set_threads(tf: Any, threads: int) -> None:
    """Fix TensorFlow's number of threads; raise MeasurementError if it is fixed at another."""
    threading = tf.config.threading
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise MeasurementError(
            "TensorFlow fixed its threads at "
            f"{threading.get_intra_op_parallelism_threads()} when it started in this worker; "
            f"start another worker to use {threads}"
        ) from error


@contextlib.contextmanager
def unallocated(keras: Any, tf: Any) -> Iterator[None]:
    """Build networks without values, under names independent of earlier networks."""
    keras.utils.clear_session(free_memory=False)
    with (
        # A separate graph keeps TensorFlow's eager runtime from starting.
        tf.Graph().as_default(),
        keras.StatelessScope(initialize_variables=False),
    ):
        yield


@contextlib.contextmanager
def without_weights(
    keras: ModuleType, seen: Callable[[str, str | None], None] | None = None
) -> Iterator[None]:
    """Let Keras build a network for published weights without fetching or reading them.

    ``seen`` is called with the URL and the checksum of each file that Keras would fetch.
    """

    def get_file(
        fname: str | None = None,
        origin: str = "",
        *_: object,
        file_hash: str | None = None,
        **__: object,
    ) -> str:
        if seen is not None:
            seen(origin, file_hash)
        return str(fname)

    with _loading(keras, get_file):
        yield


@contextlib.contextmanager
def _loading(keras: ModuleType, get_file: Callable[..., str]) -> Iterator[None]:
    """Replace Keras's ``get_file`` by this one, and skip reading weights."""
    module = _loader(keras)
    before = module.get_file, keras.Model.load_weights
    module.get_file = get_file
    keras.Model.load_weights = lambda *_, **__: None
    try:
        yield
    finally:
        module.get_file, keras.Model.load_weights = before


def applications(keras: ModuleType) -> list[str]:
    """Return the names of Keras's applications, sorted."""
    return sorted(
        name
        for name, value in vars(keras.applications).items()
        if inspect.isfunction(value) and "weights" in inspect.signature(value).parameters
    )


def preprocess_input(keras: ModuleType, model: str) -> Callable[[Any], Any]:
    """Return the ``preprocess_input`` that Keras publishes with an application."""
    module: Any = inspect.getmodule(getattr(keras.applications, model))
    function: Callable[[Any], Any] = module.preprocess_input
    return function


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the output of TensorFlow's libraries before they read their log level."""
    sys.stderr.flush()
    stderr_copy = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            captured.seek(0)
            os.write(stderr_copy, captured.read())
            raise
        finally:
            os.dup2(stderr_copy, 2)
            os.close(stderr_copy)


def _loader(keras: ModuleType) -> Any:
    """Return the module through which every application fetches its weights."""
    return inspect.getmodule(keras.utils.get_file)


def _adapt(model: Model) -> bool:
    """Recompute the constants that layers derive from variables; return whether any does so.

    For example Normalization: inference does not read its variables mean and variance.
    """
    layers = [layer for layer in model._flatten_layers() if hasattr(layer, "finalize_state")]
    for layer in layers:
        layer.finalize_state()
    return bool(layers)


def size_of(variable: Variable) -> int:
    """Return the number of values of a variable."""
    size = 1
    for extent in variable.shape:
        size *= int(extent)
    return size
