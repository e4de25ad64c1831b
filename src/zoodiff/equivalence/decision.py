"""From graphs, weights and outputs to one answer.

Outputs decide, where both networks could be run; findings and weights say why. A finding that
changes a function in general may change nothing here (a padding with zeros before a maximum of
values that are not negative): then outputs agree, and it is listed as one without effect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zoodiff.architecture.diff import Diff, Side
from zoodiff.equivalence.answer import (
    Answer,
    Domain,
    Evidence,
    GraphEvidence,
    OutputsEvidence,
    Relation,
    WeightsEvidence,
)
from zoodiff.equivalence.execution import BATCH, Execution, Questions
from zoodiff.equivalence.interpreted import LARGEST_HALF, Interpreted, obstacle, overflows
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
from zoodiff.graph.ir import Node
from zoodiff.graph.weights import Weights
from zoodiff.rules.findings import Finding

_BUDGET = 12e9
"""Multiply-accumulates that are spent in double precision on one network."""
_TRUSTED = 1e-3
"""Deviation between a network's own runtime and the interpreter that single precision explains."""
_COARSE = 0.3
"""The same for networks of half precision or integers."""
_AMPLIFIED = 1e3
"""The same for networks that amplify rounding, as a multiple of what they do to one unit."""
_CLEAR = 100.0
"""A deviation of so many times what one unit in the last place causes is no rounding."""
_SHOWN = 3
"""Layers that overflow and are named."""
_NO_EFFECT = frozenset({"parametrisation", "training"})


@dataclass(frozen=True)
class Case:
    """Everything that is known of two networks."""

    diff: Diff
    questions: Questions
    runs: tuple[Execution, Execution]
    weights: tuple[Weights, Weights] | None
    """In canonical order; None where they could not be read or do not fit the graphs."""
    no_weights: str
    """Why not."""
    compared: WeightsDiff | None
    relations: tuple[str, ...] = ()
    """How weights that differ are related, one sentence each."""


@dataclass
class _Outputs:
    """Deviations in the runtimes, by probe."""

    deviations: list[Deviation]
    other_best: int
    classes: bool
    blind: int
    """Probes for which neither network gives a number."""
    doubles: list[float] = field(default_factory=list)
    interpreted: Interpreted | None = None
    distrust: str = ""

    @property
    def worst(self) -> Deviation:
        """The largest against rounding."""
        return max(self.deviations, key=lambda d: (d.ratio, d.measured))

    @property
    def explained(self) -> bool:
        """Whether rounding explains all of it."""
        return all(d.explained for d in self.deviations)


def decide(case: Case) -> Answer:
    """Return the answer for two networks that were run."""
    return _Decision(case).answer()


