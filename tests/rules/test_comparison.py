"""Differences that are easily overlooked, or named by the side on which they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zoodiff.architecture.diff import diff
from zoodiff.graph.align import align
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import LayerGraph
from zoodiff.rules.catalogue import find
from zoodiff.rules.context import Difference
from zoodiff.rules.engine import differences
from zoodiff.rules.example import TinyNetwork

Step = Callable[[TinyNetwork, str], str]


def network(*steps: Step) -> Graph:
    net = TinyNetwork()
    x = net.conv("image", 8)
    for step in steps:
        x = step(net, x)
    return net.classifier(net.conv(net.add("Relu", x), 8))


def add(op: str, **attributes: Any) -> Step:
    return lambda net, x: net.add(op, x, **attributes)


def response_norm(bias: float) -> Step:
    return add("LRN", size=5, alpha=1e-4, beta=0.75, bias=bias)


def said(a: Graph, b: Graph) -> list[tuple[str, str, str]]:
    """Findings, which have to be the same the other way round."""
    there, back = diff(a, b, "a", "b").findings, diff(b, a, "b", "a").findings
    assert [(f.code, f.left, f.right) for f in there] == [(f.code, f.right, f.left) for f in back]
    return [(f.code, f.left, f.right) for f in there]


@pytest.mark.parametrize(("first", "second"), [(1.0, 2.0), (0.0, 1.0)])
def test_the_constant_of_a_response_norm_is_no_bias_of_a_layer(first: float, second: float) -> None:
    """A. Krizhevsky et al. (2012) have k = 2, Caffe and PyTorch have 1 by default."""
    a, b = network(add("Relu"), response_norm(first)), network(add("Relu"), response_norm(second))
    assert said(a, b) == [("ARC124", f"bias {first:g}", f"bias {second:g}")]


def scaled(net: TinyNetwork, x: str) -> str:
    return net.per_channel("Mul", x)


def test_a_scale_before_a_norm_is_a_scale_layer() -> None:
    before, without = network(scaled, TinyNetwork.norm), network(TinyNetwork.norm)
    assert said(without, before) == [("ARC113", "none", "scale before the norm")]
    both = network(scaled, TinyNetwork.norm, scaled)
    assert said(without, both) == [
        ("ARC113", "none", "scale before the norm"),
        ("ARC113", "none", "scale"),
    ]


def test_a_response_norm_in_the_place_of_another_norm_is_named_alike_from_both_sides() -> None:
    group = add("GroupNormalization", num_groups=2, axis=1, epsilon=1e-5, scale=False, center=False)
    a, b = network(add("Relu"), response_norm(1.0)), network(add("Relu"), group)
    assert said(a, b) == [("ARC122", "local response norm", "group norm")]


def shuffled(groups: int) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    rest = 8 // groups
    x = net.add("Reshape", x, (groups, rest, 64))
    x = net.add("Transpose", x, (rest, groups, 64), perm=[1, 0, 2])
    x = net.add("Reshape", x, (1, 8, 8, 8))
    return net.classifier(net.conv(x, 8))


def test_groups_of_a_shuffle_are_said() -> None:
    assert said(shuffled(2), shuffled(2)) == []
    ((code, left, right),) = said(shuffled(2), shuffled(4))
    assert (code, left[-10:], right[-10:]) == ("ARC180", "(2, 4, 64)", "(4, 2, 64)")


def along(axis: int) -> Graph:
    net = TinyNetwork()
    numbers = Parameter("numbers", (3,), trainable=False, role="constant")
    x = net.add("Mul", "image", parameters=(numbers,), axis=axis)
    return net.classifier(net.add("Relu", net.conv(x, 8)))


def test_numbers_along_the_batch_are_not_those_along_the_channels() -> None:
    assert said(along(1), along(1)) == []
    assert said(along(1), along(0)) == [("ARC180", "* weights", "* weights along axis 0")]


def normed(place: str) -> Graph:
    net = TinyNetwork()
    scale = (Parameter("n/scale", (8, 8, 8), role="scale"),)
    settings = {"axes": [1, 2, 3], "epsilon": 1e-5, "scale": True, "center": False}
    x = net.add("Relu", net.conv("image", 8, name="first"))
    y = x
    if place == "before":
        y = net.add("LayerNormalization", x, parameters=scale, name="n", **settings)
    y = net.add("Tanh", net.conv(y, 8, 5, name="second"))
    y = net.add("Add", (x, y), name="sum")
    if place == "behind":
        y = net.add("LayerNormalization", y, parameters=scale, name="n", **settings)
    return net.classifier(net.conv(y, 8, name="third"))


def test_a_norm_at_another_place_is_one_difference() -> None:
    ((code, left, right),) = said(normed("before"), normed("behind"))
    assert code == "ARC122"
    assert left == "layer norm between ReLU and 5x5 convolution"
    assert right == "layer norm between Add and 3x3 convolution"


def strided(first: int, second: int) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8, 3, stride=first))
    return net.classifier(net.add("Relu", net.conv(x, 8, 3, stride=second)))


def test_strides_that_move_between_equal_windows_have_no_equal_sides() -> None:
    ((code, left, right),) = said(strided(2, 1), strided(1, 2))
    assert (code, left, right) == ("ARC101", "2 on layer 1 of 2", "2 on layer 2 of 2")


def normed_over(axes: list[int], *, outside: bool = False) -> Graph:
    net = TinyNetwork()
    x = net.conv("image", 8)
    extents = tuple((1, 8, 8, 8)[axis] for axis in axes)
    held = (Parameter("n/scale", extents, role="scale"),)
    settings = {"axes": axes, "epsilon": 1e-5, "scale": True, "center": False}
    settings["epsilon_outside"] = outside
    return net.classifier(net.add("LayerNormalization", x, parameters=held, name="n", **settings))


def test_what_a_norm_takes_together_is_said_in_words() -> None:
    assert said(normed_over([1]), normed_over([1, 2, 3])) == [
        ("ARC122", "over channels", "over channels, rows and columns")
    ]


def test_where_epsilon_is_added_is_a_difference_of_epsilon() -> None:
    assert said(normed_over([1]), normed_over([1], outside=True)) == [
        ("ARC120", "epsilon added to the variance", "epsilon added to the deviation")
    ]


@pytest.mark.parametrize("number", [1e-5, 0.1234565, 1.702, 1 / 3, 8**-0.5, 6e-8, 1e-42, 1e300])
def test_a_number_and_its_single_precision_are_the_same(number: float) -> None:
    """0.1234565 lies between two numbers of six digits, its float32 beside it."""
    with np.errstate(over="ignore"):
        single = float(np.float32(number))
    if np.isinf(single):
        single = number
    exact, stored = (network(add("LeakyRelu", alpha=value)) for value in (number, single))
    assert said(exact, stored) == []
    assert fingerprint(exact) == fingerprint(stored)
    assert said(exact, network(add("LeakyRelu", alpha=number * 1.01)))


def pooled(kind: str) -> Graph:
    """Tokens of a map, of which the first or the mean is classified."""
    net = TinyNetwork(size=4)
    x = net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16))
    x = net.add("Softmax", net.add("Transpose", x, (1, 16, 8), perm=[0, 2, 1]), axis=2)
    if kind == "first":
        x = net.add("Slice", x, (1, 1, 8), axes=[1], starts=[0], ends=[1], steps=[1])
        return net.graph(net.linear(net.add("Reshape", x, (1, 8)), 10))
    return net.graph(net.linear(net.add("ReduceMean", x, (1, 8), axes=[1], keepdims=False), 10))


def test_the_mean_in_the_place_of_a_token_is_another_pooling() -> None:
    assert said(pooled("first"), pooled("mean")) == [
        ("ARC145", "the first token (class token)", "mean of all 16 tokens")
    ]


def group_norm(net: TinyNetwork, x: str, groups: int = 2) -> str:
    """A group norm as exporters write it."""
    shape = net.shape(x)
    x = net.add("Reshape", x, (1, groups, shape[1] // groups * shape[2] * shape[3]))
    x = net.add("InstanceNormalization", x, epsilon=1e-5, scale=False, center=False)
    x = net.add("Reshape", x, shape)
    return net.per_channel("Add", net.per_channel("Mul", x))


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (group_norm, lambda net, x: group_norm(net, x, 4), ("2 groups", "4 groups")),
        (group_norm, lambda net, x: group_norm(net, x, 8), ("group norm", "instance norm")),
        (group_norm, TinyNetwork.norm, ("group norm", "batch norm")),
    ],
)
def test_a_written_out_group_norm_is_named_as_one(a: Step, b: Step, words: tuple[str, str]) -> None:
    assert said(network(a), network(b)) == [("ARC122", *words)]


def test_a_batch_norm_may_be_folded_where_another_norm_stands_at_another_place() -> None:
    folded = network(TinyNetwork.norm)
    both = network(TinyNetwork.norm, add("Relu"), group_norm)
    codes = [code for code, *_ in said(folded, both)]
    assert "ARC112" not in codes and "ARC122" in codes


def test_no_finding_says_the_same_of_both() -> None:
    """A rule that has one word for both sides gets the names of the layers beside it."""
    rule = replace(
        find("ARC190"),
        check=lambda networks: [Difference("ARC190", "a thing", "a thing", (1,), (2,))],
        fallback=False,
    )
    graphs = (LayerGraph(network(add("Relu"))), LayerGraph(network(add("Relu"))))
    (difference,) = differences(align(*graphs), [rule])
    assert difference.left != difference.right
    assert difference.left.startswith("a thing (")


def tokens(*, learned: bool) -> Graph:
    """A block of a transformer whose residual stream may begin with position embeddings."""
    net = TinyNetwork(size=4)
    x = net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16))
    x = net.add("Transpose", x, (1, 16, 8), perm=[0, 2, 1])
    if learned:
        embedding = Parameter("embedding", (1, 16, 8), role="constant")
        x = net.add("Add", x, parameters=[embedding], constant_shape=[1, 16, 8])
    y = net.add("LayerNormalization", x, axes=[2], epsilon=1e-5, scale=False, center=False)
    y = net.add("Reshape", y, (1, 16, 2, 4))
    y = net.add("Transpose", y, (1, 2, 16, 4), perm=[0, 2, 1, 3])
    product = {"batch": 2, "m": 16, "k": 4, "n": 16, "transB": True}
    scores = net.add("Softmax", net.add("MatMul", (y, y), (1, 2, 16, 16), **product), axis=3)
    y = net.add("MatMul", (scores, y), (1, 2, 16, 4), batch=2, m=16, k=16, n=4)
    y = net.add("Reshape", net.add("Transpose", y, (1, 16, 2, 4), perm=[0, 2, 1, 3]), (1, 16, 8))
    x = net.add("Add", (x, y))
    return net.graph(net.linear(net.add("ReduceMean", x, (1, 8), axes=[1], keepdims=False), 10))


def test_a_missing_position_embedding_is_one_finding() -> None:
    words = ("ARC175", "position embedding (1, 16, 8)", "none")
    assert said(tokens(learned=True), tokens(learned=False)) == [words]


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ({"mode": "edge"}, {"mode": "reflect"}, ("padding with edge", "padding with reflect")),
        ({"value": 1.0}, {"value": 2.0}, ("padding with 1", "padding with 2")),
    ],
)
def test_what_is_padded_with_is_part_of_the_padding(first: Any, second: Any, words: Any) -> None:
    def padded(kind: str, attributes: Any) -> Graph:
        net = TinyNetwork()
        x = net.add("Relu", net.conv("image", 8))
        settings = {"mode": "constant", "pads": [0, 0, 1, 1, 0, 0, 1, 1], **attributes}
        x = net.add("Pad", x, (1, 8, 18, 18), **settings)
        if kind == "Conv":
            return net.classifier(net.conv(x, 8, pads=[0] * 4))
        return net.classifier(net.pool("MaxPool", x, 3))

    for kind, code in (("Conv", "ARC107"), ("MaxPool", "ARC133")):
        assert said(padded(kind, first), padded(kind, second)) == [(code, *words)]


def spelt(op: str, net: TinyNetwork, x: str) -> str:
    """Mish or SiLU, as exporters write them."""
    if op == "SiLU":
        return net.add("Mul", (x, net.add("Sigmoid", x)))
    if op == "Mish":
        return net.add("Mul", (x, net.add("Tanh", net.add("Softplus", x))))
    inner = net.add("Softplus", net.add("Mul", x, value=2.0))
    return net.add("Mul", inner, value=0.5)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("Mish", "SiLU", ("Mish", "swish")),
        ("Mish", "softplus", ("Mish", "softplus with beta 2")),
    ],
)
def test_an_activation_that_is_spelt_out_is_one(first: str, second: str, words: Any) -> None:
    a, b = (network(lambda net, x, op=op: net.conv(spelt(op, net, x), 8)) for op in (first, second))
    assert said(a, b) == [("ARC130", *words)]


def normed_tokens(op: str) -> Graph:
    """A layer norm, or an RMS norm with a shift behind it."""
    net = TinyNetwork(size=4)
    x = net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16))
    terms = [Parameter(role, (8,), role=role) for role in ("scale", "shift")]
    settings = {"axes": [1], "epsilon": 1e-5, "scale": True}
    if op == "LayerNormalization":
        x = net.add(op, x, parameters=terms, center=True, **settings)
    else:
        x = net.add(op, x, parameters=terms[:1], **settings)
        x = net.add("Add", x, parameters=[replace(terms[1], role="constant")], axis=1)
    return net.graph(net.linear(net.add("ReduceMean", x, (1, 8), axes=[2], keepdims=False), 10))


def test_a_layer_norm_and_an_rms_norm_with_a_shift_are_one_finding() -> None:
    a, b = (normed_tokens(op) for op in ("LayerNormalization", "RMSNormalization"))
    assert said(a, b) == [("ARC122", "layer norm", "RMS norm")]


def power_mean(exponent: float, net: TinyNetwork, x: str) -> Graph:
    """F. Radenovic et al., arXiv:1711.02512; with 0 a plain mean."""
    if exponent:
        x = net.add("Pow", net.add("Clip", x, min=1e-6), value=exponent)
    x = net.means(x)
    x = net.add("Pow", x, value=1 / exponent) if exponent else x
    return net.graph(net.linear(x, 10))


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (3.0, 2.0, ("power mean with exponent 3", "power mean with exponent 2")),
        (3.0, 0.0, ("power mean with exponent 3", "global average pool")),
    ],
)
def test_another_power_mean_is_one_finding(first: float, second: float, words: Any) -> None:
    graphs = []
    for exponent in (first, second):
        net = TinyNetwork()
        graphs.append(power_mean(exponent, net, net.conv("image", 8)))
    assert said(*graphs) == [("ARC131", *words)]


def test_powers_that_are_no_inverse_of_each_other_are_no_power_mean() -> None:
    def network_of(exponent: float) -> Graph:
        net = TinyNetwork()
        x = net.means(net.add("Pow", net.conv("image", 8), value=exponent))
        return net.graph(net.linear(net.add("Pow", x, value=0.5), 10))

    assert [code for code, *_ in said(network_of(3.0), network_of(4.0))] == ["ARC180"]


def fused(order: str) -> Graph:
    """Attention whose queries, keys and values are slices of one product, in some order."""
    net = TinyNetwork(size=4)
    x = net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16))
    weight = Parameter("weight", (24, 8), role="weight", layout="OI")
    settings = {"in_features": 8, "out_features": 24, "bias": False, "axis": 1}
    x = net.add("Gemm", x, (1, 24, 16), parameters=[weight], **settings)
    q, k, v = (
        net.add("Slice", x, (1, 8, 16), axes=[1], starts=[8 * n], ends=[8 * n + 8], steps=[1])
        for n in (order.index(letter) for letter in "qkv")
    )
    extents = {"batch": 1, "m": 16, "k": 8, "n": 16, "transA": True}
    scores = net.add("MatMul", (q, k), (1, 16, 16), **extents)
    weights = net.add("Softmax", scores, axis=2)
    extents = {"batch": 1, "m": 16, "k": 16, "n": 8, "transB": True}
    x = net.add("MatMul", (weights, v), (1, 16, 8), **extents)
    return net.graph(net.linear(net.add("ReduceMean", x, (1, 8), axes=[1], keepdims=False), 10))


@pytest.mark.parametrize("order", ["kqv", "vqk", "qvk"])
def test_another_order_of_queries_keys_and_values_is_another_layout(order: str) -> None:
    words = (f"one part after the other: [{'|'.join(letters)}]" for letters in ("qkv", order))
    assert said(fused("qkv"), fused(order)) == [("ARC164", *words)]
