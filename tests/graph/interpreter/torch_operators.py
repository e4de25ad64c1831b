"""Each operator against PyTorch's functional interface, in double precision.

Run by test_against_torch.py in a process of its own: torch and TensorFlow must not share one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from zoodiff.graph.interpreter.products import einsum
from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor

pytestmark = pytest.mark.torch


def noise(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def run(
    op: str,
    attributes: dict[str, Any],
    *inputs: Any,
    given: dict[str, Any] | None = None,
    layout: str = "",
) -> Any:
    """The outputs of one node; weights by role, of which the weight has a layout."""
    tensors = [Tensor(f"x{i}", x.shape) for i, x in enumerate(inputs)]
    parameters = tuple(
        Parameter(name, value.shape, role=name, layout=layout if name == "weight" else "")
        for name, value in (given or {}).items()
    )
    outputs = tuple(f"y{i}" for i in range(len(attributes.get("split", [0]))))
    node = Node(op, "n", tuple(t.name for t in tensors), outputs, attributes, parameters)
    made = tuple(Tensor(name, ()) for name in outputs)
    graph = Graph("test", tuple(tensors), made, (node,), {t.name: t for t in (*tensors, *made)})
    assert unsupported(graph) == []
    feed = {t.name: x for t, x in zip(tensors, inputs, strict=True)}
    copies = {name: x.copy() for name, x in feed.items()}
    found = evaluate(graph, feed, given or {})
    for name, x in feed.items():
        np.testing.assert_array_equal(x, copies[name])  # inputs are never written to
    results = [found[name] for name in outputs]
    return results if len(results) > 1 else results[0]


def agree(found: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


def t(x: Any) -> Any:
    return None if x is None else torch.from_numpy(np.asarray(x, dtype=np.float64))


LAYOUTS = {
    "OIHW": lambda w: w,
    "HWIO": lambda w: w.transpose(2, 3, 1, 0),
    "OHWI": lambda w: w.transpose(0, 2, 3, 1),
}
CONVOLUTIONS = {
    "1x1": ((6, 4, 1, 1), 1, {}),
    "1x1 strided": ((6, 4, 1, 1), 1, {"strides": [2, 3]}),
    "1x1 padded": ((6, 4, 1, 1), 1, {"pads": [1, 2, 1, 2]}),
    "1x1 grouped": ((6, 2, 1, 1), 2, {"strides": [2, 1]}),
    "3x3": ((6, 4, 3, 3), 1, {"pads": [1, 1, 1, 1]}),
    "uneven": ((5, 4, 3, 2), 1, {"strides": [2, 1], "dilations": [1, 2]}),
    "dilated": ((5, 4, 2, 3), 1, {"strides": [1, 2], "dilations": [3, 2], "pads": [2, 3, 2, 3]}),
    "grouped": ((6, 2, 3, 3), 2, {"strides": [2, 2]}),
    "depthwise": ((4, 1, 3, 3), 4, {"pads": [1, 1, 1, 1]}),
    "depthwise strided": ((4, 1, 5, 3), 4, {"strides": [2, 1], "dilations": [1, 2]}),
    "depthwise 1x1": ((4, 1, 1, 1), 4, {}),
    "depthwise twice": ((8, 1, 3, 3), 4, {}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name: str, layout: str) -> None:
    shape, group, window = CONVOLUTIONS[name]
    x, weight, bias = noise(2, 4, 11, 13), noise(*shape), noise(shape[0])
    attributes: dict[str, Any] = {
        "kernel_shape": list(shape[2:]),
        "strides": [1, 1],
        "dilations": [1, 1],
        "pads": [0] * 4,
        "group": group,
        "bias": True,
        **window,
    }
    stored = LAYOUTS[layout](weight)
    found = run("Conv", attributes, x, given={"weight": stored, "bias": bias}, layout=layout)
    expected = F.conv2d(
        t(x),
        t(weight),
        t(bias),
        attributes["strides"],
        attributes["pads"][:2],
        attributes["dilations"],
        group,
    )
    agree(found, expected)


def test_convolution_with_uneven_pads() -> None:
    x, weight = noise(1, 3, 8, 9), noise(5, 3, 3, 3)
    attributes = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 2, 3], "group": 1}
    found = run("Conv", attributes, x, given={"weight": weight}, layout="OIHW")
    agree(found, F.conv2d(F.pad(t(x), (1, 3, 0, 2)), t(weight), stride=2))


def test_convolution_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lowered input that may take two rows at once gives what the whole gives."""
    from zoodiff.graph.interpreter import windows

    x, weight = noise(1, 4, 21, 10), noise(6, 2, 3, 3)
    monkeypatch.setattr(windows, "_BUFFER", 2 * 4 * 9 * 8 * 8)
    monkeypatch.setattr(windows, "_BLOCK", 1)
    attributes = {"kernel_shape": [3, 3], "strides": [2, 1], "group": 2}
    found = run("Conv", attributes, x, given={"weight": weight}, layout="OIHW")
    agree(found, F.conv2d(t(x), t(weight), stride=(2, 1), groups=2))
    deep = noise(4, 1, 3, 3)
    found = run("Conv", attributes | {"group": 4}, x, given={"weight": deep}, layout="OIHW")
    agree(found, F.conv2d(t(x), t(deep), stride=(2, 1), groups=4))


