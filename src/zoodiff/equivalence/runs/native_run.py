"""A network run in its own framework, with weights that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.exchange import LARGEST_REPLY
from zoodiff.workers.messages import Load
from zoodiff.zoos.files.entries import FileEntry
from zoodiff.zoos.registry import Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HANDLE = "proof"
_EXPANSION = 8
"""Most bytes of weights per byte of a file: eight bits read as float64."""


def run_with(
    engine: WorkerPool,
    entry: Entry,
    weights: Mapping[str, NDArray[Any]],
    given: NDArray[Any] | Mapping[str, NDArray[Any]],
    *,
    threads: int = 2,
) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """Build the entry with random weights, put ``weights`` in, run one image or named inputs.

    ``weights`` are by the names and in the shapes of the entry's graph, ``given`` is an image (1,
    channels, height, width), of which the first output is returned, or arrays by the name of the
    input, of which all are. Raises MeasurementError where the framework cannot.
    """
    worker = engine.worker(entry.worker, "run", threads=threads)
    name = entry.model.name
    worker.load(
        Load(_HANDLE, entry.worker_model, "random", seed=0, threads=threads),
        doing=f"building {name} with random weights",
    )
    worker.assign(_HANDLE, weights, doing=f"putting weights into {name}")
    outputs: NDArray[Any] | dict[str, NDArray[Any]]
    if isinstance(given, Mapping):
        outputs = worker.run_named(_HANDLE, dict(given), doing=f"running {name}")
    else:
        outputs = worker.run(_HANDLE, given.astype(np.float32), doing=f"running {name}")
    worker.unload(_HANDLE, doing=f"dropping {name}")
    every = outputs.values() if isinstance(outputs, dict) else (outputs,)
    if not all(np.isfinite(each).all() for each in every):
        raise MeasurementError(f"{entry.model.name} gives outputs that are no numbers")
    return outputs


def weights_of(
    engine: WorkerPool, entry: Entry, seed: int = 0, *, fetch: bool = True, threads: int = 2
) -> dict[str, NDArray[Any]]:
    """All weights of an entry, by the names of its graph, as its framework stores them.

    ``seed`` is for entries with random weights; published ones are fetched only with ``fetch``.

    Raises WeightsUnavailableError where published weights cannot be had, MeasurementError where
    the framework cannot give them.
    """
    worker = engine.worker(entry.worker, "run", threads=threads)
    return _read(worker, entry, seed, None, fetch)[0]


def weights_and_outputs(
    engine: WorkerPool, entry: Entry, image: NDArray[Any], *, seed: int = 0, role: str = "run"
) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """As ``weights_of``, and the outputs for one image, (1, channels, height, width)."""
    weights, outputs = _read(engine.worker(entry.worker, role, threads=2), entry, seed, image)
    assert outputs is not None
    return weights, outputs


def _read(
    worker: WorkerClient,
    entry: Entry,
    seed: int,
    image: NDArray[Any] | None,
    fetch: bool = True,
) -> tuple[dict[str, NDArray[Any]], NDArray[Any] | None]:
    name = entry.model.name
    worker.load(
        Load(_HANDLE, entry.worker_model, entry.weights_name, seed=seed, threads=2, fetch=fetch),
        doing=f"loading the weights of {name}",
    )
    outputs = None
    if image is not None:
        outputs = worker.run(_HANDLE, image.astype(np.float32), doing=f"running {name}")
    weights = worker.weights(
        _HANDLE, doing=f"reading the weights of {name}", most=most_bytes(worker, entry)
    )
    worker.unload(_HANDLE, doing=f"dropping {name}")
    return weights, outputs


def most_bytes(worker: WorkerClient, entry: Entry) -> int:
    """The most bytes of memory that an entry's weights may take.

    A file may hold them compressed, or as bytes that are read as float32, but not a few bytes that
    become gigabytes; a zoo's own architecture says by itself how many weights it has.
    """
    if isinstance(entry, FileEntry):
        return LARGEST_REPLY + _EXPANSION * entry.stamp[0]
    return worker.limits.memory
