"""Format the content of a report, in order; the HTML and Markdown templates lay it out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from zoodiff.report.app.document import document
from zoodiff.report.app.facts import Document
from zoodiff.report.pictures import PairPicture
from zoodiff.report.sections import (
    choice,
    controls,
    entries,
    explanations,
    graphs,
    mismatches,
    names,
    rankings,
    recipes,
    summary,
)
from zoodiff.report.sections.answer import Sentence, answer
from zoodiff.report.sections.matrix import Matrix, matrix
from zoodiff.report.sections.overview import Overview, overview
from zoodiff.report.sections.ways import Way, ways
from zoodiff.report.stored import StoredParts
from zoodiff.report.words import numbers
from zoodiff.store.records import Failure, Hardware
from zoodiff.study.result import StudyResult

_INFERRED = re.compile(r"\binferred\b", re.IGNORECASE)
_INFERRED_MARK = re.compile(r"^inferred\s*[:,]\s*|\s*\(inferred\)", re.IGNORECASE)


@dataclass(frozen=True)
class Rule:
    """A rule that selects claims; ``inferred`` if its source does not state it."""

    text: str
    inferred: bool


@dataclass(frozen=True)
class Alternative:
    """The ranking under another set of rules."""

    rules: str
    first: str
    last: str
    top: str
    has_published_figures: str


@dataclass(frozen=True)
class Reason:
    """A reason why measurements failed, with their entries."""

    kind: str
    reason: str
    entries: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """The formatted content of a report."""

    study: str
    title: str
    question: str
    complete: bool
    when: str
    answer: tuple[Sentence, ...]
    summary: tuple[str, ...]
    notes: tuple[str, ...]
    claimed: rankings.Ranking
    accuracy: rankings.Ranking
    explanations: tuple[explanations.Pair, ...]
    latency: rankings.Ranking
    matrix: Matrix | None
    """Architectures by zoos; None if no two entries were compared by their graphs."""
    ways: tuple[Way, ...]
    control_axis: Markup | None
    controls: tuple[controls.ControlRow, ...]
    rules: tuple[Rule, ...]
    rules_empty: str
    alternatives: tuple[Alternative, ...]
    mismatches: tuple[mismatches.ArchitectureTable, ...]
    mismatches_empty: str
    overview: Overview | None
    """All answers about graphs in one table, where there are many."""
    of_one_graph: tuple[str, ...]
    """Comparisons whose entries have one graph."""
    graphs_compared: bool
    """Whether graphs were compared; not in runs of older versions."""
    code_meanings: tuple[graphs.CodeMeaning, ...]
    choice: choice.ChoicePart | None
    """The candidates among the study's entries; None if no two can be ranked."""
    names: names.NamesPart | None
    """The table of names; None if the study has none."""
    recipes: recipes.RecipesPart | None
    """The audit of recipes; None if the study has none."""
    entries: tuple[entries.EntryRow, ...]
    entries_note: tuple[str, ...]
    reasons: tuple[Reason, ...]
    not_run: tuple[str, ...]
    zoodiff_version: str
    versions: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    hardware: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    study_text: str
    study_sha256: str
    document: Document
    """What the scripts of the page draw."""
    pictures: Mapping[str, PairPicture]
    """Pictures of pairs by their names in the document."""
    thumbnails: Mapping[str, str]
    """Small pictures of images as ``data:`` addresses, by their names in the document."""

    common_shown: int = 12
    """How many of the commonest differences the page shows."""

    @property
    def exported(self) -> tuple[tuple[str, str], ...]:
        """The tables that have rows: the name of their file, and what they show."""
        rankings = (self.claimed, self.accuracy, self.latency)
        shown = [(each.anchor, each.heading) for each in rankings if each.rows]
        architectures = self.document.architectures
        if any(each.differences for each in architectures):
            shown.append(("networks", "Networks"))
        if any(each.entries for each in architectures):
            shown.append(("entries", "Entries"))
        return tuple(shown)

    @property
    def has_entries(self) -> bool:
        """Whether there are architectures to look at."""
        return bool(self.document.architectures)

    @property
    def has_chart(self) -> bool:
        """Whether there are two networks of which accuracy and cost are known."""
        return len(self.document.points) > 1


