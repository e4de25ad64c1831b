"""Time entries in fresh processes, in many short blocks in rounds.

Only one process computes at a time. Within a round every entry gets one block, so that drift
and neighbours hit all alike, and ratios are later formed within rounds. Everything is done again in
fresh processes, because memory lies elsewhere in each, until the ratios are known well enough or
the time is spent.
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
from zoodiff.latency.ordering import orders
from zoodiff.latency.subject import Loaded, TimedEntry, TimedProcess
from zoodiff.stats import ratios

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Stopped = Literal["narrow enough", "time spent", "most processes"]
PAUSE_MS = 10.0
"""Idle time before calls when the sensitivity to pauses is measured: the processor's clock has
gone down by then, and caches belong to others."""
_PAUSED_CALLS = 4
_LEAST_ROUNDS = 5
_SETTLE_MS = 1.0
_AHEAD = 2
"""Processes that import their frameworks at a time: more would only be in each other's way."""
_LONG_MS = 20.0
"""From here on no untimed call precedes a block: it would cost as much as it gives."""


@dataclass(frozen=True)
class Budget:
    """Limits of a measurement."""

    seconds: float = 60.0
    """Measuring time of all entries together; loading networks comes on top."""
    processes: int = 5
    """The least number of fresh processes of each entry."""
    most_processes: int = 15
    rounds: int | None = None
    """Rounds in each process; None: as many as the time allows."""
    block_ms: float = 20.0
    """A block has as many calls as fit of the slowest entry, at least one; all entries
    make equally many, so that the lower quartile is the same statistic of each."""
    target_percent: float = 1.0
    """Half of the width of every ratio's interval at which measuring stops."""
    pauses: bool = True
    """Whether the sensitivity to pauses between calls is measured."""
    seed: int = 0


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
    """Processes -> (rounds,): medians of blocks, milliseconds; the latency that is shown."""
    calls: list[NDArray[np.float64]] = field(default_factory=list)
    """Processes -> (calls,): single calls, milliseconds."""
    paused_ms: list[float] = field(default_factory=list)
    """One a process: median of calls with pauses between them."""
    overhead_ms: float = 0.0
    peak_rss_bytes: int = 0
    runtime_info: dict[str, Any] = field(default_factory=dict)
    """What its first process ran with."""
    recorded: CallTimes | None = None
    """Of a run that was read from its records, which do not hold every call."""

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
    """The samples of a run, and why and when it ended."""

    samples: tuple[Samples, ...]
    failures: tuple[tuple[TimedEntry, str], ...]
    stopped: Stopped
    processes: int
    seconds: float
    """Measuring time, of all entries together."""
    loading_seconds: float
    needed_seconds: float | None
    """Measuring time that the target would take by what was seen; None where it was reached."""
    system_noise: tuple[str, ...]

    def samples_of(self, name: str) -> Samples | None:
        """The samples of an entry by its name."""
        return next((one for one in self.samples if one.subject.name == name), None)


def with_controls(subjects: Sequence[TimedEntry], count: int = 1) -> list[TimedEntry]:
    """The entries, and the first ``count`` of them once more as A/A controls."""
    return [*subjects, *map(control_of, subjects[:count])]


