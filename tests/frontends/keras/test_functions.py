"""Functions of ``keras.ops``: the interpreter against Keras, raw and canonical, on two samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from support.keras_networks import assert_computes_what_keras_does, network  # noqa: E402
from zoodiff.frontends.keras.functional import to_graph  # noqa: E402
from zoodiff.graph.fingerprint import fingerprint  # noqa: E402

pytestmark = pytest.mark.keras
ops, layers = keras.ops, keras.layers

IMAGE, TOKENS, HEADS, FIVE = (5, 7, 3), (7, 6), (5, 4, 6), (3, 4, 2, 5)


def seen(function: Any) -> Any:
    """A function between convolutions, whose images are held channels first."""

    def build(image: Any) -> Any:
        return function(layers.Conv2D(4, 3, padding="same")(image))

    return build


def heads(function: Any) -> Any:
    """A function of a tensor with four axes that is no image."""

    def build(tokens: Any) -> Any:
        return function(ops.reshape(layers.Dense(6)(tokens), (-1, 7, 2, 3)))

    return build


FUNCTIONS: dict[str, tuple[Any, Any, tuple[tuple[int, ...], ...]]] = {
    "transpose": (
        seen(lambda x: ops.transpose(x, (0, 3, 1, 2))),
        seen(lambda x: ops.transpose(x, (0, 3, 2, 1))),
        (IMAGE,),
    ),
    "transpose of heads": (
        heads(lambda x: ops.transpose(x, (0, 2, 1, 3))),
        heads(lambda x: ops.transpose(x, (0, 2, 3, 1))),
        (TOKENS,),
    ),
    "transpose of five": (
        lambda x: ops.transpose(x, (0, 4, 2, 1, 3)),
        lambda x: ops.transpose(x, (0, 4, 2, 3, 1)),
        (FIVE,),
    ),
    "swapaxes": (seen(lambda x: ops.swapaxes(x, -1, 1)), seen(lambda x: x), (IMAGE,)),
    "moveaxis": (
        lambda x: ops.moveaxis(x, [1, 4], [3, 1]),
        lambda x: ops.moveaxis(x, [1, 4], [2, 1]),
        (FIVE,),
    ),
    "reshape": (
        seen(lambda x: ops.reshape(x, (-1, 7, 20))),
        seen(lambda x: ops.reshape(x, (-1, 20, 7))),
        (IMAGE,),
    ),
    "reshape to an image": (
        lambda x: layers.Conv2D(2, 2)(ops.reshape(x, (-1, 3, 7, 2))),
        lambda x: layers.Conv2D(2, 2)(ops.reshape(x, (-1, 7, 3, 2))),
        (TOKENS,),
    ),
    "ravel of each": (seen(lambda x: ops.reshape(x, (-1, 140))), seen(lambda x: x), (IMAGE,)),
    "expand_dims": (
        lambda x: ops.tile(ops.expand_dims(x, -2), (1, 1, 3, 1)),
        lambda x: ops.tile(ops.expand_dims(x, 1), (1, 3, 1, 1)),
        (TOKENS,),
    ),
    "squeeze": (
        lambda x: ops.squeeze(ops.expand_dims(layers.Conv2D(1, 3)(x), 1), (1, -1)),
        lambda x: ops.squeeze(layers.Conv2D(1, 2)(x), -1),
        (IMAGE,),
    ),
    "concatenate": (
        seen(lambda x: ops.concatenate([x, -x, x[:, :, :, :2]], axis=-1)),
        seen(lambda x: ops.concatenate([x, x[:, :, :, :2], -x], axis=-1)),
        (IMAGE,),
    ),
    "concatenate rows": (
        seen(lambda x: ops.concatenate([x[:, 2:], x[:, :2]], axis=1)),
        seen(lambda x: ops.concatenate([x[:, :, 2:], x[:, :, :2]], axis=2)),
        (IMAGE,),
    ),
    "stack": (
        seen(lambda x: ops.stack([x, x * 2.0], axis=-1)),
        seen(lambda x: ops.stack([x, x * 2.0], axis=2)),
        (IMAGE,),
    ),
    "split": (
        seen(lambda x: ops.split(x, 2, axis=-1)[1]),
        seen(lambda x: ops.split(x, 2, axis=-1)[0]),
        (IMAGE,),
    ),
    "split at places": (
        heads(lambda x: list(ops.split(x, (1, 4, 7), axis=1))[:3]),
        heads(lambda x: list(ops.split(x, (2, 4, 7), axis=1))[:3]),
        (TOKENS,),
    ),
    "unstack": (
        seen(lambda x: ops.unstack(x, axis=2)[3]),
        seen(lambda x: ops.unstack(x, axis=2)[4]),
        (IMAGE,),
    ),
    "slices": (
        seen(lambda x: x[:, 1:-1, ::2, -3:]),
        seen(lambda x: x[:, 1:-1, 1::2, -3:]),
        (IMAGE,),
    ),
    "slices from the end": (
        seen(lambda x: x[:, ::-1, 4:1:-2]),
        seen(lambda x: x[:, :, 4:1:-2]),
        (IMAGE,),
    ),
    "index": (seen(lambda x: x[:, 2]), seen(lambda x: x[:, -2]), (IMAGE,)),
    "indices": (
        seen(lambda x: x[:, -1, :, 1]),
        seen(lambda x: x[:, -1, :, 2]),
        (IMAGE,),
    ),
    "new axes": (
        seen(lambda x: x[:, None, 1, ..., None, 2:]),
        seen(lambda x: x[:, None, 2, ..., None, 2:]),
        (IMAGE,),
    ),
    "slice": (
        seen(lambda x: ops.slice(x, (0, 1, 2, 0), (1, 3, 4, 2))),
        seen(lambda x: ops.slice(x, (0, 1, 2, 1), (1, 3, 4, 2))),
        (IMAGE,),
    ),
    "take": (
        seen(lambda x: ops.take(x, np.array([3, 0, -1]), axis=2)),
        seen(lambda x: ops.take(x, np.array([3, 1, -1]), axis=2)),
        (IMAGE,),
    ),
    "take a table": (
        lambda x: ops.take(x, np.array([[3, 0, 1], [2, 2, 0]]), axis=1),
        lambda x: ops.take(x, np.array([[3, 0, 1], [2, 1, 0]]), axis=1),
        (TOKENS,),
    ),
    "pad": (
        seen(lambda x: ops.pad(x, [[0, 0], [1, 2], [0, 3], [0, 1]], constant_values=0.5)),
        seen(lambda x: ops.pad(x, [[0, 0], [2, 1], [0, 3], [0, 1]], constant_values=0.5)),
        (IMAGE,),
    ),
    "pad mirrored": (
        seen(lambda x: ops.pad(x, [[0, 0], [1, 2], [0, 3], [0, 0]], mode="reflect")),
        seen(lambda x: ops.pad(x, [[0, 0], [1, 2], [0, 3], [0, 0]], mode="symmetric")),
        (IMAGE,),
    ),
    "roll": (
        seen(lambda x: ops.roll(x, (-2, 3), axis=(1, -2))),
        seen(lambda x: ops.roll(x, (-2, 2), axis=(1, -2))),
        (IMAGE,),
    ),
    "flip": (
        seen(lambda x: ops.flip(x, axis=(1, 3))),
        seen(lambda x: ops.flip(x, axis=(2, 3))),
        (IMAGE,),
    ),
    "tile": (
        seen(lambda x: ops.tile(x, (1, 1, 2, 3))),
        seen(lambda x: ops.tile(x, (1, 2, 1, 3))),
        (IMAGE,),
    ),
    "repeat": (
        seen(lambda x: ops.repeat(x, 3, axis=-1)),
        seen(lambda x: ops.tile(x, (1, 1, 1, 3))),
        (IMAGE,),
    ),
    "mean": (
        seen(lambda x: ops.mean(x, axis=(1, 2))),
        seen(lambda x: ops.max(x, axis=(1, 2))),
        (IMAGE,),
    ),
    "mean kept": (
        seen(lambda x: x * ops.mean(x, axis=[1, 2], keepdims=True)),
        seen(lambda x: x * ops.mean(x, axis=[-1], keepdims=True)),
        (IMAGE,),
    ),
    "mean of rows": (
        seen(lambda x: ops.mean(x, axis=1)),
        seen(lambda x: ops.mean(x, axis=2)),
        (IMAGE,),
    ),
    "sum": (
        seen(lambda x: ops.sum(x, axis=(-1, 1))),
        seen(lambda x: ops.sum(x, axis=(-1, 2))),
        (IMAGE,),
    ),
    "extremes": (
        seen(lambda x: ops.max(x, axis=2) - ops.min(x, axis=2)),
        seen(lambda x: ops.max(x, axis=1) - ops.min(x, axis=1)),
        (IMAGE,),
    ),
    "product": (lambda x: ops.prod(x, axis=-1), lambda x: ops.sum(x, axis=-1), (TOKENS,)),
    "variance": (
        seen(lambda x: ops.var(x, axis=-1)),
        seen(lambda x: ops.std(x, axis=-1)),
        (IMAGE,),
    ),
    "moments": (
        lambda x: list(ops.moments(x, axes=[1, 3], keepdims=True)),
        lambda x: list(ops.moments(x, axes=[1, 2], keepdims=True)),
        (IMAGE,),
    ),
    "matmul": (
        ops.matmul,
        lambda a, b: ops.matmul(ops.transpose(b, (0, 2, 1)), ops.transpose(a, (0, 2, 1))),
        ((7, 6), (6, 5)),
    ),
    "matmul of heads": (
        heads(lambda x: ops.matmul(x, ops.transpose(x, (0, 1, 3, 2)))),
        heads(lambda x: ops.matmul(ops.transpose(x, (0, 1, 3, 2)), x)),
        (TOKENS,),
    ),
    "einsum": (
        lambda a, b: ops.einsum("btnh,bsnh->bnts", a, b),
        lambda a, b: ops.einsum("btnh,bsnh->bnst", a, b),
        ((5, 2, 3), (7, 2, 3)),
    ),
    "einsum of one": (
        lambda x: ops.einsum("bijc->bcji", x),
        lambda x: ops.einsum("bijc->bcij", x),
        (IMAGE,),
    ),
    "attention": (
        ops.dot_product_attention,
        lambda q, k, v: ops.dot_product_attention(q, k, v, scale=0.3),
        ((5, 2, 3), (7, 2, 3), (7, 2, 3)),
    ),
    "constants": (
        seen(lambda x: (2.5 - x * 0.3) / 1.7 + np.float32(0.25)),
        seen(lambda x: (2.5 - x * 0.3) / 1.7 + np.float32(0.5)),
        (IMAGE,),
    ),
    "swapped difference": (seen(lambda x: x - 2.5), seen(lambda x: 2.5 - x), (IMAGE,)),
    "swapped quotient": (
        lambda x: 3.0 / (ops.abs(x) + 1.0),
        lambda x: (ops.abs(x) + 1.0) / 3.0,
        (TOKENS,),
    ),
    "swapped operands": (lambda a, b: a - b * 2.0, lambda a, b: b * 2.0 - a, (IMAGE, IMAGE)),
    "vector": (
        seen(lambda x: x * np.array([1.0, -2.0, 0.5, 3.0])),
        seen(lambda x: x * np.array([1.0, -2.0, 0.5, 4.0])),
        (IMAGE,),
    ),
    "table": (
        seen(lambda x: x + np.arange(20.0).reshape(5, 1, 4)),
        seen(lambda x: x + np.arange(20.0)[::-1].reshape(5, 1, 4)),
        (IMAGE,),
    ),
    "mask": (
        lambda x: ops.softmax(x + np.where(np.tri(7, 6) > 0, 0.0, -100.0)),
        lambda x: ops.softmax(x + np.where(np.tri(7, 6, 1) > 0, 0.0, -100.0)),
        (TOKENS,),
    ),
    "fewer axes": (
        lambda a, b: layers.Conv2D(4, 1)(a) * b,
        lambda a, b: layers.Conv2D(4, 1)(a) + b,
        (IMAGE, (4,)),
    ),
    "extremum": (
        seen(lambda x: ops.maximum(ops.minimum(x, 0.7), -0.3)),
        seen(lambda x: ops.maximum(ops.minimum(x, 0.8), -0.3)),
        (IMAGE,),
    ),
    "power": (
        lambda x: ops.power(ops.abs(x) + 0.1, 1.5),
        lambda x: ops.power(ops.abs(x) + 0.1, 2.5),
        (TOKENS,),
    ),
    "base": (lambda x: ops.power(1.5, x), lambda x: ops.power(2.5, x), (TOKENS,)),
    "roots": (
        lambda x: ops.rsqrt(ops.square(x) + 0.1) + ops.sqrt(ops.abs(x)),
        lambda x: ops.rsqrt(ops.square(x) + 0.2) + ops.sqrt(ops.abs(x)),
        (TOKENS,),
    ),
    "clip": (
        seen(lambda x: ops.clip(x, -0.3, 0.6)),
        seen(lambda x: ops.clip(x, -0.3, 0.7)),
        (IMAGE,),
    ),
    "softmax": (
        seen(lambda x: ops.softmax(x, axis=1)),
        seen(lambda x: ops.softmax(x, axis=2)),
        (IMAGE,),
    ),
    "softmax over two": (
        seen(layers.Softmax(axis=(-2, -1))),
        seen(layers.Softmax(axis=-1)),
        (IMAGE,),
    ),
    "log softmax": (
        seen(lambda x: ops.log_softmax(x, axis=-1)),
        seen(lambda x: ops.softmax(x, axis=-1)),
        (IMAGE,),
    ),
    "normalize": (
        seen(lambda x: ops.normalize(x, axis=-1, epsilon=0.8)),
        seen(lambda x: ops.normalize(x, axis=1, epsilon=0.8)),
        (IMAGE,),
    ),
    "layer norm": (
        seen(lambda x: ops.layer_normalization(x, axis=-1, epsilon=0.01)),
        seen(lambda x: ops.layer_normalization(x, axis=-1, epsilon=0.02)),
        (IMAGE,),
    ),
    "rms norm": (
        seen(lambda x: ops.rms_normalization(x, axis=-1, epsilon=0.01)),
        seen(lambda x: ops.layer_normalization(x, axis=-1, epsilon=0.01)),
        (IMAGE,),
    ),
    "max pool": (
        seen(lambda x: ops.max_pool(x, 3, 2, padding="same")),
        seen(lambda x: ops.max_pool(x, 3, 2, padding="valid")),
        (IMAGE,),
    ),
    "average pool": (
        seen(lambda x: ops.average_pool(x, (2, 3), padding="same")),
        seen(lambda x: ops.average_pool(x, (3, 2), padding="same")),
        (IMAGE,),
    ),
    "resize": (
        seen(lambda x: ops.image.resize(x, (9, 11))),
        seen(lambda x: ops.image.resize(x, (9, 11), interpolation="nearest")),
        (IMAGE,),
    ),
    "patches": (
        seen(lambda x: ops.image.extract_patches(x, (2, 3), strides=(1, 2), padding="same")),
        seen(lambda x: ops.image.extract_patches(x, (3, 2), strides=(1, 2), padding="same")),
        (IMAGE,),
    ),
}
"""Per kind: networks of a function, networks with a planted change, and the shapes of inputs."""

UNARY = (
    *("abs", "absolute", "ceil", "cos", "erf", "exp", "floor", "negative", "reciprocal"),
    *("relu", "relu6", "selu", "sigmoid", "silu", "sin", "softplus", "softsign", "tanh"),
    *("hard_sigmoid", "hard_silu", "hard_tanh", "elu", "gelu", "leaky_relu", "square"),
)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_function_is_what_keras_computes(kind: str) -> None:
    build, _, shapes = FUNCTIONS[kind]
    alone = kind in {"fewer axes", "slice"}
    assert_computes_what_keras_does(network(build, *shapes), one_by_one=alone)


@pytest.mark.parametrize("kind", FUNCTIONS)
def test_a_planted_change_is_another_network(kind: str) -> None:
    build, other, shapes = FUNCTIONS[kind]
    same, first, second = (
        fingerprint(to_graph(network(each, *shapes))) for each in (build, build, other)
    )
    assert first == same
    assert first != second


@pytest.mark.parametrize("name", UNARY)
def test_a_function_of_single_elements_is_what_keras_computes(name: str) -> None:
    function = getattr(ops, name)
    assert_computes_what_keras_does(network(seen(function), IMAGE))
    assert_computes_what_keras_does(network(heads(function), TOKENS))


@pytest.mark.parametrize("name", ["log", "sqrt", "rsqrt"])
def test_a_function_of_positive_numbers_is_what_keras_computes(name: str) -> None:
    model = network(getattr(ops, name), TOKENS)
    assert_computes_what_keras_does(model, positive=True)
