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
    deviation,
    least_rounding,
    pooled,
    spread,
)
from zoodiff.equivalence.weight_diff import WeightsDiff
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
    classes = all(x.ndim <= 2 and x.size > 1 for x in (a.outputs[0], b.outputs[0]))
    for k, name in enumerate(names):
        first, second = a.outputs[k], b.outputs[k]
        scale = spread(first) or spread(second)
        if not (np.isfinite(first).any() or np.isfinite(second).any()):
            blind += 1
        apart = deviation(first, second, scale)
        measured.append((name, apart))
        rounding.append(
            least_rounding(first, scale) + sum(_moved_by_one_unit(run, k, scale) for run in (a, b))
        )
        if classes and first.size == second.size:
            best += int(np.argmax(first) != np.argmax(second))
    reference = a.outputs[0]
    varied = max(deviation(reference, output, spread(reference)) for output in a.outputs)
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


def _moved_by_one_unit(run: Execution, k: int, scale: float) -> float:
    """How far one unit in the last place moves the outputs of probe ``k``, measured or typical."""
    if k < len(run.moved):
        return finite(deviation(run.outputs[k], run.moved[k], scale))
    return float(
        np.median(
            [
                finite(deviation(before, after, spread(before)))
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
    problem = next(filter(None, map(obstacle, (case.diff.a, case.diff.b))), "")
    if problem:
        outputs.distrust = problem
        return
    chosen = _affordable(case, outputs)
    inputs = [case.questions.probes[k].values.astype(np.float64) for k in chosen]
    try:
        double = Interpreted(case.diff, *case.weights, inputs)
    except MeasurementError as error:
        outputs.distrust = str(error)
        return
    _hold(case, outputs, chosen, double)


def _hold(case: Case, outputs: Outputs, chosen: Sequence[int], double: Interpreted) -> None:
    """Add the deviations in double precision, where the interpreter agrees with the runtimes."""
    own: dict[int, float] = {}
    misread: dict[str, list[float]] = {}
    for place, k in enumerate(chosen):
        scale = spread(case.runs[0].outputs[k]) or spread(case.runs[1].outputs[k])
        for side, run, in_double in zip(
            (case.diff.a, case.diff.b),
            case.runs,
            (double.outputs_a[place], double.outputs_b[place]),
            strict=True,
        ):
            apart = deviation(run.outputs[k], in_double[0], scale)
            moved = _moved_by_one_unit(run, k, scale)
            limit = _COARSE if precision(side) != "float32" else max(_TRUSTED, _AMPLIFIED * moved)
            if not apart <= limit and np.isfinite(run.outputs[k]).all():
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
    usual = 0.5 * float(np.median(list(own.values())))
    outputs.deviations = [
        Deviation(d.probe, d.measured, max(d.rounding, own.get(k, usual)))
        for k, d in enumerate(outputs.deviations)
    ]
    outputs.doubles, outputs.interpreted = double.deviations(), double
    for k, value in zip(chosen, outputs.doubles, strict=True):
        d = outputs.deviations[k]
        if value > d.measured:  # what rounding hid
            outputs.deviations[k] = Deviation(d.probe, value, d.rounding)


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
    scale = spread(first)
    limit = MARGIN * max(finite(deviation(first, moved, scale)), least_rounding(first, scale))
    return any(deviation(first, each, scale) > limit for each in again)


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
