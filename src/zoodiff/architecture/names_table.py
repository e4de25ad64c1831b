"""The table of names: what the entries of a name are, what is published with them, and findings.

Networks come from graphs; all else comes from the catalogues, the claims and the hand-checked table
of names. Nothing is built here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.architecture import naming
from zoodiff.architecture.naming import EntryUnderName, Kind, NameFinding
from zoodiff.display import Displayed, Shown
from zoodiff.zoos import registry
from zoodiff.zoos.names import default_weights, table

if TYPE_CHECKING:
    from zoodiff.architecture.structures import Fingerprints
    from zoodiff.preprocessing.spec import Preprocessing
    from zoodiff.zoos.registry import Entry


@dataclass(frozen=True, repr=False)
class NameRow(Displayed):
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
    interpolations: tuple[tuple[str, int], ...] = ()
    """Number of weights per published interpolation, by name."""
    elsewhere: tuple[str, ...] = ()
    """Zoos that zoodiff cannot build and that have the name by the hand-checked table."""

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

    @property
    def published(self) -> int:
        """Number of published weights of the built entries, with an entry without any as one."""
        return sum(entry.like_built for entry in self.entries if entry.built)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            **asdict(self),
            "interpolations": dict(self.interpolations),
            "zoos": self.zoos,
            "networks": self.networks,
            "not_built": self.not_built,
            "published": self.published,
        }

    def _shown(self) -> Shown:
        return Shown(
            f"{self.name} in {len(self.zoos)} zoos, {self.networks} networks",
            [("recipes", self.recipes), ("elsewhere", self.elsewhere)],
            [asdict(entry) for entry in self.entries],
            ("entry", "letter", "kind", "difference", "weights", "odd"),
        )


@dataclass(frozen=True)
class NamesTable:
    """The rows of a table of names, by name, and the findings about them."""

    zoos: tuple[str, ...]
    rows: tuple[NameRow, ...]
    findings: tuple[NameFinding, ...]


def table_of(
    by_name: Mapping[str, Sequence[Entry]],
    prints: Mapping[str, Fingerprints],
    *,
    zoos: Collection[str],
    elsewhere: bool = False,
) -> NamesTable:
    """Return the table of these names, with the fingerprints of the networks that were built.

    ``by_name`` are the entries of each name, with default weights; ``prints`` are fingerprints by
    entry. ``zoos`` are the zoos whose claims count. With ``elsewhere``, a row names the zoos that
    only the hand-checked table knows.
    """
    members = {
        name: naming.lettered(_under_name(entry, prints) for entry in entries)
        for name, entries in by_name.items()
    }
    accuracies = _claimed(zoos)
    also = names_elsewhere() if elsewhere else {}
    rows = tuple(
        _row(
            name,
            members[name],
            entries,
            accuracies=accuracies.get(name, ()),
            elsewhere=also.get(name, ()),
        )
        for name, entries in by_name.items()
    )
    return NamesTable(tuple(sorted(zoos)), rows, tuple(naming.findings(members)))


def shared(by_name: Mapping[str, Sequence[Entry]], *, elsewhere: bool = False) -> list[str]:
    """Return the names that two or more zoos have.

    With ``elsewhere``, zoos that only the hand-checked table knows count too.
    """
    also = names_elsewhere() if elsewhere else {}
    return [
        name
        for name, entries in by_name.items()
        if len({entry.zoo.name for entry in entries}) + len(also.get(name, ())) > 1
    ]


def names_elsewhere() -> dict[str, tuple[str, ...]]:
    """Return the zoos that only the hand-checked table knows, by canonical name."""
    here = registry.zoos()
    zoos: dict[str, set[str]] = {}
    for row in table.rows():
        if row.counts and row.kind != "other" and row.zoo not in here:
            zoos.setdefault(row.name, set()).add(row.zoo)
    return {name: tuple(sorted(named)) for name, named in zoos.items()}


def _under_name(entry: Entry, prints: Mapping[str, Fingerprints]) -> EntryUnderName:
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
        like_built=_like_built(entry),
        changes=tuple(
            change.sentence
            for change in default_weights.by_model().get((entry.zoo.name, entry.model.name), ())
        ),
    )


def _like_built(entry: Entry) -> int:
    """Return the number of weights with the classes and the input size of the entry's own.

    A zoo builds one network for them; others have another head or another size of positions.
    """
    own = (entry.labels.classes, entry.preprocessing.input_size)
    shapes = [
        (
            (weights.labels or entry.model.labels).classes,
            (weights.preprocessing or entry.model.preprocessing).input_size,
        )
        for weights in entry.model.weights
    ]
    return max(1, shapes.count(own))


def _row(
    name: str,
    members: tuple[EntryUnderName, ...],
    entries: Sequence[Entry],
    *,
    accuracies: Sequence[float],
    elsewhere: tuple[str, ...],
) -> NameRow:
    published = [
        weights.preprocessing or entry.model.preprocessing
        for entry in entries
        for weights in entry.model.weights
    ]
    stated = [spec for spec in published if spec.published != "no"]
    interpolations = Counter(spec.interpolation for spec in stated)
    return NameRow(
        name,
        members,
        recipes=len(_different(stated)),
        recipes_unpublished=len(published) - len(stated),
        top1_lowest_percent=min(accuracies, default=None),
        top1_highest_percent=max(accuracies, default=None),
        interpolations=tuple(
            sorted((kind or "unsaid", count) for kind, count in interpolations.items())
        ),
        elsewhere=elsewhere,
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
