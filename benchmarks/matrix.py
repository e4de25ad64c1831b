"""Ask zoodiff about many small networks and their exports; what all matrices of networks share.

A matrix says which networks there are and how one is built. Each network is run in a process of its
own for a limited time, a copy of the one in which the frameworks are imported. FILE gets one JSON
line per network; networks that it has are not run again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoodiff.torch_compat import import_torchvision

EXPORTERS = ("torch.export", "dynamo", "torchscript")
STATES = ("right", "wrong", "not decided", "refused", "export failed")


@dataclass(frozen=True)
class Matrix:
    """Networks that are asked about."""

    noun: str
    """What they are in a table, in the plural."""
    prepare: Callable[[], None]
    """Imports what all need, once."""
    names: Callable[[], list[str]]
    """All that there are, those to be run first before the others."""
    ask: Callable[[str, Sequence[str]], Any]
    """Returns the ``Outcome`` of a name with some exporters."""
    describe: Callable[[Sequence[Mapping[str, Any]]], str] | None = None
    """What a table says about the rows of networks that were exported."""
    exporters: tuple[str, ...] = EXPORTERS
    """Those that are run unless others are asked for."""


def of_pytorch(
    noun: str,
    prepare: Callable[[], None],
    names: Callable[[], list[str]],
    build: Callable[[str], Any],
    describe: Callable[[Sequence[Mapping[str, Any]]], str] | None = None,
    exporters: tuple[str, ...] = EXPORTERS,
) -> Matrix:
    """Return a matrix of PyTorch's networks; ``build`` returns the ``Sample`` of a name."""

    def prepare_all() -> None:
        _prepare_pytorch()
        prepare()
        _warm_up()

    def ask(name: str, exporters: Sequence[str]) -> Any:
        from benchmarks.small_transformers.answers import outcome

        return outcome(name, exporters, build=build)

    return Matrix(noun, prepare_all, names, ask, describe, exporters)


def parser_of(
    description: str, choices: Sequence[str] = (), exporters: Sequence[str] = EXPORTERS
) -> argparse.ArgumentParser:
    """Return the options of a program that runs a matrix, or one that is chosen of several."""
    parser = argparse.ArgumentParser(description=description)
    if choices:
        parser.add_argument("matrix", choices=choices)
    parser.add_argument("file", type=Path, help="one JSON line per network")
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--limit", type=int, default=0, help="at most so many are run")
    parser.add_argument("--exporter", action="append", choices=exporters, help="several may be")
    parser.add_argument("--seconds", type=float, default=300.0, help="for one network")
    parser.add_argument("--again", action="store_true", help="run those of --only once more")
    parser.add_argument("--table", action="store_true", help="run nothing")
    return parser


def run_matrix(matrix: Matrix, options: argparse.Namespace) -> int:
    """Run the networks that the file lacks, print the table of all; return 1 for a wrong answer."""
    rows = _stored(options.file)
    only = options.only.split(",") if options.only else None
    if not options.table:
        version = _version()
        for name in _chosen(matrix, only, rows, again=options.again)[: options.limit or None]:
            row = run_apart(matrix, name, options.exporter or matrix.exporters, options.seconds)
            row["version"] = version
            rows[name] = row
            with options.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(_line(row), flush=True)
    chosen = [row for name, row in rows.items() if only is None or name in only]
    print_table(matrix, chosen)
    return int(any(v["state"] == "wrong" for row in rows.values() for v in _verdicts(row)))


def _version() -> str:
    """The commit that is asked, with a plus where files differ from it."""
    command = ("git", "describe", "--always", "--exclude=*", "--dirty=+")
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    return said.stdout.strip()


def _stored(file: Path) -> dict[str, dict[str, Any]]:
    """The last row of each network; one that took too long hides no answer before it."""
    if not file.exists():
        return {}
    rows: dict[str, dict[str, Any]] = {}
    for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        if row["state"] != "no time" or row["architecture"] not in rows:
            rows[row["architecture"]] = row
    return rows


def _chosen(
    matrix: Matrix, only: Sequence[str] | None, rows: Mapping[str, Any], *, again: bool = False
) -> list[str]:
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    matrix.prepare()
    known = matrix.names()
    return [name for name in only or known if name in known and (again or name not in rows)]


def _prepare_pytorch() -> None:
    """Import PyTorch once; each network gets a copy of this process."""
    with contextlib.suppress(ImportError):
        import_torchvision()
    import torch

    torch.set_num_threads(1)


