"""Sound Keras files, SavedModels, frozen graphs and TFLite files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.security.sound import named, sound


def _network(body: Callable[[Any, Any], Any], size: int = 16) -> Any:
    import keras

    keras.utils.set_random_seed(0)
    image = keras.Input((size, size, 3))
    made = body(keras.layers, image)
    if len(made.shape) == 4:
        made = keras.layers.GlobalAveragePooling2D()(made)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax")(made))


def _saved(name: str, body: Callable[[Any, Any], Any]) -> None:
    def write(folder: Path) -> Path:
        _network(body).save(folder / "a.keras")
        return folder / "a.keras"

    named("keras", f"keras_{name}", write)


def _attention(of: Any, x: Any) -> Any:
    flat = of.Reshape((16, 16))(of.Conv2D(16, 4, strides=4)(x))
    seen = of.MultiHeadAttention(2, 8)(flat, flat)
    return of.GlobalAveragePooling1D()(of.LayerNormalization()(of.Add()([flat, seen])))


def _regular(of: Any, x: Any) -> Any:
    import keras

    return of.Conv2D(
        4,
        3,
        kernel_initializer=keras.initializers.HeNormal(seed=1),
        kernel_regularizer=keras.regularizers.L2(1e-4),
        kernel_constraint=keras.constraints.MaxNorm(2.0),
        bias_initializer="zeros",
        activation=keras.activations.swish,
    )(x)


def _nested(of: Any, x: Any) -> Any:
    import keras

    inner = keras.Sequential([keras.Input((16, 16, 3)), of.Conv2D(4, 3), of.ReLU()], name="inner")
    return inner(x)


def _operators(of: Any, x: Any) -> Any:
    import keras

    return keras.ops.relu(of.Conv2D(4, 3)(x) * 2.0 + 1.0)


def _rare_operators(of: Any, x: Any) -> Any:
    import keras

    small = keras.ops.image.resize(x, (8, 8))
    words = keras.ops.einsum("bhwc,dc->bhwd", small, keras.ops.ones((4, 3)))
    return keras.ops.where(words > 0, keras.ops.clip(words, 0, 6), keras.ops.roll(words, 1, 1))


def _recurrent(of: Any, x: Any) -> Any:
    words = of.TimeDistributed(of.Dense(8))(of.Reshape((16, 48))(x))
    made = of.Bidirectional(of.LSTM(4, return_sequences=True))(words)
    return of.RNN(of.StackedRNNCells([of.GRUCell(4), of.SimpleRNNCell(4)]))(made)


_saved("convolution", lambda of, x: of.Conv2D(4, 3)(x))
_saved("residual", lambda of, x: of.Add()([of.Conv2D(3, 3, padding="same")(x), x]))
_saved("depthwise", lambda of, x: of.DepthwiseConv2D(3)(of.ZeroPadding2D(1)(x)))
_saved("separable", lambda of, x: of.SeparableConv2D(4, 3)(x))
_saved("normed", lambda of, x: of.ReLU(6.0)(of.BatchNormalization()(of.Conv2D(4, 3)(x))))
_saved("rescaled", lambda of, x: of.Conv2D(4, 3)(of.Rescaling(1 / 127.5, offset=-1)(x)))
_saved("normalised", lambda of, x: of.Normalization(mean=[1, 2, 3], variance=[1, 4, 9])(x))
_saved("augmented", lambda of, x: of.Conv2D(4, 3)(of.RandomFlip("horizontal", seed=1)(x)))
_saved("dropped_out", lambda of, x: of.Dropout(0.2)(of.Conv2D(4, 3)(x)))
_saved("concatenated", lambda of, x: of.Concatenate()([of.Conv2D(4, 1)(x), of.Conv2D(4, 1)(x)]))
_saved("attention", _attention)
_saved("regularised", _regular)
_saved("nested", _nested)
_saved("operators", _operators)
_saved("rare_operators", _rare_operators)
_saved("recurrent", _recurrent)


@sound("keras", allowed=True)
def keras_with_allowed_code(folder: Path) -> Path:
    _network(lambda of, x: of.Lambda(lambda y: y * 2.0, output_shape=(16, 16, 3))(x)).save(
        folder / "a.keras"
    )
    return folder / "a.keras"


@sound("keras")
def keras_sequential(folder: Path) -> Path:
    import keras

    of = keras.layers
    model = keras.Sequential(
        [keras.Input((16, 16, 3)), of.Conv2D(4, 3, activation="gelu"), of.Flatten(), of.Dense(3)]
    )
    model.save(folder / "a.keras")
    return folder / "a.keras"


@sound("keras")
def keras_compiled_and_trained(folder: Path) -> Path:
    import keras
    import numpy as np

    model = _network(lambda of, x: of.Conv2D(4, 3)(x))
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, 10)),
        keras.losses.SparseCategoricalCrossentropy(),
        metrics=[keras.metrics.SparseTopKCategoricalAccuracy(2)],
    )
    model.fit(np.zeros((4, 16, 16, 3)), np.zeros(4), verbose=0)
    model.save(folder / "a.keras")
    return folder / "a.keras"


@sound("keras")
def keras_compiled_with_functions(folder: Path) -> Path:
    import keras

    model = _network(lambda of, x: of.Conv2D(4, 3, activation=keras.activations.mish)(x))
    model.compile("sgd", keras.losses.mean_squared_error, [keras.metrics.binary_accuracy])
    model.save(folder / "a.keras")
    return folder / "a.keras"


@sound("keras")
def keras_with_layers_of_its_applications(folder: Path) -> Path:
    """Their classes have no public name, so the file names the module that defines them."""
    from keras.src.applications.convnext import ConvNeXt

    sizes = {"depths": [1, 1, 1, 1], "projection_dims": [8, 8, 8, 8]}
    options = {"weights": None, "classes": 3, "drop_path_rate": 0.1}
    ConvNeXt(**sizes, **options, input_shape=(32, 32, 3), name="small").save(folder / "a.keras")
    return folder / "a.keras"


@sound("tensorflow")
def saved_model_of_keras(folder: Path) -> Path:
    _network(lambda of, x: of.BatchNormalization()(of.Conv2D(4, 3)(x))).export(
        folder / "model", verbose=False
    )
    return folder / "model"


@sound("tensorflow")
def saved_model_of_a_module(folder: Path) -> Path:
    import tensorflow as tf

    from support.security.hostile_tensorflow import saved_model

    return saved_model(folder, lambda x: tf.reduce_mean(x, (1, 2)), more=tf.Variable([1.0, 2.0]))


@sound("tensorflow")
def saved_model_with_functions(folder: Path) -> Path:
    import tensorflow as tf

    from support.security.hostile_tensorflow import saved_model

    @tf.function
    def inner(x):
        return tf.while_loop(lambda k, _: k < 3, lambda k, y: (k + 1, y * 2.0), [0, x])[1]

    return saved_model(folder, lambda x: inner(tf.reduce_mean(x, (1, 2))))


@sound("tensorflow", run=False)
def frozen_graph(folder: Path) -> Path:
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2 as frozen,
    )

    model = _network(lambda of, x: of.Conv2D(4, 3)(x))
    function = tf.function(lambda batch: model(batch, training=False))
    traced = function.get_concrete_function(tf.TensorSpec((1, 16, 16, 3)))
    (folder / "a.pb").write_bytes(frozen(traced).graph.as_graph_def().SerializeToString())
    return folder / "a.pb"


def _converted(name: str, change: Callable[[Any, Any], None]) -> None:
    def write(folder: Path) -> Path:
        import tensorflow as tf

        model = _network(lambda of, x: of.Conv2D(4, 3, activation="relu")(x))
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        change(tf, converter)
        (folder / "a.tflite").write_bytes(converter.convert())
        return folder / "a.tflite"

    named("tflite", f"tflite_{name}", write)


def _halved(tf: Any, converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]


def _in_integers(tf: Any, converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([tf.random.normal((1, 16, 16, 3))] for _ in "abc")


_converted("float", lambda tf, converter: None)
_converted("half", _halved)
_converted("integers", _in_integers)
