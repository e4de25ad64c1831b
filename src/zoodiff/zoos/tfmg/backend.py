"""The worker side of the zoo ``tfmg``; runs in the zoo's own environment.

There are two kinds of networks: the official ones are Keras models of TensorFlow 2, the slim ones
graphs of TensorFlow 1. Both are described without values in their variables.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import os
import socket
import tarfile
import urllib.error
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import MeasurementError, UnknownNameError, WeightsUnavailableError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Model, Network, OwnRecipe, Weights, WeightsState
from zoodiff.zoos.digest import sha256_of
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.weights_access import WeightsAccess, of_tensorflow
from zoodiff.zoos.tfmg import official as tfmg_official
from zoodiff.zoos.tfmg import slim as tfmg_slim
from zoodiff.zoos.tfmg.catalogue import ZOO, recipes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

_CONNECT_SECONDS = 20.0
"""Time without data after which a download counts as failed."""


@dataclass
class TfmgNetwork:
    """A network with values in its variables."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    _call: Callable[[Any], Any]
    _prepare: Callable[[Any], Any]
    _access: WeightsAccess
    scope: Mapping[str, str]

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return the variables by their names in the graph."""
        return self._access

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace variables by name."""
        self._access.assign(weights)

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits ``(batch, classes)`` for a batch ``(batch, height, width, 3)``."""
        import numpy as np

        # slim's ResNets keep the height and width of one pixel.
        result: NDArray[np.float32] = np.asarray(self._call(batch)).reshape(len(batch), -1)
        return result

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Apply the published preprocessing; raise UsageError if there is none."""
        result: NDArray[np.float32] = self._prepare(images)
        return result


@dataclass(frozen=True)
class _Choice:
    """A model with the requested weights; None for random weights."""

    model: Model
    weights: Weights | None

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def slim(self) -> bool:
        return self.name.startswith(tfmg_slim.PREFIX)

    @property
    def preprocessing(self) -> Preprocessing:
        own = self.weights.preprocessing if self.weights else None
        return own or self.model.preprocessing

    @property
    def size(self) -> tuple[int, int]:
        """Height and width, of the weights if they differ from the model's."""
        own = self.weights.preprocessing if self.weights else None
        if own is not None and own.input_size is not None:
            return own.input_size
        return (self.model.input_shape[1], self.model.input_shape[2])


_Loaded = tuple[Callable[[Any], Any], WeightsAccess]
"""A function that runs a network, and access to its variables."""


