"""Group records into comparisons: entries that were named together are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.results import Comparison
from zoodiff.store.records import Record

KINDS = ("architecture", "latency", "accuracy")


def by_architecture(records: Iterable[Record]) -> list[Comparison]:
    """Return one comparison per kind of record and architecture, for runs that state none."""
    entries: dict[tuple[str, str], dict[str, None]] = {}
    for record in records:
        if record.kind in KINDS:
            entries.setdefault((record.kind, record.architecture), {})[record.entry] = None
    return [
        Comparison.model_validate({"kind": kind, "name": name, "entries": list(members)})
        for (kind, name), members in entries.items()
    ]


def ordered(
    kind: str, records: Sequence[Record], comparisons: Sequence[Comparison]
) -> list[tuple[str, list[Record]]]:
    """Return the records of each comparison of a kind, in the order of its entries."""
    by_entry = {record.entry: record for record in records if record.kind == kind}
    return [
        (
            comparison.name,
            [by_entry[name] for name in dict.fromkeys(comparison.entries) if name in by_entry],
        )
        for comparison in comparisons
        if comparison.kind == kind
    ]


def grouped(
    kind: str, records: Sequence[Record], comparisons: Sequence[Comparison] | None
) -> list[tuple[str, list[Record]]]:
    """Return the comparisons of a kind: their names and records.

    Entries of one architecture are compared where ``comparisons`` is None.
    """
    stated = by_architecture(records) if comparisons is None else comparisons
    return [
        (comparison.name, [record for record in records if record.entry in comparison.entries])
        for comparison in stated
        if comparison.kind == kind
    ]
