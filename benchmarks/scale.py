"""What many tasks cost, and what a Ray cluster costs beside threads of one process.

    python benchmarks/scale.py [overhead] [study] [many]

``overhead``: 400 jobs that do nothing, in two slots of either engine.
``study``: networks of the mini-zoo, 206 tasks in two slots of either engine, in turn, with
frameworks started anew each time; then once more while a process of the cluster is killed. The
records must be equal but for times. The start of the cluster is shown beside it.
``many``: 10,000 tasks: planning, a run from nothing, a resume of what is finished, and the largest
memory of the parent. ``CPU`` is the processor time of the parent, which other programs on the
machine change little.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

EMPTY = 400
FILES = 198
MANY = 10_000
ROUNDS = 2
MINI = ("mini-torch", "mini-keras", "mini-onnx", "mini-tfmg")


def nothing(pool: object, data: Mapping[str, Any], say: object) -> dict[str, Any]:
    """The work of a job that only costs what its engine costs."""
    return {}


def empty_jobs(name: str) -> float:
    """Milliseconds per job that does nothing, in two slots that are started already."""
    from zoodiff.engines.base import Job
    from zoodiff.engines.choose import Choice, open_engine
    from zoodiff.engines.schedule import Run

    engine = open_engine(Choice(name, jobs=2), nothing)
    try:
        for count in (4, EMPTY):  # the first ones only to have everything started
            run = Run(engine)
            for k in range(count):
                run.waiting.add(Job(f"{k}", {}))
            begin = time.perf_counter()
            assert sum(1 for _ in run.messages()) == count
            spent = time.perf_counter() - begin
    finally:
        engine.close()
    return 1000 * spent / EMPTY


def overhead() -> None:
    """Print what an engine adds to a job."""
    for name in ("local", "ray"):
        found = [empty_jobs(name) for _ in range(ROUNDS)]
        shown = ", ".join(f"{one:.2f}" for one in found)
        print(f"| scheduling per task, {name}, 2 slots | {shown} ms |", flush=True)


def mini_files(folder: Path, count: int) -> list[str]:
    """Networks of the mini-zoo as ONNX files, each with weights of its own."""
    from zoodiff.zoos.mini import onnx as mini_onnx
    from zoodiff.zoos.mini import torch as mini_torch

    names = []
    state = {name: value.numpy() for name, value in mini_torch.build().state_dict().items()}
    for k in range(count):
        rng = np.random.default_rng(k)
        arrays = {
            name: value + 0.01 * rng.standard_normal(value.shape).astype(np.float32)
            if value.dtype == np.float32 and "var" not in name
            else value
            for name, value in state.items()
        }
        path = folder / f"mini-{k:03d}.onnx"
        path.write_bytes(mini_onnx.export(arrays))
        names.append(str(path))
    return names


class Watcher:
    """Kills a process of the cluster in the middle, where it is to."""

    def __init__(self, kill: bool = False) -> None:
        self.kill, self.killed, self.tasks, self.finished = kill, 0, 0, 0

    def expects(self, sentence: str) -> None: ...

    def begin(self, tasks: int, finished: int) -> None:
        self.tasks = tasks

    def task(self, label: str) -> None: ...

    def step(self, label: str, done: int, of: int) -> None: ...

    def waits(self, label: str, holder: str) -> None: ...

    def done(self, label: str, failures: int) -> None:
        import psutil

        self.finished += 1
        if self.kill and not self.killed and self.finished > self.tasks // 2:
            for process in psutil.process_iter(["cmdline"]):
                if "ray::RemoteSlot.do" in " ".join(process.info["cmdline"] or []):
                    os.kill(process.pid, signal.SIGKILL)
                    self.killed = process.pid
                    break


def study_run(text: str, results: Path, name: str, watcher: Watcher) -> tuple[float, dict, int]:
    """Seconds of a run from nothing, its records without times, and its failures."""
    from zoodiff.engines.choose import Choice
    from zoodiff.store.comparable import comparable
    from zoodiff.store.folder import Store
    from zoodiff.study import config as study
    from zoodiff.study.run import run

    store = Store(results)
    begin = time.perf_counter()
    outcome = run(study.parse(text), store, watcher, engine=Choice(name, jobs=2))
    spent = time.perf_counter() - begin
    found = {record.key: comparable(record) for record in store}
    return spent, found, len(outcome.manifest.failures)


def study() -> None:
    """Print how long a study takes on either engine, in turn, and whether its records differ."""
    import ray

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        entries = [*mini_files(folder, FILES), *(f"{zoo}:digits_cnn" for zoo in MINI)]
        text = (
            'name = "scale"\ntitle = "Scale"\n[architecture]\n'
            f"entries = {json.dumps(entries)}\n[accuracy]\nentries = "
            f"{json.dumps([one for one in entries if one.startswith('mini-')])}\n"
        )
        begin = time.perf_counter()
        os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        print(f"| start of a Ray cluster | {time.perf_counter() - begin:.1f} s |", flush=True)
        study_run(text, folder / "warm", "local", Watcher())  # trains the mini-zoo, where needed
        times: dict[str, list[float]] = {"local": [], "ray": []}
        first: dict[str, Any] = {}
        different = 0
        for k in range(ROUNDS):
            for name in ("local", "ray") if k % 2 else ("ray", "local"):
                spent, found, failures = study_run(
                    text, folder / f"{name}-{k}", name, watcher := Watcher()
                )
                times[name].append(spent)
                first = first or found
                different += found != first
                assert failures == 0, failures
        for name, found in times.items():
            shown = ", ".join(f"{one:.1f}" for one in found)
            print(f"| {watcher.tasks} tasks of the mini-zoo, {name}, 2 slots | {shown} s |")
        ratios = sorted(b / a for a, b in zip(times["local"], times["ray"], strict=True))
        shown = ", ".join(f"{one:.2f}" for one in ratios)
        print(f"| ray / local | {shown}; median {statistics.median(ratios):.2f} |")
        print(f"| runs whose records differ from the first's, of {2 * ROUNDS} | {different} |")
        watcher = Watcher(kill=True)
        _, found, failures = study_run(text, folder / "killed", "ray", watcher)
        same = "equal" if found == first and not failures else "DIFFERENT"
        print(f"| records after process {watcher.killed} of the cluster was killed | {same} |")
        ray.shutdown()


MANY_SCRIPT = """
import json, os, resource, sys, time
from zoodiff.api import Silent
from zoodiff.engines.choose import Choice
from zoodiff.study import config as study
from zoodiff.study.plan import plan
from zoodiff.study.run import run
from zoodiff.store.folder import Store