class TfmgBackend:
    """The backend of the TensorFlow Model Garden; created once per worker."""

    def __init__(self) -> None:
        # Otherwise Model Garden and tf_keras print many deprecation warnings.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf

        tf.get_logger().setLevel("ERROR")
        self._tf = tf
        self._models = {model.name: model for model in ZOO.models()}
        self._facts: dict[tuple[str, tuple[int, int]], Mapping[str, int]] = {}

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        names = ("tf-models-official", "tf-slim", "tf-keras")
        packages = {name: importlib.metadata.version(name) for name in names}
        return {"tensorflow": self._tf.__version__, **packages}

    def models(self) -> Sequence[str]:
        """Return the classifiers that the installed packages know, ordered by name."""
        official = [name for name, *_ in tfmg_official.known()]
        return sorted([*official, *(tfmg_slim.PREFIX + name for name in tfmg_slim.known())])

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of the inference network; no weights are allocated."""
        choice = self._choose(model, weights)
        graph, self._facts[choice.name, choice.size] = (
            self._describe_slim(choice) if choice.slim else self._describe_official(choice)
        )
        # TensorFlow's graphs have many cycles; free their memory for the next network. The objects
        # that remain after the first are those of the packages, which need no further collection.
        gc.collect()
        if gc.get_freeze_count() == 0:
            gc.freeze()
        return graph

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the scalars in trainable and in all other variables, as the framework counts."""
        choice = self._choose(model, weights)
        if (choice.name, choice.size) not in self._facts:
            self.describe(model, weights)
        return self._facts[choice.name, choice.size]

    def modes(self) -> Sequence[str]:
        """Return the modes: ``tf.function``, or compiled by XLA; slim networks run in sessions."""
        return modes.TENSORFLOW

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Build with weights; random ones come from the networks' own initialisers and ``seed``.

        Raises WeightsUnavailableError if the published checkpoint cannot be fetched or does not
        fit, MeasurementError if the number of threads was fixed at another number.
        """
        choice = self._choose(model, weights)
        allowed = (tfmg_slim.SESSION,) if choice.slim else modes.TENSORFLOW
        mode = modes.choose(mode, allowed, f"tfmg:{choice.name}")
        self._set_threads(threads)
        with load_stages.stage(load_stages.CHECKS):
            archive = None if choice.weights is None else fetch(choice.weights)
        with contextlib.ExitStack() as stack:
            checkpoint = None
            if archive is not None:
                with load_stages.stage(load_stages.CHECKS):
                    checkpoint = stack.enter_context(_checkpoint(archive))
            if choice.slim:
                call, access = self._load_slim(choice, checkpoint, seed, threads)
            else:
                call, access = self._load_official(choice, checkpoint, seed, mode)
        from zoodiff.zoos.tfmg.preprocessing import prepare

        with load_stages.stage(load_stages.CHECKS):
            sha256 = None if archive is None else sha256_of(archive)
        return TfmgNetwork(
            weights_state="random" if archive is None else "published",
            weights_sha256=sha256,
            input_shape=(1, *choice.size, 3),
            layout="NHWC",
            _call=call,
            _prepare=lambda images: prepare(images, choice.preprocessing, choice.name),
            _access=access,
            scope=modes.tensorflow_scope(mode),
        )

    def recipes(self, model: str, weights: str) -> Sequence[OwnRecipe]:
        """Return the evaluation preprocessing of Model Garden or slim."""
        published = self._choose(model, weights).preprocessing
        return (
            []
            if published.published == "no"
            else [OwnRecipe(f"{published.source}: {published.sentence()}", "file", "NHWC")]
        )

    def prepared(
        self, model: str, weights: str, processor: str, image: bytes | NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Return what Model Garden's code makes of an image that TensorFlow decodes."""
        from zoodiff.preprocessing.with_tensorflow import TensorFlow
        from zoodiff.zoos.tfmg.preprocessing import prepare

        assert isinstance(image, bytes)
        choice = self._choose(model, weights)
        decoded: Any = TensorFlow().decode(image, exif=False)
        batch = decoded.numpy()[None]
        result: NDArray[np.float32] = prepare(batch, choice.preprocessing, choice.name)[0]
        return result

    def _describe_official(self, choice: _Choice) -> tuple[Graph, Mapping[str, int]]:
        from zoodiff.frontends.tensorflow.graph import graph_from_concrete_function

        recipe = recipes()[choice.name]
        assert recipe.experiment is not None
        model, function = tfmg_official.symbolic(recipe.experiment, recipe.overrides, choice.size)
        trainable = sum(v.shape.num_elements() for v in model.trainable_weights)
        facts = {"parameters": trainable, "statistics": model.count_params() - trainable}
        return graph_from_concrete_function(function, variables=model.weights), facts

    def _describe_slim(self, choice: _Choice) -> tuple[Graph, Mapping[str, int]]:
        from zoodiff.frontends.tensorflow.graph import graph_from_tensors, variable_parameters

        with self._tf.Graph().as_default():
            image, logits = self._slim(choice, 1)
            variables = self._tf.compat.v1.global_variables()
            owned = variable_parameters(variables)
            parameters = {v.handle.name: p for v, p in zip(variables, owned, strict=True)}
            graph = graph_from_tensors([image], [logits], parameters, owned=owned)
            return graph, tfmg_slim.counts()

    def _slim(self, choice: _Choice, batch: int | None) -> tuple[Any, Any]:
        name = choice.name.removeprefix(tfmg_slim.PREFIX)
        return tfmg_slim.build(name, choice.model.labels.classes, choice.size, batch)

    def _load_official(
        self, choice: _Choice, checkpoint: str | None, seed: int, mode: str
    ) -> _Loaded:
        with load_stages.stage(load_stages.IMPORT):
            import tf_keras

        recipe = recipes()[choice.name]
        assert recipe.experiment is not None
        tf_keras.backend.clear_session()
        tf_keras.utils.set_random_seed(seed)
        with load_stages.stage(load_stages.BUILD):
            model = tfmg_official.build(recipe.experiment, recipe.overrides, choice.size)
        if checkpoint is not None:
            with load_stages.stage(load_stages.WEIGHTS):
                tfmg_official.restore(model, checkpoint)
        specification = self._tf.TensorSpec((None, *choice.size, 3))
        # XLA compiles each batch size at its first call.
        with load_stages.stage(load_stages.COMPILE):
            function = tfmg_official.trace(model, specification, xla=mode == modes.XLA)
        convert = self._tf.constant

        def call(batch: Any, _kept: Any = model) -> Any:
            # The argument keeps the model alive: the function references its variables weakly.
            return function(convert(batch)).numpy()

        return call, of_tensorflow(model.weights)

    def _load_slim(
        self, choice: _Choice, checkpoint: str | None, seed: int, threads: int
    ) -> _Loaded:
        v1 = self._tf.compat.v1
        graph = self._tf.Graph()
        with graph.as_default():
            v1.set_random_seed(seed)
            with load_stages.stage(load_stages.BUILD):
                image, logits = self._slim(choice, None)
            options = v1.ConfigProto(
                intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads
            )
            session = v1.Session(graph=graph, config=options)
            with load_stages.stage(load_stages.WEIGHTS):
                if checkpoint is None:
                    session.run(v1.global_variables_initializer())
                else:
                    tfmg_slim.restore(session, checkpoint)
            access = of_tensorflow(v1.global_variables(), session)
        with load_stages.stage(load_stages.COMPILE):
            return session.make_callable(logits, [image]), access

    def _choose(self, model: str, weights: str | None) -> _Choice:
        entry = self._models.get(model)
        if entry is None:
            raise UnknownNameError(f"no entry `tfmg:{model}`{did_you_mean(model, self._models)}")
        if weights is None or weights == RANDOM:
            return _Choice(entry, entry.default_weights if weights is None else None)
        for known in entry.weights:
            if known.name == weights:
                return _Choice(entry, known)
        names = [*(w.name for w in entry.weights), RANDOM]
        hint = did_you_mean(weights, names) or f"; there are {', '.join(names)}"
        raise UnknownNameError(f'tfmg:{model} has no weights "{weights}"{hint}')

    def _set_threads(self, threads: int) -> None:
        config = self._tf.config.threading
        try:
            config.set_intra_op_parallelism_threads(threads)
            config.set_inter_op_parallelism_threads(threads)
        except RuntimeError:
            fixed = config.get_intra_op_parallelism_threads()
            if fixed != threads:
                number = fixed or "its own number of"
                raise MeasurementError(
                    f"TensorFlow has started with {number} threads in this worker and cannot "
                    f"change to {threads}; use a separate worker for that"
                ) from None


