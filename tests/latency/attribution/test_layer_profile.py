"""Operators that ran, led back to layers: sums, merged operators, and what leads nowhere."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest

from zoodiff.architecture.diff import diff
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor
from zoodiff.graph.onnx_export.emit import name_of
from zoodiff.latency.attribution.layer_profile import BETWEEN, NOISE, attributed, profile_of
from zoodiff.workers.messages import OperatorTime, Profiled
from zoodiff.zoos.runtime.onnx_profile import read


def residual(stride: int = 1) -> Graph:
    """x -> first -> relu -> second; with a shortcut convolution, added, and relu again."""
    image, half = (1, 8, 16, 16), (1, 8, 16 // stride, 16 // stride)

    def conv(name: str, source: str, step: int) -> Node:
        a: Any = {
            "kernel_shape": [1, 1],
            "strides": [step, step],
            "dilations": [1, 1],
            "group": 1,
            "pads": [0, 0, 0, 0],
            "out_channels": 8,
            "bias": False,
        }
        weight = Parameter(f"{name}.weight", (8, 8, 1, 1), role="weight", layout="OIHW")
        return Node("Conv", name, (source,), (f"{name}.out",), a, (weight,))

    nodes = (
        conv("first", "x", stride),
        Node("Relu", "relu", ("first.out",), ("r",)),
        conv("second", "r", 1),
        conv("shortcut", "x", stride),
        Node("Add", "add", ("second.out", "shortcut.out"), ("sum",)),
        Node("Relu", "last", ("sum",), ("y",)),
    )
    shapes = {"x": image, "r": half, "sum": half, "y": half}
    shapes |= {f"{name}.out": half for name in ("first", "second", "shortcut")}
    tensors = {name: Tensor(name, shape) for name, shape in shapes.items()}
    return Graph("made", (tensors["x"],), (tensors["y"],), nodes, tensors)


def place(graph: Graph, name: str) -> int:
    return next(k for k, node in enumerate(graph.nodes) if node.name == name)


def operator(graph: Graph, node: str, op: str, *ms: float, weight: list[int] | None = None) -> Any:
    """One that the runtime named after the result of a node."""
    name = f"{name_of(place(graph, node), node, 0)}:0_nchwc"
    return OperatorTime(name, op, [], weight, list(ms))


def test_a_merged_operator_counts_for_the_layer_with_the_weights() -> None:
    graph = canonical(residual())
    weight = [8, 8, 1, 1]
    operators = [
        operator(graph, "relu", "Conv", 1.0, weight=weight),  # first and relu
        operator(graph, "shortcut", "Conv", 1.0, weight=weight),
        operator(graph, "last", "Conv", 1.0, weight=weight),  # second, the sum, and relu
        OperatorTime("ReorderOutput_3", "ReorderOutput", [], None, [1.0]),
    ]
    found = [place for _, place in attributed(graph, operators)]
    names = [None if k is None else graph.nodes[k].name for k in found]
    assert names == ["first", "shortcut", "second", None]


def answer(graph: Graph, scale: float) -> Profiled:
    return Profiled(
        operators=[
            operator(graph, "relu", "Conv", 2 * scale, 2 * scale, 9 * scale, weight=[8, 8, 1, 1]),
            operator(graph, "shortcut", "Conv", 1.0, 1.5, 1.0, weight=[8, 8, 1, 1]),
            operator(graph, "last", "Conv", 1.0, 1.0, 1.0, weight=[8, 8, 1, 1]),
            OperatorTime("R", "ReorderInput", [], None, [0.5] * 3),
        ],
        runs_ms=[4.75 + 2 * scale, 4.5 + 2 * scale, 4.0 + 9 * scale],
    )


def test_rows_add_up_to_whole_runs() -> None:
    graphs = residual(), residual(stride=2)
    lowered = canonical(graphs[0]), canonical(graphs[1])
    answers = [answer(lowered[0], 4.0)], [answer(lowered[1], 1.0)]
    found = profile_of(diff(*graphs, "a", "b"), lowered, answers)
    assert found.a_ms == pytest.approx(median(answers[0][0].runs_ms))
    assert found.b_ms == pytest.approx(median(answers[1][0].runs_ms))
    assert sum(a - b for _, a, b in found.grouped()) == pytest.approx(found.a_ms - found.b_ms)
    shares = [found.share(row) for row in found.rows]
    assert sum(x for x in shares if x is not None) == pytest.approx(1.0)
    largest = found.largest[0]
    assert (largest.a, largest.b) == ("first", "first")
    assert largest.a_ms == 8.0 and largest.b_ms == 2.0
    assert largest.a_macs == 4 * largest.b_macs == 8 * 8 * 16 * 16
    assert largest.codes  # the stride is a finding
    others = {row.a: row.a_ms for row in found.rows if row.kind == "other"}
    assert others.keys() == {"the runtime's ReorderInput", BETWEEN, NOISE}
    assert others["the runtime's ReorderInput"] == 0.5


def test_the_profilers_events_are_summed_by_run() -> None:
    def event(name: str, ts: int, dur: int, **args: Any) -> dict[str, Any]:
        return {"cat": "Node", "name": name, "ts": ts, "dur": dur, "args": args}

    events = [
        {"cat": "Session", "name": "model_run", "ts": start, "dur": 100} for start in (0, 200, 400)
    ]
    for start in (0, 200, 400):
        shapes = [{"float": [1, 8]}, {"float": [8, 4]}]
        events.append(
            event("a_kernel_time", start, 30 + start, op_name="MatMul", input_type_shape=shapes)
        )
        events.append(event("a_fence_before", start, 5, op_name="MatMul"))
        events += [event("b_kernel_time", start + k, 10, op_name="Add") for k in (40, 60)]
    found = read(events, {"a": ["y"]}, skip=1)
    assert found["runs_ms"] == [0.1, 0.1]
    by_name = {one["name"]: one for one in found["operators"]}
    assert by_name["a"]["ms"] == [0.23, 0.43]
    assert by_name["a"]["weight"] == [8, 4] and by_name["a"]["outputs"] == ["y"]
    assert by_name["b"]["ms"] == [0.02, 0.02]
