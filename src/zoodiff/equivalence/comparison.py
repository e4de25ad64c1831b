"""Compare two entries by graphs, weights and outputs, as far as available, and give one answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoodiff.architecture.describe import graph_of
from zoodiff.architecture.diff import Diff
from zoodiff.architecture.diff import diff as compare_graphs
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence import probes
from zoodiff.equivalence.answer import Answer
from zoodiff.equivalence.decision import decide
from zoodiff.equivalence.execution import Execution, Questions, execute
from zoodiff.equivalence.native_run import run_with, weights_of
from zoodiff.equivalence.outputs import Case
from zoodiff.equivalence.proof import Native, Proof, prove
from zoodiff.equivalence.rounded_weights import canonical_steps
from zoodiff.equivalence.symmetries import WeightRelation, relations
from zoodiff.equivalence.unrun import from_graphs, from_proof, from_weights
from zoodiff.equivalence.weight_diff import WeightsDiff, canonical, compare_aligned, compare_weights
from zoodiff.errors import MeasurementError, WeightsUnavailableError
from zoodiff.zoos import registry
from zoodiff.zoos.registry import Entry

_LARGE = 1_000_000_000
"""Multiply-accumulates above which only a few inputs are run a second time."""
_FEW = 3
_RELATED = frozenset({"differ", "equal after rounding"})
"""Verdicts on weights for which relations are looked for."""
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Effort:
    """Which work may be done to find the answer."""

    run: bool = True
    """Run both networks."""
    weights: bool = True
    """Compare the weights that both hold; running does so too."""
    prove: bool = False
    """Put the first network's drawn weights into the second, even where both have their own."""
    download: bool = False
    """Fetch published weights that are not on this machine."""
    seed: int = 0
    value_range: tuple[float, float] | None = None
    """The least and the largest value of inputs; several ranges are tried without."""


@dataclass(frozen=True)
class Comparison:
    """The answer with the diff of graphs, the diff of weights and the proof that it rests on."""

    answer: Answer
    diff: Diff
    weights: WeightsDiff | None = None
    proof: Proof | None = None


def compare(
    engine: WorkerPool,
    a: Entry,
    b: Entry,
    effort: Effort = Effort(),
    *,
    without: Sequence[str] = (),
    progress: Progress = lambda text: None,
) -> Comparison:
    """Return whether two entries compute the same function, and the causes if they do not.

    ``without`` names passes to leave out of the comparison of graphs. Raises MeasurementError
    where an entry cannot be built, UsageError for an unknown pass.
    """
    sides = (a, b)
    progress(f"building {a} and {b}")
    graphs = [graph_of(engine, x, role="run", threads=2) for x in sides]
    diff = compare_graphs(graphs[0], graphs[1], str(a.ref), str(b.ref), without=without)
    if not (effort.run or effort.weights or effort.prove):
        return Comparison(from_graphs(diff, "weights and outputs were not compared"), diff)
    have_weights = all(x.weights is not None for x in sides)
    reason = "" if have_weights else "the weights are drawn"
    if have_weights and (effort.run or effort.weights):
        try:
            comparison = _with_own_weights(engine, sides, diff, effort, progress)
        except WeightsUnavailableError as error:
            reason = str(error)
        else:
            if comparison is not None:
                proof = _proof(engine, sides, effort, progress) if effort.prove else None
                return replace(comparison, proof=proof)
            reason = "the files hold placeholders in place of weights"
    if not (effort.run or effort.prove):
        return Comparison(from_graphs(diff, f"weights were not compared: {reason}"), diff)
    progress(f"running {a} and {b} with equal weights")
    proof = _proof(engine, sides, effort, progress)
    return Comparison(from_proof(diff, proof, sides, reason), diff, None, proof)


