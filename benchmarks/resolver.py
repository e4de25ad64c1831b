"""Measure the rules that resolve names against the hand-checked table: precision and recall.

    python benchmarks/resolver.py [--failures]

Rules are measured alone, without the table. Canonical names are split by a hash into a half that
the rules were written with (``written``) and a half that was held out (``held out``). An entry that
carries the name of another network (``other``) has no right answer: any answer counts as wrong.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from zoodiff.zoos import registry
from zoodiff.zoos.names import resolver, table
from zoodiff.zoos.names.table import NamedEntry


@dataclass(frozen=True)
class Score:
    rows: int
    names: int
    right: int
    wrong: tuple[tuple[NamedEntry, str], ...]
    unresolved: tuple[NamedEntry, ...]

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + len(self.wrong))

    @property
    def recall(self) -> float:
        return self.right / max(1, self.rows)


def is_held_out(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 1


def score(rows: Iterable[NamedEntry]) -> Score:
    known = resolver.by_form({*table.names(), *registry.by_architecture()})
    counted = [row for row in rows if row.counts]
    resolved = [(row, resolver.by_rules(row.entry, row.zoo, known)) for row in counted]
    meant = [(row, name, None if row.kind == "other" else row.name) for row, name in resolved]
    return Score(
        sum(row.kind != "other" for row in counted),
        len({row.name for row in counted}),
        sum(name == right for _, name, right in meant if right is not None),
        tuple((row, name) for row, name, right in meant if name is not None and name != right),
        tuple(row for row, name, right in meant if name is None and right is not None),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", action="store_true", help="list what is not resolved")
    options = parser.parse_args()
    for part in (False, True):
        result = score(row for row in table.rows() if is_held_out(row.name) == part)
        print(
            f"{'held out' if part else 'written '}  {result.names} names, {result.rows} spellings: "
            f"precision {result.precision:.4f}, recall {result.recall:.4f}"
        )
        if options.failures:
            for row, name in result.wrong:
                print(f"  {row.zoo}:{row.entry} ({row.kind}, {row.name}) is resolved to {name}")
            for row in result.unresolved:
                print(f"  {row.zoo}:{row.entry} is {row.name}, not resolved")


if __name__ == "__main__":
    main()