def page(result: StudyResult, stored: StoredParts | None = None) -> Page:
    """Return the formatted content of a study's report, with what was read in its store."""
    stored = stored or StoredParts()
    claimed, accuracy, latency = rankings.rankings(result)
    control_axis, control_rows = controls.controls(result)
    rows = entries.entry_rows(result)
    tables = mismatches.tables(result)
    answers = overview(result)
    explained = explanations.pairs(result)
    return Page(
        study=result.study,
        title=result.title,
        question=result.question,
        complete=result.complete,
        when=_when(result),
        answer=answer(result),
        summary=summary.sentences(result),
        notes=tuple(result.notes),
        claimed=claimed,
        accuracy=accuracy,
        explanations=explained,
        latency=latency,
        matrix=matrix(result),
        ways=ways(result, (claimed, accuracy, latency)),
        control_axis=control_axis,
        controls=control_rows,
        rules=_rules(result),
        rules_empty="This study does not compare claims."
        if result.claimed is None
        else "The study states no rule: every claim of the catalogue was taken.",
        alternatives=_alternatives(result),
        mismatches=tables,
        mismatches_empty=mismatches.empty_reason(result),
        overview=answers,
        of_one_graph=mismatches.of_one_graph(result),
        graphs_compared=bool(result.graphs),
        code_meanings=_meanings(result, tables, (claimed, accuracy, latency), answers),
        choice=None
        if result.choice is None
        else choice.part(
            result.choice.rows, result.choice.ranked_by, result.choice.latency_conditions
        ),
        names=None if result.names is None else names.part(result.names),
        recipes=recipes.part(result.recipes) if result.recipes else None,
        entries=rows,
        entries_note=_entries_note(rows),
        reasons=_reasons(result.failures),
        not_run=tuple(result.not_run),
        zoodiff_version=result.zoodiff_version,
        versions=tuple(
            (zoo, tuple(sorted(libraries.items())))
            for zoo, libraries in sorted(result.versions.items())
        ),
        hardware=_hardware(result),
        study_text=result.study_text,
        study_sha256=result.study_sha256,
        document=document(result, (claimed, accuracy, latency), explained, stored),
        pictures=stored.pictures,
        thumbnails=stored.thumbnails,
    )


def _meanings(
    result: StudyResult,
    tables: Iterable[mismatches.ArchitectureTable],
    ranked: Iterable[rankings.Ranking],
    answers: Overview | None,
) -> tuple[graphs.CodeMeaning, ...]:
    """Return the meanings of all codes on the page."""
    findings = (f for each in result.differences for f in each.values.findings)
    parts = (part for each in result.explanations for part in each.values.parts)
    return graphs.meanings(
        {
            *graphs.codes(t.answers for t in tables if t.answers is not None),
            *(why.code for ranking in ranked for row in ranking.rows for why in row.why),
            *(row.code.code for row in (answers.common if answers else ())),
            *(finding.code for finding in findings),
            *(part.code for part in parts if part.code),
        }
    )


def _when(result: StudyResult) -> str:
    took = numbers.elapsed(result.started, result.finished)
    finished = f"finished {numbers.moment(result.finished)}"
    return f"{finished}, {took} after its start" if took else finished


def _rules(result: StudyResult) -> tuple[Rule, ...]:
    if result.claimed is None:
        return ()
    return tuple(_rule(text) for text in result.claimed.rules)


def _rule(text: str) -> Rule:
    # The page marks inferred rules itself, so the word is removed from the sentence.
    plain = _INFERRED_MARK.sub("", text)
    return Rule(plain[:1].upper() + plain[1:], bool(_INFERRED.search(text)))


def _alternatives(result: StudyResult) -> tuple[Alternative, ...]:
    if result.claimed is None:
        return ()
    return tuple(
        Alternative(
            rules=_words(row.get("rules")),
            first=_points(row.get("first")),
            last=_points(row.get("last")),
            top=", ".join(_named(item) for item in row.get("top") or ()),
            has_published_figures=_words(row.get("has_published_figures")),
        )
        for row in result.claimed.sensitivity
    )


def _words(value: object) -> str:
    if value is None:
        return numbers.NOT_MEASURED
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_words(item)}" for name, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "; ".join(_words(item) for item in value)
    return _points(value)


def _points(value: object) -> str:
    """Return a difference in percentage points, or a name with a difference."""
    if isinstance(value, float):
        return numbers.fixed(value, 2)
    if isinstance(value, str | int):
        return str(value)
    return numbers.NOT_MEASURED if value is None else _named(value)


def _named(item: object) -> str:
    """Return ``vgg19 2.62`` for a pair or a mapping of a name and a difference."""
    parts = item.values() if isinstance(item, Mapping) else item
    if isinstance(parts, str) or not isinstance(parts, Iterable):
        return _points(parts)
    return " ".join(_points(part) for part in parts)


def _reasons(failures: Iterable[Failure]) -> tuple[Reason, ...]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for failure in failures:
        grouped.setdefault((failure.kind, failure.reason), []).append(failure.entry)
    return tuple(
        Reason(kind, reason, tuple(dict.fromkeys(names)))
        for (kind, reason), names in sorted(grouped.items(), key=lambda item: item[0][0])
    )


def _entries_note(rows: Iterable[entries.EntryRow]) -> tuple[str, ...]:
    rows = tuple(rows)
    notes = []
    if any(row.weights.marked for row in rows):
        notes.append(
            "† marks random and placeholder weights: the network does the arithmetic that it does "
            "with published ones, as a rule in the same time, but its answers mean nothing."
        )
    if any(row.check for row in rows):
        notes.append("≠ marks a count that is not the zoo's or the framework's own.")
    if any(row.opaque for row in rows):
        notes.append("‡ marks a network with operators that were not recognised.")
    return tuple(notes)


def _hardware(result: StudyResult) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    machines: dict[Hardware, str] = {result.hardware: "This run"}
    for record in result.records:
        machines.setdefault(record.hardware, "Earlier measurements that were taken over")
    return tuple(
        (
            name,
            (
                ("processor", machine.processor),
                ("cores", str(machine.cores)),
                ("memory", numbers.size(machine.memory_bytes)),
                ("system", machine.system),
            ),
        )
        for machine, name in machines.items()
    )
