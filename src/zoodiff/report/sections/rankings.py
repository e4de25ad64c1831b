"""Format the three rankings of discrepancies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from zoodiff.report.charts import inline
from zoodiff.report.sections import graphs
from zoodiff.report.words import links, numbers
from zoodiff.report.words.conditions import conditions
from zoodiff.report.words.links import Source
from zoodiff.report.words.routes import architecture_route, pair_route
from zoodiff.report.words.weights import Weights, weights
from zoodiff.results import Cause, Discrepancy, Verdict
from zoodiff.store.records import AccuracyValues, LatencyValues, Record
from zoodiff.study.result import StudyResult

_CLASSES: dict[Verdict, str] = {
    "discrepancy": "found",
    "within noise": "noise",
    "no difference": "none",
    "not comparable": "apart",
}


@dataclass(frozen=True)
class Side:
    """One of the two entries of a discrepancy."""

    entry: str
    value: str
    exact: str
    weights: Weights
    source: Source | None


@dataclass(frozen=True)
class Why:
    """A reason for a difference."""

    code: str
    anchor: str | None
    """The place of the page that says what the code means; None for an unknown code."""
    words: str


@dataclass(frozen=True)
class Row:
    """A formatted discrepancy."""

    rank: int
    architecture: str
    sides: tuple[Side, Side]
    """The higher (or slower) first."""
    difference: str
    interval: str | None
    notes: str | None
    verdict: Verdict
    verdict_class: str
    chart: Markup | None
    """Only of rows that the page shows at once."""
    href: str
    """Link to its architecture."""
    pair_href: str
    source: Discrepancy
    """What was formatted."""
    noise: tuple[float, float] | None
    """The noise of the run, percent below and above 0, where it is known."""
    why: tuple[Why, ...] = ()
    unexplained: str = ""
    """What is said in place of reasons, if there are none."""

    @property
    def doubtful(self) -> str | None:
        """Why one of its numbers is probably wrong."""
        return self.source.doubtful


@dataclass(frozen=True)
class Ranking:
    """A formatted ranking; ``first`` holds the rows that the study shows.

    A row that rests on a doubtful number is not among them.
    """

    anchor: str
    heading: str
    lead: str
    unit: str
    """Unit of the two values."""
    sides_are: str
    axis: Markup | None
    first: tuple[Row, ...]
    doubted: tuple[Row, ...]
    """Larger than the last of ``first``, but one of the two numbers is probably wrong."""
    others: tuple[Row, ...]
    tally: str | None
    empty: str | None
    """Why the ranking is empty; None if it has rows."""
    has_sources: bool
    conditions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, the largest difference first."""
        rows = (*self.first, *self.doubted, *self.others)
        return tuple(sorted(rows, key=lambda row: row.rank))


@dataclass(frozen=True)
class _Wording:
    """The fixed texts of a ranking."""

    anchor: str
    heading: str
    lead: str
    unit: str = "%"
    sides_are: str = "higher first"
    has_sources: bool = False


_CLAIMED = _Wording(
    "claimed",
    "Claimed accuracy",
    "Top-1 accuracy as the zoos publish it, in percent; nothing here was "
    "measured. A claim comes without an uncertainty, so no noise can be told from it. The codes "
    "name what differs between the two entries, in their published preprocessing and, where both "
    "were described, in their graphs; that it is the reason was not tested.",
    has_sources=True,
)
_MEASURED = _Wording(
    "accuracy",
    "Measured accuracy",
    "Top-1 accuracy of entries on the same images, in percent. Differences are tested on "
    "pairs of answers to one image; p-values are corrected for the number of pairs (Holm).",
)
_LATENCY = _Wording(
    "latency",
    "Latency",
    "Median milliseconds per batch; the difference is how much longer the slower entry "
    "takes, from ratios within interleaved rounds of the lower quartiles of blocks, so it is "
    "not quite the quotient of the medians. It counts as a discrepancy where it is larger than "
    "the noise of the run and its interval at 99 % excludes none. LAT110 to LAT112 are the factors "
    "of the ratio that exceed the noise, the largest first; ARC codes name what differs in the "
    "graphs.",
    unit="ms",
    sides_are="slower first",
)


