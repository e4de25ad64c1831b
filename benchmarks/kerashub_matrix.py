"""Ask zoodiff about small random networks of KerasHub's backbones and Keras's own exports.

    python -m benchmarks.kerashub_matrix FILE [--only BertBackbone,LSTM] [--limit 20]

KerasHub is in the zoo's own environment (``zoodiff env create kerashub``), whose packages
``PYTHONPATH`` has to name; ``zoodiff env list`` says where it is. The backend is TensorFlow.

Each network is written by ``model.export`` as ONNX, TFLite and SavedModel. The network in Python
is compared with each file: the right answer is "the same function" where the file computes what
the network does when it is run without zoodiff, "different functions" where it does not. A copy of
the network with one planted change is compared with one of the files; the right answer is
"different functions". FILE gets one JSON line per network; networks that it has are not run again.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

EXPORTERS = ("onnx", "litert", "tf_saved_model")
STATES = ("right", "wrong", "not decided", "refused", "export failed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the networks that the file lacks; print the table of all that it has."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="one JSON line per network")
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--limit", type=int, default=0, help="at most so many are run")
    parser.add_argument("--exporter", action="append", choices=EXPORTERS, help="all by default")
    parser.add_argument("--seconds", type=float, default=120.0, help="for one network")
    parser.add_argument("--again", action="store_true", help="run those of --only once more")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    rows = _stored(options.file)
    only = options.only.split(",") if options.only else None
    if not options.table:
        version = _version()
        for name in _chosen(only, rows, again=options.again)[: options.limit or None]:
            row = run_apart(name, options.exporter or EXPORTERS, options.seconds)
            row["version"] = version
            rows[name] = row
            with options.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(_line(row), flush=True)
    chosen = [row for name, row in rows.items() if only is None or name in only]
    print_table(chosen)
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
    only: Sequence[str] | None, rows: Mapping[str, Any], *, again: bool = False
) -> list[str]:
    _prepare()
    from benchmarks.small_kerashub.networks import architectures

    known = architectures()
    return [name for name in only or known if name in known and (again or name not in rows)]


def _prepare() -> None:
    """Import the frameworks once; each network gets a copy of this process.

    No operation of TensorFlow runs here: its threads would be missing in the copies.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    for name in ("tensorflow", "keras", "keras_hub", "tf2onnx", "onnxruntime"):
        importlib.import_module(name)
    importlib.import_module("benchmarks.small_kerashub.answers")


def run_apart(name: str, exporters: Sequence[str], seconds: float) -> dict[str, Any]:
    """Return what became of a network, run in a process of its own for a limited time."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_in_process, args=(name, tuple(exporters), send))
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


def _in_process(name: str, exporters: Sequence[str], send: Any) -> None:
    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    for said in (1, 2):  # TensorFlow writes there itself, too
        os.dup2(silent, said)
    from benchmarks.small_kerashub.answers import outcome

    try:
        row = outcome(name, exporters).to_dict()
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


def print_table(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print counts by exporter, counts by network, and every answer that is not right."""
    print(f"{'':16}" + "".join(f"{state:>14}" for state in STATES))
    for exporter in (*EXPORTERS, "planted"):
        verdicts = [v for row in rows if (v := _of(row, exporter))]
        counts = Counter(v["state"] for v in verdicts)
        print(f"{exporter:16}" + "".join(f"{counts[state]:>14}" for state in STATES))
    versions = Counter(row["version"] for row in rows if row.get("version"))
    print("versions: " + (", ".join(f"{k} ({n})" for k, n in versions.items()) or "not known"))
    built = [row for row in rows if row["state"] == "built"]
    asked = [v for row in built for v in _verdicts(row) if v["state"] != "export failed"]
    right = [row for row in built if all(v["state"] in _FINE for v in _verdicts(row))]
    print(
        f"{len(rows)} networks, {len(built)} built and run; "
        f"{sum(v['state'] == 'right' for v in asked)} of {len(asked)} answers right; "
        f"all answers right for {len(right)} networks"
    )
    for row in rows:
        for exporter in (*EXPORTERS, "planted"):
            verdict = _of(row, exporter)
            if verdict and verdict["state"] != "right":
                title = f"{row['architecture']} {exporter}"
                if exporter == "planted":
                    title += f" ({row['change']})"
                print(f"{verdict['state']}: {title}: {verdict['reason'][:300]}")
    for state in ("not built", "no time"):
        names = [row["architecture"] for row in rows if row["state"] == state]
        print(f"{state}: {len(names)}: {', '.join(names)}")


_FINE = frozenset({"right", "export failed"})


def _of(row: Mapping[str, Any], exporter: str) -> Mapping[str, Any] | None:
    if exporter == "planted":
        return row.get("planted")
    verdict: Mapping[str, Any] | None = row.get("exports", {}).get(exporter)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