def test_tensorflows_depthwise_kernels() -> None:
    """(height, width, channels, multiplier); output channel ``c * multiplier + m``."""
    x, stored = noise(1, 3, 7, 7), noise(3, 3, 3, 2)
    attributes = {"kernel_shape": [3, 3], "group": 3}
    found = run("Conv", attributes, x, given={"weight": stored}, layout="HWIM")
    for c in range(3):
        for m in range(2):
            alone = F.conv2d(t(x[:, c : c + 1]), t(stored[:, :, c, m][None, None]))
            agree(found[:, 2 * c + m], alone[:, 0])


def test_tflites_depthwise_kernels() -> None:
    x, stored = noise(1, 3, 7, 7), noise(1, 3, 3, 6)
    attributes = {"kernel_shape": [3, 3], "group": 3}
    found = run("Conv", attributes, x, given={"weight": stored}, layout="1HWO")
    agree(found, F.conv2d(t(x), t(stored.transpose(3, 0, 1, 2)), groups=3))


@pytest.mark.parametrize("rank", [1, 3])
def test_convolution_over_other_ranks(rank: int) -> None:
    x, weight = noise(1, 4, *(6,) * rank), noise(6, 2, *(3,) * rank)
    attributes = {
        "kernel_shape": [3] * rank,
        "strides": [2] * rank,
        "pads": [1] * 2 * rank,
        "group": 2,
    }
    found = run("Conv", attributes, x, given={"weight": weight})
    convolution = {1: F.conv1d, 3: F.conv3d}[rank]
    agree(found, convolution(t(x), t(weight), stride=2, padding=1, groups=2))


@pytest.mark.parametrize("group", [1, 2])
@pytest.mark.parametrize(
    ("strides", "pads", "extra", "dilations"),
    [
        ([1, 1], [0, 0], [0, 0], [1, 1]),
        ([2, 3], [1, 0], [1, 2], [1, 1]),
        ([2, 2], [2, 1], [0, 1], [2, 1]),
        ([3, 1], [0, 1], [2, 0], [1, 2]),
    ],
)
def test_transposed_convolution(group: int, strides, pads, extra, dilations) -> None:
    x, weight, bias = noise(2, 4, 5, 6), noise(4, 3, 3, 2), noise(3 * group)
    attributes = {
        "kernel_shape": [3, 2],
        "strides": strides,
        "pads": pads * 2,
        "output_padding": extra,
        "dilations": dilations,
        "group": group,
        "bias": True,
    }
    expected = F.conv_transpose2d(t(x), t(weight), t(bias), strides, pads, extra, group, dilations)
    found = run(
        "ConvTranspose", attributes, x, given={"weight": weight, "bias": bias}, layout="IOHW"
    )
    agree(found, expected)
    turned = weight.transpose(2, 3, 1, 0)
    found = run(
        "ConvTranspose", attributes, x, given={"weight": turned, "bias": bias}, layout="HWOI"
    )
    agree(found, expected)


