"""Models of Keras as entries, against copies with the same and with other weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zoodiff

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def model() -> Any:
    """Whole numbers into an embedding, real numbers beside them, and two outputs."""
    keras.utils.set_random_seed(0)
    ids, facts = keras.Input((6,), dtype="int32", name="ids"), keras.Input((5,), name="facts")
    rows = keras.layers.Flatten()(keras.layers.Embedding(30, 4)(ids))
    joined = keras.layers.Concatenate()([rows, facts])
    return keras.Model([ids, facts], [keras.layers.Dense(3)(joined), keras.layers.Dense(2)(joined)])


def test_a_copy_is_one_function_and_exchanged_rows_are_another(model: Any) -> None:
    same, changed = keras.models.clone_model(model), keras.models.clone_model(model)
    same.set_weights(model.get_weights())
    weights = model.get_weights()
    table = next(k for k, w in enumerate(weights) if w.shape == (30, 4))
    weights[table] = weights[table][np.r_[1, 0, 2:30]]
    changed.set_weights(weights)
    report = zoodiff.diff(model, same)
    assert report.same_function is True
    assert any("int32 1x6, 0 to 29" in text for text in report.answer.domain.inputs)
    assert zoodiff.diff(model, changed).same_function is False


def test_a_change_of_the_second_output_is_seen(model: Any) -> None:
    changed = keras.models.clone_model(model)
    weights = model.get_weights()
    bias = next(k for k, w in enumerate(weights) if w.shape == (2,))
    weights[bias] = weights[bias] + 0.5
    changed.set_weights(weights)
    assert zoodiff.diff(model, changed).same_function is False
