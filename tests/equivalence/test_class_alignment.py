"""Classifiers with and without a background class: weights of one carried into the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from support.small import Draft
from zoodiff.accuracy.attribution.network import RawNetwork, decompose
from zoodiff.architecture.diff import diff
from zoodiff.equivalence.class_alignment import matched
from zoodiff.equivalence.weights.weight_diff import canonical
from zoodiff.equivalence.weights.weight_transfer import transplant
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.weights import Weights

CLASSES = 6
IMAGES = np.random.default_rng(0).normal(size=(60, 3, 9, 9))
DROPPED, INSERTED = np.arange(1, CLASSES + 1), np.array([-1, *range(CLASSES)])
"""For each output of a network without background that of one with it, and the other way round."""


def network(outputs: int, *, first: int = 1, bias: bool = True) -> Graph:
    draft = Draft((1, 3, 9, 9))
    x = draft.conv("x", 12, 3, pads=[first, first, 2 - first, 2 - first], strides=[2, 2])
    x = draft.add("GlobalAveragePool", draft.add("Relu", x), (1, 12, 1, 1))
    x = draft.add("Reshape", draft.conv(x, outputs, 1, bias=bias, pads=[0] * 4), (1, outputs))
    return draft.graph(draft.add("Softmax", x, axis=-1))


def weights(graph: Graph, seed: int) -> Weights:
    rng = np.random.default_rng(seed)
    parameters = [p for node in graph.nodes for p in node.parameters]
    return {p.name: rng.normal(size=p.shape) for p in parameters}


def answers(graph: Graph, given: Mapping[str, Any]) -> Any:
    """(images, outputs)."""

    def provide(node: Node, _: Any) -> list[Any]:
        return [given[p.name].reshape(p.shape) for p in node.parameters]

    rows = [evaluate(graph, {"x": image[None]}, provide) for image in IMAGES]
    return np.concatenate([next(iter(row.values())) for row in rows])


def moved(a: Graph, b: Graph, rows: Any) -> Any:
    """Answers of the second network with the first one's weights."""
    found = diff(a, b, "a", "b")
    fitted = matched(found, canonical(found.a.canonical, weights(a, 1)), rows)
    assert fitted is not None
    carried = transplant(fitted[0], fitted[1])
    assert not carried.unfit
    own = canonical(found.b.canonical, weights(b, 2))
    return answers(found.b.canonical, {**own, **carried.weights})


def own_answers(graph: Graph, seed: int) -> Any:
    side = diff(graph, graph, "a", "a").a.canonical
    return answers(side, canonical(side, weights(graph, seed)))


def test_weights_of_a_network_with_background_fit_one_without() -> None:
    own = own_answers(network(CLASSES + 1), 1)[:, 1:]
    found = moved(network(CLASSES + 1), network(CLASSES), DROPPED)
    assert found == pytest.approx(own / own.sum(1, keepdims=True))


def test_a_background_class_is_never_answered_with_weights_that_have_none() -> None:
    found = moved(network(CLASSES), network(CLASSES + 1), INSERTED)
    assert found[:, 0].max() == 0
    assert found[:, 1:] == pytest.approx(own_answers(network(CLASSES), 1))


def test_without_a_bias_no_class_can_be_kept_from_being_answered() -> None:
    found = diff(network(CLASSES, bias=False), network(CLASSES + 1), "a", "b")
    given = canonical(found.a.canonical, weights(network(CLASSES, bias=False), 1))
    assert matched(found, given, INSERTED) is None


def apart(a: Graph, b: Graph, mine: Weights, theirs: Weights) -> dict[str, float]:
    """Shares of images by which two networks differ; labels are what the first answers."""
    shift = [one.outputs[0].shape[-1] - CLASSES for one in (a, b)]
    side = diff(a, a, "a", "a").a.canonical
    truth = answers(side, canonical(side, mine))[:, shift[0] :].argmax(1)

    def right(graph: Graph, given: Mapping[str, Any], on_first: bool) -> Any:
        place = shift[0] if on_first else shift[1]
        return (answers(graph, given).argmax(1) == truth + place).astype(float)

    raw = RawNetwork("a", a, mine), RawNetwork("b", b, theirs)
    sides = diff(a, b, "a", "b")
    native = (
        right(sides.a.canonical, canonical(sides.a.canonical, mine), True),
        right(sides.b.canonical, canonical(sides.b.canonical, theirs), False),
    )
    rows = (DROPPED, INSERTED) if shift[0] else (INSERTED, DROPPED)
    found = decompose(*raw, native, right, rows)
    parts = {piece.what: float(piece.values.mean()) for piece in found.summands}
    total = float((native[0] - native[1]).mean())
    assert parts["runtime"] + parts["weights"] + parts["graph"] == pytest.approx(total)
    assert any("classes" in note for note in found.notes)
    return parts


def test_weights_alone_where_only_one_network_has_a_background() -> None:
    a, b = network(CLASSES), network(CLASSES + 1)
    parts = apart(a, b, weights(a, 1), weights(b, 2))
    assert parts["graph"] == 0
    assert parts["weights"] > 0.2


@pytest.mark.parametrize("widths", [(CLASSES, CLASSES + 1), (CLASSES + 1, CLASSES)])
def test_graph_alone_where_only_one_network_has_a_background(widths: tuple[int, int]) -> None:
    a, b = network(widths[0]), network(widths[1], first=0)
    mine = weights(a, 1)
    rows = DROPPED if widths[0] > widths[1] else INSERTED
    theirs = {
        name: value if value.shape[0] == 12 else _picked(value, rows)
        for name, value in mine.items()
    }
    parts = apart(a, b, mine, theirs)
    assert parts["graph"] > 0.05
    assert parts["padding"] == parts["graph"]
    assert parts["weights"] == pytest.approx(0, abs=0.1)


def _picked(value: Any, rows: Any) -> Any:
    """Rows of a classifier; one of a class that is not answered where there is none."""
    found = value[np.maximum(rows, 0)].copy()
    found[rows < 0] = -50.0 if value.ndim == 1 else 0.0
    return found
