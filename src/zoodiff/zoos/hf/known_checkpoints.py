"""Checkpoints of the hub whose network is known without their files: ``checkpoints.csv``.

Configurations, labels and canonical names are by hand, from the conversion scripts of transformers
that the column ``source`` names; parameters were held against those of the same network elsewhere.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from zoodiff.data.labels import IMAGENET_1K, IMAGENET_1001, LabelSpace
from zoodiff.zoos.hf.architectures import Architecture, architectures

_LABELS = {
    space.name: space for space in (IMAGENET_1K, IMAGENET_1001, LabelSpace("imagenet-22k", 21841))
}


@dataclass(frozen=True)
class Checkpoint:
    """A repository of the hub whose network is known."""

    repository: str
    architecture: Architecture
    values: Mapping[str, Any] | None
    """The arguments of its configuration; None if they are not known without its file."""
    size: int
    labels: LabelSpace
    name: str
    """Canonical name of the network."""
    variant: str | None


@cache
def checkpoints() -> Mapping[str, Checkpoint]:
    """Return the known checkpoints, by repository."""
    text = files(__package__).joinpath("checkpoints.csv").read_text(encoding="utf-8")
    return {row["repository"]: _checkpoint(row) for row in csv.DictReader(text.splitlines())}


def _checkpoint(row: Mapping[str, str]) -> Checkpoint:
    labels = _LABELS[row["labels"]]
    values = json.loads(row["configuration"]) if row["configuration"] else None
    if values is not None:
        values["num_labels"] = labels.classes
    return Checkpoint(
        repository=row["repository"],
        architecture=architectures()[row["class"]],
        values=values,
        size=int(row["size"]),
        labels=labels,
        name=row["architecture"],
        variant=row["variant"] or None,
    )
