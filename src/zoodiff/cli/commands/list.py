"""``zoodiff list``: architectures by zoos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.render.console import (
    Json,
    complete_zoo,
    console,
    print_json,
    print_line,
    print_table,
)

if TYPE_CHECKING:
    from zoodiff.workers.limits import Limits


def list_entries(
    pattern: Annotated[
        str, typer.Argument(help="Part of an architecture's or model's name, or a glob.")
    ] = "",
    zoo: Annotated[
        list[str] | None,
        typer.Option("--zoo", help="Only these zoos (repeat).", autocompletion=complete_zoo),
    ] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Only architectures that two zoos or more have.")
    ] = False,
    by_fingerprint: Annotated[
        bool,
        typer.Option(
            "--by-fingerprint",
            help="Build every network and group those that are one, whatever their names "
            "(minutes).",
        ),
    ] = False,
    worker_seconds: WorkerSeconds = SECONDS,
    worker_memory: WorkerMemory = None,
    json: Json = False,
) -> None:
    """List architectures and the entries that each zoo has of them."""
    if by_fingerprint:
        _fingerprints(pattern, zoo, limits_of(worker_seconds, worker_memory), json)
        return
    from fnmatch import fnmatch

    from zoodiff.errors import UnknownNameError
    from zoodiff.zoos import registry

    groups = registry.by_architecture(zoo or None)
    glob = pattern.lower() if any(c in pattern for c in "*?[") else f"*{pattern.lower()}*"
    rows: dict[str, dict[str, list[str]]] = {}
    for architecture, entries in groups.items():
        by_zoo: dict[str, list[str]] = {}
        for entry in entries:
            if fnmatch(architecture.lower(), glob) or fnmatch(entry.model.name.lower(), glob):
                by_zoo.setdefault(entry.zoo.name, []).append(entry.model.name)
        if by_zoo and (not shared or len(by_zoo) > 1):
            rows[architecture] = by_zoo
    if pattern and not rows:
        from zoodiff.entry import did_you_mean

        raise UnknownNameError(
            f'no architecture or model matches "{pattern}"{did_you_mean(pattern, groups)}'
        )
    if json:
        print_json(rows)
        return
    names = list(dict.fromkeys(name for by_zoo in rows.values() for name in by_zoo))
    print_table(
        ["architecture", *names],
        [
            [architecture, *(", ".join(by_zoo.get(name, [])) for name in names)]
            for architecture, by_zoo in rows.items()
        ],
    )
    models = sum(len(found) for by_zoo in rows.values() for found in by_zoo.values())
    print_line(f"{len(rows)} architectures, {models} models")


def _fingerprints(pattern: str, zoo: list[str] | None, limits: Limits, json: bool) -> None:
    """Group entries by the hash of their canonical graph."""
    from fnmatch import fnmatch

    from rich.progress import Progress

    from zoodiff import api
    from zoodiff.graph.fingerprint import fingerprint

    glob = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
    with Progress(console=console(), transient=True) as progress:
        bar = progress.add_task("building networks", total=None)
        graphs, failures = api.survey(zoo, limits=limits, done=lambda *_: progress.advance(bar))
    groups: dict[str, list[str]] = {}
    for entry, graph in graphs.items():
        groups.setdefault(fingerprint(graph), []).append(entry)
    wanted = {
        text: members
        for text, members in groups.items()
        if any(fnmatch(member.lower(), f"*:{glob.lower()}") for member in members)
    }
    if json:
        print_json({"fingerprints": wanted, "not_described": failures})
        return
    print_table(
        ["fingerprint", "entries of this one network"],
        [[text, ", ".join(members)] for text, members in sorted(wanted.items(), key=_largest)],
    )
    shared = sum(len(members) > 1 for members in wanted.values())
    print_line(
        f"{sum(map(len, wanted.values()))} entries, {len(wanted)} networks, "
        f"{shared} of them under several names; {len(failures)} entries could not be described"
    )


def _largest(item: tuple[str, list[str]]) -> tuple[int, str]:
    return (-len(item[1]), item[1][0])
