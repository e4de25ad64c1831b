"""timm's data configuration (``pretrained_cfg``) as a preprocessing specification."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from zoodiff.errors import UsageError
from zoodiff.preprocessing.spec import Interpolation, Preprocessing, Triple

_Extent = Annotated[int, Field(ge=1, le=100_000)]


class _Config(BaseModel):
    input_size: tuple[int, _Extent, _Extent]
    mean: Triple
    std: Triple
    crop_pct: Annotated[float, Field(ge=1e-3, le=1e3)] | None = None
    crop_mode: str | None = None
    interpolation: Interpolation | None = None


def from_timm(config: Mapping[str, Any]) -> Preprocessing:
    """Read what ``timm.data.resolve_data_config`` returns, or a model's ``pretrained_cfg``.

    Sizes are computed as ``timm.data.transforms_factory.transforms_imagenet_eval`` does. Raises
    UsageError for the crop mode ``border``, which pads, for a central crop of another shape than a
    square, and for what is no such configuration.
    """
    try:
        given = _Config.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "its value"
        reason = first["msg"][:1].lower() + first["msg"][1:]
        raise UsageError(f"timm's configuration is not valid: {key} ({reason})") from None
    channels, rows, columns = given.input_size
    if channels != 3:
        raise UsageError(f"timm's configuration is of images with {channels} channels, not 3")
    fraction = given.crop_pct or 0.875
    mode = given.crop_mode or "center"
    if mode == "border":
        raise UsageError("timm's crop mode border, which pads images, is not supported")
    target = math.floor(rows / fraction), math.floor(columns / fraction)
    if mode != "squash" and target[0] != target[1]:
        raise UsageError("timm's central crop of another shape than a square is not supported")
    return Preprocessing(
        input_size=(rows, columns),
        resize=target if mode == "squash" else target[0],
        resize_policy="squash" if mode == "squash" else "short_side",
        library="pillow",
        interpolation=given.interpolation or "bilinear",
        antialias=True,
        channel_order="RGB",
        value_range=(0.0, 1.0),
        mean=given.mean,
        std=given.std,
        layout="NCHW",
        published="yes",
        source="timm's pretrained_cfg",
    )
