"""Read the hand-checked table of names: which entries of which zoos carry a name.

A row says that an entry of a zoo is called by a canonical name, whether it is the same network or a
variant, and how that was checked: ``parameters`` (its published count is within 3 % of those of
other zoos), ``knowledge`` (of the network's definition), or ``unsure``. Rows that are ``unsure`` do
not count, neither in measurements nor in findings.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, cast

Kind = Literal["same", "variant", "other"]
"""``same``: the network that the name means. ``variant``: it differs as the row says. ``other``:
another network, which carries the name nevertheless."""
Checked = Literal["parameters", "knowledge", "unsure"]


@dataclass(frozen=True)
class NamedEntry:
    """One row: an entry of a zoo, or a model that a zoo makes claims about, under a name."""

    name: str
    """Canonical name."""
    zoo: str
    entry: str
    """The zoo's own name."""
    kind: Kind
    difference: str
    """How the entry differs, or in which form it is published; empty if it does not."""
    told_by: str
    """The part of the entry's name that tells the difference; empty if none does."""
    checked: Checked

    @property
    def counts(self) -> bool:
        """Whether the row is certain enough for measurements and findings."""
        return self.checked != "unsure"

    @property
    def is_named_wrongly(self) -> bool:
        """Whether the entry departs from what its name means, and its name does not tell."""
        return self.counts and self.kind != "same" and not self.told_by


@cache
def rows() -> tuple[NamedEntry, ...]:
    """Return all rows, by canonical name, zoo and entry."""
    text = files(__package__).joinpath("table.csv").read_text(encoding="utf-8")
    return tuple(
        NamedEntry(
            row["name"],
            row["zoo"],
            row["entry"],
            cast(Kind, row["kind"]),
            row["difference"],
            row["told_by"],
            cast(Checked, row["checked"]),
        )
        for row in csv.DictReader(text.splitlines())
    )


@cache
def by_entry() -> Mapping[tuple[str, str], NamedEntry]:
    """Return the rows by zoo and entry."""
    return {(row.zoo, row.entry): row for row in rows()}


@cache
def names() -> tuple[str, ...]:
    """Return the canonical names in the table, sorted."""
    return tuple(sorted({row.name for row in rows()}))
