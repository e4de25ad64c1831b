"""The mini-zoo in TensorFlow Model Garden's layers: RMSprop on fewer images, mean subtracted.

The convolutions are ``Conv2DBNBlock``, the stem of Model Garden's MobileNets, with its default
padding ("same") and epsilon (0.001). Runs in the zoo's own environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoodiff.data import digits
from zoodiff.zoos.base import Network
from zoodiff.zoos.mini import common
from zoodiff.zoos.mini.catalogue import ARCHITECTURE
from zoodiff.zoos.runtime import load_stages, modes
from zoodiff.zoos.runtime.weights_access import of_tensorflow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

RECIPE = common.Recipe(
    framework="tfmg",
    optimiser="rmsprop, momentum 0.9",
    learning_rate=0.002,
    epochs=16,
    batch=32,
    seed=33,
    images=500,
    shifts=False,
)


def prepare(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return digits scaled to [0, 255], minus the training images' mean."""
    import numpy as np

    mean = digits.load().train.images.mean() * 255.0 / 16.0
    return np.ascontiguousarray(images * (255.0 / 16.0) - mean, dtype=np.float32)


class Backend:
    """The worker side of ``mini-tfmg``."""

    def __init__(self) -> None:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        import tensorflow as tf
        import tf_keras

        tf.get_logger().setLevel("ERROR")
        self._tf, self._keras = tf, tf_keras

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        import importlib.metadata

        return {
            "tensorflow": self._tf.__version__,
            "tf-models-official": importlib.metadata.version("tf-models-official"),
        }

    def models(self) -> Sequence[str]:
        """Return the only network."""
        return [ARCHITECTURE]

    def _build(self) -> Any:
        from official.vision.modeling.backbones.mobilenet import Conv2DBNBlock

        layers = self._keras.layers
        self._keras.backend.clear_session()
        return self._keras.Sequential(
            [
                self._keras.Input((8, 8, 1)),
                Conv2DBNBlock(16, 3, 1, activation="relu", norm_momentum=0.9, name="block1"),
                Conv2DBNBlock(32, 3, 2, activation="relu", norm_momentum=0.9, name="block2"),
                layers.GlobalAveragePooling2D(name="pool"),
                layers.Dense(10, name="logits"),
            ],
            name=ARCHITECTURE,
        )

    def describe(self, model: str, weights: str | None) -> Graph:
        """Return the graph; its structure does not depend on the weights."""
        from zoodiff.frontends.tensorflow.graph import graph_from_concrete_function
        from zoodiff.zoos.tfmg import official

        common.check(model, weights)
        with official.without_values():
            network = self._build()
        function = official.trace(network, self._tf.TensorSpec((1, 8, 8, 1), name="image"))
        return graph_from_concrete_function(
            function, variables=network.variables, source=f"mini-tfmg:{model}"
        )

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the framework's own counts."""
        network = self._build()
        trainable = sum(int(self._tf.size(v)) for v in network.trainable_variables)
        return {"parameters": trainable, "statistics": int(network.count_params()) - trainable}

    def modes(self) -> Sequence[str]:
        """Return the modes of the zoo ``tfmg``."""
        return modes.TENSORFLOW

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Train at first use, else read the cache; ``random`` initialises from ``seed``."""
        import numpy as np

        mode = modes.choose(mode, modes.TENSORFLOW, "mini-tfmg")
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
            lambda: of_tensorflow(network.variables),
            modes.tensorflow_scope(mode),
        )

    def _train(self) -> common.Arrays:
        keras = self._keras
        keras.utils.set_random_seed(RECIPE.seed)
        network = self._build()
        network.compile(
            optimizer=keras.optimizers.RMSprop(RECIPE.learning_rate, momentum=0.9),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        for images, labels in common.batches(RECIPE, prepare):
            network.train_on_batch(images, labels)
        return {f"{i:02d}": value for i, value in enumerate(network.get_weights())}
