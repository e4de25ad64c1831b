"""Tables of the entries of each mismatched architecture, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from zoodiff.report import numbers
from zoodiff.results import Mismatch
from zoodiff.store.comparisons import grouped
from zoodiff.store.records import ArchitectureValues
from zoodiff.study.result import StudyResult

_OPEN = 4
"""Number of architectures that are unfolded initially; a click opens the others."""


@dataclass(frozen=True)
class Cell:
    """A value; ``letter`` names its group, ``differs`` is False for the most frequent value."""

    text: str
    letter: str
    differs: bool


@dataclass(frozen=True)
class PropertyRow:
    """The values of one property for the entries of an architecture."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ArchitectureTable:
    """One architecture: its entries are columns, its differing properties rows."""

    architecture: str
    entries: tuple[str, ...]
    rows: tuple[PropertyRow, ...]
    summary: str
    unfolded: bool


def tables(result: StudyResult) -> tuple[ArchitectureTable, ...]:
    """Return one table per architecture whose entries differ in a property."""
    grouped: dict[str, list[Mismatch]] = {}
    for mismatch in result.mismatches:
        grouped.setdefault(mismatch.architecture, []).append(mismatch)
    return tuple(
        _table(architecture, mismatched, index < _OPEN)
        for index, (architecture, mismatched) in enumerate(grouped.items())
    )


def compared(result: StudyResult) -> int:
    """Return the number of comparisons with at least two counted entries."""
    counted = [r for r in result.records if isinstance(r.values, ArchitectureValues)]
    stated = result.comparisons or None
    groups = grouped("architecture", counted, stated)
    return sum(len({record.entry for record in members}) > 1 for _, members in groups)


def are_architectures(result: StudyResult) -> bool:
    """Whether every comparison is an architecture rather than a group of the study."""
    known = {record.architecture for record in result.records}
    return all(
        comparison.name in known
        for comparison in result.comparisons
        if comparison.kind == "architecture"
    )


def counts(result: StudyResult) -> tuple[int, int]:
    """Return the numbers of comparisons that differ with effect, and only in harmless counts."""
    with_effect = {mismatch.architecture for mismatch in result.mismatches if mismatch.has_effect}
    return len(with_effect), len(
        {mismatch.architecture for mismatch in result.mismatches} - with_effect
    )


def empty_reason(result: StudyResult) -> str:
    """Return the reason why there is no mismatch to show."""
    several = compared(result)
    if several:
        return (
            f"The entries of {numbers.plural(several, 'architecture')} with at least two of them "
            "agree in all counted properties. Equal counts do not prove equal networks."
        )
    if any(isinstance(record.values, ArchitectureValues) for record in result.records):
        return "No architecture has two entries that were counted, so there is nothing to compare."
    return "No entry's architecture was counted in this study."


def _table(architecture: str, differing: list[Mismatch], unfolded: bool) -> ArchitectureTable:
    entries = tuple(dict.fromkeys(entry for mismatch in differing for entry in mismatch.values))
    properties = numbers.listing(mismatch.property for mismatch in differing)
    return ArchitectureTable(
        architecture=architecture,
        entries=entries,
        rows=tuple(PropertyRow(m.property, _cells(entries, m.values)) for m in differing),
        summary=f"{numbers.plural(len(entries), 'entry', 'entries')}, differing in {properties}",
        unfolded=unfolded,
    )


def _cells(entries: tuple[str, ...], values: Mapping[str, str]) -> tuple[Cell, ...]:
    counted = Counter(values.values()).most_common()
    # Without a single most frequent value, every cell is marked.
    tied = len(counted) > 1 and counted[0][1] == counted[1][1]
    letters = {value: _letter(index) for index, (value, _) in enumerate(counted)}
    return tuple(
        Cell(
            values[entry],
            letters[values[entry]],
            len(counted) > 1 and (tied or letters[values[entry]] != "A"),
        )
        if entry in values
        else Cell(numbers.NOT_MEASURED, "", False)
        for entry in entries
    )


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else str(index + 1)
