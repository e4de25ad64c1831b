"""Tables of the graphs and counts of each mismatched architecture, side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from zoodiff.report.sections import graphs
from zoodiff.report.sections.graphs import GraphAnswers
from zoodiff.report.words import numbers
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
    answers: GraphAnswers | None
    """What differs between the graphs; None in runs of older versions."""
    because: str
    """Why counts differ where no difference has an effect; else empty."""
    entries: tuple[str, ...]
    rows: tuple[PropertyRow, ...]
    summary: str
    unfolded: bool


def tables(result: StudyResult) -> tuple[ArchitectureTable, ...]:
    """Return one table per architecture whose graphs, or properties of whose entries, differ."""
    answers = graphs.answers(result)
    by_name: dict[str, list[Mismatch]] = {
        name: []
        for name, answer in answers.items()
        if answer.pairs or answer.not_compared or answer.shared
    }
    for mismatch in result.mismatches:
        by_name.setdefault(mismatch.architecture, []).append(mismatch)
    by_name = {
        name: differing
        for name, differing in by_name.items()
        if differing or answers[name].verdict != "same"
    }
    return tuple(
        _table(architecture, differing, answers.get(architecture), index < _OPEN)
        for index, (architecture, differing) in enumerate(sorted(by_name.items()))
    )


def of_one_graph(result: StudyResult) -> tuple[str, ...]:
    """Return the names of the comparisons whose entries have one graph."""
    return tuple(x.comparison for x in result.graphs if x.verdict == "same")


def compared(result: StudyResult) -> int:
    """Return the number of comparisons with at least two counted entries."""
    counted = [r for r in result.records if isinstance(r.values, ArchitectureValues)]
    stated = result.comparisons or None
    comparisons = grouped("architecture", counted, stated)
    return sum(len({record.entry for record in members}) > 1 for _, members in comparisons)


def are_architectures(result: StudyResult) -> bool:
    """Whether every comparison is an architecture rather than a group of the study."""
    known = {record.architecture for record in result.records}
    return all(
        comparison.name in known
        for comparison in result.comparisons
        if comparison.kind == "architecture"
    )


@dataclass(frozen=True)
class Tally:
    """Numbers of compared architectures, or of groups of entries that were named together."""

    with_effect: int
    """Two networks differ with an effect."""
    harmless: int
    """All differences are without effect."""
    undecided: int
    """Two graphs could not be compared, and no others differ with an effect."""


def tally(result: StudyResult) -> Tally:
    """Return how many architectures or groups differ, by their graphs.

    Counts decide where graphs were not compared, as in runs of older versions.
    """
    verdicts = [compared_graphs.verdict for compared_graphs in result.graphs]
    answered = {compared_graphs.comparison for compared_graphs in result.graphs}
    counted = [m for m in result.mismatches if m.architecture not in answered]
    with_effect = {mismatch.architecture for mismatch in counted if mismatch.has_effect}
    harmless = {mismatch.architecture for mismatch in counted} - with_effect
    return Tally(
        verdicts.count("mismatch") + len(with_effect),
        verdicts.count("harmless") + len(harmless),
        verdicts.count("not decided"),
    )


def empty_reason(result: StudyResult) -> str:
    """Return the reason why there is no mismatch to show."""
    several = compared(result)
    if several and result.graphs:
        return (
            f"The entries of {numbers.plural(several, 'architecture')} with at least two of them "
            "have one graph each. Nothing was run: equal graphs do not prove equal functions."
        )
    if several:
        return (
            f"The entries of {numbers.plural(several, 'architecture')} with at least two of them "
            "agree in all counted properties. Equal counts do not prove equal networks."
        )
    if any(isinstance(record.values, ArchitectureValues) for record in result.records):
        return "No architecture has two entries that were counted, so there is nothing to compare."
    return "No entry's architecture was counted in this study."


def _table(
    architecture: str, differing: list[Mismatch], answer: GraphAnswers | None, unfolded: bool
) -> ArchitectureTable:
    entries = tuple(dict.fromkeys(entry for mismatch in differing for entry in mismatch.values))
    properties = numbers.listing(mismatch.property for mismatch in differing)
    return ArchitectureTable(
        architecture=architecture,
        answers=answer,
        because=_because(differing, answer),
        entries=entries,
        rows=tuple(PropertyRow(m.property, _cells(entries, m.values)) for m in differing),
        summary=answer.summary
        if answer is not None
        else f"{numbers.plural(len(entries), 'entry', 'entries')}, differing in {properties}",
        unfolded=unfolded,
    )


def _because(differing: list[Mismatch], answer: GraphAnswers | None) -> str:
    if not differing or answer is None or answer.verdict not in {"harmless", "same"}:
        return ""
    return graphs.without_effect(answer)


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
