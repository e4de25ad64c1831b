"""Decomposes the difference of two networks on the same pixels: runtime, weights, and graph.

Both networks, as canonical graphs with their own weights, are run in one reference runtime. Let
r(graph, weights) be the share of images that are right there. With the weights of one network
transferred to the other along the alignment of the two graphs,

    r(A, a) - r(B, b) = G + W,
    G = 1/2 [r(A, a) - r(B, a) + r(A, b) - r(B, b)],
    W = 1/2 [r(A, a) - r(A, b) + r(B, a) - r(B, b)]

(the main effects of a 2 x 2 design, as for the preprocessing). The part of the runtime is what a
network gains or loses in its own framework compared with the reference runtime. Each difference of
the graphs is then removed by itself in the second network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.architecture.diff import Diff, diff
from zoodiff.equivalence.class_alignment import WIDTH, matched
from zoodiff.equivalence.counterfactual import FROM_A, undone
from zoodiff.equivalence.weights.weight_diff import canonical, compare_aligned
from zoodiff.equivalence.weights.weight_transfer import transplant
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
"""Returns, per image, the share of recipes with which a canonical graph and its weights are right,
(images,). The third argument chooses the recipes of the first network or of the second. Raises
MeasurementError."""

PieceKind = Literal["runtime", "graph", "difference", "differences", "weights"]
_MOST = 8
"""Most differences that are removed one by one."""
_UNFIT_NOTE = (
    "the weights of one network do not fit the other, so graph and weights are not separated"
)


@dataclass(frozen=True)
class Piece:
    """A summand of the difference; ``values`` is (images,), first less second."""

    kind: PieceKind
    what: str
    code: str | None
    first: str
    second: str
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Pieces:
    """The summands of a difference of two networks.

    Those of kind ``runtime``, ``graph`` and ``weights`` add up to the difference of the networks,
    those of kind ``difference`` and ``differences`` to the part of the graph.
    """

    summands: tuple[Piece, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RawNetwork:
    """A network before passes: its frontend's graph, and weights as its framework stores them."""

    name: str
    graph: Graph
    weights: Mapping[str, Any]


def decompose(
    first: RawNetwork,
    second: RawNetwork,
    native: tuple[NDArray[np.float64], NDArray[np.float64]],
    right: Right,
    rows: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
) -> Pieces:
    """Decompose the difference of two networks into runtime, graph and weights.

    ``native`` has, per network, (images,), the share of recipes with which it is right in its own
    framework. ``rows`` is given for different numbers of outputs: per output of the second network
    the output of the first with the same meaning, -1 for none, and vice versa. Raises
    MeasurementError if a network cannot be run in the reference runtime.
    """
    graph_diff = diff(first.graph, second.graph, first.name, second.name)
    first_weights = canonical(graph_diff.a.canonical, first.weights)
    second_weights = canonical(graph_diff.b.canonical, second.weights)
    own_first = right(graph_diff.a.canonical, first_weights, True)
    own_second = right(graph_diff.b.canonical, second_weights, False)
    runtime = (native[0] - own_first) - (native[1] - own_second)
    runtimes = _runtime(first.graph), _runtime(second.graph)
    pieces = [Piece("runtime", "runtime", None, runtimes[0], runtimes[1], runtime)]
    findings = [f for f in graph_diff.findings if not f.same_function and not _elsewhere(f)]
    fitted = matched(graph_diff, first_weights, rows[0]) if rows is not None else None
    if fitted is not None:  # classes are matched by meaning, so their number is no difference
        findings = [finding for finding in findings if finding.code != WIDTH]
    alignment, aligned_weights = fitted or (graph_diff.alignment, first_weights)
    comparison = compare_aligned(alignment, aligned_weights, second_weights)
    differ = comparison.sameness == "differ"
    total = own_first - own_second
    stored = ("", "") if differ else (comparison.sameness, "")
    zero = total * 0
    if not findings:
        pieces += [_graph(zero, 0), Piece("weights", "weights", None, *stored, total)]
        return Pieces(tuple(pieces), _classes(graph_diff, fitted is not None))
    if not differ:
        pieces += [_graph(total, len(findings)), Piece("weights", "weights", None, *stored, zero)]
        graph = total
    else:
        reverse_diff = diff(second.graph, first.graph, second.name, first.name)
        back = matched(reverse_diff, second_weights, rows[1]) if rows is not None else None
        reverse = back or (reverse_diff.alignment, second_weights)
        fit = alignment, aligned_weights
        second_with_first = _with_weights(fit, graph_diff, second_weights, right, on_first=False)
        first_with_second = _with_weights(
            reverse, reverse_diff, first_weights, right, on_first=True
        )
        if second_with_first is None or first_with_second is None:
            pieces.append(Piece("graph", "graph and weights", None, "", "", total))
            return Pieces(tuple(pieces), (_UNFIT_NOTE,))
        graph = (own_first - second_with_first + first_with_second - own_second) / 2
        weights = (own_first - first_with_second + second_with_first - own_second) / 2
        pieces += [_graph(graph, len(findings)), Piece("weights", "weights", None, "", "", weights)]
    all_weights = {FROM_A + name: array for name, array in first_weights.items()} | second_weights
    singles, more_notes = _singles(graph_diff, findings, all_weights, own_second, graph, right)
    return Pieces((*pieces, *singles), (*_classes(graph_diff, fitted is not None), *more_notes))


