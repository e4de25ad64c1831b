"""What the build marks as doubtful or copied, on made-up rows whose answer is known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import zoodiff

TOOLS = Path(zoodiff.__file__).parents[2] / "tools"


@pytest.fixture(autouse=True)
def _tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(TOOLS))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "claims_build"]:
        del sys.modules[name]


PLAIN = {
    **{"zoo": "z", "claimed_by": "z", "model": "net", "weights": "w", "architecture": "net"},
    **{"measure": "inference", "latency_ms": "", "throughput_img_s": "", "batch": "1"},
    **{"image_size": "224", "precision": "fp32", "layout": "", "compile_mode": "", "note": ""},
    **{"device": "machine", "compute_unit": "CPU", "threads": "", "runtime": "r"},
    **{"source_path": "page", "test_set": "t", "top1": "", "top5": "", "dataset": "t"},
}


def rows(*changes: dict[str, str]) -> list[dict[str, str]]:
    return [PLAIN | change for change in changes]


def test_of_two_contradicting_times_both_are_marked_of_three_the_odd_one() -> None:
    from claims_build import time_doubts

    two = time_doubts.mark(rows({"latency_ms": "1.0"}, {"latency_ms": "2.5"}))
    assert set(two) == {0, 1}
    three = rows({"latency_ms": "0.88"}, {"latency_ms": "8.88"}, {"latency_ms": "1.50"})
    assert set(time_doubts.mark(three)) == {1}
    near = rows({"latency_ms": "1.0"}, {"latency_ms": "1.9"})
    assert time_doubts.mark(near) == {}


@pytest.mark.parametrize(
    "change", [{"batch": "4"}, {"device": "x"}, {"measure": "batch step"}, {"image_size": "299"}]
)
def test_times_under_other_conditions_contradict_nothing(change: dict[str, str]) -> None:
    from claims_build import time_doubts

    assert time_doubts.mark(rows({"latency_ms": "1.0"}, {"latency_ms": "9.0"} | change)) == {}


def test_an_assumed_precision_is_that_precision() -> None:
    from claims_build import time_doubts

    assumed = {"latency_ms": "9.0", "precision": "fp32 (assumed)"}
    assert set(time_doubts.mark(rows({"latency_ms": "1.0"}, assumed))) == {0, 1}


def test_a_rate_that_its_time_contradicts_is_marked() -> None:
    from claims_build import time_doubts

    right = {"latency_ms": "10", "batch": "64", "throughput_img_s": "6300"}
    marks = time_doubts.mark(rows(right, right | {"model": "b", "throughput_img_s": "6800"}))
    assert set(marks) == {1}
    assert marks[1] == "10 ms at batch 64 are 6400 images per second, not 6800"


def test_a_column_that_repeats_another_machines_is_marked() -> None:
    from claims_build import time_doubts

    times = ("6.493", "7.218", "3.164", "4.055")
    first = [{"model": f"m{k}", "latency_ms": t[:-1]} for k, t in enumerate(times)]
    rounded = [
        {"model": f"m{k}", "latency_ms": f"{float(t):.2f}", "device": "phone", "source_path": "b"}
        for k, t in enumerate(times)
    ]
    exact = [row | {"latency_ms": t} for row, t in zip(first, times, strict=True)]
    assert set(time_doubts.mark(rows(*exact, *rounded))) == set(range(8))
    # Three equal figures are no column.
    assert time_doubts.mark(rows(*exact[:3], *rounded[:3])) == {}


def test_equal_times_need_three_digits_another_zoo_and_one_machine() -> None:
    from claims_build import copies

    other = {"claimed_by": "y", "zoo": "y"}
    assert set(copies.equal_times(rows({"latency_ms": "51.2"}, {"latency_ms": "51.20"} | other))) \
        == {0, 1}  # fmt: skip
    assert copies.equal_times(rows({"latency_ms": "51.0"}, {"latency_ms": "51"} | other)) == {}
    assert copies.equal_times(rows({"latency_ms": "51.2"}, {"latency_ms": "51.2"})) == {}
    elsewhere = {"latency_ms": "51.2", "device": "phone"} | other
    assert copies.equal_times(rows({"latency_ms": "51.2"}, elsewhere)) == {}
    unnamed = {"latency_ms": "51.2", "device": "not stated"} | other
    assert set(copies.equal_times(rows({"latency_ms": "51.2"}, unnamed))) == {0, 1}


def test_equal_accuracies_need_two_decimals_or_an_equal_top5() -> None:
    from claims_build import copies

    other = {"claimed_by": "y"}
    assert set(copies.equal_accuracies(rows({"top1": "76.13"}, {"top1": "76.130"} | other))) \
        == {0, 1}  # fmt: skip
    assert copies.equal_accuracies(rows({"top1": "76.1"}, {"top1": "76.1"} | other)) == {}
    both = {"top1": "76.1", "top5": "92.8"}
    assert set(copies.equal_accuracies(rows(both, both | other))) == {0, 1}
    assert copies.equal_accuracies(rows(both, both | other | {"test_set": "u"})) == {}
    assert copies.equal_accuracies(rows({"top1": "76.13"}, {"top1": "76.13"})) == {}


def test_a_reference_that_is_repeated_for_another_runtime_is_marked() -> None:
    from claims_build import copies

    source = {"top1": "76.45", "weights": "accuracy-check reference, launcher tf", "runtime": "tf"}
    converted = source | {"weights": "accuracy-check reference, launcher ov", "runtime": "ov"}
    marks = copies.repeated_references(rows(source, converted, {"top1": "76.45"}))
    assert marks == {0: "the same zoo's reference for ov", 1: "the same zoo's reference for tf"}
    assert copies.repeated_references(rows(source, converted | {"top1": "76.17"})) == {}


def test_a_row_with_two_marks_keeps_both() -> None:
    from claims_build import copies

    assert copies.merged({1: "a", 2: "b"}, {2: "c", 3: "d"}) == {1: "a", 2: "b; c", 3: "d"}


def test_a_time_that_stands_for_two_sets_of_weights_is_marked() -> None:
    from claims_build import copies

    plain = {"latency_ms": "3.77", "model": "Net", "weights": "default"}
    ssld = plain | {"model": "Net_ssld", "weights": "ssld"}
    assert copies.equal_weights(rows(plain, ssld)) == {0: "z Net_ssld", 1: "z Net"}
    assert copies.equal_weights(rows(plain, ssld | {"latency_ms": "3.78"})) == {}
    assert copies.equal_weights(rows(plain, ssld | {"batch": "4"})) == {}


def test_a_top5_below_top1_and_a_contradiction_in_one_source_are_marked() -> None:
    from claims_build import accuracy_doubts

    more = dict.fromkeys(("n_images", "runtime_version", "crop_pct", "interpolation"), "")
    below = accuracy_doubts.mark(rows({"top1": "70", "top5": "60"} | more))
    assert below == {0: "top-5 of 60 is below top-1 of 70"}
    said = rows({"top1": "70.0"} | more, {"top1": "70.5"} | more, {"top1": "70.05"} | more)
    assert set(accuracy_doubts.mark(said)) == {0, 1, 2}
    assert accuracy_doubts.mark(rows({"top1": "70.0"} | more, {"top1": "70.05"} | more)) == {}


def test_a_name_that_no_rule_knows_stays_its_own() -> None:
    from claims_build.names import Names

    collected = [
        {"zoo": zoo, "model": model, "architecture_family": family, "input_size": "224"}
        for zoo, model, family in (
            ("timm", "resnet50.a1_in1k", "resnet50"),
            ("paddleclas", "ResNet50_vd", "resnet50d"),
            ("keras_applications", "ResNet50", "resnet50"),
            ("tf_model_garden", "mobilenet_v1_1.0_224", "mobilenet_v1"),
        )
    ]
    names = Names(collected)

    def of(zoo: str, model: str, weights: str = "") -> str:
        return names.architecture({"zoo": zoo, "model": model, "weights": weights})

    assert of("timm", "resnet50") == of("qai_hub_models", "ResNet-50") == "resnet50"
    assert of("paddleclas", "Fix_ResNet50_vd_ssld_v2") == "resnet50d"
    assert of("tflite_hosted_models", "Mobilenet_V1_1.0_160_quant") == "mobilenet_v1"
    assert of("timm", "resnet51") == "resnet51"
    assert of("transformers", "resnet50") == "resnet50"
    assert of("paddleclas", "ResNet50_vx") == "ResNet50_vx"
