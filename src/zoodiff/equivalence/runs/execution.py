"""Networks run in their own runtimes, with the weights that they hold, on generated inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.native_run import most_bytes
from zoodiff.equivalence.runs.probes import Probe
from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.messages import Load
from zoodiff.zoos.registry import Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HANDLE = "answer"
BATCH = 3
"""Images of the batch that is tried beside single ones."""


@dataclass(frozen=True)
class Questions:
    """The inputs on which networks are run."""

    probes: tuple[Probe, ...]
    other_size: NDArray[np.float32] | None = None
    """An image of another size, (1, channels, rows, columns)."""
    moved: int = 0
    """How many of the probes are run again, moved by one unit in the last place."""


@dataclass(frozen=True)
class Execution:
    """The outputs and weights of one network."""

    outputs: tuple[NDArray[Any], ...]
    """Of each probe."""
    moved: tuple[NDArray[Any], ...]
    """Of the first probes, moved by one unit in the last place."""
    repeated: tuple[NDArray[Any], ...]
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
            _HANDLE, entry.worker_model, entry.weights_name, seed=seed, threads=threads, fetch=fetch
        ),
        doing=f"loading {name} with its weights",
    )
    doing = f"running {name}"
    outputs = tuple(_one(worker, p.values, doing) for p in questions.probes)
    moved = tuple(_one(worker, p.moved(), doing) for p in questions.probes[: questions.moved])
    first = questions.probes[0].values
    repeated = (_one(worker, first, doing),)
    weights, problem = _weights(worker, entry)
    # Inputs that a network may refuse come last, since a runtime may crash on them.
    stacked = np.concatenate([p.values for p in questions.probes[:BATCH]])
    batch = _tried(worker, stacked) if len(first) == 1 else None
    other_size = None
    if questions.other_size is not None:
        other_size = _tried(worker, questions.other_size)
    _drop(worker, name)
    return Execution(
        outputs, moved, repeated, batch, other_size, weights, problem, str(loaded.weights_state)
    )


def _one(worker: WorkerClient, values: NDArray[Any], doing: str) -> NDArray[Any]:
    return worker.run(_HANDLE, values, doing=doing)


def _weights(worker: WorkerClient, entry: Entry) -> tuple[dict[str, NDArray[Any]], str]:
    try:
        doing = f"reading the weights of {entry.model.name}"
        return worker.weights(_HANDLE, doing=doing, most=most_bytes(worker, entry)), ""
    except MeasurementError as error:
        return {}, str(error)


def _tried(worker: WorkerClient, values: NDArray[Any]) -> NDArray[Any] | None:
    """The outputs for an input; None where the network refuses it."""
    try:
        return _one(worker, values, "trying another batch or size")
    except ZoodiffError:
        return None


def _drop(worker: WorkerClient, name: str) -> None:
    """Drop the network; ignored where the worker crashed on the last input."""
    try:
        worker.unload(_HANDLE, doing=f"dropping {name}")
    except ZoodiffError:
        return


def runs_of(outputs: Sequence[NDArray[Any]]) -> bool:
    """Whether every output is finite."""
    return all(bool(np.isfinite(x).all()) for x in outputs)
