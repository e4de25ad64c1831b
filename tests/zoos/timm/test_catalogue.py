"""The catalogue of timm: names, labels and recipes, without timm."""

import csv
from pathlib import Path

import pytest

from zoodiff.data.labels import IMAGENET_1K, NO_CLASSES
from zoodiff.errors import UsageError
from zoodiff.zoos import registry
from zoodiff.zoos.timm.catalogue import names
from zoodiff.zoos.timm.pretrained_cfg import from_timm

MODELS = registry.models("timm")
OTHERS = ("torchvision", "keras", "tfmg", "onnx")


def test_the_catalogue_has_all_of_timm_1_0_31() -> None:
    assert len(MODELS) == 1371
    assert sum(len(model.weights) for model in MODELS.values()) == 1826


@pytest.mark.parametrize(
    ("model", "architecture"),
    [
        ("resnet50", "resnet50"),
        ("vit_base_patch16_224", "vit_base_patch16"),
        ("swin_tiny_patch4_window7_224", "swin_tiny"),
        ("mobilenetv3_large_100", "mobilenet_v3_large"),
        ("regnety_032", "regnety_3200mf"),
        ("regnety_1280", "regnety_128000mf"),
        ("efficientnetv2_s", "efficientnetv2_s"),
        ("resnetv2_50", "resnet50v2"),
        ("nasnetalarge", "nasnet_large"),
    ],
)
def test_a_network_of_other_zoos_has_their_name(model: str, architecture: str) -> None:
    assert MODELS[model].architecture == architecture
    shared = {
        zoo
        for zoo in OTHERS
        for m in registry.models(zoo).values()
        if m.architecture == architecture
    }
    assert shared


def test_every_name_that_another_zoo_has_was_looked_at() -> None:
    theirs = {m.architecture for zoo in OTHERS for m in registry.models(zoo).values()}
    shared = {name for name, model in MODELS.items() if model.architecture in theirs}
    assert shared <= set(names())
    assert len(shared) > 100


def test_the_table_of_names_names_models_of_timm_once() -> None:
    assert set(names()) <= set(MODELS)
    assert list(names()) == sorted(names())


def test_what_pads_as_tensorflow_is_a_variant_of_what_does_not() -> None:
    assert MODELS["efficientnet_b0"].note is None
    variant = MODELS["tf_efficientnet_b0"]
    assert variant.architecture == "efficientnet_b0"
    assert variant.note == "pads as TensorFlow's SAME"


def test_a_model_whose_number_is_part_of_its_name_keeps_it() -> None:
    assert MODELS["levit_384"].architecture == "levit_384"
    assert MODELS["cait_s24_384"].architecture == MODELS["cait_s24_224"].architecture == "cait_s24"


@pytest.mark.parametrize(
    ("entry", "labels", "classes"),
    [
        ("timm:resnet50@a1_in1k", "imagenet-1k", 1000),
        ("timm:convnext_tiny@fb_in22k", "imagenet-22k", 21841),
        ("timm:convnext_tiny@in12k", "imagenet-12k", 11821),
        ("timm:vit_base_patch16_224@augreg_in21k", "imagenet-21k-goog", 21843),
        ("timm:vit_base_patch16_clip_224@openai", "no classes", 0),
        ("timm:vit_small_patch14_dinov2", "no classes", 0),
        ("timm:resmlp_12_224@fb_dino", "not said by timm", 1000),
    ],
)
def test_labels_are_those_of_the_weights(entry: str, labels: str, classes: int) -> None:
    space = registry.resolve(entry).labels
    assert (space.name, space.classes) == (labels, classes)


def test_nothing_but_1000_classes_is_imagenet_1k() -> None:
    for model in MODELS.values():
        for weights in model.weights:
            if weights.labels == IMAGENET_1K:
                assert "in1k" in weights.name.split("_"), (model.name, weights.name)
            else:
                assert weights.labels is not None
                assert weights.labels == NO_CLASSES or weights.labels.classes >= 1000


def test_the_default_weights_are_the_first_of_timm() -> None:
    weights = MODELS["resnet50"].default_weights
    assert weights is not None
    assert weights.name == "a1_in1k"
    assert weights.url == "https://huggingface.co/timm/resnet50.a1_in1k"
    assert MODELS["davit_giant"].default_weights is None


def test_a_recipe_is_that_of_the_weights() -> None:
    spec = registry.resolve("timm:resnet50@tv_in1k").preprocessing
    assert (spec.resize, spec.interpolation, spec.published) == (256, "bilinear", "yes")
    spec = registry.resolve("timm:resnet50@a1_in1k").preprocessing
    assert (spec.resize, spec.interpolation) == (235, "bicubic")  # floor(224 / 0.95)


def test_a_recipe_that_pads_is_published_in_part_only() -> None:
    usual = {"input_size": (3, 32, 32), "mean": (0.5,) * 3, "std": (0.5,) * 3, "crop_pct": 1.0}
    with pytest.raises(UsageError, match="border"):
        from_timm({**usual, "crop_mode": "border"})
    spec = MODELS["deepseek_vit_412m"].preprocessing
    assert spec.published == "partial"
    assert spec.resize is None
    assert "border" in str(spec.source)


def test_a_central_crop_of_a_rectangle_is_refused() -> None:
    config = {"input_size": (3, 32, 64), "mean": (0.5,) * 3, "std": (0.5,) * 3}
    assert from_timm({**config, "crop_mode": "squash"}).resize == (36, 73)
    with pytest.raises(UsageError, match="another shape than a square"):
        from_timm({**config, "crop_mode": "center"})


def test_recipes_are_those_that_were_collected_independently(shared: Path) -> None:
    with (shared / "claims" / "recipes.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["zoo"] == "timm"]
    assert len(rows) > 1800
    for row in rows:
        spec = registry.resolve(f"timm:{row['model']}@{row['weights']}").preprocessing
        if spec.published != "yes":
            assert "pad" in row["resize_policy"] + row["note"], row
            continue
        size = tuple(map(int, row["input_size"].split("x")[1:]))
        assert (spec.input_size, spec.interpolation) == (size, row["interpolation"]), row
        resize = (spec.resize,) if isinstance(spec.resize, int) else spec.resize
        assert resize and str(resize[0]) == row["resize_size"].split("x")[0], row
        assert (spec.resize_policy == "squash") == ("squash" in row["resize_policy"]), row
        for own, key in ((spec.mean, "mean"), (spec.std, "std")):
            assert own == pytest.approx(tuple(map(float, row[key].split())), abs=1e-5), row


def test_heads_are_those_that_were_collected_but_where_no_tag_says_so(shared: Path) -> None:
    with (shared / "claims" / "recipes.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["zoo"] == "timm"]
    entries = [(registry.resolve(f"timm:{row['model']}@{row['weights']}"), row) for row in rows]
    different = {
        str(entry.ref)
        for entry, row in entries
        if (entry.labels == IMAGENET_1K) != (row["has_imagenet1k_head"] == "yes")
    }
    # 1,000 outputs, of a training without labels.
    assert different == {"timm:resmlp_12_224@fb_dino", "timm:resmlp_24_224@fb_dino"}
