"""Read ``preprocessor_config.json`` as a preprocessing specification, without transformers.

A configuration states what departs from the defaults of its class. The defaults of the classes are
in ``data/hf_processors.json``, written by ``tools/refresh_hf.py``. Each class exists twice: for
tensors (torchvision, "fast", the default of transformers 5) and for Pillow ("slow"); the two resize
and crop differently, so a specification is that of one of them.

Classes that change steps are read by the functions of ``image_processor_steps``, by hand. What any
other class with steps of its own does is published in part only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from zoodiff.bounded import json as bounded_json
from zoodiff.errors import UsageError
from zoodiff.preprocessing.spec import Interpolation, Preprocessing, Triple
from zoodiff.zoos.hf import image_processor_steps as steps
from zoodiff.zoos.hf.image_processor_steps import Processor, Size

FILE = "preprocessor_config.json"
LARGEST = 1 << 20
"""Bytes of a configuration that is read; usual ones have less than a thousand."""
Backend = Literal["torchvision", "pil"]

_INTERPOLATIONS: tuple[Interpolation | None, ...] = (
    "nearest",
    "lanczos",
    "bilinear",
    "bicubic",
    "box",
    None,  # Hamming's filter, which no specification has
)
"""By Pillow's numbers, as ``resample`` has them."""
_NO_TENSORS = ("box",)
"""Filters that Pillow has and torchvision's tensors have not."""

_Extent = Annotated[int, Field(ge=1, le=16_384)]
_Number = Annotated[float, Field(ge=-1e6, le=1e6)]
_Sizes = _Extent | list[_Extent] | dict[str, _Extent | None]
_PerChannel = _Number | Annotated[list[_Number], Field(min_length=1, max_length=4)]


class _Config(BaseModel):
    """The keys of a configuration that say how an image is prepared."""

    do_resize: bool | None = None
    size: _Sizes | None = None
    default_to_square: bool | None = None
    resample: Annotated[int, Field(ge=0, le=5)] | None = None
    do_center_crop: bool | None = None
    crop_size: _Sizes | None = None
    crop_pct: Annotated[float, Field(ge=1e-3, le=1e3)] | None = None
    do_rescale: bool | None = None
    rescale_factor: Annotated[float, Field(gt=0, le=1e3)] | None = None
    rescale_offset: bool | None = None
    include_top: bool | None = None
    do_normalize: bool | None = None
    image_mean: _PerChannel | None = None
    image_std: _PerChannel | None = None
    do_flip_channel_order: bool | None = None
    do_pad: bool | None = None


@dataclass(frozen=True)
class Known:
    """The data file: defaults of the classes, and the class of each model type."""

    version: str
    """The version of transformers."""
    classes: Mapping[str, Mapping[str, Any]]
    by_model_type: Mapping[str, str]


