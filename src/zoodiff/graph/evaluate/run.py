"""The interpreter: nodes in order, tensors kept for as long as somebody reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.evaluate.elementwise import BINARY, UNARY, along, binary
from zoodiff.graph.evaluate.windows import average_pool, conv, max_pool
from zoodiff.graph.ir import Graph, Node

if TYPE_CHECKING:
    from numpy.typing import NDArray

Provide = Callable[[Node, Any], list[Any]]
"""The parameters of a node in their canonical shapes, given the node's first input."""


def evaluate(
    graph: Graph,
    inputs: Mapping[str, NDArray[Any]],
    provide: Provide,
    dtype: type = np.float64,
) -> dict[str, NDArray[Any]]:
    """Return the outputs of a canonical graph by tensor name, computed in ``dtype``.

    ``inputs`` are in canonical order, images as (1, channels, height, width). Raises
    MeasurementError for an operator that the interpreter does not know.
    """
    readers: dict[str, int] = {}
    for node in graph.nodes:
        for tensor in node.inputs:
            readers[tensor] = readers.get(tensor, 0) + 1
    outputs = [tensor.name for tensor in graph.outputs]
    for tensor in outputs:
        readers[tensor] = readers.get(tensor, 0) + 1
    values: dict[str, Any] = {name: np.asarray(x, dtype=dtype) for name, x in inputs.items()}
    for node in graph.nodes:
        given = [values[tensor] for tensor in node.inputs]
        result = run_node(graph, node, given, provide)
        values[node.outputs[0]] = result.astype(dtype, copy=False)
        for tensor in node.inputs:
            readers[tensor] -= 1
            if not readers[tensor]:
                values.pop(tensor, None)
    return {name: values[name] for name in outputs}


def unsupported(graph: Graph) -> list[str]:
    """Nodes that the interpreter cannot run: "name (operator)"."""
    return [
        f"{node.name} ({node.op})"
        for node in graph.nodes
        if node.op not in _HANDLERS
        or node.attributes.get("quantized")
        or len(node.outputs) != 1
        or not node.inputs
    ]


def run_node(graph: Graph, node: Node, given: list[Any], provide: Provide) -> Any:
    """The result of one node."""
    handler = _HANDLERS.get(node.op)
    if handler is None or node.attributes.get("quantized") or not given:
        raise MeasurementError(
            f"{node.name} of {graph.source} is a {node.op}, which the interpreter cannot run"
        )
    parameters = provide(node, given[0]) if node.parameters else []
    roles = {p.role: x for p, x in zip(node.parameters, parameters, strict=True)}
    return handler(graph, node, given, roles, parameters)


def _conv(graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]) -> Any:
    result = conv(given[0], roles["weight"], node.attributes)
    return result + along(roles["bias"], 1, 4) if "bias" in roles else result


def _gemm(graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]) -> Any:
    a: Mapping[str, Any] = node.attributes
    data, weight = given[0], roles["weight"]
    if "equation" in a:
        raise MeasurementError(f"{node.name} is a linear layer by {a['equation']}, not run here")
    axis = a.get("axis", data.ndim - 1)
    result = np.moveaxis(np.tensordot(data, weight, axes=(axis, 1)), -1, axis)
    return result + along(roles["bias"], axis, data.ndim) if "bias" in roles else result


def _batch_norm(
    graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]
) -> Any:
    a: Mapping[str, Any] = node.attributes
    data, axis = given[0], a.get("axis", 1)
    factor = 1.0 / np.sqrt(roles["variance"] + a["epsilon"])
    factor = factor * roles["scale"] if "scale" in roles else factor
    shift = -roles["mean"] * factor
    shift = shift + roles["shift"] if "shift" in roles else shift
    return data * along(factor, axis, data.ndim) + along(shift, axis, data.ndim)


def _layer_norm(
    graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]
) -> Any:
    a: Mapping[str, Any] = node.attributes
    data, axes = given[0], tuple(a["axes"])
    centred = data - data.mean(axis=axes, keepdims=True)
    variance = (centred**2).mean(axis=axes, keepdims=True)
    result = centred / np.sqrt(variance + a["epsilon"])
    shape = [n if i in axes else 1 for i, n in enumerate(data.shape)]
    result = result * roles["scale"].reshape(shape) if "scale" in roles else result
    return result + roles["shift"].reshape(shape) if "shift" in roles else result


def _group_norm(
    graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]
) -> Any:
    a: Mapping[str, Any] = node.attributes
    data = given[0]
    parts = data.reshape(data.shape[0], a["num_groups"], -1)
    centred = parts - parts.mean(axis=2, keepdims=True)
    result = centred / np.sqrt((centred**2).mean(axis=2, keepdims=True) + a["epsilon"])
    result = result.reshape(data.shape)
    result = result * along(roles["scale"], 1, data.ndim) if "scale" in roles else result
    return result + along(roles["shift"], 1, data.ndim) if "shift" in roles else result


