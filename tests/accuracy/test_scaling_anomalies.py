"""Families and classes, against hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest

from zoodiff.accuracy.classes.per_class import per_class
from zoodiff.accuracy.scaling_anomalies import inversions, member


@pytest.mark.parametrize(
    ("architecture", "family", "size"),
    [
        ("resnet101v2", "resnet*v2", 101),
        ("resnetrs50", "resnetrs*", 50),
        ("convnext_tiny", "convnext_*", 4),
        ("regnety_3200mf", "regnety_*mf", 3200),
        ("shufflenet_v2_x0.5", "shufflenet_v2_x*", 0.5),
        ("mnasnet_0.75", "mnasnet_*", 0.75),
        ("wide_resnet50_2", "wide_resnet*_2", 50),
        ("resnext101_32x8d", "resnext*_32x8d", 101),
    ],
)
def test_members(architecture: str, family: str, size: float) -> None:
    found = member(architecture)
    assert found is not None
    assert (found.family, found.size) == (family, size)


@pytest.mark.parametrize("architecture", ["inception_v3", "alexnet", "googlenet", "mobilenet_v1"])
def test_versions_are_no_sizes(architecture: str) -> None:
    assert member(architecture) is None


def test_sizes_are_in_order() -> None:
    names = ["swin_tiny", "swin_small", "swin_base"]
    sizes = [found.size for name in names if (found := member(name))]
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == 3


def test_a_larger_member_that_is_worse_is_named() -> None:
    measured = [
        ("z:resnet18", "z", "resnet18", 80.0),
        ("z:resnet50", "z", "resnet50", 70.0),
        ("y:resnet101", "y", "resnet101", 10.0),
        ("z:vgg16", "z", "vgg16", 20.0),
    ]
    every = {frozenset((a[0], b[0])) for a in measured for b in measured if a != b}
    found = inversions(measured, every)
    assert [(one.larger, one.smaller) for one in found] == [("z:resnet50", "z:resnet18")]
    assert inversions(measured, set()) == []


def test_names_whose_numbers_are_no_sizes_say_nothing() -> None:
    """DenseNet-161 is wider than DenseNet-169, and all zoos claim more for it."""
    measured = [("t:a", "t", "densenet161", 77.1), ("t:b", "t", "densenet169", 75.6)]
    assert inversions(measured, {frozenset(("t:a", "t:b"))}) == []
    assert inversions([("t:a", "t", "densenet161", 60.0), measured[1]], set()) == []


def test_classes_by_hand() -> None:
    labels = np.array([0] * 10 + [1] * 10 + [2] * 10 + [-1] * 5, dtype=np.int32)
    first = np.array([1] * 10 + [1] * 5 + [0] * 5 + [1] * 10 + [0] * 5, dtype=bool)
    second = np.array([0] * 10 + [1] * 5 + [0] * 5 + [1] * 9 + [0] + [0] * 5, dtype=bool)
    (only,) = per_class(labels, first, second, 5)
    assert (only.label, only.images, only.points) == (0, 10, 100.0)
    assert (only.only_first, only.only_second) == (10, 0)
    # McNemar's exact test of 10 against 0 is 2 / 2**10; the smallest of three, so times three.
    assert only.benjamini_hochberg == pytest.approx(3 * 2 / 2**10)