def rankings(result: StudyResult) -> tuple[Ranking, Ranking, Ranking]:
    """Return the rankings of claimed accuracy, measured accuracy and latency."""
    return _claimed(result), _measured(result), _latency(result)


def _claimed(result: StudyResult) -> Ranking:
    claimed = result.claimed
    rows = claimed.rows if claimed else []
    empty = None
    if claimed is None:
        empty = "This study does not compare claims."
    elif not rows:
        empty = (
            "No two entries of one architecture have a claim that the rules below let compare: "
            f"{numbers.plural(claimed.entries, 'entry', 'entries')} of "
            f"{numbers.plural(claimed.architectures, 'architecture')} were looked at."
        )
    return _ranking(
        result, rows, _CLAIMED, empty=empty, notes=tuple(claimed.notes) if claimed else ()
    )


def _measured(result: StudyResult) -> Ranking:
    records = [r for r in result.records if isinstance(r.values, AccuracyValues)]
    apart = "no two of them share an architecture and a data set"
    return _ranking(
        result,
        result.measured_accuracy,
        _MEASURED,
        empty=_why_empty(result, "accuracy", records, apart),
        conditions=conditions(records),
    )


def _latency(result: StudyResult) -> Ranking:
    records = [
        record
        for record in result.records
        if isinstance(record.values, LatencyValues) and record.values.repeat == 0
    ]
    apart = "no two of them share an architecture and a run"
    return _ranking(
        result,
        result.latency,
        _LATENCY,
        empty=_why_empty(result, "latency", records, apart),
        conditions=conditions(records),
    )


def _why_empty(result: StudyResult, kind: str, records: Sequence[Record], apart: str) -> str:
    failed = sum(failure.kind == kind for failure in result.failures)
    if records:
        entries = len({record.entry for record in records})
        if entries == 1:
            return f"Only one entry's {kind} was measured, so there is nothing to compare."
        return f"The {kind} of {entries} entries was measured, but {apart}."
    if failed:
        return (
            f"No {kind} was measured: {numbers.plural(failed, 'attempt')} failed, for the reasons "
            "listed under “Not measured”."
        )
    if not result.complete:
        return f"No {kind} was measured so far; this run is not complete."
    return f"This study measures no {kind}."


