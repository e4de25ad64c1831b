"""The worker side of the zoo ``kecam``: builds, describes and runs its image classifiers."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import MeasurementError, UnknownNameError
from zoodiff.zoos.base import Network, OwnRecipe
from zoodiff.zoos.digest import sha256_of
from zoodiff.zoos.kecam import package, weights
from zoodiff.zoos.kecam.catalogue import Builder, RescaleMode, WeightsFile, builders, published
from zoodiff.zoos.keras.backend import KerasNetwork, set_threads, size_of
from zoodiff.zoos.runtime import load_stages, modes

if TYPE_CHECKING:
    from types import FunctionType

    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph


@dataclass(frozen=True)
class _Choice:
    """A builder with the requested weights; None for random weights."""

    builder: Builder
    weights: WeightsFile | None

    @property
    def name(self) -> str:
        """The entry's reference."""
        return f"kecam:{self.builder.name}@{self.weights.name if self.weights else RANDOM}"

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the network's input."""
        return self.weights.input_size if self.weights else self.builder.input_size

    @property
    def rescale_mode(self) -> RescaleMode:
        """The way to normalise pixels."""
        return self.weights.rescale_mode if self.weights else self.builder.rescale_mode


class KecamBackend:
    """keras_cv_attention_models on Keras 3 and TensorFlow."""

    def __init__(self) -> None:
        self._package, self._keras, self._tf = package.import_package()
        self._version = str(self._package.__version__)
        self._builders = package.builders(self._package)
        self._last: tuple[_Choice, Any] | None = None

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        return {
            "keras-cv-attention-models": self._version,
            "keras": self._keras.__version__,
            "tensorflow": self._tf.__version__,
        }

    def models(self) -> Sequence[str]:
        """Return the classifiers of the installed package, ordered by name."""
        return list(self._builders)

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph as the package builds it for these weights; no values are allocated.

        Raises MeasurementError if the network does not build on Keras 3.
        """
        from zoodiff.frontends.keras.functional import to_graph

        structure = self.structure(model, weights)
        with package.as_keras_2(self._keras):  # layers are called again where they are traced
            return to_graph(structure)

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return scalars in trainable weights and in all others, as Keras counts them."""
        network = self.structure(model, weights)
        trainable = sum(size_of(variable) for variable in network.trainable_weights)
        return {"parameters": trainable, "statistics": int(network.count_params()) - trainable}

    def structure(self, model: str, weights: str | None) -> Any:
        """Return the Keras model without values in its variables."""
        choice = self._choice(model, weights)
        # A worker describes a network and then returns its facts.
        if self._last is None or self._last[0] != choice:
            self._last = (choice, self._without_values(choice))
        return self._last[1]

    def modes(self) -> Sequence[str]:
        """Return the modes: ``tf.function``, a direct call, or ``tf.function`` compiled by XLA."""
        return modes.KERAS

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Build with weights; random ones come from the package's initialisers and ``seed``.

        Raises WeightsUnavailableError if the package's own loader cannot have the published weights
        or leaves some of them random, MeasurementError if the number of threads was fixed at
        another number.
        """
        mode = modes.choose(mode, modes.KERAS, "kecam")
        choice = self._choice(model, weights)
        set_threads(self._tf, threads)
        self._keras.utils.clear_session(free_memory=False)
        self._keras.utils.set_random_seed(seed)
        network, sha256 = self._with_values(choice)
        if len(network.outputs) != 1:
            names = ", ".join(network.output_names)
            raise MeasurementError(
                f"{choice.name} has {len(network.outputs)} outputs ({names}), of which the package "
                "does not say which is the answer; zoodiff runs classifiers with one"
            )

        def compiled() -> Any:
            return modes.tensorflow_call(
                self._tf, lambda batch: network(batch, training=False), mode
            )

        return KerasNetwork(
            weights_state="published" if choice.weights else "random",
            weights_sha256=sha256,
            input_shape=(1, *network.input_shape[1:]),
            layout="NHWC",
            _call=compiled(),
            _preprocess=lambda pixels: self._normalised(pixels, choice.rescale_mode),
            _model=network,
            _compile=compiled,
            scope=modes.keras_scope(mode),
        )

    def recipes(self, model: str, weights: str) -> Sequence[OwnRecipe]:
        """Return the package's evaluation, with its default crop and interpolation."""
        choice = self._choice(model, weights)
        words = f"evaluation_process_crop_resize {choice.input_size}, {choice.rescale_mode}"
        return [OwnRecipe(words, "file", "NHWC")]

    def prepared(
        self, model: str, weights: str, processor: str, image: bytes | NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Return what the package's evaluation makes of an image file."""
        import inspect

        import numpy as np

        from zoodiff.preprocessing.with_tensorflow import TensorFlow

        assert isinstance(image, bytes)
        choice = self._choice(model, weights)
        data = importlib.import_module(f"{package.PACKAGE}.imagenet.tf_data")
        evaluation = importlib.import_module(f"{package.PACKAGE}.imagenet.eval_func").evaluation
        default = {
            name: parameter.default
            for name, parameter in inspect.signature(evaluation).parameters.items()
        }
        # As tf_imread does with a file.
        decoded = self._tf.cast(TensorFlow().decode(image, exif=False), self._tf.float32)
        resized = data.evaluation_process_crop_resize(
            decoded,
            choice.input_size,
            default["central_crop"],
            default["resize_method"],
            default["antialias"],
        )
        prepared = self._normalised(resized, choice.rescale_mode)
        return np.asarray(prepared, dtype=np.float32)

    def _normalised(self, pixels: Any, mode: RescaleMode) -> Any:
        """Return pixels from 0 to 255 as the package normalises them."""
        layers = importlib.import_module(f"{package.PACKAGE}.common_layers")
        mean, std = layers.init_mean_std_by_rescale_mode(mode)
        return (pixels - mean) / std

    def _without_values(self, choice: _Choice) -> Any:
        nothing_read = weights.without_files(self._package, self._keras)
        with package.without_values(self._keras), nothing_read:
            return self._build(choice)

    def _with_values(self, choice: _Choice) -> tuple[Any, str | None]:
        """Return the network with values, and the SHA-256 of its file if it is one file."""
        reading = load_stages.calls_are(load_stages.WEIGHTS, (self._keras.Model, "load_weights"))
        if choice.weights is None:
            with load_stages.stage(load_stages.BUILD):
                return self._build(choice), None
        with (
            weights.checked(self._package, self._keras) as loaded,
            load_stages.stage(load_stages.BUILD),
            reading,
        ):
            network = self._build(choice)
        with load_stages.stage(load_stages.CHECKS):
            weights.complete(network, loaded, choice.name)
            return network, sha256_of(loaded.files[0]) if len(loaded.files) == 1 else None

    def _build(self, choice: _Choice) -> Any:
        file = choice.weights
        try:
            return package.build(
                self._keras,
                self._builder(choice.builder.name),
                file.pretrained if file else None,
                choice.input_size,
                file.classes if file else None,
            )
        except package.UNBUILDABLE as error:
            reason = " ".join(str(error).split())[:160]
            raise MeasurementError(
                f"{choice.name} does not build on Keras {self._keras.__version__} ({reason})"
            ) from error

    def _builder(self, model: str) -> FunctionType:
        if model not in self._builders:
            raise MeasurementError(
                f"keras_cv_attention_models {self._version} has no {model}; the catalogue is that "
                f"of {published().version}: install that version"
            )
        return self._builders[model]

    def _choice(self, model: str, weights: str | None) -> _Choice:
        known = builders()
        if model not in known:
            raise UnknownNameError(f"no entry `kecam:{model}`{did_you_mean(model, known)}")
        builder = known[model]
        if weights == RANDOM or (weights is None and not builder.weights):
            return _Choice(builder, None)
        if weights is None:
            return _Choice(builder, builder.weights[0])
        files = {file.name: file for file in builder.weights}
        if weights not in files:
            hint = did_you_mean(weights, files) or f"; there are {', '.join([*files, RANDOM])}"
            raise UnknownNameError(f'kecam:{model} has no weights "{weights}"{hint}')
        return _Choice(builder, files[weights])
