"""Measure what the issues promise and print a table: goal, measured.

    python benchmarks/run.py [NAME ...] [--json FILE]

``startup``   the command's own time, as whole processes, beside an empty Python process
``describe``  every network of the four zoos, each zoo in one worker: failures, time, parameters
``memory``    peak memory of a fresh worker that describes one of the largest networks
``latency``   what `zoodiff latency` takes beside loading networks and timing them
``study``     the study ``quick`` from an empty results folder
``diff``      diffs of large graphs, and how their time grows
``matrix``    all networks of the four zoos, and all pairs of one architecture
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND = shutil.which("zoodiff", path=str(Path(sys.executable).parent)) or "zoodiff"
Row = tuple[str, str, str]

LARGEST = (
    "torchvision:regnet_y_128gf",
    "torchvision:vit_h_14",
    "torchvision:vgg19",
    "keras:NASNetLarge",
    "keras:VGG19",
    "keras:ConvNeXtXLarge",
    "tfmg:slim/vgg_19",
    "onnx:light_vgg19",
)
"""The networks with the most weights of each zoo."""


def wall(command: list[str], runs: int = 9) -> float:
    """Median wall time of a whole process, in seconds, after one run that is not counted."""
    times = []
    for number in range(runs + 1):
        begin = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        if number:
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def startup() -> list[Row]:
    empty = wall([sys.executable, "-c", "pass"])
    rows = []
    for arguments, goal in ((["--help"], 0.3), (["claims", "resnet50"], 0.6)):
        took = wall([COMMAND, *arguments])
        rows.append(
            (
                f"`zoodiff {' '.join(arguments)}`",
                f"under {goal} s",
                f"{took:.3f} s ({took / empty:.1f} x an empty Python process)",
            )
        )
    return rows


def describe() -> Iterator[Row]:
    from zoodiff.architecture.describe import describe as describe_entry
    from zoodiff.engines.pool import WorkerPool
    from zoodiff.errors import ZoodiffError
    from zoodiff.graph.cost import count
    from zoodiff.zoos import registry

    for zoo in (z for z in registry.zoos().values() if z.listed):
        seconds: list[float] = []
        failures: list[str] = []
        off: list[str] = []
        checked = 0
        with WorkerPool() as engine:
            for model in zoo.models():
                weights = model.default_weights
                if zoo.name == "onnx" and weights is not None and weights.url is not None:
                    continue  # published files, hundreds of megabytes each
                entry = registry.Entry(zoo, model, weights)
                try:
                    graph, answer = describe_entry(engine, entry)
                except ZoodiffError as error:
                    failures.append(f"{model.name}: {error}")
                    continue
                counts = count(graph)
                facts = answer["facts"]
                assert isinstance(facts, dict)
                seconds.append(float(str(answer["seconds"])))
                checked += 1
                expected = (facts["parameters"], facts["statistics"])
                published = weights.parameters if weights else None
                if (counts.parameters, counts.statistics) != expected or published not in (
                    None,
                    counts.parameters,
                ):
                    off.append(model.name)
        yield (
            f"{zoo.name}: described without failure",
            f"all {checked + len(failures)}",
            f"{checked}, median {statistics.median(seconds):.2f} s, all {sum(seconds):.0f} s"
            + (f"; failed: {'; '.join(failures)}" if failures else ""),
        )
        yield (
            f"{zoo.name}: parameters equal the zoo's and the framework's figure",
            "all",
            f"{checked - len(off)} of {checked}" + (f"; not: {', '.join(off)}" if off else ""),
        )


def memory() -> Iterator[Row]:
    from zoodiff.architecture.describe import describe as describe_entry
    from zoodiff.engines.pool import WorkerPool
    from zoodiff.zoos import registry

    for name in LARGEST:
        with WorkerPool() as engine:
            _, answer = describe_entry(engine, registry.resolve(name))
        peak = float(str(answer["peak_rss_bytes"])) / 1e9
        yield (f"{name}: peak memory of its worker", "under 1.5 GB", f"{peak:.2f} GB")


def study() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        done = subprocess.run(
            [COMMAND, "run", "quick", "--results", f"{folder}/r", "--report", f"{folder}/report"],
            stdout=subprocess.DEVNULL,
            check=False,
        )
        took = time.perf_counter() - begin
        begin = time.perf_counter()
        subprocess.run(
            [COMMAND, "run", "quick", "--results", f"{folder}/r", "--report", f"{folder}/report"],
            stdout=subprocess.DEVNULL,
            check=False,
        )
        again = time.perf_counter() - begin
    return [
        (
            "study `quick`, from an empty results folder",
            "under 300 s",
            f"{took:.0f} s, exit code {done.returncode}",
        ),
        ("study `quick` again, everything in the store", "", f"{again:.1f} s"),
    ]


def diff() -> Iterator[Row]:
    """Whole diffs: passes, alignment, rules. Growth is the time for ten times the nodes."""
    from graphs import dilated, residual

    from zoodiff.architecture.diff import diff as compare

    goals = {1_000: 0.2, 10_000: 2.0}
    kinds = {
        "every epsilon differs": lambda n: residual(n, epsilon=1e-3),
        "1 % of the nodes differ": lambda n: dilated(residual(n), 0.01),
        "other kernels throughout": lambda n: residual(n, seed=9),
    }
    for kind, other in kinds.items():
        took: dict[int, float] = {}
        for nodes, goal in goals.items():
            one, two = residual(nodes), other(nodes)
            times = []
            for _ in range(5):
                begin = time.perf_counter()
                compare(one, two, "a", "b")
                times.append(time.perf_counter() - begin)
            took[nodes] = statistics.median(times)
            yield (
                f"diff of two graphs of {nodes:,} nodes, {kind}",
                f"under {goal} s",
                f"{took[nodes]:.3f} s",
            )
        growth = took[10_000] / took[1_000]
        yield (f"growth from 1,000 to 10,000 nodes, {kind}", "near 10", f"{growth:.1f}")


def matrix() -> Iterator[Row]:
    """All networks of all zoos: described, fingerprinted, every pair of one architecture diffed."""
    from itertools import combinations

    from zoodiff import api
    from zoodiff.architecture.diff import diff as compare
    from zoodiff.graph.fingerprint import fingerprint
    from zoodiff.zoos import registry

    begin = time.perf_counter()
    graphs, failures = api.survey(["torchvision", "keras", "onnx", "tfmg"])
    described = time.perf_counter() - begin
    names = {fingerprint(graph) for graph in graphs.values()}
    pairs = 0
    for members in registry.by_architecture().values():
        there = [str(e.ref) for e in members if str(e.ref) in graphs]
        for a, b in combinations(there, 2):
            compare(graphs[a], graphs[b], a, b)
            pairs += 1
    took = time.perf_counter() - begin
    yield (
        "the four-zoo matrix on 2 cores",
        "under 300 s",
        f"{took:.0f} s ({described:.0f} s to describe {len(graphs)} networks, {len(names)} "
        f"fingerprints, {pairs} pairs; {len(failures)} entries need a file)",
    )


def latency() -> Iterator[Row]:
    """Of two entries, in one framework and in two; the records go into a folder of its own.

    Python keeps what it has compiled, as it does unless it is told otherwise.
    """
    surroundings = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    for entries in (
        ("torchvision:squeezenet1_1", "torchvision:mobilenet_v3_small"),
        ("torchvision:squeezenet1_1", "onnx:light_squeezenet"),
    ):
        spent = []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as folder:
                command = [
                    COMMAND,
                    "latency",
                    *entries,
                    "--no-why",
                    "--fresh",
                    "--json",
                    "--results",
                    folder,
                ]
                command += ["--seconds", "4", "--processes", "2"]
                begin = time.perf_counter()
                done = subprocess.run(
                    command, capture_output=True, text=True, check=True, env=surroundings
                )
                whole = time.perf_counter() - begin
            found = json.loads(done.stdout)
            spent.append(whole - found["loading_seconds"] - found["seconds"])
        shown = ", ".join(f"{one:.2f}" for one in spent)
        yield (
            f"`zoodiff latency {' '.join(entries)}` beside loading and timing",
            "2 s",
            f"{shown} s",
        )


BENCHMARKS: dict[str, Callable[[], Iterable[Row]]] = {
    "startup": startup,
    "describe": describe,
    "memory": memory,
    "latency": latency,
    "study": study,
    "diff": diff,
    "matrix": matrix,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], default=[])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: list[Row] = []
    print("| what | goal | measured |\n|---|---|---|")
    for name in options.names or BENCHMARKS:
        for row in BENCHMARKS[name]():
            rows.append(row)
            print("| " + " | ".join(row) + " |", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
