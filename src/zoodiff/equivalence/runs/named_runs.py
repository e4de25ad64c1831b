"""Two networks run on named inputs, and the outputs that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.execution import (
    HANDLE,
    Execution,
    Outputs,
    Questions,
    drop,
    read_weights,
)
from zoodiff.equivalence.runs.named_inputs import NamedInput
from zoodiff.equivalence.runs.named_outputs import pair_outputs
from zoodiff.equivalence.runs.named_probes import NamedProbe, untried
from zoodiff.equivalence.tolerance import largest_deviation, scales_of
from zoodiff.errors import MeasurementError
from zoodiff.workers.messages import Load
from zoodiff.zoos.registry import Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class NamedRun:
    """How one of the two networks is run."""

    side: int
    """0 for the first, 1 for the second."""
    seed: int = 0
    fetch: bool = False
    """Whether published weights that are not on this machine are fetched."""
    threads: int = 2


@dataclass(frozen=True)
class NamedRuns:
    """The runs of one network on named inputs, all outputs by name."""

    outputs: tuple[dict[str, NDArray[Any]], ...]
    moved: tuple[dict[str, NDArray[Any]], ...]
    repeated: dict[str, NDArray[Any]]
    weights: dict[str, NDArray[Any]]
    without_weights: str
    weights_state: str

    def chosen(self, positions: Sequence[int], probes: Sequence[int]) -> Execution:
        """Return some outputs for some of the probes, without the weights."""

        def of(outputs: dict[str, NDArray[Any]]) -> Outputs:
            listed = list(outputs.values())
            return tuple(listed[k] for k in positions)

        return Execution(
            tuple(of(self.outputs[k]) for k in probes),
            tuple(of(self.moved[k]) for k in probes),
            (of(self.repeated),),
            without_weights=self.without_weights,
            weights_state=self.weights_state,
        )


def execute_named(
    engine: WorkerPool, entry: Entry, probes: Sequence[NamedProbe], how: NamedRun
) -> NamedRuns:
    """Run an entry on named inputs with its own weights, and read these.

    Raises WeightsUnavailableError where the weights cannot be had, MeasurementError where the entry
    cannot be loaded or run.
    """
    worker = engine.worker(entry.worker, "run", threads=how.threads)
    name = entry.model.name
    request = Load(
        HANDLE,
        entry.worker_model,
        entry.weights_name,
        seed=how.seed,
        threads=how.threads,
        fetch=how.fetch,
    )
    loaded = worker.load(request, doing=f"loading {name} with its weights")

    def run(inputs: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return worker.run_named(HANDLE, inputs, doing=f"running {name}")

    outputs = tuple(run(probe.own(how.side)) for probe in probes)
    moved = tuple(run(probe.moved(how.side)) for probe in probes)
    repeated = run(probes[0].own(how.side))
    weights, problem = read_weights(worker, entry)
    drop(worker, name)
    return NamedRuns(outputs, moved, repeated, weights, problem, str(loaded.weights_state))


def questions_of(
    inputs: Sequence[NamedInput], probes: Sequence[NamedProbe], runs: tuple[NamedRuns, NamedRuns]
) -> tuple[Questions, tuple[Execution, Execution]]:
    """Return the inputs that decide, and the outputs of both networks that are compared.

    A mask that is the same everywhere may hide everything, and what a network gives then is left to
    its runtime; such an input does not decide where one network gives no number for it. Raises
    MeasurementError where no output of one fits one of the other.
    """
    paired = pair_outputs(runs[0].outputs[0], runs[1].outputs[0])
    if not paired.pairs:
        raise MeasurementError("no output of one has the shape of an output of the other")
    positions = [[pair[side] for pair in paired.pairs] for side in (0, 1)]
    every = range(len(probes))
    whole = [run.chosen(positions[side], every) for side, run in enumerate(runs)]
    hidden = [k for k in every if probes[k].masks_alike and not _finite(whole, k)]
    deciding = [k for k in every if k not in hidden]
    apart = [k for k in hidden if not _equal(whole[0].outputs[k], whole[1].outputs[k])]
    kept = tuple(probes[k] for k in deciding)
    lacking = ", ".join(paired.unpaired)
    questions = Questions(
        kept,
        moved=len(kept),
        inputs=tuple(each.sentence for each in inputs),
        outputs=paired.pairs,
        paired=paired.sentences,
        untried=tuple(untried(inputs, kept)),
        notes=("they differ where a mask is the same everywhere",) if apart else (),
        doubt=f"these outputs have no counterpart: {lacking}" if lacking else "",
        other_sizes=paired.other_sizes if all(map(_of_fixed_sizes, runs)) else "",
    )
    return questions, (
        runs[0].chosen(positions[0], deciding),
        runs[1].chosen(positions[1], deciding),
    )


def _of_fixed_sizes(run: NamedRuns) -> bool:
    """Whether the outputs have the same shapes for all inputs."""
    shapes = [[array.shape for array in outputs.values()] for outputs in run.outputs]
    return all(each == shapes[0] for each in shapes)


def _finite(runs: Sequence[Execution], k: int) -> bool:
    return all(bool(np.isfinite(x).all()) for run in runs for x in run.outputs[k])


def _equal(a: Outputs, b: Outputs) -> bool:
    return bool(np.isfinite(largest_deviation(a, b, scales_of(a, b))))