POOLS = [
    ([2, 2], [2, 2], [0, 0]),
    ([3, 3], [2, 2], [1, 1]),
    ([3, 2], [2, 3], [1, 0]),
    ([5, 5], [3, 3], [2, 2]),
    ([2, 2], [3, 3], [1, 1]),
]


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize(("kernel", "strides", "pads"), POOLS)
@pytest.mark.parametrize("size", [(7, 8), (10, 11)])
def test_pools(kernel, strides, pads, ceil: bool, size) -> None:
    x = noise(2, 3, *size) - 3.0  # negative, so that zeros as padding would win
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads * 2, "ceil_mode": ceil}
    agree(run("MaxPool", attributes, x), F.max_pool2d(t(x), kernel, strides, pads, 1, ceil))
    for counted in (False, True):
        found = run("AveragePool", attributes | {"count_include_pad": counted}, x)
        agree(found, F.avg_pool2d(t(x), kernel, strides, pads, ceil, counted))


def test_dilated_maximum_pool() -> None:
    x = noise(1, 2, 9, 9)
    attributes = {
        "kernel_shape": [3, 2],
        "strides": [2, 1],
        "dilations": [2, 3],
        "pads": [1, 0, 1, 0],
    }
    agree(run("MaxPool", attributes, x), F.max_pool2d(t(x), (3, 2), (2, 1), (1, 0), (2, 3)))


def test_global_pools() -> None:
    x = noise(2, 3, 4, 5)
    agree(run("GlobalAveragePool", {}, x), F.adaptive_avg_pool2d(t(x), 1))
    agree(run("GlobalMaxPool", {}, x), F.adaptive_max_pool2d(t(x), 1))


UNARY = {
    "Abs": ({}, torch.abs),
    "Ceil": ({}, torch.ceil),
    "Clip": ({"min": -0.5, "max": 0.25}, lambda x: x.clamp(-0.5, 0.25)),
    "Clip ": ({"min": None, "max": 0.25}, lambda x: x.clamp(max=0.25)),
    "Clip  ": ({"min": 0.1, "max": None}, lambda x: x.clamp(min=0.1)),
    "Elu": ({"alpha": 0.7}, lambda x: F.elu(x, 0.7)),
    "Erf": ({}, torch.erf),
    "Exp": ({}, torch.exp),
    "Floor": ({}, torch.floor),
    "Gelu": ({"approximate": "none"}, F.gelu),
    "Gelu ": ({"approximate": "tanh"}, lambda x: F.gelu(x, approximate="tanh")),
    "HardSigmoid": ({"alpha": 1 / 6, "beta": 0.5}, F.hardsigmoid),
    "HardSwish": ({}, F.hardswish),
    "Identity": ({}, lambda x: x),
    "LeakyRelu": ({"alpha": 0.2}, lambda x: F.leaky_relu(x, 0.2)),
    "LogSoftmax": ({"axis": 1}, lambda x: F.log_softmax(x, 1)),
    "Mish": ({}, F.mish),
    "Neg": ({}, torch.neg),
    "Reciprocal": ({}, torch.reciprocal),
    "Relu": ({}, F.relu),
    "Selu": ({}, F.selu),
    "Sigmoid": ({}, torch.sigmoid),
    "Softmax": ({"axis": -2}, lambda x: F.softmax(x, -2)),
    "Softplus": ({}, F.softplus),
    "Softsign": ({}, F.softsign),
    "Swish": ({"alpha": 1.0}, F.silu),
    "Swish ": ({"alpha": 1.702}, lambda x: x * torch.sigmoid(1.702 * x)),
    "Tanh": ({}, torch.tanh),
    "Cast": ({"to": "int32"}, torch.trunc),
    "Cast ": ({"to": "float16"}, lambda x: x),
}


@pytest.mark.parametrize("name", UNARY)
def test_operators_on_single_elements(name: str) -> None:
    attributes, function = UNARY[name]
    x = 4 * noise(2, 3, 5, 5)
    agree(run(name.strip(), attributes, x), function(t(x)))


def test_operators_on_positive_elements() -> None:
    x = np.abs(noise(2, 3)) + 0.1
    agree(run("Log", {}, x), torch.log(t(x)))
    agree(run("Sqrt", {}, x), torch.sqrt(t(x)))


def test_far_ends_of_the_sigmoid() -> None:
    x = np.array([-1e4, -750.0, -100.0, 0.0, 100.0, 1e4])
    with np.errstate(all="raise", under="ignore", over="warn"):
        agree(run("Sigmoid", {}, x), torch.sigmoid(t(x)))
    agree(run("Swish", {}, x), F.silu(t(x)))


