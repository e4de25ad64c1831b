"""``zoodiff compare``: how the entries of an architecture, or any entries, differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.commands.run import Results, print_failures
from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode
from zoodiff.cli.render.console import (
    Json,
    complete_architecture,
    print_json,
    print_line,
    print_table,
    say,
)

if TYPE_CHECKING:
    from zoodiff.results import Discrepancy
    from zoodiff.study.result import StudyResult


def compare(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="ARCH|ENTRY...",
            help="An architecture (resnet50), or two entries or more (zoo:model, files).",
            autocompletion=complete_architecture,
        ),
    ],
    latency: Annotated[
        bool, typer.Option("--latency", help="Measure latency too, interleaved; takes longer.")
    ] = False,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch files that entries need to be described.")
    ] = False,
    threads: Annotated[int, typer.Option(help="Threads for --latency.", min=1)] = 1,
    rounds: Annotated[int, typer.Option(help="Rounds for --latency.", min=3)] = 15,
    results: Results = "results",
    allow_code: AllowCode = None,
    worker_seconds: WorkerSeconds = SECONDS,
    worker_memory: WorkerMemory = None,
    json: Json = False,
) -> None:
    """Compare claims, architecture, preprocessing and, on request, latency, ranked.

    What was measured before is taken from the results folder.
    """
    from zoodiff.cli.render.progress import progress
    from zoodiff.store.folder import Store
    from zoodiff.study.adhoc import study_of
    from zoodiff.study.assemble import assemble
    from zoodiff.study.run import run as run_study

    loaded = study_of(names, latency=latency, threads=threads, rounds=rounds, download=download)
    store = Store(results)
    with progress(loaded.study.title) as observer:
        outcome = run_study(
            loaded, store, observer, limits=limits_of(worker_seconds, worker_memory)
        )
    for sentence in outcome.damaged:
        say(f"zoodiff: {sentence}")
    result = assemble(store, outcome.manifest)
    if json:
        print_json(result.model_dump(mode="json"))
    else:
        _print(result)
    if any(not failure.declined for failure in result.failures):
        raise typer.Exit(3)


def _print(result: StudyResult) -> None:
    from zoodiff.cli.render.console import billions
    from zoodiff.preprocessing.spec import Preprocessing
    from zoodiff.store.records import ArchitectureValues

    if result.claimed is not None:
        _print_ranking("claimed top-1", result.claimed.rows)
    _print_ranking("latency", result.latency)
    for control in result.controls:
        print_line(
            f"control: {control.entry} against itself {control.ratio.value:.3f} "
            f"[{control.ratio.low:.3f}, {control.ratio.high:.3f}]; "
            f"noise floor {control.noise_percent:.1f} %"
        )
        print_line()
    described = [r for r in result.records if isinstance(r.values, ArchitectureValues)]
    if described:
        rows = []
        for record in described:
            values = record.values
            assert isinstance(values, ArchitectureValues)
            rows.append(
                [
                    record.entry,
                    f"{values.parameters:,}",
                    billions(values.macs),
                    f"{values.convolutions}/{values.normalisations}/{values.linear_layers}",
                    "x".join(str(n) for n in values.input_shape[-2:]),
                    "yes" if values.softmax_inside else "no",
                    "yes" if values.preprocessing_inside else "no",
                ]
            )
        print_table(
            [
                "entry",
                ("parameters", "right"),
                ("MACs", "right"),
                ("conv/norm/linear", "right"),
                "input",
                "softmax inside",
                "preprocessing inside",
            ],
            rows,
            title="architecture",
        )
        differing = [m.property for m in result.mismatches]
        print_line(
            f"differ in: {', '.join(differing)}"
            if differing
            else "equal in every count, which does not prove that they are the same network"
        )
        print_line()
        print_table(
            ["entry", "published", "preprocessing"],
            [
                [r.entry, p.published, p.sentence()]
                for r in described
                for p in [Preprocessing.from_dict(r.preprocessing)]
            ],
            title="preprocessing",
        )
    print_failures(result.failures, "with --json")


def _print_ranking(title: str, rows: list[Discrepancy]) -> None:
    if not rows:
        return
    print_table(
        ["higher", "lower", ("", "right"), ("", "right"), ("difference", "right"), "verdict"],
        [
            [
                f"{d.high_entry} ({d.high_weights})",
                f"{d.low_entry} ({d.low_weights})",
                f"{d.high:.4g} {d.unit}",
                f"{d.low:.4g} {d.unit}",
                _difference(d),
                d.verdict,
            ]
            for d in rows
        ],
        title=title,
    )


def _difference(row: Discrepancy) -> str:
    unit = "points" if row.difference_unit == "percentage points" else "%"
    interval = ""
    if row.interval is not None:
        interval = f" [{row.interval.low:.2f}, {row.interval.high:.2f}]"
    return f"{row.difference:.2f} {unit}{interval}"
