"""``zoodiff accuracy``: entries on the same labelled images, beside their claims and each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zoodiff.cli.commands.run import Results
from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode
from zoodiff.cli.render.console import (
    Json,
    complete_entry,
    print_json,
)

if TYPE_CHECKING:
    pass


def accuracy(
    entries: Annotated[
        list[str],
        typer.Argument(
            metavar="ENTRY...",
            help="zoo:model, zoo:model@weights or a file.",
            autocompletion=complete_entry,
        ),
    ],
    data: Annotated[
        str,
        typer.Option(
            "--data", help="Images: a folder, tar shards, Parquet, TFRecords or CIFAR binaries."
        ),
    ],
    truth: Annotated[
        Path | None, typer.Option("--truth", help="File with the labels of a flat folder.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels", help="Label space of files that say nothing: a name, or one class a line."
        ),
    ] = None,
    data_labels: Annotated[
        str | None,
        typer.Option(
            "--data-labels",
            help="What the numbers of the data set mean, where it does not say; imagenet without.",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option("--split", help="Word in the names of the shards to take.")
    ] = "",
    limit: Annotated[
        int | None, typer.Option("--limit", help="Take so many images, drawn by --seed.", min=1)
    ] = None,
    decide: Annotated[
        float | None,
        typer.Option(
            "--decide",
            help="Stop when every pair is known to differ by more or less points.",
            min=0,
        ),
    ] = None,
    within: Annotated[
        float, typer.Option("--within", help="Points within which entries are the same.", min=0)
    ] = 0.5,
    preprocessing: Annotated[
        list[str],
        typer.Option(
            "--preprocessing", help="Change one field for all entries: interpolation=bicubic."
        ),
    ] = [],  # noqa: B006 - typer reads the default
    infer_preprocessing: Annotated[
        bool,
        typer.Option(
            "--infer-preprocessing",
            help="Try the usual preprocessings first, and use what fits where nothing is said.",
        ),
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Take differences apart: one factor at a time.")
    ] = False,
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--evidence",
            help="Write a folder for a bug report: an image, both answers, a script.",
        ),
    ] = None,
    pipelines: Annotated[
        int | None,
        typer.Option(
            *("--pipelines", "--lanes"),
            help="Parallel pipelines, each on one core (default: all cores).",
            min=1,
        ),
    ] = None,
    batch: Annotated[int, typer.Option("--batch", help="Images of one inference.", min=1)] = 16,
    seed: Annotated[int, typer.Option("--seed", help="For random weights and --limit.")] = 0,
    max_bad: Annotated[
        float, typer.Option("--max-bad", help="Percent of images that may be damaged.", min=0)
    ] = 1.0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again what the results folder has.")
    ] = False,
    allow_code: AllowCode = None,
    results: Results = "results",
    worker_seconds: WorkerSeconds = SECONDS,
    worker_memory: WorkerMemory = None,
    json: Json = False,
) -> None:
    """Measure top-1 and top-5 of entries on the same images, and compare them.

    Each image is decoded once for all entries. A run that is interrupted goes on where it was.
    Without labels, entries are compared by their answers alone.
    """
    from zoodiff import api
    from zoodiff.cli.render import accuracy as render
    from zoodiff.cli.render.progress import images_progress

    request = api.AccuracyRequest(
        entries=tuple(entries),
        data=data,
        truth=truth,
        labels=labels,
        data_labels=data_labels,
        split=split,
        limit=limit,
        decide=decide,
        within=within,
        preprocessing=tuple(preprocessing),
        infer=infer_preprocessing,
        explain=explain,
        evidence=evidence,
        pipelines=pipelines,
        batch=batch,
        seed=seed,
        max_bad=max_bad,
        fresh=fresh,
        results=results,
        limits=limits_of(worker_seconds, worker_memory),
    )
    with images_progress(len(entries)) as step:
        report = api.accuracy(request, step=step, opened=render.say_images)
    if json:
        print_json(report.to_dict())
    else:
        render.print_report(report)
    render.say_problems(report)
    if not report.complete:
        raise typer.Exit(3)
