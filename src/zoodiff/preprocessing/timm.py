"""timm's data configuration as a specification."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zoodiff.errors import UsageError
from zoodiff.preprocessing.spec import Preprocessing


def from_timm(config: Mapping[str, Any]) -> Preprocessing:
    """Read what ``timm.data.resolve_data_config`` returns, or a model's ``pretrained_cfg``.

    Sizes are computed as ``timm.data.transforms_factory.transforms_imagenet_eval`` does. Raises
    UsageError for the crop mode ``border``, which pads.
    """
    channels, rows, columns = config["input_size"]
    if channels != 3:
        raise UsageError(f"timm's configuration is of images with {channels} channels, not 3")
    fraction = config.get("crop_pct") or 0.875
    mode = config.get("crop_mode") or "center"
    if mode == "border":
        raise UsageError("timm's crop mode border, which pads images, is not supported")
    target = math.floor(rows / fraction), math.floor(columns / fraction)
    squash = mode == "squash" or target[0] != target[1]
    return Preprocessing(
        input_size=(rows, columns),
        resize=target if squash else target[0],
        resize_policy="squash" if squash else "short_side",
        library="pillow",
        interpolation=config.get("interpolation") or "bilinear",
        antialias=True,
        channel_order="RGB",
        value_range=(0.0, 1.0),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        layout="NCHW",
        published="yes",
        source="timm's pretrained_cfg",
    )
