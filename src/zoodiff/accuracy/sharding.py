"""A study's accuracy on a data set of images: one pass for all its entries, in shards.

A shard is a run of consecutive parts of the data set. Shards are independent of each other, so
they may be done side by side and on several machines; each part is kept in the store as it
comes in, and the records are made here from all parts, whoever did them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from zoodiff.accuracy import measure as passes
from zoodiff.accuracy import subject
from zoodiff.accuracy.checkpoints import Part, from_bytes, to_bytes
from zoodiff.accuracy.evaluation import PassOptions, collect
from zoodiff.accuracy.evaluator import CHUNK, Evaluator
from zoodiff.accuracy.measure import PendingEvaluation, Settings, default_pipelines
from zoodiff.accuracy.subject import EvaluatedEntry, evaluated_entry
from zoodiff.data.images import ImageSet
from zoodiff.data.labels import find as label_space
from zoodiff.data.layouts import open_images
from zoodiff.data.places import place
from zoodiff.engines.base import Job, Partial, Step
from zoodiff.engines.pool import WorkerPool, usable
from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.host.provenance import now
from zoodiff.store.folder import Store
from zoodiff.store.records import Failure
from zoodiff.tasks import Finished, Task
from zoodiff.workers.limits import Limits
from zoodiff.zoos.registry import Entry

SHARD = 16
"""Least parts in a shard, where there are so many: loading the networks takes its time."""
DATA_SET = ("data", "truth", "data_labels", "split")
"""Settings of a task that say what its images are."""
_SHARDS_A_SLOT = 4
"""So that slots end at about the same time, and a lost node costs little."""


class ImagePass:
    """A pass over a data set as jobs of a study: shards, checkpoints, records."""

    def __init__(self, task: Task, store: Store, limits: Limits | None, *, fresh: bool) -> None:
        """Open the data set and name what is asked.

        Raises UsageError for a data set that cannot be opened.
        """
        self._task, self._store = task, store
        self._images = images_of(task)
        self._failures: list[Failure] = []
        ready = self._ready(limits)
        self._settings = settings_of(task, fresh=fresh)
        self._asked = passes.prepare(ready, self._images, self._settings) if ready else None
        self._pending: PendingEvaluation | None = None
        self._begun, self._begin = now(), time.perf_counter()
        self._why: dict[str, str] = {}
        self._came: dict[int, int] = {}
        """Images of the parts that came in, by the parts' numbers."""
        self._found = 0

    def _ready(self, limits: Limits | None) -> list[EvaluatedEntry]:
        """Entries with a complete preprocessing; a file may be opened for its input size."""
        ready: list[EvaluatedEntry] = []
        with WorkerPool(limits) as pool:
            for entry in self._task.entries:
                reason = usable(entry.worker)
                try:
                    if reason is None:
                        ready.append(evaluated_entry_of(pool, self._task, entry))
                except ZoodiffError as error:
                    reason = str(error)
                if reason is not None:
                    self._failures.append(failure(entry, reason))
        return ready

    @property
    def lease(self) -> str | None:
        """Return the lease of the pass; None if no entry can be evaluated."""
        return self._asked.lease if self._asked else None

    def find_pending(self) -> bool:
        """Look up the missing images; return whether there are any. Requires the lease."""
        if self._asked is not None:
            self._pending = passes.find_pending(self._asked, self._store, self._settings)
        return self._pending is not None and bool(self._pending.missing)

    def jobs(self, name: str, slots: int, pipelines: int) -> list[Job]:
        """Return the missing shards as jobs for this many slots and cores."""
        assert self._pending is not None
        numbers = self._pending.plan.numbers
        lacking = self._lacking()
        self._found = -(-len(numbers) // CHUNK) - len(lacking)
        common = {
            "do": "shard",
            "images": {key: self._task.settings[key] for key in DATA_SET},
            "stamp": self._images.stamp,
            "batch": self._settings.batch,
            "seed": self._settings.seed,
            "pipelines": min(pipelines, self._settings.pipelines, -(-len(lacking) // SHARD)),
        }
        return [
            Job(
                f"{name}, parts {shard[0]} to {shard[-1]}",
                {
                    **common,
                    "entries": [subject.to_plain(one) for one in lacking[shard[0]]],
                    "first": shard[0],
                    "numbers": numbers[shard[0] * CHUNK : (shard[-1] + 1) * CHUNK],
                },
            )
            for shard in shards(lacking, slots)
        ]

    def _lacking(self) -> dict[int, tuple[EvaluatedEntry, ...]]:
        """The entries that each part lacks, of parts that lack any."""
        assert self._pending is not None
        parts = self._pending.parts(self._store)
        found: dict[int, tuple[EvaluatedEntry, ...]] = {}
        for number in range(-(-len(self._pending.plan.numbers) // CHUNK)):
            there = parts.get(number).found if parts.has(number) else {}
            lack = tuple(one for one in self._pending.missing if one.name not in there)
            if lack:
                found[number] = lack
        return found

    def take(self, data: Mapping[str, Any]) -> tuple[int, int]:
        """Keep a received checkpoint; return the number of finished images and the total."""
        assert self._pending is not None
        parts = self._pending.parts(self._store)
        part = from_bytes(data["number"], data["part"])
        if parts.has(part.number):
            part = merged(parts.get(part.number), part)
        parts.put(part)
        self._came[part.number] = len(part.hashes)
        done, total = sum(self._came.values()), len(self._pending.plan.numbers)
        return done + min(self._found * CHUNK, total - done), total

    def end(self, data: Mapping[str, Any]) -> None:
        """A shard is done; who failed in it has failed, for the first reason given."""
        for name, why in data["failed"].items():
            self._why.setdefault(name, why)

    def finish(self) -> Finished:
        """Make the records; raises MeasurementError where too many images are damaged."""
        if self._pending is None:
            return Finished((), tuple(self._failures), 0)
        found = None
        if self._pending.missing:
            parts = self._pending.parts(self._store)
            count = -(-len(self._pending.plan.numbers) // CHUNK)
            found = collect(
                self._pending.missing,
                [parts.get(k) for k in range(count)],
                self._why,
                time.perf_counter() - self._begin,
            )
            found.done_now = sum(self._came.values())
        outcome = passes.finish(
            self._pending, self._images, self._store, self._settings, found, self._begun
        )
        measured = 0 if outcome.images_per_second is None else len(outcome.records)
        return Finished(outcome.records, (*self._failures, *outcome.failures), measured)


def merged(earlier: Part, later: Part) -> Part:
    """One part of two over the same images; the later one alone where they are not the same."""
    same = earlier.hashes == later.hashes and earlier.left_out.keys() == later.left_out.keys()
    if not same:
        return later
    return replace(
        later, found={**earlier.found, **later.found}, facts={**earlier.facts, **later.facts}
    )


def shards(lacking: Mapping[int, object], slots: int) -> list[list[int]]:
    """Parts in runs of consecutive ones that lack the same; one long run for a single slot.

    >>> shards(dict.fromkeys([0, 1, 2, 5, 6], "all"), 1)
    [[0, 1, 2], [5, 6]]
    >>> [len(one) for one in shards(dict.fromkeys(range(200), "all"), 2)]
    [25, 25, 25, 25, 25, 25, 25, 25]
    """
    longest = max(SHARD, -(-len(lacking) // (slots * _SHARDS_A_SLOT)))
    if slots == 1:
        longest = max(1, len(lacking))
    found: list[list[int]] = []
    for number, lack in lacking.items():
        follows = bool(found) and found[-1][-1] == number - 1 and lacking[number - 1] == lack
        if follows and len(found[-1]) < longest:
            found[-1].append(number)
        else:
            found.append([number])
    return found


class _Sent:
    """Parts that are sent away as they are finished."""

    wants_outputs = False

    def __init__(self, say: Callable[[Partial], None]) -> None:
        self._say = say
        self._parts: dict[int, Part] = {}

    def has(self, number: int) -> bool:
        """Whether a part is there."""
        return number in self._parts

    def put(self, part: Part) -> None:
        """Send a part."""
        self._parts[part.number] = part
        self._say(Partial({"number": part.number, "part": to_bytes(part)}))

    def get(self, number: int) -> Part:
        """A part that was sent."""
        return self._parts[number]


def do_shard(
    pool: WorkerPool, data: Mapping[str, Any], say: Callable[[Step | Partial], None]
) -> dict[str, Any]:
    """Evaluate a shard in a slot; report each checkpoint when it is finished.

    Raises MeasurementError where no entry can be run, or where the data set is another one here.
    """
    images = opened(data["images"], data["stamp"])
    found = Evaluator(
        pool,
        [subject.from_plain(one) for one in data["entries"]],
        images,
        _Sent(say),
        PassOptions(
            pipelines=data["pipelines"],
            batch=data["batch"],
            seed=data["seed"],
            numbers=data["numbers"],
            first=data["first"],
        ),
    ).run()
    return {"failed": found.failed}


_LISTED: dict[str, ImageSet] = {}
"""The data set that this process opened last: listing it anew for each shard may take long."""


def opened(asked: Mapping[str, Any], stamp: str) -> ImageSet:
    """Open the data set of a task's settings, which another process saw with this stamp.

    Raises MeasurementError where it is another one here, UsageError where it cannot be opened.
    """
    name = repr([(key, asked[key]) for key in DATA_SET])
    images = _LISTED.get(name)
    if images is None or images.stamp != stamp:
        _LISTED.clear()
        images = _LISTED[name] = _open(asked)
    if images.stamp != stamp:
        raise MeasurementError(
            f"the data set {images.name} is not the same on all machines; names, sizes or times "
            "of its files differ"
        )
    return images


def _open(request: Mapping[str, Any]) -> ImageSet:
    truth = request["truth"]
    return open_images(
        request["data"],
        space=label_space(request["data_labels"]) if request["data_labels"] else None,
        truth=place(truth) if truth else None,
        split=request["split"] or "",
    )


def images_of(task: Task) -> ImageSet:
    """The data set of a task; raises UsageError where it cannot be opened."""
    return _open(task.settings)


def evaluated_entry_of(engine: WorkerPool, task: Task, entry: Entry) -> EvaluatedEntry:
    """An entry as a task measures it; raises as ``evaluated_entry`` does."""
    labels = task.settings["labels"]
    return evaluated_entry(engine, entry, labels=label_space(labels) if labels else None)


def settings_of(task: Task, *, fresh: bool = False) -> Settings:
    """How a task's pass is made."""
    chosen = task.settings
    return Settings(
        default_pipelines(),
        chosen["batch"],
        chosen["limit"],
        chosen["seed"],
        chosen["max_bad_percent"],
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
