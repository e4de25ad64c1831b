"""Recipes in plain Pillow, torchvision and OpenCV, each with one step changed, and what they are.

The code is written by hand and knows nothing of zoodiff, so that it can hold against it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from zoodiff.preprocessing.spec import Preprocessing

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Code = Callable[[bytes], np.ndarray]

BASE = Preprocessing(
    input_size=(32, 32),
    resize=40,
    resize_policy="short_side",
    library="pillow",
    interpolation="bilinear",
    channel_order="RGB",
    value_range=(0.0, 1.0),
    mean=MEAN,
    std=STD,
    published="yes",
)
TENSORS = replace(BASE, library="torchvision")
AREA = replace(BASE, interpolation="area", resize=(40, 40), resize_policy="squash")


@dataclass(frozen=True)
class Planted:
    """A recipe with one step changed: its code, its specification, and that of the unchanged."""

    step: str
    code: Code
    spec: Preprocessing
    base: Preprocessing = BASE
    base_code: Code | None = None
    needs: str = ""


def short_side(image: Image.Image, length: int, kernel: Any = Image.Resampling.BILINEAR) -> Any:
    columns, rows = image.size
    if columns <= rows:
        return image.resize((length, int(length * rows / columns)), kernel)
    return image.resize((int(length * columns / rows), length), kernel)


def centre(pixels: np.ndarray, side: int) -> np.ndarray:
    top, left = (round((extent - side) / 2) for extent in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def numbers(pixels: np.ndarray, mean: Any = MEAN, std: Any = STD) -> np.ndarray:
    scaled = pixels.astype(np.float32) / np.float32(255)
    return (scaled - np.float32(mean)) / np.float32(std)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def plain(data: bytes) -> np.ndarray:
    return numbers(centre(np.asarray(short_side(opened(data), 40)), 32))


def bicubic(data: bytes) -> np.ndarray:
    image = short_side(opened(data), 40, Image.Resampling.BICUBIC)
    return numbers(centre(np.asarray(image), 32))


def nearest(data: bytes) -> np.ndarray:
    image = short_side(opened(data), 40, Image.Resampling.NEAREST)
    return numbers(centre(np.asarray(image), 32))


def smaller_resize(data: bytes) -> np.ndarray:
    return numbers(centre(np.asarray(short_side(opened(data), 35)), 32))


def squashed(data: bytes) -> np.ndarray:
    image = opened(data).resize((40, 40), Image.Resampling.BILINEAR)
    return numbers(centre(np.asarray(image), 32))


def crop_first(data: bytes) -> np.ndarray:
    image = opened(data)
    columns, rows = image.size
    side = np.float32(0.8) * np.float32(min(rows, columns))
    top, left = (int((np.float32(extent) - side) / 2) for extent in (rows, columns))
    whole = int(side)
    image = image.crop((left, top, left + whole, top + whole))
    return numbers(np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR)))


def smaller_input(data: bytes) -> np.ndarray:
    return numbers(centre(np.asarray(short_side(opened(data), 30)), 24))


def bgr(data: bytes) -> np.ndarray:
    return np.ascontiguousarray(plain(data)[..., ::-1])


def wider_range(data: bytes) -> np.ndarray:
    pixels = centre(np.asarray(short_side(opened(data), 40)), 32).astype(np.float32)
    scaled = pixels / np.float32(127.5) - np.float32(1)
    return (scaled - np.float32(MEAN)) / np.float32(STD)


def other_mean(data: bytes) -> np.ndarray:
    pixels = centre(np.asarray(short_side(opened(data), 40)), 32)
    return numbers(pixels, mean=(0.5, 0.5, 0.5))


def other_std(data: bytes) -> np.ndarray:
    pixels = centre(np.asarray(short_side(opened(data), 40)), 32)
    return numbers(pixels, std=(0.5, 0.5, 0.5))


def turned(data: bytes) -> np.ndarray:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    return numbers(centre(np.asarray(short_side(image, 40)), 32))


def grey(data: bytes) -> np.ndarray:
    pixels = np.asarray(short_side(opened(data), 40)).astype(np.int64)
    brightness = (pixels @ np.array([19595, 38470, 7471]) + 32768) >> 16
    return numbers(centre(brightness[..., None], 32), MEAN[:1], STD[:1])


def tensors(*, rounds: bool = True, antialias: bool = True) -> Code:
    def code(data: bytes) -> np.ndarray:
        from zoodiff.torch_compat import import_torchvision

        functional = import_torchvision().transforms.functional
        tensor = functional.pil_to_tensor(opened(data))
        tensor = tensor if rounds else tensor.float()
        tensor = functional.resize(tensor, 40, antialias=antialias)
        return numbers(centre(tensor.permute(1, 2, 0).numpy(), 32))

    return code


def box_of_pillow(data: bytes) -> np.ndarray:
    return numbers(centre(np.asarray(opened(data).resize((40, 40), Image.Resampling.BOX)), 32))


def area_of_opencv(data: bytes) -> np.ndarray:
    import cv2

    image = cv2.imdecode(
        np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    )
    image = np.ascontiguousarray(image[..., ::-1])
    return numbers(centre(cv2.resize(image, (40, 40), interpolation=cv2.INTER_AREA), 32))


REVERSED: dict[str, Any] = {"channel_order": "BGR", "mean": MEAN[::-1], "std": STD[::-1]}
SQUARE: dict[str, Any] = {
    "resize_policy": "central_square",
    "resize": None,
    "crop_fraction": 0.8,
}

PLANTED: dict[str, Planted] = {
    "bicubic": Planted("interpolation", bicubic, replace(BASE, interpolation="bicubic")),
    "nearest": Planted("interpolation", nearest, replace(BASE, interpolation="nearest")),
    "crop": Planted("crop", smaller_resize, replace(BASE, resize=35)),
    "squash": Planted(
        "aspect ratio", squashed, replace(BASE, resize_policy="squash", resize=(40, 40))
    ),
    "crop first": Planted("order of resize and crop", crop_first, replace(BASE, **SQUARE)),
    "input size": Planted(
        "input size", smaller_input, replace(BASE, input_size=(24, 24), resize=30)
    ),
    "BGR": Planted("channel order", bgr, replace(BASE, **REVERSED)),
    "grey": Planted("channel order", grey, replace(BASE, channel_order="grey")),
    "range": Planted("range", wider_range, replace(BASE, value_range=(-1.0, 1.0))),
    "mean": Planted("mean", other_mean, replace(BASE, mean=(0.5,) * 3)),
    "std": Planted("std", other_std, replace(BASE, std=(0.5,) * 3)),
    "orientation": Planted("orientation", turned, replace(BASE, exif=True)),
    "antialiasing": Planted(
        "antialiasing",
        tensors(antialias=False),
        replace(TENSORS, antialias=False),
        TENSORS,
        tensors(),
        "torch",
    ),
    "rounding": Planted(
        "rounding",
        tensors(rounds=False),
        replace(TENSORS, rounded=False),
        TENSORS,
        tensors(),
        "torch",
    ),
    "library": Planted(
        "library",
        area_of_opencv,
        replace(AREA, library="opencv", antialias=True, exif=False),
        AREA,
        box_of_pillow,
        "opencv",
    ),
}
