"""Proof by execution: the weights of one network in the other, on the same input.

The outputs are compared relative to their size, and against a control: how far the same network is
from itself between single and double precision. For every finding that changes the function there
is a counterfactual in which all other findings are undone; the finding matters where the outputs
still differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from zoodiff.architecture.diff import Diff, Side
from zoodiff.equivalence.counterfactual import FROM_A, undone
from zoodiff.equivalence.runs.named_probes import NamedProbe
from zoodiff.equivalence.runs.trials import Trials, image_trial, named_trials
from zoodiff.equivalence.weights.weight_transfer import transplant
from zoodiff.errors import MeasurementError, MissingFrameworkError
from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.graph.ir import Graph
from zoodiff.graph.weights import Drawn, Weights, as_stored
from zoodiff.rules.context import Difference
from zoodiff.rules.findings import Finding

Verdict = Literal["same function", "different function", "not proved"]
Native = Callable[[Weights, Any], Any]
"""Runs a network in its own framework: stored weights by name, and an image, channels first, or
arrays by name -> its first output, or all by name. Raises MeasurementError where it cannot."""

_ROUNDING = 1e-5
"""Below this, relative, two outputs are equal whatever the control says."""
_MARGIN = 10.0
"""A difference counts above this multiple of the control."""
_HIDDEN = "the outputs differ only where a mask hides positions"


@dataclass(frozen=True)
class Counterfactual:
    """The difference left when every finding except this one is undone."""

    code: str
    left: str
    right: str
    difference: float | None
    """Relative; None where the weights do not even fit."""
    matters: bool


@dataclass(frozen=True)
class Proof:
    """The verdict and what it rests on."""

    verdict: Verdict
    reason: str
    difference: float | None
    """Between the two networks with equal weights, outputs of the same kind; relative."""
    control: float | None
    """Between single and double precision of the first network; relative."""
    undone: float | None
    """With all findings that matter undone."""
    responsible: tuple[str, ...]
    """Codes of the findings that matter."""
    counterfactuals: tuple[Counterfactual, ...]
    native: bool
    """Whether the difference was measured in the networks' own frameworks."""
    agreement: float | None
    """Between the interpreter and the first network's own framework; relative."""
    trials: int = 1
    """Number of inputs, or of sets of named inputs, that were run."""
    inputs: tuple[str, ...] = ()
    """What named inputs were given, one sentence each; empty for an image."""


def prove(
    diff: Diff,
    native: tuple[Native, Native] | None = None,
    *,
    seed: int = 0,
    probes: Sequence[NamedProbe] = (),
) -> Proof:
    """Run the two networks with equal weights and say whether they are one function.

    ``probes`` are inputs of networks that take more than one image.
    """
    reason = _obstacle(diff, named=bool(probes))
    if reason:
        return not_proved(reason)
    trials = named_trials(diff, probes) if probes else image_trial(diff, seed)
    if not trials.outputs:
        return not_proved("their outputs cannot be paired")
    return _Experiment(diff, native, seed, trials).result()


def relative(reference: Any, candidate: Any) -> float:
    """Largest difference of two outputs over the largest deviation of the first from its mean."""
    reference, candidate = (
        np.asarray(x, dtype=np.float64).reshape(-1) for x in (reference, candidate)
    )
    if reference.shape != candidate.shape or not (
        np.isfinite(reference).all() and np.isfinite(candidate).all()
    ):
        return float("inf")
    size = float(np.max(np.abs(reference - reference.mean())))
    return float(np.max(np.abs(reference - candidate))) / max(size, 1e-300)


def _obstacle(diff: Diff, *, named: bool) -> str:
    for side in (diff.a, diff.b):
        cannot = unsupported(side.canonical, opaque=named)
        if cannot:
            more = f" and {len(cannot) - 1} more" if len(cannot) > 1 else ""
            return f"{side.name} has layers that the interpreter cannot run: {cannot[0]}{more}"
        if len(side.canonical.inputs) != 1 and not named:
            return f"{side.name} has {len(side.canonical.inputs)} inputs; one is needed"
    shapes = [side.canonical.inputs[0].shape for side in (diff.a, diff.b)]
    if shapes[0] != shapes[1] and not named:
        words = ["x".join(str(n) for n in shape[1:]) for shape in shapes]
        return f"the inputs have different sizes, {words[0]} and {words[1]}"
    return ""


