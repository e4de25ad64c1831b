"""Pairs of which it is known how they differ, built and run in their own frameworks.

ResNet-50 with stride 2 on the 3x3 ("v1.5") or on the first 1x1: torchvision's documentation of
Bottleneck and K. He et al., 2015. Paddings of MobileNetV2: Keras pads (0, 1), PyTorch (1, 1).
AlexNet: A. Krizhevsky, "One weird trick", 2014, against A. Krizhevsky et al., 2012. GoogLeNet's 5x5
branch is a 3x3 in torchvision: pytorch/vision issue 906. VGG-16 is one network everywhere.
"""

from __future__ import annotations

import importlib.util
from collections import Counter

import pytest

from zoodiff import api
from zoodiff.architecture.diff import Diff

needs = pytest.mark.skipif(
    any(importlib.util.find_spec(x) is None for x in ("torch", "tensorflow", "onnxruntime")),
    reason="needs the extras torch, keras and onnx",
)
pytestmark = [
    *(pytest.mark.torch, pytest.mark.keras, pytest.mark.onnx, needs),
    pytest.mark.usefixtures("kept_workers"),
]


def places(found: Diff, code: str) -> int:
    return sum(f.count for f in found.findings if f.code == code)


def codes(found: Diff) -> set[str]:
    return {f.code for f in found.findings if f.effect != "training"}


def test_vgg16_of_torchvision_and_keras_is_the_same_function() -> None:
    found, proof = api.prove("torchvision:vgg16", "keras:VGG16")
    assert codes(found) == {"ARC140"}
    assert found.sameness == "same up to"
    assert proof.verdict == "same function"
    assert proof.native
    assert proof.difference is not None and proof.difference < 1e-4


def test_resnet50_of_torchvision_and_keras_differs_in_its_strides() -> None:
    found, proof = api.prove("torchvision:resnet50", "keras:ResNet50")
    assert codes(found) == {"ARC101", "ARC110", "ARC120", "ARC140"}
    assert places(found, "ARC110") == places(found, "ARC120") == 53
    (strides,) = [f for f in found.findings if f.code == "ARC101"]
    assert (strides.count, strides.left, strides.right) == (3, "2 on the 3x3", "2 on the 1x1")
    assert {name.split(".")[0] for name in strides.places_a} == {"layer2", "layer3", "layer4"}
    (bias,) = [f for f in found.findings if f.code == "ARC110"]
    assert bias.parameters == 26_560
    assert (found.a.counts.parameters, found.b.counts.parameters) == (25_557_032, 25_583_592)
    assert set(found.up_to) >= {"ARC110", "ARC140"}
    assert (found.a.variants, found.b.variants) == (
        ("ResNet v1.5 (stride 2 on the 3x3)",),
        ("ResNet v1 (stride 2 on the first 1x1)",),
    )
    assert proof.verdict == "different function"
    assert proof.native
    assert proof.difference is not None and proof.difference > 0.01
    assert proof.responsible == ("ARC101",)
    assert proof.undone is not None and proof.undone < 1e-4


def test_mobilenet_v2_of_torchvision_and_keras_differs_in_five_paddings_and_epsilon() -> None:
    found, proof = api.prove("torchvision:mobilenet_v2", "keras:MobileNetV2")
    assert codes(found) == {"ARC107", "ARC120", "ARC140"}
    assert places(found, "ARC107") == 5
    assert places(found, "ARC120") == 52
    assert found.a.counts.parameters == found.b.counts.parameters
    assert found.a.counts.macs == found.b.counts.macs
    assert proof.verdict == "different function"
    assert "ARC107" in proof.responsible
    assert proof.undone is not None and proof.undone < 1e-4


def test_alexnet_of_torchvision_and_the_onnx_zoo_are_two_networks() -> None:
    found, proof = api.prove("torchvision:alexnet", "onnx:light_bvlc_alexnet")
    assert codes(found) == {"ARC105", "ARC106", "ARC107", "ARC124", "ARC140"}
    counted = Counter({code: places(found, code) for code in codes(found)})
    assert counted == {"ARC105": 3, "ARC106": 3, "ARC107": 1, "ARC124": 2, "ARC140": 1}
    assert found.a.variants == ("AlexNet of 2014 (one group, no local response norm)",)
    assert found.b.variants == ("AlexNet of 2012 (two groups, local response norm)",)
    assert proof.verdict == "different function"
    assert proof.undone is not None and proof.undone < 1e-4


def test_googlenet_has_a_3x3_where_inception_has_a_5x5() -> None:
    found, proof = api.prove("torchvision:googlenet", "onnx:light_inception_v1")
    kernels = [f for f in found.findings if f.code == "ARC103"]
    assert [(f.count, f.left, f.right) for f in kernels] == [(9, "3x3", "5x5")]
    assert places(found, "ARC124") == 2
    assert proof.verdict == "different function"
    assert proof.undone is not None and proof.undone < 1e-4
    assert not proof.reason
