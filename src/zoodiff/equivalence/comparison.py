"""Compare two entries by graphs, weights and outputs, as far as available, and give one answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from zoodiff.architecture.describe import graph_of
from zoodiff.architecture.diff import Diff
from zoodiff.architecture.diff import diff as compare_graphs
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.activation_scales import with_activation_scales
from zoodiff.equivalence.answer import Answer
from zoodiff.equivalence.decision import decide
from zoodiff.equivalence.layer_outputs import (
    LayerOutputs,
    compare_drawn_layers,
    compare_layers,
)
from zoodiff.equivalence.normalisation import compare_normalisation
from zoodiff.equivalence.outputs import Case
from zoodiff.equivalence.proof import Native, Proof, not_proved, prove
from zoodiff.equivalence.runs import named_inputs, probes
from zoodiff.equivalence.runs.execution import (
    Execution,
    Questions,
    execute,
)
from zoodiff.equivalence.runs.named_inputs import StatedInput
from zoodiff.equivalence.runs.named_probes import NamedProbe, named_probes
from zoodiff.equivalence.runs.named_runs import NamedRun, NamedRuns, execute_named, questions_of
from zoodiff.equivalence.runs.native_run import run_with, weights_of
from zoodiff.equivalence.runs.sides import Sides
from zoodiff.equivalence.runs.sides import sides as workers_of
from zoodiff.equivalence.runs.sizes import at_one_size, at_shapes
from zoodiff.equivalence.stored_order import FLATTENING, stored_orders
from zoodiff.equivalence.symmetries import WeightRelation, relations
from zoodiff.equivalence.tables import equal_tables
from zoodiff.equivalence.unrun import NOTHING_COMPARED, from_graphs, from_proof, from_weights
from zoodiff.equivalence.weights.rounded_weights import canonical_steps
from zoodiff.equivalence.weights.weight_diff import (
    WeightsDiff,
    compare_aligned,
    compare_weights,
    own_weights,
)
from zoodiff.errors import MeasurementError, UnknownInputsError, WeightsUnavailableError
from zoodiff.graph.ir import Graph
from zoodiff.graph.weights import Weights
from zoodiff.zoos import registry
from zoodiff.zoos.files.entries import FileEntry
from zoodiff.zoos.registry import Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    layers: bool = False
    """Compare the outputs of aligned layers, too, in the interpreter."""
    inputs: tuple[StatedInput, ...] = ()
    """What is said of the inputs; networks are then run on named inputs."""


@dataclass(frozen=True)
class Comparison:
    """The answer with the diff of graphs, the diff of weights and the proof that it rests on."""

    answer: Answer
    diff: Diff
    weights: WeightsDiff | None = None
    proof: Proof | None = None
    relations: tuple[WeightRelation, ...] = ()
    """How weights that differ, or are stored in another order, are related."""
    layers: LayerOutputs | None = None
    """How far the outputs of aligned layers are apart; None where that was not asked for."""


def compare(
    engine: WorkerPool,
    a: Entry,
    b: Entry,
    effort: Effort = Effort(),
    *,
    without: Sequence[str] = (),
    concurrent: bool = False,
    progress: Progress = lambda text: None,
) -> Comparison:
    """Return whether two entries compute the same function, and the causes if they do not.

    ``without`` names passes to leave out of the comparison of graphs; with ``concurrent`` both
    entries are built and run at the same time, in workers of their own. Raises MeasurementError
    where an entry cannot be built, UsageError for an unknown pass.
    """
    with workers_of(engine, a, b, concurrent=concurrent) as sides:
        return _compare(sides, effort, without, progress)


def _compare(
    sides: Sides, effort: Effort, without: Sequence[str], progress: Progress
) -> Comparison:
    a, b = sides.entries
    progress(f"building {a} and {b}")
    sides, diff = _diff(sides, without, effort.inputs)
    if not (effort.run or effort.weights or effort.prove):
        return Comparison(from_graphs(diff, NOTHING_COMPARED), diff)
    have_weights = a.weights is not None and b.weights is not None
    reason = "" if have_weights else "the weights are drawn"
    if have_weights and (effort.run or effort.weights):
        try:
            comparison = _with_own_weights(sides, diff, effort, progress)
        except WeightsUnavailableError as error:
            reason = str(error)
        else:
            if comparison is not None:
                proof = _proof(sides, effort) if effort.prove else None
                return replace(comparison, proof=proof)
            reason = "the files hold placeholders in place of weights"
    if not all(entry.takes_weights for entry in sides.entries):
        reason = f"graphs alone were compared: {reason}"
        return Comparison(from_graphs(diff, reason), diff)
    if not (effort.run or effort.prove):
        return Comparison(from_graphs(diff, f"weights were not compared: {reason}"), diff)
    progress(f"running {a} and {b} with equal weights")
    proof = _proof(sides, effort)
    answer = from_proof(diff, proof, sides.entries, reason, sides.unread)
    layers = None
    if effort.layers:
        progress(f"comparing the layers of {a} and {b}")
        layers = compare_drawn_layers(diff, seed=effort.seed, rounding=proof.control)
    return Comparison(answer, diff, None, proof, layers=layers)


def _with_own_weights(
    sides: Sides, diff: Diff, effort: Effort, progress: Progress
) -> Comparison | None:
    """The answer from the weights in both entries; None where these are placeholders.

    Raises WeightsUnavailableError where weights are not on this machine.
    """
    try:
        if not effort.run:
            return _weights_alone(sides, diff, effort, progress)
        case = _case(sides, diff, effort, progress)
    except WeightsUnavailableError:
        raise
    except MeasurementError as error:
        return Comparison(from_graphs(diff, f"the networks could not be run: {error}"), diff)
    if "placeholder" in {run.weights_state for run in case.runs}:
        return None
    answer = decide(case)
    return Comparison(
        answer,
        case.diff,
        case.compared,
        relations=case.relations,
        layers=_layers(case, answer, effort, progress) if effort.layers else None,
    )


def _layers(case: Case, answer: Answer, effort: Effort, progress: Progress) -> LayerOutputs:
    """How far the outputs of aligned layers are apart, each network with its own weights."""
    if case.weights is None:
        return LayerOutputs(reason=case.no_weights or "the weights could not be read")
    progress(f"comparing the layers of {case.diff.a.name} and {case.diff.b.name}")
    rounding = answer.evidence.outputs.rounding
    return compare_layers(case.diff, *case.weights, seed=effort.seed, rounding=rounding)


def _weights_alone(sides: Sides, diff: Diff, effort: Effort, progress: Progress) -> Comparison:
    progress(f"reading the weights of {sides.entries[0]} and {sides.entries[1]}")

    def read(pool: WorkerPool, entry: Entry) -> dict[str, NDArray[Any]]:
        return weights_of(pool, entry, effort.seed, fetch=effort.download, threads=sides.threads)

    stored = sides.ask(read, _parameters(diff))
    compared = compare_weights(diff, stored[0], stored[1])
    return Comparison(from_weights(diff, compared), diff, compared)


def _case(sides: Sides, diff: Diff, effort: Effort, progress: Progress) -> Case:
    """Run both and compare their weights."""
    if named_inputs.are_needed(diff) or not _takes_images(sides, diff, effort):
        return _named_case(sides, diff, effort, progress)
    shapes = [probes.input_shape(side.canonical) for side in (diff.a, diff.b)]
    if shapes[0] != shapes[1]:
        words = " and ".join("x".join(map(str, shape[1:])) for shape in shapes)
        raise MeasurementError(f"their inputs have different sizes, {words}")
    inputs = probes.probes(diff.a.canonical, seed=effort.seed, value_range=effort.value_range)
    inputs = (*inputs, *probes.examples(effort.inputs, shapes[0]))
    larger = probes.other_size(shapes[0])
    resized = None if larger is None else inputs[0].resized(larger, effort.seed)
    large = max(diff.a.counts.macs, diff.b.counts.macs) > _LARGE
    moved = _FEW if large else len(inputs)
    questions = Questions(inputs, resized, moved, unread=sides.unread)
    progress(f"running {sides.entries[0]} and {sides.entries[1]}")

    def run(pool: WorkerPool, entry: Entry) -> Execution:
        return execute(
            pool,
            entry,
            questions,
            seed=effort.seed,
            fetch=effort.download,
            threads=sides.threads,
        )

    runs = sides.ask(run, _parameters(diff))
    bare = tuple(replace(run, weights={}) for run in runs)
    case = Case(with_activation_scales(diff), questions, (bare[0], bare[1]), None, "", None)
    return _with_weights(case, (runs[0].weights, runs[1].weights), runs, progress)


def _takes_images(sides: Sides, diff: Diff, effort: Effort) -> bool:
    """Whether both networks are run on a batch, of which the first output is compared.

    Objects are run on named inputs where they have several outputs.
    """
    several = any(len(side.canonical.outputs) > 1 for side in (diff.a, diff.b))
    held = not all(entry.takes_weights for entry in sides.entries)
    batch = all(each.example is None or len(each.example) == 1 for each in effort.inputs)
    ranged = any(each.low is not None for each in effort.inputs)
    return batch and not ranged and not (held and several)


def _named_case(sides: Sides, diff: Diff, effort: Effort, progress: Progress) -> Case:
    """Run both on named inputs and compare their weights."""
    inputs = named_inputs.named_inputs(diff, effort.inputs)
    if effort.value_range is not None:
        low, high = effort.value_range
        inputs = tuple(
            replace(each, low=low, high=high) if each.kind == "real" else each for each in inputs
        )
    macs = max(diff.a.counts.macs, diff.b.counts.macs)
    drawn = named_probes(inputs, seed=effort.seed, macs=macs)
    progress(f"running {sides.entries[0]} and {sides.entries[1]}")

    def run(pool: WorkerPool, entry: Entry) -> NamedRuns:
        side = 0 if entry is sides.entries[0] else 1
        how = NamedRun(side, effort.seed, fetch=effort.download, threads=sides.threads)
        return execute_named(pool, entry, drawn, how)

    runs = sides.ask(run, _parameters(diff))
    questions, chosen = questions_of(inputs, drawn, runs)
    questions = replace(questions, unread=sides.unread)
    case = Case(with_activation_scales(diff), questions, chosen, None, "", None)
    return _with_weights(case, (runs[0].weights, runs[1].weights), chosen, progress)


def _with_weights(
    case: Case,
    stored: tuple[Weights, Weights],
    runs: Sequence[Execution],
    progress: Progress,
) -> Case:
    """Add the comparison of the weights that both store, or why they cannot be compared."""
    problem = next((run.without_weights for run in runs if run.without_weights), "")
    if problem:
        return replace(case, no_weights=problem)
    graphs = case.diff.a.canonical, case.diff.b.canonical
    try:
        weights = own_weights(case.diff.a, stored[0]), own_weights(case.diff.b, stored[1])
        steps = canonical_steps(graphs[0], stored[0]), canonical_steps(graphs[1], stored[1])
        compared = compare_aligned(case.diff.alignment, *weights, steps)
    except MeasurementError as error:
        tables_equal = equal_tables(case.diff, stored)
        return replace(case, no_weights=str(error), tables_equal=tables_equal)
    if compared.sameness in _RELATED:
        progress(f"relating the weights of {case.diff.a.name} and {case.diff.b.name}")
    related = _related(case.diff, weights, stored, compared)
    known = compare_normalisation(case.diff, *weights, compared, related)
    return replace(
        case,
        diff=known.diff,
        weights=weights,
        compared=known.compared,
        relations=known.relations,
        normalisation=known.finding,
    )


def _related(
    diff: Diff,
    weights: tuple[Weights, Weights],
    stored: tuple[Weights, Weights],
    compared: WeightsDiff,
) -> tuple[WeightRelation, ...]:
    """How weights that differ, or are stored in another order, are related."""
    try:
        related = relations(diff, *weights, compared) if compared.sameness in _RELATED else ()
        named = {r.layers for r in related if r.kind == FLATTENING}
        orders = stored_orders(diff.alignment, *stored)
        return (*related, *(r for r in orders if r.layers not in named))
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
        # The answer rests on outputs: an error here must not lose it.
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:120]
        sentence = f"how they are related is not known (internal error, {reason}; please report it)"
        return (WeightRelation("unrelated", (), sentence),)


def _diff(
    sides: Sides, without: Sequence[str] = (), inputs: Sequence[StatedInput] = ()
) -> tuple[Sides, Diff]:
    """Describe both entries in the workers that run them later, and compare their graphs.

    The entries that come back may be files at another size than their usual one.
    """

    said = {each.name: each.shape for each in inputs if each.shape is not None}
    known: list[Graph] = []

    def describe(pool: WorkerPool, entry: Entry) -> Graph:
        graph = graph_of(pool, entry, role="run", threads=sides.threads)
        known.append(graph)
        return named_inputs.without_unread(at_shapes(pool, entry, graph, said, sides.threads))

    names = [str(entry.ref) for entry in sides.entries]
    try:
        described = sides.ask(describe)
    except UnknownInputsError as error:
        takes = [f"{graph.source} takes {named_inputs.listed(graph)}" for graph in known]
        raise UnknownInputsError("; ".join((str(error.args[0]), *takes))) from None
    sized, graphs = at_one_size(sides, described, describe)
    named_inputs.check_names(known, inputs)
    graphs = graphs[0], named_inputs.in_order_of(*graphs)
    unread = dict.fromkeys(sentence for graph in known for sentence in named_inputs.unread(graph))
    return sized.with_unread(tuple(sorted(unread))), compare_graphs(
        *graphs, *names, without=without
    )


def _parameters(diff: Diff) -> int:
    return diff.a.counts.parameters + diff.b.counts.parameters


def prove_entries(
    engine: WorkerPool, a: Entry, b: Entry, effort: Effort = Effort()
) -> tuple[Diff, Proof]:
    """Return the diff of two entries with random weights, and the proof from running both.

    Raises MeasurementError where an entry cannot be built.
    """
    with workers_of(engine, a, b, concurrent=False) as sides:
        return _proved(sides, effort)


def _proof(sides: Sides, effort: Effort) -> Proof:
    return _proved(sides, effort)[1]


def _proved(sides: Sides, effort: Effort) -> tuple[Diff, Proof]:
    """Run both with equal weights, drawn for the purpose.

    Networks whose structure depends on published weights are taken as they are with random ones.
    """
    a, b = (_with_random_weights(entry) for entry in sides.entries)
    drawn, diff = _diff(sides.with_entries((a, b)), (), effort.inputs)

    def runner(pool: WorkerPool, entry: Entry) -> Native:
        return lambda weights, given: run_with(pool, entry, weights, given, threads=sides.threads)

    runners = tuple(map(runner, drawn.pools, drawn.entries))
    probes: tuple[NamedProbe, ...] = ()
    if named_inputs.are_needed(diff) or not _takes_images(drawn, diff, effort):
        try:
            inputs = named_inputs.named_inputs(diff, effort.inputs)
        except MeasurementError as error:
            return diff, not_proved(str(error))
        probes = named_probes(inputs, seed=effort.seed)
    return diff, prove(diff, (runners[0], runners[1]), seed=effort.seed, probes=probes)


def _with_random_weights(entry: Entry) -> Entry:
    if isinstance(entry, FileEntry):  # its name need not be its path
        return replace(entry, weights=None)
    return registry.resolve(entry.ref.with_weights("random"))
