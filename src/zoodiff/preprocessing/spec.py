"""A preprocessing as data: printable, comparable, serialisable.

The order of the steps is fixed: decode, resize, crop, channel order, scale to ``value_range``,
normalise, layout. A field is None where the zoo publishes nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zoodiff.display import Displayed, Shown

Triple = tuple[float, float, float]
Library = Literal["pillow", "torchvision", "torchvision_v2", "tensorflow", "opencv"]
Policy = Literal["short_side", "squash", "central_fraction_then_squash", "central_square"]
CropRounding = Literal["even", "down", "towards_zero"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos", "area", "box", "bilinear_tf1"]


@dataclass(frozen=True)
class Preprocessing(Displayed):
    """The preprocessing from an image file to the network's input, as a zoo publishes it."""

    input_size: tuple[int, int] | None = None
    """Height and width of the network's input."""
    resize: int | tuple[int, int] | None = None
    """Length of the short side, or (height, width) if the aspect ratio is not kept; in pixels."""
    resize_policy: Policy | None = None
    """``short_side``: keeping the aspect ratio, then a central crop. ``central_square``: a square
    of ``crop_fraction`` of the short side, then resized."""
    crop_fraction: float | None = None
    crop_rounding: CropRounding | None = None
    """Rounding of the margin of a central crop, half the difference of two extents, which is
    negative where the crop is larger than the image. None: ``even``, as torchvision does."""
    library: Library | None = None
    """The library that decodes and resizes; libraries give different pixels for the same steps.
    ``torchvision`` resizes tensors; its transforms of Pillow images are ``pillow``.
    ``torchvision_v2`` resizes tensors of 8 bits by ``torchvision.transforms.v2``."""
    interpolation: Interpolation | None = None
    """``bilinear_tf1``: the operator of TensorFlow 1, which places pixels at their corners instead
    of their centres."""
    antialias: bool | None = None
    exif: bool | None = None
    """Whether a photograph is turned as its EXIF orientation says; None: the library's default."""
    rounded: bool | None = None
    """Whether resized pixels are rounded to 8 bits; None: as the library does by default."""
    channel_order: Literal["RGB", "BGR", "grey"] | None = None
    """``grey``: one channel, the brightness of RGB by ITU-R BT.601, for networks that take one."""
    value_range: tuple[float, float] | None = None
    """Range of a pixel after scaling and before mean and std: (0, 1), (0, 255) or (-1, 1)."""
    mean: Triple | None = None
    std: Triple | None = None
    layout: Literal["NCHW", "NHWC"] | None = None
    inside_network: bool = False
    """The network itself rescales or normalises; it is fed pixels in [0, 255]."""
    published: Literal["yes", "partial", "no"] = "no"
    """Whether the zoo publishes a complete preprocessing, a part of it, or none."""
    source: str | None = None
    """Where the zoo publishes it."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, None for fields that are not published.

        ``rounded`` and ``crop_rounding`` are left out unless they are set, so that hashes of
        records stay what they were.
        """
        values = asdict(self)
        for name in ("rounded", "crop_rounding"):
            if values[name] is None:
                del values[name]
        return values

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Preprocessing:
        """Read what ``to_dict`` wrote (lists become tuples)."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
        return cls(**values)

    def sentence(self) -> str:
        """Return the preprocessing as one line for a table.

        >>> Preprocessing(input_size=(224, 224), resize=256, resize_policy="short_side",
        ...     interpolation="bilinear", channel_order="RGB", value_range=(0.0, 1.0),
        ...     mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), published="yes").sentence()
        'resize 256 (short side, bilinear), crop 224x224, RGB, [0, 1], mean 0.485 0.456 0.406, std 0.229 0.224 0.225'
        """  # noqa: E501 - the line is what a reader sees
        parts: list[str] = []
        if self.resize is not None:
            size = self.resize if isinstance(self.resize, int) else "x".join(map(str, self.resize))
            method = [w.replace("_", " ") for w in (self.resize_policy, self.interpolation) if w]
            parts.append(f"resize {size}" + (f" ({', '.join(method)})" if method else ""))
        elif self.crop_fraction is not None:
            square = self.resize_policy == "central_square"
            part = "short side, square" if square else "image"
            parts.append(f"central {self.crop_fraction:g} of the {part}")
        if self.input_size is not None:
            verb = "crop" if self.resize is not None else "size"
            parts.append(f"{verb} {self.input_size[0]}x{self.input_size[1]}")
        if self.channel_order:
            parts.append(self.channel_order)
        if self.value_range is not None:
            parts.append(f"[{self.value_range[0]:g}, {self.value_range[1]:g}]")
        if self.mean is not None:
            parts.append("mean " + " ".join(f"{v:g}" for v in self.mean))
        if self.std is not None:
            parts.append("std " + " ".join(f"{v:g}" for v in self.std))
        if self.inside_network:
            parts.append("normalisation inside the network")
        return ", ".join(parts) if parts else "none published"

    def _shown(self) -> Shown:
        return Shown(self.sentence(), list(self.to_dict().items()))

    def _rows(self) -> list[dict[str, Any]]:
        return [self.to_dict()]
