"""Outputs of aligned layers, in the interpreter: where a difference begins, and where not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from support.small import Draft
from zoodiff.architecture.diff import Diff, diff
from zoodiff.equivalence.layer_outputs import compare_drawn_layers, compare_layers, parting
from zoodiff.graph.align import Alignment
from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import LayerGraph


def network(epsilon: float = 1e-5, *, last: str = "Relu") -> Graph:
    """Two convolutions with norms, the second with this epsilon, and a residual connection."""
    draft = Draft()
    first = draft.add("Relu", draft.norm(draft.conv("x")))
    second = draft.norm(draft.conv(first), epsilon)
    return draft.graph(draft.add(last, draft.add("Add", [second, first])))


def weights(graph: Graph, seed: int = 0) -> dict[str, Any]:
    r = np.random.default_rng(seed)
    return {
        p.name: np.abs(r.standard_normal(p.shape)).astype(np.float32)
        for node in graph.nodes
        for p in node.parameters
    }


def compared(a: Graph, b: Graph, **changed: Any) -> tuple[Diff, dict[str, Any], dict[str, Any]]:
    found = diff(a, b, "A", "B")
    mine = weights(found.a.canonical)
    theirs = {**weights(found.b.canonical), **changed}
    return found, mine, theirs


def test_equal_networks_have_equal_layers() -> None:
    outputs = compare_layers(*compared(network(), network()))
    assert len(outputs.deviations) == 5
    assert {apart for _, _, apart in outputs.deviations} == {0.0}
    assert outputs.first is None


def test_the_first_layer_that_differs_is_named_and_those_before_are_equal() -> None:
    found, mine, theirs = compared(network(), network(epsilon=0.1))
    outputs = compare_layers(found, mine, theirs)
    layer = next(x.index for x in found.alignment.a.layers if x.op == "Conv" and x.index > 0)
    assert outputs.first is not None and outputs.first[0] == layer
    apart = {i: d for i, _, d in outputs.deviations}
    assert all(apart[i] == 0 for i in apart if i < layer)
    assert apart[layer] > 1e-3


def test_rounding_of_the_outputs_sets_the_limit() -> None:
    found, mine, theirs = compared(network(), network(epsilon=0.1))
    assert compare_layers(found, mine, theirs, rounding=10.0).first is None
    assert compare_layers(found, mine, theirs, rounding=1e-9).limit == 1e-5


def test_weights_are_drawn_where_there_are_none() -> None:
    found = diff(network(), network(epsilon=0.1), "A", "B")
    outputs = compare_drawn_layers(found)
    assert outputs.first is not None
    assert found.alignment.a.layers[outputs.first[0]].op == "Conv"
    assert compare_drawn_layers(diff(network(), network(), "A", "B")).first is None


def test_a_layer_that_the_interpreter_cannot_run_is_the_reason() -> None:
    found, mine, theirs = compared(network(last="Unheard"), network(last="Unheard"))
    outputs = compare_layers(found, mine, theirs)
    assert outputs.deviations == ()
    assert "cannot run" in outputs.reason and "Unheard" in outputs.reason


def chain(length: int) -> Alignment:
    """Convolutions in a row beside themselves."""
    draft = Draft()
    last = "x"
    for _ in range(length):
        last = draft.conv(last)
    layers = LayerGraph(draft.graph(last))
    return Alignment(layers, layers, tuple((k, k) for k in range(length)), (), ())


@pytest.mark.parametrize(
    ("apart", "first"),
    [
        ([0, 0, 1, 1], (2, 2)),
        ([1, 1, 1, 1], (0, 0)),
        ([0, 1, 1, 0], None),  # inside only: channels in another order, for example
        ([1, 0, 0, 1], (3, 3)),
        ([0, 1, None, 1], (1, 1)),  # what was not compared passes it on
        ([0, 0, 0, 0], None),
        ([None, None, None, None], None),
    ],
)
def test_a_difference_counts_where_it_reaches_the_output(apart, first) -> None:
    known = tuple((k, k, float(d)) for k, d in enumerate(apart) if d is not None)
    assert parting(chain(4), known, 1e-5) == first