@pytest.mark.parametrize(
    ("op", "function"),
    [
        ("Add", torch.add),
        ("Sub", torch.sub),
        ("Mul", torch.mul),
        ("Div", torch.div),
        ("Max", torch.maximum),
        ("Min", torch.minimum),
    ],
)
def test_arithmetic(op: str, function: Any) -> None:
    x, other, vector = noise(1, 3, 4, 5), noise(1, 3, 4, 5, seed=1), noise(3, seed=2)
    agree(run(op, {}, x, other), function(t(x), t(other)))
    agree(run(op, {"value": 0.7}, x), function(t(x), torch.tensor(0.7, dtype=torch.float64)))
    first = torch.tensor(0.7, dtype=torch.float64)
    agree(run(op, {"value": 0.7, "constant_first": True}, x), function(first, t(x)))
    wide = t(vector)[:, None, None]
    agree(run(op, {"axis": 1}, x, given={"constant": vector}), function(t(x), wide))
    agree(run(op, {"axis": 1, "value": vector.tolist()}, x), function(t(x), wide))
    shaped = {"constant_shape": [3, 1, 1]}
    agree(run(op, shaped, x, given={"constant": vector}), function(t(x), wide))
    last = noise(5)
    agree(run(op, {}, x, given={"constant": last}), function(t(x), t(last)))
    agree(run(op, {}, x, given={"constant": noise(1)}), function(t(x), t(noise(1))))
    # A gate that has lost its 1x1 goes along the channels, a row along the last axis.
    gate = noise(1, 3)
    agree(run(op, {}, x, gate), function(t(x), t(gate)[..., None, None]))
    agree(run(op, {}, gate, x), function(t(gate)[..., None, None], t(x)))
    row = noise(1, 5)
    agree(run(op, {}, x, row), function(t(x), t(row)))
    # Until opset 6 of ONNX an attribute says where the second operand begins.
    agree(run(op, {"axis": 1}, x, noise(3, 4)), function(t(x), t(noise(3, 4))[..., None]))


def test_other_arithmetic() -> None:
    x, slope = noise(1, 3, 4, 4), noise(3)
    agree(run("PRelu", {"axis": 1}, x, given={"constant": slope}), F.prelu(t(x), t(slope)))
    agree(run("PRelu", {"value": 0.3}, x), F.leaky_relu(t(x), 0.3))
    agree(run("Pow", {"value": 3.0}, x), t(x) ** 3)
    agree(run("Pow", {"value": 2.0, "constant_first": True}, x), 2 ** t(x))
    agree(run("Sum", {}, x, x, x), 3 * t(x))
    variance, mean = np.array([4.0, 1e-18, 0.25]), noise(3)
    attributes = {"axis": 1, "epsilon": 1e-7}
    found = run("Div", attributes, x, given={"variance": variance, "count": mean})
    agree(found, x / np.array([2.0, 1e-7, 0.5])[:, None, None])


@pytest.mark.parametrize("shape", [(4, 7), (2, 5, 7), (1, 7, 3, 2), (1, 7, 1, 1)])
def test_linear_layers_over_an_axis(shape: tuple[int, ...]) -> None:
    x, weight, bias = noise(*shape), noise(3, 7), noise(3)
    axis = shape.index(7)
    attributes = {"axis": axis, "in_features": 7, "out_features": 3, "bias": True}
    moved = F.linear(t(x).movedim(axis, -1), t(weight), t(bias)).movedim(-1, axis)
    agree(run("Gemm", attributes, x, given={"weight": weight, "bias": bias}, layout="OI"), moved)
    turned = {"weight": weight.T, "bias": bias}
    agree(run("Gemm", attributes, x, given=turned, layout="IO"), moved)
    caffe = {"weight": weight[None, None], "bias": bias}
    agree(run("Gemm", attributes, x, given=caffe, layout="11OI"), moved)


def test_gemm_as_onnx_has_it() -> None:
    x, weight, bias = noise(7, 4), noise(3, 7), noise(3)
    attributes = {"axis": 1, "transA": True, "alpha": 0.5, "beta": 2.0, "bias": True}
    found = run("Gemm", attributes, x, given={"weight": weight, "bias": bias}, layout="OI")
    agree(found, torch.addmm(t(bias), t(x).T, t(weight).T, alpha=0.5, beta=2.0))


