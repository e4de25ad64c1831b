"""Recipes that are nearly the same, and those that are exactly the same in other words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zoodiff.preprocessing.conventions import differing, same, words
from zoodiff.preprocessing.near import near, near_variants
from zoodiff.preprocessing.spec import Preprocessing

SPEC = Preprocessing(
    input_size=(224, 224),
    resize=256,
    resize_policy="short_side",
    library="pillow",
    interpolation="bilinear",
    channel_order="RGB",
    value_range=(-1.0, 1.0),
)
IMAGENET = replace(
    SPEC, value_range=(0.0, 1.0), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)
BY_128 = replace(SPEC, value_range=(0.0, 255.0), mean=(127.0,) * 3, std=(128.0,) * 3)


def test_half_and_half_is_minus_one_to_one() -> None:
    halves = replace(SPEC, value_range=(0.0, 1.0), mean=(0.5,) * 3, std=(0.5,) * 3)
    assert same(SPEC, halves)
    in_bytes = replace(SPEC, value_range=(0.0, 255.0), mean=(127.5,) * 3, std=(127.5,) * 3)
    assert same(SPEC, in_bytes)
    assert near(SPEC, halves, "normalisation") is None


def test_mean_and_std_in_bytes_are_those_in_shares() -> None:
    in_bytes = replace(
        SPEC, value_range=(0.0, 255.0), mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)
    )
    assert same(IMAGENET, in_bytes)


def test_less_127_by_128_is_near_minus_one_to_one() -> None:
    assert not same(SPEC, BY_128)
    apart = near(SPEC, BY_128, "normalisation")
    assert apart == "inputs differ by up to 0.39 % of their range"
    assert [factor for factor, spec in near_variants(SPEC) if spec == BY_128] == ["normalisation"]


@pytest.mark.parametrize(
    "mean", [(0.48502, 0.457957, 0.407604), (0.4850196, 0.4579569, 0.4076039), (0.49, 0.46, 0.41)]
)
def test_rounded_means_are_near(mean) -> None:
    assert near(IMAGENET, replace(IMAGENET, mean=mean), "normalisation") is not None


@pytest.mark.parametrize(
    "changed",
    [
        {"value_range": (0.0, 1.0), "mean": None, "std": None},
        {"std": (0.2023, 0.1994, 0.201)},
        {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
        {"mean": (0.406, 0.456, 0.485)},
    ],
)
def test_other_normalisations_are_not_near(changed) -> None:
    assert near(IMAGENET, replace(IMAGENET, **changed), "normalisation") is None


def test_a_crop_by_share_is_near_the_one_by_lengths() -> None:
    square = replace(SPEC, resize=None, resize_policy="central_square", crop_fraction=0.875)
    apart = near(SPEC, square, "crop")
    assert apart is not None
    assert apart.startswith("crops differ by up to 0.")
    both = replace(SPEC, resize=None, resize_policy="central_fraction_then_squash")
    apart = near(SPEC, replace(both, crop_fraction=0.875), "crop")
    assert apart == "crops of square images are the same, those of others are not"


@pytest.mark.parametrize(
    "changed",
    [
        {"resize": 224},
        {"resize": 240},
        {"resize_policy": "squash", "resize": (224, 224)},
        {"resize_policy": "central_square", "resize": None, "crop_fraction": 1.0},
    ],
)
def test_other_crops_are_not_near(changed) -> None:
    assert near(SPEC, replace(SPEC, **changed), "crop") is None


def test_a_share_beside_the_lengths_that_it_gives_is_no_difference() -> None:
    assert differing(SPEC, replace(SPEC, crop_fraction=0.875)) == {}


def test_a_squash_to_another_size_is_not_one_to_the_input_size() -> None:
    larger = replace(SPEC, resize_policy="squash", resize=(256, 256))
    whole = replace(SPEC, resize_policy="squash", resize=(224, 224))
    assert words(larger, "crop") == "squashed to 256x256, central crop"
    assert words(whole, "crop") == "squashed to the input size"
    assert list(differing(larger, whole)) == ["crop"]
