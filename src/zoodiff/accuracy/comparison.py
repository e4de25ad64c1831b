"""Compares entries on the same images: each with its claim, and every pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

from zoodiff.accuracy.classes.class_comparison import NamedClasses, against_entry, against_labels
from zoodiff.accuracy.measure import of_record
from zoodiff.accuracy.pairs import Pair, PairSettings, compare_pair, corrected, shared_images
from zoodiff.accuracy.predictions import Stored
from zoodiff.accuracy.scaling_anomalies import inversions
from zoodiff.claims import catalogue
from zoodiff.display import Displayed, Shown
from zoodiff.results import Interval
from zoodiff.stats import paired
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues, Record

WITHIN = 0.5
"""Default margin, in percentage points, within which entries count as the same."""
_VALIDATION = 50_000
ClaimVerdict = Literal["met", "not met", "not decided", "of other images", "of other weights"]


@dataclass(frozen=True)
class Row:
    """One entry. Accuracies are in percent."""

    entry: str
    weights: str
    """State of the weights, for example ``published`` or ``random``."""
    images: int
    top1: Interval
    top5: Interval
    calibration_error: float | None
    claimed: float | None
    claim: ClaimVerdict | None
    """Whether the claim is met; None without a claim."""
    preprocessing: str
    defaulted: tuple[str, ...]
    failed_checks: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Comparison(Displayed):
    """All entries and all pairs; ``within`` is the margin of "the same", in points."""

    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    within: float
    notes: tuple[str, ...]
    class_findings: tuple[NamedClasses, ...] = ()
    """Classes that an entry, or the second entry against the first, exchanges or never predicts."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = asdict(self)
        intervals = ("difference", "bootstrap", "sequence")
        for group, keys in (("rows", ("top1", "top5")), ("pairs", intervals)):
            for item in values[group]:
                for key in keys:
                    item[key] = None if item[key] is None else item[key].model_dump()
        values["class_findings"] = [item.to_dict() for item in self.class_findings]
        return values

    def _shown(self) -> Shown:
        best = max(self.rows, key=lambda row: row.top1.value, default=None)
        said = f", best {best.entry} with {best.top1.value:.2f} %" if best else ""
        return Shown(
            f"top-1 of {len(self.rows)} entries{said}",
            [
                *(
                    (f"{pair.first} and {pair.second}", f"{pair.verdict}, {_in_points(pair)}")
                    for pair in self.pairs
                ),
                *(("note", note) for note in self.notes),
            ],
            self.to_dict()["rows"],
            ("entry", "weights", "images", "top1", "top5", "claimed", "claim"),
        )


