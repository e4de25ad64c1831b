"""How the classes of image processors resize and crop, each as its code in transformers does.

``standard`` is what ``TorchvisionBackend`` and ``PilBackend`` do: resize, crop the centre, rescale,
normalise. The functions in ``BY_CLASS`` are for classes that override one of these steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from zoodiff.preprocessing.spec import Preprocessing, Triple


class OpenError(Exception):
    """What a specification cannot say of a processor, in a few words."""


@dataclass(frozen=True)
class Size:
    """Rows and columns, or the length of the short side alone."""

    rows: int = 0
    columns: int = 0
    short: int = 0


@dataclass(frozen=True)
class Processor:
    """A configuration with the defaults of its class."""

    spec: Preprocessing
    """All of the specification but the sizes."""
    size: Size | None
    """None where it is missing, or is neither rows and columns nor a short side."""
    crop: Size | None
    """Size of the central crop; None without one."""
    resizes: bool
    crop_fraction: float | None
    offset: bool
    """Whether 1 is subtracted after rescaling (EfficientNet)."""
    again: bool
    """Whether the result is divided by the std a second time (EfficientNet)."""
    flips: bool
    """Whether channels are turned to BGR (MobileViT)."""
    pads: bool


def standard(processor: Processor) -> Preprocessing:
    """Return the specification of a class that overrides no step."""
    if processor.pads:
        raise OpenError("it pads images")
    if not processor.resizes:
        raise OpenError("it does not resize images")
    if processor.size is None:
        raise OpenError("its size is neither height and width nor a short side")
    return _resized(processor, processor.size)


def _resized(processor: Processor, size: Size) -> Preprocessing:
    crop = processor.crop
    if size.short and crop is None:
        raise OpenError("the size of its results depends on the image")
    if crop is not None and not crop.rows:
        raise OpenError("its crop is not of a fixed size")
    if size.short:
        assert crop is not None
        return replace(
            processor.spec,
            resize=size.short,
            resize_policy="short_side",
            input_size=(crop.rows, crop.columns),
        )
    target = size.rows, size.columns
    return replace(
        processor.spec,
        resize=target,
        resize_policy="squash",
        input_size=(crop.rows, crop.columns) if crop else target,
    )


def _convnext(processor: Processor) -> Preprocessing:
    """Below 384 the short side becomes size / crop_pct and the centre is cut; else all of it."""
    _demand_plain(processor)
    if processor.size is None or not processor.size.short:
        raise OpenError("its size is no short side")
    if processor.crop is not None:
        raise OpenError("it crops twice")
    short = processor.size.short
    target = Size(rows=short, columns=short)
    if short >= _WHOLE:
        return _resized(processor, target)
    fraction = processor.crop_fraction or 224 / 256
    return _resized(replace(processor, crop=target), Size(short=int(short / fraction)))


_WHOLE = 384
"""The short side from which ConvNeXt's processor squashes the whole image."""


def _levit(processor: Processor) -> Preprocessing:
    """A short side is enlarged by 256 / 224."""
    _demand_plain(processor)
    size = processor.size
    if size is not None and size.short:
        size = Size(short=int((256 / 224) * size.short))
    return standard(replace(processor, size=size))


def _poolformer(processor: Processor) -> Preprocessing:
    """The size is divided by crop_pct; of a square it is the short side."""
    _demand_plain(processor)
    size, fraction = processor.size, processor.crop_fraction
    if size is not None and fraction is not None:
        if size.short or size.rows == size.columns:
            size = Size(short=int((size.short or size.rows) / fraction))
        else:
            size = Size(rows=int(size.rows / fraction), columns=int(size.columns / fraction))
    return standard(replace(processor, size=size))


def _mobilevit(processor: Processor) -> Preprocessing:
    """Nothing is normalised, and channels are turned."""
    order = replace(
        processor.spec, mean=None, std=None, channel_order="BGR" if processor.flips else "RGB"
    )
    return standard(replace(processor, spec=order))


def _segformer(processor: Processor) -> Preprocessing:
    """Nothing is cropped."""
    return standard(replace(processor, crop=None))


def _efficientnet(processor: Processor) -> Preprocessing:
    """1 may be subtracted after rescaling, and the std divides twice for classification."""
    spec = standard(processor)
    low, high = spec.value_range or (0.0, 255.0)
    if processor.offset:
        spec = replace(spec, value_range=(low - 1, high - 1))
    if processor.again:
        if spec.std is None:
            raise OpenError("it divides by a std without normalising")
        spec = replace(spec, std=_squared(spec.std))
    return spec


def _perceiver(processor: Processor) -> Preprocessing:
    """The central square of a share of the short side is cut first, then resized."""
    _demand_plain(processor)
    size, crop = processor.size, processor.crop
    if crop is None:
        return standard(processor)
    if size is None or not size.rows or not crop.rows:
        raise OpenError("its sizes are not height and width")
    if size.rows * crop.columns != size.columns * crop.rows:
        raise OpenError("what it crops is no square")
    return replace(
        processor.spec,
        resize_policy="central_square",
        crop_fraction=size.rows / crop.rows,
        input_size=(size.rows, size.columns),
    )


def _demand_plain(processor: Processor) -> None:
    if processor.pads:
        raise OpenError("it pads images")
    if not processor.resizes:
        raise OpenError("it does not resize images")


def _squared(values: Triple) -> Triple:
    first, second, third = (value * value for value in values)
    return first, second, third


BY_CLASS: dict[str, Callable[[Processor], Preprocessing]] = {
    "BeitImageProcessor": standard,  # what it adds is for segmentation maps
    "ConvNextImageProcessor": _convnext,
    "EfficientNetImageProcessor": _efficientnet,
    "LevitImageProcessor": _levit,
    "MobileNetV2ImageProcessor": standard,
    "MobileViTImageProcessor": _mobilevit,
    "PerceiverImageProcessor": _perceiver,
    "PoolFormerImageProcessor": _poolformer,
    "SegformerImageProcessor": _segformer,
}
