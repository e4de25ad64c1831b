"""The interpreter: runs nodes in order and keeps tensors until their last reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter import elementwise, norms, products, resize, shapes, windows
from zoodiff.graph.interpreter.call import Array, Call, Handler
from zoodiff.graph.interpreter.stored import canonical_weights
from zoodiff.graph.ir import Graph, Node

if TYPE_CHECKING:
    from numpy.typing import NDArray

Provide = Callable[[Node, Any], list[Any]]
"""The parameters of a node in their canonical shapes, given the node's first input."""

_HANDLERS: dict[str, Handler] = {
    **elementwise.HANDLERS,
    **norms.HANDLERS,
    **products.HANDLERS,
    **resize.HANDLERS,
    **shapes.HANDLERS,
    **windows.HANDLERS,
}


_SUPPORTED: dict[str, Callable[[Node], bool]] = {
    **elementwise.SUPPORTED,
    **resize.SUPPORTED,
    **shapes.SUPPORTED,
}
"""Operators with forms that cannot be run, each with a function that says whether a node can."""


def evaluate(
    graph: Graph,
    inputs: Mapping[str, NDArray[Any]],
    weights: Mapping[str, NDArray[Any]] | Provide,
    dtype: type[np.floating[Any]] = np.float64,
    keep: Container[str] = (),
) -> dict[str, NDArray[Any]]:
    """Return the outputs of a graph by tensor name, computed in ``dtype``, and those in ``keep``.

    ``inputs`` are arrays by tensor name, in canonical order: images as (1, channels, height,
    width). ``weights`` are arrays by the parameter's name as the framework stores them
    (``Parameter.layout``), or a function that returns a node's weights in canonical order.

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
    for node in graph.nodes:
        outputs = _run(graph, node, [values[tensor] for tensor in node.inputs], provide, dtype)
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


def unsupported(graph: Graph) -> list[str]:
    """Return the nodes that the interpreter cannot run, as "name (operator)"."""
    return [f"{node.name} ({node.op})" for node in graph.nodes if not _supported(node)]


def _supported(node: Node) -> bool:
    a, operands = node.attributes, len(node.inputs) + len(node.parameters)
    has_handler = node.op in _HANDLERS and not a.get("quantized") and not a.get("training")
    outputs = len(node.outputs) == 1 or node.op == "Split"
    special = _SUPPORTED.get(node.op)
    return has_handler and outputs and operands > 0 and (special is None or special(node))


def _inputs(
    graph: Graph, inputs: Mapping[str, NDArray[Any]], dtype: type[np.floating[Any]]
) -> dict[str, Array]:
    values = {}
    for tensor in graph.inputs:
        if tensor.name not in inputs:
            raise MeasurementError(f"{graph.source} needs an input {tensor.name}")
        value = np.asarray(inputs[tensor.name], dtype=dtype)
        fits = len(value.shape) == len(tensor.shape) and all(
            n in (-1, m) for n, m in zip(tensor.shape, value.shape, strict=True)
        )
        if not fits:
            raise MeasurementError(
                f"the input {tensor.name} of {graph.source} has the shape {tensor.shape}, "
                f"not {value.shape}"
            )
        values[tensor.name] = value
    return values


def _run(
    graph: Graph, node: Node, operands: list[Array], provide: Provide, dtype: type[np.floating[Any]]
) -> list[Array]:
    """Return the results of one node."""
    if not _supported(node):
        raise MeasurementError(
            f"{node.name} of {graph.source} is a {node.op}, which the interpreter cannot run"
        )
    data = operands[0] if operands else np.ones((), dtype=dtype)
    parameters = provide(node, data) if node.parameters else []
    roles = [p.role for p in node.parameters]
    if not operands:  # fed by a weight alone
        operands, parameters, roles = parameters[:1], parameters[1:], roles[1:]
    try:
        returned = _HANDLERS[node.op](Call(node, operands, parameters, roles))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, MeasurementError) as error:
        raise MeasurementError(
            f"{node.name} of {graph.source}, a {node.op}, cannot be run: {error}"
        ) from error
    results = returned if isinstance(returned, list) else [returned]
    return [np.asarray(result, dtype=dtype) for result in results]