loaded = study.load_study(sys.argv[1])
begin, cpu = time.perf_counter(), time.process_time()
if sys.argv[3] == "plan":
    count = len(plan(loaded).tasks)
else:
    outcome = run(loaded, Store(sys.argv[2]), Silent(), engine=Choice(jobs=2))
    assert not outcome.manifest.failures, outcome.manifest.failures[0]
    count = len(outcome.manifest.records)
peak = next(int(x.split()[1]) for x in open("/proc/self/status") if x.startswith("VmHWM"))
print(json.dumps([count, time.perf_counter() - begin, time.process_time() - cpu, peak / 1024]))
"""


def tiny_files(folder: Path, count: int) -> list[str]:
    """So many small ONNX files, no two alike."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["y"], transB=1),
    ]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    names = []
    for k in range(count):
        weight = numpy_helper.from_array(np.full((4, 3), k, np.float32), "w")
        graph = helper.make_graph(nodes, "tiny", [image], [scores], [weight])
        opset = [helper.make_opsetid("", 13)]
        path = folder / f"{k:05d}.onnx"
        path.write_bytes(
            helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
        )
        names.append(str(path))
    return names


def many(count: int) -> None:
    """Print what a study of many tasks costs its parent."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        entries = json.dumps(tiny_files(folder, count))
        path = folder / "study.toml"
        path.write_text(f'name = "many"\ntitle = "Many"\n[architecture]\nentries = {entries}\n')
        for what in ("plan", "run from nothing", "resume"):
            done = subprocess.run(
                [sys.executable, "-c", MANY_SCRIPT, str(path), str(folder / "results"), what],
                capture_output=True,
                text=True,
                check=True,
            )
            found, seconds, cpu, peak = json.loads(done.stdout.splitlines()[-1])
            assert found == count
            print(
                f"| {count} tasks, {what} | {seconds:.1f} s, CPU {cpu:.1f} s, "
                f"parent's memory {peak:.0f} MB |",
                flush=True,
            )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["overhead", "study", "many"])
    parser.add_argument("--tasks", type=int, default=MANY)
    options = parser.parse_args()
    print(f"| measured, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores | |\n|---|---|")
    for part in options.parts:
        if part == "many":
            many(options.tasks)
        else:
            {"overhead": overhead, "study": study}[part]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
