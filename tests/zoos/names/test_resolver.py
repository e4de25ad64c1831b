"""Names are resolved by rules alone as the hand-checked table has them, and nothing is guessed."""

from __future__ import annotations

import pytest
from benchmarks.resolver import is_held_out, score

from zoodiff.zoos.names import table
from zoodiff.zoos.names.resolver import canonical_name
from zoodiff.zoos.names.spelling import form


@pytest.mark.parametrize("held_out", [False, True])
def test_rules_alone_reach_precision_and_recall(held_out: bool) -> None:
    result = score(row for row in table.rows() if is_held_out(row.name) == held_out)
    assert result.names > 200
    assert result.precision >= 0.99
    assert result.recall >= 0.99


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("ResNet_50", "resnet50"),
        ("torchvision:resnet50@IMAGENET1K_V2", "resnet50"),
        ("keras:ResNet50V2", "resnet50v2"),
        ("resnetv2-50", "resnet50v2"),
        ("mmpretrain:resnetv1d101_8xb32_in1k", "resnet101d"),
        ("ResNet101_vd_ssld", "resnet101d"),
        ("regnet_y_3_2gf", "regnety_3200mf"),
        ("regnety_032", "regnety_3200mf"),
        ("vit_g14", "vit_giant_patch14"),
        ("vit_G14", "vit_gigantic_patch14"),
        ("MobileNetV2(alpha=0.50)", "mobilenet_v2_0.5"),
        ("mobilenet_v2_0.5_160", "mobilenet_v2_0.5"),
        ("swin_base_patch4_window7_224", "swin_base"),
        ("googlenet-v3-pytorch", "inception_v3"),
    ],
)
def test_a_spelling_has_a_canonical_name(spelling: str, name: str) -> None:
    assert canonical_name(spelling) == name


@pytest.mark.parametrize(
    "spelling",
    ["", "resnet", "resnet51", "vit_base", "regnety_99", "yolov8n", "bert-base", "x" * 999],
)
def test_what_no_zoo_has_is_not_resolved(spelling: str) -> None:
    assert canonical_name(spelling) is None


def test_an_entry_that_is_another_network_than_its_name_says_has_none() -> None:
    assert canonical_name("paddleclas:ResNet200_vd") is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("resnet50", "resnet50v2"),
        ("resnet50d", "resnet50c"),
        ("mobilenet_v2_0.5", "mobilenet_v2"),
        ("mobilenet_v3_large", "mobilenet_v3_large_minimal"),
        ("levit_128", "levit_192"),
        ("swin_tiny", "swinv2_tiny"),
        ("vgg16", "vgg16_bn"),
        ("deit_base_patch16", "deit_base_distilled_patch16"),
        ("regnetx_400mf", "regnety_400mf"),
        ("wide_resnet50_2", "resnet50"),
    ],
)
def test_networks_that_differ_have_different_forms(first: str, second: str) -> None:
    assert form(first) != form(second)
