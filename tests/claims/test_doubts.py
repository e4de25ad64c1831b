"""What the catalogue marks as doubtful, copied, withdrawn or public since a day."""

import csv
import datetime
from collections import defaultdict
from pathlib import Path

import pytest

from zoodiff.claims.catalogue import claims_for, load

CLAIMS = load()


@pytest.mark.parametrize(
    ("zoo", "model", "reason"),
    [
        ("mmpretrain", "resnet34_8xb32_in1k", "parameters are 0.10 times"),
        ("keras", "NASNetMobile", "parameters are 1.45 times"),
        ("mmpretrain", "repvgg-B0_8xb32_in1k", "macs are 5.17 times"),
        ("onnx", "DenseNet-121-12", "top1_percent is -14.0 points"),
        ("onnx", "ShuffleNet-v2-qdq", "top5_percent is -6.3 points"),
        ("paddleclas", "RedNet50", "mean is on [0, 255]"),
    ],
)
def test_a_doubt_says_why(zoo: str, model: str, reason: str) -> None:
    marks = [c.doubtful or "" for c in CLAIMS if (c.zoo, c.model) == (zoo, model)]
    assert any(reason in mark for mark in marks), marks


def test_one_source_says_one_number_about_one_set_of_weights_or_is_marked() -> None:
    """PaddleClas lists some weights in two tables of one page, with two and three decimals."""
    said = defaultdict(list)
    for claim in CLAIMS:
        if claim.top1_percent is not None:
            key = (claim.zoo, claim.model, claim.weights, claim.input_height, claim.source)
            said[key].append(claim)
    twice = [group for group in said.values() if len(group) > 1]
    assert len(twice) == 14
    for group in twice:
        numbers = [claim.top1_percent for claim in group]
        marked = all("same weights" in (claim.doubtful or "") for claim in group)
        assert marked == (max(numbers) - min(numbers) > 0.1), group


def test_a_larger_or_missing_classifier_is_no_doubt() -> None:
    other = [c for c in CLAIMS if (c.parameters_count or "").endswith("_classifier")]
    counts = {claim.parameters_count for claim in other}
    assert counts == {"without_classifier", "with_larger_classifier"}
    assert not [claim for claim in other if "parameters" in (claim.doubtful or "")]


@pytest.mark.parametrize(
    ("model", "architecture"),
    [
        ("Inception V1", "googlenet"),
        ("GoogleNet", "googlenet"),
        ("SqueezeNet 1.1", "squeezenet1_1"),
        ("resnet50_barlowtwins-pre_8xb32-linear-coslr-100e_in1k", "resnet50"),
        ("cait_s24_384.fb_dist_in1k", "cait_s24"),
        ("levit_384.fb_dist_in1k", "levit_384"),
        ("edgenext-xsmall_3rdparty_in1k", "edgenext_x_small"),
        ("swin_base_patch4_window7_224_in22k", "swin_base"),
        ("ResNet V2 50", "resnet50v2"),
    ],
)
def test_architectures_are_canonical(model: str, architecture: str) -> None:
    assert {claim.architecture for claim in CLAIMS if claim.model == model} == {architecture}


def test_variants() -> None:
    variants = {claim.architecture: claim.variant for claim in CLAIMS}
    assert variants["mobilenet_v2_0.35"] == "width 0.35"
    assert variants["mobilenet_v3_large_minimal"] == "minimal"
    assert variants["efficientnet_b1_pruned"] == "pruned"
    assert variants["resnet50_v1d_0.37"] == "pruned 0.37"
    assert variants["shufflenet_v2_x1.0"] is None
    assert variants["resnet50"] is None


def test_keras_measured_some_of_its_table_and_copied_the_rest() -> None:
    def provenance(model: str) -> set[str | None]:
        return {c.provenance for c in CLAIMS if (c.zoo, c.model) == ("keras", model)} - {None}

    # The authors' 77.1, where keras-applications had measured 77.190.
    assert provenance("EfficientNetB0") == {"copied"}
    assert provenance("ResNet50") == {"measured"}
    assert provenance("ConvNeXtTiny") == {"unknown"}


def test_a_shufflenet_number_of_the_onnx_zoo_is_torchvisions() -> None:
    claims = {c.weights: c for c in claims_for("shufflenet_v2_x1.0", "onnx")}
    assert claims["shufflenet-v2-10.onnx"].provenance == "copied"
    assert claims["shufflenet-v2-12.onnx"].provenance == "unknown"


def test_keras_applications_is_withdrawn() -> None:
    days = {c.withdrawn_on for c in claims_for("resnext50_32x4d", "keras")}
    assert days == {datetime.date(2019, 11, 13), datetime.date(2022, 2, 17)}


def test_torchvisions_second_weights_came_with_0_13() -> None:
    days = {c.entry_weights: c.published_on for c in claims_for("resnet50", "torchvision")}
    first, second = days["IMAGENET1K_V1"], days["IMAGENET1K_V2"]
    assert first is not None
    assert second is not None
    assert first < datetime.date(2022, 3, 31) < datetime.date(2022, 6, 1) < second


def test_bytes_agree_with_the_manifest_of_the_onnx_zoo(shared: Path) -> None:
    with (shared / "claims" / "onnx_model_zoo_files.csv").open(newline="") as file:
        sizes = {row["path"].rpartition("/")[2]: int(row["bytes"]) for row in csv.DictReader(file)}
    found = {c.weights: c.bytes for c in CLAIMS if c.zoo == "onnx" and c.weights in sizes}
    assert len(found) > 90
    assert found == {name: sizes[name] for name in found}


def test_mb_are_mebibytes() -> None:
    """ResNet-50: 25,557,032 parameters and 53,173 statistics of 4 bytes, and a header."""
    (size,) = {
        c.bytes for c in claims_for("resnet50", "torchvision") if c.entry_weights == "IMAGENET1K_V1"
    }
    assert size == pytest.approx(4 * (25_557_032 + 53_173), rel=0.002)
