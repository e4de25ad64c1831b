"""The catalogue of the zoo ``paddleclas``, without Paddle."""

from __future__ import annotations

import numpy as np
import pytest

from zoodiff.claims.catalogue import claims_for
from zoodiff.data.labels import NO_CLASSES
from zoodiff.errors import MeasurementError, MissingFrameworkError, UnknownNameError, UsageError
from zoodiff.workers import environments
from zoodiff.zoos import registry
from zoodiff.zoos.paddle.catalogue import ZOO as PADDLE
from zoodiff.zoos.paddleclas.backend import prepare
from zoodiff.zoos.paddleclas.catalogue import ZOO, arguments

MODELS = {model.name: model for model in ZOO.models()}


def test_every_network_that_paddleclas_publishes_is_an_entry() -> None:
    assert len(MODELS) == 359
    assert sum(bool(model.weights) for model in MODELS.values()) == 349
    assert not {"AdaFace_IR_18", "MobileFaceNet", "SVTR_tiny", "WideResNet"} & set(MODELS)


def test_both_zoos_of_paddle_share_an_environment() -> None:
    assert ZOO.worker.environment == PADDLE.worker.environment
    assert ZOO.worker.environment is not None
    assert "paddleclas==2.6.0" in ZOO.worker.environment.packages


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("ResNet50", "resnet50"),
        ("ResNet50_vd", "resnet50d"),
        ("ResNet50_vc", "resnet50c"),
        ("Res2Net50_vd_26w_4s", "res2net50d"),
        ("ResNeXt50_vd_32x4d", "resnext50d_32x4d"),
        ("MobileNetV2_x0_5", "mobilenet_v2_0.5"),
        ("PPLCNet_x0_5", "lcnet_050"),
        ("PPHGNetV2_B4", "hgnetv2_b4"),
        ("SwinTransformer_tiny_patch4_window7_224", "swin_tiny"),
        ("MobileViTV2_x1_25", "mobilevitv2_125"),
        ("CLIP_vit_large_patch14_336", "vit_large_patch14_clip"),
        ("ResNet50_last_stage_stride1", "resnet50_last_stage_stride1"),
    ],
)
def test_canonical_names_are_those_of_other_zoos_or_its_own(name: str, architecture: str) -> None:
    assert MODELS[name].architecture == architecture


def test_preprocessing_is_that_of_its_configurations() -> None:
    spec = MODELS["ResNet50"].preprocessing
    assert spec.sentence() == (
        "resize 256 (short side, bilinear), crop 224x224, RGB, [0, 1], mean 0.485 0.456 0.406, "
        "std 0.229 0.224 0.225"
    )
    assert (spec.library, spec.antialias, spec.crop_rounding) == ("opencv", False, "down")
    assert MODELS["MobileViT_S"].preprocessing.channel_order == "BGR"
    assert MODELS["EfficientNetV2_S"].preprocessing.value_range == (0.0, 255.0)
    assert MODELS["CvT_13_384"].preprocessing.resize == (384, 384)
    assert MODELS["CLIP_vit_large_patch14_336"].preprocessing.published == "no"


def test_preprocessing_agrees_with_the_claims() -> None:
    compared = 0
    for claim in claims_for(zoo="paddleclas"):
        if claim.entry_model is None or claim.preprocessing != "yes":
            continue
        model = MODELS[claim.entry_model]
        spec = model.preprocessing
        assert model.input_shape[1:] == (claim.input_height, claim.input_width), claim.model
        assert (spec.channel_order, spec.std) == (claim.channel_order, claim.std), claim.model
        assert (spec.interpolation, spec.mean) == (claim.interpolation, claim.mean), claim.model
        compared += 1
    assert compared > 200


def test_claims_are_about_the_weights_that_entries_name() -> None:
    linked = {str(c.entry) for c in claims_for(zoo="paddleclas") if c.entry is not None}
    assert {"paddleclas:ResNet50_vd@pretrained", "paddleclas:ResNet50_vd@ssld"} <= linked
    for reference in linked:
        assert registry.resolve(reference).weights is not None


def test_the_weights_of_a_set_have_its_own_address() -> None:
    urls = {w.name: w.url for w in MODELS["ResNet50_vd"].weights}
    assert list(urls) == ["pretrained", "ssld"]
    assert str(urls["ssld"]).endswith("ResNet50_vd_ssld_pretrained.pdparams")
    for model in MODELS.values():
        addresses = [w.url for w in model.weights]
        assert len(addresses) == len(set(addresses)), model.name


def test_builders_that_need_arguments_have_those_of_the_configuration() -> None:
    assert arguments()["TinyNet_A"]["override_params"]["depth_trunc"] == "round"
    assert arguments()["cae_base_patch16_224"]["init_values"] == 0.1
    assert arguments()["ResNet50"] == {}


def test_pixels_are_normalised_as_paddleclas_does() -> None:
    images = np.zeros((1, 224, 224, 3), np.uint8)
    images[0, 0, 0] = (255, 0, 51)
    batch = prepare(MODELS["ResNet50"], images)
    assert batch.shape == (1, 3, 224, 224)
    expected = [(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225]
    np.testing.assert_allclose(batch[0, :, 0, 0], expected, rtol=1e-5)
    pixel = prepare(MODELS["EfficientNetV2_S"], np.zeros((1, 384, 384, 3), np.uint8))
    assert pixel.min() == pixel.max() == -1.0


def test_pixels_of_another_order_are_turned() -> None:
    images = np.zeros((1, 256, 256, 3), np.uint8)
    images[..., 0] = 255
    batch = prepare(MODELS["MobileViT_S"], images)
    assert batch[0, :, 0, 0].tolist() == [0.0, 0.0, 1.0]


def test_another_size_and_no_preprocessing_are_one_sentence() -> None:
    small = np.zeros((1, 32, 32, 3), np.uint8)
    with pytest.raises(UsageError, match="takes images of 224x224 pixels, not 32x32"):
        prepare(MODELS["ResNet50"], small)
    with pytest.raises(MeasurementError, match="publishes no preprocessing for paddleclas:VGG19Si"):
        prepare(MODELS["VGG19Sigmoid"], small)


def test_unknown_names_are_one_sentence() -> None:
    with pytest.raises(UnknownNameError, match="no entry `paddleclas:ResNet51`; did you mean "):
        registry.resolve("paddleclas:ResNet51")
    with pytest.raises(UnknownNameError, match="did you mean ssld"):
        registry.resolve("paddleclas:ResNet50_vd@sslt")


def test_without_the_environment_one_sentence_says_how_to_make_it(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path))
    monkeypatch.delenv("ZOODIFF_PADDLE_PYTHON", raising=False)
    with pytest.raises(MissingFrameworkError, match="zoodiff env create paddle"):
        environments.interpreter_for(ZOO.worker)


def test_networks_without_classes_say_so() -> None:
    assert MODELS["EVA_vit_giant_patch14"].labels == NO_CLASSES
    assert MODELS["CLIP_large_patch14_224_aesthetic"].labels == NO_CLASSES
    assert MODELS["ResNet50"].labels.classes == 1000
