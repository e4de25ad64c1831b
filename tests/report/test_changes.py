"""Two runs compared: what changed by more than noise, and what cannot be compared."""

from __future__ import annotations

from typing import Any

import pytest

from zoodiff.report.changes import Changes, changes
from zoodiff.results import Interval
from zoodiff.store.records import AccuracyValues, LatencyValues, Record
from zoodiff.study.result import StudyResult

TORCH = "mini-torch:digits@v1"
SLOW = ("onnx:bvlcalexnet-12@placeholder", "torchvision:alexnet@random")


def with_records(result: StudyResult, kind: type, **data: Any) -> StudyResult:
    """The result with the given conditions in all records of a kind."""
    records = [
        record.model_copy(update={"conditions": {**record.conditions, **data}})
        if isinstance(record.values, kind)
        else record
        for record in result.records
    ]
    return result.model_copy(update={"records": records})


def with_accuracy(result: StudyResult, entry: str, value: float, width: float) -> StudyResult:
    def changed(record: Record) -> Record:
        if record.entry != entry or not isinstance(record.values, AccuracyValues):
            return record
        top1 = Interval(value=value, low=value - width, high=value + width)
        return record.model_copy(update={"values": record.values.model_copy(update={"top1": top1})})

    return result.model_copy(update={"records": [changed(each) for each in result.records]})


def with_ratio(result: StudyResult, percent: float, width: float) -> StudyResult:
    first, *others = result.latency
    interval = Interval(value=percent, low=percent - width, high=percent + width)
    first = first.model_copy(update={"difference": percent, "interval": interval})
    return result.model_copy(update={"latency": [first, *others]})


@pytest.fixture(scope="module")
def run(result: StudyResult) -> StudyResult:
    return with_records(result, AccuracyValues, data_sha256="a" * 64)


def of_kind(found: Changes, kind: str) -> list[tuple[tuple[str, ...], str, str]]:
    return [(each.entries, each.old, each.new) for each in found.changed if each.kind == kind]


def test_a_run_did_not_change_from_itself(run: StudyResult) -> None:
    found = changes(run, run)
    assert found.changed == []
    assert found.not_comparable == []
    assert found.unchanged["accuracy"] == 4
    assert found.unchanged["latency"] == 7
    assert found.sentence.startswith("Nothing changed beyond noise in ")


def test_runs_without_a_common_value_cannot_be_compared(
    run: StudyResult, empty: StudyResult
) -> None:
    assert changes(run, empty).sentence.startswith("Nothing can be compared")


def test_an_accuracy_changed_if_its_intervals_part(run: StudyResult) -> None:
    old = with_accuracy(run, TORCH, 97.0, 0.5)
    near, far = with_accuracy(run, TORCH, 96.2, 0.5), with_accuracy(run, TORCH, 95.0, 0.5)
    assert of_kind(changes(old, near), "accuracy") == []
    assert of_kind(changes(old, far), "accuracy") == [
        ((TORCH,), "97.00 [96.50, 97.50] %", "95.00 [94.50, 95.50] %")
    ]


def test_accuracies_of_other_images_are_not_compared(run: StudyResult) -> None:
    other = with_records(with_accuracy(run, TORCH, 1.0, 0.1), AccuracyValues, data_sha256="b" * 64)
    found = changes(run, other)
    assert of_kind(found, "accuracy") == []
    assert f"{TORCH}: its accuracies are of different images" in found.not_comparable


def test_a_ratio_of_latencies_has_to_leave_the_noise_of_both_runs(run: StudyResult) -> None:
    old = with_ratio(run, 100.0, 1.0)
    # 2.00 and 2.08 are 4 % apart: more than the intervals, less than twice the noise of 3.2 %.
    assert of_kind(changes(old, with_ratio(run, 108.0, 1.0)), "latency") == []
    ((entries, before, after),) = of_kind(changes(old, with_ratio(run, 150.0, 1.0)), "latency")
    assert set(entries) == set(SLOW)
    assert (before, after) == ("2.00 times", "2.50 times")


def test_which_entry_is_slower_may_change(run: StudyResult) -> None:
    first, *others = run.latency
    turned = first.model_copy(update={"high_entry": first.low_entry, "low_entry": first.high_entry})
    new = run.model_copy(update={"latency": [turned, *others]})
    ((_, before, after),) = of_kind(changes(run, new), "latency")
    assert (before, after) == ("2.31 times", "0.434 times")


def test_without_a_control_no_latency_counts(run: StudyResult) -> None:
    new = with_ratio(run, 900.0, 1.0).model_copy(update={"controls": []})
    found = changes(run, new)
    assert of_kind(found, "latency") == []
    assert sum("no control" in sentence for sentence in found.not_comparable) == 7


def test_latencies_under_other_conditions_are_not_compared(run: StudyResult) -> None:
    records = [
        r.model_copy(
            update={"values": r.values.model_copy(update={"conditions": {"threads": "4"}})}
        )
        if isinstance(r.values, LatencyValues)
        else r
        for r in run.records
    ]
    found = changes(run, with_ratio(run, 900.0, 1.0).model_copy(update={"records": records}))
    assert of_kind(found, "latency") == []
    assert any("different conditions" in sentence for sentence in found.not_comparable)


def test_answers_claims_and_graphs_that_changed_are_named(run: StudyResult) -> None:
    fewer = run.differences[0].model_copy(
        update={
            "values": run.differences[0].values.model_copy(
                update={"findings": run.differences[0].values.findings[1:]}
            )
        }
    )
    assert run.claimed is not None
    claim = run.claimed.rows[0].model_copy(update={"high": 75.5})
    records = [
        record.model_copy(update={"fingerprint": f"zd4:{k}"})
        for k, record in enumerate(run.records)
    ]
    old = run.model_copy(update={"records": records})
    moved = records[0].model_copy(update={"fingerprint": "zd4:other"})
    scheme = records[1].model_copy(update={"fingerprint": "zd5:1"})
    new = run.model_copy(
        update={
            "differences": [fewer, *run.differences[1:]],
            "claimed": run.claimed.model_copy(update={"rows": [claim, *run.claimed.rows[1:]]}),
            "records": [moved, scheme, *records[2:]],
        }
    )
    found = changes(old, new)
    ((entries, before, after),) = of_kind(found, "answer")
    assert set(entries) == {"torchvision:resnet50@default", "keras:ResNet50@default"}
    assert before == "other network (ARC101, ARC113, ARC120, ARC140)"
    assert after == "other network (ARC113, ARC120, ARC140)"
    assert of_kind(found, "claim") == [(("onnx:vgg19",), "74.00 %", "75.50 %")]
    assert of_kind(found, "graph") == [((records[0].entry,), "zd4:0", "zd4:other")]
    assert any("two schemes" in sentence for sentence in found.not_comparable)
    assert found.sentence.startswith("Changed beyond noise: 1 graph, 1 answer and 1 claim, of ")
