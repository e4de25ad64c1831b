"""Short names of entries for people: a name of the user's, or the end of a file's path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from zoodiff.errors import UsageError

_NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.+-]*)=(.+)", re.DOTALL)
_FILE = "file:"


@dataclass(frozen=True)
class EntryNames:
    """What entries are called on the terminal; JSON and records have their full references."""

    given: Mapping[str, str] = field(default_factory=dict)
    """Names by what stands behind ``NAME=`` on the command line."""
    references: tuple[str, ...] = ()

    def of(self, reference: str) -> str:
        """Return the short name of an entry."""
        return self._short.get(reference, reference)

    def in_text(self, text: str) -> str:
        """Return a sentence in which references of files are replaced by their short names."""
        for reference in sorted(self._short, key=len, reverse=True):
            text = text.replace(reference, self._short[reference])
        return text

    def of_given(self, setting: str) -> str:
        """Return a setting ``NAME=VALUE`` with the entry in place of its name."""
        name, separator, value = setting.partition("=")
        entries = {given: entry for entry, given in self.given.items()}
        return f"{entries.get(name, name)}{separator}{value}"

    def known(self, references: Iterable[str]) -> EntryNames:
        """Return the names with the full references of a run."""
        return EntryNames(self.given, tuple(references))

    @property
    def _short(self) -> dict[str, str]:
        files = [name for name in self.references if name.startswith(_FILE)]
        short = shortest_ends([name.removeprefix(_FILE) for name in files])
        names = {name: short[name.removeprefix(_FILE)] for name in files}
        for entry, given in self.given.items():
            exact = (entry, f"{_FILE}{Path(entry).absolute()}")
            meant = [name for name in self.references if name in exact] or [
                name for name in self.references if name.startswith(f"{entry}@")
            ]
            if len(meant) == 1:
                names[meant[0]] = given
        return names


def named_entries(arguments: Iterable[str]) -> tuple[tuple[str, ...], EntryNames]:
    """Return the entries of a command line without ``NAME=``, and the names that were given.

    An argument that names a file as it stands is no pair. Raises UsageError for a name that is
    given twice.
    """
    entries: list[str] = []
    given: dict[str, str] = {}
    for argument in arguments:
        pair = _NAMED.fullmatch(argument)
        if pair is None or Path(argument).exists():
            entries.append(argument)
            continue
        name, entry = pair.groups()
        if name in given.values():
            raise UsageError(f"the name {name} is given twice; give every entry its own")
        given[entry] = name
        entries.append(entry)
    return tuple(entries), EntryNames(given)


def shortest_ends(paths: Iterable[str]) -> dict[str, str]:
    """Return per path the shortest end, in whole parts, that no other path has.

    >>> shortest_ends(["/a/fp32/model.onnx", "/a/int8/model.onnx"])["/a/int8/model.onnx"]
    'int8/model.onnx'
    """
    parts = {path: PurePath(path).parts for path in dict.fromkeys(paths)}
    ends = {}
    for path, own in parts.items():
        count = 1
        while count < len(own) and any(
            rest[-count:] == own[-count:] for another, rest in parts.items() if another != path
        ):
            count += 1
        ends[path] = path if count == len(own) else str(PurePath(*own[-count:]))
    return ends
