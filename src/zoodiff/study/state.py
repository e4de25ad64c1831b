"""The state of a run: reused and new records, failures, and the manifest."""

from __future__ import annotations

import time
from collections.abc import Sequence

from zoodiff._version import __version__
from zoodiff.errors import StoreError
from zoodiff.host.provenance import hardware, now
from zoodiff.latency.records.keys import RunKeys, newest_run
from zoodiff.results import Comparison
from zoodiff.store.folder import Store
from zoodiff.store.manifest import Manifest
from zoodiff.store.records import Failure, Record
from zoodiff.study.config import LoadedStudy
from zoodiff.tasks import Task

DIVIDED = ("difference", "accuracy", "explanation", "recipes")
"""Kinds of tasks that are divided into several jobs, and compute the keys of their records."""
_SAVE_SECONDS = 2.0
"""Minimum time between two saves of the manifest; after a crash, the store has the records that it
lacks."""


class State:
    """Records and failures of a run by task number, from which its manifest is written."""

    def __init__(
        self,
        loaded: LoadedStudy,
        store: Store,
        planned: int,
        fresh: bool,
        left_out: Sequence[Failure],
        comparisons: Sequence[Comparison] | None = None,
    ) -> None:
        self.loaded, self.store, self.planned, self.fresh = loaded, store, planned, fresh
        self.left_out = list(left_out)
        self.comparisons = None if comparisons is None else list(comparisons)
        self.records: dict[int, list[str]] = {}
        self.failures: dict[int, list[Failure]] = {}
        self.reused = self.measured = 0
        old = store.read_manifest(loaded.study.name)
        same = old is not None and old.study_sha256 == loaded.sha256 and not fresh
        self.started = old.started if same and old is not None else now()
        self.versions = dict(old.versions) if same and old is not None else {}
        self._saved = 0.0

    def take_finished(self, tasks: Sequence[Task]) -> dict[int, Task]:
        """Reuse the records of the store; return the remaining tasks by number."""
        waiting: dict[int, Task] = {}
        for number, task in enumerate(tasks):
            records = None if self.fresh else finished(self.store, task)
            if records is None:
                waiting[number] = task
            else:
                self.take(number, records)
        return waiting

    def take(self, number: int, records: Sequence[tuple[str, Record]]) -> None:
        """Reuse the records of a finished task, given with their names."""
        self.records[number] = [name for name, _ in records]
        self.reused += len(records)
        for _, record in records:  # this run has started no worker for these zoos
            self.versions.setdefault(record.zoo, dict(record.versions))

    def save_now_and_then(self) -> None:
        """Write the manifest, unless it was written less than two seconds ago."""
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.save(complete=False)

    def save_if_possible(self) -> None:
        """Write the manifest of a run that ends with an error; ignore a StoreError."""
        try:
            self.save(complete=False)
        except StoreError:
            return  # the error that ends the run is raised instead

    def save(self, *, complete: bool) -> Manifest:
        """Write the manifest and return it."""
        manifest = Manifest(
            study=self.loaded.study.name,
            title=self.loaded.study.title,
            study_sha256=self.loaded.sha256,
            study_text=self.loaded.text,
            started=self.started,
            updated=now(),
            complete=complete,
            records=[name for k in sorted(self.records) for name in self.records[k]],
            failures=[
                *self.left_out,
                *(failure for k in sorted(self.failures) for failure in self.failures[k]),
            ],
            planned=self.planned,
            zoodiff_version=__version__,
            hardware=hardware(),
            versions=self.versions,
            options={},
            comparisons=self.comparisons,
        )
        self.store.write_manifest(manifest)
        self._saved = time.monotonic()
        return manifest


def finished(store: Store, task: Task, *, again: bool = False) -> list[tuple[str, Record]] | None:
    """Return the records of a finished task with their names; None if any is missing.

    With ``again``, records that other processes wrote since the store was listed are included. A
    latency task of which an entry is missing is measured again as a whole, since entries are only
    comparable within one run.
    """
    if task.kind in DIVIDED:
        return None  # a divided task reads the store itself
    if task.kind == "latency":
        return newest_run(store, RunKeys.of([(task, entry) for entry in task.entries]), again=again)
    records = []
    for entry in task.entries:
        stored = store.find_named(task.kind, task.key(entry), again=again)
        if not stored or not store.intact(stored[0][1]):
            return None
        records.append(stored[0])
    return records
