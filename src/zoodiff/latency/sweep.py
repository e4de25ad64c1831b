"""Measure steady-state latency by batch size and threads: best throughput and rank changes.

A worker serves one entry with one number of threads, which frameworks fix when they start. First
each cell runs once, in ascending order of batch sizes, to find out which cells fit in memory. Then
these cells are timed in interleaved rounds, in several fresh processes. Only one process computes
at a time; the others are suspended.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from zoodiff.errors import ZoodiffError
from zoodiff.latency.ordering import orders
from zoodiff.latency.subject import TimedEntry, load_request
from zoodiff.latency.sweep_result import Cell, LeftOut, Sweep
from zoodiff.workers.client import WorkerClient
from zoodiff.workers.limits import Limits
from zoodiff.workers.messages import Time

if TYPE_CHECKING:
    import numpy as np

_PROBE_CALLS = 3
_SETTLE_MS = 1.0
_LONG_MS = 100.0
"""If a call takes this long, one call suffices to choose the number of calls per block."""
_MOST_CALLS = 200
_LEAST_ROUNDS = 3
_ALLOWED_OF_MEMORY = 0.8
"""Share of the machine's memory that a worker may use if no limit is set."""
_NOT_TRIED = "not tried"
Place = tuple[str, int, int]
"""A cell of the sweep: name of the entry, threads, batch size."""


@dataclass(frozen=True)
class Grid:
    """The batch sizes and threads of a sweep, and its budget."""

    batches: tuple[int, ...] = (1, 2, 4, 8)
    threads: tuple[int, ...] = (1,)
    seconds: float = 60.0
    """Time of the rounds of all processes together, without loading and the first runs."""
    processes: int = 3
    rounds: int | None = None
    """Rounds per process; None: as many as the time allows."""
    block_ms: float = 20.0
    seed: int = 0


def batches_up_to(largest: int) -> tuple[int, ...]:
    """Return the powers of two up to ``largest``, and ``largest`` itself.

    >>> batches_up_to(12)
    (1, 2, 4, 8, 12)
    """
    doubled = [1 << power for power in range(largest.bit_length()) if 1 << power <= largest]
    return tuple(sorted({*doubled, largest}))


threads_up_to = batches_up_to
"""Thread counts follow the same series as batch sizes."""


@dataclass
class _Server:
    """A process for one entry with one number of threads."""

    subject: TimedEntry
    limits: Limits | None
    seed: int
    worker: WorkerClient = field(init=False)
    batches: list[int] = field(default_factory=list)
    """Batch sizes that fit in memory."""
    generation: int = -1

    def __post_init__(self) -> None:
        self.worker = WorkerClient(
            self.subject.entry.worker, threads=self.subject.conditions.threads, limits=self.limits
        )

    @property
    def key(self) -> tuple[str, int]:
        return self.subject.name, self.subject.conditions.threads

    def load(self) -> None:
        subject = self.subject
        self.worker.release()
        self.worker.load(load_request(subject, self.seed), doing=f"loading {subject.name}")
        self.generation = self.worker.generation
        self.worker.hold()

    def block(self, batch: int, calls: int, settle_ms: float) -> list[float]:
        if not self.worker.holds(self.generation):
            self.load()
        self.worker.release()
        try:
            name, pause_ms = self.subject.name, self.subject.conditions.pause_ms
            request = Time(name, calls, batch, self.seed, settle_ms, pause_ms)
            return self.worker.time(request, doing=f"timing {name} at batch {batch}")
        finally:
            self.worker.hold()

    def peak(self) -> int:
        self.worker.release()
        try:
            return self.worker.peak_memory(doing="asking for memory")
        finally:
            self.worker.hold()

    def restart(self) -> None:
        """Restart the process after a batch size that did not fit."""
        self.worker.close()


@dataclass
class _State:
    """A sweep under way."""

    grid: Grid
    limits: Limits | None
    left_out: list[LeftOut] = field(default_factory=list)
    calls: dict[Place, int] = field(default_factory=dict)
    typical: dict[Place, float] = field(default_factory=dict)
    """Milliseconds of one call, from the first runs."""
    blocks: dict[Place, list[list[float]]] = field(default_factory=dict)
    """Processes -> rounds: medians of blocks, milliseconds."""
    dropped: set[Place] = field(default_factory=set)
    spent: float = 0.0

    def drop(self, place: Place, reason: str) -> None:
        if place not in self.dropped:
            self.dropped.add(place)
            name, threads, batch = place
            self.left_out.append(LeftOut(name, threads, batch, reason))


