"""What was measured of networks to choose from, by their records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from zoodiff.claims import catalogue
from zoodiff.claims.candidates import Candidate, Figure, candidates
from zoodiff.claims.front import WhichRow, ranked
from zoodiff.claims.selection import Selection
from zoodiff.store.records import AccuracyValues, ArchitectureValues, LatencyValues, Record


@dataclass(frozen=True)
class Choice:
    """Networks to choose from, with their place."""

    rows: tuple[WhichRow, ...]
    ranked_by: tuple[str, ...]
    latency_conditions: str | None


def choice_of(records: Sequence[Record]) -> Choice | None:
    """Return the entries of a study's records as networks to choose from.

    Measured numbers count, and where there are none what the zoos claim. None if less than two can
    be ranked.
    """
    if len({record.entry for record in records}) < 2:
        return None
    entries = {record.entry for record in records}
    architectures = dict.fromkeys(record.architecture for record in records)
    claims = [
        claim
        for claim in catalogue.claims_for()
        if claim.architecture in architectures and _IN_FORCE.offers(claim)
    ]
    known = [each for each in candidates(claims) if each.name in entries]
    measured, setting = with_measurements(known, records, None)
    columns = ("top1", "macs", "size", *(() if setting is None else ("latency",)))
    rows = ranked(measured, columns)
    if sum(row.standing != "not ranked" for row in rows) < 2:
        return None
    rows.sort(key=lambda row: (row.standing != "front", -_top1(row.candidate), row.candidate.name))
    return Choice(tuple(rows), columns, None if setting is None else f"measured: {setting}")


_IN_FORCE = Selection(zoos=(), precision="any", extra_data="include", input_size="any")


def _top1(candidate: Candidate) -> float:
    return candidate.top1_percent.value if candidate.top1_percent else 0.0


Setting = tuple[tuple[str, str], ...]
"""The conditions under which times are comparable."""


def with_measurements(
    known: Sequence[Candidate], measurements: Iterable[Record], architecture: str | None
) -> tuple[list[Candidate], str | None]:
    """Return the candidates with what was measured of them, and the conditions of the times.

    A measured number replaces the claimed one. Entries that were measured without a claim are
    added, of one architecture if it is named.
    """
    records = sorted(measurements, key=lambda record: record.finished)
    names = {candidate.name for candidate in known}
    extra = [
        _of_record(record)
        for record in {record.entry: record for record in records if _is_accuracy(record)}.values()
        if record.entry not in names and architecture in (None, record.architecture)
    ]
    measured = [_measured(each, records) for each in [*known, *extra]]
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
