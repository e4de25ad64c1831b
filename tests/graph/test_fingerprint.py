"""Fingerprints: equal exactly for isomorphic graphs (by networkx), stable (by a golden file)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.networks import NETWORKS, network
from support.small import Draft
from zoodiff.graph.canonical import canonical
from zoodiff.graph.fingerprint import SCHEME, fingerprint
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import LayerGraph

GOLDEN = Path(__file__).parent / "golden" / f"fingerprints_{SCHEME}.json"


def test_fingerprints_are_what_they_were() -> None:
    """Other values here mean another scheme: give it a new number and a new file."""
    found = {path.name.split(".")[0]: fingerprint(network(path)) for path in NETWORKS}
    assert found == json.loads(GOLDEN.read_text())


@st.composite
def drafts(draw: st.DrawFn) -> Graph:
    """Small networks of convolutions, activations and additions, with many symmetries."""
    d = Draft((1, 4, 8, 8))
    made = ["x"]
    for _ in range(draw(st.integers(1, 9))):
        kind = draw(st.sampled_from(["conv", "relu", "add", "sub"]))
        one, other = (draw(st.sampled_from(made)) for _ in range(2))
        if kind == "conv":
            made.append(d.conv(one, kernel=draw(st.sampled_from([1, 3]))))
        elif kind == "relu":
            made.append(d.add("Tanh", one))
        else:
            made.append(d.add("Add" if kind == "add" else "Sub", [one, other]))
    return d.graph(made[-1])


def shuffled(graph: Graph, seed: int) -> Graph:
    """The same network with its nodes renamed, reordered, operands of additions swapped."""
    r = random.Random(seed)
    names = {t: f"t{r.random()}" for n in graph.nodes for t in n.outputs}
    nodes = []
    for node in graph.nodes:
        inputs = [names.get(t, t) for t in node.inputs]
        if node.op == "Add":
            r.shuffle(inputs)
        parameters = tuple(
            Parameter(f"p{r.random()}", p.shape, p.trainable, p.dtype, p.role, p.layout)
            for p in node.parameters
        )
        nodes.append(
            type(node)(
                node.op,
                f"n{r.random()}",
                tuple(inputs),
                tuple(names[t] for t in node.outputs),
                node.attributes,
                parameters,
            )
        )
    r.shuffle(nodes)
    tensors = {names.get(k, k): type(t)(names.get(k, k), t.shape) for k, t in graph.tensors.items()}
    outputs = tuple(tensors[names.get(t.name, t.name)] for t in graph.outputs)
    return Graph("other", graph.inputs, outputs, tuple(nodes), tensors)


def as_networkx(graph: Graph) -> networkx.DiGraph:
    """The layer graph for networkx: order of operands as labels, but for additions."""
    layers = LayerGraph(canonical(graph))
    found = networkx.MultiDiGraph()
    found.add_node("input", label="input")
    for layer in layers.layers:
        output = layer.index in layers.outputs
        found.add_node(layer.index, label=repr((layer.label, output)))
        for position, source in enumerate(layer.inputs):
            slot = "" if layer.commutative else str(position)
            found.add_edge(source if source >= 0 else "input", layer.index, slot=slot)
    return found


def isomorphic(a: Graph, b: Graph) -> bool:
    matcher = networkx.algorithms.isomorphism
    return bool(
        networkx.is_isomorphic(
            as_networkx(a),
            as_networkx(b),
            node_match=matcher.categorical_node_match("label", ""),
            edge_match=matcher.categorical_multiedge_match("slot", ""),
        )
    )


@settings(max_examples=150)
@given(drafts(), st.integers(0, 10**6))
def test_isomorphic_graphs_have_one_fingerprint(graph: Graph, seed: int) -> None:
    assert fingerprint(graph) == fingerprint(shuffled(graph, seed))


@settings(max_examples=300)
@given(drafts(), drafts())
def test_equal_fingerprints_exactly_where_networkx_finds_an_isomorphism(a: Graph, b: Graph) -> None:
    assert (fingerprint(a) == fingerprint(b)) == isomorphic(a, b)


def test_one_convolution_read_twice_is_not_two_alike() -> None:
    once = Draft()
    c = once.conv("x")
    twice = Draft()
    one, other = twice.conv("x"), twice.conv("x")
    assert fingerprint(once.graph(once.add("Add", [c, c]))) != fingerprint(
        twice.graph(twice.add("Add", [one, other]))
    )


def test_a_shared_weight_is_not_two_weights() -> None:
    def chain(shared: bool) -> Graph:
        d = Draft()
        d.conv(d.conv("x"))
        graph = d.graph("n1")
        if not shared:
            return graph
        first, second = graph.nodes
        second = type(second)(
            second.op,
            second.name,
            second.inputs,
            second.outputs,
            second.attributes,
            first.parameters,
        )
        return Graph("t", graph.inputs, graph.outputs, (first, second), graph.tensors)

    assert fingerprint(chain(True)) != fingerprint(chain(False))


def test_refinement_alone_would_not_do() -> None:
    """A ring of six sums of neighbours, and two rings of three: alike layer by layer."""

    def rings(pairs: list[tuple[int, int]]) -> Graph:
        d = Draft()
        leaves = [d.conv("x") for _ in range(6)]
        sums = [d.add("Tanh", d.add("Add", [leaves[i], leaves[j]])) for i, j in pairs]
        return d.graph(d.add("Max", sums))

    six = rings([(i, (i + 1) % 6) for i in range(6)])
    three = rings([(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)])
    assert fingerprint(six) != fingerprint(three)
    assert fingerprint(six) == fingerprint(shuffled(six, 3))
    assert fingerprint(three) == fingerprint(shuffled(three, 3))


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.name.split(".")[0])
def test_real_networks_keep_theirs_under_new_names(path: Path) -> None:
    graph = network(path)
    assert fingerprint(graph) == fingerprint(shuffled(graph, 1))
