"""Models of Keras on the backend of PyTorch, in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("keras")
pytest.importorskip("torch")
pytestmark = [pytest.mark.keras, pytest.mark.torch]
PROGRAM = """
import keras, numpy as np, zoodiff
keras.utils.set_random_seed(0)
layers = [keras.Input((20, 20, 3)), keras.layers.Conv2D(4, 3), keras.layers.Dropout(0.5)]
model = keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D()])
same, changed = (keras.models.clone_model(model) for _ in range(2))
same.set_weights(model.get_weights())
kernel, bias = model.get_weights()
changed.set_weights([kernel, bias + np.float32(0.1)])
assert model.training
assert zoodiff.diff(model, same).same_function is True
assert zoodiff.diff(model, changed).answer.because == ("weights",)
assert model.training
"""


def test_a_model_with_layers_is_called_as_at_inference() -> None:
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=True,
        env=os.environ | {"KERAS_BACKEND": "torch"},
        timeout=600,
    )