def compare(
    records: Sequence[Record], store: Store, *, within: float = WITHIN, examples: int = 5
) -> Comparison:
    """Compare entries by their predictions for the same images.

    ``within`` is the margin of "the same" in points, ``examples`` the number of flips and classes
    per pair. Raises MeasurementError if predictions are damaged or two entries share no image.
    """
    stored = {record.entry: of_record(store, record) for record in records}
    rows = tuple(_row(record, within) for record in records)
    known = {record.entry: _class_findings(record, stored[record.entry]) for record in records}
    settings = PairSettings(within, examples, len(records) * (len(records) - 1) // 2)
    tested: list[Pair] = []
    between: list[NamedClasses] = []
    for first, second in combinations(records, 2):
        shared = shared_images(stored[first.entry], stored[second.entry])
        tested.append(compare_pair(first, second, shared, settings))
        between += against_entry(first.entry, second.entry, shared.best, known)
    holm = paired.holm([pair.p_value for pair in tested])
    rate = paired.benjamini_hochberg([pair.p_value for pair in tested])
    pairs = tuple(corrected(pair, p, q) for pair, p, q in zip(tested, holm, rate, strict=True))
    notes = (*_notes(rows, pairs), *_family_notes(records, pairs))
    own = [item for findings in known.values() for item in findings]
    return Comparison(rows, pairs, within, notes, (*own, *between))


def _class_findings(record: Record, stored: Stored) -> tuple[NamedClasses, ...]:
    assert isinstance(record.values, AccuracyValues)
    return against_labels(
        record.entry,
        stored.predictions.classes[:, 0],
        stored.labels,
        record.values.constant_outputs,
        record.values.without_output,
    )


def _row(record: Record, within: float) -> Row:
    from zoodiff.preprocessing.spec import Preprocessing

    values = record.values
    assert isinstance(values, AccuracyValues)
    claimed = _claimed(record)
    return Row(
        record.entry,
        record.weights.state,
        values.images,
        values.top1,
        values.top5,
        values.calibration_error,
        claimed,
        None if claimed is None else _claim(record, values, claimed, within),
        Preprocessing.from_dict(record.preprocessing).sentence(),
        tuple(values.defaulted),
        tuple(values.failed_checks),
    )


def _claimed(record: Record) -> float | None:
    """Return the claimed top-1 of an entry in percent; None without a claim."""
    if record.zoo not in catalogue.zoo_names():
        return None
    if record.architecture not in catalogue.architectures():
        return None
    for claim in catalogue.claims_for(architecture=record.architecture, zoo=record.zoo):
        same = claim.entry_model == record.model and claim.entry_weights == record.weights.name
        if same and claim.top1_percent is not None:
            return claim.top1_percent
    return None


def _claim(record: Record, values: AccuracyValues, claimed: float, within: float) -> ClaimVerdict:
    """Return "met" if the interval of top-1 lies above the claim less the margin.

    Claims are about the 50,000 validation images; other images do not decide them.
    """
    if record.weights.state != "published":
        return "of other weights"
    images = values.images + values.left_out
    if record.conditions.get("space") != "imagenet-1k" or images != _VALIDATION:
        return "of other images"
    if values.top1.low >= claimed - within:
        return "met"
    return "not met" if values.top1.high < claimed - within else "not decided"


def _notes(rows: Sequence[Row], pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Return notes about pairs of entries and their claims."""
    missed = {row.entry for row in rows if row.claim == "not met"}
    notes = [
        f"{pair.first} and {pair.second} agree with each other and both miss their claims: the "
        "data set or the recipe is suspect before the entries are"
        for pair in pairs
        if pair.verdict == "the same" and {pair.first, pair.second} <= missed
    ]
    claimed = [row for row in rows if row.claimed is not None]
    for first, second in combinations(claimed, 2):
        assert first.claimed is not None
        assert second.claimed is not None
        pair = next(p for p in pairs if {p.first, p.second} == {first.entry, second.entry})
        measured = first.top1.value - second.top1.value
        if pair.verdict == "different" and measured * (first.claimed - second.claimed) < 0:
            better, worse = (first, second) if measured > 0 else (second, first)
            notes.append(f"{better.entry} is better than {worse.entry}, which claims more")
    return tuple(notes)


def _family_notes(records: Sequence[Record], pairs: Sequence[Pair]) -> list[str]:
    """Return a note per larger member of a family that is worse than a smaller one."""
    measured = []
    for record in records:
        assert isinstance(record.values, AccuracyValues)
        if record.weights.state != "random":
            top1 = record.values.top1.value
            measured.append((record.entry, record.zoo, record.architecture, top1))
    different = {frozenset((p.first, p.second)) for p in pairs if p.verdict == "different"}
    return [
        f"{pair.larger} is the larger one of the family {pair.family} and worse than "
        f"{pair.smaller}: its recipe (weights, preprocessing, input size or labels) is likely wrong"
        for pair in inversions(measured, different)
    ]


def _in_points(pair: Pair) -> str:
    difference = pair.difference
    limits = f"{difference.low:.2f} to {difference.high:.2f}"
    return f"{difference.value:.2f} points ({limits}) on {pair.images:,} images"
