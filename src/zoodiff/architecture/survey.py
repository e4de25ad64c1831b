"""Describe many entries with several workers in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from zoodiff.architecture.describe import graph_of
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.graph.ir import Graph
from zoodiff.workers.limits import Limits
from zoodiff.zoos.registry import Entry

_CHUNK = 24
"""Entries that one worker describes: many enough to pay for importing the framework."""


def describe_all(
    entries: Sequence[Entry],
    *,
    jobs: int = 2,
    limits: Limits | None = None,
    done: Callable[[Entry, str | None], None] | None = None,
) -> tuple[dict[str, Graph], dict[str, str]]:
    """Return the graphs by entry, and the reasons for entries whose graph could not be built.

    ``done`` is called for every finished entry, with the reason if it failed and None otherwise.
    """
    by_zoo: dict[str, list[Entry]] = {}
    for entry in entries:
        by_zoo.setdefault(entry.zoo.name, []).append(entry)
    # The slowest zoo (many networks) first, so that no worker is left alone at the end.
    chunks = [
        members[first : first + _CHUNK]
        for members in sorted(by_zoo.values(), key=len, reverse=True)
        for first in range(0, len(members), _CHUNK)
    ]
    graphs: dict[str, Graph] = {}
    failures: dict[str, str] = {}

    def work(chunk: list[Entry]) -> None:
        # Workers must not outlive the thread that started them.
        with WorkerPool(limits) as engine:
            for entry in chunk:
                reason: str | None = None
                try:
                    if entry.model.needs_file:
                        raise MeasurementError("describing it needs its file; name it to fetch it")
                    graphs[str(entry.ref)] = graph_of(engine, entry)
                except ZoodiffError as error:
                    reason = failures[str(entry.ref)] = str(error)
                if done is not None:
                    done(entry, reason)

    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for future in [pool.submit(work, chunk) for chunk in chunks]:
            future.result()
    order = {str(entry.ref): k for k, entry in enumerate(entries)}
    return dict(sorted(graphs.items(), key=lambda item: order[item[0]])), failures
