"""Which entries of a study are compared: those named together, the others by architecture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoodiff.results import Comparison
from zoodiff.tasks import Kind
from zoodiff.zoos.registry import Entry

_NAMED = 3
"""Architectures that name a group which has no name of its own."""


@dataclass(frozen=True)
class Group:
    """Entries that are compared with each other, in one section of a study."""

    name: str
    entries: tuple[Entry, ...]

    def comparison(self, kind: Kind) -> Comparison:
        """Return the group as the manifest of a run keeps it."""
        names = [str(entry.ref) for entry in self.entries]
        return Comparison.model_validate({"kind": kind, "name": self.name, "entries": names})


def named_group(entries: Sequence[Entry], name: str = "") -> Group:
    """Return entries as one group, called by their architectures where it has no name."""
    architectures = list(dict.fromkeys(entry.model.architecture for entry in entries))
    if not name:
        several = len(architectures) > _NAMED
        name = "entries named together" if several else ", ".join(architectures)
    return Group(name, tuple(entries))


def by_architecture(entries: Iterable[Entry]) -> list[Group]:
    """Return entries in groups of one architecture, both in order."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.model.architecture, []).append(entry)
    return [Group(name, tuple(members)) for name, members in groups.items()]


def groups_of(named: Sequence[Entry], others: Sequence[Entry]) -> list[Group]:
    """Group the entries of a section: those that are named together, the others by architecture.

    A named entry is also in the group of its architecture, where that is asked for.
    """
    architectures = {entry.model.architecture for entry in others}
    sorted_in = [entry for entry in named if entry.model.architecture in architectures]
    groups = by_architecture([*sorted_in, *others])
    if len(named) > 1 or len(named) > len(sorted_in):
        groups.insert(0, named_group(named))
    return without_parts(groups)


def without_parts(groups: Sequence[Group]) -> list[Group]:
    """Leave out groups all of whose entries are together in another group."""
    members = [frozenset(str(entry.ref) for entry in group.entries) for group in groups]
    return [
        group
        for number, group in enumerate(groups)
        if not any(
            members[number] < other or (members[number] == other and number > earlier)
            for earlier, other in enumerate(members)
            if earlier != number
        )
    ]
