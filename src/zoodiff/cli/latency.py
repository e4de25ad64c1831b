"""``zoodiff latency``: entries timed against each other, and why they differ."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.output import Json, complete_entry, print_json, print_table, say
from zoodiff.cli.run import Results

if TYPE_CHECKING:
    from zoodiff.compare.latency_findings import LatencyFinding
    from zoodiff.compare.timings import Timings


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
    seed: Annotated[int, typer.Option("--seed", help="For random weights and orders.")] = 0,
    results: Results = Path("results"),
    json: Json = False,
) -> None:
    """Time entries against each other, and say how sure the ratios are and why they differ.

    Only one process computes at a time, in short blocks in random order; everything is repeated
    in fresh processes. One entry is loaded twice: what it shows against itself is the noise floor,
    and no difference below it counts.
    """
    from zoodiff.cli.progress import counting
    from zoodiff.compare import timed
    from zoodiff.compare.latency_findings import find
    from zoodiff.engines.local import LocalEngine
    from zoodiff.measure.common import hardware
    from zoodiff.measure.latency.rounds import Effort
    from zoodiff.measure.latency.scope import Scope
    from zoodiff.store.folder import Store

    store = Store(results)
    store.prepare()
    chosen = [timed.entry_of(entry) for entry in entries]
    asked = timed.Asked(
        scope=Scope(batch=batch, threads=threads, pause_ms=pause),
        effort=Effort(
            seconds=seconds,
            processes=processes,
            most_processes=max(processes, 15),
            target_percent=target,
            seed=seed,
        ),
        modes=tuple(mode),
        allowed=tuple(allow),
        within_percent=within,
        controls=controls,
    )
    contestants = timed.contestants_of(chosen, asked)
    with LocalEngine() as engine, counting(f"{len(contestants)} entries", "processes") as step:
        outcome = timed.run(engine, contestants, asked, step=step)
    timed.record(outcome, asked, store)
    by_name = {one.name: one.entry for one in contestants}
    findings = find(outcome.timings, outcome.measured, by_name, {}, hardware().cores)
    if json:
        print_json(
            {
                **outcome.timings.to_dict(),
                "findings": [
                    {"code": f.code, "about": list(f.about), "sentence": f.sentence}
                    for f in findings
                ],
            }
        )
    else:
        _print(outcome.timings, findings)
    for name, reason in outcome.timings.failures.items():
        say(f"zoodiff: {name}: {reason}")
    if outcome.timings.failures:
        raise typer.Exit(3)


def _print(found: Timings, findings: list[LatencyFinding]) -> None:
    print_table(
        [
            "entry",
            "weights",
            ("ms a batch", "right"),
            ("95 %", "right"),
            ("p90", "right"),
            ("p99", "right"),
            ("images/s", "right"),
            ("peak memory", "right"),
        ],
        [
            [
                row.name,
                row.weights,
                f"{row.median.value:.4g}",
                f"{row.median.low:.4g} to {row.median.high:.4g}",
                f"{row.p90:.4g}",
                f"{row.p99:.4g}",
                f"{row.images_per_second:,.1f}",
                f"{row.peak_rss_bytes / 1e6:,.0f} MB",
            ]
            for row in found.rows
        ],
        title="latency",
    )
    if found.pairs:
        print_table(
            ["first", "second", ("ratio", "right"), ("95 %", "right"), "the first is"],
            [
                [
                    pair.first,
                    pair.second,
                    f"{pair.ratio.value:.3f}",
                    f"{pair.ratio.low:.3f} to {pair.ratio.high:.3f}",
                    _verdict(pair.verdict, found.within_percent),
                ]
                for pair in found.pairs
            ],
            title="pairs",
        )
    for control in found.controls:
        print(
            f"control: {control.entry} against its own copy {control.ratio.value:.3f} "
            f"[{control.ratio.low:.3f}, {control.ratio.high:.3f}]; "
            f"noise floor {control.noise_percent:.1f} %"
        )
    words = {
        "narrow enough": "the ratios are known well enough",
        "time spent": "the time was spent",
        "most processes": "there were as many processes as allowed",
    }
    print(f"{found.processes} processes of each; ended because {words[found.stopped]}")
    if found.needed_seconds is not None and found.stopped != "narrow enough" and found.pairs:
        print(f"the target would take about --seconds {found.needed_seconds:,.0f}")
    _print_scope(found)
    for finding in findings:
        print(f"{finding.code}  {finding.sentence}")


def _verdict(verdict: str, within: float) -> str:
    return f"the same within {within:g} %" if verdict == "the same" else verdict


def _print_scope(found: Timings) -> None:
    """What all share in one line; what differs, beside each other."""
    aspects = [a for a in found.rows[0].aspects if any(a in row.aspects for row in found.rows)]
    shared: list[tuple[str, list[str]]] = []
    apart: list[tuple[str, list[str]]] = []
    for aspect in aspects:
        values = [row.aspects.get(aspect, "") for row in found.rows]
        (shared if len(set(values)) == 1 else apart).append((aspect, values))
    print("measured: " + "; ".join(f"{aspect} {values[0]}" for aspect, values in shared))
    for aspect, values in apart:
        print(f"differs: {aspect}: " + " | ".join(values))
