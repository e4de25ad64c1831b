"""Configurations of image processors as specifications, without transformers."""

import csv
from pathlib import Path

import pytest

from zoodiff.errors import UsageError
from zoodiff.zoos.hf.image_processor import known, parse, specification

VIT = {"feature_extractor_type": "ViTFeatureExtractor", "size": 224, "resample": 2}


def test_an_old_configuration_is_read_as_transformers_5_reads_it() -> None:
    spec = specification(VIT)
    assert (spec.resize, spec.resize_policy, spec.input_size) == ((224, 224), "squash", (224, 224))
    assert (spec.interpolation, spec.mean, spec.value_range) == ("bilinear", (0.5,) * 3, (0.0, 1.0))
    assert (spec.library, spec.published, spec.crop_rounding) == ("torchvision_v2", "yes", None)


def test_the_slow_processor_resizes_with_pillow_and_rounds_crops_down() -> None:
    raw = {"image_processor_type": "CLIPImageProcessor", "size": 224, "crop_size": 224}
    slow, fast = specification(raw, backend="pil"), specification(raw)
    assert (slow.library, slow.crop_rounding) == ("pillow", "down")
    assert (fast.library, fast.crop_rounding) == ("torchvision_v2", "towards_zero")
    assert (slow.resize, slow.resize_policy, slow.input_size) == (224, "short_side", (224, 224))


@pytest.mark.parametrize(
    ("raw", "resize", "policy", "input_size"),
    [
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875}, 256, "short_side", (224, 224)),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.95}, 235, "short_side", (224, 224)),
        ({"size": {"shortest_edge": 384}}, (384, 384), "squash", (384, 384)),
        ({"size": 320, "crop_pct": None}, 365, "short_side", (320, 320)),
    ],
)
def test_convnext_cuts_the_centre_below_384_only(raw, resize, policy, input_size) -> None:
    spec = specification({"image_processor_type": "ConvNextImageProcessor", **raw})
    assert (spec.resize, spec.resize_policy, spec.input_size) == (resize, policy, input_size)


def test_levit_enlarges_the_short_side_and_poolformer_divides_it() -> None:
    assert specification({}, model_type="levit").resize == 256
    assert specification({}, model_type="poolformer").resize == 248  # int(224 / 0.9)
    square = {"size": {"height": 224, "width": 224}}
    spec = specification(square, model_type="poolformer")
    assert (spec.resize, spec.resize_policy) == (248, "short_side")


def test_efficientnet_divides_by_the_std_twice_for_classification() -> None:
    raw = {"image_std": [0.5, 0.25, 1.0], "rescale_factor": 1 / 127.5, "rescale_offset": True}
    spec = specification(raw, model_type="efficientnet")
    assert spec.std == (0.25, 0.0625, 1.0)
    assert spec.value_range == (-1.0, 1.0)
    assert specification({**raw, "include_top": False}, model_type="efficientnet").std == (
        0.5,
        0.25,
        1,
    )


def test_mobilevit_turns_channels_and_never_normalises() -> None:
    raw = {"do_normalize": True, "image_mean": [0.1, 0.2, 0.3]}
    spec = specification(raw, model_type="mobilevit")
    assert (spec.channel_order, spec.mean, spec.std) == ("BGR", None, None)
    assert (
        specification({"do_flip_channel_order": False}, model_type="mobilevit").channel_order
        == "RGB"
    )


def test_perceiver_cuts_a_square_before_it_resizes() -> None:
    spec = specification({}, model_type="perceiver")
    assert (spec.resize_policy, spec.crop_fraction, spec.resize) == ("central_square", 0.875, None)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"image_processor_type": "MyImageProcessor"}, "of the class MyImageProcessor"),
        ({}, "without a class"),
        ({"image_processor_type": "DonutImageProcessor"}, "has steps of its own"),
        ({"image_processor_type": "IdeficsImageProcessor"}, "has steps of its own"),
        ({**VIT, "do_resize": False}, "does not resize"),
        ({**VIT, "size": {"longest_edge": 224}}, "neither height and width nor a short side"),
        ({**VIT, "size": {"shortest_edge": 224}}, "depends on the image"),
        ({**VIT, "resample": 5}, "filter"),
        ({**VIT, "resample": 4}, "filter"),
        ({**VIT, "do_pad": True}, "pads"),
    ],
)
def test_what_no_specification_says_is_published_in_part(raw, reason: str) -> None:
    spec = specification(raw)
    assert spec.published == "partial"
    assert spec.resize is None
    assert spec.input_size is None
    assert reason in str(spec.source)


def test_pillow_has_the_box_filter() -> None:
    assert specification({**VIT, "resample": 4}, backend="pil").interpolation == "box"


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ({**VIT, "size": 10**9}, "size"),
        ({**VIT, "size": {"height": 0, "width": 3}}, "size"),
        ({**VIT, "image_mean": [float("nan")] * 3}, "image_mean"),
        ({**VIT, "image_mean": ["0.5", {}, 1]}, "image_mean"),
        ({**VIT, "rescale_factor": 1e300}, "rescale_factor"),
        ({**VIT, "resample": 17}, "resample"),
        ({**VIT, "do_resize": "perhaps"}, "do_resize"),
    ],
)
def test_impossible_values_are_one_sentence_with_the_key(raw, key: str) -> None:
    with pytest.raises(UsageError, match=rf"^there\.json: {key} is not valid") as error:
        specification(raw, where="there.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "data", [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": ' + b"1" * 99 + b"}"]
)
def test_what_is_no_object_of_json_is_one_sentence(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"^there\.json") as error:
        parse(data, "there.json")
    assert "\n" not in str(error.value)


def test_class_defaults_are_those_that_were_collected_independently(shared: Path) -> None:
    with (shared / "claims" / "recipes.csv").open(newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["zoo"] == "transformers" and known().version in row["weights"]
        ]
    assert len(rows) > 70
    for row in rows:
        backend = "pil" if row["backend"] == "PIL" else "torchvision"
        spec = specification({}, model_type=row["model"], backend=backend)
        if row["interpolation"]:
            assert spec.interpolation == row["interpolation"], row
        if spec.published != "yes":
            continue
        squash = row["resize_policy"].startswith("both sides")
        assert (spec.resize_policy == "squash") == (squash or "384" in row["resize_policy"]) or (
            row["model"] in ("perceiver", "poolformer")
        ), row
        if spec.mean is not None and row["model"] != "efficientnet":
            assert spec.mean == pytest.approx(tuple(map(float, row["mean"].split())), abs=1e-6), row
            assert spec.std == pytest.approx(tuple(map(float, row["std"].split())), abs=1e-6), row
