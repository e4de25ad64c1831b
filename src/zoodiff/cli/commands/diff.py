"""``zoodiff diff``: decide whether two networks compute the same function, and explain why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from zoodiff.cli.limits import SECONDS, WorkerMemory, WorkerSeconds, limits_of
from zoodiff.cli.options import AllowCode, takes_options
from zoodiff.cli.render.console import (
    Json,
    as_text,
    complete_entry,
    print_document,
    print_line,
    say,
    say_progress,
    status,
)
from zoodiff.errors import MeasurementError, UsageError

if TYPE_CHECKING:
    from zoodiff.api import DiffReport, Picture
    from zoodiff.api.values.shared import Limits

FailOn = Literal["function", "weights", "graph", "any"]


@dataclass(frozen=True, kw_only=True)
class DiffOptions:
    """The options of ``zoodiff diff``."""

    a: Annotated[str, typer.Argument(help="An entry.", autocompletion=complete_entry)]
    b: Annotated[
        str,
        typer.Argument(
            help="Another entry; zoo:model@* compares A with each of its weights.",
            autocompletion=complete_entry,
        ),
    ]
    graph_only: Annotated[
        bool, typer.Option("--graph-only", help="Compare graphs; run nothing, read no weights.")
    ] = False
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Compare graphs and weights; run nothing.")
    ] = False
    prove: Annotated[
        bool,
        typer.Option("--prove", help="Also put drawn weights of A into B, and run both."),
    ] = False
    weights: Annotated[
        bool, typer.Option("--weights", help="Fail where the weights cannot be compared.")
    ] = False
    download: Annotated[
        bool, typer.Option("--download", help="Fetch published weights that are not here.")
    ] = False
    input_range: Annotated[
        str | None,
        typer.Option(
            metavar="LOW:HIGH", help="Generate inputs in this range; several are tried without."
        ),
    ] = None
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="NAME=TYPE[EXTENTS]",
            help="State an input, e.g. ids=int64[1,32] or ids=int64[1,32]:0..99 (repeat).",
        ),
    ] = None
    example: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also run on these arrays: .npz, by name of the input."),
    ] = None
    seed: Annotated[int, typer.Option(help="Seed of the generated inputs.")] = 0
    fail_on: Annotated[
        FailOn | None,
        typer.Option(help="End with 1 where this differs, and with 3 where it is not known."),
    ] = None
    places: Annotated[
        bool, typer.Option("--places", help="Name every layer that a finding is about.")
    ] = False
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the picture of the diff: one page."),
    ] = None
    svg: Annotated[
        Path | None,
        typer.Option("--svg", metavar="FILE", help="Write a drawing for a paper, as SVG."),
    ] = None
    png: Annotated[
        Path | None,
        typer.Option("--png", metavar="FILE", help="Write the same drawing as PNG."),
    ] = None
    model_explorer: Annotated[
        Path | None,
        typer.Option(
            "--model-explorer",
            metavar="FOLDER",
            help="Write graphs, node mapping and node data for Model Explorer.",
        ),
    ] = None
    netron: Annotated[
        Path | None,
        typer.Option(
            "--netron",
            metavar="FOLDER",
            help="Write both graphs as ONNX with findings in metadata.",
        ),
    ] = None
    without: Annotated[
        list[str] | None,
        typer.Option("--without", metavar="PASS", help="Leave out a pass (repeat)."),
    ] = None
    preprocessing: Annotated[
        bool,
        typer.Option(
            "--preprocessing",
            help="Compare how images are prepared instead, outside and inside.",
        ),
    ] = False
    allow_code: AllowCode = None
    worker_seconds: WorkerSeconds = SECONDS
    worker_memory: WorkerMemory = None
    json: Json = False


@takes_options
def diff(options: DiffOptions) -> None:
    """Say whether two networks compute the same function, and if not, why.

    Graphs are always compared. If the weights of both networks are on this machine, the weights are
    compared and both networks are run on generated inputs. `zoodiff rules` explains the codes. An
    entry may be the path of a model file.
    """
    from zoodiff import api
    from zoodiff.api.entries import all_weights
    from zoodiff.cli.render.diff import print_preprocessing, print_report

    o = options
    limits = limits_of(o.worker_seconds, o.worker_memory)
    if o.preprocessing:
        _check_alone(o)
        prepared = api.diff_preprocessing(o.a, o.b, limits=limits)
        if o.json:
            print_document("diff-preprocessing", prepared.to_dict())
        else:
            print_preprocessing(prepared)
        return
    others = all_weights(o.b, besides=o.a)
    if others == [o.b]:
        report = _report(o, o.b, limits)
        if o.json:
            print_document("diff", report.to_dict())
        else:
            print_report(report, o.places)
        _save(report.picture, o)
        code = report.exit_code(o.fail_on)
    elif _files(o):
        raise UsageError("a picture shows two networks; name one set of weights in place of *")
    else:
        code = _each(o, others, limits)
    if code:
        raise typer.Exit(code)


def _report(o: DiffOptions, other: str, limits: Limits | None) -> DiffReport:
    """Compare the first entry with another one."""
    from zoodiff import api

    request = api.DiffRequest(
        o.a,
        other,
        graph_only=o.graph_only,
        no_run=o.no_run,
        prove=o.prove,
        weights=o.weights,
        download=o.download,
        without=tuple(o.without or ()),
        input_range=_range(o.input_range),
        inputs=tuple(o.inputs or ()),
        example=o.example,
        seed=o.seed,
        layer_outputs=bool(_files(o)),
    )
    with status(f"comparing {o.a} and {other}") as shown:
        return api.diff(request, limits=limits, progress=lambda text: shown.update(as_text(text)))


def _each(o: DiffOptions, others: Sequence[str], limits: Limits | None) -> int:
    """Compare the first entry with each of the others; return the largest exit code.

    An entry that cannot be compared is reported in one sentence, and the others go on.
    """
    from zoodiff.cli.render.diff import print_report

    codes = [0]
    reports: list[dict[str, Any]] = []
    for other in others:
        try:
            report = _report(o, other, limits)
        except MeasurementError as error:
            reports.append({"b": other, "error": str(error)})
            codes.append(error.exit_code)
            say(f"zoodiff: {other}: {error}")
            continue
        reports.append(report.to_dict())
        codes.append(report.exit_code(o.fail_on))
        if not o.json:
            print_line(f"{o.a} and {other}")
            print_report(report, o.places)
            print_line()
    if o.json:
        print_document("diff-each", reports)
    return max(codes)


def _files(o: DiffOptions) -> list[Path]:
    """The files and folders that the picture is to be written to."""
    files = (o.html, o.svg, o.png, o.model_explorer, o.netron)
    return [file for file in files if file is not None]


def _save(picture: Picture, o: DiffOptions) -> None:
    """Write what is asked for of the picture, and say where it is."""
    written: list[Path] = []
    if o.html is not None:
        written.append(picture.save(o.html, "html"))
    if o.svg is not None:
        written.append(picture.save(o.svg, "svg"))
    if o.png is not None:
        written.append(picture.save(o.png, "png"))
    if o.model_explorer is not None:
        written += picture.export_model_explorer(o.model_explorer)
    if o.netron is not None:
        written += picture.export_netron(o.netron)
    for path in written:
        say_progress(f"written: {path}")


def _check_alone(o: DiffOptions) -> None:
    """Raise UsageError for an option that ``--preprocessing`` does not use."""
    if _files(o):
        raise UsageError("--preprocessing compares no graphs, of which there could be a picture")
    if o.without or o.prove or o.weights or o.places or o.graph_only or o.no_run or o.fail_on:
        raise UsageError("--preprocessing compares no architecture; ask for it by itself")


def _range(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    low, colon, high = text.partition(":")
    try:
        if colon:
            return float(low), float(high)
    except ValueError:
        pass
    raise UsageError(f'"{text}" is no range of inputs; write LOW:HIGH, for example 0:255')
