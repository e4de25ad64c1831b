from __future__ import annotations

import csv
import io
import json
import math
from types import ModuleType

from syrupy.assertion import SnapshotAssertion

from zoodiff.report.exports import discrepancies
from zoodiff.study.result import StudyResult


def _rows(result: StudyResult) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(discrepancies.to_csv(result))))


def test_csv_as_read_by_people(result: StudyResult, snapshot: SnapshotAssertion) -> None:
    assert discrepancies.to_csv(result) == snapshot


def test_csv_holds_all_rows_of_all_rankings(result: StudyResult) -> None:
    assert result.claimed is not None
    rows = _rows(result)
    wanted = len(result.claimed.rows) + len(result.measured_accuracy) + len(result.latency)
    assert len(rows) == wanted > 3 * result.top
    assert list(rows[0]) == list(discrepancies.COLUMNS)


def test_csv_puts_each_number_under_its_unit(result: StudyResult) -> None:
    for row in _rows(result):
        timed = row["metric"] == "latency"
        assert bool(row["high_ms"]) == timed == bool(row["difference_percent"])
        assert bool(row["high_percent"]) != timed
        assert bool(row["difference_percentage_points"]) != timed


def test_csv_runs_no_formula(result: StudyResult) -> None:
    notes = [row["note"] for row in _rows(result)]
    assert "'=HYPERLINK(1)" in notes


def test_json_is_strict_and_holds_what_the_issue_names(result: StudyResult) -> None:
    document = json.loads(discrepancies.to_json(result), parse_constant=_refuse)
    assert document["schema_version"] == discrepancies.SCHEMA
    assert document["study"]["sha256"] == result.study_sha256
    assert len(document["discrepancies"]) == len(_rows(result))
    assert len(document["mismatches"]) == len(result.mismatches)
    assert document["controls"][0]["noise_percent"] == result.controls[0].noise_percent
    assert len(document["failures"]) == len(result.failures)
    assert document["hardware"]["processor"] == result.hardware.processor
    assert document["versions"]["keras"]["keras"] == "3.15.1"
    assert document["claims"]["rules"]


def test_json_writes_what_is_not_finite_as_null(result: StudyResult, examples: ModuleType) -> None:
    endless = result.latency[0].model_copy(update={"difference": math.inf})
    document = json.loads(
        discrepancies.to_json(result.model_copy(update={"latency": [endless]})),
        parse_constant=_refuse,
    )
    assert document["discrepancies"][-1]["difference_percent"] is None


def _refuse(constant: str) -> float:
    raise AssertionError(f"{constant} is not JSON")
