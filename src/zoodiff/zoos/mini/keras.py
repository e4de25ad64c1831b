"""The mini-zoo in Keras: Adam with label smoothing, pixels in [-1, 1].

Like Keras's networks, it has biases before batch norm, epsilon 0.001, "same" padding, which is
asymmetric at stride 2, and a softmax inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoodiff.zoos.base import Network
from zoodiff.zoos.keras.backend import import_keras
from zoodiff.zoos.mini import common
from zoodiff.zoos.mini.catalogue import ARCHITECTURE
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.weights_access import of_keras

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.frontends.keras.protocols import Variable
    from zoodiff.graph.ir import Graph

RECIPE = common.Recipe(
    framework="keras",
    optimiser="adam",
    learning_rate=0.005,
    epochs=24,
    batch=32,
    seed=22,
    images=998,
    shifts=False,
    label_smoothing=0.1,
)


def prepare(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return digits scaled to [-1, 1]."""
    import numpy as np

    return np.ascontiguousarray(images / 8.0 - 1.0, dtype=np.float32)


class Backend:
    """The worker side of ``mini-keras``."""

    def __init__(self) -> None:
        self._keras, self._tf = import_keras()

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        return {"keras": self._keras.__version__, "tensorflow": self._tf.__version__}

    def models(self) -> Sequence[str]:
        """Return the only network."""
        return [ARCHITECTURE]

    def _build(self) -> Any:
        layers = self._keras.layers
        return self._keras.Sequential(
            [
                self._keras.Input((8, 8, 1)),
                layers.Conv2D(16, 3, padding="same", name="conv1"),
                layers.BatchNormalization(name="bn1"),
                layers.Activation("relu", name="relu1"),
                layers.Conv2D(32, 3, strides=2, padding="same", name="conv2"),
                layers.BatchNormalization(name="bn2"),
                layers.Activation("relu", name="relu2"),
                layers.GlobalAveragePooling2D(name="pool"),
                layers.Dense(10, activation="softmax", name="predictions"),
            ],
            name=ARCHITECTURE,
        )

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph; its structure does not depend on the weights."""
        from zoodiff.frontends.keras.functional import to_graph

        common.check(model, weights)
        self._keras.utils.clear_session(free_memory=False)
        with (
            self._tf.Graph().as_default(),
            self._keras.StatelessScope(initialize_variables=False),
        ):
            return to_graph(self._build())

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return Keras's own counts."""
        with (
            self._tf.Graph().as_default(),
            self._keras.StatelessScope(initialize_variables=False),
        ):
            network = self._build()
        trainable = sum(_size(variable) for variable in network.trainable_weights)
        return {"parameters": trainable, "statistics": int(network.count_params()) - trainable}

    def modes(self) -> Sequence[str]:
        """Return the modes of the zoo ``keras``."""
        return modes.KERAS

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Train at first use, else read the cache; ``random`` initialises from ``seed``."""
        import numpy as np

        mode = modes.choose(mode, modes.KERAS, "mini-keras")
        trained = common.check(model, weights)
        self._tf.config.threading.set_intra_op_parallelism_threads(threads)
        self._tf.config.threading.set_inter_op_parallelism_threads(1)
        self._keras.utils.set_random_seed(seed)
        with load_stages.stage(load_stages.BUILD):
            network, sha256 = self._build(), None
        if trained:
            with load_stages.stage(load_stages.CHECKS):
                path = common.cached(RECIPE, self.versions(), self._train)
            with load_stages.stage(load_stages.WEIGHTS):
                arrays = common.read(path)
                network.set_weights([arrays[name] for name in sorted(arrays)])
                sha256 = common.digest(arrays)
        function = modes.tensorflow_call(
            self._tf, lambda batch: network(batch, training=False), mode
        )
        return common.MiniNetwork(
            common.state(trained),
            sha256,
            (1, 8, 8, 1),
            "NHWC",
            lambda batch: np.asarray(function(batch)),
            prepare,
            lambda: of_keras(network),
            modes.keras_scope(mode),
        )

    def _train(self) -> common.Arrays:
        import numpy as np

        keras = self._keras
        keras.utils.set_random_seed(RECIPE.seed)
        network = self._build()
        network.compile(
            optimizer=keras.optimizers.Adam(RECIPE.learning_rate),
            loss=keras.losses.CategoricalCrossentropy(label_smoothing=RECIPE.label_smoothing),
        )
        eye = np.eye(10, dtype=np.float32)
        for images, labels in common.batches(RECIPE, prepare):
            network.train_on_batch(images, eye[labels])
        return {f"{i:02d}": value for i, value in enumerate(network.get_weights())}


def _size(variable: Variable) -> int:
    size = 1
    for extent in variable.shape:
        size *= int(extent)
    return size
