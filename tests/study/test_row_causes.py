"""What is named beside a ranked row: recipes, graphs, measured parts."""

from __future__ import annotations

from typing import Any

from support import report_examples as examples
from zoodiff.results import Discrepancy
from zoodiff.study.result import ComparedGraphs
from zoodiff.study.row_causes import RowCauses, with_causes


def row(high: str, low: str, **changes: Any) -> Discrepancy:
    values: dict[str, Any] = {
        "metric": "claimed_top1",
        "architecture": "x",
        "high_entry": high,
        "low_entry": low,
        "high": 75.0,
        "low": 74.0,
        "unit": "%",
        "difference": 1.0,
        "difference_unit": "percentage points",
        "interval": None,
        "verdict": "discrepancy",
        "high_weights": "claim",
        "low_weights": "claim",
    }
    return Discrepancy.model_validate(values | changes)


def codes(rows: list[Discrepancy]) -> list[str]:
    return [cause.code for cause in rows[0].causes]


def test_recipes_of_claims_are_compared_without_a_measurement() -> None:
    known = RowCauses([], [], [])
    found = with_causes(
        [row("torchvision:resnet50@IMAGENET1K_V1", "keras:ResNet50@imagenet")], known
    )
    assert "PRE102" in codes(found)  # normalisation: torch's mean and std, caffe's mean


def test_equal_recipes_and_unknown_entries_have_no_cause() -> None:
    known = RowCauses([], [], [])
    same = row("torchvision:resnet18@IMAGENET1K_V1", "torchvision:resnet34@IMAGENET1K_V1")
    assert codes(with_causes([same], known)) == []
    assert codes(with_causes([row("nobody:x", "keras:ResNet50@imagenet")], known)) == []


def test_what_one_zoo_does_not_publish_is_no_difference() -> None:
    known = RowCauses([], [], [])
    (found,) = with_causes(
        [row("torchvision:resnet50@IMAGENET1K_V1", "keras:ResNet50@imagenet")], known
    )
    assert {cause.code for cause in found.causes} == {"PRE101", "PRE102"}  # no crop, no library
    unpublished = row("torchvision:densenet121@IMAGENET1K_V1", "onnx:densenet-12@published")
    assert codes(with_causes([unpublished], known)) == []
    inside = row("torchvision:efficientnet_b0@IMAGENET1K_V1", "keras:EfficientNetB0@imagenet")
    assert "PRE102" not in codes(with_causes([inside], known))


def test_recipes_do_not_explain_latency_nor_differences_within_noise() -> None:
    known = RowCauses([], [], [])
    pair = ("torchvision:resnet50@IMAGENET1K_V1", "keras:ResNet50@imagenet")
    slow = row(*pair, metric="latency", unit="ms", difference_unit="%")
    assert codes(with_causes([slow], known)) == []
    assert codes(with_causes([row(*pair, verdict="within noise")], known)) == []


def test_graphs_are_found_through_entries_that_share_them() -> None:
    difference = examples.differences()[0]
    shared = "torchvision:another@random"
    graphs = [
        ComparedGraphs(
            comparison=difference.comparison,
            graphs=[[difference.first, shared], [difference.second]],
            verdict="mismatch",
            same=None,
            not_compared=[],
        )
    ]
    known = RowCauses([], graphs, [difference])
    timed = {"metric": "latency", "unit": "ms", "difference_unit": "%"}
    expected = [f.code for f in difference.values.findings if f.has_effect]
    assert expected
    apart = row("torchvision:another@V2", difference.second, **timed)
    assert codes(with_causes([apart], known)) == expected[:6]
    (one_graph,) = with_causes([row(shared, difference.first, **timed)], known)
    assert one_graph.causes == []
    assert one_graph.note == "both have one graph"