def _with_own_weights(
    engine: WorkerPool, sides: Sequence[Entry], diff: Diff, effort: Effort, progress: Progress
) -> Comparison | None:
    """The answer from the weights in both entries; None where these are placeholders.

    Raises WeightsUnavailableError where weights are not on this machine.
    """
    try:
        if not effort.run:
            return _weights_alone(engine, sides, diff, effort, progress)
        case = _case(engine, sides, diff, effort, progress)
    except WeightsUnavailableError:
        raise
    except MeasurementError as error:
        return Comparison(from_graphs(diff, f"the networks could not be run: {error}"), diff)
    if "placeholder" in {run.weights_state for run in case.runs}:
        return None
    return Comparison(decide(case), diff, case.compared)


def _weights_alone(
    engine: WorkerPool, sides: Sequence[Entry], diff: Diff, effort: Effort, progress: Progress
) -> Comparison:
    stored = []
    for entry in sides:
        progress(f"reading the weights of {entry}")
        stored.append(weights_of(engine, entry, effort.seed, fetch=effort.download))
    compared = compare_weights(diff, stored[0], stored[1])
    return Comparison(from_weights(diff, compared), diff, compared)


def _case(
    engine: WorkerPool, sides: Sequence[Entry], diff: Diff, effort: Effort, progress: Progress
) -> Case:
    """Run both and compare their weights."""
    shapes = [probes.input_shape(side.canonical) for side in (diff.a, diff.b)]
    if shapes[0] != shapes[1]:
        words = " and ".join("x".join(map(str, shape[1:])) for shape in shapes)
        raise MeasurementError(f"their inputs have different sizes, {words}")
    inputs = probes.probes(diff.a.canonical, seed=effort.seed, value_range=effort.value_range)
    larger = probes.other_size(shapes[0])
    resized = None if larger is None else inputs[0].resized(larger, effort.seed)
    large = max(diff.a.counts.macs, diff.b.counts.macs) > _LARGE
    questions = Questions(inputs, resized, moved=_FEW if large else len(inputs))
    runs: list[Execution] = []
    for entry in sides:
        progress(f"running {entry}")
        runs.append(execute(engine, entry, questions, seed=effort.seed, fetch=effort.download))
    weights: tuple[dict[str, Any], dict[str, Any]] | None = None
    compared, problem = None, next((r.without_weights for r in runs if r.without_weights), "")
    if not problem:
        try:
            weights = (
                canonical(diff.a.canonical, runs[0].weights),
                canonical(diff.b.canonical, runs[1].weights),
            )
            steps = (
                canonical_steps(diff.a.canonical, runs[0].weights),
                canonical_steps(diff.b.canonical, runs[1].weights),
            )
            compared = compare_aligned(diff.alignment, *weights, steps)
        except MeasurementError as error:
            problem = str(error)
    related: tuple[WeightRelation, ...] = ()
    if weights is not None and compared is not None and compared.sameness in _RELATED:
        progress(f"relating the weights of {sides[0]} and {sides[1]}")
        try:
            related = relations(diff, *weights, compared)
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
            # The answer rests on outputs: an error here must not lose it.
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:120]
            sentence = (
                f"how they are related is not known (internal error, {reason}; please report it)"
            )
            related = (WeightRelation("unrelated", (), sentence),)
    bare = [replace(run, weights={}) for run in runs]
    return Case(diff, questions, (bare[0], bare[1]), weights, problem, compared, related)


def _proof(engine: WorkerPool, sides: Sequence[Entry], effort: Effort, progress: Progress) -> Proof:
    """Run both with equal weights, drawn for the purpose.

    Networks whose structure depends on published weights are taken as they are with random ones.
    """
    entries = [registry.resolve(x.ref.with_weights("random")) for x in sides]
    graphs = [graph_of(engine, x, role="run", threads=2) for x in entries]
    diff = compare_graphs(graphs[0], graphs[1], *(str(x.ref) for x in entries))

    def runner(entry: Entry) -> Native:
        return lambda weights, image: run_with(engine, entry, weights, image)

    return prove(diff, (runner(entries[0]), runner(entries[1])), seed=effort.seed)
