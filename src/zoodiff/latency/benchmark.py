"""Time entries in fresh processes, in many short blocks in rounds.

Only one process computes at a time. Within a round every entry gets one block, so drift and other
programs affect all entries alike, and ratios are formed within rounds. The memory layout differs
between processes and changes the latency, so the rounds are repeated in fresh processes until the
intervals of the ratios are narrow enough or the time is spent.
"""

from __future__ import annotations

import importlib
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.cores import count_usable_cores
from zoodiff.errors import ZoodiffError
from zoodiff.latency import cpu_affinity as cores
from zoodiff.latency import system_noise
from zoodiff.latency.budget import Budget as Budget  # noqa: PLC0414
from zoodiff.latency.ordering import orders
from zoodiff.latency.subject import Loaded, TimedEntry, TimedProcess
from zoodiff.stats import ratios

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Stopped = Literal["narrow enough", "time spent", "most processes"]
PAUSE_MS = 10.0
"""Idle time before calls when the sensitivity to pauses is measured: by then the processor has
lowered its clock, and other programs have replaced the contents of the caches."""
_PAUSED_CALLS = 4
_LONGEST_PAUSED_MS = 20 * PAUSE_MS
"""Latency from which pauses before calls are not measured: they are lost in it."""
_LEAST_ROUNDS = 5
_SETTLE_MS = 1.0
_AHEAD = 2
"""Processes that import their frameworks at the same time; more would slow each other down."""
_LONG_MS = 20.0
"""Latency from which no untimed call precedes a block: the call would cost more than it gains."""


@dataclass(frozen=True)
class CallTimes:
    """Quantiles over all single calls, milliseconds."""

    p10: float
    p90: float
    p99: float
    calls: int


@dataclass
class Samples:
    """The timings of one entry."""

    subject: TimedEntry
    loaded: Loaded
    rounds: list[NDArray[np.float64]] = field(default_factory=list)
    """Processes -> (rounds,): lower quartiles of blocks, milliseconds, for ratios."""
    medians: list[NDArray[np.float64]] = field(default_factory=list)
    """Processes -> (rounds,): medians of blocks, milliseconds, for the reported latency."""
    calls: list[NDArray[np.float64]] = field(default_factory=list)
    """Processes -> (calls,): single calls, milliseconds."""
    paused_ms: list[float] = field(default_factory=list)
    """Per process: the median of calls with pauses between them."""
    overhead_ms: float = 0.0
    peak_rss_bytes: int = 0
    runtime_info: dict[str, Any] = field(default_factory=dict)
    """The runtime info of its first process."""
    recorded: CallTimes | None = None
    """The quantiles of a run that was read from its records, which lack the single calls."""

    @property
    def call_times(self) -> CallTimes:
        """Quantiles over the calls of all processes."""
        import numpy as np

        if self.recorded is not None:
            return self.recorded
        calls = np.concatenate(self.calls)
        p10, p90, p99 = (float(q) for q in np.quantile(calls, [0.1, 0.9, 0.99]))
        return CallTimes(p10, p90, p99, len(calls))


@dataclass(frozen=True)
class Measured:
    """The samples of a run, why it stopped, and how long it took."""

    samples: tuple[Samples, ...]
    failures: tuple[tuple[TimedEntry, str], ...]
    stopped: Stopped
    processes: int
    seconds: float
    """Measuring time, of all entries together."""
    loading_seconds: float
    needed_seconds: float | None
    """Estimated measuring time to reach the target; None if it was reached."""
    system_noise: tuple[str, ...]

    def samples_of(self, name: str) -> Samples | None:
        """Return the samples of an entry by its name; None if it was not measured."""
        return next((samples for samples in self.samples if samples.subject.name == name), None)


def with_controls(subjects: Sequence[TimedEntry], count: int = 1) -> list[TimedEntry]:
    """Return the entries, followed by A/A controls of the first ``count`` of them."""
    return [*subjects, *map(control_of, subjects[:count])]


def control_of(subject: TimedEntry) -> TimedEntry:
    """Return a copy of the entry as its A/A control."""
    name = f"{subject.name} (control)"
    return TimedEntry(name, subject.entry, subject.conditions, copy=1, of=subject.name)


