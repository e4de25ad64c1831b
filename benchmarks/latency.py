"""How far latencies can be trusted, ours and other tools', beside each other in one run.

    python benchmarks/latency.py [--trials N] [--others N] [--seconds S] [--quiet]

Under a second process that loads one core at random times, networks whose ratios are known are
timed against each other: a network against itself, against one with about 2 % and one with 5 % more
work (a smaller layer or a whole one beside twenty). Their true ratios are measured first, without
the neighbour and twenty times as long. In a trial every way gets the same measuring time for the
same four networks, ours including its control. Other ways have no verdict of their own, or one at
95 %; they get Welch's test at the level of ours, on the values that they give. pyperf keeps its own
test. So that all of it takes less than ten minutes, the other ways are tried in the first
``--others`` trials only.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoodiff.latency.benchmark import Budget, measure, with_controls
from zoodiff.latency.comparison import read
from zoodiff.latency.conditions import MeasuredConditions
from zoodiff.latency.subject import Loaded, TimedEntry
from zoodiff.zoos import registry

LAYERS = {"A": [9] * 20, "B2": [9] * 20 + [3], "B5": [9] * 20 + [9]}
"""Sizes of the kernels, 3 x 3 or 1 x 3; the work of a layer is in proportion, its time nearly."""
CHANNELS, SIDE = 16, 14
NAMES = ("A", "A again", "B2", "B5")
KIND = {"A": "A", "A again": "A", "B2": "B2", "B5": "B5"}
PAIRS = {"A/A": ("A again", "A"), "2 %": ("B2", "A"), "5 %": ("B5", "A")}
PROCESSES = 12
CALLS = 8
"""Of a block."""
NEIGHBOUR = """
import random, time
rng = random.Random(5)
while True:
    end = time.monotonic() + rng.uniform(0.02, 0.5)
    while time.monotonic() < end:
        sum(range(1000))
    time.sleep(rng.uniform(0.02, 0.5))
