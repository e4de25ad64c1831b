"""``zoodiff accuracy``: compare the accuracy of entries on the same images."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from zoodiff.cli.exit_codes import NOT_MEASURED
from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode, Results, takes_options
from zoodiff.cli.render.console import Json, complete_entry, print_document


@dataclass(frozen=True, kw_only=True)
class AccuracyOptions:
    """The options of ``zoodiff accuracy``."""

    entries: Annotated[
        list[str],
        typer.Argument(
            metavar="ENTRY...",
            help="zoo:model, zoo:model@weights or a file; NAME=ENTRY gives it a name.",
            autocompletion=complete_entry,
        ),
    ]
    data: Annotated[
        str,
        typer.Option(
            "--data", help="Images: a folder, tar shards, Parquet, TFRecords or CIFAR binaries."
        ),
    ]
    truth: Annotated[
        Path | None, typer.Option("--truth", help="File with the labels of a flat folder.")
    ] = None
    labels: Annotated[
        str | None,
        typer.Option("--labels", help="Label space of files without metadata: a name or a file."),
    ] = None
    data_labels: Annotated[
        str | None,
        typer.Option(
            "--data-labels",
            help="Label space of the data set's class indices [default: imagenet].",
        ),
    ] = None
    split: Annotated[
        str, typer.Option("--split", help="Word in the names of the shards to use.")
    ] = ""
    limit: Annotated[
        int | None, typer.Option("--limit", help="Number of random images, drawn by --seed.", min=1)
    ] = None
    decide: Annotated[
        float | None,
        typer.Option(
            "--decide",
            help="Stop when every pair is known to differ by more or less than this many points.",
            min=0,
        ),
    ] = None
    within: Annotated[
        float,
        typer.Option("--within", help="Points within which entries count as the same.", min=0),
    ] = 0.5
    preprocessing: Annotated[
        list[str],
        typer.Option(
            "--preprocessing", help="Change one field for all entries: interpolation=bicubic."
        ),
    ] = field(default_factory=list)
    infer_preprocessing: Annotated[
        bool,
        typer.Option(
            "--infer-preprocessing",
            help="Try the usual preprocessings; use the best fit for unpublished fields.",
        ),
    ] = False
    explain: Annotated[
        bool, typer.Option("--explain", help="Decompose differences, factor by factor.")
    ] = False
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--evidence",
            help="Write a minimal reproducer: an image, both predictions, a script.",
        ),
    ] = None
    pipelines: Annotated[
        int | None,
        typer.Option(
            *("--pipelines", "--lanes"),
            help="Parallel pipelines, each on one core (default: all cores).",
            min=1,
        ),
    ] = None
    batch: Annotated[int, typer.Option("--batch", help="Images per inference.", min=1)] = 16
    seed: Annotated[int, typer.Option("--seed", help="For random weights and --limit.")] = 0
    max_bad: Annotated[
        float, typer.Option("--max-bad", help="Percent of images that may be damaged.", min=0)
    ] = 1.0
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure again, ignoring the results folder.")
    ] = False
    allow_code: AllowCode = None
    results: Results = "results"
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def accuracy(options: AccuracyOptions) -> None:
    """Measure top-1 and top-5 of entries on the same images, and compare them.

    Each image is decoded once for all entries. An interrupted run continues where it stopped.
    Without labels, only the answers of the entries are compared.
    """
    from zoodiff.api.accuracy_report import AccuracyRequest
    from zoodiff.api.accuracy_report import accuracy as measure
    from zoodiff.cli.render import accuracy as render
    from zoodiff.cli.render.entry_names import named_entries
    from zoodiff.cli.render.progress import images_progress

    entries, names = named_entries(options.entries)
    request = AccuracyRequest(
        entries=entries,
        data=options.data,
        truth=options.truth,
        labels=options.labels,
        data_labels=options.data_labels,
        split=options.split,
        limit=options.limit,
        decide=options.decide,
        within=options.within,
        preprocessing=tuple(options.preprocessing),
        infer=options.infer_preprocessing,
        explain=options.explain,
        evidence=options.evidence,
        pipelines=options.pipelines,
        batch=options.batch,
        seed=options.seed,
        max_bad=options.max_bad,
        fresh=options.fresh,
        results=options.results,
        limits=limits_of(options.worker_seconds, options.worker_memory),
    )
    with images_progress(len(entries)) as step:
        report = measure(request, step=step, opened=render.say_images, trying=step.trying)
    if options.json:
        print_document("agreement" if report.agreement else "accuracy", report.to_dict())
    else:
        render.print_report(report, names)
    render.say_problems(report)
    if not report.complete:
        raise typer.Exit(NOT_MEASURED)
