"""The worker side of the zoo ``kerashub``; runs in the zoo's own environment, on TensorFlow."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoodiff.entry import RANDOM, did_you_mean
from zoodiff.errors import MeasurementError, MissingFrameworkError, UnknownNameError, UsageError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Model, Network
from zoodiff.zoos.keras.backend import KerasNetwork, import_keras, set_threads, unallocated
from zoodiff.zoos.kerashub import networks
from zoodiff.zoos.kerashub.catalogue import WEIGHTS, ZOO, Preset, presets
from zoodiff.zoos.runtime import load_stages, modes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph


class KerasHubBackend:
    """KerasHub's presets on TensorFlow; raises MissingFrameworkError without them."""

    def __init__(self) -> None:
        self._keras, self._tf = import_keras()
        try:
            import keras_hub
        except ImportError as error:
            raise MissingFrameworkError(
                f"the zoo kerashub needs KerasHub ({error}); "
                "make its environment with: zoodiff env create kerashub"
            ) from error
        self._version = str(keras_hub.__version__)
        self._models = {model.name: model for model in ZOO.models()}
        self._last: tuple[str, Any] | None = None

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        return {
            "keras-hub": self._version,
            "keras": self._keras.__version__,
            "tensorflow": self._tf.__version__,
            "kagglehub": importlib.metadata.version("kagglehub"),
        }

    def models(self) -> Sequence[str]:
        """Return the presets of the catalogue that the installed KerasHub has, ordered by name."""
        from keras_hub.src.utils.preset_utils import BUILTIN_PRESETS

        return sorted(name for name in self._models if name in BUILTIN_PRESETS)

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph of a preset's network; no weights are allocated or fetched.

        Raises WeightsUnavailableError if its configuration is on Kaggle and cannot be had.
        """
        from zoodiff.frontends.keras.functional import to_graph

        return to_graph(self._structure(self._preset(model, weights)))

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return scalars in trainable weights and in all others, as Keras counts them."""
        network = self._structure(self._preset(model, weights))
        trainable = networks.trainable(network)
        return {"parameters": trainable, "statistics": int(network.count_params()) - trainable}

    def modes(self) -> Sequence[str]:
        """Return the modes: ``tf.function``, a direct call, or ``tf.function`` compiled by XLA."""
        return modes.KERAS

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Build with weights; random ones come from Keras's initialisers and ``seed``.

        Raises WeightsUnavailableError if KerasHub's own loader cannot have the published weights,
        MeasurementError if the number of threads was fixed at another number.
        """
        mode = modes.choose(mode, modes.KERAS, "kerashub")
        preset = self._preset(model, weights)
        set_threads(self._tf, threads)
        self._keras.utils.clear_session(free_memory=False)
        self._keras.utils.set_random_seed(seed)
        random = weights == RANDOM
        with load_stages.stage(load_stages.BUILD):
            if random and preset.config is not None:
                network = networks.build(preset, self._shape(preset))
            else:
                network = networks.from_preset(preset, weights=not random)
            network = networks.at_size(network, self._shape(preset))

        def compiled() -> Any:
            return modes.tensorflow_call(
                self._tf, lambda batch: network(batch, training=False), mode
            )

        return KerasNetwork(
            weights_state="random" if random else "published",
            weights_sha256=None,  # KerasHub publishes no checksum, and a preset is several files
            input_shape=(1, *self._shape(preset)),
            layout="NHWC",
            _call=compiled(),
            _preprocess=_preparation(self._models[model]),
            _model=network,
            _compile=compiled,
            scope=modes.keras_scope(mode),
        )

    def _structure(self, preset: Preset) -> Any:
        """Return the network without values in its variables."""
        # A worker describes a network and then returns its facts.
        if self._last is None or self._last[0] != preset.name:
            self._last = (preset.name, self._without_values(preset))
        return self._last[1]

    def _without_values(self, preset: Preset) -> Any:
        shape = self._shape(preset)
        if preset.config is None:
            return networks.at_size(networks.from_preset(preset, weights=False), shape)
        try:
            with unallocated(self._keras, self._tf):
                return networks.at_size(networks.build(preset, shape), shape)
        except self._tf.errors.OperatorNotAllowedInGraphError:
            # Layers that compute an index table by tensors (Swin) cannot be built in a graph.
            self._keras.utils.clear_session(free_memory=False)
            with self._keras.StatelessScope(initialize_variables=False):
                return networks.at_size(networks.build(preset, shape), shape)

    def _preset(self, model: str, weights: str | None) -> Preset:
        if model not in self._models:
            raise UnknownNameError(
                f"no entry `kerashub:{model}`{did_you_mean(model, self._models)}"
            )
        if model not in self.models():
            raise MeasurementError(
                f"KerasHub {self._version} has no {model}; make its environment anew with: "
                "zoodiff env create kerashub --again"
            )
        if weights not in {None, WEIGHTS, RANDOM}:
            raise UnknownNameError(
                f'kerashub:{model} has no weights "{weights}"; '
                f"there are {WEIGHTS} (the default) and {RANDOM}"
            )
        return presets()[model]

    def _shape(self, preset: Preset) -> tuple[int, int, int]:
        channels, height, width = self._models[preset.name].input_shape
        return (height, width, channels)


def _preparation(model: Model) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return the function that normalises pixels (batch, height, width, 3) of the input's size."""
    spec: Preprocessing = model.preprocessing

    def prepare(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        import numpy as np

        if spec.published == "no":
            raise UsageError(
                f"KerasHub's code has no preprocessing for kerashub:{model.name}, its own is on "
                "Kaggle; give one of your own"
            )
        # As KerasHub's ImageConverter computes it: first a scale, then an offset.
        mean, std = np.asarray(spec.mean), np.asarray(spec.std)
        scaled = pixels * (1.0 / 255.0 / std).astype(np.float32)
        return np.asarray(scaled + (-mean / std).astype(np.float32), dtype=np.float32)

    return prepare
