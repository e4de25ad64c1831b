"""Measures the accuracy of a study's entries in one pass, divided into shards.

A shard is a sequence of consecutive parts of the data set. Shards are independent, so they may run
in parallel and on several machines. Each part is stored when it arrives, and the records are
created here from all parts.
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
"""Least parts of a shard, if there are enough: each shard has to load the networks."""
DATA_SET = ("data", "truth", "data_labels", "split")
"""Settings of a task that define its images."""
_SHARDS_A_SLOT = 4
"""Shards per slot; with several, slots end at about the same time and a lost node costs little."""


class ImagePass:
    """A pass over a data set as jobs of a study: shards, checkpoints, records."""

    def __init__(self, task: Task, store: Store, limits: Limits | None, *, fresh: bool) -> None:
        """Open the data set and plan the pass.

        Raises UsageError if the data set cannot be opened.
        """
        self._task, self._store = task, store
        self._images = images_of(task)
        self._failures: list[Failure] = []
        ready = self._ready(limits)
        self._settings = settings_of(task, fresh=fresh)
        self._plan = passes.prepare(ready, self._images, self._settings) if ready else None
        self._pending: PendingEvaluation | None = None
        self._started, self._start_seconds = now(), time.perf_counter()
        self._failure_reasons: dict[str, str] = {}
        self._received: dict[int, int] = {}
        """Number of images of each received part, by the part's number."""
        self._finished_before = 0
        """Parts that were finished before this run."""

    def _ready(self, limits: Limits | None) -> list[EvaluatedEntry]:
        """Return the entries that can be evaluated; a file may be opened for its input size."""
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
        """The name of the lease of the pass; None if no entry can be evaluated."""
        return self._plan.lease if self._plan else None

    def find_pending(self) -> bool:
        """Look up entries without a record; return whether there are any. Requires the lease."""
        if self._plan is not None:
            self._pending = passes.find_pending(self._plan, self._store, self._settings)
        return self._pending is not None and bool(self._pending.missing)

    def jobs(self, name: str, slots: int, pipelines: int) -> list[Job]:
        """Return the missing shards as jobs for this many slots and cores."""
        assert self._pending is not None
        numbers = self._pending.plan.numbers
        lacking = self._lacking()
        self._finished_before = -(-len(numbers) // CHUNK) - len(lacking)
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
                    "entries": [subject.to_plain(evaluated) for evaluated in lacking[shard[0]]],
                    "first": shard[0],
                    "numbers": numbers[shard[0] * CHUNK : (shard[-1] + 1) * CHUNK],
                },
            )
            for shard in shards(lacking, slots)
        ]

    def _lacking(self) -> dict[int, tuple[EvaluatedEntry, ...]]:
        """Return the missing entries of each part that lacks any."""
        assert self._pending is not None
        parts = self._pending.parts(self._store)
        lacking: dict[int, tuple[EvaluatedEntry, ...]] = {}
        for number in range(-(-len(self._pending.plan.numbers) // CHUNK)):
            stored = parts.get(number).predictions if parts.has(number) else {}
            missing = tuple(
                evaluated for evaluated in self._pending.missing if evaluated.name not in stored
            )
            if missing:
                lacking[number] = missing
        return lacking

    def take(self, data: Mapping[str, Any]) -> tuple[int, int]:
        """Store a received checkpoint; return the number of finished images and the total."""
        assert self._pending is not None
        parts = self._pending.parts(self._store)
        part = from_bytes(data["number"], data["part"])
        if parts.has(part.number):
            part = merged(parts.get(part.number), part)
        parts.put(part)
        self._received[part.number] = len(part.hashes)
        done, total = sum(self._received.values()), len(self._pending.plan.numbers)
        return done + min(self._finished_before * CHUNK, total - done), total

    def end(self, data: Mapping[str, Any]) -> None:
        """Take the result of a finished shard; a failed entry keeps its first reason."""
        for name, why in data["failed"].items():
            self._failure_reasons.setdefault(name, why)

    def finish(self) -> Finished:
        """Store and return the records; raise MeasurementError if too many images are damaged."""
        if self._pending is None:
            return Finished((), tuple(self._failures), 0)
        evaluation = None
        if self._pending.missing:
            parts = self._pending.parts(self._store)
            count = -(-len(self._pending.plan.numbers) // CHUNK)
            evaluation = collect(
                self._pending.missing,
                [parts.get(k) for k in range(count)],
                self._failure_reasons,
                time.perf_counter() - self._start_seconds,
            )
            evaluation.done_now = sum(self._received.values())
        outcome = passes.finish(
            self._pending, self._images, self._store, self._settings, evaluation, self._started
        )
        measured = 0 if outcome.images_per_second is None else len(outcome.records)
        return Finished(outcome.records, (*self._failures, *outcome.failures), measured)


def merged(earlier: Part, later: Part) -> Part:
    """Return one part from two over the same images; the later part if images differ."""
    same = earlier.hashes == later.hashes and earlier.left_out.keys() == later.left_out.keys()
    if not same:
        return later
    return replace(
        later,
        predictions={**earlier.predictions, **later.predictions},
        facts={**earlier.facts, **later.facts},
    )


def shards(lacking: Mapping[int, object], slots: int) -> list[list[int]]:
    """Divide parts into shards: consecutive parts that lack the same entries.

    A single slot gets shards as long as possible.

    >>> shards(dict.fromkeys([0, 1, 2, 5, 6], "all"), 1)
    [[0, 1, 2], [5, 6]]
    >>> [len(shard) for shard in shards(dict.fromkeys(range(200), "all"), 2)]
    [25, 25, 25, 25, 25, 25, 25, 25]
    """
    longest = max(SHARD, -(-len(lacking) // (slots * _SHARDS_A_SLOT)))
    if slots == 1:
        longest = max(1, len(lacking))
    sequences: list[list[int]] = []
    for number, missing in lacking.items():
        follows = (
            bool(sequences) and sequences[-1][-1] == number - 1 and lacking[number - 1] == missing
        )
        if follows and len(sequences[-1]) < longest:
            sequences[-1].append(number)
        else:
            sequences.append([number])
    return sequences


class _SendingStore:
    """Sends each part when it is finished."""

    wants_outputs = False

    def __init__(self, say: Callable[[Partial], None]) -> None:
        self._send = say
        self._parts: dict[int, Part] = {}

    def has(self, number: int) -> bool:
        """Return whether a part was sent."""
        return number in self._parts

    def put(self, part: Part) -> None:
        """Send a part."""
        self._parts[part.number] = part
        self._send(Partial({"number": part.number, "part": to_bytes(part)}))

    def get(self, number: int) -> Part:
        """Return a part that was sent."""
        return self._parts[number]


def do_shard(
    pool: WorkerPool, data: Mapping[str, Any], say: Callable[[Step | Partial], None]
) -> dict[str, Any]:
    """Evaluate a shard in a slot; report each checkpoint when it is finished.

    Raises MeasurementError if no entry can be run or the data set differs on this machine.
    """
    images = opened(data["images"], data["stamp"])
    evaluation = Evaluator(
        pool,
        [subject.from_plain(plain) for plain in data["entries"]],
        images,
        _SendingStore(say),
        PassOptions(
            pipelines=data["pipelines"],
            batch=data["batch"],
            seed=data["seed"],
            numbers=data["numbers"],
            first=data["first"],
        ),
    ).run()
    return {"failed": evaluation.failed}


_LAST_OPENED: dict[str, ImageSet] = {}
"""The data set that this process opened last: listing it again for each shard may be slow."""


def opened(settings: Mapping[str, Any], stamp: str) -> ImageSet:
    """Open the data set of a task's settings and check its stamp.

    Raises MeasurementError if it differs from the data set of the process that planned the task,
    UsageError if it cannot be opened.
    """
    name = repr([(key, settings[key]) for key in DATA_SET])
    images = _LAST_OPENED.get(name)
    if images is None or images.stamp != stamp:
        _LAST_OPENED.clear()
        images = _LAST_OPENED[name] = _open(settings)
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
    """Return the data set of a task; raise UsageError if it cannot be opened."""
    return _open(task.settings)


def evaluated_entry_of(engine: WorkerPool, task: Task, entry: Entry) -> EvaluatedEntry:
    """Return an entry with a task's label space; raise as ``evaluated_entry`` does."""
    labels = task.settings["labels"]
    return evaluated_entry(engine, entry, labels=label_space(labels) if labels else None)


def settings_of(task: Task, *, fresh: bool = False) -> Settings:
    """Return the settings of a task's pass."""
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
    """Return the failure of an entry that could not be measured."""
    return Failure(
        kind="accuracy",
        entry=str(entry.ref),
        architecture=entry.model.architecture,
        reason=reason,
    )
