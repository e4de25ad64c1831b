"""Stored field names stay, whatever the code calls them."""

from __future__ import annotations

from zoodiff.results import Interval
from zoodiff.store.records import AccuracyValues, LatencyValues

POINT = {"value": 1.0, "low": 0.5, "high": 1.5, "level": 0.95}


def test_accuracy_is_stored_under_the_keys_of_the_first_format() -> None:
    values = AccuracyValues(
        top1=Interval(**POINT),
        top5=Interval(**POINT),
        images=3,
        predictions_file="a.parquet",
        predictions_sha256="0" * 64,
        seconds=1.0,
        defaulted=["interpolation"],
        failed_checks=["no better than chance"],
    )
    stored = values.model_dump(mode="json")
    assert stored["taken"] == ["interpolation"] and stored["guards"] == ["no better than chance"]
    assert not {"defaulted", "failed_checks"} & stored.keys()
    assert AccuracyValues.model_validate(stored) == values


def test_latency_is_read_from_the_keys_of_the_first_format() -> None:
    stored = {
        "median_ms": POINT,
        "p10_ms": 1.0,
        "p90_ms": 1.0,
        "calls": 7,
        "round_medians_ms": [1.0],
        "group": "one run",
        "scope": {"device": "cpu"},
        "disturbances": ["the machine was swapping"],
    }
    values = LatencyValues.model_validate(stored)
    assert values.conditions == {"device": "cpu"}
    assert values.system_noise == ["the machine was swapping"]
    assert {key: values.model_dump(mode="json")[key] for key in stored} == stored
