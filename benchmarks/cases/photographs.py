"""Prepares made photographs by a recipe, with the libraries themselves."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
HEIGHT, WIDTH = 90, 130


def photograph(seed: int) -> Array:
    """Return an image of (height, width, 3) bytes with edges, slopes and fine texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    layers = [
        128 + 90 * np.sin(x / rng.uniform(1.5, 20) + y / rng.uniform(1.5, 20)) * (x > WIDTH / 3)
        for _ in range(3)
    ]
    noise = rng.normal(0, 12, (HEIGHT, WIDTH, 3))
    return np.clip(np.stack(layers, -1) + noise, 0, 255).astype(np.uint8)


def prepared(image: Array, path: Path) -> Array:
    """Return what the network at ``path`` is fed by the recipe beside it, as a batch of one."""
    recipe = tomllib.loads(path.with_name(f"{path.name}.toml").read_text())["preprocessing"]
    height, width = _resized_to(recipe, image.shape[:2])
    resize = {"pillow": _by_pillow, "opencv": _by_opencv, "torchvision": _by_torchvision}
    pixels = resize[recipe["library"]](image, height, width, recipe)
    rows, columns = recipe["input_size"]
    top, left = round((height - rows) / 2), round((width - columns) / 2)
    pixels = pixels[top : top + rows, left : left + columns].astype(np.float64)
    if recipe["channel_order"] == "BGR":
        pixels = pixels[..., ::-1]
    low, high = recipe["value_range"]
    values = pixels / 255 * (high - low) + low
    values = (values - recipe.get("mean", 0.0)) / recipe.get("std", 1.0)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)


def _resized_to(recipe: dict[str, Any], size: tuple[int, ...]) -> tuple[int, int]:
    if recipe["resize_policy"] == "squash":
        height, width = recipe["resize"]
        return int(height), int(width)
    factor = recipe["resize"] / min(size)
    return int(size[0] * factor), int(size[1] * factor)


def _by_pillow(image: Array, height: int, width: int, recipe: dict[str, Any]) -> Array:
    from PIL import Image

    kernel = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    resized = Image.fromarray(image).resize((width, height), kernel[recipe["interpolation"]])
    return np.asarray(resized)


def _by_opencv(image: Array, height: int, width: int, recipe: dict[str, Any]) -> Array:
    import cv2

    kernel = {"bilinear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}[recipe["interpolation"]]
    return np.asarray(cv2.resize(image, (width, height), interpolation=kernel))


def _by_torchvision(image: Array, height: int, width: int, recipe: dict[str, Any]) -> Array:
    """Resize as torchvision does its tensors: in float, back to rounded bytes."""
    import torch

    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    resized = torch.nn.functional.interpolate(
        tensor, (height, width), mode="bilinear", antialias=recipe["antialias"]
    )
    return np.asarray(resized[0].round().clamp(0, 255).permute(1, 2, 0).numpy())
