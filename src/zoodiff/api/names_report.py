"""What the networks of a name are in each zoo: groups, recipes, claims and findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.architecture.names_table import NameRow

if TYPE_CHECKING:
    from zoodiff.architecture.naming import NameFinding
    from zoodiff.workers.limits import Limits
    from zoodiff.zoos.registry import Entry

__all__ = ["NameRow", "NamesReport", "names"]


@dataclass(frozen=True)
class NamesReport:
    """The table of names, and the findings about them."""

    zoos: tuple[str, ...]
    rows: tuple[NameRow, ...]
    findings: tuple[NameFinding, ...]
    failures: Mapping[str, str]
    """Entries that could not be built, with the reason; empty unless networks were built."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "zoos": list(self.zoos),
            "names": [row.to_dict() for row in self.rows],
            "findings": [asdict(finding) for finding in self.findings],
            "failures": dict(self.failures),
        }

    def to_csv(self) -> str:
        """Return one line per entry, below a header, with values that no spreadsheet runs."""
        import csv
        import io

        from zoodiff.text import csv_cell

        header = (
            *("name", "zoo", "entry", "group", "odd", "kind", "difference", "weights"),
            *("network", "recipes", "top1_lowest_percent", "top1_highest_percent"),
        )
        lines = [
            [
                *(row.name, entry.zoo, entry.entry, entry.letter or "not built"),
                *("yes" if entry.odd else "", entry.kind, entry.difference, entry.weights),
                *(entry.network, row.recipes, row.top1_lowest_percent, row.top1_highest_percent),
            ]
            for row in self.rows
            for entry in row.entries
        ]
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerows([map(csv_cell, line) for line in (header, *lines)])
        return buffer.getvalue()


def names(
    names: Iterable[str] = (),
    *,
    zoos: Collection[str] | None = None,
    all_names: bool = False,
    all_zoos: bool = False,
    build: bool = False,
    jobs: int = 2,
    limits: Limits | None = None,
    done: Callable[[Entry, str | None], None] | None = None,
) -> NamesReport:
    """Return per canonical name its entries in each zoo, grouped by the structure of their network.

    ``names`` are names in any spelling of any zoo; without them, the names that two or more zoos
    have, or with ``all_names`` all. ``zoos`` are the zoos to compare, None for all; with
    ``all_zoos``, a name also counts that one of them shares with a zoo that only the table of names
    knows. Networks are taken from the cache of graphs; ``build`` describes the missing ones first,
    in ``jobs`` workers,
    and goes on where an earlier call stopped. ``done`` is called with each entry whose network is
    described or fingerprinted, and the reason if that fails. Raises UnknownNameError for an unknown
    name or zoo.
    """
    from zoodiff.architecture import names_table, structures
    from zoodiff.zoos import registry
    from zoodiff.zoos.names.resolver import chosen_names

    by_name = registry.by_architecture(list(zoos) if zoos else None)
    spelled = list(names)
    chosen = chosen_names(spelled, by_name)
    if not spelled:
        chosen = list(by_name) if all_names else names_table.shared(by_name, elsewhere=all_zoos)
    entries = [entry for name in chosen for entry in by_name[name]]
    failures: dict[str, str] = {}
    if build:
        prints, failures = structures.build(entries, jobs=jobs, limits=limits, done=done)
    else:
        prints = structures.known(entries, done=done)
    searched = sorted({entry.zoo.name for group in by_name.values() for entry in group})
    table = names_table.table_of({name: by_name[name] for name in chosen}, prints, zoos=searched)
    return NamesReport(table.zoos, table.rows, table.findings, failures)
