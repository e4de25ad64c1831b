"""What changed between two runs, as far as it is more than noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import combinations
from math import log
from typing import Any, Literal

from zoodiff.display import Displayed, Shown
from zoodiff.report.sections.standing import Level, Standing, standings
from zoodiff.report.words import numbers
from zoodiff.results import Discrepancy
from zoodiff.store.records import AccuracyValues, ArchitectureValues, LatencyValues, Record
from zoodiff.study.result import StudyResult

Kind = Literal["graph", "answer", "claim", "accuracy", "latency"]
KINDS: tuple[Kind, ...] = ("graph", "answer", "claim", "accuracy", "latency")
_LEAST = 1e-9
"""A ratio of latencies is above zero; one of a damaged record may not be."""
_WORDS: dict[Level, str] = {
    "same": "same network",
    "but": "same but for named differences",
    "unknown": "not known",
    "other": "other network",
}


@dataclass(frozen=True)
class Change:
    """A value that differs in two runs by more than noise."""

    kind: Kind
    name: str
    """The architecture or comparison."""
    entries: tuple[str, ...]
    old: str
    new: str


@dataclass(repr=False)
class Changes(Displayed):
    """What changed from one run to another."""

    old: str
    new: str
    """The runs: study and time."""
    changed: list[Change] = field(default_factory=list)
    unchanged: dict[Kind, int] = field(default_factory=dict)
    """Numbers of values that both runs have and that did not change beyond noise."""
    not_comparable: list[str] = field(default_factory=list)
    """What both runs have and cannot be compared, one sentence each."""

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        counted = {kind: sum(c.kind == kind for c in self.changed) for kind in KINDS}
        many = {
            "graph": "graphs",
            "answer": "answers",
            "claim": "claims",
            "accuracy": "accuracies",
            "latency": "ratios of latencies",
        }
        single = {**{kind: kind for kind in KINDS}, "latency": "ratio of latencies"}
        parts = [
            f"{number:,} {single[kind] if number == 1 else many[kind]}"
            for kind, number in counted.items()
            if number
        ]
        compared = sum(self.unchanged.values()) + len(self.changed)
        if not compared:
            return "Nothing can be compared: the two runs have no value in common."
        if not parts:
            return f"Nothing changed beyond noise in {compared:,} compared values."
        return f"Changed beyond noise: {numbers.listing(parts)}, of {compared:,} compared values."

    def _shown(self) -> Shown:
        return Shown(self.sentence, [("old", self.old), ("new", self.new)])

    def _rows(self) -> list[dict[str, Any]]:
        return [asdict(change) for change in self.changed]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {"sentence": self.sentence, **asdict(self)}


def changes(old: StudyResult, new: StudyResult) -> Changes:
    """Return what changed between two runs.

    A graph changed if its fingerprint did, an answer if its level or its codes did, a claim if its
    number did. An accuracy changed if it was measured on the same images and the intervals have no
    value in common. Latencies of two runs are not compared with each other, since the machine is
    never quite the same: the ratio of two entries, measured within each run, changed if both
    intervals, each widened by the noise of its run, have no value in common.
    """
    between = Changes(_named(old), _named(new))
    for kind, compared in (
        ("graph", _graphs),
        ("answer", _answers),
        ("claim", _claims),
        ("accuracy", _accuracies),
        ("latency", _latencies),
    ):
        outcomes = list(compared(old, new))
        between.changed += [each for each in outcomes if isinstance(each, Change)]
        between.not_comparable += [each for each in outcomes if isinstance(each, str)]
        between.unchanged[kind] = outcomes.count(None)  # type: ignore[index]
    return between


_Outcomes = Iterator[Change | str | None]
"""A change, why two values cannot be compared, or None for one that did not change."""


def _named(result: StudyResult) -> str:
    return f"{result.study}, finished {numbers.moment(result.finished)}"


def _of_entries(records: Iterable[Record], kind: type) -> dict[str, Record]:
    return {record.entry: record for record in records if isinstance(record.values, kind)}


def _graphs(old: StudyResult, new: StudyResult) -> _Outcomes:
    before = _of_entries(old.records, ArchitectureValues)
    for entry, record in _of_entries(new.records, ArchitectureValues).items():
        prints = (before[entry].fingerprint if entry in before else None, record.fingerprint)
        if prints[0] is None or prints[1] is None:
            continue
        schemes = [each.partition(":")[0] for each in prints if each]
        if schemes[0] != schemes[1]:
            yield f"{entry}: the fingerprints are of two schemes, {schemes[0]} and {schemes[1]}"
        elif prints[0] != prints[1]:
            yield Change("graph", record.architecture, (entry,), prints[0], prints[1])
        else:
            yield None


def _answers(old: StudyResult, new: StudyResult) -> _Outcomes:
    before = standings(old)
    for name, standing in standings(new).items():
        if name not in before:
            continue
        earlier = before[name]
        graphs = {entry: (earlier.graph_of(entry), standing.graph_of(entry))
                  for entry in standing.entries if entry in earlier.entries}  # fmt: skip
        seen = set()
        for one, two in combinations(graphs, 2):
            pair = (graphs[one], graphs[two])
            if pair in seen:  # other entries with the same graphs
                continue
            seen.add(pair)
            was = _answer(earlier, pair[0][0], pair[1][0])
            now = _answer(standing, pair[0][1], pair[1][1])
            yield Change("answer", name, (one, two), was, now) if was != now else None


def _answer(standing: Standing, one: int | None, two: int | None) -> str:
    level = standing.level(one, two)
    codes: set[str] = set()
    if one is not None and two is not None:
        difference = standing.differences.get((min(one, two), max(one, two)))
        if difference is not None:
            codes = {finding.code for finding in difference.values.findings}
    return f"{_WORDS[level]} ({', '.join(sorted(codes))})" if codes else _WORDS[level]


def _claims(old: StudyResult, new: StudyResult) -> _Outcomes:
    before, after = (_claimed(result) for result in (old, new))
    for (name, label), value in after.items():
        if (name, label) in before:
            was = before[name, label]
            changed = Change("claim", name, (label,), f"{was:.2f} %", f"{value:.2f} %")
            yield changed if was != value else None


def _claimed(result: StudyResult) -> dict[tuple[str, str], float]:
    rows = result.claimed.rows if result.claimed else []
    high = {(row.architecture, row.high_entry): row.high for row in rows}
    return high | {(row.architecture, row.low_entry): row.low for row in rows}


def _accuracies(old: StudyResult, new: StudyResult) -> _Outcomes:
    before = _of_entries(old.records, AccuracyValues)
    for entry, record in _of_entries(new.records, AccuracyValues).items():
        if entry not in before:
            continue
        data = [each.conditions.get("data_sha256") for each in (before[entry], record)]
        was, now = (_top1(each) for each in (before[entry], record))
        if data[0] is None or data[0] != data[1]:
            yield f"{entry}: its accuracies are of different images"
        elif was.high < now.low or now.high < was.low:
            yield Change(
                "accuracy",
                record.architecture,
                (entry,),
                f"{numbers.with_interval(was, 2)} %",
                f"{numbers.with_interval(now, 2)} %",
            )
        else:
            yield None


def _top1(record: Record) -> Any:
    assert isinstance(record.values, AccuracyValues)
    return record.values.top1


def _latencies(old: StudyResult, new: StudyResult) -> _Outcomes:
    floors = [_noise(result) for result in (old, new)]
    before = {_pair(row): row for row in old.latency}
    conditions = [_conditions(result) for result in (old, new)]
    for row in new.latency:
        pair = _pair(row)
        if pair not in before:
            continue
        name, one, two = pair
        words = f"{one} and {two}"
        if floors[0] is None or floors[1] is None:
            yield f"{words}: one of the runs has no control, so its noise is not known"
        elif "not comparable" in (before[pair].verdict, row.verdict):
            yield f"{words}: their latencies were not comparable within one of the runs"
        elif any(conditions[0].get(e) != conditions[1].get(e) for e in (one, two)):
            yield f"{words}: the two runs timed them under different conditions"
        else:
            was = _ratio(before[pair], one, floors[0])
            now = _ratio(row, one, floors[1])
            apart = was[2] < now[1] or now[2] < was[1]
            shown = (_times(before[pair], one), _times(row, one))
            yield Change("latency", name, (one, two), *shown) if apart else None


def _pair(row: Discrepancy) -> tuple[str, str, str]:
    return (row.architecture, *sorted((row.high_entry, row.low_entry)))  # type: ignore[return-value]


def _noise(result: StudyResult) -> float | None:
    """Return the largest noise of a run's controls, as the logarithm of a ratio."""
    return max((log(1 + c.noise_percent / 100) for c in result.controls), default=None)


def _conditions(result: StudyResult) -> dict[str, dict[str, str]]:
    return {
        record.entry: record.values.conditions
        for record in result.records
        if isinstance(record.values, LatencyValues)
    }


def _ratio(row: Discrepancy, one: str, floor: float) -> tuple[float, float, float]:
    """Return the logarithm of how much longer ``one`` takes, and its widened interval."""
    interval = row.interval
    bounds = (row.difference,) * 3 if interval is None else (
        interval.value, interval.low, interval.high
    )  # fmt: skip
    value, low, high = (log(max(1 + percent / 100, _LEAST)) for percent in bounds)
    if row.high_entry != one:
        value, low, high = -value, -high, -low
    return value, low - floor, high + floor


def _times(row: Discrepancy, one: str) -> str:
    ratio = 1 + row.difference / 100
    return f"{numbers.significant(ratio if row.high_entry == one else 1 / ratio)} times"
