"""The state of a run: reused and new records, failures, manifest."""

from __future__ import annotations

import time
from collections.abc import Sequence

from zoodiff._version import __version__
from zoodiff.errors import StoreError
from zoodiff.host.provenance import hardware, now
from zoodiff.latency.record_keys import RunKeys, newest_run
from zoodiff.results import Comparison
from zoodiff.store.folder import Store
from zoodiff.store.manifest import Manifest
from zoodiff.store.records import Failure, Record
from zoodiff.study.config import LoadedStudy
from zoodiff.tasks import Task

DIVIDED = ("accuracy", "explanation")
"""Kinds of tasks that are done in parts, and have keys of their own."""
_SAVE_SECONDS = 2.0
"""Between two manifests; what a killed run's manifest lacks is found again in the store."""


class State:
    """The manifest in the making; records and failures in the order of the tasks."""

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
            found = None if self.fresh else finished(self.store, task)
            if found is None:
                waiting[number] = task
            else:
                self.take(number, found)
        return waiting

    def take(self, number: int, found: Sequence[tuple[str, Record]]) -> None:
        """A task is finished already, with these records by their names."""
        self.records[number] = [name for name, _ in found]
        self.reused += len(found)
        for _, record in found:  # of another run's, this one has asked no worker
            self.versions.setdefault(record.zoo, dict(record.versions))

    def save_now_and_then(self) -> None:
        """Write the manifest, unless it was written a moment ago."""
        if time.monotonic() - self._saved > _SAVE_SECONDS:
            self.save(complete=False)

    def save_if_possible(self) -> None:
        """Write the manifest of a run that ends early for another reason."""
        try:
            self.save(complete=False)
        except StoreError:
            return  # the reason that is being raised says more

    def save(self, *, complete: bool) -> Manifest:
        """Write the manifest."""
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
                *(one for k in sorted(self.failures) for one in self.failures[k]),
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
    """The records of a finished task with their names, or None where any is missing.

    ``again`` looks for what others have written since the store was listed.

    A latency run that lost an entry is not finished: it is measured again as a whole, since its
    entries are only comparable within one schedule.
    """
    if task.kind in DIVIDED:
        return None  # it looks into the store itself, once it knows its keys
    if task.kind == "latency":
        return newest_run(store, RunKeys.of([(task, one) for one in task.entries]), again=again)
    found = []
    for entry in task.entries:
        there = store.find_named(task.kind, task.key(entry), again=again)
        if not there or not store.intact(there[0][1]):
            return None
        found.append(there[0])
    return found