def not_proved(reason: str) -> Proof:
    """Return that nothing was proved, and the reason."""
    return Proof("not proved", reason, None, None, None, (), (), False, None)


class _Experiment:
    def __init__(
        self, diff: Diff, native: tuple[Native, Native] | None, seed: int, trials: Trials
    ) -> None:
        self._diff, self._native, self._seed = diff, native, seed
        self._trials = trials
        self._weights: Weights = {}
        self._only_hidden = False
        self.obstacle = ""
        """Why the networks could not be run in their own frameworks."""
        self.control = self._calibrate()
        moved = transplant(diff.alignment, self._weights)
        self._unfit = moved.unfit
        # What the second network cannot hold was taken from the first as well.
        self._reference = self._run(0, diff.a.canonical, dict(self._weights))
        self._given = {**moved.weights}
        self._given |= {FROM_A + name: array for name, array in self._weights.items()}
        self._always = [e for f in diff.findings if f.effect == "output" for e in f.differences]
        self._tolerance = max(_MARGIN * self.control, _ROUNDING)

    def _run(
        self, side: int, graph: Graph, known: Weights, dtype: type = np.float64
    ) -> list[list[Any]]:
        """The outputs that are compared, by trial."""
        provide = Drawn(graph, self._seed, self._damping, known)
        named = bool(self._trials.inputs)
        results = []
        for trial in self._trials.each:
            outputs = evaluate(graph, trial.feeds[side], provide, dtype, opaque=named)
            every = [outputs[tensor.name] for tensor in graph.outputs]
            results.append([every[pair[side]] for pair in self._trials.outputs])
        return results

    def _calibrate(self) -> float:
        """Draw weights; damp branches until rounding errors stay small."""
        control = float("inf")
        graph = self._diff.a.canonical
        for self._damping in (1.0, 0.5, 0.25, 0.1):
            self._weights = {}
            double = self._run(0, graph, self._weights)
            single = self._run(0, graph, dict(self._weights), np.float32)
            control = _farthest(double, single)
            if control < _ROUNDING:
                break
        return control

    def _difference(self, differences: Iterable[Difference]) -> float | None:
        """With some findings undone; None where the weights or shapes do not fit."""
        outputs = self._undone(differences)
        return None if outputs is None else _farthest(self._reference, outputs)

    def _undone(self, differences: Iterable[Difference]) -> list[list[Any]] | None:
        """The outputs of the second network with some findings undone, by trial."""
        chosen = [*self._always, *differences]
        try:
            everything = [e for f in self._diff.findings for e in f.differences]
            graph = undone(self._diff.alignment, chosen, everything)
            fitting = {
                p.name: self._given[p.name]
                for node in graph.nodes
                for p in node.parameters
                if p.name in self._given
            }
            missing = self._aligned_parameters() - set(fitting)
            present = {p.name for node in graph.nodes for p in node.parameters}
            if missing & present:
                return None
            return self._run(1, graph, fitting)
        except (ValueError, KeyError, IndexError, MeasurementError):
            return None

    def _aligned_parameters(self) -> set[str]:
        b = self._diff.alignment.b
        return {
            p.name
            for _, j in self._diff.alignment.pairs
            for node in (b.layers[j].node, *b.layers[j].chain)
            for p in node.parameters
        }

    def result(self) -> Proof:
        findings = [f for f in self._diff.findings if not f.same_function]
        outputs = self._undone([])
        plain = None if outputs is None else _farthest(self._reference, outputs)
        if outputs is not None:
            self._only_hidden = self._parts_where_hidden(self._reference, outputs)
        frameworks = self._in_frameworks(plain)
        measured = plain if frameworks[1] is None else frameworks[1]
        if self._only_hidden:
            return self._proof("not proved", _HIDDEN, measured, frameworks)
        if measured is not None and measured <= self._tolerance:
            return self._proof("same function", "", measured, frameworks, plain)
        tried = [self._counterfactual(f, findings) for f in findings]
        matter = [f for f, c in zip(findings, tried, strict=True) if c.matters]
        left_over = self._difference(e for f in matter for e in f.differences)
        codes = tuple(dict.fromkeys(f.code for f in matter))
        verdict: Verdict = "different function"
        reason = ""
        if measured is not None and measured <= _MARGIN * self._tolerance:
            verdict, reason = "not proved", "the difference is near what rounding does"
        elif measured is None and not matter:
            verdict, reason = "not proved", "the weights do not fit, and no finding says why"
        elif left_over is None or left_over > self._tolerance:
            everything = self._difference(e for f in findings for e in f.differences)
            if everything is None or everything > self._tolerance:
                reason = "the findings together do not explain all of it"
            left_over = everything
        return self._proof(verdict, reason, measured, frameworks, left_over, codes, tuple(tried))

    def _counterfactual(self, finding: Finding, findings: Sequence[Finding]) -> Counterfactual:
        others = [e for f in findings if f is not finding for e in f.differences]
        left = self._difference(others)
        matters = left is None or left > self._tolerance
        return Counterfactual(finding.code, finding.left, finding.right, left, matters)

    def _in_frameworks(self, plain: float | None) -> tuple[float | None, float | None]:
        """Agreement of interpreter and framework, and the difference in the frameworks."""
        if self._native is None or plain is None:
            return None, None
        a, b = self._diff.a, self._diff.b
        try:
            first = self._own(0, self._stored(a, self._weights))
            second = self._own(1, self._stored(b, self._complete(b)))
        except MissingFrameworkError:
            raise
        except MeasurementError as error:
            self.obstacle = str(error)
            return None, None
        agreement = _farthest(self._reference, first)
        ends = [_is_probabilities(side) for side in (a, b)]
        if ends[0] != ends[1] and not self._trials.inputs:
            first, second = (
                x if end else [[_softmax(each[0])] for each in x]
                for x, end in zip((first, second), ends, strict=True)
            )
        self._only_hidden = self._parts_where_hidden(first, second)
        return agreement, _farthest(first, second)

    def _own(self, side: int, weights: Weights) -> list[list[Any]]:
        """The outputs of a network in its own framework, by trial."""
        assert self._native is not None
        results = []
        for trial in self._trials.each:
            outputs = self._native[side](weights, trial.own[side])
            every = list(outputs.values()) if isinstance(outputs, dict) else [outputs]
            results.append([every[pair[side]] for pair in self._trials.outputs])
        return results

    def _parts_where_hidden(self, first: list[list[Any]], second: list[list[Any]]) -> bool:
        """Whether outputs differ only where a mask hides positions, which runtimes may decide."""
        apart = [_farthest([x], [y]) > self._tolerance for x, y in zip(first, second, strict=True)]
        hides = [trial.hides for trial in self._trials.each]
        return any(apart) and not any(
            x for x, hidden in zip(apart, hides, strict=True) if not hidden
        )

    def _complete(self, side: Side) -> Weights:
        """The second network's weights, with those drawn that only it has."""
        known = {k: v for k, v in self._given.items() if not k.startswith(FROM_A)}
        self._run(1, side.canonical, known)
        return known

    def _stored(self, side: Side, weights: Weights) -> Weights:
        return as_stored(side.graph, side.canonical, weights)

    def _proof(
        self,
        verdict: Verdict,
        reason: str,
        difference: float | None,
        frameworks: tuple[float | None, float | None],
        left_over: float | None = None,
        codes: tuple[str, ...] = (),
        tried: tuple[Counterfactual, ...] = (),
    ) -> Proof:
        """Return the proof; ``frameworks`` is what ``_in_frameworks`` returned."""
        agreement, own = frameworks
        if agreement is not None and agreement > max(1e-3, self._tolerance):
            verdict = "not proved"
            reason = (
                f"zoodiff's interpreter and the framework disagree about {self._diff.a.name} "
                f"({agreement:.1e})"
            )
        if self.obstacle and verdict != "not proved":
            reason = "; ".join(x for x in (reason, f"not in the frameworks: {self.obstacle}") if x)
        return Proof(
            verdict,
            reason,
            difference,
            self.control,
            left_over,
            codes,
            tried,
            own is not None,
            agreement,
            len(self._trials.each),
            self._trials.inputs,
        )


def _farthest(reference: list[list[Any]], candidate: list[list[Any]]) -> float:
    """The largest relative difference of paired outputs, over all trials."""
    pairs = [
        pair for x, y in zip(reference, candidate, strict=True) for pair in zip(x, y, strict=True)
    ]
    return max(relative(x, y) for x, y in pairs)


def _is_probabilities(side: Side) -> bool:
    return side.counts.softmax_inside


def _softmax(x: Any) -> Any:
    x = np.asarray(x, dtype=np.float64)
    shifted = np.exp(x - x.max())
    return shifted / shifted.sum()
