"""Weights compared across containers, names and layouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from support.small import Draft
from zoodiff.architecture.diff import diff
from zoodiff.equivalence.weights.weight_diff import WeightsDiff, as_bfloat16, compare_weights
from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor

SHAPES = {"w": (6, 3, 3, 3), "b": (6,), "g": (6,), "s": (6,), "m": (6,), "v": (6,), "d": (4, 6)}


def network(
    *,
    norm: bool = True,
    bias: bool = False,
    epsilon: float = 1e-3,
    layout: str = "OIHW",
    linear: str = "OI",
    prefix: str = "",
    dtype: str = "float32",
) -> Graph:
    """A convolution, perhaps its norm, a global pool and a linear layer."""

    def tensor(name: str, shape: tuple[int, ...]) -> Tensor:
        return Tensor(name, shape)

    def parameter(name: str, role: str, layout: str = "", order: str = "OIHW") -> Parameter:
        shape = SHAPES[name]
        shape = tuple(shape[order.index(letter)] for letter in layout) if layout else shape
        return Parameter(prefix + name, shape, True, dtype, role, layout)

    window = {"kernel_shape": [3, 3], "strides": [1, 1], "dilations": [1, 1], "pads": [1] * 4}
    held = [parameter("w", "weight", layout), *([parameter("b", "bias")] if bias else [])]
    attributes = {**window, "group": 1, "out_channels": 6, "bias": bias}
    nodes = [Node("Conv", "conv", ("x",), ("c",), attributes, tuple(held))]
    if norm:
        roles = {"g": "scale", "s": "shift", "m": "mean", "v": "variance"}
        settings = {"epsilon": epsilon, "axis": 1, "scale": True, "center": True}
        statistics = tuple(parameter(name, role) for name, role in roles.items())
        nodes.append(Node("BatchNormalization", "norm", ("c",), ("n",), settings, statistics))
    last = "n" if norm else "c"
    nodes += [
        Node("Relu", "relu", (last,), ("r",)),
        Node("GlobalAveragePool", "pool", ("r",), ("p",)),
        Node("Flatten", "flat", ("p",), ("f",), {"axis": 1}),
        Node(
            "Gemm",
            "head",
            ("f",),
            ("y",),
            {"in_features": 6, "out_features": 4, "bias": False},
            (parameter("d", "weight", linear, "OI"),),
        ),
    ]
    wide, flat = (1, 6, 8, 8), (1, 6, 1, 1)
    shapes = {
        "x": (1, 3, 8, 8),
        "c": wide,
        "n": wide,
        "r": wide,
        "p": flat,
        "f": (1, 6),
        "y": (1, 4),
    }
    made = {n for node in nodes for n in (*node.inputs, *node.outputs)}
    tensors = {name: tensor(name, shape) for name, shape in shapes.items() if name in made}
    return Graph("test", (tensors["x"],), (tensors["y"],), tuple(nodes), tensors)


@pytest.fixture
def values() -> dict[str, Any]:
    random = np.random.default_rng(0)
    found = {k: random.standard_normal(s, dtype=np.float32) for k, s in SHAPES.items()}
    found["v"] = np.abs(found["v"]) + np.float32(0.1)
    return found


def compared(a: Graph, mine: Mapping[str, Any], b: Graph, theirs: Mapping[str, Any]) -> WeightsDiff:
    return compare_weights(diff(a, b, "a", "b"), mine, theirs)


def folded(values: Mapping[str, Any], epsilon: float) -> dict[str, Any]:
    """By hand: w g / sqrt(v + e), s - m g / sqrt(v + e)."""
    scale = values["g"].astype(np.float64) / np.sqrt(values["v"].astype(np.float64) + epsilon)
    weight = values["w"] * scale.reshape(-1, 1, 1, 1)
    bias = values["s"] - values["m"] * scale
    return {"w": weight.astype(np.float32), "b": bias.astype(np.float32), "d": values["d"]}


def test_the_same_values_are_identical(values) -> None:
    found = compared(network(), values, network(), values)
    assert found.sameness == "identical"
    assert [layer.a for layer in found.layers] == ["conv", "head"]


def test_other_names_and_layouts_are_identical(values) -> None:
    """Keras's: kernels are height, width, in, out, and linear weights in, out."""
    other = network(prefix="k/", layout="HWIO", linear="IO")
    theirs = {f"k/{name}": array for name, array in values.items()}
    theirs["k/w"] = values["w"].transpose(2, 3, 1, 0)
    theirs["k/d"] = values["d"].T
    assert compared(network(), values, other, theirs).sameness == "identical"
    theirs["k/d"] = np.ascontiguousarray(values["d"].T[::-1])
    (head,) = compared(network(), values, other, theirs).different
    assert head.a == "head"


