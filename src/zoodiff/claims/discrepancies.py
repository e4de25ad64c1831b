"""Ranks architectures by the largest difference between the claims of two zoos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from zoodiff.claims import catalogue
from zoodiff.claims.catalogue import Claim
from zoodiff.claims.selection import Selection

_DIGITS = 6
"""Decimals of a difference. Claims have at most three: rounding removes binary fractions."""


@dataclass(frozen=True)
class Discrepancy:
    """The largest difference in claimed top-1 between any two zoos, for one architecture."""

    architecture: str
    high: Claim
    low: Claim
    difference: float
    """Percentage points."""
    considered: tuple[Claim, ...]
    """All claims that the rules admit."""


@dataclass(frozen=True)
class Ranking:
    """All discrepancies, largest first, and the compared architectures and zoos."""

    rows: tuple[Discrepancy, ...]
    offered: dict[str, tuple[str, ...]]
    """Architecture -> the zoos that offer it, for architectures with claims of two zoos."""
    unranked: dict[str, str]
    """Architecture -> why it is counted but not ranked."""

    @property
    def architectures(self) -> int:
        """The number of architectures for which at least two zoos claim an accuracy."""
        return len(self.offered)

    @property
    def entries(self) -> int:
        """The number of pairs of an architecture and a zoo that offers it."""
        return sum(map(len, self.offered.values()))


def rank(chosen: Selection, claims: Iterable[Claim] | None = None) -> Ranking:
    """Rank the architectures by the largest difference in claimed top-1 between two zoos.

    An architecture is compared if at least two zoos claim a top-1 accuracy for it. Its entries are
    those of all zoos that offer it by the same rules, with or without a claimed accuracy. The
    rules ``which`` and ``input_size`` choose among the claims with an accuracy; ``metric_form``
    decides which of them are ranked and does not change which are counted.
    """
    all_claims = catalogue.load() if claims is None else list(claims)
    offered = [claim for claim in all_claims if chosen.offers(claim)]
    zoos: dict[str, dict[str, None]] = defaultdict(dict)
    for claim in offered:
        zoos[claim.architecture][claim.zoo] = None
    members: dict[str, list[Claim]] = defaultdict(list)
    for claim in chosen.claimed(offered):
        members[claim.architecture].append(claim)
    compared = sorted(name for name, group in members.items() if _zoos(group) > 1)
    rows, unranked = [], {}
    for name in compared:
        group = [claim for claim in members[name] if chosen.ranks(claim)]
        if _zoos(group) > 1:
            rows.append(_largest(name, group))
        else:
            left_out = sorted({c.label for c in members[name] if not chosen.ranks(c)})
            unranked[name] = f"printed as an error rate: {', '.join(left_out)}"
    rows.sort(key=lambda row: (-row.difference, row.architecture))
    return Ranking(tuple(rows), {name: tuple(sorted(zoos[name])) for name in compared}, unranked)


def _zoos(claims: Iterable[Claim]) -> int:
    return len({claim.zoo for claim in claims})


def _largest(architecture: str, claims: list[Claim]) -> Discrepancy:
    ordered = sorted(claims, key=lambda claim: (claim.zoo, claim.label, claim.source))
    high, low = max(
        (pair for pair in product(ordered, ordered) if pair[0].zoo != pair[1].zoo),
        key=lambda pair: _difference(*pair),
    )
    return Discrepancy(architecture, high, low, _difference(high, low), tuple(ordered))


def _difference(high: Claim, low: Claim) -> float:
    assert high.top1_percent is not None
    assert low.top1_percent is not None
    return round(high.top1_percent - low.top1_percent, _DIGITS)
