"""The answers about graphs of each comparison: which graphs there are, and what differs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zoodiff.errors import UnknownNameError
from zoodiff.report.words import numbers
from zoodiff.rules.catalogue import find
from zoodiff.store.records import FindingValues
from zoodiff.study.result import ComparedGraphs, Difference, StudyResult

_FINDINGS = 12
"""Findings of a pair that a page lists; of the others it gives the number."""
_PAIRS = 30
"""Pairs of a comparison that a page lists."""


@dataclass(frozen=True)
class FindingRow:
    """A named difference between two graphs."""

    code: str
    anchor: str | None
    """The place of the page that says what the code means; None for an unknown code."""
    name: str
    places: str
    left: str
    right: str
    has_effect: bool


@dataclass(frozen=True)
class PairRow:
    """Two graphs that were compared, each by its first entry."""

    first: str
    second: str
    answer: str
    has_effect: bool
    findings: tuple[FindingRow, ...]
    more: int
    """Findings that are not listed."""


@dataclass(frozen=True)
class GraphAnswers:
    """The graphs of one comparison."""

    comparison: str
    verdict: str
    summary: str
    shared: tuple[tuple[str, ...], ...]
    """Entries that have one graph, for each graph of several."""
    pairs: tuple[PairRow, ...]
    more: int
    """Pairs that are not listed."""
    not_compared: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CodeMeaning:
    """What the code of a finding means."""

    code: str
    name: str
    cause: str
    consequence: str

    @property
    def anchor(self) -> str:
        """The place of the page that findings link to."""
        return f"rule-{self.code}"


def answers(result: StudyResult) -> dict[str, GraphAnswers]:
    """Return the answers of each comparison by its name, in the order of the study."""
    by_comparison: dict[str, GraphAnswers] = {}
    for graphs in result.graphs:
        differences = [d for d in result.differences if d.comparison == graphs.comparison]
        by_comparison.setdefault(graphs.comparison, _answers(graphs, differences))
    return by_comparison


def codes(shown: Iterable[GraphAnswers]) -> set[str]:
    """Return the codes of all findings that these answers show."""
    return {row.code for answer in shown for pair in answer.pairs for row in pair.findings}


def meanings(shown: Iterable[str]) -> tuple[CodeMeaning, ...]:
    """Return the meanings of codes, sorted; without those that this version does not know."""
    return tuple(known for code in sorted(set(shown)) if (known := meaning(code)) is not None)


def without_effect(answer: GraphAnswers) -> str:
    """Return why counts differ although no difference of graphs has an effect."""
    rows = {row.code: row.name for pair in answer.pairs for row in pair.findings}
    if not rows:
        return (
            "The graphs are equal once they are brought to one form, so the counts below differ "
            "only by how the networks are written."
        )
    named = numbers.listing(f"{code} {name}" for code, name in sorted(rows.items()))
    return f"The counts below differ because of {named}, which change no function."


def _answers(graphs: ComparedGraphs, differences: list[Difference]) -> GraphAnswers:
    entries = sum(map(len, graphs.graphs))
    different = numbers.plural(len(graphs.graphs), "graph")
    words = {
        "mismatch": "not one network",
        "not decided": "not decided",
        "harmless": "differences without effect",
        "same": "one architecture",
    }
    return GraphAnswers(
        comparison=graphs.comparison,
        verdict=graphs.verdict,
        summary=f"{numbers.plural(entries, 'entry', 'entries')} with {different}: "
        f"{words[graphs.verdict]}",
        shared=tuple(tuple(names) for names in graphs.graphs if len(names) > 1),
        pairs=tuple(_pair(difference) for difference in differences[:_PAIRS]),
        more=max(0, len(differences) - _PAIRS),
        not_compared=tuple((first, second) for first, second in graphs.not_compared),
    )


def _pair(difference: Difference) -> PairRow:
    values = difference.values
    shown = values.findings[:_FINDINGS]
    return PairRow(
        first=difference.first,
        second=difference.second,
        answer=answer_words(difference),
        has_effect=difference.has_effect,
        findings=tuple(map(_finding, shown)),
        more=len(values.findings) - len(shown) + values.more_findings,
    )


def answer_words(difference: Difference) -> str:
    """Return the answer without its findings, which stand beside it."""
    values = difference.values
    if values.relation == "different functions":
        return values.sentence
    if values.sameness == "different":
        return "different architectures"
    if values.sameness == "same up to":
        return (
            "the same architecture up to differences that change the outputs"
            if difference.has_effect
            else "the same architecture up to differences without effect"
        )
    return "the same architecture"


def _finding(finding: FindingValues) -> FindingRow:
    known = meaning(finding.code)
    return FindingRow(
        finding.code,
        None if known is None else known.anchor,
        finding.name,
        finding.places,
        finding.left,
        finding.right,
        finding.has_effect,
    )


def meaning(code: str) -> CodeMeaning | None:
    """Return the meaning of a code; None for one that this version does not know."""
    try:
        rule = find(code)
    except UnknownNameError:
        return None
    return CodeMeaning(rule.code, rule.name, rule.cause, rule.consequence)
