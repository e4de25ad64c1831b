"""How far the outputs of aligned layers are apart, in zoodiff's interpreter.

Both networks run on one input in double precision. So a deviation is a difference of functions or
of weights, not of rounding. Layers whose outputs have different shapes are not compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.runs import probes
from zoodiff.equivalence.runs.interpreted import obstacle, run_keeping
from zoodiff.equivalence.tolerance import MARGIN, deviation, spread
from zoodiff.equivalence.weights.weight_transfer import transplant
from zoodiff.errors import MeasurementError
from zoodiff.graph.align import Alignment
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph
from zoodiff.graph.weights import Drawn, Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MACS = 24e9
"""Multiply-accumulates of one network above which it is not run."""
_ELEMENTS = 100_000_000
"""Numbers of one network's layers that are held at once: 800 MB."""
_LEAST = 1e-5
"""Limit where rounding is not known; what single precision loses when weights are folded."""


@dataclass(frozen=True)
class LayerOutputs:
    """The deviation of the outputs of each pair of aligned layers."""

    deviations: tuple[tuple[int, int, float], ...] = ()
    """Index in the first network, index in the second, deviation relative to the spread."""
    limit: float = _LEAST
    """Deviations above it are more than rounding explains."""
    probe: str = ""
    """The input."""
    reason: str = ""
    """Why nothing was compared."""
    first: tuple[int, int] | None = None
    """The first pair from which a difference reaches the outputs of the networks."""


def compare_layers(
    diff: Diff, a: Weights, b: Weights, *, seed: int = 0, rounding: float | None = None
) -> LayerOutputs:
    """Compare the layers of two networks with their own weights, in canonical order.

    ``rounding`` is the deviation of the networks' outputs that rounding explains.
    """
    reason = _obstacle(diff)
    if reason:
        return LayerOutputs(reason=reason)
    try:
        probe = probes.probes(diff.a.canonical, seed=seed)[0]
        feeds = probe.feeds(diff)
        first = run_keeping(diff.a.canonical, a, feeds[0], _tensors(diff.alignment, 0))
        second = run_keeping(diff.b.canonical, b, feeds[1], _tensors(diff.alignment, 1))
    except MeasurementError as error:
        return LayerOutputs(reason=str(error))
    return _result(diff, first, second, rounding, f'one generated input ("{probe.name}")')


def compare_drawn_layers(
    diff: Diff, *, seed: int = 0, rounding: float | None = None
) -> LayerOutputs:
    """Compare the layers of two networks with equal weights, drawn for this."""
    reason = _obstacle(diff)
    if reason:
        return LayerOutputs(reason=reason)
    try:
        image = np.random.default_rng(seed).standard_normal(diff.a.canonical.inputs[0].shape)
        drawn: Weights = {}
        _run_drawn(diff.a.canonical, drawn, image, seed, set())
        moved = transplant(diff.alignment, drawn)  # adjusts what the second cannot hold
        first = _run_drawn(diff.a.canonical, drawn, image, seed, _tensors(diff.alignment, 0))
        theirs = dict(moved.weights)
        second = _run_drawn(diff.b.canonical, theirs, image, seed, _tensors(diff.alignment, 1))
    except (ArithmeticError, LookupError, TypeError, ValueError, MeasurementError) as error:
        return LayerOutputs(reason=f"the weights of one do not fit the other ({error})")
    where = "one generated input, with equal weights, drawn for this"
    return _result(diff, first, second, rounding, where)


def _result(
    diff: Diff,
    first: dict[str, NDArray[Any]],
    second: dict[str, NDArray[Any]],
    rounding: float | None,
    where: str,
) -> LayerOutputs:
    limit = max(MARGIN * (rounding or 0.0), _LEAST)
    apart = _deviations(diff.alignment, first, second)
    return LayerOutputs(apart, limit, where, first=parting(diff.alignment, apart, limit))


def parting(
    alignment: Alignment, deviations: tuple[tuple[int, int, float], ...], limit: float
) -> tuple[int, int] | None:
    """Return the first pair from which a difference reaches an output of the first network.

    None where outputs agree: layers may differ inside, where channels have another order, without
    effect on what is computed. Layers that were not compared pass a difference on.
    """
    apart = {i: (j, deviation) for i, j, deviation in deviations}
    waiting = [x for x in alignment.a.outputs if x >= 0]
    reached: set[int] = set()
    while waiting:
        layer = waiting.pop()
        if layer in reached or (layer in apart and apart[layer][1] <= limit):
            continue
        reached.add(layer)
        waiting += [x for x in alignment.a.layers[layer].inputs if x >= 0]
    start = min(reached & apart.keys(), default=None)
    return None if start is None else (start, apart[start][0])


def _run_drawn(
    graph: Graph, known: Weights, image: NDArray[Any], seed: int, keep: set[str]
) -> dict[str, NDArray[Any]]:
    provide = Drawn(graph, seed, 1.0, known)
    with np.errstate(all="ignore"):
        return evaluate(graph, {graph.inputs[0].name: image}, provide, np.float64, keep)


def _obstacle(diff: Diff) -> str:
    """Return why the layers cannot be compared; empty where they can."""
    for side, graph in ((diff.a, diff.alignment.a), (diff.b, diff.alignment.b)):
        if len(side.canonical.inputs) != 1:
            return f"{side.name} has {len(side.canonical.inputs)} inputs; one is needed"
        if side.counts.macs > _MACS:
            return f"{side.name} takes too long in the interpreter ({side.counts.macs:,} MACs)"
        if sum(prod(graph.shape(layer)) for layer in graph.layers) > _ELEMENTS:
            return f"the outputs of the layers of {side.name} take too much memory"
        if cannot := obstacle(side):
            return cannot
    shapes = [side.canonical.inputs[0].shape for side in (diff.a, diff.b)]
    return "" if shapes[0] == shapes[1] else "the inputs have different sizes"


def _tensors(alignment: Alignment, side: int) -> set[str]:
    """Names of the tensors that aligned layers of one network compute."""
    graph = (alignment.a, alignment.b)[side]
    return {graph.layers[pair[side]].output for pair in alignment.pairs}


def _deviations(
    alignment: Alignment, first: dict[str, NDArray[Any]], second: dict[str, NDArray[Any]]
) -> tuple[tuple[int, int, float], ...]:
    apart = []
    for i, j in alignment.pairs:
        x = first.get(alignment.a.layers[i].output)
        y = second.get(alignment.b.layers[j].output)
        if x is None or y is None or not _one_shape(x, y):
            continue
        apart.append((i, j, deviation(x, y, spread(x))))
    return tuple(apart)


def _one_shape(x: NDArray[Any], y: NDArray[Any]) -> bool:
    """Whether two shapes are equal but for extents of 1."""
    return [n for n in x.shape if n != 1] == [n for n in y.shape if n != 1]
