"""The images on which two measured entries disagree, with both answers, for the view of a pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zoodiff.accuracy.disagreements import Disagreement, DisagreementReader
from zoodiff.data import imagenet
from zoodiff.data.labels import BY_NAME, IMAGENET_1K
from zoodiff.report.thumbnails import Thumbnails
from zoodiff.results import Discrepancy
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues, Record
from zoodiff.study.result import StudyResult

SHOWN = 8
"""Images per pair."""
MOST = 400
"""Pairs whose predictions are read for a report; those that count come first."""

PairKey = tuple[str, str, str]
"""Architecture, and the entries of a ranked row, the more accurate first."""


@dataclass(frozen=True)
class DisagreementRow:
    """An image with its class and both answers in words."""

    image: str
    label: str
    high: str
    low: str
    """The answers of the more and of the less accurate entry, with their probabilities."""
    right: str
    """Who is right: ``high``, ``low`` or ``neither``."""
    thumbnail: str | None = None
    """Name of the image's small picture, if there is one."""


def key_of(row: Discrepancy) -> PairKey:
    """Return what tells a ranked row from others of its metric."""
    return row.architecture, row.high_entry, row.low_entry


class PairDisagreements:
    """Reads what the entries of a study answered; see ``of``."""

    def __init__(self, store: Store) -> None:
        self._reader = DisagreementReader(store)

    def of(
        self, result: StudyResult, thumbnails: Thumbnails | None = None, most: int = 0
    ) -> dict[PairKey, tuple[DisagreementRow, ...]]:
        """Return the images on which the entries of measured pairs disagree, surest first.

        The first ``most`` images of a pair have pictures of ``thumbnails``.
        """
        ordered = sorted(result.measured_accuracy, key=_by_weight)[:MOST]
        measured: dict[tuple[str, float], list[Record]] = {}
        for record in result.records:
            if isinstance(record.values, AccuracyValues):
                entry_and_top1 = (record.entry, record.values.top1.value)
                measured.setdefault(entry_and_top1, []).append(record)
        known: dict[PairKey, tuple[DisagreementRow, ...]] = {}
        for row in ordered:
            records = _records(row, measured)
            if records is None:
                continue
            space = str(records[0].conditions.get("space", ""))
            images = self._reader.between(*records, SHOWN)
            if images:
                shown = [_in_words(each, space) for each in images]
                if thumbnails is not None:
                    shown[:most] = [
                        _with_picture(words, thumbnails.add(each.image, each.key))
                        for words, each in zip(shown[:most], images, strict=False)
                    ]
                known[key_of(row)] = tuple(shown)
        return known


def _by_weight(row: Discrepancy) -> tuple[bool, str, str, str]:
    """Order pairs that count first; pairs of one entry follow each other, as they share reading."""
    return row.verdict != "discrepancy", row.architecture, row.high_entry, row.low_entry


def _records(
    row: Discrepancy, measured: Mapping[tuple[str, float], Sequence[Record]]
) -> tuple[Record, Record] | None:
    """Return the two records that a row compares; None if they cannot be told from others.

    ``measured`` has the records by entry and top-1.
    """
    pairs = [
        (high, low)
        for high in measured.get((row.high_entry, row.high), ())
        for low in measured.get((row.low_entry, row.low), ())
        if high.conditions.get("data_sha256") == low.conditions.get("data_sha256")
    ]
    return pairs[0] if len(pairs) == 1 else None


def _in_words(found: Disagreement, space: str) -> DisagreementRow:
    names = _names(space)
    right = {found.first.best: "high", found.second.best: "low"}.get(found.label, "neither")
    return DisagreementRow(
        image=f"image {found.image}",
        label=_class_name(found.label, names),
        high=f"{_class_name(found.first.best, names)}, {_percent(found.first.probability)}",
        low=f"{_class_name(found.second.best, names)}, {_percent(found.second.probability)}",
        right=right if found.label >= 0 else "neither",
    )


def _with_picture(row: DisagreementRow, picture: tuple[str, str] | None) -> DisagreementRow:
    """Return an image with its own name and its picture, if it has one."""
    if picture is None:
        return row
    thumbnail, name = picture
    return replace(row, image=name, thumbnail=thumbnail)


def _names(space: str) -> Sequence[str]:
    """Return the names of the classes of a data set; none if only their numbers are known."""
    if space == IMAGENET_1K.name:
        return imagenet.names()
    return BY_NAME[space].names if space in BY_NAME else ()


def _class_name(number: int, names: Sequence[str]) -> str:
    if number < 0:
        return "a class that the data set does not have"
    return names[number] if number < len(names) else f"class {number}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
