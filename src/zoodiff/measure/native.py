"""A network run in its own framework, with weights that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.engines.local import LocalEngine
from zoodiff.errors import MeasurementError
from zoodiff.workers.exchange import LARGEST_REPLY
from zoodiff.workers.process import Worker
from zoodiff.zoos.files.entries import FileEntry
from zoodiff.zoos.registry import Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HANDLE = "proof"
_EXPANSION = 8
"""Bytes of weights for each byte of a file: eight bits read as float64."""


def run_with(
    engine: LocalEngine, entry: Entry, weights: Mapping[str, NDArray[Any]], image: NDArray[Any]
) -> NDArray[Any]:
    """Build the entry with random weights, put ``weights`` in, run one image.

    ``weights`` are by the names and in the shapes of the entry's graph, ``image`` is (1, channels,
    height, width). Raises MeasurementError where the framework cannot.
    """
    worker = engine.worker(entry.zoo, "run", threads=2)
    worker.call(
        "load",
        doing=f"building {entry.model.name} with random weights",
        handle=_HANDLE,
        model=entry.model.name,
        weights="random",
        seed=0,
        threads=2,
    )
    worker.call(
        "assign",
        doing=f"putting weights into {entry.model.name}",
        handle=_HANDLE,
        weights={name: worker.put_array(array) for name, array in weights.items()},
    )
    answer = worker.call(
        "run",
        doing=f"running {entry.model.name}",
        handle=_HANDLE,
        image=worker.put_array(image.astype(np.float32)),
    )
    outputs = worker.get_array(answer["outputs"])
    worker.call("unload", doing=f"dropping {entry.model.name}", handle=_HANDLE)
    if not np.isfinite(outputs).all():
        raise MeasurementError(f"{entry.model.name} gives outputs that are no numbers")
    return outputs


def weights_of(engine: LocalEngine, entry: Entry, seed: int = 0) -> dict[str, NDArray[Any]]:
    """All weights of an entry, by the names of its graph, as its framework stores them.

    ``seed`` is for entries with random weights.

    Raises WeightsUnavailableError where published weights cannot be had, MeasurementError where
    the framework cannot give them.
    """
    return _read(engine.worker(entry.zoo, "run", threads=2), entry, seed, None)[0]


def weights_and_outputs(
    engine: LocalEngine, entry: Entry, image: NDArray[Any], *, seed: int = 0, role: str = "run"
) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
    """As ``weights_of``, and what the network makes of one image, (1, channels, height, width)."""
    found, outputs = _read(engine.worker(entry.zoo, role, threads=2), entry, seed, image)
    assert outputs is not None
    return found, outputs


def _read(
    worker: Worker, entry: Entry, seed: int, image: NDArray[Any] | None
) -> tuple[dict[str, NDArray[Any]], NDArray[Any] | None]:
    worker.call(
        "load",
        doing=f"loading the weights of {entry.model.name}",
        handle=_HANDLE,
        model=entry.model.name,
        weights=entry.weights_name,
        seed=seed,
        threads=2,
    )
    outputs = None
    if image is not None:
        answer = worker.call(
            "run",
            doing=f"running {entry.model.name}",
            handle=_HANDLE,
            image=worker.put_array(image.astype(np.float32)),
        )
        outputs = worker.get_array(answer["outputs"])
    answer = worker.call(
        "weights", doing=f"reading the weights of {entry.model.name}", handle=_HANDLE
    )
    left, found = _most_bytes(worker, entry), {}
    for name, array in answer.items():
        found[str(name)] = worker.get_array(array, most=left)
        left -= found[str(name)].nbytes
    worker.call("unload", doing=f"dropping {entry.model.name}", handle=_HANDLE)
    return found, outputs


def _most_bytes(worker: Worker, entry: Entry) -> int:
    """How much memory an entry's weights may take here.

    A file may hold them compressed, or as bytes that are read as float32, but not a few bytes that
    become gigabytes; a zoo's own architecture says by itself how many weights it has.
    """
    if isinstance(entry, FileEntry):
        return LARGEST_REPLY + _EXPANSION * entry.stamp[0]
    return worker.limits.memory
