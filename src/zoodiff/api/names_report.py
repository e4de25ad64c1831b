"""What the networks of a name are in each zoo: groups, recipes, claims and findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from zoodiff.architecture.names_table import NameRow
from zoodiff.display import Displayed, Rows, Shown
from zoodiff.errors import UsageError

if TYPE_CHECKING:
    from zoodiff.architecture.naming import NameFinding
    from zoodiff.workers.limits import Limits
    from zoodiff.zoos.registry import Entry

__all__ = ["NameRow", "NamesReport", "names"]


CODES = ("NAM101", "NAM102", "NAM103", "NAM104")
"""Codes of the findings about names."""
ONLY: Mapping[str, Callable[[NameRow], bool]] = {
    "several": lambda row: row.networks > 1,
    "odd": lambda row: any(entry.odd for entry in row.entries),
    "recipes": lambda row: row.recipes > 1,
    "unbuilt": lambda row: row.not_built > 0,
}
"""Names to keep: several networks, an odd one out, several recipes, or something not built."""
SORTS: Mapping[str, Callable[[NameRow], float]] = {
    "name": lambda row: 0.0,
    "networks": lambda row: -row.networks,
    "recipes": lambda row: -row.recipes,
    "top1": lambda row: (row.top1_lowest_percent or 0.0) - (row.top1_highest_percent or 0.0),
    "zoos": lambda row: -len(row.zoos) - len(row.elsewhere),
    "entries": lambda row: -sum(entry.weights for entry in row.entries),
}
"""What names are sorted by, the largest first; ``top1`` is the width of the range."""


@dataclass(frozen=True, repr=False)
class NamesReport(Displayed):
    """The table of names, and the findings about them."""

    zoos: tuple[str, ...]
    rows: tuple[NameRow, ...]
    findings: Rows[NameFinding]
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

    def selected(
        self,
        *,
        only: str | None = None,
        finding: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> NamesReport:
        """Return the report with some of its names, sorted, and the findings about them.

        ``only`` is one of ``ONLY``, ``sort`` one of ``SORTS``, ``finding`` the code of a finding.
        Raises UsageError for any other value.
        """
        keeps = _choice(only, ONLY, "--only")
        order = _choice(sort, SORTS, "--sort")
        if limit is not None and limit < 1:
            raise UsageError(f"--limit {limit} is not valid: it must be 1 or more")
        rows = [row for row in self.rows if keeps is None or keeps(row)]
        if finding is not None:
            code = _choice(finding.upper(), {code: code for code in CODES}, "--finding")
            about = {item.name for item in self.findings if item.code == code}
            rows = [row for row in rows if row.name in about]
        if order is not None:
            rows.sort(key=lambda row: (order(row), row.name))
        rows = rows if limit is None else rows[:limit]
        shown = {row.name for row in rows}
        findings = Rows(item for item in self.findings if item.name in shown)
        return replace(self, rows=tuple(rows), findings=findings)

    def to_html(self) -> str:
        """Return a page of its own, which loads nothing, with a table to sort and filter."""
        from zoodiff.architecture.names_table import NamesTable
        from zoodiff.report import render
        from zoodiff.report.sections import names as formatted

        part = formatted.part(NamesTable(self.zoos, self.rows, self.findings))
        return render.to_page(
            "What each zoo calls a network",
            "names.html.j2",
            kicker=f"zoodiff names · {', '.join(self.zoos)}",
            command="zoodiff names --html",
            part=part,
        )

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

    def _shown(self) -> Shown:
        codes = ", ".join(dict.fromkeys(item.code for item in self.findings)) or "none"
        return Shown(
            f"{len(self.rows)} names in {len(self.zoos)} zoos",
            [("zoos", self.zoos), ("findings", codes), *self.failures.items()],
            [row.to_dict() for row in self.rows],
            ("name", "zoos", "networks", "recipes", "top1_lowest_percent", "top1_highest_percent"),
        )


def names(
    names: Iterable[str] = (),
    *,
    zoos: Collection[str] | None = None,
    all_names: bool = False,
    all_zoos: bool = False,
    build: bool = False,
    jobs: int = 2,
    limits: Limits | None = None,
    begin: Callable[[int], None] | None = None,
    done: Callable[[Entry, str | None], None] | None = None,
) -> NamesReport:
    """Return per canonical name its entries in each zoo, grouped by the structure of their network.

    ``names`` are names in any spelling of any zoo; without them, the names that two or more zoos
    have, or with ``all_names`` all. ``zoos`` are the zoos to compare, None for all; with
    ``all_zoos``, a name also counts that one of them shares with a zoo that only the table of names
    knows. Networks are taken from the cache of graphs; ``build`` describes the missing ones first,
    in ``jobs`` workers, and goes on where an earlier call stopped. ``begin`` is called with the
    number of networks to describe, then ``done`` with each entry whose network is described or
    fingerprinted, and the reason if that fails. Raises UnknownNameError for an unknown name or zoo.
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
        prints, failures = structures.build(
            entries, jobs=jobs, limits=limits, begin=begin, done=done
        )
    else:
        prints = structures.known(entries, done=done)
    searched = sorted({entry.zoo.name for group in by_name.values() for entry in group})
    table = names_table.table_of(
        {name: by_name[name] for name in chosen}, prints, zoos=searched, elsewhere=all_zoos
    )
    return NamesReport(table.zoos, table.rows, Rows(table.findings), failures)


_Choice = TypeVar("_Choice")


def _choice(value: str | None, choices: Mapping[str, _Choice], option: str) -> _Choice | None:
    """Return what a value stands for; None for None. Raises UsageError for an unknown value."""
    from zoodiff.entry import did_you_mean

    if value is None:
        return None
    if value not in choices:
        hint = did_you_mean(value, choices) or f"; there are {', '.join(choices)}"
        raise UsageError(f'{option} "{value}" is not valid{hint}')
    return choices[value]
