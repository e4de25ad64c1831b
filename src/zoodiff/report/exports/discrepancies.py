"""The discrepancies as data: rows for CSV and JSON, with units in the column names."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import Any

from zoodiff.results import Discrepancy
from zoodiff.study.result import StudyResult
from zoodiff.text import csv_cell, json_text

SCHEMA = 1
"""Version of both files; within a version, columns and keys are only added."""

COLUMNS = (
    "metric",
    "rank",
    "architecture",
    "verdict",
    "high_entry",
    "low_entry",
    "high_weights",
    "low_weights",
    "high_percent",
    "low_percent",
    "high_ms",
    "low_ms",
    "difference_percentage_points",
    "interval_low_percentage_points",
    "interval_high_percentage_points",
    "difference_percent",
    "interval_low_percent",
    "interval_high_percent",
    "interval_level",
    "p_value",
    "high_source",
    "low_source",
    "note",
    "causes",
    "doubtful",
)
"""Columns with one meaning and one unit each; empty (null) if the row's metric lacks the column."""


def rows(result: StudyResult) -> Iterator[dict[str, Any]]:
    """Yield every discrepancy of the three rankings, ranked from 1 within its metric."""
    claimed = result.claimed.rows if result.claimed else []
    for ranking in (claimed, result.measured_accuracy, result.latency):
        for rank, discrepancy in enumerate(ranking, 1):
            yield _row(rank, discrepancy)


def _row(rank: int, discrepancy: Discrepancy) -> dict[str, Any]:
    values = "ms" if discrepancy.unit == "ms" else "percent"
    change = (
        discrepancy.difference_unit.replace(" ", "_")
        if discrepancy.difference_unit != "%"
        else "percent"
    )
    interval = discrepancy.interval
    known: dict[str, Any] = {
        "metric": discrepancy.metric,
        "rank": rank,
        "architecture": discrepancy.architecture,
        "verdict": discrepancy.verdict,
        "high_entry": discrepancy.high_entry,
        "low_entry": discrepancy.low_entry,
        "high_weights": discrepancy.high_weights,
        "low_weights": discrepancy.low_weights,
        f"high_{values}": discrepancy.high,
        f"low_{values}": discrepancy.low,
        f"difference_{change}": discrepancy.difference,
        f"interval_low_{change}": interval.low if interval else None,
        f"interval_high_{change}": interval.high if interval else None,
        "interval_level": interval.level if interval else None,
        "p_value": discrepancy.p_value,
        "high_source": discrepancy.high_source,
        "low_source": discrepancy.low_source,
        "note": discrepancy.note,
        "causes": "; ".join(f"{cause.code} {cause.words}" for cause in discrepancy.causes) or None,
        "doubtful": discrepancy.doubtful,
    }
    return {column: known.get(column) for column in COLUMNS}


def to_csv(result: StudyResult) -> str:
    """Return the rows as CSV with a header: RFC 4180, but lines end with ``\\n``."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows(result):
        writer.writerow([csv_cell(row[column]) for column in COLUMNS])
    return buffer.getvalue()


def to_json(result: StudyResult) -> str:
    """Return everything that the page shows, with digests for records, as strict JSON."""
    plain = result.model_dump(mode="json")
    claimed = plain["claimed"]
    document = {
        "schema_version": SCHEMA,
        "zoodiff_version": result.zoodiff_version,
        "study": {
            "name": result.study,
            "title": result.title,
            "question": result.question,
            "sha256": result.study_sha256,
            "text": result.study_text,
        },
        "complete": result.complete,
        "started": result.started,
        "finished": result.finished,
        "top": result.top,
        "discrepancies": list(rows(result)),
        "claims": None
        if claimed is None
        else {key: value for key, value in claimed.items() if key != "rows"},
        "mismatches": plain["mismatches"],
        "differences": plain["differences"],
        "graphs": plain["graphs"],
        "explanations": plain["explanations"],
        "names": None if result.names is None else [row.to_dict() for row in result.names.rows],
        "recipes": plain["recipes"],
        "name_findings": plain["names"]["findings"] if result.names is not None else [],
        "controls": plain["controls"],
        "failures": plain["failures"],
        "not_run": plain["not_run"],
        "notes": plain["notes"],
        "records": sorted({record.digest for record in result.records}),
        "versions": plain["versions"],
        "hardware": plain["hardware"],
    }
    return json_text(_finite(document), indent=1, strict=True) + "\n"


def _finite(value: object) -> Any:
    """Replace infinities and NaN, which JSON lacks, by null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
