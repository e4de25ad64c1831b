"""Format the answers about graphs of many comparisons as one table, with the commonest findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zoodiff.report.sections.graphs import FindingRow, GraphAnswers, answers, meaning
from zoodiff.store.records import FindingValues
from zoodiff.study.result import Difference, StudyResult

_MANY = 8
"""Comparisons from which a page begins with the overview; fewer are seen at one glance."""
_CODES = 10
"""Findings of a pair whose codes the overview shows."""


@dataclass(frozen=True)
class Code:
    """The code of a finding, with the words that a pointer shows."""

    code: str
    anchor: str | None
    words: str
    has_effect: bool


@dataclass(frozen=True)
class AnswerRow:
    """One answer: about two graphs, or about entries that share one."""

    comparison: str
    first: str
    others: tuple[str, ...]
    answer: str
    has_effect: bool
    codes: tuple[Code, ...]
    more: int
    """Findings whose codes are not shown."""


@dataclass(frozen=True)
class CommonCode:
    """A finding, with the numbers of pairs and of comparisons that have it."""

    code: Code
    name: str
    pairs: int
    comparisons: int


@dataclass(frozen=True)
class Overview:
    """All answers about graphs, and the findings in them by how common they are."""

    rows: tuple[AnswerRow, ...]
    common: tuple[CommonCode, ...]


def overview(result: StudyResult) -> Overview | None:
    """Return the overview of many comparisons; None for a few, which need none.

    The comparisons with a difference that may change the function come first.
    """
    listed = [answer for answer in answers(result).values() if answer.pairs or answer.shared]
    if len(listed) < _MANY:
        return None
    listed.sort(key=lambda answer: answer.verdict not in {"mismatch", "not decided"})
    rows = tuple(row for answer in listed for row in _rows(answer))
    return Overview(rows, _common(result.differences))


def _rows(answer: GraphAnswers) -> Iterator[AnswerRow]:
    for pair in answer.pairs:
        shown = _unique(pair.findings)
        yield AnswerRow(
            answer.comparison,
            pair.first,
            (pair.second,),
            pair.answer,
            pair.has_effect,
            shown[:_CODES],
            pair.more + max(0, len(shown) - _CODES),
        )
    for entries in answer.shared:
        yield AnswerRow(
            answer.comparison, entries[0], entries[1:], "the same architecture", False, (), 0
        )


def _unique(findings: Iterable[FindingRow]) -> tuple[Code, ...]:
    by_code: dict[str, Code] = {}
    for row in findings:
        words = f"{row.name}: {row.left} | {row.right}"
        by_code.setdefault(row.code, Code(row.code, row.anchor, words, row.has_effect))
    return tuple(by_code.values())


def _common(differences: Iterable[Difference]) -> tuple[CommonCode, ...]:
    having: dict[str, list[tuple[Difference, FindingValues]]] = {}
    for difference in differences:
        for finding in difference.values.findings:
            having.setdefault(finding.code, []).append((difference, finding))
    rows = []
    for code, places in having.items():
        known = meaning(code)
        has_effect = any(finding.has_effect for _, finding in places)
        rows.append(
            CommonCode(
                Code(
                    code, known.anchor if known else None, known.cause if known else "", has_effect
                ),
                known.name if known else places[0][1].name,
                len({(difference.first, difference.second) for difference, _ in places}),
                len({difference.comparison for difference, _ in places}),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.comparisons, -row.pairs, row.code.code)))
