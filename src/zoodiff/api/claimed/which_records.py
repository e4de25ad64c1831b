"""What was measured of networks to choose from: records of a results folder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zoodiff.api.storage import existing_store
from zoodiff.claims.candidates import Candidate, Figure
from zoodiff.store.records import AccuracyValues, ArchitectureValues, LatencyValues, Record

if TYPE_CHECKING:
    from collections.abc import Iterable

Setting = tuple[tuple[str, str], ...]
"""The conditions under which times are comparable."""


def with_measurements(
    candidates: Sequence[Candidate], results: str | Path, architecture: str | None
) -> tuple[list[Candidate], str | None]:
    """Return the candidates with what was measured of them, and the conditions of the times.

    A measured number replaces the claimed one. Entries that were measured without a claim are
    added, of one architecture if it is named. Raises UsageError where there are no results.
    """
    records = sorted(existing_store(results), key=lambda record: record.finished)
    known = {candidate.name for candidate in candidates}
    extra = [
        _of_record(record)
        for record in {record.entry: record for record in records if _is_accuracy(record)}.values()
        if record.entry not in known and architecture in (None, record.architecture)
    ]
    measured = [_measured(each, records) for each in [*candidates, *extra]]
    setting = _commonest_setting(measured, records)
    if setting is None:
        return measured, None
    timed = [record for record in records if _setting(record) == setting]
    return [_timed(each, timed) for each in measured], _words(setting)


def _is_accuracy(record: Record) -> bool:
    """Whether it is an accuracy of weights that are not random; of those top-1 says nothing."""
    states = ("published", "trained", "file")
    return isinstance(record.values, AccuracyValues) and record.weights.state in states


def _of_record(record: Record) -> Candidate:
    return Candidate(
        name=record.entry,
        is_entry=True,
        zoo=record.zoo,
        model=record.model,
        architecture=record.architecture,
        precision="not stated",
        input_size=None,
        extra_data=None,
    )


def _measured(candidate: Candidate, records: Iterable[Record]) -> Candidate:
    """Return a candidate with its newest measured accuracy and its counted MACs."""
    for record in records:
        values = record.values
        if _is_accuracy(record) and record.entry == candidate.name:
            assert isinstance(values, AccuracyValues)
            data = f"{values.images} images of {record.conditions.get('data', 'a data set')}"
            figure = Figure(values.top1.value, "measured", data, _failed(values))
            candidate = replace(candidate, top1_percent=figure)
        elif isinstance(values, ArchitectureValues) and _is_network(record, candidate):
            size = max(values.input_shape[1:], default=None)
            if candidate.input_size in (None, size):
                counted = Figure(float(values.macs), "measured", "counted on its graph")
                stored = Figure(4.0 * values.parameters, "computed", "counted parameters, fp32")
                candidate = replace(
                    candidate, macs=counted, bytes=candidate.bytes or stored, input_size=size
                )
    return candidate


def _failed(values: AccuracyValues) -> str | None:
    return "; ".join(values.failed_checks) or None


def _is_network(record: Record, candidate: Candidate) -> bool:
    return (record.zoo, record.model) == (candidate.zoo, candidate.model) and candidate.is_entry


def _setting(record: Record) -> Setting | None:
    """Return the machine and the conditions of a time; None for other records and controls."""
    values = record.values
    if not isinstance(values, LatencyValues) or values.repeat:
        return None
    names = ("batch", "threads", "mode", "pause_ms")
    machine = f"{record.hardware.processor}, {record.hardware.cores} cores"
    stated = ((name, str(record.conditions.get(name))) for name in names)
    return (("machine", machine), *stated)


def _words(setting: Setting) -> str:
    values = dict(setting)
    threads = "1 thread" if values["threads"] == "1" else f"{values['threads']} threads"
    return f"batch {values['batch']}, {threads}, on {values['machine']}"


def _commonest_setting(
    candidates: Sequence[Candidate], records: Sequence[Record]
) -> Setting | None:
    timed: dict[Setting, set[str]] = defaultdict(set)
    for record in records:
        setting = _setting(record)
        if setting is not None:
            timed[setting] |= {each.name for each in candidates if _is_timed(record, each)}
    counts = {setting: len(names) for setting, names in timed.items() if names}
    return max(counts, key=lambda setting: (counts[setting], setting)) if counts else None


def _is_timed(record: Record, candidate: Candidate) -> bool:
    """Whether a record times the candidate's network, with whichever weights."""
    same_size = candidate.input_size in (None, _side(record.conditions.get("input_shape") or []))
    return _is_network(record, candidate) and same_size


def _side(shape: Sequence[int]) -> int | None:
    """Return the side of square images from a sorted shape, which has it twice.

    >>> _side([3, 224, 224, 256]), _side([1, 3, 224, 224])
    (224, 224)
    """
    return max((size for size in shape if shape.count(size) > 1), default=None)


def _timed(candidate: Candidate, records: Iterable[Record]) -> Candidate:
    for record in records:
        if _is_timed(record, candidate):
            assert isinstance(record.values, LatencyValues)
            figure = Figure(record.values.median_ms.value, "measured", f"run {record.started}")
            candidate = replace(candidate, milliseconds=figure)
    return candidate
