"""The scenarios of MLPerf Inference, generated inside a worker: single stream, offline, server.

MLPerf's own LoadGen makes the queries if it is installed (``mlcommons-loadgen``). Otherwise, or
with ``own``, this module does, by the same definitions (V. J. Reddi et al., "MLPerf Inference
Benchmark", ISCA 2020):

- single stream: the next query comes when the last one is answered; the 90th percentile counts;
- offline: all images are available from the beginning; images per second count;
- server: queries arrive by a Poisson process of a given rate; the 99th percentile counts.

A query's latency in the server scenario runs from its *scheduled* arrival, so that it includes the
time in which the query waits for earlier ones ("coordinated omission").

Standard library, numpy and LoadGen only.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import math
import queue
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from zoodiff.errors import MeasurementError, MissingFrameworkError, UnknownNameError
from zoodiff.workers.messages import LoadTested, ScenarioLoad, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.zoos.base import Network

LOADGEN, OWN = "loadgen", "own"
_DISTRIBUTION = "mlcommons-loadgen"
_LOADGEN_NAMES = {"single-stream": "SingleStream", "offline": "Offline", "server": "Server"}
_OFFLINE_ROOM = 1.1
"""LoadGen requests a tenth more images than the expected rate needs to fill the time."""


def run(
    network: Network, data: NDArray[np.float32], load: ScenarioLoad, generator: str
) -> LoadTested:
    """Run an MLPerf load test; ``data`` holds at least ``load.batch`` inputs.

    ``generator`` is ``loadgen``, ``own``, or empty for LoadGen if installed. Raises
    UnknownNameError for any other, MissingFrameworkError if LoadGen is required and missing.
    """
    if generator not in {"", LOADGEN, OWN}:
        raise UnknownNameError(f'no load generator "{generator}"; there are {LOADGEN}, {OWN}')
    installed = importlib.util.find_spec("mlperf_loadgen") is not None
    if generator == LOADGEN and not installed:
        raise MissingFrameworkError(
            "LoadGen is not installed where this network runs; install it there with: "
            f"pip install {_DISTRIBUTION}"
        )

    def answer(count: int) -> None:
        network.run(data[:count])

    _warm_up(answer, load)
    if installed and generator != OWN:
        return decode(LoadTested, _with_loadgen(answer, load))
    return decode(LoadTested, {"generator": "zoodiff", **_OWN[load.scenario](answer, load)})


def _warm_up(answer: Callable[[int], None], load: ScenarioLoad) -> None:
    """Run each batch size of the test once, because some frameworks compile per size."""
    sizes = range(1, load.batch + 1) if load.scenario == "server" else {load.batch}
    for size in sizes:
        answer(size)


def _single_stream(answer: Callable[[int], None], load: ScenarioLoad) -> dict[str, Any]:
    latencies: list[float] = []
    begin = time.perf_counter()
    last = begin
    while len(latencies) < load.queries or last - begin < load.seconds:
        answer(1)
        now = time.perf_counter()
        latencies.append(now - last)
        last = now
    return _outcome(latencies, len(latencies), last - begin)


def _offline(answer: Callable[[int], None], load: ScenarioLoad) -> dict[str, Any]:
    images = max(load.queries, math.ceil(load.rate * load.seconds * _OFFLINE_ROOM), 1)
    latencies: list[float] = []
    begin = time.perf_counter()
    for first in range(0, images, load.batch):
        size = min(load.batch, images - first)
        answer(size)
        latencies += [time.perf_counter() - begin] * size
    return _outcome(latencies, images, time.perf_counter() - begin)


def _server(answer: Callable[[int], None], load: ScenarioLoad) -> dict[str, Any]:
    import numpy as np

    count = max(load.queries, math.ceil(load.rate * load.seconds), 1)
    gaps = np.random.default_rng(load.seed).exponential(1 / load.rate, count)
    arrivals = np.cumsum(gaps)
    latencies: list[float] = []
    late, most = 0, math.floor(load.allowed * count)
    begin = time.perf_counter()
    done = 0
    while done < count and late <= most:
        ahead = arrivals[done] - (time.perf_counter() - begin)
        if ahead > 0:
            time.sleep(ahead)
        waiting = int(np.searchsorted(arrivals, time.perf_counter() - begin, side="right"))
        size = max(1, min(load.batch, waiting - done))
        answer(size)
        now = time.perf_counter() - begin
        taken = [float(now - arrival) for arrival in arrivals[done : done + size]]
        latencies += taken
        late += sum(latency * 1e3 > load.bound_ms for latency in taken)
        done += size
    outcome = _outcome(latencies, done, time.perf_counter() - begin)
    return {**outcome, "late": late, "given_up": done < count}


_OWN = {"single-stream": _single_stream, "offline": _offline, "server": _server}


def _outcome(latencies: Sequence[float], images: int, seconds: float) -> dict[str, Any]:
    import numpy as np

    milliseconds = np.asarray(latencies) * 1e3
    # The smallest latency that at least this share of queries does not exceed, as in LoadGen.
    p50, p90, p99 = np.quantile(milliseconds, (0.5, 0.9, 0.99), method="higher")
    return {
        "queries": len(latencies),
        "images": images,
        "seconds": seconds,
        "images_per_second": images / seconds,
        "latency_ms": {
            "mean": float(milliseconds.mean()),
            "p50": float(p50),
            "p90": float(p90),
            "p99": float(p99),
        },
    }


def _with_loadgen(answer: Callable[[int], None], load: ScenarioLoad) -> dict[str, Any]:
    import mlperf_loadgen as loadgen

    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, _LOADGEN_NAMES[load.scenario])
    settings.mode = loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = max(round(load.seconds * 1e3), 1)
    settings.min_query_count = 1 if load.scenario == "offline" else load.queries
    settings.schedule_rng_seed = settings.sample_index_rng_seed = load.seed + 1
    settings.single_stream_expected_latency_ns = 1_000_000
    if load.scenario == "offline":
        needed = load.queries / load.seconds / _OFFLINE_ROOM
        settings.offline_expected_qps = max(load.rate, needed, 1e-3)
    elif load.scenario == "server":
        settings.server_target_qps = load.rate
        settings.server_target_latency_ns = round(load.bound_ms * 1e6)
        settings.server_target_latency_percentile = 1 - load.allowed
    pool = max(load.batch, 1)
    side = _Answering(loadgen, answer, load)
    with tempfile.TemporaryDirectory(prefix="zoodiff-loadgen-") as folder, side:
        output = loadgen.LogOutputSettings()
        output.outdir, output.copy_summary_to_stdout = folder, False
        log = loadgen.LogSettings()
        log.log_output, log.enable_trace = output, False
        sut = loadgen.ConstructSUT(side.issue, lambda: None)
        library = loadgen.ConstructQSL(pool, pool, lambda _: None, lambda _: None)
        begin = time.perf_counter()
        try:
            loadgen.StartTestWithLogSettings(sut, library, settings, log)
        finally:
            seconds = time.perf_counter() - begin
            loadgen.DestroyQSL(library)
            loadgen.DestroySUT(sut)
        if side.error is not None:
            raise side.error
        summary = _read(Path(folder) / "mlperf_log_detail.txt")
    return {
        "generator": f"LoadGen {importlib.metadata.version(_DISTRIBUTION)}",
        **_loadgen_outcome(summary, side.images, seconds, load),
    }


class _Sample(Protocol):
    """One image that LoadGen requests."""

    id: int


class _LoadGen(Protocol):
    """The functions of ``mlperf_loadgen`` that answer queries."""

    def QuerySampleResponse(self, number: int, address: int, size: int, /) -> object: ...  # noqa: N802

    def QuerySamplesComplete(self, responses: list[object], /) -> None: ...  # noqa: N802


class _Answering:
    """The system under test, in LoadGen's terms.

    A separate thread answers server queries, because LoadGen's thread must issue them in time.
    """

    def __init__(
        self, loadgen: _LoadGen, answer: Callable[[int], None], load: ScenarioLoad
    ) -> None:
        self._loadgen, self._answer = loadgen, answer
        self._batch, self._apart = load.batch, load.scenario == "server"
        self._waiting: queue.SimpleQueue[list[int] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve)
        self.images = 0
        self.error: BaseException | None = None

    def __enter__(self) -> _Answering:
        if self._apart:
            self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._apart:
            self._waiting.put(None)
            self._thread.join()

    def issue(self, samples: Sequence[_Sample]) -> None:
        numbers = [sample.id for sample in samples]
        if self._apart:
            self._waiting.put(numbers)
        else:
            self._complete(numbers)

    def _serve(self) -> None:
        while (numbers := self._waiting.get()) is not None:
            while len(numbers) < self._batch:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    self._waiting.put(None)
                    break
                numbers = [*numbers, *more]
            self._complete(numbers)

    def _complete(self, numbers: Sequence[int]) -> None:
        for first in range(0, len(numbers), self._batch):
            part = numbers[first : first + self._batch]
            try:
                if self.error is None:
                    self._answer(len(part))
            except Exception as error:  # LoadGen cannot be stopped and waits for every answer
                self.error = error
            self.images += len(part)
            response = self._loadgen.QuerySampleResponse
            self._loadgen.QuerySamplesComplete([response(number, 0, 0) for number in part])


def _read(path: Path) -> dict[str, Any]:
    """Return the values of LoadGen's log by key."""
    values: dict[str, Any] = {}
    marker = ":::MLLOG "
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith(marker):
            entry = json.loads(line.removeprefix(marker))
            values[entry["key"]] = entry["value"]
    return values


def _loadgen_outcome(
    summary: dict[str, Any], images: int, seconds: float, load: ScenarioLoad
) -> dict[str, Any]:
    """Return the result of a load test from the values of LoadGen's log."""

    def milliseconds(name: str) -> float:
        key = f"result_{name}_latency_ns"
        if key not in summary:
            raise MeasurementError(f"LoadGen's log has no {key}; use the generator {OWN}")
        return float(summary[key]) / 1e6

    rates = {
        "single-stream": "result_qps_without_loadgen_overhead",
        "offline": "result_samples_per_second",
        "server": "result_completed_samples_per_sec",
    }
    outcome = {
        "queries": images,
        "images": images,
        "seconds": seconds,
        "images_per_second": float(summary[rates[load.scenario]]),
        "latency_ms": {
            "mean": milliseconds("mean"),
            "p50": milliseconds("50.00_percentile"),
            "p90": milliseconds("90.00_percentile"),
            "p99": milliseconds("99.00_percentile"),
        },
    }
    if load.scenario == "server":
        late = int(summary.get("result_overlatency_query_count", 0))
        outcome |= {"late": late, "given_up": False}
    return outcome
