"""Sidecars: TOML files with facts about a model file.

It is called ``model.onnx.toml`` or ``model.toml``.

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
"""Rows or columns that an image is resized to."""


@dataclass(frozen=True)
class Sidecar:
    """The facts of a sidecar; empty without one."""

    path: Path | None = None
    architecture: str | None = None
    labels: LabelSpace = UNKNOWN
    preprocessing: Preprocessing = field(default_factory=Preprocessing)


def read(file: Path) -> Sidecar:
    """Return the sidecar of a file; raise UsageError with key and file if it is invalid."""
    if not file.name:
        return Sidecar()  # the root, or the folder that the command was called in
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
        _labels(path, raw["labels"]) if raw.get("labels") else UNKNOWN,
        specification(raw.get("preprocessing", {}), str(path)),
    )


def _labels(path: Path, named: str) -> LabelSpace:
    """The label space that a sidecar names: a known one, or a file in its own folder.

    Raises RefusedError (SEC110) for a file elsewhere and for a link, which may lead elsewhere.
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
    """A preprocessing from plain values; raise UsageError naming the key."""
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(raw, Mapping):
        raise UsageError(f"{where}: preprocessing must be a table")
    known = [one.name for one in fields(Preprocessing)]
    unknown = [key for key in raw if key not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known) or f"; there are {', '.join(known)}"
        raise UsageError(f'{where}: unknown key "preprocessing.{unknown[0]}"{hint}')
    try:
        found = TypeAdapter(Preprocessing).validate_python(dict(raw))
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        reason = first["msg"][:1].lower() + first["msg"][1:]
        raise UsageError(
            f"{where}: preprocessing.{key} = {raw.get(key)!r} is not valid ({reason})"
        ) from None
    for key, problem in _problems(found):
        raise UsageError(
            f"{where}: preprocessing.{key} = {raw.get(key)!r} is not valid ({problem})"
        )
    return found


def _problems(found: Preprocessing) -> Iterator[tuple[str, str]]:
    """Fields whose numbers no image can be prepared with, and why."""
    for key, sizes in (("input_size", found.input_size), ("resize", found.resize)):
        extents = (sizes,) if isinstance(sizes, int) else sizes or ()
        if not all(1 <= extent <= LARGEST_EXTENT for extent in extents):
            yield key, f"a size is from 1 to {LARGEST_EXTENT} pixels"
    if found.crop_fraction is not None and not 0.01 <= found.crop_fraction <= 1:
        yield "crop_fraction", "it is a part of the image, from 0.01 to 1"
    for key, values in (
        ("value_range", found.value_range),
        ("mean", found.mean),
        ("std", found.std),
    ):
        if not all(map(math.isfinite, values or ())):
            yield key, "numbers are finite"
    if 0 in (found.std or ()):
        yield "std", "nothing is divided by 0"
