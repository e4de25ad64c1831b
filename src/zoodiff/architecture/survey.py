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

_CHUNK = 96
"""Most entries that one worker describes: many enough to pay for importing the framework, few
enough that what a framework keeps of each network does not fill the memory."""


def describe_all(
    entries: Sequence[Entry],
    *,
    jobs: int = 2,
    limits: Limits | None = None,
    done: Callable[[Entry, str | None], None] | None = None,
    take: Callable[[Entry, Graph], str | None] | None = None,
) -> tuple[dict[str, Graph], dict[str, str]]:
    """Return the graphs by entry, and the reasons for entries whose graph could not be built.

    ``done`` is called for every finished entry, with the reason if it failed and None otherwise.
    With ``take``, graphs are handed over one by one and not returned; it returns why an entry
    counts as failed, or None. Both are called from several threads.
    """
    by_zoo: dict[str, list[Entry]] = {}
    for entry in entries:
        by_zoo.setdefault(entry.zoo.name, []).append(entry)
    # The slowest zoo (many networks) first, so that no worker is left alone at the end.
    chunks = [
        members[first : first + size]
        for members in sorted(by_zoo.values(), key=len, reverse=True)
        for size in [min(_CHUNK, -(-len(members) // max(1, jobs)))]
        for first in range(0, len(members), size)
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
                    graph = graph_of(engine, entry)
                    if take is None:
                        graphs[str(entry.ref)] = graph
                    else:
                        reason = take(entry, graph)
                        if reason is not None:
                            failures[str(entry.ref)] = reason
                except ZoodiffError as error:
                    reason = failures[str(entry.ref)] = str(error)
                if done is not None:
                    done(entry, reason)

    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for future in [pool.submit(work, chunk) for chunk in chunks]:
            future.result()
    order = {str(entry.ref): k for k, entry in enumerate(entries)}
    return dict(sorted(graphs.items(), key=lambda item: order[item[0]])), failures
