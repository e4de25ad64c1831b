"""``zoodiff claims``: what zoos publish about an architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoodiff.cli.render.console import Json, billions, millions, print_json, print_line, print_table

if TYPE_CHECKING:
    from zoodiff.claims.catalogue import Claim
    from zoodiff.claims.selection import Selection


def _complete_architecture(incomplete: str) -> list[str]:
    from zoodiff.claims import catalogue

    return [name for name in catalogue.architectures() if name.startswith(incomplete)]


def _complete_zoo(incomplete: str) -> list[str]:
    from zoodiff.claims import catalogue

    return [name for name in catalogue.zoo_names() if name.startswith(incomplete)]


def claims(
    architecture: Annotated[
        str | None,
        typer.Argument(
            help="Canonical name, for example resnet50; without it, all architectures.",
            autocompletion=_complete_architecture,
        ),
    ] = None,
    zoo: Annotated[
        list[str] | None,
        typer.Option("--zoo", help="Only these zoos (repeat).", autocompletion=_complete_zoo),
    ] = None,
    weights: Annotated[
        list[str] | None, typer.Option("--weights", help="Only weights of these names (repeat).")
    ] = None,
    input_size: Annotated[
        str,
        typer.Option("--input-size", help="Pixels; largest (of each zoo, with accuracy); any."),
    ] = "any",
    precision: Annotated[str, typer.Option("--precision", help="fp32, int8 or any.")] = "any",
    extra_data: Annotated[
        str,
        typer.Option(
            "--extra-data",
            help="Weights with extra data, distilled or pruned: include, exclude or only.",
        ),
    ] = "include",
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Only what was public, not withdrawn, on YYYY-MM-DD."),
    ] = None,
    json: Json = False,
) -> None:
    """Print what zoos claim about an architecture, or how far claims lie apart."""
    from zoodiff.claims import catalogue
    from zoodiff.claims import selection as rules
    from zoodiff.errors import UsageError

    table: dict[str, Any] = {
        "zoos": zoo or "all",
        "input_size": int(input_size) if input_size.isdecimal() else input_size,
        "precision": precision,
        "extra_data": extra_data,
        "withdrawn": "exclude" if as_of else "include",
    }
    if as_of:
        table["as_of"] = as_of
    if weights:
        table["weights"] = dict.fromkeys(catalogue.zoo_names(), weights)
    try:
        chosen = rules.selection(table, where=())
    except rules.ClaimsError as error:
        option = {"zoos": "zoo"}.get(error.key[0], error.key[0].replace("_", "-"))
        raise UsageError(str(error).replace(error.key[0], f"--{option}", 1)) from None
    if architecture is None:
        _list(chosen, json)
        return
    known = catalogue.claims_for(architecture)
    found = [claim for claim in known if chosen.offers(claim)]
    if chosen.input_size == "largest":
        found = chosen.claimed(found)
    if json:
        print_json([claim.to_dict() for claim in found])
        return
    if not found:
        print_line(
            f"None of the {len(known)} claims about {architecture} is left by these options."
        )
        return
    _print(architecture, found)


def _print(architecture: str, found: list[Claim]) -> None:
    rows = sorted(found, key=lambda c: (c.zoo, -(c.top1_percent or 0.0), c.model))
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


def _list(chosen: Selection, json: bool) -> None:
    """All architectures: how many zoos and claims, and how far the zoos lie apart."""
    from zoodiff.claims import catalogue, discrepancies

    everything = catalogue.load()
    spread = {row.architecture: row for row in discrepancies.rank(chosen, everything).rows}
    groups: dict[str, list[Claim]] = {}
    for claim in everything:
        if chosen.offers(claim):
            groups.setdefault(claim.architecture, []).append(claim)
    rows: list[dict[str, Any]] = []
    for name, group in groups.items():
        numbers = [claim.top1_percent for claim in group if claim.top1_percent is not None]
        apart = spread.get(name)
        rows.append(
            {
                "architecture": name,
                "zoos": sorted({claim.zoo for claim in group}),
                "claims": len(group),
                "top1_lowest_percent": min(numbers, default=None),
                "top1_highest_percent": max(numbers, default=None),
                "spread_points": apart.difference if apart else None,
                "spread_high": apart.high.label if apart else None,
                "spread_low": apart.low.label if apart else None,
            }
        )
    if json:
        print_json(rows)
        return
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
                row["architecture"],
                str(len(row["zoos"])),
                str(row["claims"]),
                _range(row["top1_lowest_percent"], row["top1_highest_percent"]),
                "" if row["spread_points"] is None else f"{row['spread_points']:.2f} points",
            ]
            for row in rows
        ],
    )
    print_line(
        f"{len(rows)} architectures, {sum(row['claims'] for row in rows)} claims; "
        "zoodiff claims ARCHITECTURE shows those about one."
    )


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return ""
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"
