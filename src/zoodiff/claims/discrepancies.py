"""The ranking of the claims about one architecture, from the catalogue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from zoodiff.claims import catalogue
from zoodiff.claims.catalogue import Claim
from zoodiff.claims.selection import Selection

_DIGITS = 6
"""Claims have at most three decimals; this takes away what binary fractions add."""


@dataclass(frozen=True)
class Discrepancy:
    """The largest difference in claimed top-1 between any two zoos, for one architecture."""

    architecture: str
    high: Claim
    low: Claim
    difference: float
    """Percentage points."""
    considered: tuple[Claim, ...]
    """Every claim that the rules let in."""


@dataclass(frozen=True)
class Ranking:
    """All discrepancies, largest first, and the numbers of compared claims."""

    rows: tuple[Discrepancy, ...]
    offered: dict[str, tuple[str, ...]]
    """Architecture -> the zoos that offer it, of all architectures that two zoos claim."""
    unranked: dict[str, str]
    """Architecture -> why it is counted and not ranked."""

    @property
    def architectures(self) -> int:
        """Architectures for which at least two zoos claim an accuracy."""
        return len(self.offered)

    @property
    def entries(self) -> int:
        """(architecture, zoo) pairs of these: zoos that offer it, with a number or without."""
        return sum(map(len, self.offered.values()))


def rank(chosen: Selection, claims: Iterable[Claim] | None = None) -> Ranking:
    """Rank the architectures by the largest difference in claimed top-1 between two zoos.

    An architecture is compared where at least two zoos claim a top-1 accuracy for it. Its entries
    are those of all zoos that offer it by the same rules, with a number or without. The rules
    ``which`` and ``input_size`` choose among the claims with a number; ``metric_form`` decides
    which of them are ranked, not which are counted.
    """
    everything = catalogue.load() if claims is None else list(claims)
    offered = [claim for claim in everything if chosen.offers(claim)]
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
        ((one, other) for one, other in product(ordered, ordered) if one.zoo != other.zoo),
        key=lambda pair: _difference(*pair),
    )
    return Discrepancy(architecture, high, low, _difference(high, low), tuple(ordered))


def _difference(high: Claim, low: Claim) -> float:
    assert high.top1_percent is not None
    assert low.top1_percent is not None
    return round(high.top1_percent - low.top1_percent, _DIGITS)
