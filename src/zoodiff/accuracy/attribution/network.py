"""Why two networks differ on the same pixels: runtime, weights, and the graph piece by piece.

Both networks are brought to one reference runtime: their canonical graphs with their own weights.
With r(graph, weights) for the share of images that are right there, and the weights of one network
carried into the other along the alignment of the two graphs,

    r(A, a) - r(B, b) = G + W,
    G = 1/2 [r(A, a) - r(B, a) + r(A, b) - r(B, b)],
    W = 1/2 [r(A, a) - r(A, b) + r(B, a) - r(B, b)]

(the main effects of a 2 x 2 design, as for the preprocessing). What a network gains or loses by its
own framework against the reference runtime is the runtime's part. Each difference of the graphs is
then undone by itself in the second network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.architecture.diff import Diff, diff
from zoodiff.equivalence.class_alignment import WIDTH, matched
from zoodiff.equivalence.counterfactual import FROM_A, undone
from zoodiff.equivalence.weight_diff import canonical, compare_aligned
from zoodiff.equivalence.weight_transfer import transplant
from zoodiff.errors import MeasurementError
from zoodiff.graph.align import Alignment
from zoodiff.graph.ir import Graph
from zoodiff.graph.weights import Weights
from zoodiff.rules.context import Undo
from zoodiff.rules.findings import Finding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Right = Callable[[Graph, Mapping[str, Any], bool], "NDArray[np.float64]"]
"""(images,) from a canonical graph and its weights: the share of preprocessings with which it is
right, on the terms of the first network or of the second. Raises MeasurementError."""

PieceKind = Literal["runtime", "graph", "difference", "differences", "weights"]
_MOST = 8
"""Differences that are undone one by one."""


@dataclass(frozen=True)
class Piece:
    """One summand of the difference: (images,), first less second."""

    kind: PieceKind
    what: str
    code: str | None
    first: str
    second: str
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """Summands of kind ``runtime``, ``graph`` and ``weights`` add up to the networks' difference,
    those of kind ``difference`` and ``differences`` to the graph's."""

    found: tuple[Piece, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raw:
    """A network: its graph as the frontend gave it, its weights as its framework stores them."""

    name: str
    graph: Graph
    weights: Mapping[str, Any]


def decompose(
    first: Raw,
    second: Raw,
    native: tuple[NDArray[np.float64], NDArray[np.float64]],
    right: Right,
    rows: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Pieces:
    """Split the difference of two networks; ``native`` is who is right in its own framework.

    ``rows`` is for networks with different numbers of outputs: for each output of the second the
    output of the first that means the same, -1 for none, and the other way round.

    Raises MeasurementError where a network cannot be brought to the reference runtime.
    """
    found = diff(first.graph, second.graph, first.name, second.name)
    mine = canonical(found.a.canonical, first.weights)
    theirs = canonical(found.b.canonical, second.weights)
    own_first = right(found.a.canonical, mine, True)
    own_second = right(found.b.canonical, theirs, False)
    runtime = (native[0] - own_first) - (native[1] - own_second)
    words = _runtime(first.graph), _runtime(second.graph)
    pieces = [Piece("runtime", "runtime", None, words[0], words[1], runtime)]
    findings = [f for f in found.findings if not f.same_function and not _elsewhere(f)]
    fitted = matched(found, mine, rows[0]) if rows is not None else None
    if fitted is not None:  # the classes are brought together, so they are no difference
        findings = [f for f in findings if f.code != WIDTH]
    alignment, moved = fitted or (found.alignment, mine)
    weighed = compare_aligned(alignment, moved, theirs)
    differ = weighed.sameness == "differ"
    whole = own_first - own_second
    stored = ("", "") if differ else (weighed.sameness, "")
    none = whole * 0
    if not findings:
        pieces += [_graph(none, 0), Piece("weights", "weights", None, *stored, whole)]
        return Pieces(tuple(pieces), _classes(found, fitted is not None))
    if not differ:
        pieces += [_graph(whole, len(findings)), Piece("weights", "weights", None, *stored, none)]
        graph = whole
    else:
        turned = diff(second.graph, first.graph, second.name, first.name)
        back = (matched(turned, theirs, rows[1]) if rows is not None else None) or (
            turned.alignment,
            theirs,
        )
        there = _with_weights((alignment, moved), found, theirs, lambda g, w: right(g, w, False))
        here = _with_weights(back, turned, mine, lambda g, w: right(g, w, True))
        if there is None or here is None:
            pieces.append(Piece("graph", "graph and weights", None, "", "", whole))
            note = "the weights of one network do not fit the other, so graph and weights are one"
            return Pieces(tuple(pieces), (note,))
        graph = (own_first - there + here - own_second) / 2
        weights = (own_first - here + there - own_second) / 2
        pieces += [_graph(graph, len(findings)), Piece("weights", "weights", None, "", "", weights)]
    given = {FROM_A + name: array for name, array in mine.items()} | theirs
    singles, more = _singles(found, findings, given, own_second, graph, right)
    return Pieces((*pieces, *singles), (*_classes(found, fitted is not None), *more))


def _classes(found: Diff, fitted: bool) -> tuple[str, ...]:
    """What is done about classes that only one network has."""
    (width,) = [f for f in found.findings if f.code == WIDTH] if fitted else [None]
    if width is None:
        return ()
    return (
        f"{width.left} and {width.right} classes are taken for each other by what they mean; one "
        "that only one network has is never answered with the other's weights",
    )


def _named(one: Finding) -> str:
    return f"{one.name}, {one.count} {one.noun}" if one.noun and one.count > 1 else one.name


def _graph(values: NDArray[np.float64], count: int) -> Piece:
    words = f"{count} difference{'s' if count != 1 else ''}" if count else "the same"
    return Piece("graph", "graph", None, words, "", values)


def _runtime(graph: Graph) -> str:
    quantised = any(node.attributes.get("quantized") for node in graph.nodes)
    return "its own, quantised" if quantised else "its own"


def _elsewhere(finding: Finding) -> bool:
    """Whether it counts elsewhere: what a network does to its pixels is preprocessing, and in the
    reference runtime no layer is quantised."""
    return any(
        difference.undo is Undo.PIXELS or "quantized" in difference.attributes
        for difference in finding.differences
    )


def _with_weights(
    given: tuple[Alignment, Weights],
    found: Diff,
    own: Mapping[str, Any],
    run: Callable[[Graph, Mapping[str, Any]], NDArray[np.float64]],
) -> NDArray[np.float64] | None:
    """The second network of a diff with the weights of the first.

    What only the second network has keeps its own weights.
    """
    moved = transplant(given[0], dict(given[1]))
    if moved.unfit:
        return None
    return run(found.b.canonical, {**own, **moved.weights})


def _singles(
    found: Diff,
    findings: Sequence[Finding],
    given: Mapping[str, Any],
    before: NDArray[np.float64],
    graph: NDArray[np.float64],
    right: Right,
) -> tuple[list[Piece], list[str]]:
    """Each difference undone by itself in the second network, and what is left."""
    if len(findings) == 1:
        (only,) = findings
        return [Piece("difference", _named(only), only.code, only.left, only.right, graph)], []
    pieces: list[Piece] = []
    notes: list[str] = []
    every = [difference for one in found.findings for difference in one.differences]
    for one in findings[:_MOST]:
        try:
            changed = undone(found.alignment, one.differences, every)
            values = right(changed, given, False) - before
        except (ValueError, KeyError, IndexError, MeasurementError):
            notes.append(f"{one.code} {one.name} cannot be undone by itself")
            continue
        pieces.append(Piece("difference", _named(one), one.code, one.left, one.right, values))
    if len(findings) > _MOST:
        notes.append(f"{_MOST} of {len(findings)} differences of the graphs were undone one by one")
    rest = graph - sum((piece.values for piece in pieces), start=graph * 0)
    what = "several of these together" if pieces else "all of them together"
    pieces.sort(key=lambda piece: -abs(float(piece.values.mean())))
    return [*pieces, Piece("differences", what, None, "", "", rest)], notes
