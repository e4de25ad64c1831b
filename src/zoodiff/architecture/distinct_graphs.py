"""The distinct graphs among described entries, and which two of them are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from zoodiff.store.records import Record

ALL_PAIRS = 8
"""Up to this many distinct graphs, each is compared with every other one."""


def distinct_graphs(records: Iterable[Record]) -> list[list[Record]]:
    """Return records of architectures by graph, in the order of their first entries.

    Entries with equal fingerprints have one graph; an entry without fingerprint has its own.
    """
    graphs: dict[str, list[Record]] = {}
    for record in records:
        graphs.setdefault(record.fingerprint or f"of {record.entry}", []).append(record)
    return list(graphs.values())


def pairs_of_graphs(graphs: Sequence[Sequence[Record]]) -> list[tuple[Record, Record]]:
    """Return the pairs of first entries whose graphs are compared.

    Up to ``ALL_PAIRS`` graphs these are all pairs; of more, each with the most frequent graph, the
    first one of several.
    """
    if len(graphs) <= ALL_PAIRS:
        return [(first[0], second[0]) for first, second in combinations(graphs, 2)]
    reference = max(graphs, key=len)
    return [(reference[0], graph[0]) for graph in graphs if graph is not reference]
