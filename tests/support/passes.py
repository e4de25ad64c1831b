"""One pass at a time: what a network is before it and after it, and what both compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.mutable import MutableGraph
from zoodiff.graph.passes import PASSES, Pass
from zoodiff.graph.weights import Drawn, as_stored, viewed

NAMES = tuple(one.name for one in PASSES)
Arrays = dict[str, NDArray[np.float64]]


def around(name: str, graph: Graph) -> tuple[Graph, Graph]:
    """Return the network after all passes before the named one, and after that one too."""
    place = NAMES.index(name)
    return _through(graph, PASSES[:place]), _through(graph, PASSES[: place + 1])


def _through(graph: Graph, passes: Sequence[Pass]) -> Graph:
    net = MutableGraph(graph)
    for one in passes:
        one.run(net)
        net.prune()
    return net.freeze()


def changed(name: str, graph: Graph) -> Graph:
    """Return the network after the named pass, which must change it and not what it computes."""
    before, after = around(name, graph)
    assert _written(before) != _written(after), f"the pass {name} did nothing"
    assert_same_numbers(graph, before, after)
    return after


def untouched(name: str, graph: Graph) -> Graph:
    """Return the network after the named pass, which must leave it as it is."""
    before, after = around(name, graph)
    assert _written(before) == _written(after), f"the pass {name} did something"
    return after


def _written(graph: Graph) -> list[Any]:
    return [(n.op, n.inputs, n.outputs, dict(n.attributes), n.parameters) for n in graph.nodes]


def ops(graph: Graph) -> list[str]:
    """Return the operators of a network as it is, in order."""
    return [node.op for node in graph.nodes]


def clean_ops(graph: Graph) -> list[str]:
    """Return the operators of a network's canonical form."""
    return ops(canonical(graph))


def only(graph: Graph, op: str) -> Node:
    """Return the one node of an operator."""
    (node,) = (node for node in graph.nodes if node.op == op)
    return node


def image_of(graph: Graph) -> NDArray[np.float64]:
    """Return a random input; images that enter channels last are given channels first."""
    return np.random.default_rng(0).standard_normal(graph.inputs[0].channels_first)


def weights_of(graph: Graph) -> Arrays:
    """Return random weights by name, as the source of the network stores them."""
    random = np.random.default_rng(1)
    owned = {p.name: p for node in graph.nodes for p in node.parameters}
    drawn = {name: random.standard_normal(p.shape) for name, p in owned.items()}
    return {n: np.abs(x) if owned[n].role == "variance" else x for n, x in drawn.items()}


def numbers(graph: Graph, weights: Arrays) -> list[NDArray[np.float64]]:
    """Return the outputs for ``image_of`` the network, flattened."""
    image = {graph.inputs[0].name: image_of(graph)}
    return [x.reshape(-1) for x in evaluate(graph, image, weights).values()]


def assert_same_numbers(graph: Graph, *others: Graph) -> None:
    """All compute the same from the weights as the first network's source stores them."""
    weights = weights_of(graph)
    wanted = numbers(graph, weights)
    for other in others:
        for x, y in zip(wanted, numbers(other, weights), strict=True):
            np.testing.assert_allclose(y, x, rtol=1e-9, atol=1e-12)


def same_numbers(graph: Graph) -> None:
    """The canonical graph computes what the graph did; its weights are viewed, not changed."""
    clean = canonical(graph)
    before, weights = _outputs(graph)
    after, _ = _outputs(clean, weights)
    for x, y in zip(before, after, strict=True):
        np.testing.assert_allclose(y, x, rtol=1e-9, atol=1e-12)


def _outputs(graph: Graph, weights: Any = None) -> tuple[list[NDArray[Any]], Any]:
    image = np.random.default_rng(0).standard_normal(graph.inputs[0].shape)
    drawn = Drawn(graph, 0, 1.0, weights)
    results = evaluate(graph, {graph.inputs[0].name: image}, drawn)
    return [x.reshape(-1) for x in results.values()], drawn.weights


def stored_numbers(graph: Graph) -> None:
    """The same numbers from weights as they are stored, and back: what is put into the canonical
    weights is what the framework stores."""
    weights = weights_of(graph)
    clean = canonical(graph)
    assert_same_numbers(graph, clean)
    drawn = {
        p.name: viewed(p, weights[p.stored].astype(np.float32))
        for node in clean.nodes
        for p in node.parameters
    }
    for name, array in as_stored(graph, clean, drawn).items():
        np.testing.assert_array_equal(array, weights[name].astype(np.float32))
