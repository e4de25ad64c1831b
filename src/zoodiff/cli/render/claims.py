"""Tables of claims."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoodiff.cli.render.console import billions, millions, print_line, print_table

if TYPE_CHECKING:
    from zoodiff.api.claims import ClaimSpread
    from zoodiff.api.values import Claim


def print_claims(architecture: str, claims: Sequence[Claim]) -> None:
    """Print the claims about an architecture, and their sources."""
    rows = sorted(claims, key=lambda c: (c.zoo, -(c.top1_percent or 0.0), c.model))
    sources = {source: number for number, source in enumerate(_distinct(rows), start=1)}
    print_table(
        [
            "zoo",
            "model",
            "weights",
            ("top-1 %", "right"),
            ("top-5 %", "right"),
            ("parameters", "right"),
            ("MACs", "right"),
            ("input", "right"),
            "preprocessing published",
            "accuracy",
            "public on",
            ("source", "right"),
        ],
        [[*_row(claim), f"[{sources[claim.source]}]"] for claim in rows],
        title=architecture,
    )
    for line in _notes(rows):
        print_line(line)
    print_line("Sources:")
    for source, number in sources.items():
        print_line(f"[{number}] {source}")


def _distinct(rows: list[Claim]) -> list[str]:
    return list(dict.fromkeys(claim.source for claim in rows))


def _row(claim: Claim) -> list[str]:
    marks = ("†" if claim.precision == "int8" else "") + ("+" if claim.extra_data else "")
    day = f"{claim.published_on}" if claim.published_on else ""
    if claim.withdrawn_on:
        day += f" to {claim.withdrawn_on}"
    return [
        claim.zoo + (f" {claim.collection}" if claim.collection else ""),
        claim.entry_model or claim.model,
        (claim.entry_weights or claim.weights or "") + (f" {marks}" if marks else ""),
        _percent(claim.top1_percent),
        _percent(claim.top5_percent),
        millions(claim.parameters) + ("?" if "parameters" in (claim.doubtful or "") else ""),
        billions(claim.macs) + ("?" if "macs" in (claim.doubtful or "") else ""),
        "" if claim.input_height is None else f"{claim.input_height}x{claim.input_width}",
        claim.preprocessing,
        claim.provenance or "",
        day,
    ]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _notes(rows: list[Claim]) -> list[str]:
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
    lines += [f"? {claim.zoo} {claim.model}: {claim.doubtful}." for claim in rows if claim.doubtful]
    return lines


def print_spreads(spreads: Sequence[ClaimSpread]) -> None:
    """Print per architecture the numbers of zoos and claims, and the largest difference."""
    print_table(
        [
            "architecture",
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
    )
    print_line(
        f"{len(spreads)} architectures, {sum(spread.claims for spread in spreads)} claims; "
        "zoodiff claims ARCHITECTURE shows those about one."
    )


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