class _Decision:
    def __init__(self, case: Case) -> None:
        self._case, self._diff = case, case.diff
        findings = case.diff.findings
        self._parting = [f for f in findings if f.effect not in _NO_EFFECT]
        """Findings that may change the function."""
        self._precision = [f for f in self._parting if f.effect == "precision"]
        self._inside = [f for f in self._parting if f.effect == "preprocessing"]
        self._without = tuple(dict.fromkeys(f.code for f in findings if f.effect in _NO_EFFECT))

    def answer(self) -> Answer:
        """Decide, then say for which sizes and batches."""
        unsteady = self._unsteady()
        if unsteady is not None:
            return unsteady
        outputs = self._outputs()
        if len(outputs.deviations) == outputs.blind:
            reason = "neither network gives a number on any generated input"
            return self._made("not decided", outputs, f"not decided: {reason}", reason=reason)
        self._in_double(outputs)
        domain = self._domain(outputs)
        if outputs.explained and not self._precision:
            return self._same(outputs, domain)
        if not outputs.explained and self._near(outputs):
            reason = "the outputs differ by about as much as rounding does"
            return self._made("not decided", outputs, f"not decided: {reason}", reason=reason)
        return self._parted(outputs, domain)

    # What the networks answered.

    def _outputs(self) -> _Outputs:
        a, b = self._case.runs
        measured, rounding, blind, best = [], [], 0, 0
        names = [p.name for p in self._case.questions.probes]
        classes = all(x.ndim <= 2 and x.size > 1 for x in (a.outputs[0], b.outputs[0]))
        for k, name in enumerate(names):
            first, second = a.outputs[k], b.outputs[k]
            scale = spread(first) or spread(second)
            if not (np.isfinite(first).any() or np.isfinite(second).any()):
                blind += 1
            apart = deviation(first, second, scale)
            measured.append((name, apart))
            rounding.append(
                least_rounding(first, scale)
                + sum(_finite(deviation(run.outputs[k], run.moved[k], scale)) for run in (a, b))
            )
            if classes and first.size == second.size:
                best += int(np.argmax(first) != np.argmax(second))
        return _Outputs(pooled(measured, rounding), best, classes, blind)

    def _unsteady(self) -> Answer | None:
        """Answers that depend on chance, or on the other images of a batch."""
        sides = (self._diff.a, self._diff.b)
        for effect, words, found in (
            ("chance", "depend on chance", _drops),
            ("batch", "depend on the other images of a batch", _normalises_batches),
        ):
            codes = dict.fromkeys(f.code for f in self._diff.findings if f.effect == effect)
            if codes:
                which = " and ".join(s.name for s in sides if any(map(found, s.canonical.nodes)))
                return self._made(
                    "different functions",
                    self._outputs(),
                    f"different functions: the answers of {which} {words}",
                    because=tuple(codes),
                )
        dropping = [s.name for s in sides if any(map(_drops, s.canonical.nodes))]
        if dropping:
            reason = f"the answers of {' and '.join(dropping)} depend on chance (active dropout)"
            return self._made(
                "not decided", self._outputs(), f"not decided: {reason}", reason=reason
            )
        random = [
            side.name
            for side, run in zip(sides, self._case.runs, strict=True)
            if _differs(run.outputs[0], run.repeated, run.moved[0])
        ]
        if random:
            reason = f"{' and '.join(random)} answers the same input differently each time"
            return self._made(
                "not decided", self._outputs(), f"not decided: {reason}", reason=reason
            )
        return None

    def _in_double(self, outputs: _Outputs) -> None:
        """Run both in double precision where that tells more, and hold the runtimes against it."""
        if outputs.explained and not self._parting and self._weights_equal():
            return
        if self._case.weights is None:
            outputs.distrust = self._case.no_weights
            return
        sides = [_real(side) for side in (self._diff.a, self._diff.b)]
        problem = next(filter(None, map(obstacle, sides)), "")
        if problem:
            outputs.distrust = problem
            return
        chosen = self._affordable(outputs)
        inputs = [self._case.questions.probes[k].values.astype(np.float64) for k in chosen]
        diff = replace(self._diff, a=sides[0], b=sides[1])
        try:
            double = Interpreted(diff, *self._case.weights, inputs)
        except MeasurementError as error:
            outputs.distrust = str(error)
            return
        self._hold(outputs, chosen, double)

    def _hold(self, outputs: _Outputs, chosen: Sequence[int], double: Interpreted) -> None:
        """Take in what double precision shows, where it reads the networks as they run."""
        runs = self._case.runs
        own: dict[int, float] = {}
        for place, k in enumerate(chosen):
            scale = spread(runs[0].outputs[k]) or spread(runs[1].outputs[k])
            apart = [
                deviation(run.outputs[k], given[place][0], scale)
                for run, given in zip(runs, (double.outputs_a, double.outputs_b), strict=True)
            ]
            for side, run, value in zip((self._diff.a, self._diff.b), runs, apart, strict=True):
                amplified = _finite(deviation(run.outputs[k], run.moved[k], scale))
                limit = _COARSE if _coarse(side) else max(_TRUSTED, _AMPLIFIED * amplified)
                if not value <= limit and np.isfinite(run.outputs[k]).all():
                    outputs.distrust = (
                        f"zoodiff's interpreter does not compute what the runtime of {side.name} "
                        f"does ({value:.1e})"
                    )
                    return
            own[k] = sum(map(_finite, apart))
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

    def _affordable(self, outputs: _Outputs) -> list[int]:
        """The probes to run in double precision: the one that parts most, then the plainest."""
        cost = max(self._diff.a.counts.macs, self._diff.b.counts.macs, 1)
        count = int(min(max(_BUDGET // cost, 1), len(outputs.deviations)))
        ranked = [k for k, d in enumerate(outputs.deviations) if np.isfinite(d.measured)]
        ranked.sort(key=lambda k: -outputs.deviations[k].ratio)
        order = dict.fromkeys([*ranked[:1], *range(len(outputs.deviations))])
        return sorted(list(order)[:count])

    def _weights_equal(self) -> bool:
        return self._case.compared is not None and self._case.compared.sameness != "differ"

    def _near(self, outputs: _Outputs) -> bool:
        """Whether nothing tells a small difference from rounding."""
        return outputs.interpreted is None and outputs.worst.ratio < _CLEAR

    # The domain.

    def _domain(self, outputs: _Outputs) -> Domain:
        a, b = self._case.runs
        shape = self._case.questions.probes[0].values.shape
        sizes, batches, notes = [_size(shape)], [1], []
        limit = MARGIN * max(d.rounding for d in outputs.deviations)
        if outputs.explained:
            limit = max(limit, 2 * max(d.measured for d in outputs.deviations))
        for side, run in ((self._diff.a, a), (self._diff.b, b)):
            if run.batch is not None and self._batch_dependent(run, limit):
                notes.append(f"the answers of {side.name} depend on the other images of a batch")
        if a.batch is not None and b.batch is not None:
            batches.append(BATCH)
            if _apart(a.batch, b.batch) > limit and outputs.explained:
                notes.append(f"the same one image at a time only; a batch of {BATCH} differs")
        other = self._case.questions.other_size
        frozen = self._frozen()
        if other is not None:
            notes += self._other_size(outputs, sizes, limit, other.shape)
        if frozen and outputs.explained:
            notes = [f"the same at {sizes[0]} only", *(n for n in notes if "the same at" not in n)]
            notes[0] = f"{notes[0]}: {frozen}"
        notes += self._overflows()
        precisions = dict.fromkeys(_precision(side) for side in (self._diff.a, self._diff.b))
        return Domain(tuple(sizes), tuple(batches), tuple(precisions), tuple(notes))

    def _other_size(
        self, outputs: _Outputs, sizes: list[str], limit: float, shape: Sequence[int]
    ) -> list[str]:
        """Compare at another size, which is added to ``sizes``; return what is to be known."""
        a, b = (run.other_size for run in self._case.runs)
        usual, size = sizes[0], _size(shape)
        if a is not None and b is not None:
            sizes.append(size)
            if outputs.explained and _apart(a, b) > limit:
                return [f"the same at {usual} only"]
            return []
        if (a is None) != (b is None):
            name = self._diff.b.name if b is None else self._diff.a.name
            return [f"{name} takes no {size}"]
        return []

    def _overflows(self) -> list[str]:
        """Which layers do not fit half precision, on the generated inputs."""
        if self._case.weights is None:
            return []
        inputs = [(p.name, p.values.astype(np.float64)) for p in self._case.questions.probes]
        notes = []
        for side, weights in zip((self._diff.a, self._diff.b), self._case.weights, strict=True):
            graph = _real(side).canonical
            if _precision(side) != "float16" or obstacle(_real(side)):
                continue
            chosen = inputs[: max(int(_BUDGET // max(side.counts.macs, 1)), 1)]
            over = overflows(graph, weights, chosen)
            for name, size, label in over[:_SHOWN]:
                notes.append(
                    f"{name} of {side.name} overflows half precision "
                    f"({size:.2g} > {LARGEST_HALF:,.0f}, on {label})"
                )
            if len(over) > _SHOWN:
                notes.append(f"{len(over) - _SHOWN} more layers of {side.name} overflow it")
        return notes

    def _frozen(self) -> str:
        """Which global pooling is written as one of the traced size, if one is."""
        alignment = self._diff.alignment
        for i, j in alignment.pairs:
            layers = alignment.a.layers[i], alignment.b.layers[j]
            notes = [{n for node in (x.node, *x.chain) for n in node.notes} for x in layers]
            if ("pooling" in notes[0]) != ("pooling" in notes[1]):
                side = self._diff.a if "pooling" in notes[0] else self._diff.b
                name = layers[0].name if "pooling" in notes[0] else layers[1].name
                return f"the global pooling {name} of {side.name} is frozen to that size"
        return ""

    def _batch_dependent(self, run: Execution, limit: float) -> bool:
        assert run.batch is not None
        singles = np.concatenate([x.reshape(1, -1) for x in run.outputs[: len(run.batch)]])
        rows = run.batch.reshape(len(run.batch), -1)
        if rows.shape != singles.shape:
            return True
        return any(
            deviation(one, row, spread(one)) > max(limit, 1e-4)
            for one, row in zip(singles, rows, strict=True)
        )

    # The answer.

    def _same(self, outputs: _Outputs, domain: Domain) -> Answer:
        sentence = "the same function, with the weights in these files"
        if domain.notes:
            sentence = f"{sentence}; {'; '.join(domain.notes)}"
        up_to = tuple(dict.fromkeys(f.code for f in self._diff.findings))
        return self._made("same function", outputs, sentence, up_to=up_to, domain=domain)

    def _parted(self, outputs: _Outputs, domain: Domain) -> Answer:
        matter, undone = self._responsible(outputs)
        weights = self._case.compared
        apart = weights is not None and weights.sameness == "differ"
        precise = {f.code for f in self._precision}
        codes = tuple(dict.fromkeys(f.code for f in matter))
        if self._precision and not apart and set(codes) <= precise:
            left, right = self._precision[0].left, self._precision[0].right
            sentence = "; ".join(
                (f"the same network, other precision: {left} | {right}", *domain.notes)
            )
            because = tuple(dict.fromkeys(f.code for f in self._precision))
            return self._made(
                "same network, other precision",
                outputs,
                sentence,
                because=because,
                undone=undone,
                domain=domain,
            )
        if not self._weights_matter(outputs) and matter and all(f in self._inside for f in matter):
            sentence = self._inside_sentence()
            return self._made(
                "same network, preprocessing inside one",
                outputs,
                sentence,
                because=codes,
                undone=undone,
                domain=domain,
            )
        if apart and self._weights_matter(outputs):
            codes = (*codes, "weights")
        sentence = "different functions"
        if not codes:
            sentence += "; zoodiff does not know why"
        return self._made(
            "different functions", outputs, sentence, because=codes, undone=undone, domain=domain
        )

    def _inside_sentence(self) -> str:
        first = self._inside[0]
        side = self._diff.b.name if first.left == "none" else self._diff.a.name
        what = first.right if first.left == "none" else first.left
        if "none" not in {first.left, first.right}:
            return (
                f"the same network; the preprocessing inside differs: {first.left} | {first.right}"
            )
        return f"the same network; {side} has preprocessing inside: {what}"

    def _responsible(self, outputs: _Outputs) -> tuple[list[Finding], float | None]:
        """The findings for which the outputs differ, and what is left when they are undone."""
        double, parting = outputs.interpreted, self._parting
        if double is None or not parting:
            return list(parting), None
        limit = MARGIN * max(d.rounding for d in outputs.deviations)
        plain = double.equal_weights(()).deviation
        if plain is not None and plain <= min(limit, _tiny(outputs)):
            return [], plain
        matter = []
        for finding in parting:
            left = double.equal_weights(f for f in parting if f is not finding).deviation
            if left is None or left > min(limit, _tiny(outputs)):
                matter.append(finding)
        rest = double.equal_weights(matter).deviation
        if (rest is None or rest > limit) and len(matter) < len(parting):
            everything = double.equal_weights(parting).deviation
            if everything is not None and (rest is None or everything < rest / MARGIN):
                return list(parting), everything
        return matter, rest

    def _weights_matter(self, outputs: _Outputs) -> bool:
        """Whether outputs still differ with every finding undone, each with its own weights."""
        compared = self._case.compared
        if compared is None or compared.sameness != "differ":
            return False
        if outputs.interpreted is None:
            return True
        left = outputs.interpreted.own_weights(self._parting).deviation
        limit = MARGIN * max(d.rounding for d in outputs.deviations)
        return left is None or left > limit

    def _made(
        self,
        relation: Relation,
        outputs: _Outputs,
        sentence: str,
        *,
        because: tuple[str, ...] = (),
        up_to: tuple[str, ...] | None = None,
        undone: float | None = None,
        reason: str = "",
        domain: Domain | None = None,
    ) -> Answer:
        worst = outputs.worst
        shown = OutputsEvidence(
            compared=True,
            reason=outputs.distrust,
            where="in their own runtimes",
            inputs=len(outputs.deviations),
            deviation=worst.measured,
            rounding=worst.rounding,
            probe=worst.probe,
            in_double=max(outputs.doubles) if outputs.doubles else None,
            undone=undone,
            other_best=outputs.other_best,
            classes=outputs.classes,
        )
        if outputs.blind:
            words = f"on {outputs.blind} of {shown.inputs} inputs neither gives a number"
            shown = replace(shown, reason="; ".join(filter(None, (shown.reason, words))))
        return Answer(
            relation,
            sentence,
            Evidence(shown, self._weights(), self._graph()),
            reason=reason,
            because=because,
            up_to=self._without if up_to is None else up_to,
            domain=domain or Domain(),
        )

    def _weights(self) -> WeightsEvidence:
        compared = self._case.compared
        if compared is None:
            return WeightsEvidence(False, self._case.no_weights)
        return WeightsEvidence(
            True,
            "",
            compared.sameness,
            len(compared.layers),
            len(compared.different),
            self._case.relations,
        )

    def _graph(self) -> GraphEvidence:
        return graph_evidence(self._diff)


def graph_evidence(diff: Diff) -> GraphEvidence:
    """Return what the graphs alone show."""
    codes: dict[bool, dict[str, None]] = {True: {}, False: {}}
    for finding in diff.findings:
        codes[finding.effect in _NO_EFFECT][finding.code] = None
    return GraphEvidence(len(diff.alignment.pairs), tuple(codes[False]), tuple(codes[True]))


def _tiny(outputs: _Outputs) -> float:
    """Below this, in double precision and with equal weights, two outputs are the same."""
    return max(1e-2 * max(outputs.doubles, default=0.0), 1e-9)


def _drops(node: Node) -> bool:
    return node.op == "Dropout" and bool(node.attributes.get("training"))


def _normalises_batches(node: Node) -> bool:
    return node.op == "BatchNormalization" and bool(node.attributes.get("training"))


def _finite(value: float) -> float:
    return value if np.isfinite(value) else 0.0


def _differs(first: Any, again: Iterable[Any], moved: Any) -> bool:
    scale = spread(first)
    limit = MARGIN * max(_finite(deviation(first, moved, scale)), least_rounding(first, scale))
    return any(deviation(first, each, scale) > limit for each in again)


def _apart(a: Any, b: Any) -> float:
    """The largest deviation of the rows of two batches."""
    rows = [np.asarray(x).reshape(len(x), -1) for x in (a, b)]
    if rows[0].shape != rows[1].shape:
        return float("inf")
    return max(deviation(x, y, spread(x)) for x, y in zip(*rows, strict=True))


def _real(side: Side) -> Side:
    """A network of integers as one of the real numbers that they stand for."""
    graph = side.canonical
    if not any(node.attributes.get("quantized") for node in graph.nodes):
        return side
    nodes = tuple(
        replace(n, attributes={k: v for k, v in n.attributes.items() if k != "quantized"})
        for n in graph.nodes
    )
    return replace(side, canonical=replace(graph, nodes=nodes))


def _coarse(side: Side) -> bool:
    return _precision(side) != "float32"


def _precision(side: Side) -> str:
    if any(node.attributes.get("quantized") for node in side.canonical.nodes):
        return "int8"
    kinds = {p.dtype for node in side.canonical.nodes for p in node.parameters}
    kinds |= {tensor.dtype for tensor in side.graph.tensors.values()}
    return next((kind for kind in ("float16", "bfloat16") if kind in kinds), "float32")


def _size(shape: Sequence[int]) -> str:
    return "x".join(str(extent) for extent in (shape[2:] if len(shape) == 4 else shape[1:]))
