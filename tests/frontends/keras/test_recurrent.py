"""Recurrent layers of Keras: the interpreter against Keras, and what stays opaque."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from zoodiff.frontends.keras.functional import named_variables, to_graph  # noqa: E402
from zoodiff.graph.canonical import canonical  # noqa: E402
from zoodiff.graph.cost import count  # noqa: E402
from zoodiff.graph.interpreter.run import evaluate  # noqa: E402

pytestmark = pytest.mark.keras


def built(layer: Any, shape: tuple[int, ...] = (6, 3)) -> Any:
    keras.utils.set_random_seed(0)
    data = keras.Input(shape, name="x")
    model = keras.Model(data, layer(data))
    random = np.random.default_rng(0)
    model.set_weights([random.standard_normal(w.shape) for w in model.get_weights()])
    return model


LAYERS = {
    "lstm": lambda: keras.layers.LSTM(4),
    "lstm sequences": lambda: keras.layers.LSTM(4, return_sequences=True, use_bias=False),
    "lstm backwards": lambda: keras.layers.LSTM(4, return_sequences=True, go_backwards=True),
    "lstm backwards last": lambda: keras.layers.LSTM(4, go_backwards=True),
    "lstm relu": lambda: keras.layers.LSTM(4, activation="relu"),
    "gru behind": lambda: keras.layers.GRU(4, return_sequences=True),
    "gru before": lambda: keras.layers.GRU(4, reset_after=False),
    "rnn": lambda: keras.layers.SimpleRNN(4, return_sequences=True),
    "both lstm": lambda: keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True)),
    "both gru": lambda: keras.layers.Bidirectional(keras.layers.GRU(4)),
}


@pytest.mark.parametrize("make", LAYERS.values(), ids=list(LAYERS))
def test_the_interpreter_computes_what_keras_does(make: Any) -> None:
    model = built(make())
    data = np.random.default_rng(1).standard_normal((1, 6, 3)).astype(np.float32)
    expected = np.asarray(model(data))
    weights = {name: np.asarray(v.value) for name, v in named_variables(model).items()}
    raw = to_graph(model)
    assert sum(n.op in {"GRU", "LSTM", "RNN"} for n in raw.nodes) == 1
    for graph in (raw, canonical(raw)):
        result = evaluate(graph, {"x": data}, weights)[graph.outputs[0].name]
        np.testing.assert_allclose(result.reshape(expected.shape), expected, rtol=0, atol=2e-6)
    assert count(raw).parameters == model.count_params()
    assert count(canonical(raw)).parameters == model.count_params()


@pytest.mark.parametrize("mode", ["sum", "mul", "ave"])
@pytest.mark.parametrize("sequences", [False, True])
def test_merged_directions_are_what_keras_computes(mode: str, sequences: bool) -> None:
    """Other ways to merge two directions are two layers and what is done with their results."""
    layer = keras.layers.LSTM(4, return_sequences=sequences)
    model = built(keras.layers.Bidirectional(layer, merge_mode=mode))
    data = np.random.default_rng(1).standard_normal((1, 6, 3)).astype(np.float32)
    expected = np.asarray(model(data))
    weights = {name: np.asarray(v.value) for name, v in named_variables(model).items()}
    raw = to_graph(model)
    assert [n.op for n in raw.nodes].count("LSTM") == 2
    for graph in (raw, canonical(raw)):
        result = evaluate(graph, {"x": data}, weights)[graph.outputs[0].name]
        np.testing.assert_allclose(result.reshape(expected.shape), expected, rtol=0, atol=2e-6)
    assert count(raw).parameters == model.count_params()


def test_macs_by_hand() -> None:
    """Six steps of three gates of four rows, over three features and four hidden values."""
    assert count(to_graph(built(keras.layers.GRU(4)))).macs == 6 * 3 * 4 * (3 + 4)


OPAQUE = {
    "function": lambda: keras.layers.LSTM(4, recurrent_activation="hard_sigmoid"),
    "sum": lambda: keras.layers.Bidirectional(
        keras.layers.LSTM(4, recurrent_activation="hard_sigmoid"), merge_mode="sum"
    ),
    "cell": lambda: keras.layers.RNN(keras.layers.LSTMCell(4)),
    "mask": lambda: lambda x: keras.layers.LSTM(4)(keras.layers.Masking()(x)),
}


@pytest.mark.parametrize("make", OPAQUE.values(), ids=list(OPAQUE))
def test_what_is_not_understood_stays_visible(make: Any) -> None:
    ops = [node.op for node in to_graph(built(make())).nodes]
    assert not {"GRU", "LSTM", "RNN"} & set(ops)
    assert any(op.startswith("keras::") for op in ops)
