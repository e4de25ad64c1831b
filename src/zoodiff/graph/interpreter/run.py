"""The interpreter: runs nodes in order and keeps tensors until their last reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter import (
    control,
    elementwise,
    norms,
    products,
    recurrent,
    reference,
    resize,
    shapes,
    windows,
)
from zoodiff.graph.interpreter.call import Array, Call, Handler
from zoodiff.graph.interpreter.stored import canonical_weights
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.operators import OPERATORS
from zoodiff.graph.recurrent import GATES, canonical_parameters
from zoodiff.graph.values import FloatType, typed, widened

if TYPE_CHECKING:
    from numpy.typing import NDArray

Provide = Callable[[Node, Any], list[Any]]
"""The parameters of a node in their canonical shapes, given the node's first input."""

_HANDLERS: dict[str, Handler] = {
    **elementwise.HANDLERS,
    **norms.HANDLERS,
    **products.HANDLERS,
    **recurrent.HANDLERS,
    **resize.HANDLERS,
    **shapes.HANDLERS,
    **windows.HANDLERS,
}


_SUPPORTED: dict[str, Callable[[Node], bool]] = {
    **elementwise.SUPPORTED,
    **recurrent.SUPPORTED,
    **resize.SUPPORTED,
    **shapes.SUPPORTED,
}
"""Operators with forms that cannot be run, each with a function that says whether a node can."""
_ANY_TYPE = frozenset(shapes.HANDLERS) - {op for op in shapes.HANDLERS if op.startswith("Reduce")}
_WHOLE = _ANY_TYPE | {"Abs", "Add", "Cast", "Identity", "Max", "Min", "Mul", "Neg", "Sub", "Sum"}
"""Operators that compute on whole numbers as such; others get real numbers. The first set leaves
the format of real numbers as it is, too."""