def test_linear_layers_by_equation() -> None:
    x, weight, bias = noise(2, 5, 8), noise(8, 3, 4), noise(3, 4)
    attributes = {"equation": "abc,cde->abde", "bias": True}
    found = run("Gemm", attributes, x, given={"weight": weight, "bias": bias})
    agree(found, torch.einsum("abc,cde->abde", t(x), t(weight)) + t(bias))


def test_computed_weights_are_inputs() -> None:
    x, weight, bias = noise(1, 4, 6, 6), noise(5, 4, 3, 3), noise(5)
    attributes = {"kernel_shape": [3, 3], "bias": True}
    found = run("Conv", attributes, x, weight, given={"constant": bias})
    agree(found, F.conv2d(t(x), t(weight), t(bias)))
    found = run("Gemm", {"bias": True}, noise(2, 7), noise(3, 7), noise(3))
    agree(found, F.linear(t(noise(2, 7)), t(noise(3, 7)), t(noise(3))))


@pytest.mark.parametrize(
    "equation",
    [
        "aecd,abcd->acbe",
        "acbe,aecd->abcd",
        "bhid,bhjd->bhij",
        "ij,jk->ki",
        "ab,cd->dbca",
        "abc,bd->ad",
        "bij,j->bi",
        "ii,ij->j",
    ],
)
def test_sums_by_equation(equation: str) -> None:
    left = equation.partition("->")[0]
    sizes = dict(zip(sorted(set(left) - {","}), (2, 3, 4, 5, 6), strict=False))
    first, second = (noise(*(sizes[i] for i in term)) for term in left.split(","))
    agree(einsum(equation, first, second), np.einsum(equation, first, second))
    agree(
        run("MatMul", {"equation": equation}, first, second),
        torch.einsum(equation, t(first), t(second)),
    )


def test_products() -> None:
    a, b = noise(2, 3, 4, 5), noise(2, 3, 5, 6)
    turned = b.swapaxes(-1, -2)
    expected = t(a) @ t(b)
    agree(run("MatMul", {}, a, b), expected)
    agree(run("MatMul", {"transB": True, "scale": 0.5}, a, turned), expected * 0.5)
    agree(run("MatMul", {"transB": True}, a, turned), expected)
    agree(run("MatMul", {"transA": True, "transB": True}, a.swapaxes(-1, -2), turned), expected)
    agree(run("MatMul", {"transA": True}, a.swapaxes(-1, -2), b), expected)
    agree(run("MatMul", {}, a, given={"constant": b}), expected)
    agree(run("MatMul", {"constant_first": True}, b, given={"constant": a}), expected)
    square = noise(4, 4)
    agree(run("MatMul", {}, square), t(square) @ t(square))
    attributes = {"bias": True, "alpha": 0.5, "beta": 2.0}
    bias = noise(6)
    found = run("MatMul", attributes, a[0, 0], b[0, 0], given={"constant": bias})
    agree(found, torch.addmm(t(bias), t(a[0, 0]), t(b[0, 0]), alpha=0.5, beta=2.0))


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("center", [False, True])
def test_normalisations(scale: bool, center: bool) -> None:
    x, gamma, beta = noise(2, 6, 4, 5), noise(6), noise(6, seed=1)
    flags: dict[str, Any] = {"scale": scale, "center": center}
    given = {"scale": gamma} if scale else {}
    given |= {"shift": beta} if center else {}
    weight, bias = (t(gamma) if scale else None), (t(beta) if center else None)
    mean, variance = noise(6, seed=2), np.abs(noise(6, seed=3))
    for axis in (1, 3):
        data = x if axis == 1 else x.transpose(0, 2, 3, 1)
        attributes = flags | {"epsilon": 0.1, "axis": axis}
        found = run(
            "BatchNormalization",
            attributes,
            data,
            given=given | {"mean": mean, "variance": variance},
        )
        expected = F.batch_norm(t(x), t(mean), t(variance), weight, bias, eps=0.1)
        agree(found, expected if axis == 1 else expected.permute(0, 2, 3, 1))
    # Without roles, by their order.
    values = [*given.values(), mean, variance]
    unnamed = {f"p{i}": value for i, value in enumerate(values)}
    parameters = tuple(Parameter(name, value.shape) for name, value in unnamed.items())
    node = Node("BatchNormalization", "n", ("x",), ("y",), flags | {"epsilon": 0.1}, parameters)
    tensors = Tensor("x", x.shape), Tensor("y", x.shape)
    graph = Graph("test", tensors[:1], tensors[1:], (node,), {})
    found = evaluate(graph, {"x": x}, unnamed)["y"]
    agree(found, F.batch_norm(t(x), t(mean), t(variance), weight, bias, eps=0.1))

    attributes = flags | {"epsilon": 1e-2}
    found = run("GroupNormalization", attributes | {"num_groups": 3}, x, given=given)
    agree(found, F.group_norm(t(x), 3, weight, bias, 1e-2))
    found = run("InstanceNormalization", attributes, x, given=given)
    agree(found, F.instance_norm(t(x), weight=weight, bias=bias, eps=1e-2))
    found = run("LayerNormalization", attributes | {"axes": [1]}, x, given=given)
    last = F.layer_norm(t(x).permute(0, 2, 3, 1), (6,), weight, bias, 1e-2)
    agree(found, last.permute(0, 3, 1, 2))
    found = run(
        "LayerNormalization", attributes | {"axes": [3]}, x.transpose(0, 2, 3, 1), given=given
    )
    agree(found, last)