def measure(
    subjects: Sequence[TimedEntry],
    grid: Grid,
    *,
    limits: Limits | None = None,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> Sweep:
    """Time every entry at every batch size and number of threads of the grid.

    Mode and pause come from the entries' conditions; batch and threads from the grid. A cell that
    does not fit in memory, or fails otherwise, is listed in ``left_out`` with the reason, and
    larger batches of the same entry are not tried. At least one round is always completed.
    ``step`` is called with the processes loaded so far, and of how many.
    """
    import numpy as np

    rng = np.random.default_rng(grid.seed)
    state = _State(grid, limits)
    pairs = [
        replace(subject, conditions=replace(subject.conditions, threads=threads))
        for subject in subjects
        for threads in grid.threads
    ]
    steps = len(pairs) * grid.processes
    for number in range(grid.processes):
        with ExitStack() as stack:
            servers = []
            for position, subject in enumerate(pairs):
                server = _Server(subject, limits, grid.seed)
                stack.callback(server.worker.close)
                _run_once(server, state, again=number > 0)
                servers.append(server)
                step(number * len(pairs) + position + 1, steps)
            began = time.monotonic()
            _rounds(servers, state, number, rng)
            state.spent += time.monotonic() - began
        if state.spent > grid.seconds:
            break
    return _result(subjects, state)


def _run_once(server: _Server, state: _State, *, again: bool) -> None:
    """Run each batch size once, in ascending order; omit a failing one and all larger ones."""
    name, threads = server.key
    peaks: list[tuple[int, int]] = []
    failed: str | None = None
    for batch in sorted(state.grid.batches):
        place = (name, threads, batch)
        if place in state.dropped:
            continue
        if failed is None:
            failed = _exceeds_memory(peaks, batch, state.limits)
        if failed is None:
            try:
                times = server.block(batch, 1, _SETTLE_MS)
                if not again:
                    if times[0] < _LONG_MS:
                        times = server.block(batch, _PROBE_CALLS, 0.0)
                    state.typical[place] = statistics.median(times)
                    fitting = math.ceil(state.grid.block_ms / max(state.typical[place], 1e-4))
                    state.calls[place] = min(max(fitting, 1), _MOST_CALLS)
                peaks.append((batch, server.peak()))
                server.batches.append(batch)
                continue
            except ZoodiffError as error:
                failed = str(error)
                server.restart()
        state.drop(place, failed)
        if not failed.startswith(_NOT_TRIED):
            failed = f"{_NOT_TRIED}, since a smaller batch did not work: {failed}"
    if failed is not None:
        # A fresh process replaced the one that failed.
        for batch in server.batches:
            try:
                server.block(batch, 1, _SETTLE_MS)
            except ZoodiffError as error:
                state.drop((name, threads, batch), str(error))


def _exceeds_memory(
    peaks: Sequence[tuple[int, int]], batch: int, limits: Limits | None
) -> str | None:
    """Return why a batch size is not tried: its memory, extrapolated from the last two peaks."""
    if len(peaks) < 2:
        return None
    import psutil

    (earlier, low), (later, high) = peaks[-2:]
    needed = high + (high - low) / (later - earlier) * (batch - later)
    memory = psutil.virtual_memory()
    own = limits.memory_bytes if limits else None
    allowed = own or int(memory.total * _ALLOWED_OF_MEMORY)
    allowed = min(allowed, memory.available + high)
    if needed <= allowed:
        return None
    return (
        f"batch {batch} would take about {needed / 1e9:.1f} GB of memory, more than the "
        f"{allowed / 1e9:.1f} GB that are allowed"
    )


def _rounds(
    servers: Sequence[_Server], state: _State, number: int, rng: np.random.Generator
) -> None:
    """Time interleaved blocks of all cells in one set of processes."""
    places = {(*server.key, batch): server for server in servers for batch in server.batches}
    cells = list(places)
    if not cells:
        return
    block_medians: dict[Place, list[float]] = {place: [] for place in cells}
    end = time.monotonic() + state.grid.seconds / state.grid.processes
    for done, order in enumerate(orders(len(cells), rng)):
        if not _has_time(done, end, state.grid):
            break
        for index in order:
            place = cells[index]
            if place in state.dropped:
                continue
            try:
                times = places[place].block(place[2], state.calls[place], _SETTLE_MS)
            except ZoodiffError as error:
                state.drop(place, str(error))
                with suppress(ZoodiffError):
                    places[place].restart()
                continue
            block_medians[place].append(statistics.median(times))
    for place, medians in block_medians.items():
        if place not in state.dropped:
            state.blocks.setdefault(place, []).append(medians)


def _has_time(done: int, end: float, grid: Grid) -> bool:
    if grid.rounds is not None:
        return done < grid.rounds
    return done < 1 or (time.monotonic() < end and done < 1000)


def _result(subjects: Sequence[TimedEntry], state: _State) -> Sweep:
    import numpy as np

    cells = tuple(
        Cell(name, threads, batch, tuple(np.array(rounds) for rounds in blocks))
        for (name, threads, batch), blocks in sorted(state.blocks.items())
        if (name, threads, batch) not in state.dropped
    )
    names = tuple(subject.name for subject in subjects)
    rounds = min((len(series) for cell in cells for series in cell.rounds), default=0)
    least_rounds = state.grid.rounds or _LEAST_ROUNDS
    round_seconds = (
        sum(
            state.calls[cell.place] * state.typical[cell.place] + state.typical[cell.place]
            for cell in cells
        )
        / 1e3
    )
    processes = len(cells[0].rounds) if cells else 0
    short = rounds < least_rounds or processes < state.grid.processes
    return Sweep(
        names=names,
        cells=cells,
        left_out=tuple(state.left_out),
        seconds=state.spent,
        needed_seconds=round_seconds * least_rounds * state.grid.processes
        if short and cells
        else None,
    )
