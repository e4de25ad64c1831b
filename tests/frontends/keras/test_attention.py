"""Keras's attention written out, against what Keras computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from support.passes import image_of, numbers
from zoodiff.graph.canonical import canonical

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def keras() -> Any:
    return pytest.importorskip("keras")


def attention(keras: Any, settings: dict[str, Any], call: dict[str, Any], *, cross: bool) -> Any:
    """Tokens of an image, attention among them or to others, and their mean."""
    k = keras.layers
    image = keras.Input((8, 8, 3))
    tokens = k.Reshape((16, 12))(k.Conv2D(12, 2, 2)(image))
    others = k.Reshape((4, 12))(k.Conv2D(12, 4, 4)(image)) if cross else tokens
    x = k.MultiHeadAttention(bias_initializer="normal", **settings)(tokens, others, **call)
    return keras.Model(image, k.GlobalAveragePooling1D()(x))


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize(
    "settings",
    [
        {"num_heads": 3, "key_dim": 4},
        {"num_heads": 2, "key_dim": 4, "value_dim": 6},
        {"num_heads": 2, "key_dim": 5, "use_bias": False, "output_shape": 7},
    ],
)
def test_attention_is_what_keras_computes(keras: Any, settings: Any, cross: bool) -> None:
    from zoodiff.frontends.keras.functional import named_variables, to_graph

    keras.utils.set_random_seed(1)
    model = attention(keras, settings, {}, cross=cross)
    graph = to_graph(model)
    assert not [node.op for node in graph.nodes if "::" in node.op]
    wanted = np.asarray(model(image_of(graph).transpose(0, 2, 3, 1).astype(np.float32)))
    stored = {name: np.asarray(v.numpy()) for name, v in named_variables(model).items()}
    for made in (graph, canonical(graph)):
        (found,) = numbers(made, stored)
        np.testing.assert_allclose(found.reshape(-1), wanted.reshape(-1), atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "call"),
    [
        ({}, {"attention_mask": np.ones((1, 16, 16), bool)}),
        ({"dropout": 0.3}, {"attention_mask": np.ones((1, 16, 16), bool)}),
        ({"dropout": 0.3}, {"use_causal_mask": True}),
    ],
)
def test_other_attention_stays_opaque(keras: Any, settings: Any, call: Any) -> None:
    from zoodiff.frontends.keras.functional import to_graph

    sizes = {"num_heads": 3, "key_dim": 4}
    try:
        model = attention(keras, sizes | settings, call, cross=False)
    except ValueError as error:
        pytest.skip(f"this Keras refuses it: {error}")
    ops = [node.op for node in to_graph(model).nodes]
    assert "keras::MultiHeadAttention" in ops


@pytest.mark.parametrize("kind", ["GlobalAveragePooling1D", "GlobalMaxPooling1D"])
def test_pooling_of_tokens_is_what_keras_computes(keras: Any, kind: str) -> None:
    from zoodiff.frontends.keras.functional import named_variables, to_graph

    k = keras.layers
    image = keras.Input((8, 8, 3))
    tokens = k.Reshape((16, 12))(k.Conv2D(12, 2, 2)(image))
    model = keras.Model(image, getattr(k, kind)()(tokens))
    graph = to_graph(model)
    wanted = np.asarray(model(image_of(graph).transpose(0, 2, 3, 1).astype(np.float32)))
    stored = {name: np.asarray(v.numpy()) for name, v in named_variables(model).items()}
    (found,) = numbers(canonical(graph), stored)
    np.testing.assert_allclose(found.reshape(-1), wanted.reshape(-1), atol=1e-5)
