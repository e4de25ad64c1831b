"""``zoodiff latency``: entries timed against each other, and why they differ."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.commands.run import Results
from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode
from zoodiff.cli.render.console import Json, complete_entry, print_json, say

if TYPE_CHECKING:
    from zoodiff.engines.local import LocalEngine
    from zoodiff.latency.attribution.explain import Beside, Reasons
    from zoodiff.latency.extras import More
    from zoodiff.latency.findings import LatencyFinding
    from zoodiff.latency.session import Outcome


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
            help="Take ratios apart: the same networks in one common runtime, layer by layer.",
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
    from zoodiff.cli.render.progress import counting
    from zoodiff.engines.local import LocalEngine
    from zoodiff.latency import session
    from zoodiff.latency.attribution.explain import beside
    from zoodiff.latency.benchmark import Effort
    from zoodiff.latency.conditions import Scope
    from zoodiff.latency.extras import Wanted, more
    from zoodiff.latency.sweep import batches_up_to, threads_up_to
    from zoodiff.store.folder import Store

    store = Store(results)
    store.prepare()
    chosen = [session.entry_of(entry) for entry in entries]
    asked = session.Asked(
        scope=Scope(batch=batch, threads=threads, pause_ms=pause),
        effort=Effort(
            seconds=seconds,
            processes=processes,
            target_percent=target,
            seed=seed,
        ),
        modes=tuple(mode),
        allowed=tuple(allow),
        within_percent=within,
        controls=controls,
    )
    wanted = Wanted(
        cold=cold,
        batches=batches_up_to(sweep) if sweep else (),
        threads=threads_up_to(sweep_threads),
        scenarios=scenarios,
        bound_ms=bound,
        environment=environment,
        processes=processes,
        seconds=seconds,
        seed=seed,
    )
    contestants = session.contestants_of(chosen, asked)
    limits = limits_of(worker_seconds, worker_memory)
    scratch = tempfile.TemporaryDirectory(prefix="zoodiff-", ignore_cleanup_errors=True)
    with scratch as folder, LocalEngine(limits) as engine:
        found = None
        if why and len(contestants) > 1:
            say("bringing the networks to one common runtime (--no-why leaves it out)")
            found = beside(engine, contestants, Path(folder), seed)
        companions = found.companions if found else ()
        title = f"{len(contestants)} entries, {controls + len(companions)} beside them"
        with counting(title, "processes") as step:
            outcome = session.run(engine, contestants, asked, companions=companions, step=step)
        session.record(outcome, asked, store)
        reasons = _reasons(engine, outcome, found)
        with counting("more", "measurements") as step:
            others = more(engine, contestants, wanted, step)
    findings = _findings(outcome, others, found)
    if json:
        print_json(
            {
                **outcome.timings.to_dict(),
                **reasons.to_dict(),
                **others.to_dict(),
                "findings": [vars(one) for one in findings],
            }
        )
    else:
        _print(outcome, reasons, others, findings)
    failures = outcome.timings.failures | others.failures
    for name, reason in failures.items():
        say(f"zoodiff: {name}: {reason}")
    if failures:
        raise typer.Exit(3)


def _reasons(engine: LocalEngine, outcome: Outcome, found: Beside | None) -> Reasons:
    from zoodiff.latency.attribution.explain import Reasons, reasons

    return Reasons() if found is None else reasons(engine, found, outcome.measured)


def _findings(outcome: Outcome, others: More, found: Beside | None) -> list[LatencyFinding]:
    from zoodiff.latency.findings import find

    entries = {one.name: one.entry for one in outcome.contestants}
    macs = found.macs() if found else {}
    said = find(outcome.timings, outcome.measured, entries, macs)
    return sorted([*said, *others.findings()], key=lambda one: one.code)


def _print(
    outcome: Outcome, reasons: Reasons, others: More, findings: list[LatencyFinding]
) -> None:
    from zoodiff.cli.render import latency as latency_measured
    from zoodiff.cli.render import latency_attribution
    from zoodiff.cli.render.latency_tables import print_findings, print_scope, print_timings

    print_timings(outcome.timings)
    for one in reasons.pairs:
        latency_attribution.print_parts(one.parts, one.first, one.second)
        if one.profile is not None:
            latency_attribution.print_profile(one.profile)
    if reasons.peaks is not None:
        latency_attribution.print_roofline(reasons.rooflines, reasons.peaks)
    if others.cold:
        latency_measured.print_cold(others.cold)
    if others.sweep is not None:
        latency_measured.print_sweep(others.sweep)
    if others.scenarios:
        latency_measured.print_scenarios(others.scenarios)
    if others.environment is not None:
        latency_attribution.print_environment(others.environment)
    print_scope(outcome.timings)
    print_findings(findings)