"""


def network(kernels: Sequence[int], path: Path) -> None:
    """Convolutions in a row; the file's only input is a small map.

    Its size is chosen so that processes of it differ little: its weights lie in the second cache,
    and its layers are long enough for the time between them not to matter. Smaller layers and
    larger weights make processes of one network differ more than what is planted.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes, weights, last = [], [], "x"
    for k, size in enumerate(kernels):
        # He's variance: deep networks of smaller weights end in denormal numbers, which are slow.
        shape = [size // 3, 3]
        kernel = rng.standard_normal((CHANNELS, CHANNELS, *shape), dtype=np.float32)
        kernel *= math.sqrt(2 / (CHANNELS * size))
        weights.append(numpy_helper.from_array(kernel, f"w{k}"))
        nodes.append(
            helper.make_node(
                "Conv",
                [last, f"w{k}"],
                [f"c{k}"],
                kernel_shape=shape,
                auto_pad="SAME_UPPER",
            )
        )
        nodes.append(helper.make_node("Relu", [f"c{k}"], [f"r{k}"]))
        last = f"r{k}"
    image = [1, CHANNELS, SIDE, SIDE]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, image) for n in ("x", last)]
    graph = helper.make_graph(nodes, "layers", ends[:1], ends[1:], weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


class Process:
    """A child of the benchmark, kept over the trials and held still between its turns."""

    def __init__(self, path: Path) -> None:
        self.child = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("latency_child.py")), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def ready(self) -> None:
        assert self.child.stdout is not None
        assert self.child.stdout.readline() == "ready\n"
        self.child.send_signal(signal.SIGSTOP)

    def place(self, cores: frozenset[int]) -> None:
        for thread in Path(f"/proc/{self.child.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), cores)

    def ask(self, do: str, **asked: Any) -> list[float]:
        assert self.child.stdin is not None and self.child.stdout is not None
        self.child.send_signal(signal.SIGCONT)
        self.child.stdin.write(json.dumps({"do": do, **asked}) + "\n")
        self.child.stdin.flush()
        found: list[float] = json.loads(self.child.stdout.readline())
        self.child.send_signal(signal.SIGSTOP)
        return found


class Pooled:
    """One of the pool's processes, as the measuring loop wants it."""

    def __init__(self, one: TimedEntry, process: Process) -> None:
        self.name, self.process = one.name, process

    def load(self) -> Loaded:
        return Loaded(
            "file",
            None,
            (CHANNELS, SIDE, SIDE),
            MeasuredConditions(self.name, "file", "", {}),
            {},
            0,
            {},
        )

    def fitting(self, block_ms: float) -> int:
        return CALLS

    def place(self, cores: frozenset[int]) -> None:
        self.process.place(cores)

    def block(self, calls: int, settle_ms: float, pause_ms: float | None = None) -> list[float]:
        return self.process.ask("block", calls=calls, settle_ms=settle_ms, pause_ms=pause_ms or 0.0)

    def overhead(self) -> float:
        return 0.0

    def runtime_info(self) -> dict[str, Any]:
        return {}

    def peak_rss_bytes(self) -> int:
        return 0

    def close(self) -> None:
        self.process.place(frozenset(os.sched_getaffinity(os.getpid())))


@dataclass(frozen=True)
class Found:
    """What a way says of a pair: log ratio, its interval, and whether it reports a difference."""

    value: float
    low: float
    high: float
    reported: bool


@dataclass
class Score:
    """All trials of one way."""

    found: dict[str, list[Found]] = field(default_factory=lambda: {pair: [] for pair in PAIRS})
    seconds: float = 0.0

    def row(self, truth: dict[str, float]) -> dict[str, float]:
        equal = self.found["A/A"]
        errors = [
            abs(one.value - truth[pair]) for pair in ("2 %", "5 %") for one in self.found[pair]
        ]
        return {
            "A/A p99 of |log ratio| %": 100
            * float(np.quantile([abs(f.value) for f in equal], 0.99)),
            "A/A false alarms of 100": 100 * float(np.mean([f.reported for f in equal])),
            "A/A intervals hold 1, of 100": 100
            * float(np.mean([f.low <= 0 <= f.high for f in equal])),
            "5 % reported of 100": 100 * float(np.mean([f.reported for f in self.found["5 %"]])),
            "2 % reported of 100": 100 * float(np.mean([f.reported for f in self.found["2 %"]])),
            "planted: p95 of error %": 100 * float(np.quantile(errors, 0.95)),
        }


Way = Callable[[dict[str, list[Process]], float, int], dict[str, Found]]


def ours(drawn: dict[str, list[Process]], seconds: float, trial: int) -> dict[str, Found]:
    """``zoodiff``: four entries and a control."""
    entry: Any = registry.resolve("torchvision:resnet18@random")  # nothing looks into it
    subjects = [TimedEntry(name, entry) for name in NAMES]
    left = {name: list(processes) for name, processes in drawn.items()}
    left["A (control)"] = left.pop("control")
    budget = Budget(
        seconds=2 * len(NAMES) * seconds,  # a process gets half of its share at first
        processes=PROCESSES,
        most_processes=PROCESSES,
        pauses=False,
        seed=trial,
    )
    measured = measure(
        with_controls(subjects), budget, lambda one: Pooled(one, left[one.name].pop())
    )
    SPENT.append(measured.seconds)
    timings = read(measured)
    found = {}
    for name, (first, second) in PAIRS.items():
        pair = timings.pair(first, second)
        sign = 1 if pair else -1
        pair = pair or timings.pair(second, first)
        assert pair is not None
        logs = [sign * math.log(x) for x in (pair.ratio.value, pair.ratio.low, pair.ratio.high)]
        reported = pair.verdict in {"slower", "faster"}
        found[name] = Found(logs[0], min(logs[1:]), max(logs[1:]), reported)
    return found


SPENT: list[float] = []


def sequential(do: str) -> Way:
    """A way that times one network after the other, each in one process."""

    def way(drawn: dict[str, list[Process]], seconds: float, trial: int) -> dict[str, Found]:
        order = np.random.default_rng(trial).permutation(len(NAMES))
        values = {NAMES[k]: np.array(drawn[NAMES[k]][0].ask(do, seconds=seconds)) for k in order}
        centre = np.median if do == "torch" else np.mean
        return {p: _welch(values[a], values[b], centre) for p, (a, b) in PAIRS.items()}

    return way


def _welch(first: Any, second: Any, centre: Callable[[Any], Any]) -> Found:
    """The ratio of centres, with Welch's interval of the ratio of means of logarithms."""
    from scipy import stats

    value = math.log(float(centre(first)) / float(centre(second)))
    test = stats.ttest_ind(np.log(first), np.log(second), equal_var=False)
    interval = test.confidence_interval(0.95)
    return Found(value, float(interval.low), float(interval.high), bool(test.pvalue < 0.01))


def pyperf(drawn: dict[str, list[Process]], seconds: float, trial: int) -> dict[str, Found]:
    """Several processes, three values in each, and pyperf's own test of significance."""
    from pyperf._utils import is_significant

    order = np.random.default_rng(trial).permutation(len(NAMES))
    values: dict[str, list[float]] = {}
    for k in order:
        values[NAMES[k]] = [
            one
            for process in drawn[NAMES[k]]
            for one in process.ask("values", seconds=seconds / PROCESSES, count=3)
        ]
    found = {}
    for pair, (a, b) in PAIRS.items():
        welch = _welch(np.array(values[a]), np.array(values[b]), np.mean)
        reported = bool(is_significant(values[a], values[b])[0])
        found[pair] = Found(welch.value, welch.low, welch.high, reported)
    return found


WAYS: dict[str, Way] = {
    "zoodiff": ours,
    "plain loop, means": sequential("loop"),
    "torch.utils.benchmark": sequential("torch"),
    "pytest-benchmark": sequential("pytest_benchmark"),
    "pyperf": pyperf,
}


def drawn(
    pool: dict[str, list[Process]], rng: np.random.Generator, way: str = ""
) -> dict[str, list[Process]]:
    """Processes of a trial for each of the four networks and the control."""
    if way == "torch.utils.benchmark":  # importing torch takes two seconds in each process
        few = {name: members[: 6 if name == "A" else 3] for name, members in pool.items()}
        a = [few["A"][k] for k in rng.permutation(6)]
        b2, b5 = (few[name][rng.integers(3)] for name in ("B2", "B5"))
        return {"A": a[:1], "A again": a[1:2], "B2": [b2], "B5": [b5]}
    a = [pool["A"][k] for k in rng.permutation(len(pool["A"]))]
    found = {
        "A": a[:PROCESSES],
        "A again": a[PROCESSES : 2 * PROCESSES],
        "control": a[2 * PROCESSES : 3 * PROCESSES],
    }
    for name in ("B2", "B5"):
        found[name] = [pool[name][k] for k in rng.permutation(len(pool[name]))[:PROCESSES]]
    return found


@contextlib.contextmanager
def processes(folder: Path) -> Iterator[dict[str, list[Process]]]:
    pool: dict[str, list[Process]] = {}
    try:
        for name, layers in LAYERS.items():
            network(layers, folder / f"{name}.onnx")
            count = 3 * PROCESSES if name == "A" else PROCESSES + 2
            pool[name] = []
            for start in range(0, count, 4):  # not all at once: they share the cores
                batch = [Process(folder / f"{name}.onnx") for _ in range(min(4, count - start))]
                pool[name] += batch
                for one in batch:
                    one.ready()
        yield pool
    finally:
        for members in pool.values():
            for one in members:
                one.child.kill()


def truth(pool: dict[str, list[Process]]) -> dict[str, float]:
    """Log ratios of the planted networks, measured long, in many processes, without neighbour."""
    rng, every = np.random.default_rng(99), sorted(os.sched_getaffinity(0))
    logs: dict[str, list[float]] = {"2 %": [], "5 %": []}
    for number in range(24):
        chosen = drawn(pool, rng)
        for pair, (first, second) in list(PAIRS.items())[1:]:
            rounds = []
            for name in (first, second):  # on one core, each of the cores in turn
                chosen[name][0].place(frozenset({every[number % len(every)]}))
            for turn in range(80):
                times = {}
                for name in (first, second) if turn % 2 else (second, first):
                    block = chosen[name][0].ask("block", calls=CALLS, settle_ms=0.5, pause_ms=0)
                    times[name] = float(np.median(block))
                rounds.append(math.log(times[first] / times[second]))
            logs[pair].append(float(np.median(rounds)))
            for name in (first, second):
                chosen[name][0].place(frozenset(every))
    return {pair: float(np.median(values)) for pair, values in logs.items()}


def table(scores: dict[str, Score], known: dict[str, float]) -> list[str]:
    rows = {way: score.row(known) for way, score in scores.items()}
    lines = [f"{'':34s}" + "".join(f"{way:>24s}" for way in rows)]
    for line in next(iter(rows.values())):
        lines.append(f"{line:34s}" + "".join(f"{row[line]:24.2f}" for row in rows.values()))
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--others", type=int, default=20, help="trials of the other ways")
    parser.add_argument("--seconds", type=float, default=0.6, help="a network, way and trial")
    parser.add_argument("--quiet", action="store_true", help="without the neighbour")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    rng = np.random.default_rng(2)
    ways = WAYS if chosen.others else {"zoodiff": ours}
    scores = {way: Score() for way in ways}
    with tempfile.TemporaryDirectory() as folder, processes(Path(folder)) as pool:
        known = truth(pool)
        started = time.monotonic() - began
        neighbour = None if chosen.quiet else subprocess.Popen([sys.executable, "-c", NEIGHBOUR])
        try:
            for trial in range(chosen.trials):
                for way in rng.permutation(list(ways) if trial < chosen.others else ["zoodiff"]):
                    begin = time.monotonic()
                    found = ways[way](drawn(pool, rng, way), chosen.seconds, trial)
                    scores[way].seconds += time.monotonic() - begin
                    for pair, one in found.items():
                        scores[way].found[pair].append(one)
        finally:
            if neighbour is not None:
                neighbour.kill()
    print(
        f"{chosen.trials} trials, {chosen.others} of the other ways; "
        f"{started:.0f} s to start, {time.monotonic() - began:.0f} s in all"
    )
    print("planted: " + ", ".join(f"{100 * math.expm1(x):.2f} %" for x in known.values()))
    print("\n".join(table(scores, known)))
    seconds = {
        way: score.seconds / (chosen.trials if way == "zoodiff" else chosen.others)
        for way, score in scores.items()
    }
    print(f"{'seconds a trial, all in':34s}" + "".join(f"{x:24.2f}" for x in seconds.values()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
