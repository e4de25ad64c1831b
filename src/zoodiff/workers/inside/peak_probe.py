"""Measure the peaks of the machine in a worker process: arithmetic and memory.

Uses the standard library and numpy, and ONNX Runtime and threadpoolctl if installed, because
workers may have their own environment.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIDE = 384
"""Rows and columns of the factors of a product: 57e6 MACs, a few milliseconds, short enough that
other processes do not interrupt some of the calls."""
_PIECE = 2 * 2**20
"""Numbers that a thread moves per timed piece, 8 MiB; short for the same reason."""
_LEAST = 64 * 2**20
_MOST = 512 * 2**20
"""Limits of the bytes of one moved array."""


def peaks(threads: int, seconds: float, cache_bytes: int | None) -> dict[str, Any]:
    """Measure the highest MACs and bytes per second within ``seconds`` per kind.

    ``cache_bytes`` is the size of the last-level cache; moved arrays are four times as large. A
    value is None if its kind cannot be measured here.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = (rng.random((_SIDE, _SIDE), dtype=np.float32) for _ in range(2))
    with _limited(threads):
        numpy_rate = _best(lambda: np.matmul(a, b), seconds)
    runtime_rate = None
    with contextlib.suppress(ImportError):
        runtime_rate = _best(_product(a, b, threads), seconds)
    size = min(max(4 * (cache_bytes or 0), _LEAST), _MOST)
    bandwidths = _memory(size // 4, threads, seconds)
    macs = float(_SIDE**3)
    return {
        "threads": threads,
        "array_bytes": size,
        "macs_per_second": {
            "numpy": macs / numpy_rate,
            "onnxruntime": macs / runtime_rate if runtime_rate else None,
        },
        "bytes_per_second": bandwidths,
    }


def _best(call: Callable[[], object], seconds: float) -> float:
    """Return the seconds of the fastest call, after one untimed call."""
    call()
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        begin = time.perf_counter()
        call()
        now = time.perf_counter()
        best = min(best, now - begin)
        if now >= end:
            return best


def _limited(threads: int) -> contextlib.AbstractContextManager[object]:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # the worker was started with OMP_NUM_THREADS and its like
        return contextlib.nullcontext()
    limited: contextlib.AbstractContextManager[object] = threadpool_limits(threads)
    return limited


def _product(a: NDArray[np.float32], b: NDArray[np.float32], threads: int) -> Callable[[], object]:
    """Return a function that multiplies the factors in ONNX Runtime."""
    import onnxruntime
    from onnx import TensorProto, helper

    info = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [_SIDE, _SIDE])
        for name in ("a", "b", "c")
    ]
    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    model = helper.make_model(
        helper.make_graph([node], "product", info[:2], info[2:]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"a": a, "b": b})


def _memory(length: int, threads: int, seconds: float) -> dict[str, float]:
    """Return the bytes per second of copying and of reading, in ``threads`` threads.

    Bytes are counted as in STREAM (J. McCalpin, IEEE TCCA Newsletter, 1995): those that the program
    reads and writes, without those that caches fetch in order to write. Arrays are walked piece by
    piece, so that no piece is in a cache when it is used again; the 10 % quantile of the times
    counts. numpy releases the interpreter lock meanwhile.
    """
    import numpy as np

    x, y = (np.full(length, value, dtype=np.float32) for value in (1.0, 2.0))

    def copy(piece: slice) -> None:
        np.copyto(y[piece], x[piece])

    def read(piece: slice) -> None:
        np.dot(x[piece], x[piece])

    rates = {}
    step = min(_PIECE, length // threads)
    with ThreadPoolExecutor(threads) as pool, _limited(1):
        for name, task, arrays in (("copy", copy, 2), ("read", read, 1)):
            times: list[float] = []
            begin, end = 0, time.perf_counter() + seconds
            while time.perf_counter() < end or not times:
                if begin + step * threads > length:
                    begin = 0
                pieces = [slice(begin + step * k, begin + step * (k + 1)) for k in range(threads)]
                start = time.perf_counter()
                for done in [pool.submit(task, piece) for piece in pieces]:
                    done.result()
                times.append(time.perf_counter() - start)
                begin += step * threads
            rates[name] = 4.0 * step * threads * arrays / float(np.quantile(times, 0.1))
    return rates