def test_layer_norm_over_several_axes() -> None:
    x, gamma, beta = noise(2, 6, 4, 5), noise(4, 5), noise(4, 5, seed=1)
    attributes = {"axes": [2, 3], "epsilon": 1e-5}
    found = run("LayerNormalization", attributes, x, given={"scale": gamma, "shift": beta})
    agree(found, F.layer_norm(t(x), (4, 5), t(gamma), t(beta)))


def test_batch_norm_of_each_place() -> None:
    """Until opset 8 of ONNX, ``spatial=0``: statistics of every element of the image."""
    x = noise(2, 3, 4, 4)
    scale, shift, mean = (noise(3, 4, 4, seed=i) for i in range(3))
    variance = np.abs(noise(3, 4, 4, seed=3))
    given = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
    found = run("BatchNormalization", {"epsilon": 0.1, "spatial": False}, x, given=given)
    agree(found, (x - mean) / np.sqrt(variance + 0.1) * scale + shift)


def test_local_response_norm_of_odd_sizes() -> None:
    x = noise(1, 7, 3, 3)
    attributes = {"size": 5, "alpha": 0.3, "beta": 0.75, "bias": 2.0}
    agree(run("LRN", attributes, x), F.local_response_norm(t(x), 5, 0.3, 0.75, 2.0))


def test_moves() -> None:
    x = noise(1, 4, 5, 6)
    agree(run("Flatten", {"axis": 1}, x), x.reshape(1, -1))
    agree(run("Flatten", {"axis": 4}, x), x.reshape(-1, 1))
    agree(run("Reshape", {"shape": [1, 20, 6]}, x), x.reshape(1, 20, 6))
    agree(run("Transpose", {"perm": [0, 2, 3, 1]}, x), t(x).permute(0, 2, 3, 1))
    agree(run("Squeeze", {"axes": [0]}, x), t(x).squeeze(0))
    agree(run("Unsqueeze", {"axes": [0, 3]}, x), t(x)[None, :, :, None])
    agree(run("Expand", {"shape": [3, 4, 5, 6]}, x), t(x).expand(3, 4, 5, 6))
    agree(
        run("Expand", {"shape": [2, 1, 4]}, given={"constant": noise(1, 1, 4)}),
        noise(1, 1, 4).repeat(2, 0),
    )
    agree(run("Gather", {"axis": 1, "index": -1}, x), t(x).select(1, -1))
    agree(run("Gather", {"axis": 2, "indices": [3, 0]}, x), t(x)[:, :, [3, 0]])
    table = {"axis": 1, "indices": [1, 0, 3, 2], "indices_shape": [2, 2]}
    agree(run("Gather", table, x), t(x)[:, torch.tensor([[1, 0], [3, 2]])])
    agree(
        run("Slice", {"axes": [2], "starts": [1], "ends": [99], "steps": [2]}, x), x[:, :, 1:99:2]
    )
    cut = {"axes": [1, -1], "starts": [1, -4], "ends": [3, -1]}
    agree(run("Slice", cut, x), x[:, 1:3, :, -4:-1])
    agree(run("Slice", cut | {"steps": [1, 2]}, x), x[:, 1:3, :, -4:-1:2])
    back = {"axes": [3], "starts": [-1], "ends": [-99], "steps": [-2]}
    agree(run("Slice", back, x), x[..., ::-2])
    parts = run("Split", {"axis": 3, "split": [1, 2, 3]}, x)
    for part, expected in zip(parts, t(x).split([1, 2, 3], 3), strict=True):
        agree(part, expected)
    agree(run("Concat", {"axis": 1}, x, x[:, :2]), torch.cat([t(x), t(x[:, :2])], 1))
    between = {"axis": 1, "parameters_at": [1]}
    found = run("Concat", between, x, x, given={"constant": x[:, :1]})
    agree(found, np.concatenate([x, x[:, :1], x], axis=1))


