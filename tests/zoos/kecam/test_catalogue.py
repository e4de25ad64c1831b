"""The catalogue of keras_cv_attention_models: names, weights and recipes, without the package."""

from __future__ import annotations

import pytest

from zoodiff.data.labels import NO_CLASSES
from zoodiff.errors import MissingFrameworkError
from zoodiff.workers import environments
from zoodiff.zoos import registry
from zoodiff.zoos.kecam.catalogue import ENVIRONMENT, ZOO, builders, names, published
from zoodiff.zoos.names.table import by_entry

MODELS = {model.name: model for model in ZOO.models()}
OTHERS = ("torchvision", "keras", "tfmg", "onnx", "timm", "hf", "kerashub")


def test_the_catalogue_is_that_of_the_environments_version() -> None:
    assert f"keras-cv-attention-models=={published().version}" in ENVIRONMENT.requirements
    assert list(MODELS) == sorted(MODELS)
    assert len(MODELS) == 380
    assert sum(len(model.weights) for model in MODELS.values()) == 490


@pytest.mark.parametrize(
    ("model", "architecture"),
    [
        ("ResNet50D", "resnet50d"),
        ("EfficientNetV1B0", "efficientnet_b0"),
        ("EfficientNetEdgeTPUSmall", "efficientnet_es"),
        ("MobileNetV3Large075", "mobilenet_v3_large_0.75"),
        ("RegNetY032", "regnety_3200mf"),
        ("SwinTransformerV2Base_window24", "swinv2_base"),
        ("ViTTinyPatch16", "vit_tiny_patch16"),
        ("ResMLP_B24", "resmlp_big_24"),
        ("HaloNextECA26T", "eca_halonext26ts"),
    ],
)
def test_a_network_of_other_zoos_has_their_name(model: str, architecture: str) -> None:
    assert MODELS[model].architecture == architecture
    assert any(m.architecture == architecture for m in registry.models("timm").values())


@pytest.mark.parametrize("model", ["AotNet50", "BotNet50", "CoAtNet0", "CMTTiny"])
def test_a_network_that_only_resembles_another_has_its_own_name(model: str) -> None:
    assert MODELS[model].architecture == model.lower()


def test_every_name_that_another_zoo_has_was_looked_at() -> None:
    theirs = {m.architecture for zoo in OTHERS for m in registry.models(zoo).values()}
    shared = {name for name, model in MODELS.items() if model.architecture in theirs}
    assert shared == set(names())
    assert len({MODELS[name].architecture for name in shared}) >= 200


def test_the_names_and_the_table_say_the_same() -> None:
    assert list(names()) == sorted(names())
    for model, name in names().items():
        row = by_entry()["kecam", model]
        assert (row.name, row.difference) == (name.architecture, name.variant or "")
        assert row.kind == ("variant" if name.variant else "same")


def test_weights_that_the_package_loads_by_default_are_the_default() -> None:
    assert MODELS["BeitBasePatch16"].default_weights is not None
    assert MODELS["BeitBasePatch16"].default_weights.name == "imagenet21k-ft1k"
    assert MODELS["CoAtNet1"].weights == ()


def test_weights_of_another_input_size_say_it() -> None:
    weights = {w.name: w for w in MODELS["TinyViT_21M"].weights}
    large = weights["384_imagenet21k-ft1k"]
    assert large.preprocessing is not None
    assert large.preprocessing.input_size == (384, 384)
    assert large.url is not None
    assert large.url.endswith("/tiny_vit_21m_384_imagenet21k-ft1k.h5")


@pytest.mark.parametrize(
    ("entry", "labels"),
    [
        ("kecam:ResNet50D@imagenet", "imagenet-1k"),
        ("kecam:MLPMixerB16@imagenet21k", "imagenet-21k-goog"),
        ("kecam:DiNAT_Large@imagenet21k", "imagenet-22k"),
        ("kecam:EfficientNetV2S@imagenet21k", NO_CLASSES.name),
    ],
)
def test_labels_are_what_the_package_says_of_them(entry: str, labels: str) -> None:
    assert registry.resolve(entry).labels.name == labels


@pytest.mark.parametrize(
    ("entry", "mean", "std"),
    [
        ("kecam:ResNet50D@imagenet", (123.675, 116.28, 103.53), (58.395, 57.120003, 57.375)),
        ("kecam:MLPMixerB16@imagenet", (127.5,) * 3, (127.5,) * 3),
        ("kecam:MobileViT_S@imagenet", None, (255.0,) * 3),
        ("kecam:MaxViT_Base@imagenet", (123.675, 116.28, 103.53), (58.395, 57.120003, 57.375)),
        ("kecam:MaxViT_Base@imagenet21k", (127.5,) * 3, (127.5,) * 3),
    ],
)
def test_pixels_are_normalised_as_the_weights_need(entry: str, mean: object, std: object) -> None:
    spec = registry.resolve(entry).preprocessing
    assert (spec.mean, spec.std, spec.value_range) == (mean, std, (0.0, 255.0))
    assert (spec.resize_policy, spec.crop_fraction) == ("central_square", 1.0)
    assert spec.published == "yes"


def test_every_file_has_an_address_of_its_own_for_its_network() -> None:
    files = [
        (builder.name, file.url) for builder in builders().values() for file in builder.weights
    ]
    assert len(files) == len(set(files))
    assert all(url.startswith("https://github.com/leondgarse/") for _, url in files)


def test_without_its_environment_one_sentence_says_how_to_make_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environments, "interpreter", lambda name: None)
    monkeypatch.setattr(environments, "_installed", lambda name: True)
    with pytest.raises(MissingFrameworkError, match=r"zoodiff env create kecam$"):
        environments.interpreter_for(ZOO.worker)
