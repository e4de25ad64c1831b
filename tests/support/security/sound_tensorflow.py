"""Sound SavedModels, many with operators that are rare in networks and only compute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.security.hostile_saved_models import first_version
from support.security.hostile_tensorflow import saved_model
from support.security.sound import named, sound
from support.security.sound_onnx import jpeg


def _exported(name: str, make: Callable[[Any], Any], *, by_tensorflow: bool = False) -> None:
    """A network of Keras, exported by it or saved by TensorFlow."""

    def write(folder: Path) -> Path:
        import keras
        import tensorflow as tf

        keras.utils.set_random_seed(0)
        model = make(keras)
        if by_tensorflow:
            tf.saved_model.save(model, str(folder / "model"))
        else:
            model.export(folder / "model", verbose=False)
        return folder / "model"

    named("tensorflow", f"saved_model_of_{name}", write)


def _application(keras: Any, name: str, **options: Any) -> Any:
    image = (32, 32, 3)
    return getattr(keras.applications, name)(input_shape=image, weights=None, classes=3, **options)


def _sequences(keras: Any, *layers: Any) -> Any:
    image = keras.Input((16, 16, 3))
    made = keras.layers.Reshape((16, 48))(image)
    for layer in layers:
        made = layer(made)
    return keras.Model(image, keras.layers.Dense(3)(made))


def _transformer(keras: Any) -> Any:
    of = keras.layers
    image = keras.Input((16, 16, 3))
    words = of.Reshape((16, 16))(of.Conv2D(16, 4, strides=4)(image))
    seen = of.MultiHeadAttention(2, 8)(of.LayerNormalization()(words), words)
    made = of.Dense(16, activation="gelu")(of.Add()([seen, words]))
    return keras.Model(image, of.Dense(3)(of.Dropout(0.1)(of.GlobalAveragePooling1D()(made))))


def _augmented(keras: Any) -> Any:
    of = keras.layers
    image = keras.Input((16, 16, 3))
    made = of.RandomRotation(0.1, seed=1)(of.RandomFlip(seed=1)(of.Rescaling(1 / 255)(image)))
    made = of.Resizing(8, 8)(of.CenterCrop(12, 12)(made))
    return keras.Model(image, of.Dense(3)(of.Flatten()(made)))


_exported(
    "mobilenet",
    lambda keras: _application(keras, "MobileNetV3Small", minimalistic=True, dropout_rate=0.1),
)
_exported("efficientnet", lambda keras: _application(keras, "EfficientNetB0"))
_exported(
    "mobilenet_by_tensorflow",
    lambda keras: _application(keras, "MobileNetV2", alpha=0.35),
    by_tensorflow=True,
)
_exported(
    "recurrent_layers",
    lambda keras: _sequences(
        keras,
        keras.layers.Bidirectional(keras.layers.LSTM(8, return_sequences=True)),
        keras.layers.GRU(8),
    ),
)
_exported("attention", _transformer)
_exported("augmenting_layers", _augmented)


def _computing(name: str, call: Callable[[Any, Any], Any], **options: Any) -> None:
    """A module that computes something of the mean over an image, (1, 3)."""

    def write(folder: Path) -> Path:
        import tensorflow as tf

        made = {key: make(tf) for key, make in options.items()}
        return saved_model(folder, lambda x: call(tf, tf.reduce_mean(x, (1, 2)), **made), **made)

    named("tensorflow", f"saved_model_with_{name}", write)


def _branches(tf: Any, x: Any) -> Any:
    chosen = tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2.0, lambda: x - 1.0)
    return tf.switch_case(tf.constant(1), [lambda: chosen, lambda: chosen + 1.0])


def _lists(tf: Any, x: Any) -> Any:
    each = tf.map_fn(lambda y: y * 2.0, x)
    return tf.scan(lambda total, y: total + y, each) + tf.vectorized_map(lambda y: y + 1.0, x)


def _quantised(tf: Any, x: Any) -> Any:
    made = tf.quantization.fake_quant_with_min_max_vars(x, -6.0, 6.0, num_bits=8)
    return tf.quantization.quantize_and_dequantize_v2(made, -6.0, 6.0)


def _images(tf: Any, x: Any) -> Any:
    """Bytes among the constants become an image; decoding them is computing."""
    image = tf.image.resize(tf.io.decode_jpeg(tf.constant(jpeg())), (4, 4))
    return x + tf.reduce_mean(tf.image.adjust_contrast(image, 2.0), (0, 1))


def _texts(tf: Any, x: Any) -> Any:
    words = tf.strings.split(tf.strings.lower(tf.strings.join([["A b"], ["c D"]], " ")))
    numbers = tf.strings.to_hash_bucket_fast(words, 3)
    known = tf.strings.regex_full_match(words.flat_values, "[a-z]")
    plain = tf.strings.unicode_transcode(words.flat_values, "UTF-8", "UTF-16-BE")
    lengths = tf.cast(tf.strings.length(plain), tf.float32)
    rows = tf.nn.embedding_lookup_sparse(tf.ones((3, 3)), numbers.to_sparse(), None, combiner="sum")
    return x + rows + tf.reduce_sum(lengths) + tf.cast(tf.reduce_all(known), tf.float32)


def _table(tf: Any) -> Any:
    rows = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])
    return tf.lookup.StaticHashTable(rows, 0)


def _gradients(tf: Any, x: Any) -> Any:
    @tf.custom_gradient
    def own(y: Any) -> Any:
        return y * 2.0, lambda upstream: upstream * 3.0

    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(own(x) ** 2)
    return tape.gradient(total, x)


def _algebra(tf: Any, x: Any) -> Any:
    square = tf.linalg.matmul(x, x, transpose_a=True) + tf.eye(3)
    waves = tf.math.real(tf.signal.ifft(tf.signal.fft(tf.cast(x, tf.complex64))))
    return tf.einsum("bi,ij->bj", waves, tf.linalg.inv(square)) + tf.linalg.trace(square)


_computing("branches", _branches)
_computing("lists_of_tensors", _lists)
_computing("quantisation", _quantised)
_computing("images_of_bytes", _images)
_computing("texts", _texts)
_computing(
    "a_table",
    lambda tf, x, table: x + tf.cast(table.lookup(tf.constant(["b"])), tf.float32),
    table=_table,
)
_computing("gradients", _gradients)
_computing("linear_algebra", _algebra)
_computing("checks", lambda tf, x: tf.debugging.check_numerics(tf.ensure_shape(x, (1, 3)), "odd"))
_computing("random_numbers", lambda tf, x: tf.nn.dropout(x, 0.5, seed=1) + tf.random.normal((3,)))
_computing(
    "its_compiler_asked_for",
    lambda tf, x: tf.function(tf.nn.relu, jit_compile=True)(x),
)


@sound("tensorflow")
def saved_model_that_also_trains(folder: Path) -> Path:
    import keras
    import tensorflow as tf

    image = keras.Input((16, 16, 3))
    made = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(image))
    model = keras.Model(image, made)
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    module = tf.Module()
    module.kept = [*model.variables, *optimizer.variables]

    @tf.function(input_signature=[tf.TensorSpec((1, 16, 16, 3)), tf.TensorSpec((1, 3))])
    def step(images: Any, wanted: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(images) - wanted) ** 2)
        optimizer.apply(tape.gradient(loss, model.trainable_variables))
        return loss

    @tf.function(input_signature=[tf.TensorSpec((1, 16, 16, 3))])
    def answer(images: Any) -> Any:
        return {"y": model(images)}

    module.step, module.answer = step, answer
    tf.saved_model.save(module, str(folder / "model"), signatures=answer)
    return folder / "model"


@sound("tensorflow")
def saved_model_that_also_decodes_files(folder: Path) -> Path:
    """What servers use: a second signature takes the bytes of an image."""
    import tensorflow as tf

    module = tf.Module()
    module.weight = tf.Variable(2.0)

    @tf.function(input_signature=[tf.TensorSpec((1, 16, 16, 3))])
    def answer(images: Any) -> Any:
        return {"y": tf.reduce_mean(images, (1, 2)) * module.weight}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)])
    def answer_bytes(texts: Any) -> Any:
        def decode(text: Any) -> Any:
            image = tf.io.decode_image(tf.io.decode_base64(text), 3, expand_animations=False)
            return tf.image.resize(tf.cast(image, tf.float32), (16, 16))

        return {"y": answer(tf.map_fn(decode, texts, fn_output_signature=tf.float32)[:1])["y"]}

    module.answer, module.answer_bytes = answer, answer_bytes
    signatures = {"serving_default": answer, "bytes": answer_bytes}
    tf.saved_model.save(module, str(folder / "model"), signatures=signatures)
    return folder / "model"


@sound("tensorflow")
def saved_model_of_the_first_version(folder: Path) -> Path:
    """Its loader runs the node that restores, and a table is filled at the start."""

    def add(tf: Any, y: Any) -> Any:
        rows = tf.lookup.KeyValueTensorInitializer(["a"], [1])
        table = tf.lookup.StaticHashTable(rows, 0)
        tf.compat.v1.add_to_collection("savers", tf.compat.v1.train.Saver(sharded=True))
        tf.compat.v1.summary.scalar("mean", tf.reduce_mean(y))
        return y + tf.cast(table.lookup(tf.constant(["a"])), tf.float32)

    return first_version(folder, add, lambda meta: None)
