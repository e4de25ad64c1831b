"""Tables of claims; every table fits 80 columns, unless all columns are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoodiff.cli.render import claims_tables
from zoodiff.cli.render.claims_notes import WIDTH, numbered, print_sources
from zoodiff.cli.render.console import print_line, print_table
from zoodiff.quantities import billions, millions

if TYPE_CHECKING:
    from zoodiff.api.claimed.claims_report import ClaimSpread, ClaimsReport
    from zoodiff.api.values.shared import Claim


SHOWN = 100
"""Rows of a table about all architectures, unless ``--limit`` says otherwise."""


def print_report(report: ClaimsReport, *, wide: bool = False, most: int | None = None) -> None:
    """Print the table of a report with at most so many rows, or its ranking of two machines."""
    if most is None and report.architecture is None:
        most = SHOWN
    if report.ranking is not None:
        claims_tables.print_ranking(report.ranking)
    elif report.spreads:
        _print_spreads(report.spreads)
    elif report.times:
        claims_tables.print_times(report.times[:most])
    elif report.accuracies:
        claims_tables.print_accuracies(report.accuracies[:most])
    elif report.recipes:
        claims_tables.print_recipes(report.recipes[:most])
    elif report.claims:
        _print_claims(report.architecture, report.claims[:most], wide)
    else:
        why = f": {report.why_empty}" if report.why_empty else ""
        about = f" about {report.architecture}" if report.architecture else ""
        print_line(f"None of the {report.known} claims{about} is left by these options{why}.")
    shown = len(report.rows if report.spreads else report.rows[:most])
    if 0 < shown < report.left:
        print_line(f"{shown} of {report.left} rows; --limit says how many are shown.")


def _print_claims(architecture: str | None, claims: Sequence[Claim], wide: bool) -> None:
    """Print claims and their sources, in the order they have."""
    sources = numbered(claim.source for claim in claims)
    head: list[str | tuple[str, str]] = ["zoo", "model", "weights"]
    numbers: list[str | tuple[str, str]] = [
        (name, "right") for name in ("top-1 %", "top-5 %", "parameters", "MACs", "input")
    ]
    if wide:
        rest: list[str | tuple[str, str]] = [
            "preprocessing published",
            "accuracy",
            "public on",
            ("source", "right"),
        ]
        print_table(
            [*head, *numbers, *rest],
            [[*_row(claim), *_more(claim), f"[{sources[claim.source]}]"] for claim in claims],
            title=architecture,
        )
    else:
        names: list[str | tuple[str, str]] = ["zoo", ("model @weights", "fold")]
        narrow = ("top-1", "top-5", "params", "MACs", "px", "")
        print_table(
            [*names, *((name, "right") for name in narrow)],
            [[*_narrow_row(claim), f"[{sources[claim.source]}]"] for claim in claims],
            title=architecture,
            width=WIDTH,
        )
    for line in _notes(claims):
        print_line(line)
    if architecture is not None:
        print_line("Of times, other test sets and recipes: --latency, --test-set all, --recipes.")
    print_sources(sources)


def _row(claim: Claim) -> list[str]:
    marks = _marks(claim)
    return [
        claim.zoo + (f" {claim.collection}" if claim.collection else ""),
        claim.entry_model or claim.model,
        (claim.entry_weights or claim.weights or "") + (f" {marks}" if marks else ""),
        _percent(claim.top1_percent) + ("=" if claim.equal_to else ""),
        _percent(claim.top5_percent),
        millions(claim.parameters) + ("?" if "parameters" in (claim.doubtful or "") else ""),
        billions(claim.macs) + ("?" if "macs" in (claim.doubtful or "") else ""),
        "" if claim.input_height is None else f"{claim.input_height}x{claim.input_width}",
    ]


def _marks(claim: Claim) -> str:
    return ("†" if claim.precision == "int8" else "") + ("+" if claim.extra_data else "")


def _narrow_row(claim: Claim) -> list[str]:
    _, model, weights, top1, top5, parameters, macs, _ = _row(claim)
    named = f"{model} @{weights}" if weights else model
    size = "" if claim.input_height is None else str(claim.input_height)
    return [claim.zoo, named, top1, top5, parameters.replace(" ", ""), macs.replace(" ", ""), size]


def _more(claim: Claim) -> list[str]:
    day = f"{claim.published_on}" if claim.published_on else ""
    if claim.withdrawn_on:
        day += f" to {claim.withdrawn_on}"
    return [claim.preprocessing, claim.provenance or "", day]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _notes(rows: Sequence[Claim]) -> list[str]:
    by_zoo: dict[str, set[str]] = {}
    for claim in rows:
        by_zoo.setdefault(claim.zoo, set()).add(claim.preprocessing)
    none = sorted(zoo for zoo, kinds in by_zoo.items() if kinds == {"no"})
    lines = [f"{len(rows)} claims of {len(by_zoo)} zoos."]
    if none:
        lines.append(f"No preprocessing is published by: {', '.join(none)}.")
    if any(claim.precision == "int8" for claim in rows):
        lines.append("† quantised (int8).")
    if any(claim.extra_data for claim in rows):
        lines.append("+ extra training data, distilled or pruned.")
    if any(claim.equal_to for claim in rows):
        lines.append("= equal to the last digit: copied, or the same weights measured alike.")
    lines += [f"= {claim.zoo} {claim.model}: {claim.equal_to}." for claim in rows if claim.equal_to]
    lines += [f"? {claim.zoo} {claim.model}: {claim.doubtful}." for claim in rows if claim.doubtful]
    return lines


def _print_spreads(spreads: Sequence[ClaimSpread]) -> None:
    """Print per architecture the numbers of zoos and claims, and the largest difference."""
    print_table(
        [
            ("architecture", "fold"),
            ("zoos", "right"),
            ("claims", "right"),
            ("top-1 %", "right"),
            ("between zoos", "right"),
        ],
        [
            [
                spread.architecture,
                str(len(spread.zoos)),
                str(spread.claims),
                _range(spread.top1_lowest_percent, spread.top1_highest_percent),
                "" if spread.spread_points is None else f"{spread.spread_points:.2f} points",
            ]
            for spread in spreads
        ],
        width=WIDTH,
    )
    print_line(f"{len(spreads)} architectures, {sum(spread.claims for spread in spreads)} claims.")
    print_line("zoodiff claims ARCHITECTURE shows those about one.")


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
