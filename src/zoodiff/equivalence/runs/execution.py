"""Networks run in their own runtimes, with the weights that they hold, on generated inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.named_probes import NamedProbe
from zoodiff.equivalence.runs.native_run import most_bytes
from zoodiff.equivalence.runs.probes import Probe
from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.messages import Load
from zoodiff.zoos.registry import Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

HANDLE = "answer"
"""Of the network that a worker runs."""
BATCH = 3
"""Images of the batch that is tried beside single ones."""


Outputs = tuple["NDArray[Any]", ...]
"""The outputs of one run that are compared; of a batch of images the first."""


@dataclass(frozen=True)
class Questions:
    """The inputs on which networks are run."""

    probes: tuple[Probe, ...] | tuple[NamedProbe, ...]
    other_size: NDArray[np.float32] | None = None
    """An image of another size, (1, channels, rows, columns)."""
    moved: int = 0
    """How many of the probes are run again, moved by one unit in the last place."""
    inputs: tuple[str, ...] = ()
    """What named inputs are given, one sentence each; empty for images."""
    outputs: tuple[tuple[int, int], ...] | None = None
    """Positions of the outputs that are compared; None for the first of images."""
    paired: tuple[str, ...] = ()
    """Which outputs are compared with which, in words."""
    untried: tuple[str, ...] = ()
    """Which ids of a vocabulary were tried where not all were, one sentence each."""
    notes: tuple[str, ...] = ()
    """Where the networks part outside of the inputs that decide, one sentence each."""
    unread: tuple[str, ...] = ()
    """Inputs that nothing reads and what they are given, one sentence each."""
    other_sizes: str = ""
    """Shapes of as many outputs with other numbers of values, in words: another function."""
    doubt: str = ""
    """Why outputs that agree prove nothing."""

    @property
    def images(self) -> bool:
        """Whether networks are run on one batch of images."""
        return self.outputs is None


@dataclass(frozen=True)
class Execution:
    """The outputs and weights of one network."""

    outputs: tuple[Outputs, ...]
    """Of each probe."""
    moved: tuple[Outputs, ...]
    """Of the first probes, moved by one unit in the last place."""
    repeated: tuple[Outputs, ...]
    """Of the first probe, run again."""
    batch: NDArray[Any] | None = None
    """Of the first probes in one batch, one row per image; None where it takes no batch."""
    other_size: NDArray[Any] | None = None
    """Of the image of another size; None where it takes none."""
    weights: dict[str, NDArray[Any]] = field(default_factory=dict)
    """By the names of the entry's graph, as its framework stores them."""
    without_weights: str = ""
    """Why the weights could not be read."""
    weights_state: str = ""


def execute(
    engine: WorkerPool,
    entry: Entry,
    questions: Questions,
    *,
    seed: int = 0,
    fetch: bool = False,
    threads: int = 2,
) -> Execution:
    """Run an entry with its own weights, and read these.

    Published weights that are not on this machine are fetched only with ``fetch``. Raises
    WeightsUnavailableError where they cannot be had, MeasurementError where the entry cannot be
    loaded or run at all.
    """
    worker = engine.worker(entry.worker, "run", threads=threads)
    name = entry.model.name
    loaded = worker.load(
        Load(
            HANDLE, entry.worker_model, entry.weights_name, seed=seed, threads=threads, fetch=fetch
        ),
        doing=f"loading {name} with its weights",
    )
    doing = f"running {name}"
    images = [probe for probe in questions.probes if isinstance(probe, Probe)]
    outputs = tuple((_one(worker, p.values, doing),) for p in images)
    moved = tuple((_one(worker, p.moved(), doing),) for p in images[: questions.moved])
    first = images[0].values
    repeated = ((_one(worker, first, doing),),)
    weights, problem = read_weights(worker, entry)
    # Inputs that a network may refuse come last, since a runtime may crash on them.
    stacked = np.concatenate([p.values for p in images[:BATCH]])
    batch = _tried(worker, stacked) if len(first) == 1 else None
    other_size = None
    if questions.other_size is not None:
        other_size = _tried(worker, questions.other_size)
    drop(worker, name)
    return Execution(
        outputs, moved, repeated, batch, other_size, weights, problem, str(loaded.weights_state)
    )


def _one(worker: WorkerClient, values: NDArray[Any], doing: str) -> NDArray[Any]:
    return worker.run(HANDLE, values, doing=doing)


def read_weights(worker: WorkerClient, entry: Entry) -> tuple[dict[str, NDArray[Any]], str]:
    """Return the weights of the network that is loaded, or why they cannot be read."""
    try:
        doing = f"reading the weights of {entry.model.name}"
        return worker.weights(HANDLE, doing=doing, most=most_bytes(worker, entry)), ""
    except MeasurementError as error:
        return {}, str(error)


def _tried(worker: WorkerClient, values: NDArray[Any]) -> NDArray[Any] | None:
    """The outputs for an input; None where the network refuses it."""
    try:
        return _one(worker, values, "trying another batch or size")
    except ZoodiffError:
        return None


def drop(worker: WorkerClient, name: str) -> None:
    """Drop the network; ignored where the worker crashed on the last input."""
    try:
        worker.unload(HANDLE, doing=f"dropping {name}")
    except ZoodiffError:
        return


def runs_of(outputs: Sequence[NDArray[Any]]) -> bool:
    """Whether every output is finite."""
    return all(bool(np.isfinite(x).all()) for x in outputs)
