"""The specification against transformers' own image processors, slow and fast, pixel by pixel."""

import importlib.util
import io

import numpy as np
import pytest
from PIL import Image

from support import awkward
from zoodiff.preprocessing.geometry import geometry_of
from zoodiff.preprocessing.numbers import to_input
from zoodiff.preprocessing.pixels import pixels
from zoodiff.zoos.hf.image_processor import Backend, class_name, specification

pytestmark = [
    pytest.mark.torch,
    pytest.mark.skipif(not importlib.util.find_spec("transformers"), reason="needs transformers"),
]

_VIT = {"image_processor_type": "ViTImageProcessor"}
_CLIP = {"image_processor_type": "CLIPImageProcessor"}
CONFIGURATIONS = {
    "vit": _VIT,
    "vit nearest": {**_VIT, "resample": 0, "size": 64},
    "vit lanczos": {**_VIT, "resample": 1, "size": {"height": 96, "width": 80}},
    "vit unscaled": {**_VIT, "do_rescale": False, "size": 32, "image_mean": [124, 117, 104]},
    "vit factor": {**_VIT, "rescale_factor": 1 / 127.5, "do_normalize": False, "size": 32},
    "deit": {"image_processor_type": "DeiTImageProcessor"},
    "clip": _CLIP,
    "clip odd margins": {**_CLIP, "size": 99, "crop_size": 64},
    "clip pads": {**_CLIP, "size": 61, "crop_size": 96},
    "bit": {"image_processor_type": "BitImageProcessor", "size": 256, "crop_size": 224},
    "convnext": {"image_processor_type": "ConvNextImageProcessor", "size": 224},
    "convnext whole": {"image_processor_type": "ConvNextImageProcessor"},
    "levit": {"image_processor_type": "LevitImageProcessor"},
    "poolformer": {"image_processor_type": "PoolFormerImageProcessor"},
    "poolformer square": {"image_processor_type": "PoolFormerImageProcessor", "size": [160, 160]},
    "mobilevit": {"image_processor_type": "MobileViTImageProcessor"},
    "efficientnet": {"image_processor_type": "EfficientNetImageProcessor"},
    "efficientnet offset": {
        "image_processor_type": "EfficientNetImageProcessor",
        "rescale_factor": 1 / 127.5,
        "rescale_offset": True,
        "include_top": False,
        "do_center_crop": True,
    },
    "perceiver": {"image_processor_type": "PerceiverImageProcessor"},
    "segformer": {"image_processor_type": "SegformerImageProcessor", "size": 128},
    "beit": {"image_processor_type": "BeitImageProcessor", "size": 256, "do_center_crop": True},
    "mobilenet": {"image_processor_type": "MobileNetV2ImageProcessor"},
    "pvt": {"image_processor_type": "PvtImageProcessor"},
    "siglip": {"image_processor_type": "SiglipImageProcessor"},
}
_SMALLEST = {"perceiver": 2}
"""transformers cannot crop a share of one pixel."""


def original(raw: dict, backend: Backend):
    """Return transformers' own processor."""
    from zoodiff.torch_compat import import_torchvision

    import_torchvision()
    from transformers.models.auto.image_processing_auto import get_image_processor_class_from_name

    name = class_name(raw)
    own = get_image_processor_class_from_name(name + ("Pil" if backend == "pil" else ""))
    return own.from_dict(raw)


_SOME = ("palette.png", "rotated.jpg", "1x1.png", "1x9.png", "30x31.png", "223x225.png")
_SOME += ("224x224.jpg", "255x257.png", "341x257.jpg", "500x333.png")
"""The slow tests take all awkward images."""


def images(names, smallest: int = 1) -> dict[str, Image.Image]:
    opened = {
        name: Image.open(io.BytesIO(awkward.awkward()[name])).convert("RGB") for name in names
    }
    return {name: image for name, image in opened.items() if min(image.size) >= smallest}


@pytest.mark.parametrize("backend", ["torchvision", "pil"])
@pytest.mark.parametrize("case", CONFIGURATIONS)
@pytest.mark.parametrize(
    "names",
    [
        pytest.param(_SOME, id="some"),
        pytest.param(tuple(awkward.awkward()), id="all", marks=pytest.mark.slow),
    ],
)
def test_pixels_are_those_of_the_processor(names, case: str, backend: Backend) -> None:
    raw = CONFIGURATIONS[case]
    processor, spec = original(raw, backend), specification(raw, backend=backend)
    assert spec.published == "yes"
    different = {}
    for name, image in images(names, _SMALLEST.get(case, 1)).items():
        theirs = np.asarray(processor(image, return_tensors="np")["pixel_values"][0])
        data = awkward.awkward()[name]
        ours = to_input(np.stack(pixels(data, [geometry_of(spec)])), spec, "NCHW")[0]
        assert ours.shape == theirs.shape, name
        # The same pixels: the arithmetic after them rounds in another order.
        deviation = float(np.abs(ours - theirs).max()) / max(1.0, float(np.abs(theirs).max()))
        if deviation > 2e-6:
            different[name] = deviation
    assert different == {}


def test_slow_and_fast_differ_in_pixels_and_in_margins() -> None:
    raw = {**_CLIP, "size": 99, "crop_size": 64}
    slow, fast = (specification(raw, backend=backend) for backend in ("pil", "torchvision"))
    differences = []
    for data in awkward.awkward().values():
        first, second = pixels(data, [geometry_of(slow), geometry_of(fast)])
        differences.append(int(np.abs(first.astype(int) - second.astype(int)).max()))
    assert 1 <= max(differences) <= 16
    pads = {**_CLIP, "size": 61, "crop_size": 96}
    slow, fast = (specification(pads, backend=backend) for backend in ("pil", "torchvision"))
    first, second = pixels(awkward.awkward()["500x333.png"], [geometry_of(slow), geometry_of(fast)])
    assert np.abs(first.astype(int) - second.astype(int)).max() > 16  # shifted by a pixel
