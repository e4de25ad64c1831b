"""Groups of entries under one name by the structure of their networks, and what names conceal.

Entries get letters: the same letter means the same structure fingerprint (``zs1``), which a network
and its exports share. Preprocessing and a softmax that one zoo puts inside the network are left out
of it, and so are biases and batch norms, so it does not show that two names mean one network; the
exact fingerprint does. Input size and number of classes are part of the structure,
so only entries that agree in both are compared when one is called the odd one out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from zoodiff.rules.catalogue import find

Kind = Literal["same", "variant", "other", "unchecked"]
"""What the hand-checked table says of an entry; ``unchecked``: nothing that counts."""


@dataclass(frozen=True)
class EntryUnderName:
    """An entry under a canonical name."""

    entry: str
    """Its reference."""
    zoo: str
    weights: int
    """Number of published weights."""
    input_shape: tuple[int, ...]
    classes: int
    kind: Kind = "unchecked"
    difference: str = ""
    told_by: str = ""
    """The part of its name that tells the difference."""
    network: str | None = None
    """Structure fingerprint (``zs1``) without the pre- and post-processing inside; None if the
    network was not built."""
    exact: str | None = None
    """Fingerprint (``zd2``) that only the same network has; None if it was not built."""
    letter: str | None = None
    """The group of equal structures under this name; None if it was not built."""
    like_built: int = 1
    """Number of published weights with its input size and number of classes; 1 for none."""
    changes: tuple[str, ...] = ()
    """Changes of the default weights between versions of the zoo, one sentence each."""
    odd: bool = False
    """Whether most comparable entries under this name have another structure."""

    @property
    def built(self) -> bool:
        """Whether its network was built."""
        return self.network is not None

    @property
    def shape(self) -> tuple[object, ...]:
        """Input shape and number of classes: entries that differ in them are not compared."""
        return (self.input_shape, self.classes)


@dataclass(frozen=True)
class NameFinding:
    """A rule's finding about names, in one sentence."""

    code: str
    name: str
    """The canonical name."""
    entries: tuple[str, ...]
    sentence: str

    @property
    def line(self) -> str:
        """Code, name of the rule and sentence, as they are printed."""
        return f"{self.code}  {find(self.code).name}  {self.sentence}"


def lettered(entries: Iterable[EntryUnderName]) -> tuple[EntryUnderName, ...]:
    """Return entries of one name with letters, A for the most frequent structure, and odd ones.

    An entry is odd if it has another structure than more than half of the entries with its input
    shape and number of classes.
    """
    members = list(entries)
    counts = Counter(member.network for member in members if member.network is not None)
    first = {member.network: place for place, member in reversed(list(enumerate(members)))}
    order = sorted(counts, key=lambda structure: (-counts[structure], first[structure]))
    letters = {structure: _letter(place) for place, structure in enumerate(order)}
    usual = {shape: _majority(members, shape) for shape in {member.shape for member in members}}
    return tuple(
        replace(
            member,
            letter=letters[member.network],
            odd=usual[member.shape] not in (None, member.network),
        )
        if member.network is not None
        else member
        for member in members
    )


def _majority(members: Sequence[EntryUnderName], shape: tuple[object, ...]) -> str | None:
    """Return the structure of more than half of the built entries of a shape, or None."""
    built = [m.network for m in members if m.shape == shape and m.network is not None]
    return next((text for text, count in Counter(built).items() if 2 * count > len(built)), None)


def _letter(place: int) -> str:
    """Return A to Z, then AA, AB, ...

    >>> _letter(0), _letter(25), _letter(26)
    ('A', 'Z', 'AA')
    """
    return (_letter(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)


def findings(names: Mapping[str, Sequence[EntryUnderName]]) -> list[NameFinding]:
    """Return the findings about names, by code and name."""
    results = [
        *(finding for name, members in names.items() for finding in _two_networks(name, members)),
        *_two_names(names),
        *(finding for name, members in names.items() for finding in _untold(name, members)),
        *(finding for name, members in names.items() for finding in _changed(name, members)),
    ]
    return sorted(results, key=lambda finding: (finding.code, finding.name))


def _two_networks(name: str, members: Sequence[EntryUnderName]) -> list[NameFinding]:
    """Return entries under one name whose networks differ, although no variant is known."""
    results = [
        NameFinding(
            "NAM101", name, (m.entry,), f"{m.entry} is another network than {name}: {m.difference}"
        )
        for m in members
        if m.kind == "other"
    ]
    plain = [m for m in members if m.built and m.kind in ("same", "unchecked")]
    for shape in dict.fromkeys(m.shape for m in plain):
        groups: dict[str, list[str]] = {}
        for m in plain:
            if m.shape == shape and m.letter is not None:
                groups.setdefault(m.letter, []).append(m.entry)
        if len(groups) > 1:
            sides = "; ".join(
                f"{letter}: {', '.join(entries)}" for letter, entries in sorted(groups.items())
            )
            entries = tuple(entry for group in groups.values() for entry in group)
            sentence = f"{name} is {len(groups)} networks of equal input and classes: {sides}"
            results.append(NameFinding("NAM101", name, entries, sentence))
    return results


def _two_names(names: Mapping[str, Sequence[EntryUnderName]]) -> list[NameFinding]:
    """Return networks that entries of several names share."""
    by_network: dict[str, dict[str, list[str]]] = {}
    for name, members in names.items():
        for member in members:
            if member.exact is not None:
                under = by_network.setdefault(member.exact, {})
                under.setdefault(name, []).append(member.entry)
    results = []
    for under in by_network.values():
        if len(under) > 1:
            parts = ", ".join(f"{name} ({entries[0]})" for name, entries in sorted(under.items()))
            entries = tuple(entry for members in under.values() for entry in members)
            results.append(
                NameFinding("NAM102", min(under), entries, f"one network is called {parts}")
            )
    return results


def _untold(name: str, members: Sequence[EntryUnderName]) -> list[NameFinding]:
    return [
        NameFinding("NAM103", name, (m.entry,), f"{m.entry} is a variant of {name}: {m.difference}")
        for m in members
        if m.kind == "variant" and not m.told_by
    ]


def _changed(name: str, members: Sequence[EntryUnderName]) -> list[NameFinding]:
    return [NameFinding("NAM104", name, (m.entry,), text) for m in members for text in m.changes]
