"""Sidecars: TOML files that describe a model file, named ``model.onnx.toml`` or ``model.toml``.

For example::

    architecture = "mobilenet_v2"
    labels = "imagenet-1001"

    [preprocessing]
    input_size = [224, 224]
    resize = 256
    resize_policy = "short_side"
    interpolation = "bilinear"
    library = "pillow"
    channel_order = "RGB"
    value_range = [-1, 1]
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from zoodiff import filenames
from zoodiff.bounded import files, toml
from zoodiff.data.labels import UNKNOWN, LabelSpace, of_file
from zoodiff.data.labels import known as known_labels
from zoodiff.entry import did_you_mean
from zoodiff.errors import UsageError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.rules.security import climbs, refusal

_KEYS = ("architecture", "labels", "preprocessing")
LARGEST_EXTENT = 16_384
"""Most rows or columns that an image is resized to."""


@dataclass(frozen=True)
class Sidecar:
    """The content of a sidecar; empty without one."""

    path: Path | None = None
    architecture: str | None = None
    labels: LabelSpace = UNKNOWN
    preprocessing: Preprocessing = field(default_factory=Preprocessing)


def read(file: Path) -> Sidecar:
    """Return the sidecar of a file; raise UsageError with key and file if it is invalid."""
    if not file.name:
        return Sidecar()  # the root or the current folder
    for path in (file.with_name(f"{file.name}.toml"), file.with_suffix(".toml")):
        if path.is_file() and path != file:
            return _read(path)
    return Sidecar()


def _read(path: Path) -> Sidecar:
    try:
        raw = toml.parse(files.read_text(path, toml.LARGEST))
    except (OSError, UnicodeDecodeError, toml.TomlError) as error:
        raise UsageError(f"{path} cannot be read as TOML ({error})") from None
    unknown = [key for key in raw if key not in _KEYS]
    if unknown:
        hint = did_you_mean(unknown[0], _KEYS) or f"; there are {', '.join(_KEYS)}"
        raise UsageError(f'{path}: unknown key "{unknown[0]}"{hint}')
    for key in ("architecture", "labels"):
        if not isinstance(raw.get(key, ""), str):
            raise UsageError(f"{path}: {key} must be a text")
    return Sidecar(
        path,
        raw.get("architecture"),
        label_space(path, raw["labels"]) if raw.get("labels") else UNKNOWN,
        specification(raw.get("preprocessing", {}), str(path)),
    )


def label_space(path: Path, named: str) -> LabelSpace:
    """Return the label space that a TOML file names: a known one, or a file in its folder.

    Raises RefusedError (SEC110) for a file outside the folder and for a link.
    """
    if climbs(named):
        raise refusal("SEC110", f"{path} takes its labels from {named!r}, outside its own folder")
    if not filenames.exists(path.parent / named):
        return known_labels(named)
    try:
        return of_file(Path(named).name, files.open_beneath(path.parent, named))
    except files.NotRegularError as error:
        raise refusal("SEC110", f"{path} takes its labels from {named!r}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot read the labels {named} ({error})") from None


def specification(raw: object, where: str) -> Preprocessing:
    """Return a preprocessing from plain values; raise UsageError with the key if invalid."""
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(raw, Mapping):
        raise UsageError(f"{where}: preprocessing must be a table")
    known = [item.name for item in fields(Preprocessing)]
    unknown = [key for key in raw if key not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known) or f"; there are {', '.join(known)}"
        raise UsageError(f'{where}: unknown key "preprocessing.{unknown[0]}"{hint}')
    try:
        preprocessing = TypeAdapter(Preprocessing).validate_python(dict(raw))
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        reason = first["msg"][:1].lower() + first["msg"][1:]
        raise UsageError(
            f"{where}: preprocessing.{key} = {raw.get(key)!r} is not valid ({reason})"
        ) from None
    for key, problem in _problems(preprocessing):
        raise UsageError(
            f"{where}: preprocessing.{key} = {raw.get(key)!r} is not valid ({problem})"
        )
    return preprocessing


def _problems(preprocessing: Preprocessing) -> Iterator[tuple[str, str]]:
    """Yield the fields with impossible values, and what is wrong with them."""
    for key, sizes in (("input_size", preprocessing.input_size), ("resize", preprocessing.resize)):
        extents = (sizes,) if isinstance(sizes, int) else sizes or ()
        if not all(1 <= extent <= LARGEST_EXTENT for extent in extents):
            yield key, f"a size is from 1 to {LARGEST_EXTENT} pixels"
    if preprocessing.crop_fraction is not None and not 0.01 <= preprocessing.crop_fraction <= 1:
        yield "crop_fraction", "it is a part of the image, from 0.01 to 1"
    for key, values in (
        ("value_range", preprocessing.value_range),
        ("mean", preprocessing.mean),
        ("std", preprocessing.std),
    ):
        if not all(map(math.isfinite, values or ())):
            yield key, "numbers are finite"
    if 0 in (preprocessing.std or ()):
        yield "std", "nothing is divided by 0"
