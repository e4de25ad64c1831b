"""Compare the graphs of a study's entries, one record per pair of distinct graphs.

Which entries have equal graphs is known once all are described, so a comparison is a task that
starts then: planned per comparison, and recorded pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from zoodiff.architecture.describe import fingerprint_of, graph_of
from zoodiff.architecture.distinct_graphs import distinct_graphs, pairs_of_graphs
from zoodiff.engines.base import Affinity, Job, Partial, Step
from zoodiff.engines.pool import WorkerPool, worker_name
from zoodiff.equivalence.graph_difference import GraphPair
from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.graph.ir import Graph
from zoodiff.store import graphs
from zoodiff.store.folder import Store
from zoodiff.store.records import Failure, Record
from zoodiff.study import serialization
from zoodiff.study.jobs.keyed_task import KeyedTask
from zoodiff.tasks import Task
from zoodiff.zoos.files import FileEntry
from zoodiff.zoos.registry import Entry


def pairs_to_compare(records: Iterable[Record], entries: Sequence[str]) -> list[GraphPair]:
    """Return the pairs of distinct graphs among these entries, in the order of the entries."""
    described = {record.entry: record for record in records if record.kind == "architecture"}
    members = [described[name] for name in dict.fromkeys(entries) if name in described]
    return [GraphPair(*pair) for pair in pairs_of_graphs(distinct_graphs(members))]


class DifferenceTask(KeyedTask[GraphPair]):
    """The pairs of one comparison."""

    def __init__(self, task: Task, records: Iterable[Record], store: Store, *, fresh: bool) -> None:
        """Take the records of the described entries, those of other comparisons included."""
        self._task = task
        names = [str(entry.ref) for entry in task.entries]
        pairs = {pair.key: pair for pair in pairs_to_compare(records, names)}
        super().__init__("difference", pairs, store, fresh=fresh, lease="difference")

    def jobs(self, name: str, slots: int, cores: int) -> list[Job]:
        """Return a single job, since the pairs of a comparison share their graphs."""
        pairs = [self.parts[key] for key in self.missing]
        names = {record.entry for pair in pairs for record in (pair.first, pair.second)}
        entries = tuple(entry for entry in self._task.entries if str(entry.ref) in names)
        task = replace(self._task, entries=entries)
        data = {
            "do": "difference",
            "task": serialization.of_task(task),
            "pairs": [
                [pair.first.model_dump_json(), pair.second.model_dump_json()] for pair in pairs
            ],
        }
        return [Job(f"{name}, {len(pairs)} pairs", data, workers_needed(task))]

    def take(self, data: Mapping[str, Any]) -> tuple[int, int]:
        """Keep the graphs, and then the record that names them, or the failure of a pair."""
        for content in data.get("graphs", ()):
            self._store.put_graph(content)
        return super().take(data)


def workers_needed(task: Task) -> tuple[Affinity, ...]:
    """Return the workers that describe a task's files again; graphs of zoos are in the cache."""
    files = [entry for entry in task.entries if isinstance(entry, FileEntry)]
    names = dict.fromkeys(worker_name(entry.worker) for entry in files)
    return tuple((name, "describe") for name in names)


def compare_graphs(
    pool: WorkerPool, data: Mapping[str, Any], send: Callable[[Step | Partial], None]
) -> dict[str, Any]:
    """Compare pairs of graphs in a slot; send each record as soon as it is finished.

    A pair that cannot be compared is sent as a failure. The first record that names a graph comes
    with it. Raises the errors of ``entry_of``.
    """
    task = serialization.task_of(data["task"])
    described = _Graphs(pool, task.entries)
    sent: set[str] = set()
    for records in data["pairs"]:
        pair = GraphPair(*map(Record.model_validate_json, records))
        try:
            first, second = described.get(pair.first), described.get(pair.second)
            files = described.packed(pair)
            record = pair.record(first, second, [digest for digest, _ in files])
        except ZoodiffError as error:
            failed = Failure(
                kind="difference",
                entry=pair.first.entry,
                architecture=pair.first.architecture,
                reason=f"its graph was not compared with that of {pair.second.entry}: {error}",
            )
            send(Partial({"key": pair.key, "failure": failed.model_dump(mode="json")}))
        else:
            unsent = [content for digest, content in files if digest not in sent]
            send(Partial({"record": record.model_dump_json(), "graphs": unsent}))
            sent.update(digest for digest, _ in files)
    return {}


class _Graphs:
    """The graphs of a task's entries, each described once at most."""

    def __init__(self, pool: WorkerPool, entries: Iterable[Entry]) -> None:
        self._pool = pool
        self._entries = {str(entry.ref): entry for entry in entries}
        self._graphs: dict[str, Graph | ZoodiffError] = {}
        self._packed: dict[str, bytes | None] = {}

    def get(self, record: Record) -> Graph:
        """Return the graph of a described entry; raise a ZoodiffError if it cannot be had."""
        if record.entry not in self._graphs:
            try:
                self._graphs[record.entry] = self._described(record)
            except ZoodiffError as error:
                self._graphs[record.entry] = error
        graph = self._graphs[record.entry]
        if isinstance(graph, ZoodiffError):
            raise graph
        return graph

    def packed(self, pair: GraphPair) -> list[tuple[str, bytes]]:
        """Return the digests and the files of both graphs, as a store keeps them.

        Empty if one is too large. Both are described.
        """
        files = [self._file(record) for record in (pair.first, pair.second)]
        kept = [(graphs.digest_of(each), each) for each in files if each is not None]
        return kept if len(kept) == len(files) else []

    def _file(self, record: Record) -> bytes | None:
        if record.entry not in self._packed:
            self._packed[record.entry] = graphs.packed(self.get(record))
        return self._packed[record.entry]

    def _described(self, record: Record) -> Graph:
        entry = self._entries[record.entry]
        graph = graph_of(self._pool, entry)
        if isinstance(entry, FileEntry) and fingerprint_of(graph) != record.fingerprint:
            raise MeasurementError(f"{record.entry} has changed since it was described")
        return graph
