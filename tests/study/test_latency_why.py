"""A study that times networks in the reference runtime too decomposes their ratios."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoodiff import api
from zoodiff.latency import study_task
from zoodiff.latency.records.keys import STRIPPED, WHOLE
from zoodiff.latency.records.parts import recorded_parts
from zoodiff.latency.verdicts import compare
from zoodiff.store.records import LatencyValues, Record
from zoodiff.study import config

pytestmark = pytest.mark.slow
STUDY = """\
name = "why"
title = "Why"
[latency]
entries = ["mini-torch:digits_cnn", "mini-onnx:digits_cnn"]
why = true
layers = true
processes = 2
rounds = 4
block_seconds = 0.002
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    results = tmp_path_factory.mktemp("why")
    run = api.run(config.parse(STUDY), results)
    assert run.complete
    again = api.run(config.parse(STUDY), results)
    assert (again.measured, again.reused) == (0, len(run.result.records))
    return run.result.records


def values(record: Record) -> LatencyValues:
    assert isinstance(record.values, LatencyValues)
    return record.values


def test_every_network_is_timed_in_the_reference_runtime_in_the_same_rounds(
    records: list[Record],
) -> None:
    repeats = {(record.entry, values(record).repeat) for record in records}
    entries = {record.entry for record in records}
    assert len(entries) == 2
    assert {(entry, WHOLE) for entry in entries} <= repeats
    assert len({tuple(values(record).process_rounds) for record in records}) == 1
    assert len({values(record).group for record in records}) == 1
    inside = {r.entry for r in records if values(r).repeat == WHOLE and r.conditions["inside"]}
    assert inside == {r.entry for r in records if values(r).repeat == STRIPPED}


def test_the_factors_of_the_ratio_multiply_to_it(records: list[Record]) -> None:
    first, second = (record for record in records if values(record).repeat == 0)
    parts = recorded_parts(first, second, records)
    assert parts is not None
    assert parts.reason == ""
    assert parts.rest == pytest.approx(1.0, rel=0.5)  # centres of few rounds of a busy machine
    assert parts.architecture is not None
    assert parts.framework is not None


def test_the_layers_of_the_pair_are_timed(records: list[Record]) -> None:
    (timed,) = [record for record in records if values(record).layers]
    (times,) = values(timed).layers
    assert values(timed).repeat == 0
    assert {times.first, times.second} == {record.entry for record in records}
    assert times.first == timed.entry
    rows = [*times.layers, *filter(None, [times.rest])]
    assert sum(row.first_ms for row in rows) == pytest.approx(times.first_ms)
    assert sum(row.second_ms for row in rows) == pytest.approx(times.second_ms)
    both = [row for row in rows if row.op and row.first_ms > 0 and row.second_ms > 0]
    assert {"Conv"} <= {row.op for row in both}
    pairs, _ = compare(records)
    # The pair is a discrepancy only where the noise lets it be; its layers turn with it.
    for pair in pairs:
        if pair.layers is not None:
            assert (pair.layers.first, pair.layers.second) == (pair.high_entry, pair.low_entry)
    turned = times.exchanged
    assert (turned.first_ms, turned.second_ms) == (times.second_ms, times.first_ms)
    assert turned.exchanged == times


def test_layers_that_cannot_be_timed_leave_their_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_task, "profile_models", lambda *_: (None, "a node has no name"))
    found = api.run(config.parse(STUDY), tmp_path).result.records
    (times,) = [times for record in found for times in values(record).layers]
    assert (times.layers, times.reason) == ([], "a node has no name")
    for pair in compare(found)[0]:
        assert pair.layers is None or pair.layers.reason == times.reason


def test_without_a_reference_run_there_is_a_reason_and_no_factor(records: list[Record]) -> None:
    first, second = (record for record in records if values(record).repeat == 0)
    lost = [r for r in records if (r.entry, values(r).repeat) != (first.entry, WHOLE)]
    parts = recorded_parts(first, second, lost)
    assert parts is not None
    assert first.entry in parts.reason
    assert parts.framework is None
    alone = [record for record in records if values(record).repeat < WHOLE]
    assert recorded_parts(first, second, alone) is None


def test_a_network_is_not_decomposed_without_its_stripped_run(records: list[Record]) -> None:
    """Its inner softmax would otherwise count as architecture."""
    first, second = (record for record in records if values(record).repeat == 0)
    claimed = [
        record.model_copy(update={"conditions": {**record.conditions, "inside": ["softmax"]}})
        if (record.entry, values(record).repeat) == (first.entry, WHOLE)
        else record
        for record in records
        if (record.entry, values(record).repeat) != (first.entry, STRIPPED)
    ]
    parts = recorded_parts(first, second, claimed)
    assert parts is not None
    assert parts.reason
    assert parts.framework is None


def test_records_of_reference_runs_are_no_entries_of_a_comparison(
    records: list[Record], tmp_path: Path
) -> None:
    from zoodiff.latency.verdicts import compare

    pairs, controls = compare(records)
    assert len(pairs) == 1
    assert len(controls) == 1