def run(
    graph: Graph, inputs: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    """Return the outputs of a graph by tensor name, each in the type that the graph gives it.

    ``inputs`` and outputs are arrays of any type, lists of such for sequences, or None for an
    optional value that is missing. Opaque nodes of ONNX operators are run by ONNX's reference
    implementation. Raises MeasurementError as ``evaluate`` does.
    """
    return evaluate(graph, inputs, weights, None, opaque=True)


def evaluate(
    graph: Graph,
    inputs: Mapping[str, Any],
    weights: Mapping[str, NDArray[Any]] | Provide,
    dtype: FloatType | None = np.float64,
    keep: Container[str] = (),
    *,
    opaque: bool = False,
) -> dict[str, NDArray[Any]]:
    """Return the outputs of a graph by tensor name, computed in ``dtype``, and those in ``keep``.

    ``inputs`` are arrays by tensor name, in canonical order: images as (1, channels, height,
    width). ``weights`` are arrays by the parameter's name as the framework stores them
    (``Parameter.layout``), or a function that returns a node's weights in canonical order.

    Real numbers are computed in ``dtype``, or without it in the formats that the graph gives.
    Whole numbers, truth values and texts keep their types. ``opaque`` allows ONNX's reference
    implementation, which rounds some operators to single precision, for operators that this
    interpreter lacks.

    Raises MeasurementError for an operator that the interpreter cannot run (``unsupported`` lists
    these), and for inputs or weights that are missing or do not fit.
    """
    if callable(weights):
        provide = weights
    else:
        stored = weights

        def provide(node: Node, data: Array) -> list[Array]:
            return canonical_weights(node, stored, dtype)

    readers = Counter(tensor for node in graph.nodes for tensor in node.inputs)
    readers.update(tensor.name for tensor in graph.outputs)
    values = _inputs(graph, inputs, dtype)
    requested = {name: value for name, value in values.items() if name in keep}
    for node in map(_with_weights_in_order, graph.nodes):
        operands = [values[tensor] for tensor in node.inputs]
        outputs = _run(graph, node, operands, provide, dtype, opaque=opaque)
        for tensor, value in zip(node.outputs, outputs, strict=True):
            if tensor in keep:
                requested[tensor] = value
            if readers[tensor]:
                values[tensor] = value
        for tensor in node.inputs:
            readers[tensor] -= 1
            if not readers[tensor]:
                values.pop(tensor, None)
    return requested | {tensor.name: values[tensor.name] for tensor in graph.outputs}


def _with_weights_in_order(node: Node) -> Node:
    """Return a recurrent layer of a graph without passes as one of a canonical graph."""
    if node.op not in GATES:
        return node
    parameters = canonical_parameters(node.op, node.attributes, node.parameters)
    return replace(node, parameters=tuple(parameters))


def unsupported(graph: Graph, *, opaque: bool = False) -> list[str]:
    """Return the nodes that the interpreter cannot run, as "name (operator)".

    ``opaque`` as for ``evaluate``.
    """
    return [
        f"{node.name} ({node.op})" for node in graph.nodes if not _supported(node, opaque=opaque)
    ]


def _supported(node: Node, *, opaque: bool) -> bool:
    return _has_handler(node) or (opaque and not _obstacle(node))


def _has_handler(node: Node) -> bool:
    a, operands = node.attributes, len(node.inputs) + len(node.parameters)
    has_handler = node.op in _HANDLERS and not a.get("quantized") and not a.get("training")
    outputs = len(node.outputs) == 1 or node.op in {"LSTM", "Split"}
    special = _SUPPORTED.get(node.op)
    return has_handler and outputs and operands > 0 and (special is None or special(node))


def _obstacle(node: Node) -> str:
    """Return why the reference cannot run a node; canonical operators have forms of their own."""
    if node.op in OPERATORS:
        return "it is canonical"
    return control.obstacle(node)


def _inputs(graph: Graph, inputs: Mapping[str, Any], dtype: FloatType | None) -> dict[str, Any]:
    values = {}
    for tensor in graph.inputs:
        if tensor.name not in inputs:
            raise MeasurementError(f"{graph.source} needs an input {tensor.name}")
        value = typed(inputs[tensor.name], tensor.dtype, dtype)
        values[tensor.name] = value
        if value is None or isinstance(value, list) or "(" in tensor.dtype:
            continue
        fits = len(value.shape) == len(tensor.shape) and all(
            n in (-1, m) for n, m in zip(tensor.shape, value.shape, strict=True)
        )
        if not fits:
            raise MeasurementError(
                f"the input {tensor.name} of {graph.source} has the shape {tensor.shape}, "
                f"not {value.shape}"
            )
    return values


def _run(
    graph: Graph,
    node: Node,
    operands: list[Any],
    provide: Provide,
    dtype: FloatType | None,
    *,
    opaque: bool,
) -> list[Any]:
    """Return the results of one node."""
    if not _supported(node, opaque=opaque):
        raise MeasurementError(
            f"{node.name} of {graph.source} is a {node.op}, which the interpreter cannot run"
        )
    known = _has_handler(node)
    if known and node.op not in _ANY_TYPE:
        operands = [
            x if node.op in _WHOLE and x.dtype.kind in "biu" else widened(x, dtype)
            for x in operands
        ]
    data = operands[0] if operands else np.ones((), dtype=dtype or np.float32)
    like = data if not known else widened(data, dtype)
    parameters = provide(node, like) if node.parameters else []
    roles = [p.role for p in node.parameters]
    if known and not operands:  # fed by a weight alone
        operands, parameters, roles = parameters[:1], parameters[1:], roles[1:]
    try:
        if known:
            returned = _HANDLERS[node.op](Call(node, operands, parameters, roles))
        else:
            returned = control.run(node, reference.operands_of(node, operands, parameters))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, MeasurementError) as error:
        raise MeasurementError(
            f"{node.name} of {graph.source}, a {node.op}, cannot be run: {error}"
        ) from error
    results = returned if isinstance(returned, list) else [returned]
    tensors = [graph.tensors.get(name) for name in node.outputs]
    return [
        typed(result, tensor.dtype if tensor else "float32", dtype)
        for result, tensor in zip(results, tensors, strict=True)
    ]