def cache_folder() -> Path:
    """Return the folder of downloaded checkpoints: in ``ZOODIFF_HOME`` or the user's cache."""
    home = os.environ.get("ZOODIFF_HOME")
    root = Path(home).expanduser() / "cache" if home else Path.home() / ".cache" / "zoodiff"
    return root / "tfmg"


def fetch(weights: Weights) -> Path:
    """Return the archive of published weights, from the cache or downloaded into it.

    Raises WeightsUnavailableError, after at most some seconds, if it cannot be fetched.
    """
    assert weights.url is not None
    target = cache_folder() / Path(weights.url).name
    if target.exists():
        return target
    import tf_keras

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_CONNECT_SECONDS)
    partial = f"{target.name}.{os.getpid()}.part"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        got = tf_keras.utils.get_file(
            partial, weights.url, cache_subdir="", cache_dir=target.parent
        )
        Path(got).replace(target)
    except (OSError, ValueError, urllib.error.URLError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsUnavailableError(
            f"the published weights {weights.name} could not be fetched ({reason}); put the file "
            f"{weights.url} into {target.parent}, or use random weights"
        ) from error
    except Exception as error:
        # get_file turns every failure of a download into a bare Exception.
        if type(error) is not Exception:
            raise
        raise WeightsUnavailableError(
            f"the published weights {weights.name} could not be fetched ({error}); put the file "
            f"{weights.url} into {target.parent}, or use random weights"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
        (target.parent / partial).unlink(missing_ok=True)
    return target


@contextlib.contextmanager
def _checkpoint(archive: Path) -> Iterator[str]:
    """Unpack the checkpoint in an archive during the block; yield TensorFlow's name of it."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="zoodiff-") as folder:
        try:
            with tarfile.open(archive) as packed:
                # "data" refuses links and paths that lead outside.
                packed.extractall(folder, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            reason = " ".join(str(error).split())[:200]
            raise WeightsUnavailableError(
                f"{archive} cannot be unpacked ({reason}); remove it and try again"
            ) from error
        yield _prefix(Path(folder), archive)


def _prefix(folder: Path, archive: Path) -> str:
    """Return TensorFlow's name of a checkpoint: a file of version 1, or the stem of version 2."""
    stems = [str(path.with_suffix("")) for path in sorted(folder.rglob("*.index"))]
    files = [str(path) for path in sorted(folder.rglob("*.ckpt")) if path.is_file()]
    checkpoints = stems or files
    if len(checkpoints) != 1:
        raise WeightsUnavailableError(
            f"{archive} should hold one checkpoint and holds {len(checkpoints)}; "
            "remove it and try again"
        )
    return checkpoints[0]