def control_of(subject: TimedEntry) -> TimedEntry:
    """The entry once more, as its A/A control."""
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

    ``start`` puts an entry into a fresh process; ``check`` is shown what was loaded, once, and
    may refuse by raising; ``step`` is told the progress. An entry that cannot be loaded or dies
    becomes a failure, and the others go on.
    """
    import numpy as np

    rng = np.random.default_rng(budget.seed)
    before = system_noise.read()
    state = _State(list(subjects), budget, start, step, rng)
    try:
        stopped = state.processes(rng, check)
    finally:
        state.reap()
    samples = tuple(state.samples[one.name] for one in state.alive)
    return Measured(
        samples=samples,
        failures=tuple(state.failures),
        stopped=stopped,
        processes=len(samples[0].rounds) if samples else 0,
        seconds=state.spent,
        loading_seconds=state.loading,
        needed_seconds=None if stopped == "narrow enough" else state.needed(),
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
        """Processes that were told to end, and not waited for."""
        threads = max((one.conditions.threads for one in subjects), default=1)
        self._places = cores.places(threads, rng)
        self.budget, self._start, self._step = budget, start, step
        self.samples: dict[str, Samples] = {}
        self.failures: list[tuple[TimedEntry, str]] = []
        self.spent = self.loading = 0.0
        self._loads = 0
        self._calls = 0
        """Calls of every block."""

    def processes(
        self, rng: np.random.Generator, check: Callable[[Sequence[Loaded]], None]
    ) -> Stopped:
        """Fresh processes until there is reason to stop, which is returned."""
        budget = self.budget
        enough = math.log1p(budget.target_percent / 100)
        for number in range(max(budget.most_processes, budget.processes)):
            self.process(number, rng, check if number == 0 else lambda loaded: None)
            if not self.alive:
                break
            done = number + 1
            if done >= budget.processes and self.reach() <= enough:
                return "narrow enough"
            if done >= min(budget.processes, 2) and self.spent >= budget.seconds:
                return "time spent"
        return "most processes"

    def process(
        self, number: int, rng: np.random.Generator, check: Callable[[Sequence[Loaded]], None]
    ) -> None:
        """One fresh process of each entry, and rounds over all of them."""
        began = time.perf_counter()
        started: list[TimedProcess] = []
        try:
            running = self._load(started)
            check([self.samples[one.name].loaded for one in self.alive])
            self.loading += time.perf_counter() - began
            began = time.perf_counter()
            place = next(self._places)
            with cores.off(place):
                if place is not None:
                    for one in self.alive:
                        running[one.name].place(place)
                self._rounds(number, running, rng)
                self._afterwards(number, running)
            self.spent += time.perf_counter() - began
        finally:
            # They end side by side, while the next ones begin.
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
        for number, one in enumerate(waiting):
            try:
                loaded = started[number].load()
            except ZoodiffError as error:
                self._fail(one, error)
                waiting += self._instead_of(one)
                continue
            finally:
                start()
            running[one.name] = started[number]
            self.samples.setdefault(one.name, Samples(one, loaded))
            self._loads += 1
            self._progress()
        self._fit(running)
        return running

    def _instead_of(self, lost: TimedEntry) -> list[TimedEntry]:
        """A control of an entry that was loaded, for one whose own entry cannot be."""
        began = bool(self._calls)
        if began or all(one.name != lost.of for one, _ in self.failures):
            return []
        self.failures.pop()  # it says what the failure of its entry says
        controlled = {one.of for one in self.alive if one.copy}
        originals = [one for one in self.alive if not one.copy and one.name in self.samples]
        spare = [one for one in originals if one.name not in controlled]
        instead = [control_of(one) for one in spare[:1]]
        self.alive += instead
        return instead

    def _fit(self, running: dict[str, TimedProcess]) -> None:
        """Choose how many calls a block has, once for all."""
        fitting = []
        for one in [] if self._calls else list(self.alive):
            try:
                fitting.append(running[one.name].fitting(self.budget.block_ms))
            except ZoodiffError as error:
                self._fail(one, error)
        self._calls = self._calls or min(fitting, default=1)

    def _rounds(
        self, number: int, running: dict[str, TimedProcess], rng: np.random.Generator
    ) -> None:
        import numpy as np

        blocks: dict[str, list[list[float]]] = {one.name: [] for one in self.alive}
        end = time.perf_counter() + self.budget.seconds / (2 * self.budget.processes)
        turn = orders(len(self.alive), rng)
        members = list(self.alive)
        done = 0
        while self._more(done, end):
            for index in next(turn):
                one = members[index]
                if one not in self.alive:
                    continue
                timed = running[one.name]
                try:
                    blocks[one.name].append(timed.block(self._calls, self._settle(one.name)))
                except ZoodiffError as error:
                    self._fail(one, error)
            done += 1
            if not self.alive:
                return
        for one in self.alive:
            samples = self.samples[one.name]
            made = blocks[one.name]
            samples.rounds.append(np.array([ratios.undisturbed(block) for block in made]))
            samples.medians.append(np.array([statistics.median(block) for block in made]))
            samples.calls.append(np.concatenate([np.array(block) for block in made]))

    def _more(self, done: int, end: float) -> bool:
        if self.budget.rounds is not None:
            return done < self.budget.rounds
        # An even number, since every order is followed by its reverse.
        return done < _LEAST_ROUNDS or done % 2 == 1 or time.perf_counter() < end

    def _settle(self, name: str) -> float:
        """A block follows the others' work; what is short is run once before the clock."""
        samples = self.samples[name]
        if samples.rounds and float(samples.rounds[0][0]) >= _LONG_MS:
            return 0.0
        return _SETTLE_MS

    def _afterwards(self, number: int, running: dict[str, TimedProcess]) -> None:
        for one in list(self.alive):
            samples, timed = self.samples[one.name], running[one.name]
            try:
                if self.budget.pauses and not one.conditions.pause_ms:
                    paused = timed.block(_PAUSED_CALLS, 0.0, PAUSE_MS)
                    samples.paused_ms.append(statistics.median(paused))
                if number == 0:
                    samples.overhead_ms = timed.overhead()
                    samples.runtime_info = timed.runtime_info()
                samples.peak_rss_bytes = max(samples.peak_rss_bytes, timed.peak_rss_bytes())
            except ZoodiffError as error:
                self._fail(one, error)

    def _fail(self, one: TimedEntry, error: ZoodiffError) -> None:
        self.failures.append((one, str(error)))
        self.alive = [other for other in self.alive if other is not one]

    def _progress(self) -> None:
        # Processes beyond the least number are added as they turn out to be needed.
        each = max(len(self.alive), 1)
        whole = each * max(self.budget.processes, -(-self._loads // each))
        self._step(self._loads, whole)

    def reach(self) -> float:
        """Half of the widest interval of all pairs, as a log ratio."""
        samples = [self.samples[one.name] for one in self.alive]
        widths = [
            ratios.interval(ratios.within_rounds(a.rounds, b.rounds))
            for a, b in combinations(samples, 2)
        ]
        alone = [ratios.interval([np_log(r) for r in c.rounds]) for c in samples[:1]]
        chosen = widths or alone
        return max((one.high - one.low) / 2 for one in chosen)

    def needed(self) -> float | None:
        """Measuring time at which the target would be reached, if processes go on as they did."""
        samples = [self.samples[one.name] for one in self.alive]
        if not samples or len(samples[0].rounds) < 2 or not self.spent:
            return None
        times = (self.reach() / math.log1p(self.budget.target_percent / 100)) ** 2
        return self.spent * max(times, 1.0)


def np_log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithms, typed."""
    import numpy as np

    found: NDArray[np.float64] = np.log(values)
    return found


def originals(measured: Iterable[Samples]) -> list[Samples]:
    """Without the controls."""
    return [one for one in measured if one.subject.copy == 0]
