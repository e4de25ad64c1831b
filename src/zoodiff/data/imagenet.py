"""The classes of ImageNet-1k: WordNet ids, names and numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files


@cache
def wnids() -> Sequence[str]:
    """Return the 1,000 WordNet ids in the order of the classes (their alphabetical order)."""
    return tuple(entry["wnid"] for entry in _classes())


@cache
def names() -> Sequence[str]:
    """Return one name per class, as torchvision spells it."""
    return tuple(entry["name"] for entry in _classes())


@cache
def by_wnid() -> Mapping[str, int]:
    """Return the class of each WordNet id."""
    return {wnid: number for number, wnid in enumerate(wnids())}


@cache
def by_name() -> Mapping[str, int]:
    """Return the class of each name that belongs to a single class; names as ``plain`` returns."""
    classes_by_name: dict[str, set[int]] = {}
    for number, entry in enumerate(_classes()):
        for name in (entry["name"], *entry["words"], ", ".join(entry["words"])):
            classes_by_name.setdefault(plain(name), set()).add(number)
    return {
        name: next(iter(classes)) for name, classes in classes_by_name.items() if len(classes) == 1
    }


def plain(name: str) -> str:
    """Return a name in lower case, without underscores and punctuation.

    >>> plain("Yellow_lady's slipper")
    'yellow lady s slipper'
    """
    return " ".join(re.findall(r"[a-z0-9]+", name.lower()))


def class_of(text: str) -> int | None:
    """Return the class of a WordNet id or a name; None if there is none.

    >>> class_of("n01440764"), class_of("goldfish"), class_of("no such thing")
    (0, 1, None)
    """
    return by_wnid().get(text, by_name().get(plain(text)))


@cache
def _classes() -> list[dict[str, str]]:
    text = files("zoodiff.data").joinpath("imagenet_1k.json").read_text(encoding="utf-8")
    classes: list[dict[str, str]] = json.loads(text)["classes"]
    return classes
