"""Read the catalogues of zoos: ``data/ZOO.json``, written by ``tools/refresh_ZOO.py``.

Reading them imports no framework.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from zoodiff.data.labels import BY_NAME, LabelSpace
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Model, Weights


def read(zoo: str) -> Sequence[Mapping[str, Any]]:
    """Return the models in a zoo's catalogue, as plain values."""
    text = files("zoodiff.zoos").joinpath(f"data/{zoo}.json").read_text(encoding="utf-8")
    models: Sequence[Mapping[str, Any]] = json.loads(text)["models"]
    return models


def model(raw: Mapping[str, Any], labels: Mapping[str, LabelSpace] = BY_NAME) -> Model:
    """Return a model of a catalogue; its weights may override its preprocessing."""
    return Model(
        name=raw["name"],
        architecture=raw["architecture"],
        weights=tuple(weights(item) for item in raw["weights"]),
        preprocessing=Preprocessing.from_dict(raw["preprocessing"]),
        labels=labels[raw["labels"]],
        input_shape=tuple(raw["input_shape"]),
        note=raw["note"],
        needs_file=raw.get("needs_file", False),
    )


def weights(raw: Mapping[str, Any]) -> Weights:
    """Return one set of weights of a catalogue, with its own preprocessing if it has one."""
    own = raw.get("preprocessing")
    return Weights(**{**raw, "preprocessing": Preprocessing.from_dict(own) if own else None})


@dataclass(frozen=True)
class Name:
    """The name of a model in all zoos, and how the model departs from what that name means."""

    architecture: str
    variant: str | None


def names(text: str) -> Mapping[str, Name]:
    """Return the names in a table with the columns ``model``, ``architecture`` and ``variant``."""
    rows = csv.DictReader(text.splitlines())
    return {row["model"]: Name(row["architecture"], row["variant"] or None) for row in rows}
