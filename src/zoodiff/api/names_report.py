"""What the networks of a name are in each zoo: groups, recipes, claims and findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.errors import UnknownNameError

if TYPE_CHECKING:
    from zoodiff.architecture.naming import EntryUnderName, Kind, NameFinding
    from zoodiff.architecture.structures import Fingerprints
    from zoodiff.preprocessing.spec import Preprocessing
    from zoodiff.workers.limits import Limits
    from zoodiff.zoos.registry import Entry

__all__ = ["NameRow", "NamesReport", "names"]


@dataclass(frozen=True)
class NameRow:
    """A canonical name, and the entries that carry it."""

    name: str
    entries: tuple[EntryUnderName, ...]
    recipes: int
    """Number of different preprocessings that are published with weights of these entries."""
    recipes_unpublished: int
    """Number of weights without any published preprocessing."""
    top1_lowest_percent: float | None
    """Lowest top-1 that these zoos claim, of weights in fp32; None if they claim none."""
    top1_highest_percent: float | None

    @property
    def zoos(self) -> list[str]:
        """Zoos that have an entry of this name, sorted."""
        return sorted({entry.zoo for entry in self.entries})

    @property
    def networks(self) -> int:
        """Number of different networks among the built entries."""
        return len({entry.network for entry in self.entries if entry.built})

    @property
    def not_built(self) -> int:
        """Number of entries whose network was not built."""
        return sum(not entry.built for entry in self.entries)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            **asdict(self),
            "zoos": self.zoos,
            "networks": self.networks,
            "not_built": self.not_built,
        }


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
    build: bool = False,
    jobs: int = 2,
    limits: Limits | None = None,
    done: Callable[[Entry, str | None], None] | None = None,
) -> NamesReport:
    """Return per canonical name its entries in each zoo, grouped by the structure of their network.

    ``names`` are names in any spelling of any zoo; without them, the names that two or more zoos
    have, or with ``all_names`` all. ``zoos`` are the zoos to compare, None for all. Networks are
    taken from the cache of graphs; ``build`` describes the missing ones first, in ``jobs`` workers,
    and goes on where an earlier call stopped. ``done`` is called with each entry whose network is
    described or fingerprinted, and the reason if that fails. Raises UnknownNameError for an unknown
    name or zoo.
    """
    from zoodiff.architecture import naming, structures
    from zoodiff.zoos import registry

    by_name = registry.by_architecture(list(zoos) if zoos else None)
    spelled = list(names)
    chosen = _chosen(spelled, by_name)
    if not spelled:
        chosen = [n for n, es in by_name.items() if all_names or len({e.zoo.name for e in es}) > 1]
    entries = [entry for name in chosen for entry in by_name[name]]
    failures: dict[str, str] = {}
    if build:
        prints, failures = structures.build(entries, jobs=jobs, limits=limits, done=done)
    else:
        prints = structures.known(entries, done=done)
    members = {
        name: naming.lettered(_under_name(entry, prints) for entry in by_name[name])
        for name in chosen
    }
    searched = sorted({entry.zoo.name for group in by_name.values() for entry in group})
    accuracies = _claimed(searched)
    return NamesReport(
        tuple(searched),
        tuple(
            _row(name, members[name], by_name[name], accuracies.get(name, ())) for name in chosen
        ),
        tuple(naming.findings(members)),
        failures,
    )


def _chosen(spelled: Sequence[str], by_name: Mapping[str, Sequence[Entry]]) -> list[str]:
    """Return the canonical names that spellings mean; raise UnknownNameError."""
    from zoodiff.entry import did_you_mean
    from zoodiff.zoos.names.resolver import canonical_name

    chosen: dict[str, None] = {}
    for spelling in spelled:
        name = spelling if spelling in by_name else canonical_name(spelling)
        if name is None:
            hint = did_you_mean(spelling, by_name) or "; see zoodiff list"
            raise UnknownNameError(f'no network is called "{spelling}"{hint}')
        if name not in by_name:
            raise UnknownNameError(f'"{spelling}" means {name}, which none of these zoos has')
        chosen[name] = None
    return list(chosen)


def _under_name(entry: Entry, prints: Mapping[str, Fingerprints]) -> EntryUnderName:
    from zoodiff.architecture.naming import EntryUnderName
    from zoodiff.zoos.names import table

    row = table.by_entry().get((entry.zoo.name, entry.model.name))
    certain = row if row is not None and row.counts else None
    kind: Kind = certain.kind if certain else "unchecked"
    prints_of_entry = prints.get(str(entry.ref))
    return EntryUnderName(
        entry=str(entry.ref),
        zoo=entry.zoo.name,
        weights=len(entry.model.weights),
        input_shape=entry.model.input_shape,
        classes=entry.labels.classes,
        kind=kind,
        difference=certain.difference if certain else "",
        told_by=certain.told_by if certain else "",
        network=prints_of_entry.network if prints_of_entry else None,
        exact=prints_of_entry.exact if prints_of_entry else None,
    )


def _row(
    name: str,
    members: tuple[EntryUnderName, ...],
    entries: Sequence[Entry],
    accuracies: Sequence[float],
) -> NameRow:
    published = [
        weights.preprocessing or entry.model.preprocessing
        for entry in entries
        for weights in entry.model.weights
    ]
    stated = [spec for spec in published if spec.published != "no"]
    return NameRow(
        name,
        members,
        recipes=len(_different(stated)),
        recipes_unpublished=len(published) - len(stated),
        top1_lowest_percent=min(accuracies, default=None),
        top1_highest_percent=max(accuracies, default=None),
    )


def _different(specs: Iterable[Preprocessing]) -> list[Preprocessing]:
    """Return one of each kind of preprocessing; layout and source make no difference."""
    from zoodiff.preprocessing.conventions import same

    kinds: list[Preprocessing] = []
    for spec in dict.fromkeys(specs):
        if not any(same(spec, kind) for kind in kinds):
            kinds.append(spec)
    return kinds


def _claimed(zoos: Collection[str]) -> Mapping[str, Sequence[float]]:
    """Return the claimed top-1 accuracies, in percent, of fp32 weights by canonical name."""
    from zoodiff.claims import catalogue

    known = [zoo for zoo in zoos if zoo in catalogue.zoo_names()]
    accuracies: dict[str, list[float]] = {}
    for claim in catalogue.claims_for(zoos=known) if known else ():
        current = claim.precision == "fp32" and claim.withdrawn_on is None
        if current and claim.top1_percent is not None:
            accuracies.setdefault(claim.architecture, []).append(claim.top1_percent)
    return accuracies
