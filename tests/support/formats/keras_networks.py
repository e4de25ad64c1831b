"""Two networks of Keras, written to files in every way that people write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def networks(seed: int = 0) -> dict[str, Any]:
    """One convolutional network and one with attention, with drawn weights and statistics."""
    import keras

    keras.utils.set_random_seed(seed)
    found = {"convolutional": _convolutional(), "attention": _attention()}
    random = np.random.default_rng(0)
    for layer in found["convolutional"].layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            width = layer.gamma.shape[0]
            layer.set_weights(
                [
                    random.uniform(0.5, 1.5, width),
                    random.normal(0, 0.3, width),
                    random.normal(0, 0.3, width),
                    random.uniform(0.5, 1.5, width),
                ]
            )
    return found


def _convolutional() -> Any:
    import keras
    from keras import layers as k

    image = keras.Input((32, 32, 3))
    x = k.Conv2D(16, 3, 2, "same", use_bias=False)(image)
    x = k.ReLU(6.0)(k.BatchNormalization()(x))
    y = k.DepthwiseConv2D(3, 1, "same", use_bias=False)(x)
    y = k.ReLU(6.0)(k.BatchNormalization()(y))
    x = k.Add()([x, k.BatchNormalization()(k.Conv2D(16, 1, use_bias=False)(y))])
    x = k.GlobalAveragePooling2D()(
        k.Conv2D(24, 3, 2, "same", activation="relu", bias_initializer="normal")(x)
    )
    return keras.Model(image, k.Dense(10, bias_initializer="normal")(x))


def _attention() -> Any:
    import keras
    from keras import layers as k

    image = keras.Input((32, 32, 3))
    x = k.Reshape((16, 32))(k.Conv2D(32, 8, 8)(image))
    y = k.LayerNormalization(epsilon=1e-6)(x)
    x = k.Add()([x, k.MultiHeadAttention(4, 8)(y, y)])
    y = k.Dense(64, activation="gelu")(k.LayerNormalization(epsilon=1e-6)(x))
    x = k.GlobalAveragePooling1D()(k.Add()([x, k.Dense(32)(y)]))
    return keras.Model(image, k.Dense(10, bias_initializer="normal")(x))


class KerasFiles:
    """Writes the files of one network; each is written once."""

    def __init__(self, model: Any, folder: Path) -> None:
        self._model, self._folder = model, folder

    def path(self, way: str) -> Path:
        """The file or folder that is written in a way."""
        kind, _, detail = way.partition(" ")
        path = self._folder / (f"{detail or 'float'}.tflite" if kind == "tflite" else f"net.{kind}")
        if path.exists():
            return path
        if kind == "tflite":
            path.write_bytes(self._lite(detail))
        elif kind == "saved":
            self._model.export(str(path), verbose=False)
        elif kind == "weights.h5":
            self._model.save_weights(path)
        else:
            self._model.save(path)
        return path

    def _lite(self, detail: str) -> bytes:
        import tensorflow as tf

        converter = tf.lite.TFLiteConverter.from_keras_model(self._model)
        if detail:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if detail == "half":
            converter.target_spec.supported_types = [tf.float16]
        if detail.startswith("integers"):
            converter.representative_dataset = _calibration
        if detail == "integers alone":
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        converted: bytes = converter.convert()
        return converted


def _calibration() -> Any:
    random = np.random.default_rng(0)
    for _ in range(8):
        yield [random.standard_normal((1, 32, 32, 3)).astype(np.float32)]


SAME = ("saved", "tflite")
PRECISION = ("tflite dynamic", "tflite half", "tflite integers", "tflite integers alone")
REFUSED = {"h5": r"load_model\('net.h5'\)", "weights.h5": "save it as .keras"}
