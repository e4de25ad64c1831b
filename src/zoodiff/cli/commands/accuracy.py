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
    print_line,
    print_table,
    say,
)

if TYPE_CHECKING:
    from zoodiff.accuracy.agreement import Agreements
    from zoodiff.accuracy.attribution.session import Reasons
    from zoodiff.accuracy.comparison import Comparison, Pair
    from zoodiff.accuracy.measure import Outcome
    from zoodiff.accuracy.subject import Contestant
    from zoodiff.data.images import ImageSet
    from zoodiff.engines.local import LocalEngine


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
    lanes: Annotated[
        int | None,
        typer.Option("--lanes", help="Images in work at a time; as many as cores.", min=1),
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
    from zoodiff.accuracy.agreement import agree
    from zoodiff.accuracy.attribution.session import Reasons
    from zoodiff.accuracy.comparison import compare
    from zoodiff.accuracy.measure import Settings, default_lanes, measure
    from zoodiff.accuracy.subject import changes_of, contestant
    from zoodiff.cli.render.accuracy_attribution import print_reasons
    from zoodiff.cli.render.progress import images_progress
    from zoodiff.data.labels import find
    from zoodiff.data.layouts import open_images
    from zoodiff.engines.local import LocalEngine
    from zoodiff.store.folder import Store
    from zoodiff.zoos import registry

    space = find(labels) if labels else None
    changes = changes_of(preprocessing)
    chosen = [registry.resolve(entry) for entry in entries]
    meant = find(data_labels) if data_labels else None
    images = open_images(data, space=meant, truth=truth, split=split)
    store = Store(results)
    store.prepare()
    settings = Settings(lanes or default_lanes(), batch, limit, seed, max_bad, fresh, decide)
    say(f"{len(images)} images of {images.name}, {images.layout}")
    for note in images.notes:
        say(f"note: {note}")
    limits = limits_of(worker_seconds, worker_memory)
    with LocalEngine(limits) as engine, images_progress(len(entries)) as step:
        contestants = [contestant(engine, entry, changes=changes, labels=space) for entry in chosen]
        if not images.labelled:
            agreed = agree(engine, contestants, images, settings, step)
            _print_agreement(agreed, json)
            if agreed.failed:
                raise typer.Exit(3)
            return
        reasons = Reasons(engine, images, settings, step)
        if infer_preprocessing:
            contestants = [reasons.fitted(one) for one in contestants]
        outcome = measure(engine, contestants, images, store, settings, step)
        found = (
            compare(outcome.records, store, within=decide or within) if outcome.records else None
        )
        if explain and found is not None:
            reasons.explain(contestants, found)
        evident = True
        if evidence is not None and found is not None:
            evident = _write_evidence(evidence, engine, contestants, images, found, reasons, seed)
    if json:
        print_json({**_as_json(images, outcome, found), **reasons.to_dict()})
    else:
        _print(images, outcome, found)
        print_reasons(reasons)
    if outcome.failures or not evident:
        raise typer.Exit(3)


def _write_evidence(
    folder: Path,
    engine: LocalEngine,
    contestants: list[Contestant],
    images: ImageSet,
    found: Comparison,
    reasons: Reasons,
    seed: int,
) -> bool:
    """Of every pair that differs; of two entries, whatever they do. False where one is missing."""
    from zoodiff.accuracy.reproducer import write
    from zoodiff.errors import ZoodiffError

    complete = True
    sides = {one.name: one for one in contestants}
    explained = {(one.first, one.second): one for one in reasons.explanations}
    for pair in found.pairs:
        if pair.verdict != "different" and len(found.pairs) > 1:
            continue
        both = sides[pair.first], sides[pair.second]
        try:
            target = write(
                folder,
                engine,
                both,
                images,
                pair,
                explained.get((pair.first, pair.second)),
                seed=seed,
            )
        except ZoodiffError as error:
            complete = False
            say(f"zoodiff: no evidence of {pair.first} and {pair.second}: {error}")
        else:
            say(f"evidence: {target}")
    return complete


def _print_agreement(found: Agreements, json: bool) -> None:
    if json:
        print_json(found.to_dict())
        return
    if found.pairs:
        _print_agreed(found)
    for name, why in found.left_out.items():
        print_line(f"{name} could not be decoded: {why}")
    for name, why in found.failed.items():
        say(f"zoodiff: {name}: {why}")


def _print_agreed(found: Agreements) -> None:
    print_table(
        [
            "first",
            "second",
            ("images", "right"),
            ("answers that change %", "right"),
            ("common of 5", "right"),
            ("divergence, bits", "right"),
        ],
        [
            [
                pair.first,
                pair.second,
                f"{pair.images:,}",
                f"{pair.changed.value:.2f} [{pair.changed.low:.2f}, {pair.changed.high:.2f}]",
                f"{pair.top5:.2f}",
                f"{pair.divergence:.4f}",
            ]
            for pair in found.pairs
        ],
        title="agreement, without labels",
    )
    for pair in found.pairs:
        if pair.worst and pair.worst[0][1] > 0:
            names = ", ".join(f"{name} ({value:.2f})" for name, value in pair.worst[:3])
            print_line(f"{pair.first} and {pair.second} diverge most on {names}")


def _as_json(images: ImageSet, outcome: Outcome, found: Comparison | None) -> dict[str, object]:
    return {
        "data": {"name": images.name, "layout": images.layout, "images": len(images)},
        "left_out": outcome.left_out,
        "notes": list(outcome.notes),
        "failures": [one.model_dump() for one in outcome.failures],
        "comparison": found.to_dict() if found else None,
        "records": [one.model_dump(mode="json") for one in outcome.records],
    }


def _print(images: ImageSet, outcome: Outcome, found: Comparison | None) -> None:
    if found is not None:
        print_table(
            [
                "entry",
                "weights",
                ("images", "right"),
                ("top-1 %", "right"),
                ("top-5 %", "right"),
                ("calibration", "right"),
                ("claim", "right"),
                "",
            ],
            [
                [
                    row.entry,
                    row.weights,
                    f"{row.images:,}",
                    f"{row.top1.value:.2f} [{row.top1.low:.2f}, {row.top1.high:.2f}]",
                    f"{row.top5.value:.2f} [{row.top5.low:.2f}, {row.top5.high:.2f}]",
                    "" if row.calibration_error is None else f"{row.calibration_error:.3f}",
                    "" if row.claimed is None else f"{row.claimed:g}",
                    row.claim or "",
                ]
                for row in found.rows
            ],
            title="accuracy",
        )
        _print_pairs(images, found)
        print_table(
            ["entry", "preprocessing", "not published, usual values taken"],
            [[row.entry, row.preprocessing, ", ".join(row.taken)] for row in found.rows],
            title="preprocessing",
        )
        for row in found.rows:
            for guard in row.guards:
                print_line(f"doubtful: {row.entry}: {guard}")
        for remark in found.remarks:
            print_line(f"note: {remark}")
    for note in outcome.notes[len(images.notes) :]:
        print_line(f"note: {note}")
    if outcome.left_out:
        print_line(f"{len(outcome.left_out)} images could not be decoded and count for no entry:")
        for name, why in list(outcome.left_out.items())[:5]:
            print_line(f"  {name}: {why}")
    for failure in outcome.failures:
        say(f"zoodiff: {failure.entry}: {failure.reason}")
    if outcome.images_per_second:
        say(f"{outcome.images_per_second:.1f} images/s")


def _print_pairs(images: ImageSet, found: Comparison) -> None:
    if not found.pairs:
        return
    print_table(
        ["first", "second", ("points", "right"), ("p (Holm)", "right"), ("agree", "right"), ""],
        [
            [
                pair.first,
                pair.second,
                _points(pair),
                "" if pair.sequence else f"{pair.holm:.2g}",
                f"{pair.agreement:.1f} %",
                _verdict(pair, found.within),
            ]
            for pair in found.pairs
        ],
        title="pairs",
    )
    for pair in found.pairs:
        if pair.verdict != "different" or not pair.flips:
            continue
        print_line(
            f"{pair.first} alone is right on {pair.only_first} images, {pair.second} alone on "
            f"{pair.only_second}; for example"
        )
        for flip in pair.flips[:3]:
            name = images.samples[flip.image].name
            words = [_class(images, k) for k in (flip.label, flip.first, flip.second)]
            print_line(f"  {name}: {words[0]}, taken for {words[1]} | {words[2]}")
        for one in pair.classes[:3]:
            print_line(
                f"  class {_class(images, one.label)}: {one.points:+.0f} points on {one.images} "
                f"images (p {one.benjamini_hochberg:.2g} over all classes)"
            )
        print_line()


def _points(pair: Pair) -> str:
    interval = pair.sequence or pair.difference
    return f"{pair.difference.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"


def _verdict(pair: Pair, within: float) -> str:
    if pair.verdict == "the same":
        return f"the same within {within:g} points"
    if pair.verdict == "different":
        return f"differ by more than {within:g} points" if pair.sequence else "different"
    if pair.sequence:
        return f"not decided by {pair.images:,} images"
    return f"not decided; {pair.images:,} images show {pair.detectable:.1f} points"


def _class(images: ImageSet, number: int) -> str:
    from zoodiff.data import imagenet
    from zoodiff.data.labels import IMAGENET_1K

    if number < 0:
        return "no class"
    if images.space == IMAGENET_1K:
        return imagenet.names()[number]
    names = images.space.names if images.space else ()
    return names[number] if number < len(names) else str(number)
