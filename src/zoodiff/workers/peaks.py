"""What the machine reaches at best in one worker process: arithmetic and memory.

Standard library and numpy, and ONNX Runtime and threadpoolctl where they are installed: this runs
in workers, which may have an environment of their own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_SIDE = 1024
"""Rows and columns of the factors of a product: 3 x 4 MiB, and 1e9 MACs."""
_LEAST = 64 * 2**20
_MOST = 512 * 2**20
"""Bytes of one array that is moved."""


def peaks(threads: int, seconds: float, cache_bytes: int | None) -> dict[str, Any]:
    """MACs and bytes a second, the best of what fits into ``seconds`` for each kind.

    ``cache_bytes`` is the last-level cache; arrays that are moved are four times as large.
    Values are None where a kind cannot be measured here.
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
    moved = _memory(size // 4, threads, seconds)
    macs = float(_SIDE**3)
    return {
        "threads": threads,
        "array_bytes": size,
        "macs_per_second": {
            "numpy": macs / numpy_rate,
            "onnxruntime": macs / runtime_rate if runtime_rate else None,
        },
        "bytes_per_second": moved,
    }


def _best(call: Callable[[], object], seconds: float) -> float:
    """Seconds of the fastest call, after one that does not count."""
    call()
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        begin = time.perf_counter()
        call()
        now = time.perf_counter()
        best = min(best, now - begin)
        if now >= end:
            return best


def _limited(threads: int) -> contextlib.AbstractContextManager[Any]:
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:  # the worker was started with OMP_NUM_THREADS and its like
        return contextlib.nullcontext()
    return threadpool_limits(threads)  # type: ignore[no-any-return]


def _product(a: Any, b: Any, threads: int) -> Callable[[], object]:
    """The same product in ONNX Runtime, both factors as inputs."""
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
    """Bytes a second of copying, of a triad and of reading, in ``threads`` threads.

    Counted as STREAM counts (J. McCalpin, IEEE TCCA Newsletter, 1995): what the program reads and
    writes, not what caches fetch in order to write. numpy lets other threads run meanwhile.
    """
    import numpy as np

    x, y, z = (np.full(length, value, dtype=np.float32) for value in (1.0, 2.0, 0.0))
    bounds = [length * k // threads for k in range(threads + 1)]
    pieces = [slice(begin, end) for begin, end in zip(bounds, bounds[1:], strict=False)]

    def copy(piece: slice) -> None:
        np.copyto(z[piece], x[piece])

    def triad(piece: slice) -> None:
        # In blocks that stay in a cache, so that the product is not written to memory and read.
        for begin in range(piece.start, piece.stop, _BLOCK):
            block = slice(begin, min(begin + _BLOCK, piece.stop))
            np.multiply(y[block], np.float32(3.0), out=z[block])
            np.add(z[block], x[block], out=z[block])

    def read(piece: slice) -> None:
        np.max(x[piece])

    found = {}
    with ThreadPoolExecutor(threads) as pool, _limited(1):
        for name, task, arrays in (("copy", copy, 2), ("triad", triad, 3), ("read", read, 1)):
            best = _best(lambda task=task: list(pool.map(task, pieces)), seconds)  # type: ignore[misc]
            found[name] = 4.0 * length * arrays / best
    return found


_BLOCK = 16 * 1024
"""Numbers; 64 KiB."""
