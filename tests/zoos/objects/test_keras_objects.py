"""Models of Keras as entries, against copies with the same and with other weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoodiff
from zoodiff.errors import MeasurementError, UsageError

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


def opened(*, named: bool) -> Any:
    """A model of sequences of any length, which takes its inputs by name or in order."""
    keras.utils.set_random_seed(0)
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    mask = keras.Input((None,), name="mask")
    x = keras.layers.Embedding(30, 8)(tokens) * keras.ops.expand_dims(mask, -1)
    x = keras.layers.GlobalAveragePooling1D()(x)
    inputs = {"tokens": tokens, "mask": mask} if named else [tokens, mask]
    return keras.Model(inputs, keras.layers.Dense(3)(x))


@pytest.mark.parametrize("named", [True, False])
def test_open_lengths_are_those_of_the_example_or_stated_or_usual(named: bool) -> None:
    model, changed = opened(named=named), opened(named=named)
    table, *rest = changed.get_weights()
    changed.set_weights([table[np.r_[1, 0, 2:30]], *rest])
    tokens, mask = np.arange(7, dtype=np.int32)[None], np.ones((1, 7), np.float32)
    example = {"mask": mask, "tokens": tokens}
    report = zoodiff.diff(model, opened(named=named), example=example)
    assert report.same_function is True
    assert report.weights is not None and report.weights.sameness == "identical"
    assert zoodiff.diff(model, changed, example=example).answer.because == ("weights",)
    for options, length in ((("tokens=int32[1,9]", "mask=float32[1,9]"), 9), ((), 32)):
        report = zoodiff.diff(model, opened(named=named), inputs=options)
        assert report.same_function is True
        assert {tensor.shape for tensor in report.a.graph.inputs} == {(1, length)}


def test_an_image_of_any_size_takes_that_of_the_other_model() -> None:
    def network(extent: int | None) -> Any:
        keras.utils.set_random_seed(0)
        layers = [keras.Input((extent, extent, 3)), keras.layers.Conv2D(4, 3)]
        return keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D()])

    report = zoodiff.diff(network(None), network(20))
    assert report.same_function is True
    assert report.a.graph.inputs[0].shape == (1, 3, 20, 20)


def test_a_model_and_its_file_are_one_function(tmp_path: Path) -> None:
    def network(epsilon: float) -> Any:
        keras.utils.set_random_seed(0)
        layers = [keras.Input((20, 20, 3)), keras.layers.Conv2D(4, 3)]
        layers += [keras.layers.BatchNormalization(epsilon=epsilon), keras.layers.Dropout(0.5)]
        return keras.Sequential([*layers, keras.layers.GlobalAveragePooling2D()])

    network(1e-3).save(tmp_path / "model.keras")
    assert zoodiff.diff(network(1e-3), tmp_path / "model.keras").same_function is True
    changed = zoodiff.diff(network(1e-1), tmp_path / "model.keras")
    assert changed.answer.because == ("ARC120",)


def test_an_example_that_does_not_fit_is_one_sentence() -> None:
    model = opened(named=True)
    with pytest.raises(UsageError, match=r"takes \(mask, tokens\), and the example has 1 array"):
        zoodiff.diff(model, model, example=np.ones((1, 7), np.int32))
    with pytest.raises(UsageError, match="the example has 0 arrays"):
        zoodiff.diff(model, model, example={"mask": "hello", "tokens": "you"})
    ids = np.ones((1, 7), np.int32)
    with pytest.raises(UsageError, match="mask holds float32, not int32"):
        zoodiff.diff(model, model, example={"tokens": ids, "mask": ids})
    with pytest.raises(MeasurementError, match=r"mask .* has the shape \[1, any\], and \[2, 7\]"):
        zoodiff.diff(model, model, example={"tokens": np.ones((2, 7)), "mask": np.ones((2, 7))})


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
