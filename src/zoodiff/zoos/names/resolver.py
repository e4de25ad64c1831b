"""Find the canonical name of a network from any spelling in any zoo.

A spelling is looked up in this order: the entry itself in the hand-checked table and in the
catalogues, then the canonical names, then the form of the spelling (``spelling.py``). A form that
several canonical names share names the one that is written like the form; otherwise nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache

from zoodiff.entry import did_you_mean, folded
from zoodiff.errors import UnknownNameError
from zoodiff.zoos import registry
from zoodiff.zoos.names import table
from zoodiff.zoos.names.spelling import form


def canonical_name(spelling: str, zoo: str = "") -> str | None:
    """Return the canonical name that a spelling means; None if none or several fit.

    An entry that the table knows as another network than its name says has none.
    ``spelling`` may start with the zoo, ``zoo:model@weights``.

    >>> canonical_name("onnx:resnet50-v1-12-int8"), canonical_name("RegNetX_400MF")
    ('resnet50', 'regnetx_400mf')
    """
    before, colon, after = spelling.partition(":")
    if colon:
        zoo, spelling = zoo or before, after
    spelling = spelling.partition("@")[0]
    row = table.by_entry().get((zoo, spelling))
    if row is not None and row.counts:
        return None if row.kind == "other" else row.name
    return _of_catalogue(zoo, spelling) or by_rules(spelling, zoo, _known())


def chosen_names(spellings: Sequence[str], by_name: Collection[str]) -> list[str]:
    """Return the canonical names that spellings mean, each once; raise UnknownNameError.

    ``by_name`` are the canonical names that there are.
    """
    chosen: dict[str, None] = {}
    for spelling in spellings:
        name = spelling if spelling in by_name else canonical_name(spelling)
        if name is None:
            hint = did_you_mean(spelling, by_name) or "; see zoodiff list"
            raise UnknownNameError(f'no network is called "{spelling}"{hint}')
        if name not in by_name:
            raise UnknownNameError(f'"{spelling}" means {name}, which none of these zoos has')
        chosen[name] = None
    return list(chosen)


def by_rules(spelling: str, zoo: str, known: Mapping[str, Collection[str]]) -> str | None:
    """Return the canonical name of a spelling by rules alone.

    ``known`` has the canonical names by form, as ``by_form`` returns them.
    """
    written = folded(spelling)
    for text in dict.fromkeys((form(spelling, zoo), form(spelling, "" if zoo else "onnx"))):
        names = known.get(text, ())
        exact = [name for name in names if folded(name) == written]
        plain = exact or [name for name in names if name.replace("_", "") == text] or list(names)
        if len(plain) == 1:
            return plain[0]
    return None


def by_form(names: Collection[str]) -> dict[str, list[str]]:
    """Return canonical names by their form."""
    forms: dict[str, list[str]] = {}
    for name in sorted(names):
        forms.setdefault(form(name), []).append(name)
    return forms


def _of_catalogue(zoo: str, model: str) -> str | None:
    if zoo not in registry.zoos():
        return None
    known = registry.models(zoo).get(model)
    return known.architecture if known else None


@cache
def _known() -> Mapping[str, Collection[str]]:
    return by_form({*table.names(), *registry.by_architecture()})
