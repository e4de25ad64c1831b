"""The catalogue of pytorchcv: names, labels, weights and recipes, without pytorchcv."""

import csv
from collections import defaultdict

import pytest

from zoodiff.data.labels import IMAGENET_1K
from zoodiff.zoos import registry
from zoodiff.zoos.names import table
from zoodiff.zoos.names.resolver import canonical_name
from zoodiff.zoos.names.spelling import form
from zoodiff.zoos.pytorchcv.catalogue import COLUMNS, names, published

MODELS = registry.models("pytorchcv")
OTHERS = ("torchvision", "keras", "tfmg", "onnx", "timm", "hf", "kerashub", "paddle")


def test_the_catalogue_has_the_classifiers_of_pytorchcv_0_0_74() -> None:
    counts: dict[str, int] = defaultdict(int)
    for known in published().values():
        counts[known.dataset] += 1
    assert counts == {"in1k": 468, "cifar10": 85, "cifar100": 84, "svhn": 83, "cub": 49}
    assert sum(bool(model.weights) for model in MODELS.values()) == 539


def test_the_table_has_the_columns_that_are_read() -> None:
    from importlib.resources import files

    text = files("zoodiff.zoos.pytorchcv").joinpath("models.csv").read_text(encoding="utf-8")
    assert tuple(next(csv.reader(text.splitlines()))) == COLUMNS


@pytest.mark.parametrize(
    ("model", "architecture"),
    [
        ("resnet50b", "resnet50"),
        ("preresnet101b", "resnet101v2"),
        ("bn_vgg16b", "vgg16_bn"),
        ("mobilenet_w3d4", "mobilenet_v1_0.75"),
        ("regnetx002", "regnetx_200mf"),
        ("resneta50b", "resnet50d"),
        ("nasnet_4a1056", "nasnet_mobile"),
        ("hrnetv2_w18", "hrnet_w18"),
        ("efficientnet_b0b", "efficientnet_b0"),
    ],
)
def test_a_network_of_other_zoos_has_their_name(model: str, architecture: str) -> None:
    assert MODELS[model].architecture == architecture
    shared = {m.architecture for zoo in OTHERS for m in registry.models(zoo).values()}
    assert architecture in shared
    assert canonical_name(model, "pytorchcv") == architecture


def test_every_name_that_another_zoo_has_was_looked_at() -> None:
    theirs = {m.architecture for zoo in OTHERS for m in registry.models(zoo).values()}
    shared = {name for name, model in MODELS.items() if model.architecture in theirs}
    assert shared <= set(names())
    assert len({MODELS[name].architecture for name in shared}) > 100


def test_the_table_of_names_names_models_once_and_agrees_with_the_table_of_all_zoos() -> None:
    assert set(names()) <= set(MODELS)
    assert list(names()) == sorted(names())
    for row in table.rows():
        if row.zoo != "pytorchcv":
            continue
        named = names()[row.entry]
        assert (named.variant or "") == row.difference, row
        assert (named.architecture == row.name) == (row.kind != "other"), row


def test_the_stride_of_the_first_convolution_makes_a_variant() -> None:
    assert MODELS["resnet50b"].note is None
    note = MODELS["resnet50"].note
    assert note is not None
    assert "stride on the first 1x1" in note


def test_widths_are_read_as_fractions() -> None:
    assert form("mobilenetv2_w3d4", "pytorchcv") == form("mobilenet_v2_0.75")
    assert form("mobilenet_w1", "pytorchcv") == form("mobilenet_v1")
    assert form("mobilenetv3_small_wd2", "pytorchcv") == form("mobilenet_v3_small_0.5")
    assert form("hrnetv2_w18", "pytorchcv") == form("hrnet_w18")
    assert form("x_w0d0", "pytorchcv") == form("x_w0d00", "pytorchcv")


def test_a_network_of_another_data_set_is_not_taken_for_one_of_imagenet() -> None:
    for name, model in MODELS.items():
        known = published()[name]
        assert (model.labels == IMAGENET_1K) == (known.dataset == "in1k"), name
    assert (MODELS["resnet18_cub"].labels.name, MODELS["resnet18_cub"].labels.classes) == (
        "cub-200-2011",
        200,
    )
    assert MODELS["resnet20_cifar100"].labels.classes == 100
    assert registry.resolve("pytorchcv:resnet20_svhn").model.input_shape == (3, 32, 32)


def test_weights_are_named_as_the_package_names_their_files() -> None:
    weights = MODELS["resnet50"].default_weights
    assert weights is not None
    known = published()["resnet50"]
    assert known.sha1 is not None
    assert weights.name == f"0633-{known.sha1[:8]}"
    assert weights.url == (
        "https://github.com/osmr/imgclsmob/releases/download/v0.0.329/"
        f"resnet50-{weights.name}.pth.zip"
    )
    assert weights.parameters == 25557032
    assert MODELS["resnet200"].default_weights is None


def test_the_short_side_is_the_input_size_by_the_scale_rounded_up() -> None:
    spec = registry.resolve("pytorchcv:resnet50").preprocessing
    assert (spec.resize, spec.interpolation, spec.library) == (256, "bilinear", "pillow")
    spec = registry.resolve("pytorchcv:inceptionv3").preprocessing
    assert (spec.input_size, spec.resize, spec.published) == ((299, 299), 342, "yes")


@pytest.mark.parametrize("model", ["efficientnet_b0c", "resneta50b", "resnet20_cifar10"])
def test_a_recipe_that_is_not_stated_is_published_in_part_only(model: str) -> None:
    spec = MODELS[model].preprocessing
    assert spec.published == "partial"
    assert spec.resize is None
    assert spec.mean is None


def test_errors_in_the_readme_are_those_in_the_names_of_files() -> None:
    """Two places of the package that state the same: its table and its README."""
    compared = 0
    for known in published().values():
        if known.top5_error and known.error:
            assert round(float(known.top5_error) * 100) == int(known.error), known.name
            compared += 1
    assert compared > 300
