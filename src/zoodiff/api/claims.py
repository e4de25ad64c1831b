"""Select the claims of zoos about their networks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoodiff.claims.selection import ClaimsError

if TYPE_CHECKING:
    from zoodiff.claims.catalogue import Claim
    from zoodiff.claims.selection import Selection

__all__ = [
    "ClaimSpread",
    "ClaimsError",
    "ClaimsRequest",
    "SelectedClaims",
    "claim_spreads",
    "claimed_architectures",
    "claiming_zoos",
    "select_claims",
]


@dataclass(frozen=True, kw_only=True)
class ClaimsRequest:
    """The criteria that select claims."""

    architecture: str | None = None
    """Canonical name; None for all."""
    zoos: tuple[str, ...] = ()
    """Zoos whose claims count; all if empty."""
    weights: tuple[str, ...] = ()
    """Names of weights that count; all if empty."""
    input_size: int | str = "any"
    """Pixels; ``largest`` (per zoo, with an accuracy) or ``any``."""
    precision: str = "any"
    """``fp32``, ``int8`` or ``any``."""
    extra_data: str = "include"
    """Weights with extra data, distilled or pruned: ``include``, ``exclude`` or ``only``."""
    as_of: str | None = None
    """Select the claims that were public and not withdrawn on this day, YYYY-MM-DD."""


@dataclass(frozen=True)
class SelectedClaims:
    """The claims that a request selects, and the number of known claims."""

    claims: tuple[Claim, ...]
    known: int
    """Number of claims about the architecture before the selection."""


@dataclass(frozen=True)
class ClaimSpread:
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


def select_claims(request: ClaimsRequest | str) -> SelectedClaims:
    """Return the claims that a request, or an architecture's name, selects.

    Raises UnknownNameError for an architecture without claims, ClaimsError for an invalid field.
    """
    from zoodiff.claims import catalogue

    request = ClaimsRequest(architecture=request) if isinstance(request, str) else request
    selection = _selection(request)
    known = catalogue.claims_for(request.architecture)
    selected = [claim for claim in known if selection.offers(claim)]
    if selection.input_size == "largest":
        selected = selection.claimed(selected)
    return SelectedClaims(tuple(selected), len(known))


def claim_spreads(request: ClaimsRequest | None = None) -> list[ClaimSpread]:
    """Return per architecture the zoos with claims and the differences between them.

    Raises ClaimsError for an invalid field.
    """
    from zoodiff.claims import catalogue, discrepancies

    request = request or ClaimsRequest()
    selection = _selection(request)
    everything = catalogue.claims_for(request.architecture)
    largest = {row.architecture: row for row in discrepancies.rank(selection, everything).rows}
    groups: dict[str, list[Claim]] = {}
    for claim in everything:
        if selection.offers(claim):
            groups.setdefault(claim.architecture, []).append(claim)
    spreads = []
    for architecture, claims in groups.items():
        accuracies = [claim.top1_percent for claim in claims if claim.top1_percent is not None]
        pair = largest.get(architecture)
        spreads.append(
            ClaimSpread(
                architecture=architecture,
                zoos=tuple(sorted({claim.zoo for claim in claims})),
                claims=len(claims),
                top1_lowest_percent=min(accuracies, default=None),
                top1_highest_percent=max(accuracies, default=None),
                spread_points=pair.difference if pair else None,
                spread_high=pair.high.label if pair else None,
                spread_low=pair.low.label if pair else None,
            )
        )
    return spreads


def claimed_architectures() -> list[str]:
    """Return the architectures with claims."""
    from zoodiff.claims import catalogue

    return catalogue.architectures()


def claiming_zoos() -> tuple[str, ...]:
    """Return the zoos with claims."""
    from zoodiff.claims import catalogue

    return catalogue.zoo_names()


def _selection(request: ClaimsRequest) -> Selection:
    from zoodiff.claims import catalogue, selection

    size = request.input_size
    table: dict[str, Any] = {
        "zoos": list(request.zoos) or "all",
        "input_size": int(size) if isinstance(size, str) and size.isdecimal() else size,
        "precision": request.precision,
        "extra_data": request.extra_data,
        "withdrawn": "exclude" if request.as_of else "include",
    }
    if request.as_of:
        table["as_of"] = request.as_of
    if request.weights:
        table["weights"] = {zoo: list(request.weights) for zoo in catalogue.zoo_names()}
    return selection.selection(table, where=())
