"""Decompose the differences in accuracy of a study, one record per difference.

An explanation takes many passes over the images, so it is a task: planned per comparison, started
when the accuracy of all entries is known, and recorded pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from zoodiff.accuracy.attribution.record import PairRecords, explained
from zoodiff.accuracy.attribution.session import Attribution
from zoodiff.accuracy.discrepancies import compare
from zoodiff.accuracy.sharding import evaluated_entry_of, images_of, opened, settings_of
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.engines.base import Job, Partial, Step
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import ZoodiffError
from zoodiff.results import Comparison
from zoodiff.store.folder import Store
from zoodiff.store.records import Record
from zoodiff.study import serialization
from zoodiff.study.jobs.keyed_task import KeyedTask
from zoodiff.tasks import Task


def pairs_to_explain(records: Iterable[Record], store: Store) -> list[PairRecords]:
    """Return the pairs of entries with a discrepancy; a single pair is always returned.

    Raises StoreError if the predictions of the records do not fit in memory together.
    """
    by_entry = {record.entry: record for record in records}
    together = Comparison(kind="accuracy", name="", entries=list(by_entry))
    pairs = compare(by_entry.values(), store, [together]).pairs
    chosen = [pair for pair in pairs if pair.verdict == "discrepancy" or len(pairs) == 1]
    return [PairRecords(by_entry[pair.high_entry], by_entry[pair.low_entry]) for pair in chosen]


class ExplanationTask(KeyedTask[PairRecords]):
    """The explanations of one comparison."""

    def __init__(
        self, task: Task, pairs: Sequence[PairRecords], store: Store, *, fresh: bool
    ) -> None:
        """Keep the pairs whose entries both belong to the task."""
        self._task = task
        names = {str(entry.ref) for entry in task.entries}
        kept = {pair.key: pair for pair in pairs if {pair.first.entry, pair.second.entry} <= names}
        super().__init__("explanation", kept, store, fresh=fresh, lease="explain")

    def jobs(self, name: str, slots: int, cores: int) -> list[Job]:
        """Return a single job, since the pairs of a comparison share most of their inferences."""
        pairs = [self.parts[key] for key in self.missing]
        data = {
            "do": "explain",
            "task": serialization.of_task(self._task),
            "stamp": images_of(self._task).stamp,
            "pipelines": cores,
            "pairs": [
                [pair.first.model_dump_json(), pair.second.model_dump_json()] for pair in pairs
            ],
        }
        return [Job(f"{name}, {len(pairs)} pairs", data)]


def explain(
    pool: WorkerPool, data: Mapping[str, Any], send: Callable[[Step | Partial], None]
) -> dict[str, Any]:
    """Explain pairs in a slot; send each record as soon as it is finished.

    Raises MeasurementError if the data set differs from that of the run, UsageError if it cannot
    be opened, and the errors of ``entry_of``.
    """
    task = serialization.task_of(data["task"])
    settings = settings_of(task)
    settings = replace(settings, pipelines=min(settings.pipelines, data["pipelines"]))
    images = opened(task.settings, data["stamp"])
    reasons = Attribution(pool, images, settings, lambda done, of: None)
    subjects = _subjects(pool, task)
    for records in data["pairs"]:
        pair = PairRecords(*map(Record.model_validate_json, records))
        record = explained(reasons, pair, subjects)
        send(Partial({"record": record.model_dump_json()}))
    return {}


def _subjects(pool: WorkerPool, task: Task) -> dict[str, EvaluatedEntry | str]:
    """Return the evaluated entries of a task by reference, or the reason why one has none."""
    subjects: dict[str, EvaluatedEntry | str] = {}
    for entry in task.entries:
        try:
            subjects[str(entry.ref)] = evaluated_entry_of(pool, task, entry)
        except ZoodiffError as error:
            subjects[str(entry.ref)] = str(error)
    return subjects
