"""Finds larger members of a family of networks that are worse than smaller ones.

A family is a set of names that differ in a size. By the claims of all zoos, larger members of a
family are better. If a larger member is measured to be worse, its recipe (weights, preprocessing,
input size, labels) is more likely wrong than its network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from zoodiff.claims import catalogue

_WORDS = (
    *("atto", "femto", "pico", "nano", "tiny", "mobile", "s", "small", "m", "medium", "base"),
    *("l", "large", "xl", "xlarge", "huge", "giant", "gigantic", "enormous"),
)
_NUMBER = re.compile(r"(?P<stem>b|x|)(?P<size>\d+(\.\d+)?)(?P<unit>mf|)")
_DEPTH = re.compile(r"(?P<stem>[a-z]{3,}?(rs)?)(?P<size>\d+)(?P<unit>(v\d+)?)")
_NO_SIZES = frozenset({"patch", "lite", "crop", "size", "res"})


class Member(NamedTuple):
    """A member of a family, with its size."""

    family: str
    size: float


class Inversion(NamedTuple):
    """A larger member of a family that is worse than a smaller one."""

    larger: str
    smaller: str
    family: str


def member(architecture: str) -> Member | None:
    """Return family and size of an architecture from its name; None if it has no size.

    >>> member("resnet50"), member("efficientnet_b3")
    (Member(family='resnet*', size=50.0), Member(family='efficientnet_b*', size=3.0))
    >>> member("vit_large_patch16").family, member("mobilenet_v2"), member("vgg11_bn").family
    ('vit_*_patch16', None, 'vgg*_bn')
    """
    tokens = architecture.split("_")
    for k, token in enumerate(tokens):
        size, pattern = _size(token)
        if size is not None:
            return Member("_".join([*tokens[:k], pattern, *tokens[k + 1 :]]), size)
    return None


def _size(token: str) -> tuple[float | None, str]:
    if token in _WORDS:
        return float(_WORDS.index(token)), "*"
    for pattern in (_NUMBER, _DEPTH):
        match = pattern.fullmatch(token)
        if match and match["stem"] not in _NO_SIZES:
            return float(match["size"]), f"{match['stem']}*{match['unit']}"
    return None, token


def inversions(
    measured: Sequence[tuple[str, str, str, float]], different: set[frozenset[str]]
) -> list[Inversion]:
    """Return the larger members of families that are significantly worse than smaller ones.

    ``measured`` has entry, zoo, architecture and top-1 in percent; ``different`` the pairs of
    entries that differ significantly. If the claims about two members have the same order as the
    measurement, size does not mean quality in this family, and the pair is left out.
    """
    inverted = []
    for entry, zoo, architecture, top1 in measured:
        candidate = member(architecture)
        for other_entry, other_zoo, other_architecture, other_top1 in measured:
            reference = member(other_architecture)
            if (
                candidate is None
                or reference is None
                or zoo != other_zoo
                or candidate.family != reference.family
            ):
                continue
            if frozenset((entry, other_entry)) not in different:
                continue
            if candidate.size > reference.size and top1 < other_top1:
                claims = [_claimed(x) for x in (architecture, other_architecture)]
                if None in claims or claims[0] >= claims[1]:  # type: ignore[operator]
                    inverted.append(Inversion(entry, other_entry, candidate.family))
    return inverted


def _claimed(architecture: str) -> float | None:
    """Return the median of the claimed top-1 for an architecture, in percent; None without."""
    if architecture not in catalogue.architectures():
        return None
    claims = [c.top1_percent for c in catalogue.claims_for(architecture=architecture)]
    known = [claim for claim in claims if claim is not None]
    return median(known) if known else None
