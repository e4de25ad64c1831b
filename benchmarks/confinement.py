"""What confining a worker costs: time to its first answer, of one request, and of one inference.

    python benchmarks/confinement.py [--starts 20] [--rounds 40]

A plain and a confined worker are started, and run the same small ONNX network, in turns, so that
whatever else the machine does falls on both. Shown are medians, the median of differences between
neighbours with its interval by the bootstrap, and the least times, which other work spoils least.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from zoodiff.workers.process import Worker
from zoodiff.workers.sandbox.available import protections
from zoodiff.zoos.decoding import decoding
from zoodiff.zoos.files.formats import ONNX


def network(path: Path) -> Path:
    """Six convolutions of 32 channels at 56 x 56: some milliseconds on one core."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes, weights, name, channels = [], [], "x", 3
    for k in range(6):
        kernel = rng.standard_normal((32, channels, 3, 3)).astype(np.float32)
        weights.append(numpy_helper.from_array(kernel, f"w{k}"))
        nodes.append(helper.make_node("Conv", [name, f"w{k}"], [f"y{k}"], pads=[1, 1, 1, 1]))
        name, channels = f"y{k}", 32
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 56, 56])
    answer = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 32, 56, 56])
    graph = helper.make_graph(nodes, "network", [given], [answer], weights)
    opsets = [helper.make_opsetid("", 17)]
    path.write_bytes(
        helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    )
    return path


def summary(name: str, plain: list[float], confined: list[float]) -> str:
    """One line: both medians, and the median of the differences with its 95 % interval."""
    differences = np.asarray(confined) - np.asarray(plain)
    drawn = np.random.default_rng(0).choice(differences, (4000, len(differences)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return (
        f"{name}: plain {np.median(plain):.2f} ms, confined {np.median(confined):.2f} ms, "
        f"difference {np.median(differences):+.2f} ms [{low:+.2f}, {high:+.2f}]; "
        f"least {min(plain):.2f} and {min(confined):.2f} ms"
    )


def starts(number: int) -> tuple[list[float], list[float]]:
    """Milliseconds until a fresh worker without a framework answers."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(number):
        for kind, confined in enumerate((False, True)):
            with Worker(replace(decoding(("pillow",)), confined=confined)) as worker:
                begin = time.perf_counter()
                worker.call("hello", doing="starting")
                found[kind].append((time.perf_counter() - begin) * 1e3)
    return found


def requests(number: int) -> tuple[list[float], list[float]]:
    """Milliseconds of requests that do nothing; a confined worker is held between them."""
    found: tuple[list[float], list[float]] = ([], [])
    spec = decoding(("pillow",))
    with (
        Worker(replace(spec, confined=False)) as plain,
        Worker(replace(spec, confined=True)) as held,
    ):
        for worker in (plain, held):
            worker.call("hello", doing="starting")
        for _ in range(number):
            for kind, worker in enumerate((plain, held)):
                begin = time.perf_counter()
                worker.call("memory", doing="asking")
                found[kind].append((time.perf_counter() - begin) * 1e3)
    return found


def inferences(rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of single inferences, a few of each in turns."""
    found: tuple[list[float], list[float]] = ([], [])
    with tempfile.TemporaryDirectory() as folder:
        path = network(Path(folder) / "a.onnx")
        workers = []
        for confined in (False, True):
            worker = Worker(replace(ONNX.worker, confined=confined))
            worker.call(
                "load",
                doing="loading",
                handle="h",
                model=str(path),
                weights="file",
                seed=0,
                threads=1,
            )
            workers.append(worker)
        for _ in range(rounds):
            for kind, worker in enumerate(workers):
                answer = worker.call("time", doing="timing", handle="h", calls=5, batch=1, seed=0)
                found[kind].append(float(np.median(answer["milliseconds"])))
        for worker in workers:
            worker.close()
    return found


def main() -> None:
    """Print the protections in force and both comparisons."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--starts", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    print("in force:", ", ".join(one.name for one in protections() if one.in_force))
    print(summary("start", *starts(options.starts)))
    print(summary("request", *requests(10 * options.rounds)))
    print(summary("inference", *inferences(options.rounds)))


if __name__ == "__main__":
    main()