@cache
def known() -> Known:
    """Return the data file."""
    text = files("zoodiff.zoos").joinpath("data/hf_processors.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    return Known(raw["transformers"], raw["classes"], raw["by_model_type"])


def parse(data: bytes, where: str) -> Mapping[str, Any]:
    """Return the object in a JSON file of somebody else; raise UsageError that names it."""
    try:
        raw = bounded_json.parse(data)
    except (ValueError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise UsageError(f"{where} is no JSON that zoodiff reads ({reason})") from None
    if not isinstance(raw, dict):
        raise UsageError(f"{where} must hold a JSON object")
    return raw


def class_name(raw: Mapping[str, Any], model_type: str | None = None) -> str | None:
    """Return the class that prepares images, by its name in transformers 5; None if open.

    >>> class_name({"feature_extractor_type": "ViTFeatureExtractor"})
    'ViTImageProcessor'
    >>> class_name({"image_processor_type": "CLIPImageProcessorFast"})
    'CLIPImageProcessor'
    """
    stated = raw.get("image_processor_type") or raw.get("feature_extractor_type")
    if not isinstance(stated, str):
        return known().by_model_type.get(model_type or "")
    name = stated.removesuffix("Fast").removesuffix("Pil")
    if name.endswith("FeatureExtractor"):
        name = name.removesuffix("FeatureExtractor") + "ImageProcessor"
    return name


def has_defaults(model_type: str) -> bool:
    """Return whether the class of a model type states steps by default.

    It does not where it takes all of them from a file, as the wrapper of timm's networks does.
    """
    own = known().classes.get(class_name({}, model_type) or "")
    return own is not None and "do_resize" in own["defaults"]


def specification(
    raw: Mapping[str, Any],
    *,
    model_type: str | None = None,
    backend: Backend = "torchvision",
    where: str = FILE,
) -> Preprocessing:
    """Return what a configuration says; ``{}`` gives the defaults of the class of ``model_type``.

    Raises UsageError with the file and the key for a value that transformers would not take.
    """
    name = class_name(raw, model_type)
    defaults = known().classes.get(name or "")
    source = where if raw else f"class defaults of transformers {known().version}"
    config = _validated(raw, where)
    if name is None or defaults is None:
        unknown = f"of the class {name}" if name else "without a class"
        return _partial(_numbers(_merged(config, {}), backend), f"{source}; {unknown}")
    merged = _merged(config, defaults["defaults"])
    if backend == "pil":
        merged = _merged(config, {**defaults["defaults"], **defaults.get("pil", {})})
    processor = _numbers(merged, backend)
    read = steps.BY_CLASS.get(name)
    if read is None and not defaults["standard"]:
        return _partial(processor, f"{source}; {name} has steps of its own")
    try:
        spec = (read or steps.standard)(processor)
    except steps.OpenError as error:
        return _partial(processor, f"{source}; {error}")
    if backend not in defaults["backends"]:
        return _partial(processor, f"{source}; {name} has no form for {backend}")
    if processor.spec.interpolation is None:
        return _partial(processor, f"{source}; its filter is no specification's")
    rounded = spec.resize is None or spec.resize != spec.input_size
    return replace(spec, source=source, crop_rounding=spec.crop_rounding if rounded else None)


def _validated(raw: Mapping[str, Any], where: str) -> _Config:
    try:
        return _Config.model_validate(dict(raw))
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else "its value"
        reason = first["msg"][:1].lower() + first["msg"][1:]
        raise UsageError(f"{where}: {key} is not valid ({reason})") from None


def _merged(config: _Config, defaults: Mapping[str, Any]) -> _Config:
    """Return the configuration; what it leaves open, null included, is the class's."""
    stated = {key: value for key, value in config if value is not None}
    return _Config.model_validate({**defaults, **stated})


def _numbers(config: _Config, backend: Backend) -> Processor:
    """Return a processor whose specification has all but the sizes."""
    factor = config.rescale_factor if config.rescale_factor is not None else 1 / 255
    high = round(255 * factor, 9) if config.do_rescale else 255.0
    resample = 2 if config.resample is None else config.resample
    interpolation = _INTERPOLATIONS[resample]
    if backend == "torchvision" and interpolation in _NO_TENSORS:
        interpolation = None
    spec = Preprocessing(
        library="pillow" if backend == "pil" else "torchvision_v2",
        interpolation=interpolation,
        antialias=True,
        crop_rounding="down" if backend == "pil" else "towards_zero",
        channel_order="RGB",
        value_range=(0.0, high),
        mean=_triple(config.image_mean) if config.do_normalize else None,
        std=_triple(config.image_std) if config.do_normalize else None,
        layout="NCHW",
        published="yes",
    )
    return Processor(
        spec,
        size=_size(config.size, square=config.default_to_square is not False),
        crop=_size(config.crop_size, square=True) if config.do_center_crop else None,
        resizes=bool(config.do_resize),
        crop_fraction=config.crop_pct,
        offset=bool(config.rescale_offset),
        again=config.include_top is not False,
        flips=config.do_flip_channel_order is not False,
        pads=bool(config.do_pad),
    )


def _partial(processor: Processor, source: str) -> Preprocessing:
    """Return the numbers and the filter alone, where the sizes are not known."""
    return replace(processor.spec, crop_rounding=None, published="partial", source=source)


def _triple(values: float | list[float] | None) -> Triple | None:
    if values is None:
        return None
    if isinstance(values, list):
        return (values[0], values[1], values[2]) if len(values) == 3 else None
    return (values, values, values)


def _size(raw: int | list[int] | Mapping[str, int | None] | None, *, square: bool) -> Size | None:
    """Return a size as ``transformers.image_processing_utils.get_size_dict`` reads it."""
    if raw is None:
        return None
    if isinstance(raw, int):
        return Size(rows=raw, columns=raw) if square else Size(short=raw)
    if isinstance(raw, list):
        return Size(rows=raw[0], columns=raw[1]) if len(raw) == 2 else None
    known_keys = {key: value for key, value in raw.items() if value is not None}
    if set(known_keys) == {"height", "width"}:
        return Size(rows=known_keys["height"], columns=known_keys["width"])
    if set(known_keys) == {"shortest_edge"}:
        return Size(short=known_keys["shortest_edge"])
    return None
