"""``config.json`` of somebody else: what is read, what is left out, what is refused."""

import json
from pathlib import Path

import pytest

from zoodiff.data import imagenet
from zoodiff.data.labels import IMAGENET_1K, IMAGENET_1001
from zoodiff.errors import MeasurementError, UnreadableFileError, UsageError, ZoodiffError
from zoodiff.rules.security import RefusedError
from zoodiff.zoos.hf.config import image_size, read
from zoodiff.zoos.hf.entries import read_config

VIT = {"model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 32}


def test_a_configuration_is_its_class_and_arguments() -> None:
    config = read({**VIT, "num_labels": 7}, "config.json")
    assert config.architecture.name == "ViTForImageClassification"
    assert config.values == {"hidden_size": 32, "num_labels": 7}
    assert config.labels.classes == 7


def test_without_a_class_it_is_the_classifier_of_the_model_type() -> None:
    assert read({"model_type": "resnet"}, "x").architecture.name == "ResNetForImageClassification"
    raw = {"model_type": "resnet", "architectures": ["ResNetBackbone"]}
    assert read(raw, "x").architecture.name == "ResNetBackbone"


def test_names_of_imagenet_are_imagenets_labels() -> None:
    names = list(imagenet.names())
    raw = {**VIT, "id2label": {str(k): name for k, name in enumerate(names)}}
    assert read(raw, "x").labels == IMAGENET_1K
    shifted = {str(k): name for k, name in enumerate(["background", *names])}
    assert read({**VIT, "id2label": shifted}, "x").labels == IMAGENET_1001
    backwards = {str(k): name for k, name in enumerate(reversed(names))}
    other = read({**VIT, "id2label": backwards}, "x").labels
    assert other != IMAGENET_1K
    assert other.names[0] == names[-1]


@pytest.mark.parametrize("key", ["auto_map", "custom_pipelines"])
def test_code_of_a_repository_is_refused(key: str) -> None:
    with pytest.raises(RefusedError, match=rf"^SEC103: there/config\.json .*{key}") as error:
        read({**VIT, key: {"AutoModel": "modeling.Evil"}}, "there/config.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "key",
    [
        *("attn_implementation", "_attn_implementation", "experts_implementation"),
        *("use_kernels", "torchscript", "return_dict", "output_hidden_states", "_name_or_path"),
    ],
)
def test_what_chooses_code_or_the_form_of_outputs_is_left_out(key: str) -> None:
    inner = {"vision_config": {key: "evil/kernel", "hidden_size": 8}}
    config = read({**VIT, key: "evil/kernel", **inner}, "x")
    assert key not in json.dumps(dict(config.values))
    assert config.values["vision_config"] == {"hidden_size": 8}


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({}, "has no model_type"),
        ({"pretrained_cfg": {}}, "name it timm:"),
        ({"model_type": 3}, "has no model_type"),
        ({"model_type": "bert"}, 'the model type "bert" has no image classifier'),
        ({"model_type": "vitt"}, "did you mean vit"),
        (
            {"model_type": "vit", "architectures": ["ViTForMaskedImageModeling"]},
            "of the class ViTFor",
        ),
        (
            {"model_type": "vit", "architectures": ["ResNetForImageClassification"]},
            "of the class Res",
        ),
        ({**VIT, "quantization_config": {"quant_method": "awq"}}, "quantised"),
    ],
)
def test_other_networks_are_one_sentence(raw, reason: str) -> None:
    with pytest.raises(MeasurementError, match=reason) as error:
        read(raw, "x")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"hidden_size": 10**12}, "hidden_size .* too large"),
        ({"hidden_size": float("inf")}, "hidden_size .* too large"),
        ({"vision_config": {"hidden_size": 10**12}}, "hidden_size .* too large"),
        ({"num_hidden_layers": 10**6}, "num_hidden_layers has more than"),
        ({"depths": [1000, 1000, 1000]}, "depths has more than"),
        ({"image_size": 10**6}, "image_size .* no size"),
        ({"num_labels": 10**9}, "too large"),
        ({"num_labels": "many"}, "num_labels"),
        ({"id2label": {"1": "a", "2": "b"}}, "does not number its classes from 0"),
        ({"id2label": {"0": ["a"]}}, "does not number"),
        ({"id2label": {}}, "id2label has 0 classes"),
    ],
)
def test_impossible_sizes_are_one_sentence(raw, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as error:
        read({**VIT, **raw}, "x")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[" * 10**5, b'{"model_type": "vit"', b"\x00" * 64]
)
def test_what_is_no_json_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ZoodiffError, match=r"config\.json") as error:
        read_config(tmp_path)
    assert "\n" not in str(error.value)


def test_a_large_file_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "config.json").open("wb") as file:
        file.truncate(1 << 34)
    with pytest.raises(UnreadableFileError, match="more than"):
        read_config(tmp_path)


def test_the_size_of_images_is_the_configurations_own() -> None:
    assert image_size({"image_size": 96}, (224, 224)) == (96, 96)
    assert image_size({"image_size": [256, 192]}, (224, 224)) == (256, 192)
    assert image_size({"vision_config": {"image_size": 64}}, (224, 224)) == (64, 64)
    assert image_size({"image_size": "x"}, (3, 4)) == (3, 4)
