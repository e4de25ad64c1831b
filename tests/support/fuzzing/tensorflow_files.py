"""Keras files, frozen graphs and SavedModels, read as in their worker, in this process."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.fuzzing.mutations import archive, bytes_, json_, protobuf
from support.fuzzing.network import counted
from support.fuzzing.target import Target, fresh, placed


@functools.cache
def _keras_files() -> Any:
    from zoodiff.zoos.files.keras import KerasFiles

    return KerasFiles()


def keras(data: bytes) -> None:
    """A Keras file: its graph and its own counts."""
    path = str(placed("keras/model.keras", data))
    graph = _keras_files().describe(path + "?size=16", None)
    _keras_files().facts(path + "?size=16", None)
    counted(graph)


@functools.cache
def keras_seeds() -> Sequence[bytes]:
    from zoodiff.zoos.keras.backend import import_keras

    library, _ = import_keras()
    layers = library.layers
    image = library.Input((8, 8, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    x = layers.Add()([layers.BatchNormalization()(x), x])
    x = layers.DepthwiseConv2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    x = layers.GlobalAveragePooling2D()(x)
    functional = library.Model(image, layers.Dense(3, activation="softmax")(x))
    sequential = library.Sequential(
        [layers.Input((None, None, 3)), layers.Conv2D(2, 1), layers.GlobalMaxPooling2D()]
    )
    made = []
    for number, model in enumerate((functional, sequential)):
        path = fresh("keras-seeds") / f"{number}.keras"
        model.save(path)
        made.append(path.read_bytes())
    return made


@functools.cache
def _tensorflow_files() -> Any:
    from zoodiff.zoos.files.tensorflow import TensorFlowFiles

    return TensorFlowFiles()


def frozen(data: bytes) -> None:
    """A frozen graph: its graph, its own counts and its constants."""
    path = str(placed("tensorflow/model.pb", data))
    backend = _tensorflow_files()
    graph = backend.describe(path + "?size=16", None)
    backend.facts(path + "?size=16", None)
    held = backend.load(path, "file", seed=0, threads=1).weights()
    for name in list(held)[:3]:
        assert held[name].nbytes >= 0
    counted(graph)


def frozen_seeds() -> Sequence[bytes]:
    import numpy as np

    tf = _tensorflow_files()._tf
    made = []
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [None, 8, 8, 3], "image")
        x = tf.nn.conv2d(image, np.ones((3, 3, 3, 2), np.float32), 2, "SAME")
        x = tf.nn.bias_add(x, np.ones(2, np.float32))
        x = tf.nn.relu6(x)
        x = tf.nn.max_pool2d(x, 2, 1, "VALID")
        x = tf.reduce_mean(x, [1, 2])
        x = tf.matmul(x, np.ones((2, 4), np.float32))
        tf.nn.softmax(x, name="out")
        made.append(graph.as_graph_def().SerializeToString())
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [1, 6, 6, 2], "image")
        x = tf.pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]])
        x = tf.nn.depthwise_conv2d(x, np.ones((3, 3, 2, 1), np.float32), [1] * 4, "VALID")
        ones = np.ones(2, np.float32)
        x, *_ = tf.compat.v1.nn.fused_batch_norm(x, ones, ones, ones, ones, is_training=False)
        x = tf.concat([x, image], 3)
        x = tf.reshape(x, [tf.shape(x)[0], -1])
        tf.identity(x * 2.0 + 1.0, name="out")
        made.append(graph.as_graph_def().SerializeToString())
    return made


@functools.cache
def _saved() -> Path:
    """A SavedModel, whose variables stay as they are."""
    import numpy as np

    tf = _tensorflow_files()._tf

    class Module(tf.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(np.ones((3, 3, 3, 2), np.float32), name="kernel")

        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32)])
        def __call__(self, image: Any) -> Any:
            return {
                "out": tf.reduce_mean(
                    tf.nn.relu(tf.nn.conv2d(image, self.kernel, 1, "SAME")), [1, 2]
                )
            }

    folder = fresh("saved-seed")
    module = Module()
    tf.saved_model.save(module, os.fspath(folder), signatures=module.__call__)
    return folder


def saved(data: bytes) -> None:
    """A SavedModel: its graph and its own counts."""
    folder = _saved()
    (folder / "saved_model.pb").write_bytes(data)
    backend = _tensorflow_files()
    graph = backend.describe(str(folder) + "?size=16", None)
    backend.facts(str(folder) + "?size=16", None)
    counted(graph)


@functools.cache
def saved_seeds() -> Sequence[bytes]:
    return [(_saved() / "saved_model.pb").read_bytes()]


_NEEDS = ("keras", "tensorflow")
_KERAS = archive({"config.json": json_, "metadata.json": json_, ".h5": bytes_})
TARGETS = (
    Target(
        *("keras", keras, keras_seeds, _KERAS, _NEEDS), contained="HDF5, TensorFlow", examples=8
    ),
    Target(
        *("frozen", frozen, frozen_seeds, protobuf, _NEEDS), contained="TensorFlow", examples=12
    ),
    Target(*("saved", saved, saved_seeds, protobuf, _NEEDS), contained="TensorFlow", examples=5),
)
