"""Timed entries, and their benchmark processes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from zoodiff.latency.conditions import Conditions, MeasuredConditions
from zoodiff.workers import messages
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.limits import Limits
from zoodiff.zoos.base import WeightsState
from zoodiff.zoos.registry import Entry

_WARM_UP_CALLS = 3
_WARM_UP_MS = 50.0
_MOST_CALLS = 500
"""Calls of one block; more would only make a worker's reply longer."""


@dataclass(frozen=True)
class TimedEntry:
    """An entry and its conditions; with ``copy`` 1, the A/A control of the entry ``of``."""

    name: str
    """Unique within a run."""
    entry: Entry
    conditions: Conditions = field(default_factory=Conditions)
    copy: int = 0
    of: str = ""


@dataclass(frozen=True)
class Loaded:
    """Facts about an entry, known after loading it."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    """Channels, height and width, in the network's own order."""
    conditions: MeasuredConditions
    stages: Mapping[str, float]
    """Seconds of loading by stage."""
    peak_rss_bytes: int
    versions: Mapping[str, str]


def load_request(subject: TimedEntry, seed: int) -> messages.Load:
    """Return the request that loads the entry under its own name."""
    return messages.Load(
        subject.name,
        subject.entry.worker_model,
        subject.entry.weights_name,
        seed=seed,
        threads=subject.conditions.threads,
        mode=subject.conditions.mode,
    )


class TimedProcess(Protocol):
    """A timed entry in a process of its own; ``BenchmarkProcess`` implements it."""

    def load(self) -> Loaded:
        """Load the network and warm it up."""
        ...

    def fitting(self, block_ms: float) -> int:
        """Return the number of calls that fill a block of about this many milliseconds."""
        ...

    def place(self, cores: frozenset[int]) -> None:
        """Run on these cores only from now on."""
        ...

    def block(self, calls: int, settle_ms: float, pause_ms: float | None = None) -> list[float]:
        """Time single calls, in milliseconds, after untimed calls for ``settle_ms``."""
        ...

    def overhead(self) -> float:
        """Return the timer overhead in milliseconds."""
        ...

    def runtime_info(self) -> dict[str, Any]:
        """Return libraries, threads and environment variables of the process."""
        ...

    def peak_rss_bytes(self) -> int:
        """Return the peak resident memory of the process so far."""
        ...

    def let_go(self) -> None:
        """Ask the process to end, without waiting for it."""
        ...

    def close(self) -> None:
        """End the process."""
        ...


class BenchmarkProcess:
    """A timed entry in a fresh process; a context manager.

    The process is suspended between its blocks, so that spinning threads of its framework take no
    processor time from the next entry.
    """

    def __init__(self, subject: TimedEntry, *, seed: int = 0, limits: Limits | None = None) -> None:
        self.subject = subject
        self._seed = seed
        self._worker = WorkerClient(
            subject.entry.worker, threads=subject.conditions.threads, limits=limits
        )
        # Frameworks are imported concurrently: nothing is timed before all are loaded.
        self._versions = self._worker.hello_later("importing its framework")

    def __enter__(self) -> BenchmarkProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def let_go(self) -> None:
        """Ask the process to end, without waiting for it."""
        self._worker.let_go()

    def close(self) -> None:
        """End the process."""
        self._worker.close()

    def load(self) -> Loaded:
        """Build the network in its process and warm it up; raise a ZoodiffError if that fails."""
        subject = self.subject
        versions = self._versions()
        answer = self._worker.load(
            load_request(subject, self._seed), doing=f"loading {subject.name}"
        )
        self._time(_WARM_UP_CALLS, 0.0)
        self._time(1, _WARM_UP_MS)
        shape = answer.input_shape[1:]
        self._worker.hold()
        return Loaded(
            weights_state=answer.weights_state,
            weights_sha256=answer.weights_sha256,
            input_shape=shape,
            conditions=self._conditions(answer.scope, shape),
            stages=answer.stages,
            peak_rss_bytes=answer.peak_rss_bytes,
            versions=versions,
        )

    def fitting(self, block_ms: float) -> int:
        """Return the number of calls that fill a block of about this many milliseconds."""
        typical = statistics.median(self.block(_WARM_UP_CALLS, 0.0))
        return min(max(math.ceil(block_ms / max(typical, 1e-4)), 1), _MOST_CALLS)

    def place(self, cores: frozenset[int]) -> None:
        """Run on these cores only from now on."""
        self._worker.place(cores)

    def block(self, calls: int, settle_ms: float, pause_ms: float | None = None) -> list[float]:
        """Time single calls, in milliseconds, after untimed calls for ``settle_ms``."""
        self._worker.release()
        try:
            return self._time(calls, settle_ms, pause_ms)
        finally:
            self._worker.hold()

    def peak_rss_bytes(self) -> int:
        """Return the peak resident memory of the process so far."""
        self._worker.release()
        try:
            return self._worker.peak_memory(doing="asking for memory")
        finally:
            self._worker.hold()

    def runtime_info(self) -> dict[str, Any]:
        """Return libraries, threads and environment variables of the process."""
        self._worker.release()
        try:
            return asdict(self._worker.runtime_info(doing="asking what it runs with"))
        finally:
            self._worker.hold()

    def overhead(self, calls: int = 200) -> float:
        """Return the timer overhead: milliseconds per call of a network that does nothing."""
        self._worker.release()
        try:
            batch = self.subject.conditions.batch
            request = messages.Time("identity", calls, batch, self._seed)
            return statistics.median(self._worker.time(request, doing="timing nothing"))
        finally:
            self._worker.hold()

    def _time(self, calls: int, settle_ms: float, pause_ms: float | None = None) -> list[float]:
        conditions = self.subject.conditions
        request = messages.Time(
            self.subject.name,
            calls,
            conditions.batch,
            self._seed,
            settle_ms=settle_ms,
            pause_ms=conditions.pause_ms if pause_ms is None else pause_ms,
        )
        return self._worker.time(request, doing=f"timing {self.subject.name}")

    def _conditions(self, scope: Mapping[str, Any], shape: tuple[int, ...]) -> MeasuredConditions:
        chosen = self.subject.conditions
        sides = [n for n in shape if n not in {1, 3}] or list(shape)
        values = {
            "batch": str(chosen.batch),
            "threads": str(chosen.threads),
            "pause": f"{chosen.pause_ms:g} ms" if chosen.pause_ms else "back to back",
            "input size": " x ".join(str(n) for n in sides),
            **{key.replace("_", " "): str(value) for key, value in scope.items()},
        }
        return MeasuredConditions(
            self.subject.name, self.subject.entry.zoo.name, chosen.mode, values
        )
