"""The catalogue of claims, typed. Reading it costs a few hundredths of a second.

The files are read as plain text rows; a ``Claim`` is made only for rows that somebody asks for.
"""

from __future__ import annotations

import csv
import datetime
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from zoodiff.entry import ModelRef, did_you_mean, meant
from zoodiff.errors import UnknownNameError

DATA = Path(__file__).with_name("data")
Provenance = Literal["measured", "copied", "unknown"]
DATA_SET = "ImageNet-1k validation images, one centre crop"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim: everything that a zoo publishes about one set of weights of a model.

    None means that the zoo does not publish it. Units stand in the names or beside the fields.
    """

    architecture: str
    """Canonical name, shared by all entries that mean to be this network."""
    variant: str | None
    """How it departs from the nominal network: ``width 0.75``, ``minimal``, ``pruned``."""
    zoo: str
    collection: str | None
    """Part of the zoo, where it has several: keras documentation, code, keras_applications;
    tfmg slim, official."""
    model: str
    """As the zoo names it."""
    weights: str | None
    """As the zoo names them."""
    entry_model: str | None
    """Model of the entry in zoodiff that the claim is about; None where there is none."""
    entry_weights: str | None
    zoo_default: bool
    precision: Literal["fp32", "int8"]
    extra_data: str | None
    """Training data beyond ImageNet-1k, distillation or pruning; None where none is known."""
    top1_percent: float | None
    top5_percent: float | None
    top1_as_published: str | None
    metric_form: Literal["percent", "fraction", "error"] | None
    """How the accuracy is printed; ``error`` is a rate of errors in percent."""
    provenance: Provenance | None
    """Whether the zoo measured the accuracy; None where it claims none."""
    parameters: int | None
    parameters_as_published: str | None
    parameters_count: str | None
    """weights, with_statistics, with_auxiliary_heads, without_classifier, with_larger_classifier;
    None where it is not stated."""
    macs: int | None
    """Multiply-accumulates of one image, whatever the zoo calls them."""
    macs_as_published: str | None
    macs_unit: str | None
    """What the zoo calls that number."""
    macs_true_unit: str | None
    """What it is; None where the zoo names it rightly."""
    input_height: int | None
    input_width: int | None
    resize: int | None
    """Pixels to which an image is resized before the crop."""
    resize_policy: Literal["short_side", "squash"] | None
    crop: int | None
    crop_fraction: float | None
    interpolation: str | None
    interpolation_library: str | None
    channel_order: Literal["RGB", "BGR"] | None
    value_range: tuple[float, ...] | None
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    inside_network: bool | None
    preprocessing: Literal["yes", "partial", "code", "no"]
    """Whether the zoo publishes it: completely, in part, only in its code, or not at all."""
    preprocessing_note: str | None
    bytes: int | None
    bytes_as_published: str | None
    latency_as_published: str | None
    published_on: datetime.date | None
    """First day for which it is verified that the claim was public; None: not verified."""
    published_basis: Literal["number", "weights", "checkpoint_name"] | None
    """What is verified for that day; ``checkpoint_name``: the day stands in the file's name."""
    withdrawn_on: datetime.date | None
    """Day on which the zoo took the number away or replaced it."""
    doubtful: str | None
    """What can hardly be right, and why. Nothing is repaired."""
    source: str
    """Repository, path and commit: ``onnx/models validated/.../README.md@b1eeaa1ac722``."""
    note: str | None

    @property
    def entry(self) -> ModelRef | None:
        """The entry that the claim is about, or None."""
        if self.entry_model is None:
            return None
        return ModelRef(self.zoo, self.entry_model, self.entry_weights)

    @property
    def label(self) -> str:
        """The entry, or else the zoo's own names: ``tfmg:MobileNet_v2_1.0_224``."""
        return str(self.entry or ModelRef(self.zoo, self.model.replace(" ", "_")))

    @property
    def data_set(self) -> str | None:
        """The data set of the published accuracy; None without one."""
        return None if self.top1_percent is None else DATA_SET

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, dates as YYYY-MM-DD; the keys are the fields."""
        return {
            name: value.isoformat() if isinstance(value, datetime.date) else value
            for name, value in ((field.name, getattr(self, field.name)) for field in fields(self))
        } | {"entry": str(self.entry) if self.entry else None}


def _flag(text: str) -> bool:
    return text == "1"


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split())


_CONVERT: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("top1_percent", "top5_percent", "crop_fraction"), float),
    **dict.fromkeys(
        ("parameters", "macs", "input_height", "input_width", "resize", "crop", "bytes"), int
    ),
    **dict.fromkeys(("zoo_default", "inside_network"), _flag),
    **dict.fromkeys(("value_range", "mean", "std"), _numbers),
    **dict.fromkeys(("published_on", "withdrawn_on"), datetime.date.fromisoformat),
}


def claims_for(
    architecture: str | None = None, zoo: str | None = None, zoos: Iterable[str] = ()
) -> list[Claim]:
    """Claims about one architecture (all if None), of one zoo or some (all if none is named).

    Raises UnknownNameError where nothing is claimed about an architecture of that name, or by a
    zoo of that name.
    """
    wanted = {_zoo(name) for name in [*zoos, *([zoo] if zoo else [])]}
    found = _rows_by_architecture()
    if architecture is None:
        rows = [row for group in found.values() for row in group]
    else:
        name = meant(architecture, found)
        if name is None:
            raise unknown(architecture)
        rows = found[name]
    place = _columns()["zoo"]
    return [_claim(row) for row in rows if not wanted or row[place] in wanted]


def _zoo(name: str) -> str:
    zoo = meant(name, zoo_names())
    if zoo is None:
        raise UnknownNameError(
            f'no claims of a zoo "{name}"{did_you_mean(name, zoo_names())}; '
            f"there are {', '.join(zoo_names())}"
        )
    return zoo


def claims_of(zoo: str, model: str) -> list[Claim]:
    """Return the claims of a zoo about a model, by the zoo's or the entry's name."""
    of, *names = (_columns()[column] for column in ("zoo", "model", "entry_model"))
    rows = (row for group in _rows_by_architecture().values() for row in group)
    return [_claim(row) for row in rows if row[of] == zoo and any(row[at] == model for at in names)]


def load() -> list[Claim]:
    """All claims, in the order of the file: by architecture, zoo, model."""
    return claims_for()


def architectures() -> list[str]:
    """All architectures that something is claimed about."""
    return list(_rows_by_architecture())


def unknown(name: str) -> UnknownNameError:
    """The error for an architecture that is not in the catalogue, with suggestions.

    A zoo's own name of a model, or that of an entry, leads to its architecture.
    """
    places = [_columns()[column] for column in ("architecture", "model", "entry_model")]
    folded = name.lower()
    for architecture, rows in _rows_by_architecture().items():
        if any(row[place].lower() == folded for row in rows for place in places):
            return UnknownNameError(f'no claims about "{name}"; did you mean {architecture}?')
    hint = did_you_mean(name, architectures()) or "; zoodiff claims lists the architectures"
    return UnknownNameError(f'no claims about "{name}"{hint}')


@functools.cache
def zoo_names() -> tuple[str, ...]:
    """The zoos that claims are from."""
    place = _columns()["zoo"]
    rows = (row for group in _rows_by_architecture().values() for row in group)
    return tuple(sorted({row[place] for row in rows}))


@functools.cache
def _read(name: str) -> list[list[str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


@functools.cache
def _columns() -> dict[str, int]:
    return {name: place for place, name in enumerate(_read("claims")[0])}


@functools.cache
def _rows_by_architecture() -> dict[str, list[list[str]]]:
    place = _columns()["architecture"]
    groups: dict[str, list[list[str]]] = {}
    for row in _read("claims")[1:]:
        groups.setdefault(row[place], []).append(row)
    return groups


@functools.cache
def _sources() -> Mapping[str, str]:
    return {
        key: f"{repository} {path}" + (f"@{commit}" if commit else "")
        for key, repository, path, commit in _read("sources")[1:]
    }


@functools.cache
def _protocols() -> Mapping[str, dict[str, str]]:
    header, *rows = _read("protocols")
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


def _claim(row: list[str]) -> Claim:
    cells = dict(zip(_columns(), row, strict=True))
    cells |= _protocols()[cells.pop("protocol")]
    cells["source"] = _sources()[cells["source"]]
    return Claim(
        **{
            name: (_CONVERT[name](text) if name in _CONVERT else text) if text else None
            for name, text in cells.items()
        }  # type: ignore[arg-type]
    )
