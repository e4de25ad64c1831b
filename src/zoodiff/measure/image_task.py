"""A study's accuracy on a data set of images: one pass for all its entries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from zoodiff.data.images import ImageSet
from zoodiff.data.labels import find as label_space
from zoodiff.data.layouts import open_images
from zoodiff.engines.local import LocalEngine, usable
from zoodiff.errors import ZoodiffError
from zoodiff.measure.contestants import Contestant, contestant
from zoodiff.measure.images import Outcome, Settings, default_lanes, measure
from zoodiff.measure.plan import Task
from zoodiff.store.folder import Store
from zoodiff.store.records import Failure
from zoodiff.zoos.registry import Entry


def measure_task(
    engine: LocalEngine, task: Task, store: Store, step: Callable[[int, int], None], *, fresh: bool
) -> Outcome:
    """Measure all entries of a task; what the store has is not measured again.

    Entries that cannot be run are failures. Raises UsageError for a data set that cannot be
    opened, MeasurementError where too many images are damaged.
    """
    images = images_of(task)
    ready: list[Contestant] = []
    failures: list[Failure] = []
    for entry in task.entries:
        reason = usable(entry.zoo)
        try:
            if reason is None:
                ready.append(contestant_of(engine, task, entry))
        except ZoodiffError as error:
            reason = str(error)
        if reason is not None:
            failures.append(failure(entry, reason))
    if not ready:
        return Outcome((), tuple(failures), {}, (), None)
    found = measure(engine, ready, images, store, settings_of(task, fresh=fresh), step)
    return Outcome(
        found.records,
        (*failures, *found.failures),
        found.left_out,
        found.notes,
        found.images_per_second,
    )


def images_of(task: Task) -> ImageSet:
    """The data set of a task; raises UsageError where it cannot be opened."""
    asked = task.settings
    return open_images(
        asked["data"],
        space=label_space(asked["data_labels"]) if asked["data_labels"] else None,
        truth=Path(asked["truth"]) if asked["truth"] else None,
        split=asked["split"] or "",
    )


def contestant_of(engine: LocalEngine, task: Task, entry: Entry) -> Contestant:
    """An entry as a task measures it; raises as ``contestant`` does."""
    labels = task.settings["labels"]
    return contestant(engine, entry, labels=label_space(labels) if labels else None)


def settings_of(task: Task, *, fresh: bool = False) -> Settings:
    """How a task's pass is made."""
    asked = task.settings
    return Settings(
        default_lanes(),
        asked["batch"],
        asked["limit"],
        asked["seed"],
        asked["max_bad_percent"],
        fresh,
    )


def failure(entry: Entry, reason: str) -> Failure:
    """An entry that could not be measured, and why."""
    return Failure(
        kind="accuracy",
        entry=str(entry.ref),
        architecture=entry.model.architecture,
        reason=reason,
    )
