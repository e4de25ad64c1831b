"""``zoodiff which``: the networks that no other beats in everything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from zoodiff.cli.options import takes_options
from zoodiff.cli.render.console import Json, print_document

SHOWN = 20
"""Rows of a table, unless ``--limit`` says otherwise."""


def _complete_architecture(incomplete: str) -> list[str]:
    from zoodiff.api.claimed.claims_report import claimed_architectures

    return [name for name in claimed_architectures() if name.startswith(incomplete)]


def _complete_zoo(incomplete: str) -> list[str]:
    from zoodiff.api.claimed.claims_report import claiming_zoos

    return [name for name in claiming_zoos() if name.startswith(incomplete)]


@dataclass(frozen=True, kw_only=True)
class WhichOptions:
    """The options of ``zoodiff which``."""

    name: Annotated[
        str | None,
        typer.Argument(
            help="Canonical name of an architecture, for example resnet50.",
            autocompletion=_complete_architecture,
        ),
    ] = None
    task: Annotated[
        str | None, typer.Option("--task", help="All networks of a task: classification.")
    ] = None
    zoo: Annotated[
        list[str] | None,
        typer.Option("--zoo", help="Only these zoos (repeat).", autocompletion=_complete_zoo),
    ] = None
    precision: Annotated[
        str | None, typer.Option("--precision", help="Only fp32, or only int8.")
    ] = None
    min_top1: Annotated[
        float | None, typer.Option("--min-top1", help="Smallest top-1 in percent.")
    ] = None
    max_macs: Annotated[
        str | None, typer.Option("--max-macs", help="Most MACs per image: 5G, 300M.")
    ] = None
    max_size: Annotated[
        str | None, typer.Option("--max-size", help="Most bytes of weights: 100M.")
    ] = None
    max_latency: Annotated[
        float | None, typer.Option("--max-latency", help="Most milliseconds.", min=0)
    ] = None
    machine: Annotated[
        str | None,
        typer.Option("--machine", help="Rank by times published for this machine, too."),
    ] = None
    results: Annotated[
        str | None,
        typer.Option("--results", help="Use what was measured: records of this folder."),
    ] = None
    sort: Annotated[str, typer.Option("--sort", help="Sort by top1, macs, size or latency.")] = (
        "top1"
    )
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            help=f"Most rows [default: {SHOWN} of a table, all with --json].",
            min=1,
        ),
    ] = None
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write a page with charts and a table."),
    ] = None
    json: Json = False


@takes_options
def which(options: WhichOptions) -> None:
    """Rank networks by accuracy, MACs, size and latency, claimed or measured."""
    from zoodiff.api.claimed import which_report
    from zoodiff.cli.render.which import print_which

    report = which_report.which(
        which_report.WhichRequest(
            name=options.name,
            task=options.task,
            zoos=tuple(options.zoo or ()),
            precision=options.precision,
            min_top1=options.min_top1,
            max_macs=options.max_macs,
            max_size=options.max_size,
            max_latency=options.max_latency,
            machine=options.machine,
            results=options.results,
            sort=options.sort,
            limit=options.limit,
        )
    )
    if options.html is not None:
        options.html.write_text(report.to_html(), encoding="utf-8", errors="replace")
    if options.json:
        print_document("which", report.to_dict())
    else:
        print_which(report, most=options.limit or SHOWN)
