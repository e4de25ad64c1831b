"""Run a study: run the missing tasks and record each result.

A run that is interrupted loses only unfinished measurements; started again, it finds the finished
records in the store and measures the others. Engines run the jobs; only this process writes to the
store.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zoodiff.engines.choose import Choice
from zoodiff.store.folder import Store
from zoodiff.store.manifest import Manifest
from zoodiff.study.config import LoadedStudy
from zoodiff.study.expected_time import expected_time
from zoodiff.study.plan import plan
from zoodiff.study.scheduler import Observer as Observer  # noqa: PLC0414
from zoodiff.study.scheduler import Scheduler
from zoodiff.study.state import State
from zoodiff.study.unusable import unusable_zoos
from zoodiff.workers import permissions
from zoodiff.workers.limits import Limits


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run."""

    manifest: Manifest
    reused: int
    """Number of records taken from the store."""
    measured: int
    """Number of new records."""
    damaged: tuple[str, ...]
    """Names of records that are damaged in the store."""


def run(
    loaded: LoadedStudy,
    store: Store,
    observer: Observer,
    *,
    fresh: bool = False,
    limits: Limits | None = None,
    engine: Choice | None = None,
) -> Outcome:
    """Run a study into a store and return the outcome.

    Finished measurements are taken from the store unless ``fresh``. A measurement that fails is
    listed in the manifest. Raises StudyError for a name that does not exist, StoreError if the
    store cannot be written, and the errors of ``open_engine``.
    """
    store.prepare()
    planned = plan(loaded)
    state = State(loaded, store, len(planned.tasks), fresh, planned.left_out, planned.comparisons)
    waiting = state.take_finished(planned.tasks)
    observer.begin(len(planned.tasks), len(planned.tasks) - len(waiting))
    try:
        state.save(complete=False)
        if waiting:
            choice = engine or Choice()
            choice = replace(choice, limits=_with_code(limits or choice.limits, loaded))
            if choice.name == "local":
                for sentence in unusable_zoos(waiting.values()):
                    observer.expects(sentence)
            expected = expected_time(waiting.values(), planned.max_seconds, choice.jobs)
            if expected:
                observer.expects(expected)
            Scheduler(state, observer, choice, planned.max_seconds).run(waiting)
    except BaseException:
        state.save_if_possible()
        raise
    return Outcome(state.save(complete=True), state.reused, state.measured, tuple(store.damaged))


def _with_code(limits: Limits | None, loaded: LoadedStudy) -> Limits:
    """Return the limits, with the code that the study or the user on this machine allows."""
    code = frozenset(permissions.digest_of(digest) for digest in loaded.study.allow_code)
    return replace(limits or Limits(), allowed_code=code | permissions.allowed())
