"""Runs nested graphs: branches of ``If``, and bodies of ``Loop``, ``Scan`` and ``SequenceMap``.

A nested graph is part of its node (``onnx_nodes.NestedGraph``); its nodes are ONNX's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter import onnx_own, reference
from zoodiff.graph.ir import Node
from zoodiff.graph.onnx_forms import domain_of
from zoodiff.graph.onnx_nodes import FURTHER_OUTPUT, NestedGraph, constants_of, places_of, tensor_of

_MOST_ROUNDS = 100_000
"""Iterations of one loop; an untrusted file sets their number itself."""
_BODIES = {
    "If": ("else_branch", "then_branch"),
    "Loop": ("body",),
    "Scan": ("body",),
    "SequenceMap": ("body",),
}
"""The nested graphs of each operator, in the order in which their operands lie."""
_FIRST_SCAN = 8
"""The version of ``Scan`` that had batches, which is not run."""


def obstacle(node: Node) -> str:
    """Return why a node, or one in its nested graphs, cannot be run; empty where all can."""
    _, op = domain_of(node.op)
    if node.op == FURTHER_OUTPUT:
        return ""
    if op not in _BODIES:
        return reference.obstacle(node)
    try:
        graphs = [NestedGraph.of_text(str(node.attributes[name])) for name in _BODIES[op]]
    except (KeyError, TypeError, ValueError):
        return "its nested graph is not kept"
    for inner in (inner for graph in graphs for inner in graph.nodes):
        if reason := obstacle(inner):
            return f"it contains a {inner.op}: {reason}"
    return ""


def run(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Return the results of a node on operands by position; raises as ``reference.run`` does."""
    op = domain_of(node.op)[1]
    if node.op == FURTHER_OUTPUT:
        return list(operands)
    if op not in _BODIES:
        own = onnx_own.runner(node)
        return own(node, operands) if own else reference.run(node, operands)
    places = places_of(node, constants_of(node))
    count = len(places.rstrip("ov"))
    around = iter(operands[count:])
    bodies = {}
    for name in _BODIES[op]:
        graph = NestedGraph.of_text(str(node.attributes[name]))
        bodies[name] = _Body(graph, [next(around) for _ in range(graph.around)])
    return _RUNNERS[op](node, list(operands[:count]), bodies)


class _Body:
    """A nested graph with what it reads from around it."""

    def __init__(self, graph: NestedGraph, around: Sequence[Any]) -> None:
        self._graph = graph
        self._known = {f"o{k}": value for k, value in enumerate(around)}
        self._known |= {name: tensor_of(text) for name, text in graph.constants.items()}

    def __call__(self, inputs: Sequence[Any]) -> list[Any]:
        values = self._known | {f"i{k}": value for k, value in enumerate(inputs)}
        for node in self._graph.nodes:
            operands = reference.operands_of(node, [values[name] for name in node.inputs], [])
            results = run(node, operands)
            values.update(zip(node.outputs, results, strict=True))
        return [values[name] for name in self._graph.outputs]


Bodies = Mapping[str, _Body]


def _if(node: Node, operands: list[Any], bodies: Bodies) -> list[Any]:
    condition = bool(np.asarray(operands[0]).reshape(-1)[0])
    return bodies["then_branch" if condition else "else_branch"]([])


