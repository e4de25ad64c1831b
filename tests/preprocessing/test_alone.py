"""The plain Python of a preprocessing gives what zoodiff itself makes of the image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _pytest.mark import ParameterSet

from support import awkward
from zoodiff.preprocessing.alone import script
from zoodiff.preprocessing.geometry import geometry_of, steps
from zoodiff.preprocessing.numbers import to_input
from zoodiff.preprocessing.pixels import extent, pixels
from zoodiff.preprocessing.spec import Preprocessing

SPEC = Preprocessing(
    input_size=(64, 48),
    resize=70,
    resize_policy="short_side",
    library="pillow",
    interpolation="bilinear",
    channel_order="RGB",
    value_range=(0.0, 1.0),
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
CAFFE: dict[str, Any] = {
    "channel_order": "BGR",
    "value_range": (0.0, 255.0),
    "mean": (103.939, 116.779, 123.68),
    "std": None,
}
SPECS = {
    "usual": SPEC,
    "exif": replace(SPEC, exif=True, interpolation="bicubic"),
    "crop beyond": replace(SPEC, resize=40),
    "squash": replace(SPEC, resize_policy="squash", resize=(64, 48), **CAFFE),
    "square": replace(SPEC, resize_policy="central_square", resize=None, crop_fraction=0.875),
    "tensors": replace(SPEC, library="torchvision", antialias=True),
    "tensorflow": replace(SPEC, library="tensorflow", interpolation="bicubic"),
    "slim": replace(
        SPEC,
        library="tensorflow",
        resize_policy="central_fraction_then_squash",
        resize=None,
        crop_fraction=0.875,
        interpolation="bilinear_tf1",
        value_range=(-1.0, 1.0),
        mean=None,
        std=None,
    ),
    "grey": replace(SPEC, channel_order="grey", mean=(0.4,) * 3, std=(0.2,) * 3),
    "grey of tensorflow": replace(
        SPEC, channel_order="grey", library="tensorflow", mean=(0.4,) * 3, std=None
    ),
    "tensors without rounding": replace(
        SPEC, library="torchvision", antialias=False, rounded=False
    ),
    "tensorflow with rounding": replace(SPEC, library="tensorflow", rounded=True),
    "opencv without rounding": replace(SPEC, library="opencv", rounded=False),
    "opencv": replace(SPEC, library="opencv", value_range=(-1.0, 1.0), mean=None, std=None),
}
LIBRARIES = {"torchvision": "torch", "tensorflow": "tensorflow", "opencv": "cv2"}


def marked(name: str) -> ParameterSet:
    """A specification with the marker of its library."""
    markers = {"torchvision": "torch", "tensorflow": "keras", "opencv": "opencv"}
    marker = markers.get(SPECS[name].library or "")
    return pytest.param(name, marks=[getattr(pytest.mark, marker)] if marker else [])


@pytest.mark.parametrize("name", map(marked, SPECS))
def test_the_same_by_hand(name: str, tmp_path: Path) -> None:
    spec = SPECS[name]
    pytest.importorskip(LIBRARIES.get(spec.library or "", "numpy"))
    if spec.library == "torchvision":
        from zoodiff.torch_compat import import_torchvision

        import_torchvision()
    how, checked = geometry_of(spec), 0
    for image, data in list(awkward.awkward().items())[::4]:
        path = tmp_path / image
        path.write_bytes(data)
        try:
            size = extent(data, how)
        except Exception:
            continue  # no image for this library
        space: dict[str, Any] = {"np": np}
        exec(script(spec, steps(how, *size), "NCHW"), space)
        expected = to_input(np.stack(pixels(data, [how])), spec, "NCHW")
        np.testing.assert_allclose(space["prepare"](str(path)), expected, atol=1e-4, rtol=1e-5)
        checked += 1
    assert checked > 5
