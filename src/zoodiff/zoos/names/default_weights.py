"""Read which models had other default weights in an older version of their zoo.

The table is written by ``tools/default_weights.py`` from the sources of the packages.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class DefaultChange:
    """A change of the default weights of a model between two versions of its zoo's package."""

    zoo: str
    model: str
    from_version: str
    to_version: str
    """The versions that were compared; the change is in ``to_version`` or in one before it."""
    before: str
    after: str
    """What the versions call the weights, or the names of their files."""
    source: str
    """Version and file in which the newer default is stated."""

    @property
    def sentence(self) -> str:
        """The change as one sentence."""
        return (
            f"the default weights of {self.zoo}:{self.model} were {self.before} in {self.zoo} "
            f"{self.from_version} and are {self.after} in {self.to_version}"
        )


@cache
def by_model() -> Mapping[tuple[str, str], tuple[DefaultChange, ...]]:
    """Return the changes by zoo and model, by version."""
    text = files(__package__).joinpath("default_weights.csv").read_text(encoding="utf-8")
    changes: dict[tuple[str, str], list[DefaultChange]] = {}
    for row in csv.DictReader(text.splitlines()):
        change = DefaultChange(
            row["zoo"],
            row["model"],
            row["from_version"],
            row["to_version"],
            _with_file(row["before"], row["file_before"]),
            _with_file(row["after"], row["file_after"]),
            row["source"],
        )
        changes.setdefault((change.zoo, change.model), []).append(change)
    return {model: tuple(sorted(of, key=_version)) for model, of in changes.items()}


def _with_file(name: str, file: str) -> str:
    return name if not file or file == name else f"{name} ({file})"


def _version(change: DefaultChange) -> list[int]:
    return [int(part) for part in change.to_version.split(".") if part.isdigit()]
