"""``zoodiff latency``: compare the latency of entries and explain the ratios."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

import typer

from zoodiff.cli.exit_codes import NOT_MEASURED
from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode, Results, takes_options
from zoodiff.cli.render.console import Json, complete_entry, print_document, say


@dataclass(frozen=True, kw_only=True)
class LatencyOptions:
    """The options of ``zoodiff latency``."""

    entries: Annotated[
        list[str],
        typer.Argument(
            metavar="ENTRY...",
            help="zoo:model, zoo:model@weights or a file; NAME=ENTRY gives it a name.",
            autocompletion=complete_entry,
        ),
    ]
    batch: Annotated[int, typer.Option("--batch", help="Images per call.", min=1)] = 1
    threads: Annotated[int, typer.Option("--threads", help="Threads per framework.", min=1)] = 1
    mode: Annotated[
        list[str],
        typer.Option(
            "--mode",
            help="Execution mode: MODE, ZOO=MODE or ENTRY=MODE (repeat).",
        ),
    ] = field(default_factory=list)
    pause: Annotated[
        float, typer.Option("--pause", help="Milliseconds of idle time before each call.", min=0)
    ] = 0.0
    seconds: Annotated[
        float,
        typer.Option("--seconds", help="Most measuring time, without loading.", min=0.1),
    ] = 60.0
    processes: Annotated[
        int, typer.Option("--processes", help="Fewest fresh processes per entry.", min=2)
    ] = 5
    target: Annotated[
        float,
        typer.Option("--target", help="Stop when ratios are known to this many percent.", min=0.01),
    ] = 1.0
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds",
            help="Rounds in each of exactly --processes processes, as a study has them "
            "[default: as many as the time allows].",
            min=3,
        ),
    ] = None
    block: Annotated[
        float, typer.Option("--block", help="Milliseconds of a block of calls.", min=0.1)
    ] = 20.0
    within: Annotated[
        float,
        typer.Option("--within", help="Percent within which entries count as the same.", min=0),
    ] = 5.0
    controls: Annotated[
        int,
        typer.Option("--controls", help="Number of entries that are loaded twice (A/A).", min=1),
    ] = 1
    allow: Annotated[
        list[str],
        typer.Option("--allow", help="Condition that may differ: precision, input size, ..."),
    ] = field(default_factory=list)
    why: Annotated[
        bool | None,
        typer.Option(
            "--why/--no-why",
            help="Print all factors, layers and conditions; or do not time the networks in a "
            "reference runtime at all [default: a line for each difference that counts].",
        ),
    ] = None
    cold: Annotated[bool, typer.Option("--cold", help="Measure cold starts by stage.")] = False
    sweep: Annotated[
        int | None,
        typer.Option("--sweep", help="Batch sizes 1, 2, 4, ... up to this.", min=1),
    ] = None
    sweep_threads: Annotated[
        int, typer.Option("--sweep-threads", help="Threads 1, 2, 4, ... up to this.", min=1)
    ] = 1
    scenarios: Annotated[
        bool,
        typer.Option("--scenarios", help="Run MLPerf's scenarios: single stream, offline, server."),
    ] = False
    bound: Annotated[
        float | None,
        typer.Option(
            "--bound",
            help="Milliseconds within which a server answers 99 of 100 queries "
            "[default: three times the p90 of the single stream].",
        ),
    ] = None
    environment: Annotated[
        bool, typer.Option("--environment", help="Print the machine, libraries and threads.")
    ] = False
    seed: Annotated[int, typer.Option("--seed", help="For random weights and orders.")] = 0
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again, whatever the results folder has.")
    ] = False
    results: Results = "results"
    allow_code: AllowCode = None
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def latency(options: LatencyOptions) -> None:
    """Time entries and print their ratios, intervals and attribution.

    Only one process computes at a time, in short blocks in random order; the measurement is
    repeated in fresh processes. One entry is loaded twice: the difference between its two copies is
    the noise floor, and smaller differences do not count.
    """
    from zoodiff.api.latency_report import LatencyRequest
    from zoodiff.api.latency_report import latency as measure
    from zoodiff.cli.render.entry_names import named_entries
    from zoodiff.cli.render.latency.report import print_report
    from zoodiff.cli.render.progress import latency_progress

    entries, names = named_entries(options.entries)
    request = LatencyRequest(
        entries=entries,
        batch=options.batch,
        threads=options.threads,
        modes=tuple(map(names.of_given, options.mode)),
        pause_ms=options.pause,
        seconds=options.seconds,
        processes=options.processes,
        target=options.target,
        rounds=options.rounds,
        block_ms=options.block,
        within=options.within,
        controls=options.controls,
        allow=tuple(options.allow),
        why=options.why is not False,
        cold=options.cold,
        sweep=options.sweep,
        sweep_threads=options.sweep_threads,
        scenarios=options.scenarios,
        bound_ms=options.bound,
        environment=options.environment,
        seed=options.seed,
        fresh=options.fresh,
        results=options.results,
        limits=limits_of(options.worker_seconds, options.worker_memory),
    )
    with latency_progress(len(entries), options.seconds) as step:
        report = measure(request, step=step)
    if options.json:
        print_document("latency", report.to_dict())
    else:
        print_report(report, names, why=bool(options.why))
    for name, reason in report.failures.items():
        say(f"zoodiff: {name}: {reason}")
    if report.failures:
        raise typer.Exit(NOT_MEASURED)
