"""Weights of recurrent layers whose biases are stored in other ways, moved and compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zoodiff.equivalence.weights.weight_diff import compare_aligned
from zoodiff.equivalence.weights.weight_transfer import transplant
from zoodiff.graph.align import align
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor
from zoodiff.graph.layers import LayerGraph
from zoodiff.graph.recurrent import GATES

HIDDEN = 3
BIASES = {0: (), 1: ("bias",), 2: ("bias", "recurrent_bias")}


def network(op: str, biases: int, **attributes: Any) -> Graph:
    """A layer over four steps of two features, with weights in canonical order."""
    both = 2 if attributes.get("direction") == "bidirectional" else 1
    rows = len(GATES[op]) * HIDDEN
    parameters = [
        Parameter(f"{biases} {role} {k}", shape, role=role)
        for k in range(both)
        for role, shape in (
            ("weight", (rows, 2)),
            ("recurrence", (rows, HIDDEN)),
            *((role, (rows,)) for role in BIASES[biases]),
        )
    ]
    x, y = Tensor("x", (4, 1, 2)), Tensor("y", (4, both, 1, HIDDEN))
    settings = {"hidden_size": HIDDEN, "bias": biases > 0, **attributes}
    node = Node(op, "memory", ("x",), ("y",), settings, tuple(parameters))
    return Graph("test", (x,), (y,), (node,), {"x": x, "y": y})


def drawn(graph: Graph) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {p.name: random.standard_normal(p.shape) for n in graph.nodes for p in n.parameters}


def output(graph: Graph, weights: dict[str, Any]) -> Any:
    data = np.random.default_rng(1).standard_normal((4, 1, 2))
    return evaluate(graph, {"x": data}, weights)["y"]


CASES = [
    ("LSTM", {"direction": "bidirectional"}, 2, 1),
    ("LSTM", {}, 1, 2),
    ("GRU", {}, 2, 1),
    ("GRU", {"linear_before_reset": True}, 2, 2),
    ("RNN", {}, 0, 2),
    ("RNN", {"direction": "bidirectional"}, 2, 0),
]


@pytest.mark.parametrize(("op", "settings", "left", "right"), CASES)
def test_moved_weights_compute_the_same(
    op: str, settings: dict[str, Any], left: int, right: int
) -> None:
    a, b = network(op, left, **settings), network(op, right, **settings)
    weights, alignment = drawn(a), align(LayerGraph(a), LayerGraph(b))
    moved = transplant(alignment, weights)
    assert not moved.unfit
    np.testing.assert_allclose(output(b, moved.weights), output(a, weights), rtol=0, atol=1e-12)
    compared = compare_aligned(alignment, weights, moved.weights)
    same = {"identical"} if left == right else {"equal after folding"}
    assert {layer.sameness for layer in compared.layers} == same


def per_gate(graph: Graph) -> Graph:
    """The same layer, with the weights of each gate as a parameter of its own."""
    (node,) = graph.nodes
    gates = GATES[node.op]
    parts = tuple(
        Parameter(f"{p.name} {gate}", (p.shape[0] // len(gates), *p.shape[1:]), role=p.role)
        for p in node.parameters
        for gate in gates
    )
    return replace(graph, nodes=(replace(node, parameters=parts),))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
def test_weights_per_gate_are_those_of_one_tensor(direction: str, turned: bool) -> None:
    whole = network("LSTM", 1, direction=direction)
    a, b = (whole, per_gate(whole))[:: -1 if turned else 1]
    weights, alignment = drawn(a), align(LayerGraph(a), LayerGraph(b))
    moved = transplant(alignment, weights)
    assert not moved.unfit
    np.testing.assert_array_equal(output(b, moved.weights), output(a, weights))
    compared = compare_aligned(alignment, weights, moved.weights)
    assert {layer.sameness for layer in compared.layers} == {"equal after folding"}
    assert fingerprint(a) == fingerprint(b)


def test_a_bias_inside_the_reset_gate_is_not_one_outside() -> None:
    a = network("GRU", 2, linear_before_reset=True)
    alignment, weights = align(LayerGraph(a), LayerGraph(a)), drawn(a)
    names = {p.role: p.name for p in a.nodes[0].parameters}
    swapped = weights | {
        names["bias"]: weights[names["recurrent_bias"]],
        names["recurrent_bias"]: weights[names["bias"]],
    }
    assert compare_aligned(alignment, weights, swapped).sameness == "differ"
    assert np.abs(output(a, swapped) - output(a, weights)).max() > 1e-3
    plain = network("GRU", 2)
    alignment = align(LayerGraph(plain), LayerGraph(plain))
    assert compare_aligned(alignment, weights, swapped).sameness == "equal after folding"
