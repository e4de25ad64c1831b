"""Which records are compared with each other: those of entries that were named together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.results import Comparison
from zoodiff.store.records import Record

KINDS = ("architecture", "latency", "accuracy")


def by_architecture(records: Iterable[Record]) -> list[Comparison]:
    """One comparison per kind of record and architecture; runs that state none are read so."""
    entries: dict[tuple[str, str], dict[str, None]] = {}
    for record in records:
        if record.kind in KINDS:
            entries.setdefault((record.kind, record.architecture), {})[record.entry] = None
    return [
        Comparison.model_validate({"kind": kind, "name": name, "entries": list(members)})
        for (kind, name), members in entries.items()
    ]


def grouped(
    kind: str, records: Sequence[Record], comparisons: Sequence[Comparison] | None
) -> list[tuple[str, list[Record]]]:
    """Return the records of each comparison of a kind, with its name.

    Entries of one architecture are compared where ``comparisons`` is None.
    """
    stated = by_architecture(records) if comparisons is None else comparisons
    return [
        (one.name, [record for record in records if record.entry in one.entries])
        for one in stated
        if one.kind == kind
    ]
