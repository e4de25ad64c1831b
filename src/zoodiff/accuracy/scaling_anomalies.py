"""Families of networks: members of one name that differ in size.

Larger members of a family score better, as all zoos publish them. Where measured it is the other
way round, the recipe of the larger one (weights, preprocessing, input size, labels) is suspect
before the network is.
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
    """A place in a family."""

    family: str
    size: float


class Inversion(NamedTuple):
    """A larger member that is worse."""

    larger: str
    smaller: str
    family: str


def member(architecture: str) -> Member | None:
    """Return family and size from a model's name; None if it has no size.

    >>> member("resnet50"), member("efficientnet_b3")
    (Member(family='resnet*', size=50.0), Member(family='efficientnet_b*', size=3.0))
    >>> member("vit_large_patch16").family, member("mobilenet_v2"), member("vgg11_bn").family
    ('vit_*_patch16', None, 'vgg*_bn')
    """
    tokens = architecture.split("_")
    for k, token in enumerate(tokens):
        size, shown = _size(token)
        if size is not None:
            return Member("_".join([*tokens[:k], shown, *tokens[k + 1 :]]), size)
    return None


def _size(token: str) -> tuple[float | None, str]:
    if token in _WORDS:
        return float(_WORDS.index(token)), "*"
    for pattern in (_NUMBER, _DEPTH):
        found = pattern.fullmatch(token)
        if found and found["stem"] not in _NO_SIZES:
            return float(found["size"]), f"{found['stem']}*{found['unit']}"
    return None, token


def inversions(
    measured: Sequence[tuple[str, str, str, float]], different: set[frozenset[str]]
) -> list[Inversion]:
    """Larger members that are worse.

    ``measured`` are entry, zoo, architecture and top-1; ``different`` the pairs that are shown to
    differ. Where the claims for two members have the same order as what was measured, the name's
    numbers do not go with quality and nothing is said.
    """
    found = []
    for entry, zoo, architecture, top1 in measured:
        mine = member(architecture)
        for other, other_zoo, other_architecture, other_top1 in measured:
            theirs = member(other_architecture)
            if mine is None or theirs is None or zoo != other_zoo or mine.family != theirs.family:
                continue
            if frozenset((entry, other)) not in different:
                continue
            if mine.size > theirs.size and top1 < other_top1:
                claims = [_claimed(x) for x in (architecture, other_architecture)]
                if None in claims or claims[0] >= claims[1]:  # type: ignore[operator]
                    found.append(Inversion(entry, other, mine.family))
    return found


def _claimed(architecture: str) -> float | None:
    """The median of what zoos claim for an architecture, percent."""
    if architecture not in catalogue.architectures():
        return None
    claims = [c.top1_percent for c in catalogue.claims_for(architecture=architecture)]
    known = [claim for claim in claims if claim is not None]
    return median(known) if known else None
