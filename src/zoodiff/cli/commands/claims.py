"""``zoodiff claims``: what zoos publish about an architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.options import takes_options
from zoodiff.cli.render.console import Json, print_document
from zoodiff.errors import UsageError

if TYPE_CHECKING:
    from zoodiff.api.claimed.claims_report import ClaimsError, ClaimsReport

_SPELT = {"zoos": "zoo", "minimum": "min", "maximum": "max"}
"""Fields of a request whose option has another name."""


def _complete_architecture(incomplete: str) -> list[str]:
    from zoodiff.api.claimed.claims_report import claimed_architectures

    return [name for name in claimed_architectures() if name.startswith(incomplete)]


def _complete_zoo(incomplete: str) -> list[str]:
    from zoodiff.api.claimed.claims_report import claiming_zoos

    return [name for name in claiming_zoos() if name.startswith(incomplete)]


@dataclass(frozen=True, kw_only=True)
class ClaimsOptions:
    """The options of ``zoodiff claims``."""

    architecture: Annotated[
        str | None,
        typer.Argument(
            help="Canonical name, for example resnet50; without it, all architectures.",
            autocompletion=_complete_architecture,
        ),
    ] = None
    latency: Annotated[
        bool, typer.Option("--latency", help="Published times instead of accuracies and sizes.")
    ] = False
    test_set: Annotated[
        str | None,
        typer.Option(
            "--test-set",
            help="Accuracies on other test sets and devices: part of a test set's name, or all.",
        ),
    ] = None
    recipes: Annotated[
        bool, typer.Option("--recipes", help="Preprocessing of further zoos and processors.")
    ] = False
    rankings: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--rankings",
            metavar="MACHINE MACHINE",
            help="Compare the order of all networks on two machines by published times.",
        ),
    ] = None
    zoo: Annotated[
        list[str] | None,
        typer.Option("--zoo", help="Only these zoos (repeat).", autocompletion=_complete_zoo),
    ] = None
    weights: Annotated[
        list[str] | None, typer.Option("--weights", help="Only weights of these names (repeat).")
    ] = None
    input_size: Annotated[
        str,
        typer.Option("--input-size", help="Pixels; largest (per zoo, with accuracy); any."),
    ] = "any"
    precision: Annotated[
        str,
        typer.Option("--precision", help="fp32, int8 or any; of times also amp, w8a8, ..."),
    ] = "any"
    extra_data: Annotated[
        str,
        typer.Option(
            "--extra-data",
            help="Weights with extra data, distilled or pruned: include, exclude or only.",
        ),
    ] = "include"
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Only claims that were public on YYYY-MM-DD."),
    ] = None
    machine: Annotated[
        str | None,
        typer.Option("--machine", help="Only machines with this part in their name."),
    ] = None
    batch: Annotated[
        int | None, typer.Option("--batch", help="Only times of this many images per step.", min=1)
    ] = None
    minimum: Annotated[
        float | None, typer.Option("--min", help="Smallest top-1 in percent, or milliseconds.")
    ] = None
    maximum: Annotated[
        float | None, typer.Option("--max", help="Largest top-1 in percent, or milliseconds.")
    ] = None
    sort: Annotated[
        str | None, typer.Option("--sort", help="Column to sort by, such as top1, macs, ms.")
    ] = None
    limit: Annotated[
        int | None,
        typer.Option("--limit", help="Most rows [default: 100 of tables about all].", min=1),
    ] = None
    wide: Annotated[
        bool, typer.Option("--wide", help="All columns, in a table wider than 80 characters.")
    ] = False
    json: Json = False


@takes_options
def claims(options: ClaimsOptions) -> None:
    """Print what zoos publish about an architecture, or the differences of all."""
    from zoodiff.api.claimed import claims_report
    from zoodiff.cli.render.claims import print_report

    request = claims_report.ClaimsRequest(
        architecture=options.architecture,
        latency=options.latency,
        test_set=options.test_set,
        recipes=options.recipes,
        rankings=options.rankings,
        zoos=tuple(options.zoo or ()),
        weights=tuple(options.weights or ()),
        input_size=options.input_size,
        precision=options.precision,
        extra_data=options.extra_data,
        as_of=options.as_of,
        machine=options.machine,
        batch=options.batch,
        minimum=options.minimum,
        maximum=options.maximum,
        sort=options.sort,
        limit=options.limit,
    )
    try:
        report = claims_report.claims(request)
    except claims_report.ClaimsError as error:
        raise UsageError(_with_options(error)) from None
    if options.json:
        print_document(_document(options, report), report.to_json())
    else:
        print_report(report, wide=options.wide, most=options.limit)


def _document(options: ClaimsOptions, report: ClaimsReport) -> str:
    """Return the name of the JSON document of the table that was asked for."""
    tables = {
        "claims-rankings": options.rankings is not None,
        "claims-latency": options.latency,
        "claims-test-set": options.test_set is not None,
        "claims-recipes": options.recipes,
        "claims-spreads": bool(report.spreads),
    }
    return next((name for name, asked in tables.items() if asked), "claims")


def _with_options(error: ClaimsError) -> str:
    """Return the message with the names of options instead of fields."""
    text = str(error)
    for field in error.key:
        option = _SPELT.get(field, field).replace("_", "-")
        text = text.replace(field, f"--{option}", 1)
    return text
