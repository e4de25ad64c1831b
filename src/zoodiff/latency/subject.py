"""One thing that is timed, and one copy of it in a process of its own."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from zoodiff.latency.conditions import Scope, Stated
from zoodiff.workers import messages
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.process import Limits
from zoodiff.zoos.registry import Entry

_WARM_UP_CALLS = 3
_WARM_UP_MS = 50.0
_MOST_CALLS = 500
"""Calls of one block; more would make the answer of a worker long for nothing."""


@dataclass(frozen=True)
class Contestant:
    """An entry and how it is run; with ``copy`` 1 the contestant ``of`` once more, as a control."""

    name: str
    """Unique within a run."""
    entry: Entry
    scope: Scope = field(default_factory=Scope)
    copy: int = 0
    of: str = ""


@dataclass(frozen=True)
class Loaded:
    """What loading told of a contestant."""

    weights_state: str
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    """(channels, height, width) in the network's own order."""
    stated: Stated
    stages: Mapping[str, float]
    """Seconds of loading, by stage."""
    peak_rss_bytes: int
    versions: Mapping[str, str]


def load_request(contestant: Contestant, seed: int) -> messages.Load:
    """Return the request that loads a contestant under its own name."""
    return messages.Load(
        contestant.name,
        contestant.entry.model.name,
        contestant.entry.weights_name,
        seed=seed,
        threads=contestant.scope.threads,
        mode=contestant.scope.mode,
    )


class Loads(Protocol):
    """A contestant in a process; see ``Timed``."""

    def load(self) -> Loaded:
        """Load the network and warm it up."""
        ...

    def fitting(self, block_ms: float) -> int:
        """How many calls fill so many milliseconds."""
        ...

    def place(self, cores: frozenset[int]) -> None:
        """Run on these cores only from now on."""
        ...

    def block(self, calls: int, settle_ms: float, pause_ms: float | None = None) -> list[float]:
        """Milliseconds of single calls."""
        ...

    def overhead(self) -> float:
        """Milliseconds of a call of nothing."""
        ...

    def surroundings(self) -> dict[str, Any]:
        """What the process runs with."""
        ...

    def peak_rss_bytes(self) -> int:
        """Peak resident memory of the process."""
        ...

    def let_go(self) -> None:
        """Tell the process to end, without waiting for it."""
        ...

    def close(self) -> None:
        """End the process."""
        ...


class Timed:
    """A contestant in a fresh process; a context manager.

    Between its blocks the process is held still, so that spinning threads of one framework take
    nothing from the next.
    """

    def __init__(
        self, contestant: Contestant, *, seed: int = 0, limits: Limits | None = None
    ) -> None:
        self.contestant = contestant
        self._seed = seed
        self._worker = WorkerClient(
            contestant.entry.worker, threads=contestant.scope.threads, limits=limits
        )
        # Frameworks are imported side by side: nothing is timed before all are loaded.
        self._versions = self._worker.hello_later("importing its framework")

    def __enter__(self) -> Timed:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def let_go(self) -> None:
        """Tell the process to end, without waiting for it."""
        self._worker.let_go()

    def close(self) -> None:
        """End the process."""
        self._worker.close()

    def load(self) -> Loaded:
        """Build the network in its process and warm it up; raise a ZoodiffError otherwise."""
        one = self.contestant
        versions = self._versions()
        answer = self._worker.load(load_request(one, self._seed), doing=f"loading {one.name}")
        self._time(_WARM_UP_CALLS, 0.0)
        self._time(1, _WARM_UP_MS)
        shape = answer.input_shape[1:]
        self._worker.hold()
        return Loaded(
            weights_state=answer.weights_state,
            weights_sha256=answer.weights_sha256,
            input_shape=shape,
            stated=self._stated(answer.scope, shape),
            stages=answer.stages,
            peak_rss_bytes=answer.peak_rss_bytes,
            versions=versions,
        )

    def fitting(self, block_ms: float) -> int:
        """How many calls fill a block of about so many milliseconds."""
        typical = statistics.median(self.block(_WARM_UP_CALLS, 0.0))
        return min(max(math.ceil(block_ms / max(typical, 1e-4)), 1), _MOST_CALLS)

    def place(self, cores: frozenset[int]) -> None:
        """Run on these cores only from now on."""
        self._worker.place(cores)

    def block(self, calls: int, settle_ms: float, pause_ms: float | None = None) -> list[float]:
        """Milliseconds of single calls; before them untimed ones for ``settle_ms``."""
        self._worker.release()
        try:
            return self._time(calls, settle_ms, pause_ms)
        finally:
            self._worker.hold()

    def peak_rss_bytes(self) -> int:
        """Peak resident memory of the process so far."""
        self._worker.release()
        try:
            return self._worker.peak_memory(doing="asking for memory")
        finally:
            self._worker.hold()

    def surroundings(self) -> dict[str, Any]:
        """What the process runs with: libraries, threads, environment variables."""
        self._worker.release()
        try:
            return asdict(self._worker.runtime_info(doing="asking what it runs with"))
        finally:
            self._worker.hold()

    def overhead(self, calls: int = 200) -> float:
        """Milliseconds that the clock itself shows a call, by a network that does nothing."""
        self._worker.release()
        try:
            batch = self.contestant.scope.batch
            request = messages.Time("identity", calls, batch, self._seed)
            return statistics.median(self._worker.time(request, doing="timing nothing"))
        finally:
            self._worker.hold()

    def _time(self, calls: int, settle_ms: float, pause_ms: float | None = None) -> list[float]:
        scope = self.contestant.scope
        request = messages.Time(
            self.contestant.name,
            calls,
            scope.batch,
            self._seed,
            settle_ms=settle_ms,
            pause_ms=scope.pause_ms if pause_ms is None else pause_ms,
        )
        return self._worker.time(request, doing=f"timing {self.contestant.name}")

    def _stated(self, told: Mapping[str, Any], shape: tuple[int, ...]) -> Stated:
        scope = self.contestant.scope
        sides = [n for n in shape if n not in {1, 3}] or list(shape)
        aspects = {
            "batch": str(scope.batch),
            "threads": str(scope.threads),
            "pause": f"{scope.pause_ms:g} ms" if scope.pause_ms else "back to back",
            "input size": " x ".join(str(n) for n in sides),
            **{key.replace("_", " "): str(value) for key, value in told.items()},
        }
        return Stated(self.contestant.name, self.contestant.entry.zoo.name, scope.mode, aspects)
