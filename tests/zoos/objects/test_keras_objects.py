"""Models of Keras as entries, against copies with the same and with other weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import zoodiff
from zoodiff.errors import UsageError

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


class Subclassed(keras.Model):  # type: ignore[misc, name-defined]
    """A model whose layers Keras does not know before it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.table = keras.layers.Embedding(30, 4)
        self.drop = keras.layers.Dropout(0.5)
        self.dense = keras.layers.Dense(3)

    def call(self, ids: Any, facts: Any, training: bool = False) -> Any:
        rows = keras.ops.mean(self.table(ids), axis=1)
        return self.dense(
            self.drop(keras.ops.concatenate([rows, facts], axis=-1), training=training)
        )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="traced by TensorFlow")
def test_a_subclassed_model_is_traced_and_left_unbuilt() -> None:
    ids, facts = np.arange(6, dtype=np.int32)[None], np.ones((1, 5), np.float32)
    model, changed, unbuilt = Subclassed(), Subclassed(), Subclassed()
    model(ids, facts)
    changed(ids, facts)
    changed.set_weights(model.get_weights())
    example = {"facts": facts, "ids": ids}
    assert zoodiff.diff(model, changed, example=example).same_function is True
    table, *rest = model.get_weights()
    changed.set_weights([table[np.r_[1, 0, 2:30]], *rest])
    assert zoodiff.diff(model, changed, example=example).same_function is False
    with pytest.raises(UsageError, match=r"Subclassed does not show.*\(ids, facts\)"):
        zoodiff.diff(model, changed)
    with pytest.raises(UsageError, match="Subclassed is not built"):
        zoodiff.diff(unbuilt, model, example=example)
    assert not unbuilt.built