def _ranking(
    result: StudyResult,
    rows: Sequence[Discrepancy],
    wording: _Wording,
    *,
    empty: str | None,
    conditions: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Ranking:
    axis = inline.axis_over(
        value
        for row in rows
        for value in (
            row.difference,
            *((row.interval.low, row.interval.high) if row.interval else ()),
        )
    )
    bands = _Bands(result)
    ranked = list(enumerate(rows, 1))
    first = [rank for rank, row in ranked if not row.doubtful][: result.top]
    last = first[-1] if first else len(rows)
    doubted = [rank for rank, row in ranked if row.doubtful and rank <= last]
    shown = {*first, *doubted}
    printed = {
        rank: _row(rank, row, axis if rank in shown else None, bands) for rank, row in ranked
    }
    return Ranking(
        anchor=wording.anchor,
        heading=wording.heading,
        lead=wording.lead,
        unit=wording.unit,
        sides_are=wording.sides_are,
        axis=inline.axis_labels(axis, rows[0].difference_unit) if rows else None,
        first=tuple(printed[rank] for rank in first),
        doubted=tuple(printed[rank] for rank in doubted),
        others=tuple(row for rank, row in printed.items() if rank not in shown),
        tally=_tally(rows, result.top) if rows else None,
        empty=None if rows else empty,
        has_sources=wording.has_sources,
        conditions=conditions if rows else (),
        notes=notes,
    )


def _row(rank: int, row: Discrepancy, axis: inline.Axis | None, bands: _Bands) -> Row:
    percentage_points = row.difference_unit == "percentage points"
    decimals = 2 if percentage_points else min(numbers.decimals_for(row.difference), 2)
    unit = "pp" if percentage_points else "%"
    difference = f"{numbers.fixed(row.difference, decimals)} {unit}"
    interval = numbers.bounds(row.interval, decimals) if row.interval else None
    title = f"{row.architecture}: {difference}{' ' + interval if interval else ''}, {row.verdict}"
    noise = bands.of(row)
    notes = [numbers.p_value(row.p_value)] if row.p_value is not None else []
    if row.note:
        notes.append(row.note)
    return Row(
        rank=rank,
        architecture=row.architecture,
        sides=(
            _side(row.high_entry, row.high, row.unit, row.high_weights, row.high_source),
            _side(row.low_entry, row.low, row.unit, row.low_weights, row.low_source),
        ),
        difference=difference,
        interval=interval,
        notes="; ".join(notes) or None,
        verdict=row.verdict,
        verdict_class=_CLASSES[row.verdict],
        chart=None if axis is None else _chart(axis, row, title, noise),
        href=architecture_route(row.architecture),
        pair_href=pair_route(row.architecture, row.high_entry, row.low_entry),
        source=row,
        noise=noise,
        why=tuple(_why(cause) for cause in row.causes),
        unexplained="" if row.causes else _unexplained(row),
    )


def _chart(
    axis: inline.Axis, row: Discrepancy, title: str, noise: tuple[float, float] | None
) -> Markup:
    if row.metric == "claimed_top1":
        return inline.bar(axis, row.difference, title)
    filled = row.verdict == "discrepancy"
    return inline.dot(axis, row.difference, row.interval, title, filled=filled, noise=noise)


def _why(cause: Cause) -> Why:
    meaning = graphs.meaning(cause.code)
    return Why(cause.code, None if meaning is None else meaning.anchor, cause.words)


def _unexplained(row: Discrepancy) -> str:
    return "no reason known" if row.verdict == "discrepancy" else row.verdict


def _side(entry: str, value: float, unit: str, state: str, origin: str | None) -> Side:
    text = numbers.milliseconds(value) if unit == "ms" else numbers.fixed(value, 2)
    return Side(entry, text, f"{value} {unit}", weights(state), links.source(origin))


class _Bands:
    """The noise bands of the latency runs in a study."""

    def __init__(self, result: StudyResult) -> None:
        self._all = [control.noise_percent for control in result.controls]
        self._groups: dict[str, set[str]] = {}
        repeated: dict[str, str] = {}
        for record in result.records:
            if isinstance(record.values, LatencyValues):
                self._groups.setdefault(record.entry, set()).add(record.values.group)
                if record.values.repeat == 1:
                    repeated[record.values.group] = record.entry
        by_entry = {control.entry: control.noise_percent for control in result.controls}
        self._by_group = {
            group: by_entry[entry] for group, entry in repeated.items() if entry in by_entry
        }

    def of(self, row: Discrepancy) -> tuple[float, float] | None:
        """Return the noise, in percent below and above 0, of the run that timed both entries.

        None if that run is ambiguous.
        """
        if row.metric != "latency":
            return None
        shared = self._groups.get(row.high_entry, set()) & self._groups.get(row.low_entry, set())
        noises = {self._by_group[group] for group in shared if group in self._by_group}
        if not noises and len(self._all) == 1:
            noises = set(self._all)
        if len(noises) != 1:
            return None
        noise = noises.pop()
        return -noise, noise


def _tally(rows: Sequence[Discrepancy], top: int) -> str:
    verdicts = Counter(row.verdict for row in rows)
    words: dict[Verdict, tuple[str, str]] = {
        "discrepancy": ("is a discrepancy", "are discrepancies"),
        "within noise": ("is within noise", "are within noise"),
        "no difference": ("shows no difference", "show no difference"),
        "not comparable": ("is not comparable", "are not comparable"),
    }
    tally = numbers.listing(
        f"{verdicts[verdict]:,} {singular if verdicts[verdict] == 1 else many}"
        for verdict, (singular, many) in words.items()
        if verdicts[verdict]
    )
    shown = (
        f"The {top} largest of {len(rows):,} pairs"
        if len(rows) > top
        else f"All {numbers.plural(len(rows), 'pair')}"
        if len(rows) > 1
        else "The only pair"
    )
    return f"{shown} of entries; {tally}."