def _lrn(graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]) -> Any:
    a: Mapping[str, Any] = node.attributes
    data, size = given[0], a["size"]
    before = (size - 1) // 2
    squares = np.pad(data**2, ((0, 0), (before, size - 1 - before), (0, 0), (0, 0)))
    total = sum(squares[:, i : i + data.shape[1]] for i in range(size))
    return data / (a["bias"] + a["alpha"] / size * total) ** a["beta"]


def _matmul(graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]) -> Any:
    a: Mapping[str, Any] = node.attributes
    first, second = given if len(given) == 2 else (given[0], parameters[0])
    if "equation" in a:
        result = np.einsum(a["equation"], first, second, optimize=True)
    else:
        first = np.swapaxes(first, -1, -2) if a.get("transA") else first
        second = np.swapaxes(second, -1, -2) if a.get("transB") else second
        result = np.matmul(first, second)
    return result * a.get("scale", 1.0)


def _concat(graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]) -> Any:
    a: Mapping[str, Any] = node.attributes
    parts = list(given)
    for position, extra in zip(a.get("parameters_at", []), parameters, strict=True):
        parts.insert(position, extra.reshape(-1, *extra.shape[1:]))
    return np.concatenate(parts, axis=a["axis"])


def _slice(graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]) -> Any:
    a: Mapping[str, Any] = node.attributes
    index = [slice(None)] * given[0].ndim
    for axis, start, end, step in zip(a["axes"], a["starts"], a["ends"], a["steps"], strict=True):
        index[axis] = slice(start, end, step)
    return given[0][tuple(index)]


def _pad(graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]) -> Any:
    a: Mapping[str, Any] = node.attributes
    half = len(a["axes"])
    widths = [(0, 0)] * given[0].ndim
    for i, axis in enumerate(a["axes"]):
        widths[axis] = (a["pads"][i], a["pads"][i + half])
    if a.get("mode", "constant") != "constant":
        return np.pad(given[0], widths, mode=a["mode"])
    return np.pad(given[0], widths, constant_values=a.get("value") or 0.0)


def _softmax(graph: Graph, node: Node, given: list[Any], roles: Any, parameters: list[Any]) -> Any:
    axis = int(node.attributes["axis"])  # type: ignore[arg-type]
    shifted = given[0] - given[0].max(axis=axis, keepdims=True)
    total = np.exp(shifted).sum(axis=axis, keepdims=True)
    return shifted - np.log(total) if node.op == "LogSoftmax" else np.exp(shifted) / total


def _reduce(function: Callable[..., Any]) -> Any:
    def handler(graph: Graph, node: Node, given: list[Any], roles: Any, parameters: Any) -> Any:
        a: Mapping[str, Any] = node.attributes
        return function(given[0], axis=tuple(a["axes"]), keepdims=bool(a.get("keepdims")))

    return handler


def _reshaped(graph: Graph, node: Node, given: list[Any], roles: Any, parameters: Any) -> Any:
    return given[0].reshape(node.attributes["shape"])


def _elementwise(op: str) -> Any:
    return lambda graph, node, given, roles, parameters: binary(
        op, given, parameters, node.attributes
    )


def _single(op: str) -> Any:
    return lambda graph, node, given, roles, parameters: UNARY[op](given[0], node.attributes)


_HANDLERS: dict[str, Any] = {
    **{op: _elementwise(op) for op in BINARY},
    **{op: _single(op) for op in UNARY},
    "AveragePool": lambda g, node, given, r, p: average_pool(given[0], node.attributes),
    "BatchNormalization": _batch_norm,
    "Concat": _concat,
    "Conv": _conv,
    "Expand": lambda g, node, given, r, p: np.broadcast_to(given[0], node.attributes["shape"]),
    "Gemm": _gemm,
    "GlobalAveragePool": lambda g, node, given, r, p: given[0].mean(axis=(2, 3), keepdims=True),
    "GlobalMaxPool": lambda g, node, given, r, p: given[0].max(axis=(2, 3), keepdims=True),
    "GroupNormalization": _group_norm,
    "LRN": _lrn,
    "LayerNormalization": _layer_norm,
    "LogSoftmax": _softmax,
    "MatMul": _matmul,
    "MaxPool": lambda g, node, given, r, p: max_pool(given[0], node.attributes),
    "Pad": _pad,
    "ReduceMax": _reduce(np.max),
    "ReduceMean": _reduce(np.mean),
    "ReduceSum": _reduce(np.sum),
    "Reshape": _reshaped,
    "Slice": _slice,
    "Softmax": _softmax,
    "Transpose": lambda g, node, given, r, p: given[0].transpose(node.attributes["perm"]),
}