@pytest.mark.parametrize(
    ("mode", "torchs"),
    [
        ("reflect", "reflect"),
        ("edge", "replicate"),
        ("replicate", "replicate"),
        ("wrap", "circular"),
    ],
)
def test_padding_modes(mode: str, torchs: str) -> None:
    x = noise(1, 2, 5, 6)
    attributes = {"axes": [2, 3], "pads": [1, 2, 3, 0], "mode": mode}
    agree(run("Pad", attributes, x), F.pad(t(x), (2, 0, 1, 3), torchs))


def test_constant_padding() -> None:
    x = noise(1, 2, 5, 6)
    attributes = {"axes": [2, 3], "pads": [1, 2, 3, 0], "mode": "constant", "value": 7.0}
    agree(run("Pad", attributes, x), F.pad(t(x), (2, 0, 1, 3), value=7.0))
    crop = {"axes": [1, 3], "pads": [0, -2, 1, 1], "mode": "constant", "value": 0.0}
    agree(run("Pad", crop, x), F.pad(t(x), (-2, 1, 0, 0, 0, 1)))


def test_reductions() -> None:
    x = noise(2, 3, 4, 5)
    for op, function in {
        "ReduceMax": torch.amax,
        "ReduceMean": torch.mean,
        "ReduceMin": torch.amin,
        "ReduceSum": torch.sum,
        "ReduceL1": lambda x, axes, keep: torch.linalg.vector_norm(x, 1, axes, keep),
        "ReduceL2": lambda x, axes, keep: torch.linalg.vector_norm(x, 2, axes, keep),
        "ReduceSumSquare": lambda x, axes, keep: (x * x).sum(axes, keep),
    }.items():
        for axes in ([1], [2, 3], [-1, 0]):
            for keep in (False, True):
                found = run(op, {"axes": axes, "keepdims": keep}, x)
                agree(found, function(t(x), axes, keep))
    agree(run("ReduceSum", {"keepdims": False}, x), t(x).sum())
    agree(run("ReduceProd", {"axes": [2], "keepdims": True}, x), t(x).prod(2, keepdim=True))


def test_softmax_of_everything_behind_an_axis() -> None:
    """Until opset 12 of ONNX."""
    x = noise(2, 3, 4)
    found = run("Softmax", {"axis": 1, "flattened": True}, x)
    agree(found, F.softmax(t(x).reshape(2, 12), 1).reshape(2, 3, 4))


@pytest.mark.parametrize("size", [[7, 9], [10, 12], [3, 4], [5, 11]])
def test_resampling(size: list[int]) -> None:
    x = noise(1, 2, 5, 6)
    for corners in (False, True):
        coordinates = "align_corners" if corners else "half_pixel"
        for mode, torchs in (("linear", "bilinear"), ("cubic", "bicubic")):
            attributes = {"mode": mode, "sizes": size}
            attributes["coordinate_transformation_mode"] = coordinates
            expected = F.interpolate(t(x), size, mode=torchs, align_corners=corners)
            agree(run("Resize", attributes, x), expected)
    attributes = {"mode": "nearest", "sizes": size, "half_pixel_centers": False}
    agree(run("Resize", attributes, x), F.interpolate(t(x), size, mode="nearest"))
