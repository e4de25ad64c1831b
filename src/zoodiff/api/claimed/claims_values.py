"""The parts of a ``ClaimsReport``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.display import Displayed, Shown

if TYPE_CHECKING:  # a report has few of these, and importing them all takes time
    from zoodiff.claims.catalogue import Claim
    from zoodiff.claims.machines import MachineRanking, TimeModel
    from zoodiff.claims.recipes import RecipeClaim
    from zoodiff.claims.test_sets import AccuracyClaim
    from zoodiff.claims.times import LatencyClaim

__all__ = [
    "AccuracyClaim",
    "ClaimSpread",
    "ClaimsReport",
    "LatencyClaim",
    "MachineRanking",
    "RecipeClaim",
    "SelectedClaims",
    "TimeModel",
    "ranking_to_dict",
]


@dataclass(frozen=True, repr=False)
class SelectedClaims(Displayed):
    """The claims that a request selects, and the number of known claims."""

    claims: tuple[Claim, ...]
    known: int
    """Number of claims about the architecture before the selection."""

    def _shown(self) -> Shown:
        return Shown(
            f"{len(self.claims)} of {self.known} claims",
            rows=[claim.to_dict() for claim in self.claims],
            columns=("zoo", "model", "weights", "top1_percent", "top5_percent", "parameters"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {"claims": [claim.to_dict() for claim in self.claims], "known": self.known}


@dataclass(frozen=True, repr=False)
class ClaimSpread(Displayed):
    """The differences between the claims about one architecture."""

    architecture: str
    zoos: tuple[str, ...]
    claims: int
    top1_lowest_percent: float | None
    top1_highest_percent: float | None
    spread_points: float | None
    """Largest difference between two zoos, percentage points; None if fewer than two zoos claim an
    accuracy."""
    spread_high: str | None
    spread_low: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)

    def _shown(self) -> Shown:
        points = "" if self.spread_points is None else f", {self.spread_points:.2f} points apart"
        return Shown(
            f"{self.claims} claims about {self.architecture} of {len(self.zoos)} zoos{points}",
            list(self.to_dict().items()),
        )

    def _rows(self) -> list[dict[str, Any]]:
        return [self.to_dict()]


@dataclass(frozen=True, repr=False)
class ClaimsReport(Displayed):
    """What ``zoodiff claims`` prints: one of the tables, or a ranking of two machines."""

    architecture: str | None
    """Canonical name; None for all."""
    claims: tuple[Claim, ...] = ()
    spreads: tuple[ClaimSpread, ...] = ()
    """Per architecture, if none was named."""
    times: tuple[LatencyClaim, ...] = ()
    accuracies: tuple[AccuracyClaim, ...] = ()
    """On further test sets, of quantised networks and on devices."""
    recipes: tuple[RecipeClaim, ...] = ()
    ranking: MachineRanking | None = None
    known: int = 0
    """Rows before any was left out."""
    left: int = 0
    """Rows that the filters leave, before ``limit``."""
    why_empty: str | None = None
    """Which filters leave nothing; None if something is left."""

    @property
    def rows(
        self,
    ) -> tuple[Claim | ClaimSpread | LatencyClaim | AccuracyClaim | RecipeClaim, ...]:
        """The rows of the table that was asked for."""
        return self.claims or self.spreads or self.times or self.accuracies or self.recipes

    def to_json(self) -> list[dict[str, Any]] | dict[str, Any]:
        """Return plain values: a list of rows, or one object for a ranking."""
        if self.ranking is not None:
            return ranking_to_dict(self.ranking)
        return [row.to_dict() for row in self.rows]

    def _shown(self) -> Shown:
        if self.ranking is not None:
            pairs = [asdict(pair) for pair in self.ranking.exchanged]
            return Shown(f"the order on {self.ranking.first} and {self.ranking.second}", (), pairs)
        what = self.architecture or "all architectures"
        return Shown(
            self.why_empty or f"{len(self.rows)} of {self.known} rows about {what}",
            rows=[row.to_dict() for row in self.rows],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: the rows of the table that was asked for, or the ranking."""
        return {"architecture": self.architecture, "rows": self.to_json()}


def ranking_to_dict(ranking: MachineRanking) -> dict[str, Any]:
    """Return a ranking of two machines as plain values."""
    return asdict(ranking) | {
        "alternatives": [
            {"conditions": asdict(conditions), "networks": count}
            for conditions, count in ranking.alternatives
        ]
    }
