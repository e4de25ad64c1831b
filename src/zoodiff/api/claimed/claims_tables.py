"""Published times, accuracies on further test sets, recipes, and rankings of machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from zoodiff.api.claimed.claims_values import ClaimsReport
from zoodiff.claims import columns, filters
from zoodiff.claims.filters import Filter, names_part
from zoodiff.claims.selection import ClaimsError
from zoodiff.entry import did_you_mean, folded, meant
from zoodiff.errors import UsageError

if TYPE_CHECKING:
    from zoodiff.api.claimed.claims_request import ClaimsRequest
    from zoodiff.claims.columns import Table
    from zoodiff.claims.recipes import RecipeClaim
    from zoodiff.claims.test_sets import AccuracyClaim
    from zoodiff.claims.times import LatencyClaim

Row = TypeVar("Row", "LatencyClaim", "AccuracyClaim", "RecipeClaim")
ALL = "all"


def report(request: ClaimsRequest) -> ClaimsReport:
    """Return the table that a request asks for, or a ranking of machines.

    Raises as ``claims`` does.
    """
    if request.rankings is not None:
        return _ranking(request, request.rankings)
    if request.latency:
        return _times(request)
    if request.test_set is not None:
        return _accuracies(request, request.test_set)
    return _recipes(request)


def _ranking(request: ClaimsRequest, names: tuple[str, str]) -> ClaimsReport:
    from zoodiff.claims import machines
    from zoodiff.claims.times import latency_claims

    everything = latency_claims()
    conditions = [
        *_of_zoos(request, "latency"),
        *_of_precision(request),
        *_of_batch(request),
    ]
    rows = filters.kept(everything, conditions)
    if not rows:
        raise UsageError(f"no times are left: {filters.why_empty(everything, conditions)}")
    most = machines.MOST_LISTED if request.limit is None else request.limit
    ranking = machines.compare(rows, *names, most=most)
    return ClaimsReport(None, ranking=ranking, known=len(everything), left=len(rows))


def _times(request: ClaimsRequest) -> ClaimsReport:
    from zoodiff.claims.times import latency_claims

    everything = latency_claims(request.architecture)
    conditions: list[Filter[LatencyClaim]] = [
        *_of_zoos(request, "latency"),
        *_of_weights(request),
        *_of_size(request),
        *_of_precision(request),
        *_of_machine(request),
        *_of_batch(request),
        *filters.within(request.minimum, request.maximum, lambda row: row.milliseconds),
    ]
    rows = filters.kept(everything, conditions)
    if request.sort is not None:
        rows = filters.sorted_rows(
            rows,
            request.sort,
            {
                "ms": (lambda row: row.milliseconds, False),
                "images": (lambda row: row.computed_images_per_second, True),
                "machine": (lambda row: row.machine, False),
                "zoo": (lambda row: row.zoo, False),
                "model": (lambda row: row.model.lower(), False),
                "date": (lambda row: row.date, False),
            },
        )
    else:
        rows.sort(key=_order_of_times)
    return ClaimsReport(
        _name(request, everything),
        times=_limited(request, rows),
        known=len(everything),
        left=len(rows),
        why_empty=None if rows else filters.why_empty(everything, conditions),
    )


def _order_of_times(row: LatencyClaim) -> tuple[Any, ...]:
    """Comparable times stand together, fastest first."""
    time = row.milliseconds if row.milliseconds is not None else float("inf")
    return row.architecture, row.measure, row.batch or 0, time, row.zoo, row.model


def _accuracies(request: ClaimsRequest, test_set: str) -> ClaimsReport:
    from zoodiff.claims.test_sets import accuracy_claims

    everything = accuracy_claims(request.architecture)
    conditions: list[Filter[AccuracyClaim]] = [
        *_of_test_set(test_set),
        *_of_zoos(request, "accuracy"),
        *_of_weights(request),
        *_of_size(request),
        *_of_precision(request),
        *_of_machine(request),
        *filters.within(request.minimum, request.maximum, lambda row: row.top1_percent),
    ]
    rows = filters.kept(everything, conditions)
    if request.sort is not None:
        rows = filters.sorted_rows(
            rows,
            request.sort,
            {
                "top1": (lambda row: row.top1_percent, True),
                "top5": (lambda row: row.top5_percent, True),
                "difference": (lambda row: row.top1_difference_points, False),
                "zoo": (lambda row: row.zoo, False),
                "model": (lambda row: row.model.lower(), False),
                "date": (lambda row: row.date, False),
            },
        )
    else:
        rows.sort(
            key=lambda row: (
                *(row.architecture, row.test_set, -(row.top1_percent or 0.0), row.zoo, row.model),
            )
        )
    return ClaimsReport(
        _name(request, everything),
        accuracies=_limited(request, rows),
        known=len(everything),
        left=len(rows),
        why_empty=None if rows else filters.why_empty(everything, conditions),
    )


def _recipes(request: ClaimsRequest) -> ClaimsReport:
    from zoodiff.claims.recipes import recipe_claims

    everything = recipe_claims(request.architecture)
    conditions: list[Filter[RecipeClaim]] = [
        *_of_zoos(request, "recipes"),
        *_of_weights(request),
    ]
    rows = filters.kept(everything, conditions)
    rows.sort(key=lambda row: (row.architecture, row.zoo, row.model, row.weights))
    return ClaimsReport(
        _name(request, everything),
        recipes=_limited(request, rows),
        known=len(everything),
        left=len(rows),
        why_empty=None if rows else filters.why_empty(everything, conditions),
    )


def _name(request: ClaimsRequest, rows: Sequence[Row]) -> str | None:
    return rows[0].architecture if request.architecture is not None and rows else None


def _limited(request: ClaimsRequest, rows: Sequence[Row]) -> tuple[Row, ...]:
    return tuple(rows if request.limit is None else rows[: request.limit])


# Conditions


def _of_zoos(request: ClaimsRequest, table: Table) -> list[Filter[Any]]:
    if not request.zoos:
        return []
    known = columns.zoos(table)
    chosen = set()
    for name in request.zoos:
        zoo = meant(name, known)
        if zoo is None:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise ClaimsError(f'zoos: no {columns.CONTENTS[table]} of a zoo "{name}"{hint}', "zoos")
        chosen.add(zoo)
    option = " ".join(f"--zoo {name}" for name in request.zoos)
    return [Filter(option, lambda row: row.zoo in chosen, lambda row: row.zoo)]


def _of_weights(request: ClaimsRequest) -> list[Filter[Any]]:
    if not request.weights:
        return []
    chosen = {folded(name) for name in request.weights}
    option = " ".join(f"--weights {name}" for name in request.weights)
    return [Filter(option, lambda row: folded(row.weights) in chosen, lambda row: row.weights)]


def _of_size(request: ClaimsRequest) -> list[Filter[Any]]:
    size = str(request.input_size)
    if size == "any":
        return []
    if not size.isdecimal():
        raise ClaimsError(
            f"input_size = {request.input_size!r} is not valid: it must be any or a number of "
            "pixels here",
            "input_size",
        )
    return [
        Filter(
            f"--input-size {size}",
            lambda row: str(row.image_size) == size,
            lambda row: None if row.image_size is None else str(row.image_size),
        )
    ]


def _of_precision(request: ClaimsRequest) -> list[Filter[Any]]:
    if request.precision == "any":
        return []
    wanted = folded(request.precision)

    def plain(row: Any) -> str | None:
        return None if row.precision is None else row.precision.removesuffix(" (assumed)")

    return [
        Filter(
            f"--precision {request.precision}",
            lambda row: folded(plain(row) or "") == wanted,
            plain,
        )
    ]


def _of_machine(request: ClaimsRequest) -> list[Filter[Any]]:
    name = request.machine
    if name is None:
        return []
    return [
        Filter(
            f"--machine {name}",
            lambda row: names_part(name, row.machine),
            lambda row: row.machine,
        )
    ]


def _of_batch(request: ClaimsRequest) -> list[Filter[Any]]:
    batch = request.batch
    if batch is None:
        return []
    return [
        Filter(
            f"--batch {batch}",
            lambda row: row.batch == batch,
            lambda row: None if row.batch is None else str(row.batch),
        )
    ]


def _of_test_set(name: str) -> list[Filter[AccuracyClaim]]:
    if name == ALL:
        return []
    return [
        Filter(
            f"--test-set {name}",
            lambda row: names_part(name, row.test_set),
            lambda row: row.test_set,
        )
    ]
