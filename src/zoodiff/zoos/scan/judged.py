"""Lists of operators and classes that a file may hold: each allowed, or refused with a reason.

A list is a TOML file in this folder, which groups names by the reason.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

UNKNOWN = "is unknown to zoodiff"


@dataclass(frozen=True)
class Judged:
    """Allowed and refused names; names in neither list are refused too."""

    allowed: frozenset[str]
    refused: Mapping[str, str]
    """The reason by name, as a verb phrase. ``a.b.*`` matches every name below ``a.b``."""

    def because(self, name: str) -> str | None:
        """Return the reason why a name is refused explicitly; None for other names.

        >>> Judged(frozenset(), {"a.*": "fetches"}).because("a.b.C")
        'fetches'
        """
        parts = name.split(".")
        above = (".".join((*parts[:end], "*")) for end in range(1, len(parts)))
        return next(
            (self.refused[pattern] for pattern in (name, *above) if pattern in self.refused), None
        )

    def why_not(self, name: str) -> str | None:
        """Return why a name is refused, as a verb phrase; None if it is allowed.

        >>> judged = Judged(frozenset({"Add"}), {"ReadFile": "reads files"})
        >>> judged.why_not("Add"), judged.why_not("ReadFile"), judged.why_not("Sub")
        (None, 'reads files', 'is unknown to zoodiff')
        """
        return self.because(name) or (None if name in self.allowed else UNKNOWN)


@cache
def judged(name: str) -> Judged:
    """Read the list ``name``.toml; a group's ``prefix`` is added to its names."""
    groups = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    allowed = [full for group in groups["allowed"] for full in _names(group)]
    refused = {full: group["because"] for group in groups["refused"] for full in _names(group)}
    return Judged(frozenset(allowed), refused)


def sentence(reasons: Mapping[str, str], most: int = 5) -> str:
    """Return at most ``most`` names with the reasons why they are refused, as text.

    >>> sentence({"ReadFile": "reads files", "Foo": "is unknown", "WholeFile": "reads files"})
    'Foo (is unknown); ReadFile, WholeFile (reads files)'
    """
    names: dict[str, list[str]] = {}
    for name, why in sorted(reasons.items())[:most]:
        names.setdefault(why, []).append(name if name.isprintable() else repr(name))
    phrases = [f"{', '.join(group)} ({why})" for why, group in names.items()]
    return "; ".join(
        [*phrases, *([f"and {len(reasons) - most} more"] if len(reasons) > most else [])]
    )


def _names(group: Mapping[str, Any]) -> Iterable[str]:
    return (group.get("prefix", "") + name for name in group["names"].split())
