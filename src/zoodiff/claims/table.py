"""The ``[claims]`` table of a study: a selection, the reason of each rule, and alternatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zoodiff.claims.selection import OPTIONS, ClaimsError, Selection, check_keys, selection

_KEYS = (*OPTIONS, "inferred", "reasons", "published", "alternatives", "notes")
_FIGURES = ("top", "first", "last", "architectures", "entries")


@dataclass(frozen=True)
class Published:
    """Figures of the publication that a study reproduces; None if it does not print them."""

    top: int = 10
    """Number of rows of the published list."""
    first: float | None = None
    """Largest difference in the list, percentage points, two decimals."""
    last: float | None = None
    """Smallest difference in the list."""
    architectures: int | None = None
    entries: int | None = None


@dataclass(frozen=True)
class Alternative:
    """Another set of rules: the study's selection with some options changed."""

    name: str
    changed: Mapping[str, Any]
    selection: Selection


@dataclass(frozen=True)
class ClaimsTable:
    """A checked ``[claims]`` table."""

    selection: Selection
    inferred: tuple[str, ...]
    """Options whose value is not stated by a source and was inferred."""
    reasons: Mapping[str, str]
    """Option -> why it has this value."""
    published: Published | None
    alternatives: tuple[Alternative, ...]
    notes: tuple[str, ...]


def parse(table: Mapping[str, Any]) -> ClaimsTable:
    """Return the checked ``[claims]`` table; raise ClaimsError that names an invalid key.

    >>> parse({"zoos": ["torchvision", "keras"], "as_of": "2022-03-31"}).selection.zoos
    ('torchvision', 'keras')
    """
    check_keys(table, _KEYS, ("claims",))
    options = {key: value for key, value in table.items() if key in OPTIONS}
    inferred = _texts(table.get("inferred", []), "inferred")
    for name in inferred:
        check_keys({name: None}, OPTIONS, ("claims", "inferred"))
    reasons = _table(table.get("reasons", {}), "reasons")
    check_keys(reasons, OPTIONS, ("claims", "reasons"))
    for name, reason in reasons.items():
        if not isinstance(reason, str):
            raise ClaimsError(f"claims.reasons.{name} must be text", "claims", "reasons", name)
    return ClaimsTable(
        selection=selection(options),
        inferred=inferred,
        reasons=reasons,
        published=_published(table.get("published")),
        alternatives=_alternatives(table.get("alternatives", []), options),
        notes=_texts(table.get("notes", []), "notes"),
    )


def _alternatives(value: object, options: Mapping[str, Any]) -> tuple[Alternative, ...]:
    where = ("claims", "alternatives")
    if not isinstance(value, list):
        raise ClaimsError("claims.alternatives must be tables, [[claims.alternatives]]", *where)
    alternatives = []
    for item in value:
        changed = dict(_table(item, "alternatives"))
        name = changed.pop("name", None)
        if not isinstance(name, str) or not name:
            raise ClaimsError("each of claims.alternatives needs a name", *where)
        chosen = selection({**options, **changed}, where)
        alternatives.append(Alternative(name, changed, chosen))
    return tuple(alternatives)


def _published(value: object) -> Published | None:
    if value is None:
        return None
    table = _table(value, "published")
    check_keys(table, _FIGURES, ("claims", "published"))
    for key, figure in table.items():
        whole = key in ("top", "architectures", "entries")
        valid = isinstance(figure, int if whole else int | float) and not isinstance(figure, bool)
        if not valid:
            kind = "a whole number" if whole else "a number"
            raise ClaimsError(
                f"claims.published.{key} = {figure!r} is not valid: it must be {kind}",
                *("claims", "published", key),
            )
        if whole and figure < 1:
            raise ClaimsError(
                f"claims.published.{key} = {figure} is not valid: it must be at least 1",
                *("claims", "published", key),
            )
    return Published(**table)


def _table(value: object, key: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ClaimsError(f"claims.{key} must be a table", "claims", key)
    return value


def _texts(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise ClaimsError(f"claims.{key} must be a list of texts", "claims", key)
    return tuple(value)
