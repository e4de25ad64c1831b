"""The facts of entries: counts, measurements and what failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from zoodiff.report.app.facts import Cell, EntryFacts, Measured
from zoodiff.report.sections.entries import FAILED, EntryRow, entry_rows
from zoodiff.report.sections.standing import Standing, model_of
from zoodiff.report.words import numbers
from zoodiff.report.words.numbers import Number
from zoodiff.results import Interval
from zoodiff.store.records import AccuracyValues, ArchitectureValues, LatencyValues, Record
from zoodiff.study.result import StudyResult

_SAMPLES = 60
"""Rounds of a latency that the page holds."""


class Entries:
    """The entries of a study by the architectures, or groups, that they belong to."""

    def __init__(self, result: StudyResult) -> None:
        self._rows = entry_rows(result)
        self._records: dict[str, list[Record]] = defaultdict(list)
        for record in result.records:
            self._records[record.entry].append(record)
        self._fingerprints = _fingerprints(result.records)
        self._by_name = {row.entry: row for row in self._rows}
        self._by_model: dict[str, list[EntryRow]] = defaultdict(list)
        for row in self._rows:
            self._by_model[model_of(row.entry)].append(row)

    def named(self, result: StudyResult) -> dict[str, list[EntryRow]]:
        """Return the entries of each architecture or group, sorted by name.

        An entry belongs to each comparison that names it, and if none does to its architecture.
        """
        names: dict[str, dict[str, EntryRow]] = defaultdict(dict)
        placed: set[str] = set()

        def place(name: str, entries: Iterable[str]) -> None:
            for entry in entries:
                exact = self._by_name.get(entry)
                rows = self._by_model[model_of(entry)] if exact is None else [exact]
                for row in rows:
                    names[name][row.entry] = row
                    placed.add(row.entry)

        for comparison in result.comparisons:
            place(comparison.name, comparison.entries)
        for graphs in result.graphs:
            place(graphs.comparison, (entry for group in graphs.graphs for entry in group))
        for pair in (*result.measured_accuracy, *result.latency):
            place(pair.architecture, (pair.high_entry, pair.low_entry))
        for row in self._rows:
            if row.entry not in placed:
                names[row.architecture][row.entry] = row
        for claim in result.claimed.rows if result.claimed else ():
            names.setdefault(claim.architecture, {})
        return {name: list(names[name].values()) for name in sorted(names)}

    def facts(self, row: EntryRow, standing: Standing | None) -> EntryFacts:
        """Return what the page holds of an entry."""
        records = self._records[row.entry]
        latency = [r.values for r in records if isinstance(r.values, LatencyValues)]
        accuracy = [r.values for r in records if isinstance(r.values, AccuracyValues)]
        remarks = [f"{what} inside the network" for what in row.inside]
        remarks += [text for text in (row.check, row.opaque) if text]
        return EntryFacts(
            name=row.entry,
            zoo=row.zoo,
            weights=row.weights.word,
            untrained=row.weights.marked,
            graph=standing.graph_of(row.entry) if standing else None,
            fingerprint=self._fingerprints.get(row.entry)
            or self._fingerprints.get(model_of(row.entry)),
            input=Cell(row.input_size),
            parameters=_cell(row.parameters),
            macs=_cell(row.macs),
            layers=_cell(row.layers),
            latency=tuple(_latency(values) for values in latency if values.repeat == 0),
            top1=tuple(_share(v.top1, v) for v in accuracy),
            top5=tuple(_share(v.top5, v) for v in accuracy),
            remarks=tuple(remarks),
            failed=tuple(kind for kind, number in _kinds(row) if number is FAILED),
        )


def _kinds(row: EntryRow) -> tuple[tuple[str, Number], ...]:
    """Return the first number of each kind of measurement."""
    return (
        ("architecture", row.parameters),
        ("latency", row.latency[0]),
        ("accuracy", row.top1[0]),
    )


def _fingerprints(records: Iterable[Record]) -> dict[str, str]:
    """Return fingerprints by entry, and by model where a model has only one."""
    exact: dict[str, str] = {}
    models: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if isinstance(record.values, ArchitectureValues) and record.fingerprint:
            exact[record.entry] = record.fingerprint
            models[model_of(record.entry)].add(record.fingerprint)
    single = {model: next(iter(found)) for model, found in models.items() if len(found) == 1}
    return {**single, **exact}


def _cell(number: Number) -> Cell:
    return Cell(number.text, number.exact, number.sort)


def _latency(values: LatencyValues) -> Measured:
    median = values.median_ms
    decimals = numbers.decimals_for(median.value)
    exact = (
        f"median of {numbers.plural(values.calls, 'call')}, {numbers.level(median)} interval; "
        f"tenth percentile {numbers.milliseconds(values.p10_ms)} ms, ninetieth "
        f"{numbers.milliseconds(values.p90_ms)} ms"
    )
    return _measured(
        median,
        f"{numbers.with_interval(median, decimals)} ms",
        exact,
        _thinned(values.round_medians_ms),
        values.system_noise,
    )


def _share(share: Interval, values: AccuracyValues) -> Measured:
    exact = f"{numbers.plural(values.images, 'image')}, {numbers.level(share)} interval"
    text = f"{numbers.with_interval(share, 2)} %"
    return _measured(share, text, exact, (), values.failed_checks)


def _measured(
    interval: Interval, text: str, exact: str, samples: Sequence[float], doubts: Sequence[str]
) -> Measured:
    return Measured(
        value=interval.value,
        low=interval.low,
        high=interval.high,
        level=interval.level,
        text=text,
        exact=exact,
        samples=tuple(samples),
        doubts=tuple(doubts),
    )


def _thinned(samples: Sequence[float]) -> Sequence[float]:
    """Return at most so many samples as a page holds, evenly chosen by size."""
    if len(samples) <= _SAMPLES:
        return samples
    ordered = sorted(samples)
    last = len(ordered) - 1
    return [ordered[round(k * last / (_SAMPLES - 1))] for k in range(_SAMPLES)]
