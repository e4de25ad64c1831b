"""The bookkeeping of a task whose parts are known by key and recorded one by one.

Pairs of graphs are compared and differences in accuracy explained this way: what the store has is
read, the rest is cut into jobs, and each record is stored as soon as its slot sends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from zoodiff.store.folder import Store
from zoodiff.store.records import Failure, Record, key_of
from zoodiff.tasks import Finished

Part = TypeVar("Part")


class KeyedTask(Generic[Part]):
    """Parts by key: finds the missing ones, collects records and failures."""

    def __init__(
        self, kind: str, parts: Mapping[str, Part], store: Store, *, fresh: bool, lease: str
    ) -> None:
        """Take the parts by the key of their record; ``lease`` begins the name of the lease."""
        self.parts = dict(parts)
        self._kind, self._store, self._fresh, self._lease = kind, store, fresh, lease
        self._records: dict[str, Record] = {}
        self._failures: dict[str, Failure] = {}
        self._measured: set[str] = set()

    @property
    def lease(self) -> str | None:
        """Name of the lease to hold while the parts are done; None without parts."""
        return f"{self._lease}-{key_of(keys=sorted(self.parts))[:16]}" if self.parts else None

    @property
    def missing(self) -> list[str]:
        """Keys of the parts that have no record yet."""
        return [key for key in self.parts if key not in self._records]

    def find_pending(self) -> bool:
        """Read the records in the store; return whether any part has none.

        The caller holds the lease.
        """
        for key in () if self._fresh else self.missing:
            known = self._store.find(self._kind, key, again=True)
            if known is not None and self._store.intact(known):
                self._records[key] = known
        return bool(self.missing)

    def take(self, data: Mapping[str, Any]) -> tuple[int, int]:
        """Keep the record or failure of a part; return the numbers of done and of all parts."""
        if "failure" in data:
            self._failures[data["key"]] = Failure.model_validate(data["failure"])
        else:
            self._keep(Record.model_validate_json(data["record"]))
        return len({*self._records, *self._failures}), len(self.parts)

    def _keep(self, record: Record) -> None:
        """Store a record unless it was stored before.

        A job that was lost with its slot sends again what it had sent, and another comparison may
        have the same part.
        """
        if record.key in self._records:
            return
        known = None if self._fresh else self._store.find(self._kind, record.key)
        if known is None:
            self._store.put(record)
            self._measured.add(record.key)
        self._records[record.key] = known or record

    def end(self, data: Mapping[str, Any]) -> None:
        """Do nothing: the job has sent its records part by part."""

    def finish(self) -> Finished:
        """Return the records and failures in the order of the parts."""
        records = tuple(self._records[key] for key in self.parts if key in self._records)
        failures = tuple(self._failures[key] for key in self.missing if key in self._failures)
        return Finished(records, failures, len(self._measured))