def _classes(graph_diff: Diff, fitted: bool) -> tuple[str, ...]:
    """Return the note on classes that only one network has, if there are any."""
    (width,) = [f for f in graph_diff.findings if f.code == WIDTH] if fitted else [None]
    if width is None:
        return ()
    return (
        f"{width.left} and {width.right} classes are matched by meaning; a class that "
        "only one network has is never predicted with the weights of the other",
    )


def _title(finding: Finding) -> str:
    return (
        f"{finding.name}, {finding.count} {finding.noun}"
        if finding.noun and finding.count > 1
        else finding.name
    )


def _graph(values: NDArray[np.float64], count: int) -> Piece:
    summary = f"{count} difference{'s' if count != 1 else ''}" if count else "the same"
    return Piece("graph", "graph", None, summary, "", values)


def _runtime(graph: Graph) -> str:
    quantised = any(node.attributes.get("quantized") for node in graph.nodes)
    return "its own, quantised" if quantised else "its own"


def _elsewhere(finding: Finding) -> bool:
    """Return whether a finding is counted outside the graph.

    Arithmetic on pixels counts as preprocessing, and in the reference runtime no layer is
    quantised.
    """
    return any(
        difference.undo is Undo.PIXELS or "quantized" in difference.attributes
        for difference in finding.differences
    )


def _with_weights(
    source: tuple[Alignment, Weights],
    graph_diff: Diff,
    own: Mapping[str, Any],
    right: Right,
    *,
    on_first: bool,
) -> NDArray[np.float64] | None:
    """Return ``right`` of the second network of a diff with the weights of the first, (images,).

    Layers that only the second network has keep their own weights. The result is None if the
    weights do not fit.
    """
    transferred = transplant(source[0], dict(source[1]))
    if transferred.unfit:
        return None
    return right(graph_diff.b.canonical, {**own, **transferred.weights}, on_first)


def _singles(
    graph_diff: Diff,
    findings: Sequence[Finding],
    all_weights: Mapping[str, Any],
    before: NDArray[np.float64],
    graph: NDArray[np.float64],
    right: Right,
) -> tuple[list[Piece], list[str]]:
    """Return the effect of removing each difference by itself, and the remainder, with notes."""
    if len(findings) == 1:
        (only,) = findings
        return [Piece("difference", _title(only), only.code, only.left, only.right, graph)], []
    pieces: list[Piece] = []
    notes: list[str] = []
    all_differences = [
        difference for finding in graph_diff.findings for difference in finding.differences
    ]
    for finding in findings[:_MOST]:
        try:
            changed = undone(graph_diff.alignment, finding.differences, all_differences)
            values = right(changed, all_weights, False) - before
        except (ValueError, KeyError, IndexError, MeasurementError):
            notes.append(f"{finding.code} {finding.name} cannot be undone by itself")
            continue
        pieces.append(
            Piece("difference", _title(finding), finding.code, finding.left, finding.right, values)
        )
    if len(findings) > _MOST:
        notes.append(f"{_MOST} of {len(findings)} differences of the graphs were undone one by one")
    remainder = graph - sum((piece.values for piece in pieces), start=graph * 0)
    what = "several of these together" if pieces else "all of them together"
    pieces.sort(key=lambda piece: -abs(float(piece.values.mean())))
    return [*pieces, Piece("differences", what, None, "", "", remainder)], notes
