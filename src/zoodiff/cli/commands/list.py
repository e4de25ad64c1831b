"""``zoodiff list``: architectures by zoos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import takes_options
from zoodiff.cli.render.console import Json, complete_zoo, print_document, say


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """The options of ``zoodiff list``."""

    pattern: Annotated[
        str, typer.Argument(help="Part of an architecture's or model's name, a glob, or a zoo.")
    ] = ""
    zoo: Annotated[
        list[str] | None,
        typer.Option("--zoo", help="Only these zoos (repeat).", autocompletion=complete_zoo),
    ] = None
    shared: Annotated[
        bool, typer.Option("--shared", help="Only architectures of two or more zoos.")
    ] = False
    by_fingerprint: Annotated[
        bool,
        typer.Option(
            "--by-fingerprint",
            help="Build every network and group equal ones (minutes; timm longer).",
        ),
    ] = False
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def list_entries(options: ListOptions) -> None:
    """List architectures and the entries of each zoo."""
    from zoodiff.api import entries
    from zoodiff.api.zoos import zoo_problems
    from zoodiff.cli.render.entries import print_architectures

    if options.by_fingerprint:
        _fingerprints(options)
        return
    for sentence in zoo_problems(options.zoo):
        say(f"zoodiff: {sentence}")
    listed = entries.list_entries(options.pattern, zoos=options.zoo, shared=options.shared)
    if options.json:
        print_document("list", listed)
    else:
        print_architectures(listed)


def _fingerprints(options: ListOptions) -> None:
    """Group entries by the hash of their canonical graph."""
    from zoodiff.api import entries
    from zoodiff.cli.render.entries import print_fingerprint_groups
    from zoodiff.cli.render.progress import building_progress

    with building_progress() as (begin, done):
        grouped = entries.group_by_fingerprint(
            options.pattern,
            zoos=options.zoo,
            limits=limits_of(options.worker_seconds, options.worker_memory),
            begin=begin,
            done=done,
        )
    if options.json:
        print_document("list-by-fingerprint", grouped.to_dict())
    else:
        print_fingerprint_groups(grouped)
