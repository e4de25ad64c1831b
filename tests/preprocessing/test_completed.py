"""What is taken where nothing is published."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from zoodiff.errors import UsageError
from zoodiff.preprocessing.completed import completed
from zoodiff.preprocessing.geometry import geometry_of
from zoodiff.preprocessing.spec import Preprocessing

NUMBERS = {"value_range": (0.0, 1.0), "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
USUAL = {"library": "pillow", "interpolation": "bilinear", "channel_order": "RGB"}


def test_the_usual_evaluation_of_imagenet_is_taken_where_nothing_is_said() -> None:
    spec, defaulted = completed(Preprocessing(), (224, 224))
    crop = {"resize_policy": "short_side", "resize": 256}
    assert spec == Preprocessing(input_size=(224, 224), **crop, **USUAL, **NUMBERS)  # type: ignore[arg-type]
    assert set(defaulted) == {*crop, *USUAL, *NUMBERS}


@pytest.mark.parametrize(
    ("published", "size", "policy", "resize"),
    [
        ({}, (32, 32), "squash", (32, 32)),
        ({}, (64, 64), "squash", (64, 64)),
        ({}, (65, 65), "short_side", 74),
        ({"resize": 40}, (32, 32), "short_side", 40),
        ({"crop_fraction": 0.8}, (32, 32), "short_side", 40),
        ({"resize_policy": "short_side"}, (32, 32), "short_side", 37),
        ({"resize": (36, 36)}, (32, 32), "squash", (36, 36)),
    ],
)
def test_small_images_are_taken_whole_where_nothing_is_said_of_crops(
    published: dict[str, Any], size: tuple[int, int], policy: str, resize: object
) -> None:
    spec, _ = completed(Preprocessing(**published), size)
    assert (spec.resize_policy, spec.resize) == (policy, resize)


def test_numbers_are_left_where_something_is_said_of_them() -> None:
    spec, defaulted = completed(Preprocessing(inside_network=True), (224, 224))
    assert (spec.value_range, spec.mean, spec.std) == ((0.0, 255.0), None, None)
    assert "value_range" in defaulted
    assert "mean" not in defaulted


def test_what_is_published_stays() -> None:
    whole = Preprocessing(
        input_size=(299, 299),
        resize=(299, 299),
        resize_policy="squash",
        library="tensorflow",
        interpolation="bicubic",
        channel_order="BGR",
        value_range=(-1.0, 1.0),
    )
    assert completed(whole, (224, 224)) == (whole, ())


def test_pillow_rounds_resized_pixels() -> None:
    spec = replace(completed(Preprocessing(), (224, 224))[0], library="pillow", rounded=False)
    with pytest.raises(UsageError, match="rounds resized pixels"):
        geometry_of(spec)


def test_rounding_is_in_the_plain_values_only_where_it_is_set() -> None:
    assert "rounded" not in Preprocessing().to_dict()
    assert Preprocessing.from_dict(Preprocessing(rounded=True).to_dict()).rounded is True
