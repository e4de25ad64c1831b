"""A reference interpreter of canonical graphs that come from TensorFlow, in plain numpy.

ONNX's definitions of the operators, over values channels first, with weights in TensorFlow's own
layouts (kernels as height, width, in, out). No test: it is imported by tests and runs under both
interpreters, so it knows numpy and zoodiff's graph only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from zoodiff.graph.ir import Graph, Node


def interpret(graph: Graph, weights: Mapping[str, Any], image: Any) -> Any:
    """Run a graph on (batch, height, width, channels), or on anything of another rank as it is."""
    data = np.asarray(image, dtype=np.float64)
    (first,) = graph.inputs
    values = {first.name: np.transpose(data, (0, 3, 1, 2)) if data.ndim == 4 else data}
    last_use = {name: i for i, node in enumerate(graph.nodes) for name in node.inputs}
    for position, node in enumerate(graph.nodes):
        given = [np.asarray(weights[p.name], dtype=np.float64) for p in node.parameters]
        for parameter, value in zip(node.parameters, given, strict=True):
            assert parameter.shape == value.shape, parameter.name
        made = OPERATORS[node.op](node, given, *(values[name] for name in node.inputs))
        outputs = made if isinstance(made, list) else [made]
        for name, value in zip(node.outputs, outputs, strict=True):
            assert value.shape == graph.tensors[name].shape, (node.name, value.shape)
            values[name] = value
        for name in node.inputs:
            if last_use[name] == position and name in values:
                del values[name]
    return values[graph.outputs[0].name]


def windows(node: Node, x: Any, fill: float) -> Any:
    """(batch, channels, height, width, kernel height, kernel width)."""
    top, left, bottom, right = node.attributes["pads"]
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
    (kh, kw), (dh, dw) = node.attributes["kernel_shape"], node.attributes["dilations"]
    sh, sw = node.attributes["strides"]
    extent = ((kh - 1) * dh + 1, (kw - 1) * dw + 1)
    view = np.lib.stride_tricks.sliding_window_view(x, extent, axis=(2, 3))
    return view[:, :, ::sh, ::sw, ::dh, ::dw]


def conv(node: Node, given: Any, x: Any) -> Any:
    group, out = node.attributes["group"], node.attributes["out_channels"]
    view = windows(node, x, 0.0)
    kernel = given[0]
    if group == x.shape[1] and kernel.shape[2] == group:
        made = np.einsum("bcyxhw,hwcm->bcmyx", view, kernel, optimize=True)
        result = made.reshape(made.shape[0], out, *made.shape[3:])
    else:
        parts = []
        inner, outer = x.shape[1] // group, out // group
        for g in range(group):
            piece = view[:, g * inner : (g + 1) * inner]
            part = kernel[..., g * outer : (g + 1) * outer]
            parts.append(np.einsum("bcyxhw,hwco->boyx", piece, part, optimize=True))
        result = np.concatenate(parts, axis=1)
    return result + given[1][None, :, None, None] if node.attributes["bias"] else result


def along(vector: Any, axis: int, rank: int) -> Any:
    shape = [1] * rank
    shape[axis] = vector.size
    return vector.reshape(shape)


def batch_norm(node: Node, given: Any, x: Any) -> Any:
    mean, variance = (along(v, node.attributes["axis"], x.ndim) for v in given[-2:])
    return affine(node, given[:-2], (x - mean) / np.sqrt(variance + node.attributes["epsilon"]))


def affine(node: Node, given: Any, x: Any) -> Any:
    rest = list(given)
    axis = node.attributes.get("axis", x.ndim - 1)
    if node.attributes["scale"]:
        x = x * along(rest.pop(0), axis, x.ndim)
    if node.attributes["center"]:
        x = x + along(rest.pop(0), axis, x.ndim)
    assert not rest
    return x


def layer_norm(node: Node, given: Any, x: Any) -> Any:
    axes = tuple(node.attributes["axes"])
    if x.ndim == 4 and axes == (1,):
        moved = layer_norm_at(node, given, np.moveaxis(x, 1, -1), (3,))
        return np.moveaxis(moved, -1, 1)
    return layer_norm_at(node, given, x, axes)


def layer_norm_at(node: Node, given: Any, x: Any, axes: Any) -> Any:
    mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    return affine(node, given, (x - mean) / np.sqrt(variance + node.attributes["epsilon"]))


def arithmetic(operator: Callable[[Any, Any], Any]) -> Any:
    def compute(node: Node, given: Any, *inputs: Any) -> Any:
        if len(inputs) == 2:
            return operator(*inputs)
        (x,) = inputs
        other = given[0] if given else np.asarray(node.attributes["value"])
        if "axis" in node.attributes:
            other = along(other, node.attributes["axis"], max(x.ndim, node.attributes["axis"] + 1))
        if node.attributes.get("constant_first"):
            return operator(other, x)
        return operator(x, other)

    return compute


def pad(node: Node, given: Any, x: Any) -> Any:
    axes, pads = node.attributes["axes"], node.attributes["pads"]
    widths = [(0, 0)] * x.ndim
    for i, axis in enumerate(axes):
        widths[axis] = (pads[i], pads[i + len(axes)])
    assert node.attributes["mode"] == "constant"
    return np.pad(x, widths, constant_values=node.attributes["value"])


def slices(node: Node, given: Any, x: Any) -> Any:
    index = [slice(None)] * x.ndim
    keys = ("axes", "starts", "ends", "steps")
    for axis, start, end, step in zip(*(node.attributes[k] for k in keys), strict=True):
        index[axis] = slice(start, end, step)
    return x[tuple(index)]


def concat(node: Node, given: Any, *inputs: Any) -> Any:
    parts = list(inputs)
    for position, value in zip(node.attributes.get("parameters_at", []), given, strict=True):
        parts.insert(position, value)
    return np.concatenate(parts, axis=node.attributes["axis"])


def split(node: Node, given: Any, x: Any) -> Any:
    edges = np.cumsum(node.attributes["split"])[:-1]
    return list(np.split(x, edges, axis=node.attributes["axis"]))


def gemm(node: Node, given: Any, x: Any) -> Any:
    weight = given[0]
    if "equation" in node.attributes:
        result = np.einsum(node.attributes["equation"], x, weight, optimize=True)
    else:
        result = x @ (weight.T if node.parameters[0].layout == "OI" else weight)
    return result + given[1] if node.attributes["bias"] else result


def matmul(node: Node, given: Any, a: Any, b: Any) -> Any:
    if "equation" in node.attributes:
        return np.einsum(node.attributes["equation"], a, b, optimize=True)
    first, second = (node.attributes.get(key, False) for key in ("transA", "transB"))
    return (np.swapaxes(a, -1, -2) if first else a) @ (np.swapaxes(b, -1, -2) if second else b)


def average_pool(node: Node, given: Any, x: Any) -> Any:
    assert node.attributes["count_include_pad"] is False
    total = windows(node, x, 0.0).sum(axis=(4, 5))
    return total / windows(node, np.ones_like(x), 0.0).sum(axis=(4, 5))


def softmax(node: Node, given: Any, x: Any) -> Any:
    raised = np.exp(x - x.max(axis=node.attributes["axis"], keepdims=True))
    return raised / raised.sum(axis=node.attributes["axis"], keepdims=True)


def lrn(node: Node, given: Any, x: Any) -> Any:
    size, channels = node.attributes["size"], x.shape[1]
    half = (size - 1) // 2
    squares = np.stack(
        [
            (x[:, max(0, c - half) : min(channels, c + half + 1)] ** 2).sum(1)
            for c in range(channels)
        ],
        axis=1,
    )
    scale = node.attributes["bias"] + node.attributes["alpha"] / size * squares
    return x / scale ** node.attributes["beta"]


def mean(node: Node, given: Any, x: Any) -> Any:
    return x.mean(tuple(node.attributes["axes"]), keepdims=node.attributes["keepdims"])


OPERATORS: dict[str, Any] = {
    "Add": arithmetic(np.add),
    "AveragePool": average_pool,
    "BatchNormalization": batch_norm,
    "Clip": lambda n, g, x: np.clip(x, n.attributes["min"], n.attributes["max"]),
    "Concat": concat,
    "Conv": conv,
    "Div": arithmetic(np.divide),
    "Flatten": lambda n, g, x: x.reshape(x.shape[0], -1),
    "Gemm": gemm,
    "GlobalAveragePool": lambda n, g, x: x.mean((2, 3), keepdims=True),
    "LRN": lrn,
    "LayerNormalization": layer_norm,
    "MatMul": matmul,
    "MaxPool": lambda n, g, x: windows(n, x, -np.inf).max(axis=(4, 5)),
    "Mul": arithmetic(np.multiply),
    "Pad": pad,
    "Pow": arithmetic(np.power),
    "ReduceMean": mean,
    "Relu": lambda n, g, x: np.maximum(x, 0.0),
    "Reshape": lambda n, g, x: x.reshape(n.attributes["shape"]),
    "Sigmoid": lambda n, g, x: 1 / (1 + np.exp(-x)),
    "Slice": slices,
    "Softmax": softmax,
    "Split": split,
    "Squeeze": lambda n, g, x: np.squeeze(x, tuple(n.attributes["axes"])),
    "Sub": arithmetic(np.subtract),
    "Tanh": lambda n, g, x: np.tanh(x),
    "Transpose": lambda n, g, x: np.transpose(x, n.attributes["perm"]),
}
