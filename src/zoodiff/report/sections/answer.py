"""The answer of a study in at most three sentences, each computed from what was compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoodiff.report.sections.graphs import meaning
from zoodiff.report.sections.standing import Level, level_of, standings, worst
from zoodiff.report.words import numbers
from zoodiff.report.words.routes import pair_route
from zoodiff.results import Discrepancy
from zoodiff.study.result import Explained, StudyResult


@dataclass(frozen=True)
class Sentence:
    """A sentence of the answer, and where its evidence is."""

    subject: str
    text: str
    href: str | None = None


def answer(result: StudyResult) -> tuple[Sentence, ...]:
    """Return the answer: about the networks, their accuracy and their latency.

    A study that compared nothing has one sentence, which says so. Numbers that are doubtful are
    not mentioned.
    """
    if result.not_compared is not None:
        return (Sentence("", result.not_compared),)
    candidates = (_networks(result), _accuracy(result), _latency(result))
    sentences = tuple(sentence for sentence in candidates if sentence is not None)
    if sentences or result.names is not None or result.recipes:
        return sentences
    return (Sentence("", "Nothing was compared: no two entries share a comparison."),)


def _networks(result: StudyResult) -> Sentence | None:
    levels = []
    for standing in standings(result).values():
        graphs = standing.numbers
        pairs = (
            standing.level(one, two) for i, one in enumerate(graphs) for two in graphs[i + 1 :]
        )
        levels.append(worst(pairs) or "unknown")
    if not levels:
        return None
    same, but = levels.count("same"), levels.count("but")
    other, unknown = levels.count("other"), levels.count("unknown")
    parts = []
    if other:
        parts.append(f"{other:,} {_is(other)} not one architecture{_commonest(result, 'other')}")
    if but:
        parts.append(f"{but:,} {_is(but)} one but for {_commonest(result, 'but')}")
    if same:
        parts.append(f"{same:,} {_is(same)} one network in all of them")
    if unknown:
        parts.append(f"{unknown:,} {_is(unknown)} not decided")
    text = f"Of {numbers.plural(len(levels), 'name')} with several entries, "
    return Sentence("Networks", f"{text}{numbers.listing(parts)}.", "#networks")


def _commonest(result: StudyResult, level: Level) -> str:
    """Return the finding that most names with this answer have."""
    having: dict[str, set[str]] = {}
    for difference in result.differences:
        for finding in difference.values.findings if level_of(difference) == level else ():
            if finding.effect == "function" or level == "but":
                having.setdefault(finding.code, set()).add(difference.comparison)
    if not having:
        return "" if level == "other" else "named differences"
    code = min(having, key=lambda each: (-len(having[each]), each))
    known = meaning(code)
    name = f"{known.name} ({code})" if known else code
    if level == "but":
        return f"differences such as {name}"
    return (
        f" (by {name})"
        if len(having[code]) == 1
        else f" (most often by {name}, in {len(having[code]):,})"
    )


def _accuracy(result: StudyResult) -> Sentence | None:
    claimed = _headline(result.claimed.rows if result.claimed else ())
    measured = _headline(result.measured_accuracy)
    parts, href = [], None
    if claimed is not None:
        href = "#claimed"
        parts.append(
            f"claims about one name differ by up to {_points(claimed.difference)} "
            f"({claimed.architecture}: {claimed.high:.2f} % at {claimed.high_entry}, "
            f"{claimed.low:.2f} % at {claimed.low_entry})"
        )
    if measured is not None:
        href = pair_route(measured.architecture, measured.high_entry, measured.low_entry)
        bounds = f" {numbers.bounds(measured.interval, 2)}" if measured.interval else ""
        parts.append(
            f"measured on the same images, {measured.high_entry} is better than "
            f"{measured.low_entry} by {_points(measured.difference)}{bounds}"
            f"{_largest_part(measured, result.explanations)}"
        )
    elif result.measured_accuracy:
        pairs = numbers.plural(len(result.measured_accuracy), "pair")
        parts.append(f"of {pairs} measured on the same images, none differs beyond noise")
    if not parts:
        return None
    text = "; ".join(parts)
    return Sentence("Accuracy", f"{text[0].upper()}{text[1:]}.", href)


def _largest_part(row: Discrepancy, explanations: Sequence[Explained]) -> str:
    """Return the largest named part of a difference, where it was decomposed."""
    for explained in explanations:
        pair = {explained.entry, explained.values.other}
        parts = [
            part
            for part in explained.values.parts
            if part.kind in ("factor", "difference") and part.points.low * part.points.high > 0
        ]
        if pair == {row.high_entry, row.low_entry} and parts:
            largest = max(parts, key=lambda part: abs(part.points.value))
            code = f" ({largest.code})" if largest.code else ""
            size = numbers.fixed(abs(largest.points.value), 2)
            return f", of which {largest.what}{code} makes {size}"
    return ""


def _latency(result: StudyResult) -> Sentence | None:
    rows = result.latency
    if not rows:
        return None
    noises = [control.noise_percent for control in result.controls]
    pairs = numbers.plural(len(rows), "pair")
    if not noises:
        return Sentence(
            "Latency",
            f"Of {pairs} timed in one run none counts, because no control shows its noise.",
            "#latency",
        )
    beyond = [row for row in rows if row.verdict == "discrepancy" and not row.doubtful]
    noise = numbers.noise_in_words(noises)
    if not beyond:
        return Sentence(
            "Latency", f"Of {pairs} timed in one run, none differs beyond {noise}.", "#latency"
        )
    first = beyond[0]
    ratio = numbers.fixed(1 + first.difference / 100, 2)
    differ = "differs" if len(beyond) == 1 else "differ"
    text = (
        f"{first.high_entry} takes {ratio} times as long as {first.low_entry}"
        f"{_first_cause(first)}; of {pairs} timed in one run, {len(beyond):,} {differ} beyond "
        f"{noise}."
    )
    href = pair_route(first.architecture, first.high_entry, first.low_entry)
    return Sentence("Latency", text, href)


def _first_cause(row: Discrepancy) -> str:
    """Return the largest measured factor of a ratio; others are differences, not causes."""
    measured = [cause for cause in row.causes if cause.code in ("LAT110", "LAT111", "LAT112")]
    known = meaning(measured[0].code) if measured else None
    return f", mostly by {known.name} ({known.code})" if known else ""


def _headline(rows: Sequence[Discrepancy]) -> Discrepancy | None:
    """Return the largest difference that counts and that nothing speaks against."""
    return next((r for r in rows if r.verdict == "discrepancy" and not r.doubtful), None)


def _points(value: float) -> str:
    return f"{numbers.fixed(value, 2)} points"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
