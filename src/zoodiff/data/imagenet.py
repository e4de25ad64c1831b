"""The classes of ImageNet-1k: WordNet ids, names and numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files


@cache
def wnids() -> Sequence[str]:
    """The 1,000 WordNet ids in the order of the classes, which is their own order."""
    return tuple(one["wnid"] for one in _classes())


@cache
def names() -> Sequence[str]:
    """One name for each class, as torchvision has it."""
    return tuple(one["name"] for one in _classes())


@cache
def by_wnid() -> Mapping[str, int]:
    """WordNet id -> class."""
    return {wnid: number for number, wnid in enumerate(wnids())}


@cache
def by_name() -> Mapping[str, int]:
    """Every name and word that belongs to one class alone, in plain letters -> class."""
    found: dict[str, set[int]] = {}
    for number, one in enumerate(_classes()):
        for name in (one["name"], *one["words"], ", ".join(one["words"])):
            found.setdefault(plain(name), set()).add(number)
    return {name: next(iter(classes)) for name, classes in found.items() if len(classes) == 1}


def plain(name: str) -> str:
    """A name without case, underscores and punctuation.

    >>> plain("Yellow_lady's slipper")
    'yellow lady s slipper'
    """
    return " ".join(re.findall(r"[a-z0-9]+", name.lower()))


def class_of(text: str) -> int | None:
    """The class of a WordNet id or of a name, or None.

    >>> class_of("n01440764"), class_of("goldfish"), class_of("no such thing")
    (0, 1, None)
    """
    return by_wnid().get(text, by_name().get(plain(text)))


@cache
def _classes() -> list[dict[str, str]]:
    text = files("zoodiff.data").joinpath("imagenet_1k.json").read_text(encoding="utf-8")
    found: list[dict[str, str]] = json.loads(text)["classes"]
    return found
