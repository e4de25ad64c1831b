"""A progress bar for the functions of the API, in a notebook or a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from zoodiff.api.studies import Silent
from zoodiff.errors import MissingPackageError
from zoodiff.text import visible

__all__ = ["ProgressBar"]


class ProgressBar(Silent):
    """A bar of ``tqdm.auto``: of HTML in a notebook, of text in a terminal; a context manager.

    It is passed where a function takes a callback:

    >>> with zoodiff.ProgressBar() as bar:  # doctest: +SKIP
    ...     zoodiff.accuracy(entries, data, step=bar, trying=bar.trying)
    ...     zoodiff.latency(entries, step=bar)
    ...     zoodiff.diff(a, b, progress=bar.trying)
    ...     zoodiff.run("quick", observe=bar.observe)

    Raises MissingPackageError where tqdm is missing.
    """

    def __init__(self, **options: Any) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise MissingPackageError(
                "ProgressBar needs tqdm, which is not installed; install it with: pip install tqdm"
            ) from None
        self._bar = tqdm(**{"total": 0, "leave": False} | options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def __call__(self, *step: Any) -> None:
        """Show the number done, and of how many; before them may stand what is being done."""
        *words, done, of = step
        if words:
            self._bar.set_description(visible(" ".join(map(str, words))), refresh=False)
        self._bar.total, self._bar.n = of, done
        self._bar.refresh()

    def trying(self, text: str) -> None:
        """Show what is being done."""
        self._bar.set_description(visible(text))

    @contextmanager
    def observe(self, title: str) -> Iterator[Self]:
        """Show the tasks of a run; the argument ``observe`` of ``run`` and ``compare``."""
        self.trying(title)
        yield self

    def begin(self, tasks: int, finished: int) -> None:
        """Show the number of tasks, and of those that are in the results folder already."""
        self(finished, tasks)

    def task(self, label: str) -> None:
        """Show the task that begins."""
        self.trying(label)

    def done(self, label: str, failures: int) -> None:
        """Count a task that ended."""
        self._bar.update(1)
