"""Graphs that are no usual networks: an error in one sentence, or a correct result."""

from __future__ import annotations

import importlib.util
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zoodiff.architecture.diff import diff
from zoodiff.errors import MeasurementError
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.ir import Graph, Node, Tensor

ROOT = Path(__file__).resolve().parents[2]


def residual(nodes: int, **settings: Any) -> Graph:
    path = ROOT / "benchmarks" / "graphs.py"
    spec = importlib.util.spec_from_file_location("benchmark_graphs", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Graph = module.residual(nodes, **settings)
    return made


def row(*ops: str, inputs: int = 1, outputs: int = 1) -> Graph:
    """Operators one behind the other, read from the last input."""
    shape = (1, 4, 8, 8)
    tensors = {f"x{k}": Tensor(f"x{k}", shape) for k in range(inputs)}
    given = tuple(tensors.values())
    nodes, last = [], f"x{inputs - 1}"
    for k, op in enumerate(ops):
        nodes.append(Node(op, f"{op}{k}", (last,), (f"t{k}",)))
        last = f"t{k}"
        tensors[last] = Tensor(last, shape)
    ends = [tensors[f"t{len(ops) - 1 - k}"] for k in range(outputs)] if ops else [tensors[last]]
    return Graph("test", given, tuple(ends), tuple(nodes), tensors)


def test_graphs_without_nodes_are_the_same() -> None:
    found = diff(row(), row(), "a", "b")
    assert found.sameness == "same"
    assert fingerprint(row()) != fingerprint(row("Tanh"))
    assert diff(row(), row("Tanh"), "a", "b").sameness == "different"


def test_a_circle_is_one_sentence() -> None:
    graph = row("Tanh", "Exp")
    first, second = graph.nodes
    round_and_round = replace(graph, nodes=(replace(first, inputs=("t1",)), second))
    with pytest.raises(MeasurementError, match="runs in a circle at Tanh0") as caught:
        diff(round_and_round, graph, "a", "b")
    assert "\n" not in str(caught.value)


def test_unknown_operators_align_and_their_attributes_are_compared() -> None:
    one = row("Tanh", "custom::Wobble", "Exp")
    assert diff(one, one, "a", "b").sameness == "same"
    node = replace(one.nodes[1], attributes={"strength": 3})
    other = replace(one, nodes=(one.nodes[0], node, one.nodes[2]))
    (finding,) = diff(one, other, "a", "b").findings
    assert (finding.code, finding.places_a) == ("ARC180", ("custom::Wobble1",))


def test_nothing_in_common_is_shown_and_not_dropped() -> None:
    one = row("Tanh", "Exp", "custom::A", "custom::B")
    other = row("custom::C", "Sqrt", "custom::D", "custom::E", "custom::F")
    found = diff(one, other, "a", "b")
    said = [name for f in found.findings for name in (*f.places_a, *f.places_b)]
    assert {node.name for node in (*one.nodes, *other.nodes)} <= set(said)


def test_more_inputs_and_outputs_are_named() -> None:
    found = diff(row("Tanh"), row("Tanh", inputs=2), "a", "b")
    assert "ARC151" in {f.code for f in found.findings}
    found = diff(row("Tanh", "Exp"), row("Tanh", "Exp", outputs=2), "a", "b")
    assert "ARC143" in {f.code for f in found.findings}


def test_unknown_extents_do_no_harm() -> None:
    graph = row("Tanh", "GlobalAveragePool", "Softmax")
    tensors = {name: replace(t, shape=(-1, 4, -1, -1)) for name, t in graph.tensors.items()}
    opened = replace(graph, inputs=(tensors["x0"],), outputs=(tensors["t2"],), tensors=tensors)
    assert diff(opened, opened, "a", "b").sameness == "same"


def test_ten_thousand_nodes_are_told_apart() -> None:
    found = diff(residual(10_000), residual(10_000, epsilon=1e-3), "a", "b")
    assert {f.code for f in found.findings} == {"ARC120"}
    assert found.a.layers == len(found.alignment.pairs)


@pytest.mark.slow
def test_a_hundred_thousand_nodes_are_told_apart() -> None:
    begin = time.perf_counter()
    found = diff(residual(100_000), residual(100_000, epsilon=1e-3), "a", "b")
    assert {f.code for f in found.findings} == {"ARC120"}
    assert found.a.layers == len(found.alignment.pairs)
    assert time.perf_counter() - begin < 300  # it ends; how fast is for the benchmarks
