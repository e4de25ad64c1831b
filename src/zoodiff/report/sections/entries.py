"""The table of all measured entries, one row per entry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from zoodiff.report.words import numbers
from zoodiff.report.words.numbers import Number
from zoodiff.report.words.weights import Weights, weights
from zoodiff.results import Interval
from zoodiff.store.records import AccuracyValues, ArchitectureValues, LatencyValues, Record
from zoodiff.study.result import StudyResult

KINDS = ("architecture", "latency", "accuracy")
_MISSING = Number(numbers.NOT_MEASURED, "not measured")
FAILED = Number("failed", "could not be measured; the reason is listed under Method")
"""What stands in place of a number whose measurement failed."""


@dataclass(frozen=True)
class EntryRow:
    """A formatted row. A cell holds one number per measurement of its kind."""

    entry: str
    zoo: str
    architecture: str
    weights: Weights
    weights_name: str
    input_size: str
    parameters: Number
    check: str | None
    """The zoo's or the framework's own count, if it differs from ``parameters``."""
    macs: Number
    layers: Number
    inside: tuple[str, ...]
    """Steps inside the network that could run outside: softmax, preprocessing."""
    latency: tuple[Number, ...]
    top1: tuple[Number, ...]
    top5: tuple[Number, ...]
    opaque: str | None


@dataclass
class _Group:
    """The records of one row."""

    entry: str
    architecture: Record | None = None
    latency: list[Record] = field(default_factory=list)
    accuracy: list[Record] = field(default_factory=list)

    @property
    def first(self) -> Record:
        weighted = [*self.accuracy, *self.latency]
        return weighted[0] if weighted or self.architecture is None else self.architecture


def entry_rows(result: StudyResult) -> tuple[EntryRow, ...]:
    """Return all rows, sorted by architecture and entry."""
    groups = _groups(result.records)
    entries = {group.entry for group in groups}
    failed = {(failure.kind, failure.entry) for failure in result.failures}
    # If failed weights have no row, the failure is shown in every row of their model.
    failed |= {(kind, _model(entry)) for kind, entry in failed if entry not in entries}
    rows = [
        _row(group, [k for k in KINDS if failed & {(k, group.entry), (k, _model(group.entry))}])
        for group in groups
    ]
    return tuple(sorted(rows, key=lambda row: (row.architecture, row.entry)))


def _model(entry: str) -> str:
    """Return ``zoo:model`` of ``zoo:model@weights``."""
    return entry.rpartition("@")[0] or entry


def _groups(records: Iterable[Record]) -> list[_Group]:
    """Group the records by entry, and join counts with measurements of other weights.

    A graph is counted with the zoo's default weights, but latency may use random weights. If the
    model has only one counted graph, its counts belong to both rows.
    """
    groups: dict[str, _Group] = {}
    counted: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        if isinstance(record.values, ArchitectureValues):
            counted.setdefault((record.zoo, record.model), []).append(record)
        elif isinstance(record.values, AccuracyValues):
            groups.setdefault(record.entry, _Group(record.entry)).accuracy.append(record)
        elif isinstance(record.values, LatencyValues) and record.values.repeat == 0:
            groups.setdefault(record.entry, _Group(record.entry)).latency.append(record)
    models: dict[tuple[str, str], list[_Group]] = {}
    for group in groups.values():
        models.setdefault((group.first.zoo, group.first.model), []).append(group)
    for model, graphs in counted.items():
        named = {record.entry: record for record in graphs}
        taken = set()
        for group in models.get(model, []):
            only = graphs[0] if len(graphs) == 1 else None
            group.architecture = named.get(group.entry, only)
            if group.architecture is not None:
                taken.add(group.architecture.entry)
        for entry, record in named.items():
            if entry not in taken:
                group = groups.setdefault(entry, _Group(entry))
                group.architecture = record
    return list(groups.values())


def _row(group: _Group, failed: Sequence[str]) -> EntryRow:
    record = group.first
    values = group.architecture.values if group.architecture else None
    absent = {kind: FAILED if kind in failed else _MISSING for kind in KINDS}
    latency = tuple(_latency(r.values) for r in group.latency if r.kind == "latency")
    accuracy = [r.values for r in group.accuracy if isinstance(r.values, AccuracyValues)]
    counts = values if isinstance(values, ArchitectureValues) else None
    nothing = absent["architecture"]
    return EntryRow(
        entry=group.entry,
        zoo=record.zoo,
        architecture=record.architecture,
        weights=weights(record.weights.state),
        weights_name=record.weights.name,
        input_size=_shape(counts.input_shape) if counts else nothing.text,
        parameters=_parameters(counts) if counts else nothing,
        check=_check(counts) if counts else None,
        macs=numbers.count(counts.macs, "MACs") if counts else nothing,
        layers=_layers(counts) if counts else nothing,
        inside=_inside(counts) if counts else (),
        latency=latency or (absent["latency"],),
        top1=tuple(_percent(v.top1, v.images) for v in accuracy) or (absent["accuracy"],),
        top5=tuple(_percent(v.top5, v.images) for v in accuracy) or (absent["accuracy"],),
        opaque=_opaque(counts) if counts else None,
    )


def _parameters(counts: ArchitectureValues) -> Number:
    shown = numbers.count(counts.parameters, "parameters")
    exact = f"{shown.exact}, and {counts.statistics:,} statistics of normalisation layers"
    if counts.unused_parameters:
        exact += f"; {counts.unused_parameters:,} of the parameters reach no output"
    if counts.published_parameters in _counted(counts):
        exact += f"; the zoo's own figure is {counts.published_parameters:,}"
    return Number(shown.text, exact, shown.sort)


def _counted(counts: ArchitectureValues) -> tuple[int, int]:
    """Return both usual counts of parameters: without and with normalisation statistics."""
    return counts.parameters, counts.parameters + counts.statistics


def _check(counts: ArchitectureValues) -> str | None:
    notes = []
    if counts.published_parameters not in (None, *_counted(counts)):
        notes.append(f"the zoo publishes {counts.published_parameters:,}")
    if counts.framework_parameters != counts.parameters:
        notes.append(f"the framework counts {counts.framework_parameters:,}")
    return "; ".join(notes) or None


def _layers(counts: ArchitectureValues) -> Number:
    return Number(
        f"{counts.convolutions} / {counts.normalisations} / {counts.linear_layers}",
        f"{counts.convolutions} convolutions, {counts.normalisations} normalisations, "
        f"{counts.linear_layers} linear layers, {counts.nodes} nodes in all",
        float(counts.convolutions + counts.normalisations + counts.linear_layers),
    )


def _inside(counts: ArchitectureValues) -> tuple[str, ...]:
    parts = ["softmax"] if counts.softmax_inside else []
    if counts.preprocessing_inside:
        steps = ", ".join(counts.preprocessing_ops)
        parts.append(f"preprocessing ({steps})" if steps else "preprocessing")
    return tuple(parts)


def _opaque(counts: ArchitectureValues) -> str | None:
    if not counts.opaque_nodes:
        return None
    return (
        f"{numbers.plural(counts.opaque_nodes, 'node')} of unknown operators: "
        "their parameters and MACs may be missing"
    )


def _shape(shape: Sequence[int]) -> str:
    """Return a shape without the batch, such as ``3 x 224 x 224``, with multiplication signs."""
    return numbers.TIMES.join(str(extent) for extent in shape[1:]) or numbers.NOT_MEASURED


def _latency(values: object) -> Number:
    assert isinstance(values, LatencyValues)
    median = values.median_ms
    decimals = numbers.decimals_for(median.value)
    return Number(
        numbers.fixed(median.value, decimals),
        f"median {median.value} ms, {numbers.level(median)} interval from {median.low} to "
        f"{median.high} ms; tenth percentile {numbers.milliseconds(values.p10_ms)} ms, ninetieth "
        f"{numbers.milliseconds(values.p90_ms)} ms; {numbers.plural(values.calls, 'call')}",
        median.value,
        numbers.bounds(median, decimals),
    )


def _percent(share: Interval, images: int) -> Number:
    return Number(
        numbers.fixed(share.value, 2),
        f"{share.value} %, {numbers.level(share)} interval from {share.low} to {share.high} %, "
        f"{numbers.plural(images, 'image')}",
        share.value,
        numbers.bounds(share, 2),
    )
