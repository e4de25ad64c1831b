"""Group the entries of a study: those that are named together, the others by architecture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoodiff.results import Comparison
from zoodiff.tasks import Kind
from zoodiff.zoos.registry import Entry

_FEW_ARCHITECTURES = 3
"""Up to this many architectures give their names to a group without a name."""


@dataclass(frozen=True)
class Group:
    """Entries that are compared with each other, in one section of a study."""

    name: str
    entries: tuple[Entry, ...]

    def comparison(self, kind: Kind) -> Comparison:
        """Return the group as a comparison of this kind, which a manifest stores."""
        names = [str(entry.ref) for entry in self.entries]
        return Comparison.model_validate({"kind": kind, "name": self.name, "entries": names})


def named_group(entries: Sequence[Entry], name: str = "") -> Group:
    """Return entries as one group; without ``name`` it is named after their architectures."""
    architectures = list(dict.fromkeys(entry.model.architecture for entry in entries))
    if not name:
        several = len(architectures) > _FEW_ARCHITECTURES
        name = "entries named together" if several else ", ".join(architectures)
    return Group(name, tuple(entries))


def by_architecture(entries: Iterable[Entry]) -> list[Group]:
    """Return one group per architecture; groups and entries keep their order."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.model.architecture, []).append(entry)
    return [Group(name, tuple(members)) for name, members in groups.items()]


def groups_of(named: Sequence[Entry], others: Sequence[Entry]) -> list[Group]:
    """Return the groups of a section: the named entries in one, the others by architecture.

    A named entry is also in the group of its architecture if the section selects the architecture.
    """
    architectures = {entry.model.architecture for entry in others}
    also_named = [entry for entry in named if entry.model.architecture in architectures]
    groups = by_architecture([*also_named, *others])
    if len(named) > 1 or len(named) > len(also_named):
        groups.insert(0, named_group(named))
    return without_parts(groups)


def without_parts(groups: Sequence[Group]) -> list[Group]:
    """Return the groups without those whose entries are all in another group."""
    members = [frozenset(str(entry.ref) for entry in group.entries) for group in groups]
    return [
        group
        for number, group in enumerate(groups)
        if not any(
            members[number] < candidate or (members[number] == candidate and number > earlier)
            for earlier, candidate in enumerate(members)
            if earlier != number
        )
    ]