def test_a_folded_norm_is_equal_after_folding(values) -> None:
    bare = network(norm=False, bias=True)
    found = compared(network(), values, bare, folded(values, 1e-3))
    assert found.sameness == "equal after folding"
    wrong = compared(network(), values, bare, folded(values, 1e-1))
    assert [layer.a for layer in wrong.different] == ["conv"]


def test_a_norm_with_another_epsilon_has_identical_weights(values) -> None:
    """The epsilon is an attribute: a finding of the graphs."""
    assert compared(network(), values, network(epsilon=0.1), values).sameness == "identical"


def test_a_layer_norm_with_another_epsilon_has_identical_weights() -> None:
    def normed(epsilon: float) -> Graph:
        draft = Draft((1, 4, 16))
        weights = [Parameter("scale", (16,), role="scale"), Parameter("shift", (16,), role="shift")]
        settings = {"axes": [2], "epsilon": epsilon, "scale": True, "center": True}
        return draft.graph(draft.add("LayerNormalization", "x", parameters=weights, **settings))

    held = {"scale": np.arange(16.0), "shift": -np.arange(16.0)}
    found = compared(normed(1e-6), held, normed(1e-12), held)
    assert found.sameness == "identical"
    (layer,) = compared(normed(1e-6), held, normed(1e-12), {**held, "shift": np.ones(16)}).different
    assert layer.difference == pytest.approx(16 / 15)


def test_a_bias_goes_into_the_mean(values) -> None:
    theirs = {**values, "m": values["m"] + values["b"]}
    found = compared(network(), values, network(bias=True), theirs)
    assert found.sameness == "equal after folding"


def test_half_precision_is_equal_after_rounding(values) -> None:
    theirs = {name: array.astype(np.float16) for name, array in values.items()}
    found = compared(network(), values, network(dtype="float16"), theirs)
    assert found.sameness == "equal after rounding"


def test_bfloat16_is_equal_after_rounding(values) -> None:
    theirs = {k: v.astype(ml_dtypes.bfloat16).astype(np.float32) for k, v in values.items()}
    assert compared(network(), values, network(), theirs).sameness == "equal after rounding"
    assert compared(network(), theirs, network(), values).sameness == "equal after rounding"
    nearly = {k: v * np.float32(1.003) for k, v in values.items()}
    assert compared(network(), values, network(), nearly).sameness == "differ"


def test_rounding_is_that_of_an_independent_implementation() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 100_000, dtype=np.uint32)
    single = bits.view(np.float32)
    with np.errstate(all="ignore"):
        expected = single.astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(as_bfloat16(single), expected)


def test_a_newer_checkpoint_differs_and_says_where_and_by_how_much(values) -> None:
    newer = values["w"].copy()
    newer[3, 1, 2, 0] += 0.25
    theirs = {**values, "w": newer}
    (layer,) = compared(network(), values, network(), theirs).different
    assert layer.a == layer.b == "conv"
    scale = np.abs(values["g"] / np.sqrt(values["v"] + 1e-3))
    effective = values["w"] * scale.reshape(-1, 1, 1, 1)
    largest = max(np.abs(effective).max(), np.abs(newer * scale.reshape(-1, 1, 1, 1)).max())
    assert layer.difference == pytest.approx(0.25 * scale[3] / largest, rel=1e-4)


def test_numbers_that_are_none_are_not_equal(values) -> None:
    theirs = {**values, "d": np.full_like(values["d"], np.nan)}
    (layer,) = compared(network(), values, network(), theirs).different
    assert layer.difference == float("inf")


def test_weights_that_are_missing_are_an_error(values) -> None:
    del values["d"]
    with pytest.raises(MeasurementError, match="gives no values for its weight d"):
        compared(network(), values, network(), values)


def test_a_layer_of_one_network_only_differs(values) -> None:
    d = network()
    relu = Node("Tanh", "tanh", ("y",), ("t",))
    weight = Parameter("e", (4,), role="constant")
    more = Node("Mul", "gain", ("t",), ("z",), {"axis": 1}, (weight,))
    tensors = {**d.tensors, "t": Tensor("t", (1, 4)), "z": Tensor("z", (1, 4))}
    other = Graph("test", d.inputs, (tensors["z"],), (*d.nodes, relu, more), tensors)
    found = compared(d, values, other, {**values, "e": np.ones(4, np.float32)})
    assert [(x.a, x.b) for x in found.different] == [("", "gain")]