def _loop(node: Node, operands: list[Any], bodies: Bodies) -> list[Any]:
    """Run a loop: the carried values, then what each iteration adds, stacked."""
    most, condition, carried = operands[0], operands[1], operands[2:]
    rounds = _MOST_ROUNDS + 1 if most is None else int(np.asarray(most).reshape(-1)[0])
    going = condition is None or bool(np.asarray(condition).reshape(-1)[0])
    scanned: list[list[Any]] = [[] for _ in range(len(node.outputs) - len(carried))]
    count = 0
    while going and count < rounds:
        if count == _MOST_ROUNDS:
            raise MeasurementError(f"{node.name} loops more than {_MOST_ROUNDS} times")
        results = bodies["body"]([np.asarray(count, np.int64), np.asarray(going), *carried])
        going = bool(np.asarray(results[0]).reshape(-1)[0])
        carried = results[1 : 1 + len(carried)]
        for pieces, value in zip(scanned, results[1 + len(carried) :], strict=False):
            pieces.append(value)
        count += 1
    if any(not pieces for pieces in scanned):
        raise MeasurementError(f"{node.name} does not loop, so a result has no shape")
    return [*carried, *(np.stack([np.asarray(v) for v in pieces]) for pieces in scanned)]


def _scan(node: Node, operands: list[Any], bodies: Bodies) -> list[Any]:
    """Run a scan over the elements of its last operands."""
    a: Mapping[str, Any] = node.attributes
    if a.get("form") == _FIRST_SCAN:
        return _scan_of_batches(node, operands, bodies)
    count = int(a["num_scan_inputs"])
    carried, data = operands[: len(operands) - count], operands[len(operands) - count :]
    axes, turned = a.get("scan_input_axes") or [0] * count, a.get("scan_input_directions")
    columns = []
    for value, axis, back in zip(data, axes, turned or [0] * count, strict=True):
        column = np.moveaxis(np.asarray(value), axis, 0)
        columns.append(column[::-1] if back else column)
    scanned: list[list[Any]] = [[] for _ in range(len(node.outputs) - len(carried))]
    for row in zip(*columns, strict=True):
        results = bodies["body"]([*carried, *row])
        carried = results[: len(carried)]
        for pieces, value in zip(scanned, results[len(carried) :], strict=True):
            pieces.append(value)
    stacked = []
    places = a.get("scan_output_axes") or [0] * len(scanned)
    back_at = a.get("scan_output_directions") or [0] * len(scanned)
    for pieces, axis, back in zip(scanned, places, back_at, strict=True):
        if not pieces:
            raise MeasurementError(f"{node.name} scans nothing, so a result has no shape")
        ordered = pieces[::-1] if back else pieces
        stacked.append(np.stack([np.asarray(value) for value in ordered], axis=axis))
    return [*carried, *stacked]


def _scan_of_batches(node: Node, operands: list[Any], bodies: Bodies) -> list[Any]:
    """Run a scan of version 8, once for each image of the batch."""
    lengths, *others = operands
    settings = {k: v for k, v in node.attributes.items() if k in {"body", "num_scan_inputs"}}
    settings["scan_input_directions"] = node.attributes.get("directions")
    inner = replace(node, attributes=settings)
    scanned = int(str(settings["num_scan_inputs"]))
    rows = []
    for k in range(len(np.asarray(others[0]))):
        parts = [np.asarray(value)[k] for value in others]
        if lengths is not None and len(set(np.asarray(lengths).tolist())) > 1:
            raise MeasurementError(f"{node.name} scans sequences of several lengths")
        end = None if lengths is None else int(np.asarray(lengths)[k])
        parts[-scanned:] = [part[:end] for part in parts[-scanned:]]
        rows.append(_scan(inner, parts, bodies))
    return [np.stack([np.asarray(row[k]) for row in rows]) for k in range(len(node.outputs))]


def _sequence_map(node: Node, operands: list[Any], bodies: Bodies) -> list[Any]:
    """Run the body on each element of a sequence, and of the sequences among the others."""
    rows = [bodies["body"](list(row)) for row in _elements(operands)]
    return [[row[k] for row in rows] for k in range(len(node.outputs))]


def _elements(operands: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for k in range(len(operands[0])):
        yield [value[k] if isinstance(value, list) else value for value in operands]


_RUNNERS: dict[str, Callable[[Node, list[Any], Bodies], list[Any]]] = {
    "If": _if,
    "Loop": _loop,
    "Scan": _scan,
    "SequenceMap": _sequence_map,
}
