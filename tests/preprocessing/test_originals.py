"""The specification against the zoos' own code, bit for bit, on real and awkward images."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from support import awkward
from zoodiff.preprocessing.geometry import geometry_of
from zoodiff.preprocessing.numbers import to_input
from zoodiff.preprocessing.pixels import pixels
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.workers import environments
from zoodiff.zoos import registry

TFMG = environments.interpreter("tfmg")


def every_image() -> dict[str, bytes]:
    """All images. Each library sees them once (TensorFlow among the slow tests)."""
    return {**awkward.awkward(), **awkward.real()}


def some_images() -> dict[str, bytes]:
    """The awkward images and some real ones, for the other settings of a library."""
    return {**awkward.awkward(), **dict(list(awkward.real().items())[::10])}


def ours(data: bytes, spec: Preprocessing, layout: str) -> np.ndarray:
    return to_input(np.stack(pixels(data, [geometry_of(spec)])), spec, layout)[0]


def loaded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def different(original, spec: Preprocessing, layout: str, images=None) -> list[str]:
    """Names of the images on which the two are not equal to the last bit."""
    return [
        name
        for name, data in (some_images() if images is None else images).items()
        if not np.array_equal(original(data), ours(data, spec, layout))
    ]


def test_there_are_enough_images() -> None:
    if not awkward.real():
        pytest.skip("the real images are not here")
    assert len(every_image()) > 250


@pytest.mark.torch
@pytest.mark.parametrize(
    "entry",
    [
        "resnet50@IMAGENET1K_V1",
        "resnet50@IMAGENET1K_V2",
        "swin_v2_t@IMAGENET1K_V1",
        "vgg16@IMAGENET1K_FEATURES",
        "vit_h_14@IMAGENET1K_SWAG_E2E_V1",
    ],
)
def test_torchvision_as_its_transforms(entry: str) -> None:
    from zoodiff.torch_compat import import_torchvision

    torchvision = import_torchvision()
    model, _, name = entry.partition("@")
    transform = torchvision.models.get_model_weights(model)[name].transforms()
    spec = registry.resolve(f"torchvision:{entry}").preprocessing
    images = every_image() if entry == "resnet50@IMAGENET1K_V1" else None
    assert different(lambda data: transform(loaded(data)).numpy(), spec, "NCHW", images) == []


@pytest.mark.torch
@pytest.mark.parametrize("antialias", [True, False])
def test_torchvision_tensors_as_its_transforms_on_tensors(antialias: bool) -> None:
    from zoodiff.torch_compat import import_torchvision

    torchvision = import_torchvision()
    from torchvision.transforms._presets import ImageClassification

    transform = ImageClassification(crop_size=224, antialias=antialias)

    def original(data: bytes) -> np.ndarray:
        tensor = torchvision.transforms.functional.pil_to_tensor(loaded(data))
        return transform(tensor).numpy()

    spec = registry.resolve("torchvision:resnet50@IMAGENET1K_V1").preprocessing
    spec = replace(spec, library="torchvision", antialias=antialias)
    assert different(original, spec, "NCHW", every_image() if antialias else None) == []


@pytest.mark.keras
@pytest.mark.parametrize(
    ("module", "model"),
    [("resnet50", "ResNet50"), ("mobilenet_v2", "MobileNetV2"), ("densenet", "DenseNet121")],
)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "lanczos"])
def test_keras_as_load_img_and_preprocess_input(
    module: str, model: str, interpolation: str
) -> None:
    import keras

    code = getattr(keras.applications, module)
    published = registry.resolve(f"keras:{model}").preprocessing
    spec = replace(published, library="pillow", resize_policy="squash", interpolation=interpolation)

    def original(data: bytes) -> np.ndarray:
        image = keras.utils.load_img(
            io.BytesIO(data), target_size=spec.input_size, interpolation=interpolation
        )
        return code.preprocess_input(keras.utils.img_to_array(image)[None])[0]

    images = every_image() if (model, interpolation) == ("ResNet50", "bilinear") else None
    assert different(original, spec, "NHWC", images) == []


@pytest.mark.opencv
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "area"])
def test_opencv_as_the_usual_lines(interpolation: str) -> None:
    cv2 = pytest.importorskip("cv2")
    flag = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}.get(
        interpolation, getattr(cv2, f"INTER_{interpolation.upper()}", None)
    )
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    spec = Preprocessing(
        input_size=(224, 224),
        resize_policy="squash",
        library="opencv",
        interpolation=interpolation,  # type: ignore[arg-type]
        antialias=interpolation == "area",
        value_range=(0.0, 1.0),
        mean=mean,
        std=std,
    )

    def original(data: bytes) -> np.ndarray:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        image = cv2.resize(image, (224, 224), interpolation=flag).astype(np.float32) / 255
        image = (image - np.float32(mean)) / np.float32(std)
        return image.transpose(2, 0, 1)

    chosen = every_image() if interpolation == "bilinear" else some_images()
    known = {k: v for k, v in chosen.items() if not k.endswith(".gif")}
    assert different(original, spec, "NCHW", known) == []


@pytest.mark.torch
@pytest.mark.parametrize("mode", ["center", "squash"])
@pytest.mark.parametrize(("crop", "interpolation"), [(0.875, "bicubic"), (0.95, "bilinear")])
def test_timm_as_its_transforms(mode: str, crop: float, interpolation: str) -> None:
    from zoodiff.torch_compat import import_torchvision

    import_torchvision()
    timm = pytest.importorskip("timm")
    from zoodiff.zoos.timm.pretrained_cfg import from_timm

    config = {
        "input_size": (3, 224, 224),
        "crop_pct": crop,
        "crop_mode": mode,
        "interpolation": interpolation,
        "mean": (0.5, 0.4, 0.3),
        "std": (0.2, 0.3, 0.4),
    }
    transform = timm.data.create_transform(**config)
    spec = from_timm(config)
    assert different(lambda data: transform(loaded(data)).numpy(), spec, "NCHW") == []


@pytest.mark.tfmg
@pytest.mark.skipif(TFMG is None, reason="the environment tfmg is not there")
@pytest.mark.parametrize(
    "chosen",
    [some_images, pytest.param(every_image, marks=pytest.mark.slow)],
)
def test_model_garden_as_its_parser_and_slim_as_its_functions(
    tmp_path: Path, chosen: Callable[[], dict[str, bytes]]
) -> None:
    images = chosen()
    folder = tmp_path / "images"
    folder.mkdir()
    for name, data in images.items():
        (folder / name).write_bytes(data)
    probe = Path(__file__).with_name("tfmg_originals.py")
    done = subprocess.run(
        [str(TFMG), str(probe), str(folder)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
        timeout=800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert [name for each in found.values() for name in each["different"]] == []
    assert all(each["same"] >= len(images) - 4 for each in found.values())
