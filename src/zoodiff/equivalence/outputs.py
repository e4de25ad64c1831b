"""How far the outputs of two networks are apart, in their runtimes and in double precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from zoodiff.architecture.diff import Diff, Side
from zoodiff.equivalence.runs.execution import Execution, Questions
from zoodiff.equivalence.runs.interpreted import Interpreted, obstacle
from zoodiff.equivalence.symmetries import WeightRelation
from zoodiff.equivalence.tolerance import (
    MARGIN,
    Deviation,
    largest_deviation,
    least_rounding,
    pooled,
    scales_of,
)
from zoodiff.equivalence.weights.weight_diff import WeightsDiff
from zoodiff.errors import MeasurementError
from zoodiff.graph.weights import Weights
from zoodiff.rules.findings import Finding

BUDGET = 12e9
"""Multiply-accumulates that are spent in double precision on one network."""
_TRUSTED = 1e-3
"""Deviation between a network's own runtime and the interpreter that single precision explains."""
_COARSE = 0.3
"""The same for networks of half precision or integers."""
_AMPLIFIED = 1e3
"""The same for networks that amplify rounding, as a multiple of how far one unit moves them."""
_CLEAR = 100.0
"""Deviations above this multiple of what one unit in the last place causes are not rounding."""
_HIDDEN = 1e-2
"""Part of amplified rounding below which a deviation in double precision is none of functions."""
_STEADY = 1e-3
"""The most that rounding alone moves the outputs of one input when it is run again."""
NO_EFFECT = frozenset({"parametrisation", "training"})
"""Effects of findings that change no function."""


@dataclass(frozen=True)
class Case:
    """Graphs, runs and weights of two networks, from which the answer is decided."""

    diff: Diff
    questions: Questions
    runs: tuple[Execution, Execution]
    weights: tuple[Weights, Weights] | None
    """In canonical order; None where they could not be read or do not fit the graphs."""
    no_weights: str
    """Why not."""
    compared: WeightsDiff | None
    relations: tuple[WeightRelation, ...] = ()
    """How weights that differ are related."""
    tables_equal: bool = False
    """Whether tables of ids are known to be equal, where weights were not compared."""
    normalisation: Finding | None = None
    """The finding about a normalisation whose numbers are weights; it is among the diff's."""


@dataclass
class Outputs:
    """Deviations in the runtimes, by probe."""

    deviations: list[Deviation]
    other_best: int
    classes: bool
    blind: int
    """Probes for which neither network gives a number."""
    varied: float
    """Largest deviation between the first network's outputs on two inputs, as ``deviations``."""
    fine: float
    """What one unit in the last place explains at most, without the rounding of fewer bits."""
    finely_explained: bool
    """Whether that alone explains all of it."""
    coarse: bool
    """Whether a network computes in fewer bits, which explain nearly any deviation."""
    doubles: list[float] = field(default_factory=list)
    interpreted: Interpreted | None = None
    distrust: str = ""
    unclear: bool = False
    """Whether amplified rounding may hide a difference that double precision shows."""

    @property
    def worst(self) -> Deviation:
        """The largest against rounding."""
        return max(self.deviations, key=lambda d: (d.ratio, d.measured))

    @property
    def limit(self) -> float:
        """How far outputs in double precision, where few bits round nothing, may be apart."""
        rounding = self.fine if self.coarse else max(d.rounding for d in self.deviations)
        return MARGIN * rounding

    @property
    def constant(self) -> bool:
        """Whether outputs differ between inputs by no more than rounding explains."""
        return self.varied <= MARGIN * max(d.rounding for d in self.deviations)

    @property
    def explained(self) -> bool:
        """Whether rounding explains all of it."""
        return all(d.explained for d in self.deviations)