def measure(
    subjects: Sequence[TimedEntry],
    budget: Budget,
    start: Callable[[TimedEntry], TimedProcess],
    *,
    step: Callable[[int, int], None] = lambda done, of: None,
    check: Callable[[Sequence[Loaded]], None] = lambda loaded: None,
) -> Measured:
    """Time entries in interleaved rounds.

    ``start`` starts a fresh process for an entry. ``check`` is called once, with the loaded
    entries, and raises to end the run. ``step`` is called with the processes loaded so far, and
    of how many. An entry that cannot be loaded or whose process dies becomes a failure; the others
    are measured.
    """
    import numpy as np

    rng = np.random.default_rng(budget.seed)
    before = system_noise.read()
    state = _State(list(subjects), budget, start, step, rng)
    try:
        stopped = state.processes(rng, check)
    finally:
        state.reap()
    samples = tuple(state.samples[subject.name] for subject in state.alive)
    return Measured(
        samples=samples,
        failures=tuple(state.failures),
        stopped=stopped,
        processes=len(samples[0].rounds) if samples else 0,
        seconds=state.spent,
        loading_seconds=state.loading,
        needed_seconds=None if stopped == "narrow enough" else state.estimate_seconds(),
        system_noise=tuple(system_noise.between(before, system_noise.read(), count_usable_cores())),
    )


