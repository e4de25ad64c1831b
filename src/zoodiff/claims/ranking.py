"""Ranks claims by a study's rules and by alternative rules, in the form of a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zoodiff.claims import catalogue, discrepancies
from zoodiff.claims import table as tables
from zoodiff.claims.catalogue import Claim
from zoodiff.claims.discrepancies import Ranking
from zoodiff.claims.selection import Selection
from zoodiff.claims.table import ClaimsTable, Published
from zoodiff.entry import did_you_mean
from zoodiff.results import ClaimedRanking, Discrepancy

_FIGURE_DIGITS = 2
"""Decimals with which a publication prints its two differences."""


def rank(table: Mapping[str, Any]) -> ClaimedRanking:
    """Rank claims by a study's ``[claims]`` table; raise ClaimsError that names an invalid key.

    ``sensitivity`` is empty unless the table states alternatives or figures of a publication.
    """
    study = tables.parse(table)
    claims = catalogue.load()
    ranking = discrepancies.rank(study.selection, claims)
    return ClaimedRanking(
        rows=[_row(row) for row in ranking.rows],
        architectures=ranking.architectures,
        entries=ranking.entries,
        rules=_rules(study),
        sensitivity=sensitivity(study, claims)
        if study.alternatives or study.published is not None
        else [],
        notes=[*study.notes, *_notes(study.selection, ranking)],
    )


def sensitivity(study: ClaimsTable, claims: list[Claim]) -> list[dict[str, Any]]:
    """Return one row per set of rules, the study's own rules first.

    Keys of a row: ``rules`` (their name), ``changed`` (options that differ from the study's),
    ``architectures`` and ``entries`` (counts), ``top`` (pairs of architecture and difference, as
    many as the publication lists), ``first`` and ``last`` (largest and smallest difference in
    ``top``, percentage points), ``has_published_figures`` (whether ``first`` and ``last`` agree
    with the publication to two decimals) and ``has_published_counts``; the last two are None if
    the study states no published figures.
    """
    published = study.published or Published()
    sets: list[tuple[str, Mapping[str, Any], Selection]] = [
        ("the rules of this study", {}, study.selection)
    ]
    sets += [(rules.name, rules.changed, rules.selection) for rules in study.alternatives]
    return [
        _alternative(name, changed, discrepancies.rank(chosen, claims), published)
        for name, changed, chosen in sets
    ]


def _alternative(
    name: str, changed: Mapping[str, Any], ranking: Ranking, published: Published
) -> dict[str, Any]:
    top = ranking.rows[: published.top]
    first, last = (top[0].difference, top[-1].difference) if top else (None, None)
    return {
        "rules": name,
        "changed": {key: _plain(value) for key, value in changed.items()},
        "architectures": ranking.architectures,
        "entries": ranking.entries,
        "first": first,
        "last": last,
        "top": [(row.architecture, row.difference) for row in top],
        "has_published_figures": _agree(
            (published.first, published.last),
            tuple(
                None if value is None else round(value, _FIGURE_DIGITS) for value in (first, last)
            ),
        ),
        "has_published_counts": _agree(
            (published.architectures, published.entries), (ranking.architectures, ranking.entries)
        ),
    }


def _agree(published: tuple[Any, ...], computed: tuple[Any, ...]) -> bool | None:
    """Return whether all published figures are equal to ours; None if none is published."""
    stated = [pair for pair in zip(published, computed, strict=True) if pair[0] is not None]
    return all(figure == ours for figure, ours in stated) if stated else None


def _plain(value: object) -> Any:
    return value if isinstance(value, str | int | float | list | dict) else str(value)


def _rules(study: ClaimsTable) -> list[str]:
    sentences = []
    for option, sentence in study.selection.rules().items():
        reason = study.reasons.get(option)
        text = f"{sentence} {reason}" if reason else sentence
        sentences.append(f"Inferred: {text}" if option in study.inferred else text)
    return sentences


def _notes(chosen: Selection, ranking: Ranking) -> list[str]:
    known = set(catalogue.architectures())
    notes = [
        f"Nothing is claimed about {name}{did_you_mean(name, known) or '.'}"
        for name in chosen.architectures
        if name not in known
    ]
    notes += [
        f"{name} is counted among the architectures and not ranked: {reason}."
        for name, reason in ranking.unranked.items()
    ]
    used = [claim for row in ranking.rows for claim in row.considered]
    if chosen.as_of is not None:
        undated = sorted({claim.label for claim in used if claim.published_on is None})
        if undated:
            notes.append(
                f"No date could be verified for the claims about {', '.join(undated)}; they count."
            )
    doubtful = sorted(doubt for claim in used if (doubt := top1_doubt(claim)))
    if doubtful:
        notes.append(f"Marked as doubtful in the catalogue: {'; '.join(doubtful)}.")
    return notes


def _row(row: discrepancies.Discrepancy) -> Discrepancy:
    high, low = row.high, row.low
    assert high.top1_percent is not None
    assert low.top1_percent is not None
    return Discrepancy(
        metric="claimed_top1",
        architecture=row.architecture,
        high_entry=high.label,
        low_entry=low.label,
        high=high.top1_percent,
        low=low.top1_percent,
        unit="%",
        difference=row.difference,
        difference_unit="percentage points",
        interval=None,
        verdict="discrepancy" if row.difference > 0 else "no difference",
        high_weights="claim",
        low_weights="claim",
        high_source=high.source,
        low_source=low.source,
        note=_note(row),
        doubtful="; ".join(doubt for claim in (high, low) if (doubt := top1_doubt(claim))) or None,
    )


def top1_doubt(claim: Claim) -> str | None:
    """Return why the claimed top-1 is probably wrong; None if the catalogue does not doubt it."""
    sentences = (claim.doubtful or "").split("; ")
    about = "; ".join(sentence for sentence in sentences if "top1" in sentence)
    return f"{claim.label}: {about}" if about else None


def _note(row: discrepancies.Discrepancy) -> str:
    """Return what a reader should know of the two claims of a row."""
    zoos = {claim.zoo for claim in row.considered}
    parts = [f"of {len(row.considered)} claims in {len(zoos)} zoos"]
    for claim in (row.high, row.low):
        if claim.provenance == "copied":
            parts.append(f"{claim.label} is a number that the zoo copied")
        if claim.top1_as_published and claim.metric_form != "percent":
            parts.append(
                f"{claim.label} is printed as {claim.metric_form} {claim.top1_as_published}"
            )
    sizes = {claim.input_height for claim in (row.high, row.low)}
    if len(sizes) > 1:
        parts.append(
            f"at different input sizes: {row.high.input_height} and {row.low.input_height} pixels"
        )
    return "; ".join(parts)