def measure(case: Case) -> Outputs:
    """Return how far outputs are apart in the runtimes, against what one unit moves them."""
    a, b = case.runs
    measured, rounding, blind, best = [], [], 0, 0
    names = [p.name for p in case.questions.probes]
    classes = case.questions.images and all(
        x.ndim <= 2 and x.size > 1 for x in (a.outputs[0][0], b.outputs[0][0])
    )
    for k, name in enumerate(names):
        first, second = a.outputs[k], b.outputs[k]
        scales = scales_of(first, second)
        if not any(np.isfinite(x).any() for x in (*first, *second)):
            blind += 1
        measured.append((name, largest_deviation(first, second, scales)))
        rounding.append(
            max(map(least_rounding, first, scales))
            + sum(_moved_by_one_unit(run, k, scales) for run in (a, b))
        )
        if classes and first[0].size == second[0].size:
            best += int(np.argmax(first[0]) != np.argmax(second[0]))
    reference = a.outputs[0]
    scales = scales_of(reference, reference)
    varied = max(largest_deviation(reference, output, scales) for output in a.outputs)
    deviations = pooled(measured, rounding)
    return Outputs(
        deviations,
        best,
        classes,
        blind,
        varied,
        fine=max(d.rounding for d in deviations),
        finely_explained=all(d.explained for d in deviations),
        coarse=any(precision(side) != "float32" for side in (case.diff.a, case.diff.b)),
    )


def _moved_by_one_unit(run: Execution, k: int, scales: Sequence[float]) -> float:
    """How far one unit in the last place moves the outputs of probe ``k``, measured or typical."""
    if k < len(run.moved):
        return finite(largest_deviation(run.outputs[k], run.moved[k], scales))
    return float(
        np.median(
            [
                finite(largest_deviation(before, after, scales_of(before, before)))
                for before, after in zip(run.outputs, run.moved, strict=False)
            ]
        )
    )


def hold_against_double(case: Case, outputs: Outputs) -> None:
    """Run both in double precision where that adds evidence, and compare the runtimes with it."""
    if outputs.explained and not parting(case.diff) and _weights_equal(case):
        return
    if case.weights is None:
        outputs.distrust = case.no_weights
        return
    opaque = not case.questions.images
    sides = (case.diff.a, case.diff.b)
    problem = next(filter(None, (obstacle(side, opaque=opaque) for side in sides)), "")
    if problem:
        outputs.distrust = problem
        return
    chosen = _affordable(case, outputs)
    inputs = [case.questions.probes[k].feeds(case.diff) for k in chosen]
    try:
        double = Interpreted(case.diff, *case.weights, inputs, case.questions.outputs)
    except MeasurementError as error:
        outputs.distrust = str(error)
        return
    numbers = [place for place, k in enumerate(chosen) if not _lost(case, k, double, place)]
    if numbers and len(numbers) < len(chosen):
        chosen, double = [chosen[place] for place in numbers], double.only(numbers)
    _hold(case, outputs, chosen, double)


def _lost(case: Case, k: int, double: Interpreted, place: int) -> bool:
    """Whether the interpreter gives no number where the runtimes do, as where all is hidden.

    A softmax over nothing but hidden scores is 0 by 0, and a runtime may give zeros for it. Such an
    input says nothing about the rest of the network.
    """
    runs = all(np.isfinite(x).all() for run in case.runs for x in run.outputs[k])
    both = (*double.outputs_a[place], *double.outputs_b[place])
    return runs and any(np.isnan(x).any() for x in both)


