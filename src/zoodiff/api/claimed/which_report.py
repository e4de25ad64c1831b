"""Which network to take: a Pareto front of what is claimed and what was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.claims.front import FIGURES, Standing, WhichRow, figure_of, ranked
from zoodiff.display import Displayed, Shown
from zoodiff.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from zoodiff.claims.candidates import Candidate, Figure
    from zoodiff.claims.filters import Filter

__all__ = ["Candidate", "Figure", "WhichReport", "WhichRequest", "WhichRow", "which"]

TASKS = ("classification",)
_SUFFIXES = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(frozen=True, kw_only=True)
class WhichRequest:
    """Which networks are candidates, and what they are ranked by."""

    name: str | None = None
    """An architecture; None for all of the task."""
    task: str | None = None
    """``classification``: all networks."""
    zoos: tuple[str, ...] = ()
    """Zoos of candidates; all if empty."""
    precision: str | None = None
    """``fp32`` or ``int8``; both if None."""
    min_top1: float | None = None
    """Percent."""
    max_macs: str | float | None = None
    """Multiply-accumulates per image, as a number or as ``5G``, ``300M``."""
    max_size: str | float | None = None
    """Bytes of the weights, as a number or as ``100M``."""
    max_latency: float | None = None
    """Milliseconds, published for ``machine`` or measured."""
    machine: str | None = None
    """Part of a machine's name, whose published times count."""
    results: str | Path | None = None
    """The results folder whose measurements count."""
    sort: str = "top1"
    """``top1``, ``macs``, ``size`` or ``latency``, within the front and behind it."""
    limit: int | None = None
    """Most rows."""


@dataclass(frozen=True, repr=False)
class WhichReport(Displayed):
    """Candidates, the Pareto front first."""

    rows: tuple[WhichRow, ...]
    left: int
    """Candidates that the filters leave, before ``limit``."""
    known: int
    """Candidates before any filter."""
    ranked_by: tuple[str, ...]
    """``top1``, ``macs``, ``size``, and ``latency`` where times are known."""
    latency_conditions: str | None
    """What the times are of; None if there are none."""

    @property
    def front(self) -> tuple[WhichRow, ...]:
        """The rows on the Pareto front."""
        return tuple(row for row in self.rows if row.standing == "front")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "left": self.left,
            "known": self.known,
            "ranked_by": list(self.ranked_by),
            "latency_conditions": self.latency_conditions,
        }

    def to_html(self) -> str:
        """Return a page of its own, which loads nothing, with charts of the front and a table."""
        from zoodiff.report import render
        from zoodiff.report.sections import choice

        part = choice.part(self.rows, self.ranked_by, self.latency_conditions)
        return render.to_page(
            "Which network to take",
            "choice.html.j2",
            kicker=f"zoodiff which · {len(self.rows):,} candidates of {self.known:,}",
            command="zoodiff which --html",
            part=part,
        )

    def _shown(self) -> Shown:
        front = sum(row.standing == "front" for row in self.rows)
        return Shown(
            f"{front} networks on the front of {self.left} candidates",
            [("ranked by", self.ranked_by), ("latency", self.latency_conditions)],
            [row.to_dict() for row in self.rows],
            ("name", "standing", "top1_percent_value", "macs_value", "bytes_value", "reason"),
        )


def which(request: WhichRequest | str | None = None, **fields: Any) -> WhichReport:
    """Return the candidates for an architecture or a task, the Pareto front first.

    Raises UnknownNameError for a name that nothing is claimed about, UsageError for a field that is
    not valid, or filters that leave nothing, with the filter.
    """
    if isinstance(request, WhichRequest):
        if fields:
            raise UsageError("which takes a request or its fields, not both")
        asked = request
    else:
        named: dict[str, Any] = {"name": request} if request else {}
        asked = WhichRequest(**named, **fields)
    _check(asked)
    known, conditions = _candidates(asked)
    filters = _filters(asked)
    from zoodiff.claims.filters import kept, why_empty

    left = kept(known, filters)
    if not left:
        subject = asked.name or asked.task
        raise UsageError(
            f"none of the {len(known)} candidates for {subject} is left: "
            f"{why_empty(known, filters)}"
        )
    ranked_by = ("top1", "macs", "size") + (("latency",) if conditions else ())
    rows = ranked(left, ranked_by)
    rows.sort(key=lambda row: (_ORDER.index(row.standing), *_sort_key(row.candidate, asked.sort)))
    return WhichReport(
        rows=tuple(rows if asked.limit is None else rows[: asked.limit]),
        left=len(rows),
        known=len(known),
        ranked_by=ranked_by,
        latency_conditions=conditions,
    )


_ORDER: tuple[Standing, ...] = ("front", "dominated", "not ranked")


