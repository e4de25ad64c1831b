"""Progress of a run: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from zoodiff.cli.render.console import as_text, console, say_progress
from zoodiff.text import visible

if TYPE_CHECKING:
    from zoodiff.api.values.study import Observer


@contextlib.contextmanager
def progress(title: str) -> Iterator[Observer]:
    """Yield an observer that shows the progress of a run."""
    screen = console()
    if not screen.is_terminal:
        yield _Lines(title)
        return
    with Progress(*_columns(), console=screen, transient=True) as bars:
        yield _Bars(bars, title)


def images_progress(entries: int) -> contextlib.AbstractContextManager[Counting]:
    """Return a context manager that yields a function (done, total) to show images per second."""
    return counting(f"{entries} entries" if entries > 1 else "1 entry", "images", rate=True)


class Counting(Protocol):
    """Shows the number done, and what is being done."""

    def __call__(self, done: int, of: int) -> None:
        """Show the number done, and of how many."""

    def trying(self, text: str) -> None:
        """Show what the next steps do."""


@contextlib.contextmanager
def latency_progress(entries: int, seconds: float) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (activity, done, total) that shows one progress bar per activity.

    Before that, the longest measuring time is said.
    """
    say_progress(
        f"measuring for at most {seconds:,.0f} s, and loading in fresh processes (--seconds)"
    )
    titles = {"rounds": (f"{entries} entries", "processes"), "extras": ("extras", "measurements")}
    with contextlib.ExitStack() as stack:
        phase, show = "", None

        def step(activity: str, done: int, of: int) -> None:
            nonlocal phase, show
            if activity != phase:
                stack.close()
                phase, show = activity, None
                if activity in titles:
                    show = stack.enter_context(counting(*titles[activity]))
                else:
                    say_progress(
                        "bringing the networks to one reference runtime (--no-why leaves it out)"
                    )
            if show is not None:
                show(done, of)

        yield step


@contextlib.contextmanager
def building_progress() -> Iterator[tuple[Callable[[int], None], Callable[[object, object], None]]]:
    """Yield two functions: one takes the number of networks to build, one counts a built one."""
    with contextlib.ExitStack() as stack:
        show, built, total = None, 0, 0

        def begin(networks: int) -> None:
            nonlocal show, built, total
            if networks:
                built, total = 0, networks
                show = stack.enter_context(counting("building networks", "networks"))

        def done(entry: object, reason: object) -> None:
            nonlocal built
            if show is not None:
                built += 1
                show(built, total)

        yield begin, done


@contextlib.contextmanager
def auditing_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (activity, done, total) that shows recipes run and pairs compared."""
    titles = {"recipes": "the zoos' own code", "pairs": "comparing recipes"}
    with contextlib.ExitStack() as stack:
        current, show = "", None

        def step(activity: str, done: int, of: int) -> None:
            nonlocal current, show
            if activity != current:
                stack.close()
                current = activity
                show = stack.enter_context(counting(titles[activity], activity)) if of else None
            if show is not None:
                show(done, of)

        yield step


@contextlib.contextmanager
def counting(title: str, noun: str, *, rate: bool = False) -> Iterator[Counting]:
    """Yield a function (done, total) that shows the number done and the time left."""
    screen = console()
    if not screen.is_terminal:
        yield _CountedLines(noun)
        return
    with Progress(*_columns(), console=screen, transient=True) as bars:
        yield _CountedBar(bars, title, noun, rate=rate)


class _CountedLines:
    """Prints a line every ten seconds, one when all is done, and one for what is tried."""

    def __init__(self, noun: str) -> None:
        self._noun, self._last, self._whole = noun, time.monotonic(), False

    def __call__(self, done: int, of: int) -> None:
        first = done == of and not self._whole  # later calls are trials with the same images
        self._whole = self._whole or first
        if time.monotonic() - self._last > 10 or first:
            self._last = time.monotonic()
            say_progress(f"    {done:,} of {of:,} {self._noun}")

    def trying(self, text: str) -> None:
        say_progress(f"    {text}")


class _CountedBar:
    """Shows a bar that begins anew for what is tried next."""

    def __init__(self, bars: Progress, title: str, noun: str, *, rate: bool) -> None:
        self._bars, self._title, self._noun, self._rate = bars, title, noun, rate
        self._bar = bars.add_task(visible(title), total=None)

    def __call__(self, done: int, of: int) -> None:
        task = self._bars.tasks[0]
        speed = f", {task.speed:.1f} {self._noun}/s" if self._rate and task.speed else ""
        title = visible(f"{self._title}{speed}")
        self._bars.update(self._bar, completed=done, total=of, description=title)

    def trying(self, text: str) -> None:
        self._title = text
        self._bars.reset(self._bar, description=visible(text))


def _columns() -> tuple[ProgressColumn, ...]:
    return (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )


class _Bars:
    """Shows a bar for the run, and one per running task."""

    def __init__(self, bars: Progress, title: str) -> None:
        self._bars = bars
        self._all = bars.add_task(visible(title), total=None)
        self._under_way: dict[str, TaskID] = {}

    def begin(self, tasks: int, finished: int) -> None:
        self._bars.update(self._all, total=tasks, completed=finished)

    def expects(self, sentence: str) -> None:
        self._bars.console.print(as_text(sentence))

    def task(self, label: str) -> None:
        self._under_way[label] = self._bars.add_task(visible(label), total=None)

    def step(self, label: str, done: int, of: int) -> None:
        self._bars.update(self._under_way[label], completed=done, total=of)

    def waits(self, label: str, holder: str) -> None:
        self._bars.console.print(as_text(f"{label} waits for {holder}"))

    def done(self, label: str, failures: int) -> None:
        self._bars.advance(self._all)
        self._bars.remove_task(self._under_way.pop(label))


class _Lines:
    """Prints one line per task, and one every ten seconds of a long task."""

    def __init__(self, title: str) -> None:
        say_progress(title)
        self._tasks = self._finished = 0
        self._begins: dict[str, float] = {}
        self._last = time.monotonic()

    def begin(self, tasks: int, finished: int) -> None:
        self._tasks, self._finished = tasks, finished
        if finished:
            say_progress(f"{finished} of {tasks} tasks are in the store already")

    def expects(self, sentence: str) -> None:
        say_progress(sentence)

    def task(self, label: str) -> None:
        self._begins[label] = self._last = time.monotonic()

    def step(self, label: str, done: int, of: int) -> None:
        if time.monotonic() - self._last > 10:
            self._last = time.monotonic()
            say_progress(f"    {label}: {done}/{of}")

    def waits(self, label: str, holder: str) -> None:
        say_progress(f"    {label} waits for {holder}")

    def done(self, label: str, failures: int) -> None:
        self._finished += 1
        spent = time.monotonic() - self._begins.pop(label)
        trouble = f", {failures} not possible" if failures else ""
        say_progress(f"[{self._finished}/{self._tasks}] {label} {spent:.1f} s{trouble}")