def _hold(case: Case, outputs: Outputs, chosen: Sequence[int], double: Interpreted) -> None:
    """Add the deviations in double precision, where the interpreter agrees with the runtimes."""
    own: dict[int, float] = {}
    misread: dict[str, list[float]] = {}
    amplified: set[int] = set()
    for place, k in enumerate(chosen):
        scales = scales_of(case.runs[0].outputs[k], case.runs[1].outputs[k])
        for number, (side, run, in_double) in enumerate(
            zip(
                (case.diff.a, case.diff.b),
                case.runs,
                (double.outputs_a[place], double.outputs_b[place]),
                strict=True,
            )
        ):
            apart = largest_deviation(run.outputs[k], in_double[: len(scales)], scales)
            moved = _moved_by_one_unit(run, k, scales)
            limit = _COARSE if precision(side) != "float32" else max(_TRUSTED, _AMPLIFIED * moved)
            if not apart <= limit and all(np.isfinite(x).all() for x in run.outputs[k]):
                if apart <= MARGIN * _rounded(double, number, place, scales):
                    amplified.add(k)
                else:
                    misread.setdefault(side.name, []).append(apart)
            own[k] = own.get(k, 0.0) + finite(apart)
    for side in (case.diff.a, case.diff.b):
        # Integers and halves leave their range on large inputs, where real numbers go on.
        wrong = misread.get(side.name, [])
        if wrong and (precision(side) == "float32" or len(wrong) == len(chosen)):
            outputs.distrust = (
                f"zoodiff's interpreter does not compute what the runtime of {side.name} does "
                f"({max(wrong):.1e})"
            )
            return
    usual = 0.5 * float(np.median([own[k] for k in own if k not in amplified] or [*own.values()]))
    outputs.deviations = [
        Deviation(d.probe, d.measured, max(d.rounding, own.get(k, usual)))
        for k, d in enumerate(outputs.deviations)
    ]
    outputs.doubles, outputs.interpreted = double.deviations(), double
    for k, value in zip(chosen, outputs.doubles, strict=True):
        d = outputs.deviations[k]
        outputs.unclear |= k in amplified and value > _HIDDEN * own[k]
        if value > d.measured:  # what rounding hid
            outputs.deviations[k] = Deviation(d.probe, value, d.rounding)


def _rounded(double: Interpreted, side: int, place: int, scales: Sequence[float]) -> float:
    """How far single precision moves one network in the interpreter, on one input.

    Rounding inside a network may be amplified where that of its input is not, as where large
    numbers cancel or the largest of two nearly equal scores decides.
    """
    single = double.in_single(side, place)
    if single is None:
        return 0.0
    exact = (double.outputs_a, double.outputs_b)[side][place]
    return finite(largest_deviation(single[: len(scales)], exact[: len(scales)], scales))


def _affordable(case: Case, outputs: Outputs) -> list[int]:
    """The probes to run in double precision: the one that parts most, then the plainest."""
    cost = max(case.diff.a.counts.macs, case.diff.b.counts.macs, 1)
    count = int(min(max(BUDGET // cost, 1), len(outputs.deviations)))
    ranked = [k for k, d in enumerate(outputs.deviations) if np.isfinite(d.measured)]
    ranked.sort(key=lambda k: -outputs.deviations[k].ratio)
    order = dict.fromkeys([*ranked[:1], *range(len(outputs.deviations))])
    return sorted(list(order)[:count])


def _weights_equal(case: Case) -> bool:
    return case.compared is not None and case.compared.sameness != "differ"


def near_rounding(outputs: Outputs) -> bool:
    """Whether nothing tells a small difference from rounding."""
    return outputs.interpreted is None and outputs.worst.ratio < _CLEAR


def finite(value: float) -> float:
    """Return ``value`` where it is finite, else 0."""
    return value if np.isfinite(value) else 0.0


def differs_each_time(run: Execution) -> bool:
    """Whether a network gives other outputs when it runs the same input again."""
    first, again, moved = run.outputs[0], run.repeated, run.moved[0]
    scales = scales_of(first, first)
    least = max(map(least_rounding, first, scales))
    # A network that draws random numbers moves by them as well as by one unit.
    rounding = min(finite(largest_deviation(first, moved, scales)), _STEADY)
    limit = MARGIN * max(rounding, least)
    return any(largest_deviation(first, each, scales) > limit for each in again)


def precision(side: Side) -> str:
    """Return the type in which a network computes or keeps its weights, the coarsest."""
    if any(node.attributes.get("quantized") for node in side.canonical.nodes):
        return "int8"
    kinds = {p.dtype for node in side.canonical.nodes for p in node.parameters}
    kinds |= {tensor.dtype for tensor in side.graph.tensors.values()}
    return next((kind for kind in ("float16", "bfloat16") if kind in kinds), "float32")


def parting(diff: Diff) -> list[Finding]:
    """Return the findings that may change the function."""
    return [f for f in diff.findings if f.effect not in NO_EFFECT]
