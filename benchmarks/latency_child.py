"""The measured side of ``benchmarks/latency.py``: a network in a process, timed in four ways.

One JSON object a line, both ways. Every way times the same call in the same process, so that only
the ways differ.
"""

from __future__ import annotations

import json
import os
import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np


class Child:
    def __init__(self, path: str) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0]
        data = np.random.default_rng(0).standard_normal(given.shape, dtype=np.float32)
        self.call = lambda: session.run(None, {given.name: data})
        for _ in range(200):
            self.call()

    def block(self, calls: int, settle_ms: float, pause_ms: float) -> list[float]:
        """As a worker of zoodiff times; by its very code."""
        from zoodiff.workers.inside.timing import timed_calls

        network: Any = SimpleNamespace(run=lambda _: self.call())
        return timed_calls(network, None, calls, settle_ms=settle_ms, pause_ms=pause_ms)  # type: ignore[arg-type]

    def loop(self, seconds: float) -> list[float]:
        """Warm up, time call after call; milliseconds of each."""
        for _ in range(3):
            self.call()
        times, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end:
            begin = time.perf_counter_ns()
            self.call()
            times.append((time.perf_counter_ns() - begin) / 1e6)
        return times

    def torch(self, seconds: float) -> list[float]:
        """``torch.utils.benchmark``: ``blocked_autorange``; milliseconds a call of its blocks."""
        from torch.utils.benchmark import Timer

        found = Timer("call()", globals={"call": self.call}).blocked_autorange(min_run_time=seconds)
        return [1000 * one for one in found.times]

    def pytest_benchmark(self, seconds: float) -> list[float]:
        """The fixture of pytest-benchmark at its defaults, until the time is spent; its rounds."""
        found: list[float] = []
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            found += self._fixture(left)
        return found

    def _fixture(self, seconds: float) -> list[float]:
        from pytest_benchmark.fixture import BenchmarkFixture

        quiet = SimpleNamespace(debug=lambda *_, **__: None)
        kept: list[Any] = []
        fixture = BenchmarkFixture(
            SimpleNamespace(name="call", nodeid="call", keywords={}, funcargs={}),
            disable_gc=False,
            timer=SimpleNamespace(target=time.perf_counter),
            min_rounds=5,
            min_time=0.000005,
            max_time=seconds,
            precision=None,
            confidence=None,
            warmup=False,
            warmup_iterations=0,
            calibration_precision=10,
            add_stats=kept.append,
            logger=quiet,
            warner=None,
            disabled=False,
            cprofile=None,
            cprofile_loops=None,
            cprofile_dump=None,
        )
        fixture(self.call)
        return [1000 * one for one in kept[0].stats.data]

    def values(self, seconds: float, count: int) -> list[float]:
        """pyperf's way in one of its processes: a warm-up value, then means of equal loops."""
        each = seconds / (count + 1)
        loops = 1
        while True:  # as pyperf calibrates: twice as many until they take long enough
            begin = time.perf_counter()
            for _ in range(loops):
                self.call()
            spent = time.perf_counter() - begin
            if spent >= each / 4:
                break
            loops *= 2
        loops = max(1, round(loops * each / spent))
        found = []
        for _ in range(count + 1):
            begin = time.perf_counter()
            for _ in range(loops):
                self.call()
            found.append(1000 * (time.perf_counter() - begin) / loops)
        return found[1:]


def main() -> None:
    # Whatever a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    child = Child(sys.argv[1])
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        found = getattr(child, asked.pop("do"))(**asked)
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