def _check(request: WhichRequest) -> None:
    from zoodiff.entry import did_you_mean

    if (request.name is None) == (request.task is None):
        raise UsageError(
            "name an architecture, or a task with --task classification; not both, not neither"
        )
    if request.task is not None and request.task not in TASKS:
        raise UsageError(
            f'nothing is known about the task "{request.task}"'
            f"{did_you_mean(request.task, TASKS)}; there is {', '.join(TASKS)}"
        )
    if request.sort not in FIGURES:
        raise UsageError(
            f"cannot sort by {request.sort!r}{did_you_mean(request.sort, FIGURES)}; sort by "
            f"{', '.join(FIGURES)}"
        )
    if request.precision not in (None, "fp32", "int8"):
        raise UsageError(f"--precision {request.precision} is not valid: it must be fp32 or int8")
    if request.limit is not None and request.limit < 1:
        raise UsageError(f"--limit {request.limit} is not valid: it must be 1 or more")
    if request.max_latency is not None and request.machine is None and request.results is None:
        raise UsageError("--max-latency needs times: name --machine or --results")


def _candidates(request: WhichRequest) -> tuple[list[Candidate], str | None]:
    """Return all candidates with their figures, and the conditions of the times."""
    from zoodiff.claims import candidates, catalogue
    from zoodiff.claims.selection import Selection

    in_force = Selection(zoos=(), precision="any", extra_data="include", input_size="any")
    unknown: UnknownNameError | None = None
    try:
        claims = [c for c in catalogue.claims_for(request.name) if in_force.offers(c)]
    except UnknownNameError as error:  # it may have been measured all the same
        claims, unknown = [], error
    known = candidates.candidates(claims)
    conditions = None
    if request.results is not None:
        from zoodiff.api.storage import existing_store
        from zoodiff.study.candidates import with_measurements

        architecture = None
        if request.name is not None:
            architecture = claims[0].architecture if claims else request.name
        known, setting = with_measurements(known, existing_store(request.results), architecture)
        conditions = None if setting is None else f"measured: {setting}"
    if unknown is not None and not known:
        raise unknown
    if request.machine is not None and conditions is None:
        from zoodiff.claims.times import latency_claims

        times = candidates.published_times(latency_claims(), request.machine, known)
        known = [replace(each, milliseconds=times.of(each)) for each in known]
        conditions = f"published: {times.conditions}, on {times.setup}"
    return known, conditions


def _filters(request: WhichRequest) -> list[Filter[Candidate]]:
    from zoodiff.claims import catalogue
    from zoodiff.claims.filters import Filter
    from zoodiff.entry import did_you_mean, meant

    filters: list[Filter[Candidate]] = []
    if request.zoos:
        names = catalogue.zoo_names()
        chosen = {meant(name, names) or name for name in request.zoos}
        for name in sorted(chosen - set(names)) if request.results is None else ():
            raise UnknownNameError(f'no claims of a zoo "{name}"{did_you_mean(name, names)}')
        option = " ".join(f"--zoo {name}" for name in request.zoos)
        filters.append(Filter(option, lambda each: each.zoo in chosen, lambda each: each.zoo))
    precision = request.precision
    if precision is not None:
        filters.append(
            Filter(
                f"--precision {precision}",
                lambda each: each.precision == precision,
                lambda each: each.precision,
            )
        )
    if request.min_top1 is not None:
        filters.append(_bound("min-top1", "top1", request.min_top1, f"{request.min_top1:g}"))
    for option, column, limit in (
        ("max-macs", "macs", request.max_macs),
        ("max-size", "size", request.max_size),
        ("max-latency", "latency", request.max_latency),
    ):
        if limit is not None:
            filters.append(_bound(option, column, amount(limit, option), str(limit)))
    return filters


def _bound(option: str, column: str, limit: float, written: str) -> Filter[Candidate]:
    from zoodiff.claims.filters import Filter

    larger_is_better = FIGURES[column][1]

    def keeps(candidate: Candidate) -> bool:
        figure = figure_of(candidate, column)
        if figure is None:
            return False
        return figure.value >= limit if larger_is_better else figure.value <= limit

    return Filter(f"--{option} {written}", keeps)


def amount(text: str | float, option: str) -> float:
    """Return a number from ``5G``, ``300M``, ``1.5e9`` or a number; suffixes are decimal.

    >>> amount("5G", "max-macs"), amount("100MB", "max-size"), amount(7, "max-size")
    (5000000000.0, 100000000.0, 7.0)
    """
    import math
    import re

    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:[eE][+]?\d{1,2})?) ?([KMGT]?)B?", str(text).strip())
    value = float(match[1]) * _SUFFIXES.get(match[2], 1.0) if match else math.nan
    if not math.isfinite(value) or value <= 0:
        raise UsageError(
            f"--{option} {text} is not valid: it must be a number above 0, such as 5G or 300M"
        )
    return value


def _sort_key(candidate: Candidate, column: str) -> tuple[Any, ...]:
    figure = figure_of(candidate, column)
    sign = -1 if FIGURES[column][1] else 1
    value = float("inf") if figure is None else sign * figure.value
    top1 = candidate.top1_percent
    return value, -(top1.value if top1 else 0.0), candidate.name, candidate.input_size or 0