def _warm_up() -> None:
    """Ask about one linear layer, so that what exporters and zoodiff import is there for all."""
    import torch
    from benchmarks.small_transformers.answers import judged
    from benchmarks.small_transformers.exports import ExportError, export
    from benchmarks.small_transformers.networks import Sample, plain

    inputs = {"input": torch.randn(2, 4)}
    sample = Sample("linear", plain(torch.nn.Linear(4, 4).eval(), ("input",), {}), inputs, "")
    with tempfile.TemporaryDirectory() as folder:
        for exporter in EXPORTERS:
            with contextlib.suppress(ExportError):
                judged(sample, export(sample, exporter, Path(folder)), same=True)


def run_apart(
    matrix: Matrix, name: str, exporters: Sequence[str], seconds: float
) -> dict[str, Any]:
    """Return what became of a network, run in a process of its own for a limited time."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_in_process, args=(matrix, name, tuple(exporters), send))
    start = time.perf_counter()
    process.start()
    send.close()
    row: dict[str, Any] = {"architecture": name, "state": "no time", "exports": {}}
    try:
        if receive.poll(seconds):
            row = receive.recv()
    except EOFError:
        row |= {"state": "not built", "reason": "its process ended"}
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid or 0, signal.SIGKILL)  # with the workers that it started
    process.join()
    row["seconds"] = round(time.perf_counter() - start, 1)
    return row


def _in_process(matrix: Matrix, name: str, exporters: Sequence[str], send: Any) -> None:
    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    for said in (1, 2):  # frameworks write there themselves, too
        os.dup2(silent, said)
    try:
        row = matrix.ask(name, exporters).to_dict()
    except Exception as error:  # the program goes on with the next
        row = {"architecture": name, "state": "not built", "exports": {}}
        row["reason"] = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    send.send(row)


def _verdicts(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*row.get("exports", {}).values(), *filter(None, [row.get("planted")])]


def _line(row: Mapping[str, Any]) -> str:
    parts = [f"{name} {v['state']}" for name, v in row.get("exports", {}).items()]
    if row.get("planted"):
        parts.append(f"{row['change']} {row['planted']['state']}")
    return f"{row['architecture']:28} {', '.join(parts) or row['state']} ({row['seconds']:.0f} s)"


def print_table(matrix: Matrix, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print counts by exporter, counts of networks, and every answer that is not right."""
    print(f"{'':16}" + "".join(f"{state:>14}" for state in STATES))
    for exporter in (*matrix.exporters, "planted"):
        verdicts = [v for row in rows if (v := _of(row, exporter))]
        counts = Counter(v["state"] for v in verdicts)
        print(f"{exporter:16}" + "".join(f"{counts[state]:>14}" for state in STATES))
    versions = Counter(row["version"] for row in rows if row.get("version"))
    print("versions: " + (", ".join(f"{k} ({n})" for k, n in versions.items()) or "not known"))
    built = [row for row in rows if row["state"] == "built"]
    asked = [row for row in built if any(_answered(v) for v in row["exports"].values())]
    right = [row for row in asked if all(_right(v) for v in row["exports"].values())]
    print(
        f"{len(rows)} {matrix.noun}, {len(built)} built and run, {len(asked)} exported by at least "
        f"one exporter; all answers right for {len(right)} of these"
    )
    if matrix.describe is not None:
        print(matrix.describe(asked))
    for row in rows:
        for exporter in (*matrix.exporters, "planted"):
            verdict = _of(row, exporter)
            if verdict and verdict["state"] not in {"right", "export failed"}:
                title = f"{row['architecture']} {exporter}"
                if exporter == "planted":
                    title += f" ({row['change']})"
                print(f"{verdict['state']}: {title}: {verdict['reason'][:300]}")
    for state in ("not built", "no time"):
        names = [row["architecture"] for row in rows if row["state"] == state]
        print(f"{state}: {len(names)}: {', '.join(names)}")


def _of(row: Mapping[str, Any], exporter: str) -> Mapping[str, Any] | None:
    if exporter == "planted":
        return row.get("planted")
    verdict: Mapping[str, Any] | None = row.get("exports", {}).get(exporter)
    return verdict


def _answered(verdict: Mapping[str, Any]) -> bool:
    return bool(verdict["state"] != "export failed")


def _right(verdict: Mapping[str, Any]) -> bool:
    return verdict["state"] in {"right", "export failed"}
