"""Explains a pair of entries and stores the explanation as a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoodiff._version import __version__
from zoodiff.accuracy.attribution.preprocessing import Explanation
from zoodiff.accuracy.attribution.session import EXPLAINED, UNTRAINED, Attribution
from zoodiff.accuracy.attribution.suggestions import notes, sentences
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.errors import ZoodiffError
from zoodiff.host.provenance import hardware, now
from zoodiff.results import Interval
from zoodiff.stats.intervals import Estimate
from zoodiff.store.explanation_values import (
    ConfirmationValues,
    ExplanationValues,
    NamedValues,
    PartValues,
)
from zoodiff.store.records import Record, key_of


@dataclass(frozen=True)
class PairRecords:
    """The accuracy of two entries whose difference is to be explained, the better one first."""

    first: Record
    second: Record

    @property
    def key(self) -> str:
        """The key of the explanation's record."""
        return key_of(
            kind="explanation",
            records=[self.first.key, self.second.key],
            images=EXPLAINED,
            zoodiff=__version__,
        )


def explained(
    attribution: Attribution, pair: PairRecords, subjects: dict[str, EvaluatedEntry | str]
) -> Record:
    """Explain a pair and return the record, which lists the problems if that fails.

    ``subjects`` has both entries by name, or the reason why an entry cannot be evaluated.
    """
    begun = now()
    records = (pair.first, pair.second)
    earlier_problems = len(attribution.problems)
    explanation = _explanation(attribution, records, subjects)
    names = [record.entry for record in records]
    values = ExplanationValues(
        other=pair.second.entry,
        images=explanation.images if explanation else 0,
        total=_interval(explanation.total) if explanation else None,
        parts=_parts(explanation),
        confirmation=_confirmation(explanation),
        named=_named(attribution, names),
        notes=[*(explanation.notes if explanation else ()), *_notes(attribution, names)],
        problems=_problems(attribution, earlier_problems, names),
    )
    return pair.first.model_copy(
        update={
            "key": pair.key,
            "hardware": hardware(),
            "started": begun,
            "finished": now(),
            "conditions": {**pair.first.conditions, "other": pair.second.key},
            "values": values,
        }
    )


def _explanation(
    attribution: Attribution, records: Sequence[Record], subjects: dict[str, EvaluatedEntry | str]
) -> Explanation | None:
    """Return the explanation; None if that fails, with the reason in ``attribution.problems``."""
    untrained = [record for record in records if record.weights.state in UNTRAINED]
    for record in untrained:
        attribution.untrained(record.entry, record.weights.state)
    if untrained:
        return None
    sides: list[EvaluatedEntry] = []
    for record in records:
        side = subjects[record.entry]
        if isinstance(side, str):
            attribution.problems.append(side)
            return None
        sides.append(side)
    try:
        return attribution.explain_pair(*sides)
    except ZoodiffError as error:
        attribution.problems.append(str(error))
        return None


def _parts(explanation: Explanation | None) -> list[PartValues]:
    return [
        PartValues(
            kind=part.kind,
            what=part.what,
            code=part.code,
            first=part.first,
            second=part.second,
            points=_interval(part.points),
        )
        for part in (explanation.parts if explanation else ())
    ]


def _problems(attribution: Attribution, earlier: int, names: Sequence[str]) -> list[str]:
    """Return the new problems, and earlier ones of the two entries."""
    about_entries = [
        text for text in attribution.problems[:earlier] if text.startswith(tuple(names))
    ]
    return list(dict.fromkeys([*about_entries, *attribution.problems[earlier:]]))


def _named(attribution: Attribution, names: Sequence[str]) -> list[NamedValues]:
    named: list[NamedValues] = []
    for name in names:
        if name in attribution.inferences:
            named += [
                NamedValues(code=code, entry=name, words=words)
                for code, words in sentences(attribution.inferences[name])
            ]
        if name in attribution.warnings:
            code, words = attribution.warnings[name]
            named.append(NamedValues(code=code, entry=name, words=words))
    return named


def _notes(attribution: Attribution, names: Sequence[str]) -> list[str]:
    """Return what fits better without being a finding, per entry."""
    inferences = {name: attribution.inferences.get(name) for name in names}
    return [
        f"{name}: {note}"
        for name, inference in inferences.items()
        if inference is not None
        for note in notes(inference)
    ]


def _confirmation(explanation: Explanation | None) -> ConfirmationValues | None:
    confirmation = explanation.confirmation if explanation else None
    if confirmation is None:
        return None
    return ConfirmationValues(
        what=confirmation.what,
        code=confirmation.code,
        points=_interval(confirmation.points),
        confirmed=confirmation.confirmed,
    )


def _interval(value: Estimate) -> Interval:
    return Interval(value=value.value, low=value.low, high=value.high, level=value.level)
