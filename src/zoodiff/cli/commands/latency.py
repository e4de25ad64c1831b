"""``zoodiff latency``: entries timed against each other, and why they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.commands.run import Results
from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode
from zoodiff.cli.render.console import Json, complete_entry, print_json, say

if TYPE_CHECKING:
    pass


def latency(
    entries: Annotated[
        list[str],
        typer.Argument(
            metavar="ENTRY...",
            help="zoo:model, zoo:model@weights or a file.",
            autocompletion=complete_entry,
        ),
    ],
    batch: Annotated[int, typer.Option("--batch", help="Images of one call.", min=1)] = 1,
    threads: Annotated[int, typer.Option("--threads", help="Threads of a framework.", min=1)] = 1,
    mode: Annotated[
        list[str],
        typer.Option(
            "--mode",
            help="Execution mode: MODE, ZOO=MODE or ENTRY=MODE. Twice for an entry: both.",
        ),
    ] = [],  # noqa: B006 - typer reads the default
    pause: Annotated[
        float, typer.Option("--pause", help="Milliseconds of idle time before each call.", min=0)
    ] = 0.0,
    seconds: Annotated[
        float,
        typer.Option("--seconds", help="Measuring time at most; loading comes on top.", min=0.1),
    ] = 60.0,
    processes: Annotated[
        int, typer.Option("--processes", help="Fresh processes of each entry, at least.", min=2)
    ] = 5,
    target: Annotated[
        float,
        typer.Option("--target", help="Stop when ratios are known to this many percent.", min=0.01),
    ] = 1.0,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            help="Rounds in each of exactly --processes processes, as a study has them "
            "[default: as many as the time allows].",
            min=3,
        ),
    ] = None,
    block: Annotated[
        float, typer.Option("--block", help="Milliseconds of a block of calls.", min=0.1)
    ] = 20.0,
    within: Annotated[
        float, typer.Option("--within", help="Percent within which entries are the same.", min=0)
    ] = 5.0,
    controls: Annotated[
        int, typer.Option("--controls", help="Entries that are loaded twice, as A/A.", min=1)
    ] = 1,
    allow: Annotated[
        list[str],
        typer.Option("--allow", help="Let entries differ in this: precision, input size, ..."),
    ] = [],  # noqa: B006 - typer reads the default
    why: Annotated[
        bool,
        typer.Option(
            "--why/--no-why",
            help="Take ratios apart: the same networks in one reference runtime, layer by layer.",
        ),
    ] = True,
    cold: Annotated[
        bool, typer.Option("--cold", help="Take cold starts apart, in fresh processes.")
    ] = False,
    sweep: Annotated[
        int | None,
        typer.Option("--sweep", help="Batch sizes 1, 2, 4, ... up to this.", min=1),
    ] = None,
    sweep_threads: Annotated[
        int, typer.Option("--sweep-threads", help="Threads 1, 2, 4, ... up to this.", min=1)
    ] = 1,
    scenarios: Annotated[
        bool,
        typer.Option("--scenarios", help="MLPerf's: single stream, offline, server."),
    ] = False,
    bound: Annotated[
        float | None,
        typer.Option(
            "--bound",
            help="Milliseconds within which a server answers 99 of 100 queries "
            "[default: three times the p90 of the single stream].",
        ),
    ] = None,
    environment: Annotated[
        bool, typer.Option("--environment", help="Print the machine, libraries and threads.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="For random weights and orders.")] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again, whatever the results folder has.")
    ] = False,
    results: Results = "results",
    allow_code: AllowCode = None,
    worker_seconds: WorkerSeconds = SECONDS,
    worker_memory: WorkerMemory = None,
    json: Json = False,
) -> None:
    """Time entries against each other, and say how sure the ratios are and why they differ.

    Only one process computes at a time, in short blocks in random order; everything is repeated
    in fresh processes. One entry is loaded twice: what it shows against itself is the noise floor,
    and no difference below it counts.
    """
    from zoodiff import api
    from zoodiff.cli.render.latency_report import print_report
    from zoodiff.cli.render.progress import latency_progress

    request = api.LatencyRequest(
        entries=tuple(entries),
        batch=batch,
        threads=threads,
        modes=tuple(mode),
        pause_ms=pause,
        seconds=seconds,
        processes=processes,
        target=target,
        rounds=rounds,
        block_ms=block,
        within=within,
        controls=controls,
        allow=tuple(allow),
        why=why,
        cold=cold,
        sweep=sweep,
        sweep_threads=sweep_threads,
        scenarios=scenarios,
        bound_ms=bound,
        environment=environment,
        seed=seed,
        fresh=fresh,
        results=results,
        limits=limits_of(worker_seconds, worker_memory),
    )
    with latency_progress(len(entries)) as step:
        report = api.latency(request, step=step)
    if json:
        print_json(report.to_dict())
    else:
        print_report(report)
    for name, reason in report.failures.items():
        say(f"zoodiff: {name}: {reason}")
    if report.failures:
        raise typer.Exit(3)
