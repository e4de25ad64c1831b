"""Select and list the claims of zoos about their networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoodiff.api.claimed.claims_request import ClaimsRequest
from zoodiff.api.claimed.claims_values import ClaimSpread, ClaimsReport, SelectedClaims
from zoodiff.claims.selection import ClaimsError
from zoodiff.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoodiff.claims.catalogue import Claim
    from zoodiff.claims.selection import Selection

__all__ = [
    "ClaimSpread",
    "ClaimsError",
    "ClaimsReport",
    "ClaimsRequest",
    "SelectedClaims",
    "claim_spreads",
    "claimed_architectures",
    "claiming_zoos",
    "claims",
    "select_claims",
]


def claims(request: ClaimsRequest | str | None = None, **fields: Any) -> ClaimsReport:
    """Return what zoos publish, by a request, an architecture's name, or the request's fields.

    Without an architecture, the differences between all claims. Raises UnknownNameError for a name
    without claims, ClaimsError for an invalid field or fields that cannot be combined.
    """
    if isinstance(request, ClaimsRequest):
        if fields:
            raise UsageError("claims takes a request or its fields, not both")
        asked = request
    else:
        named: dict[str, Any] = {"architecture": request} if request else {}
        asked = ClaimsRequest(**named, **fields)
    _check(asked)
    if asked.rankings is not None or asked.latency or asked.test_set or asked.recipes:
        from zoodiff.api.claimed import claims_tables

        return claims_tables.report(asked)
    if asked.architecture is None and asked.sort is None and not _bounded(asked):
        spreads = tuple(claim_spreads(asked))
        known = sum(spread.claims for spread in spreads)
        kept = spreads if asked.limit is None else spreads[: asked.limit]
        return ClaimsReport(None, spreads=kept, known=known, left=len(spreads))
    return _selected_report(asked)


def _bounded(request: ClaimsRequest) -> bool:
    return request.minimum is not None or request.maximum is not None


def _check(request: ClaimsRequest) -> None:
    """Raise UsageError for fields that do not go together."""
    tables = [
        name
        for name, asked in (
            ("rankings", request.rankings),
            ("latency", request.latency),
            ("test_set", request.test_set is not None),
            ("recipes", request.recipes),
        )
        if asked
    ]
    if len(tables) > 1:
        raise ClaimsError(f"{tables[0]} and {tables[1]} are different tables; ask for one", *tables)
    if request.test_set == "":
        raise ClaimsError("test_set must be a part of a name, or all", "test_set")
    if request.limit is not None and request.limit < 1:
        raise ClaimsError(f"limit = {request.limit} is not valid: it must be 1 or more", "limit")
    table = tables[0] if tables else "claims"
    changed = [
        name
        for name, taken_by in _TABLES_OF.items()
        if table not in taken_by and getattr(request, name) != _DEFAULTS[name]
    ]
    if changed:
        name = "an architecture" if changed[0] == "architecture" else changed[0]
        chosen = "the table of accuracies and sizes" if table == "claims" else table
        raise ClaimsError(f"{name} does not go with {chosen}", *{name, chosen} - _WORDS)


_TABLES_OF = {
    "architecture": ("claims", "latency", "test_set", "recipes"),
    "weights": ("claims", "latency", "test_set", "recipes"),
    "input_size": ("claims", "latency", "test_set"),
    "precision": ("claims", "latency", "test_set", "rankings"),
    "extra_data": ("claims",),
    "as_of": ("claims",),
    "machine": ("latency", "test_set"),
    "batch": ("latency", "rankings"),
    "minimum": ("claims", "latency", "test_set"),
    "maximum": ("claims", "latency", "test_set"),
    "sort": ("claims", "latency", "test_set"),
}
"""Fields that not every table has, and the tables that have them."""
_WORDS = {"an architecture", "the table of accuracies and sizes"}
_DEFAULTS: dict[str, Any] = {name: getattr(ClaimsRequest(), name) for name in _TABLES_OF}


def _selected_report(request: ClaimsRequest) -> ClaimsReport:
    """Return the claims about one architecture, or all, filtered further and sorted."""
    from zoodiff.claims import filters

    selected = select_claims(request)
    bounds: list[filters.Filter[Claim]] = filters.within(
        request.minimum, request.maximum, lambda claim: claim.top1_percent
    )
    rows = filters.kept(selected.claims, bounds)
    empty = filters.why_empty(selected.claims, bounds) if bounds and not rows else None
    if request.sort is not None:
        rows = filters.sorted_rows(
            rows,
            request.sort,
            {
                "top1": (lambda c: c.top1_percent, True),
                "top5": (lambda c: c.top5_percent, True),
                "parameters": (lambda c: c.parameters, False),
                "macs": (lambda c: c.macs, False),
                "input": (lambda c: c.input_height, False),
                "date": (lambda c: c.published_on, False),
                "zoo": (lambda c: c.zoo, False),
                "model": (lambda c: c.model.lower(), False),
            },
        )
    else:
        rows.sort(key=lambda c: (c.architecture, c.zoo, -(c.top1_percent or 0.0), c.model))
    name = _canonical(request, selected.claims)
    kept = rows if request.limit is None else rows[: request.limit]
    return ClaimsReport(name, tuple(kept), known=selected.known, left=len(rows), why_empty=empty)


def _canonical(request: ClaimsRequest, selected: Sequence[Claim]) -> str | None:
    if request.architecture is None:
        return None
    return selected[0].architecture if selected else request.architecture


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
    for architecture, members in groups.items():
        accuracies = [claim.top1_percent for claim in members if claim.top1_percent is not None]
        pair = largest.get(architecture)
        spreads.append(
            ClaimSpread(
                architecture=architecture,
                zoos=tuple(sorted({claim.zoo for claim in members})),
                claims=len(members),
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