class _State:
    """A measurement under way."""

    def __init__(
        self,
        subjects: list[TimedEntry],
        budget: Budget,
        start: Callable[[TimedEntry], TimedProcess],
        step: Callable[[int, int], None],
        rng: np.random.Generator,
    ) -> None:
        self.alive = subjects
        self._ending: list[TimedProcess] = []
        """Processes that are ending and must still be waited for."""
        threads = max((subject.conditions.threads for subject in subjects), default=1)
        self._places = cores.places(threads, rng)
        self.budget, self._start, self._step = budget, start, step
        self.samples: dict[str, Samples] = {}
        self.failures: list[tuple[TimedEntry, str]] = []
        self.spent = self.loading = 0.0
        self._loads = 0
        self._calls = 0
        """Calls per block; 0 until it is chosen."""

    def processes(
        self, rng: np.random.Generator, check: Callable[[Sequence[Loaded]], None]
    ) -> Stopped:
        """Measure in fresh processes until a limit of the budget; return why measuring stopped."""
        budget = self.budget
        enough = math.log1p(budget.target_percent / 100)
        for number in range(max(budget.most_processes, budget.processes)):
            self.process(number, rng, check if number == 0 else lambda loaded: None)
            if not self.alive:
                break
            done = number + 1
            if done >= budget.processes and self.half_width() <= enough:
                return "narrow enough"
            if done >= min(budget.processes, 2) and self.spent >= budget.seconds:
                return "time spent"
        return "most processes"

    def process(
        self, number: int, rng: np.random.Generator, check: Callable[[Sequence[Loaded]], None]
    ) -> None:
        """Start one fresh process per entry, and time all of them in rounds."""
        began = time.perf_counter()
        started: list[TimedProcess] = []
        try:
            running = self._load(started)
            check([self.samples[subject.name].loaded for subject in self.alive])
            loading = time.perf_counter() - began
            self.loading += loading
            began = time.perf_counter()
            place = next(self._places)
            with cores.avoid(place):
                if place is not None:
                    for subject in self.alive:
                        running[subject.name].place(place)
                self._rounds(running, rng, loading)
                self._measure_after_rounds(number, running)
            self.spent += time.perf_counter() - began
        finally:
            # They end at the same time, while the next ones start.
            for process in started:
                process.let_go()
            self._ending += started

    def reap(self) -> None:
        """Wait until the ending processes have ended."""
        with ExitStack() as stack:
            while self._ending:
                stack.callback(self._ending.pop().close)

    def _load(self, started: list[TimedProcess]) -> dict[str, TimedProcess]:
        waiting = list(self.alive)

        def start() -> None:
            """Start the next process, which imports its framework in the background."""
            if len(started) < len(waiting):
                started.append(self._start(waiting[len(started)]))

        for _ in range(_AHEAD):
            start()
        self.reap()
        # Statistics take a second to import; the processes import their frameworks meanwhile.
        importlib.import_module("scipy.stats")
        running: dict[str, TimedProcess] = {}
        for number, subject in enumerate(waiting):
            try:
                loaded = started[number].load()
            except ZoodiffError as error:
                self._fail(subject, error)
                waiting += self._replacement_control(subject)
                continue
            finally:
                start()
            running[subject.name] = started[number]
            self.samples.setdefault(subject.name, Samples(subject, loaded))
            self._loads += 1
            self._progress()
        self._choose_calls(running)
        return running

    def _replacement_control(self, lost: TimedEntry) -> list[TimedEntry]:
        """Return a control of a loaded entry to replace the control of an entry that failed."""
        began = bool(self._calls)
        if began or all(subject.name != lost.of for subject, _ in self.failures):
            return []
        self.failures.pop()  # the failure of its entry has the same reason
        controlled = {subject.of for subject in self.alive if subject.copy}
        originals = [
            subject for subject in self.alive if not subject.copy and subject.name in self.samples
        ]
        spare = [subject for subject in originals if subject.name not in controlled]
        controls = [control_of(subject) for subject in spare[:1]]
        self.alive += controls
        return controls

    def _choose_calls(self, running: dict[str, TimedProcess]) -> None:
        """Choose the number of calls per block, once for the whole measurement."""
        fitting = []
        for subject in [] if self._calls else list(self.alive):
            try:
                fitting.append(running[subject.name].fitting(self.budget.block_ms))
            except ZoodiffError as error:
                self._fail(subject, error)
        self._calls = self._calls or min(fitting, default=1)

    def _rounds(
        self, running: dict[str, TimedProcess], rng: np.random.Generator, loading: float
    ) -> None:
        import numpy as np

        blocks: dict[str, list[list[float]]] = {subject.name: [] for subject in self.alive}
        fixed = self.budget.rounds is not None
        seconds = loading if fixed else self.budget.seconds / (2 * self.budget.processes)
        end = time.perf_counter() + seconds
        turn = orders(len(self.alive), rng)
        members = list(self.alive)
        done = 0
        while self._has_time(done, end):
            for index in next(turn):
                subject = members[index]
                if subject not in self.alive:
                    continue
                process = running[subject.name]
                try:
                    blocks[subject.name].append(
                        process.block(self._calls, self._settle_ms(subject.name))
                    )
                except ZoodiffError as error:
                    self._fail(subject, error)
            done += 1
            if not self.alive:
                return
        for subject in self.alive:
            samples = self.samples[subject.name]
            timed_blocks = blocks[subject.name]
            samples.rounds.append(np.array([ratios.undisturbed(block) for block in timed_blocks]))
            samples.medians.append(np.array([statistics.median(block) for block in timed_blocks]))
            samples.calls.append(np.concatenate([np.array(block) for block in timed_blocks]))

    def _has_time(self, done: int, end: float) -> bool:
        rounds, least = self.budget.rounds, self.budget.least_rounds
        if rounds is not None and (least is None or done >= rounds):
            return done < rounds
        # An even number of rounds, since every order is followed by its reverse.
        return done < (least or _LEAST_ROUNDS) or done % 2 == 1 or time.perf_counter() < end

    def _settle_ms(self, name: str) -> float:
        """Return the milliseconds of untimed calls before a block, which refill the caches.

        They are 0 for an entry whose calls are long.
        """
        samples = self.samples[name]
        if samples.rounds and float(samples.rounds[0][0]) >= _LONG_MS:
            return 0.0
        return _SETTLE_MS

    def _measure_after_rounds(self, number: int, running: dict[str, TimedProcess]) -> None:
        for subject in list(self.alive):
            samples, process = self.samples[subject.name], running[subject.name]
            try:
                if self._measures_pauses(subject):
                    paused = process.block(_PAUSED_CALLS, 0.0, PAUSE_MS)
                    samples.paused_ms.append(statistics.median(paused))
                if number == 0:
                    samples.overhead_ms = process.overhead()
                    samples.runtime_info = process.runtime_info()
                samples.peak_rss_bytes = max(samples.peak_rss_bytes, process.peak_rss_bytes())
            except ZoodiffError as error:
                self._fail(subject, error)

    def _measures_pauses(self, subject: TimedEntry) -> bool:
        """Return whether calls after pauses are timed; they would add little to very long calls."""
        if not self.budget.pauses or subject.conditions.pause_ms:
            return False
        return float(self.samples[subject.name].rounds[-1].min()) < _LONGEST_PAUSED_MS

    def _fail(self, subject: TimedEntry, error: ZoodiffError) -> None:
        self.failures.append((subject, str(error)))
        self.alive = [entry for entry in self.alive if entry is not subject]

    def _progress(self) -> None:
        # Processes beyond the least number are added when they are needed.
        entries = max(len(self.alive), 1)
        expected = entries * max(self.budget.processes, -(-self._loads // entries))
        self._step(self._loads, expected)

    def half_width(self) -> float:
        """Return half the width of the widest interval of all pairs, as a log ratio."""
        import numpy as np

        samples = [self.samples[subject.name] for subject in self.alive]
        pairs = [
            ratios.interval(ratios.within_rounds(a.rounds, b.rounds))
            for a, b in combinations(samples, 2)
        ]
        single = [ratios.interval([np.log(r) for r in c.rounds]) for c in samples[:1]]
        return max((estimate.high - estimate.low) / 2 for estimate in pairs or single)

    def estimate_seconds(self) -> float | None:
        """Estimate the measuring time in seconds to reach the target; None without a basis."""
        samples = [self.samples[subject.name] for subject in self.alive]
        if not samples or len(samples[0].rounds) < 2 or not self.spent:
            return None
        factor = (self.half_width() / math.log1p(self.budget.target_percent / 100)) ** 2
        return self.spent * max(factor, 1.0)


def originals(measured: Iterable[Samples]) -> list[Samples]:
    """Return the samples of entries, without those of controls."""
    return [samples for samples in measured if samples.subject.copy == 0]
