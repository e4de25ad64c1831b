"""The catalogue of claims: reads the data files and returns typed claims.

The files are read once as rows of text, in a few hundredths of a second; a ``Claim`` is created
only for rows that are requested.
"""

from __future__ import annotations

import csv
import datetime
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from zoodiff.claims import provided
from zoodiff.display import Displayed, Shown
from zoodiff.entry import ModelRef, did_you_mean, meant
from zoodiff.errors import UnknownNameError

DATA = Path(__file__).with_name("data")
Provenance = Literal["measured", "copied", "unknown"]
DATA_SET = "ImageNet-1k validation images, one centre crop"


@dataclass(frozen=True, slots=True, repr=False)
class Claim(Displayed):
    """A claim: everything that a zoo publishes about one set of weights of a model.

    None means that the zoo does not publish the value. Units are in the names of the fields or
    below them.
    """

    architecture: str
    """Canonical name, shared by the entries of all zoos that implement this network."""
    variant: str | None
    """How the model differs from the nominal network: ``width 0.75``, ``minimal``, ``pruned``."""
    zoo: str
    collection: str | None
    """Part of the zoo, where it has several: keras documentation, code, keras_applications;
    tfmg slim, official."""
    model: str
    """The zoo's name of the model."""
    weights: str | None
    """The zoo's name of the weights."""
    entry_model: str | None
    """Model of the entry in zoodiff that the claim is about; None if zoodiff has no such entry."""
    entry_weights: str | None
    zoo_default: bool
    precision: Literal["fp32", "int8"]
    extra_data: str | None
    """Training data beyond ImageNet-1k, distillation or pruning; None if none is known."""
    top1_percent: float | None
    top5_percent: float | None
    top1_as_published: str | None
    metric_form: Literal["percent", "fraction", "error"] | None
    """How the zoo prints the accuracy; ``error`` is an error rate in percent."""
    provenance: Provenance | None
    """Whether the zoo measured the accuracy; None if it claims none."""
    parameters: int | None
    parameters_as_published: str | None
    parameters_count: str | None
    """weights, with_statistics, with_auxiliary_heads, without_classifier, with_larger_classifier;
    What the number counts; None if the zoo does not say."""
    macs: int | None
    """Multiply-accumulate operations per image, whatever the zoo calls them."""
    macs_as_published: str | None
    macs_unit: str | None
    """The unit that the zoo states."""
    macs_true_unit: str | None
    """The correct unit; None if the zoo states it correctly."""
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
    """Whether the zoo publishes the preprocessing: completely, in part, only in code, or not."""
    preprocessing_note: str | None
    bytes: int | None
    bytes_as_published: str | None
    latency_as_published: str | None
    published_on: datetime.date | None
    """First day on which the claim is verified to have been public; None if not verified."""
    published_basis: Literal["number", "weights", "checkpoint_name"] | None
    """What was public on that day; ``checkpoint_name``: the day is in the file's name."""
    withdrawn_on: datetime.date | None
    """Day on which the zoo removed or replaced the number."""
    doubtful: str | None
    """Published values that are probably wrong, and why. They are not corrected."""
    equal_to: str | None
    """Zoos and models with the same top-1 to the last digit: the number was copied, or the same
    weights were measured alike."""
    source: str
    """Repository, path and commit: ``onnx/models validated/.../README.md@b1eeaa1ac722``."""
    note: str | None

    @property
    def entry(self) -> ModelRef | None:
        """The entry that the claim is about; None if zoodiff has no such entry."""
        if self.entry_model is None:
            return None
        return ModelRef(self.zoo, self.entry_model, self.entry_weights)

    @property
    def label(self) -> str:
        """The entry's reference, or else the zoo's own names: ``tfmg:MobileNet_v2_1.0_224``."""
        return str(self.entry or ModelRef(self.zoo, self.model.replace(" ", "_")))

    @property
    def data_set(self) -> str | None:
        """The data set of the published accuracy; None if no accuracy is published."""
        return None if self.top1_percent is None else DATA_SET

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON by field name, with dates as YYYY-MM-DD."""
        return {
            name: value.isoformat() if isinstance(value, datetime.date) else value
            for name, value in ((field.name, getattr(self, field.name)) for field in fields(self))
        } | {"entry": str(self.entry) if self.entry else None}

    def _shown(self) -> Shown:
        top1 = "" if self.top1_percent is None else f", top-1 {self.top1_percent:g} %"
        return Shown(f"{self.label}{top1}, {self.source}", list(self.to_dict().items()))

    def _rows(self) -> list[dict[str, Any]]:
        return [self.to_dict()]


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
    """Return the claims about one architecture (all if None) by one or several zoos (all if none).

    Raises UnknownNameError if there is no claim about an architecture or by a zoo of that name.
    """
    chosen_zoos = {_zoo(name) for name in [*zoos, *([zoo] if zoo else [])]}
    rows_by_architecture = _rows_by_architecture()
    more: list[Claim] = provided.claims()
    if architecture is None:
        rows = [row for group in rows_by_architecture.values() for row in group]
    else:
        name = meant(architecture, architectures())
        if name is None:
            raise unknown(architecture)
        rows = rows_by_architecture.get(name, [])
        more = [claim for claim in more if claim.architecture == name]
    column = _columns()["zoo"]
    claims = [_claim(row) for row in rows if not chosen_zoos or row[column] in chosen_zoos]
    more = [claim for claim in more if not chosen_zoos or claim.zoo in chosen_zoos]
    return [*claims, *more] if architecture or not more else sorted([*claims, *more], key=_order)


def _order(claim: Claim) -> tuple[str, str, str]:
    return claim.architecture, claim.zoo, claim.model


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
    zoo_column, *columns = (_columns()[name] for name in ("zoo", "model", "entry_model"))
    rows = (row for group in _rows_by_architecture().values() for row in group)
    claims = [
        _claim(row)
        for row in rows
        if row[zoo_column] == zoo and any(row[column] == model for column in columns)
    ]
    return claims + [c for c in provided.claims() if c.zoo == zoo and c.model == model]


def load() -> list[Claim]:
    """Return all claims, sorted by architecture, zoo and model."""
    return claims_for()


def architectures() -> list[str]:
    """Return the names of all architectures with a claim."""
    known = _rows_by_architecture()
    return [*known, *sorted({c.architecture for c in provided.claims()} - known.keys())]


def unknown(name: str) -> UnknownNameError:
    """Return the error for an architecture that is not in the catalogue, with a suggestion.

    If ``name`` is a model's name in a zoo or in zoodiff, the suggestion is its architecture.
    """
    columns = [_columns()[column] for column in ("architecture", "model", "entry_model")]
    folded = name.lower()
    for architecture, rows in _rows_by_architecture().items():
        if any(row[column].lower() == folded for row in rows for column in columns):
            return UnknownNameError(f'no claims about "{name}"; did you mean {architecture}?')
    hint = did_you_mean(name, architectures()) or "; zoodiff claims lists the architectures"
    return UnknownNameError(f'no claims about "{name}"{hint}')


def zoo_names() -> tuple[str, ...]:
    """Return the names of all zoos with a claim, sorted."""
    return tuple(sorted({*_catalogued_zoos(), *(claim.zoo for claim in provided.claims())}))


@functools.cache
def _catalogued_zoos() -> tuple[str, ...]:
    column = _columns()["zoo"]
    rows = (row for group in _rows_by_architecture().values() for row in group)
    return tuple(sorted({row[column] for row in rows}))


@functools.cache
def _read(name: str) -> list[list[str]]:
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


@functools.cache
def _columns() -> dict[str, int]:
    return {name: column for column, name in enumerate(_read("claims")[0])}


@functools.cache
def _rows_by_architecture() -> dict[str, list[list[str]]]:
    column = _columns()["architecture"]
    groups: dict[str, list[list[str]]] = {}
    for row in _read("claims")[1:]:
        groups.setdefault(row[column], []).append(row)
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
