"""The catalogue of the zoo ``paddle``, without Paddle."""

from __future__ import annotations

import pytest

from zoodiff.errors import MissingFrameworkError, UnknownNameError
from zoodiff.workers import environments
from zoodiff.zoos import registry
from zoodiff.zoos.paddle.catalogue import ZOO

MODELS = {model.name: model for model in ZOO.models()}


def test_every_builder_is_an_entry() -> None:
    assert len(MODELS) == 39
    assert MODELS["inception_v3"].input_shape == (3, 299, 299)
    assert MODELS["LeNet"].input_shape == (1, 28, 28)
    assert all(model.preprocessing.published == "no" for model in MODELS.values())


@pytest.mark.parametrize(
    "name",
    ["resnet50", "vgg16", "densenet121", "inception_v3", "googlenet", "mobilenet_v3_large"],
)
def test_canonical_names_are_those_of_torchvision(name: str) -> None:
    own = registry.models("torchvision")[name].architecture
    assert MODELS[name].architecture == own


def test_widths_of_shufflenet_are_named_as_in_other_zoos() -> None:
    theirs = {model.architecture for model in registry.models("torchvision").values()}
    names = ("x0_5", "x1_0", "x1_5", "x2_0")
    assert {MODELS[f"shufflenet_v2_{name}"].architecture for name in names} <= theirs


@pytest.mark.parametrize("name", ["ConvNeXt_tiny", "CSPDarkNet53", "PPLCNet_x1_0"])
def test_a_network_of_paddleclas_is_one_sentence(name: str) -> None:
    words = f"{name} is a network of PaddleClas, which is a zoo of its own: paddleclas:{name}"
    with pytest.raises(UnknownNameError, match=words):
        registry.resolve(f"paddle:{name}")


def test_a_name_that_both_have_is_the_packages() -> None:
    assert registry.resolve("paddle:AlexNet").model.name == "alexnet"
    assert registry.resolve("paddle:MobileNetV2").model.name == "mobilenet_v2"


def test_without_the_environment_one_sentence_says_how_to_make_it(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path))
    monkeypatch.delenv("ZOODIFF_PADDLE_PYTHON", raising=False)
    with pytest.raises(MissingFrameworkError, match="zoodiff env create paddle"):
        environments.interpreter_for(ZOO.worker)
