"""Time the calls of a network in a worker.

Standard library and numpy only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.zoos.base import Network, WeightsState

IDENTITY = "identity"
"""The handle of a network that returns its input; every worker has it without a framework."""


@dataclass
class Identity:
    """A network that does nothing, to measure the timer overhead."""

    weights_state: WeightsState = "placeholder"
    weights_sha256: str | None = None
    input_shape: tuple[int, ...] = (1, 3, 224, 224)
    layout: Literal["NCHW", "NHWC"] = "NCHW"

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the batch itself."""
        return batch

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return images ``(batch, height, width, 3)`` as float32, channels first."""
        import numpy as np

        return np.ascontiguousarray(images.transpose(0, 3, 1, 2), dtype=np.float32)


def scope_of(network: Network) -> dict[str, str]:
    """Return the conditions of timing this network: its own and the derived ones."""
    derived = {
        "entry_point": "call of the network",
        "mode": "",
        "layout": network.layout,
        "precision": "float32",
        "device": "cpu",
        "binding": "numpy array in, numpy array out",
        "compiles": "when it is loaded",
        "clock": "the network, with conversions from and to numpy; no preprocessing",
        "calls": "one a batch",
    }
    own: Mapping[str, str] = getattr(network, "scope", {})
    return derived | dict(own)


def timed_calls(
    network: Network,
    data: NDArray[np.float32],
    calls: int,
    *,
    settle_ms: float = 0.0,
    pause_ms: float = 0.0,
) -> list[float]:
    """Return the latency of each of ``calls`` runs in milliseconds.

    Untimed runs come first for ``settle_ms`` (at least one unless it is 0). Each timed run follows
    a sleep of ``pause_ms``. A network on a device may have a ``device_clock``
    (``zoodiff.zoos.runtime.cuda``), which then times the runs.
    """
    if settle_ms > 0:
        end = time.perf_counter() + settle_ms / 1e3
        network.run(data)
        while time.perf_counter() < end:
            network.run(data)
    times: list[float] = []
    clock: Callable[[NDArray[np.float32]], float] | None = getattr(network, "device_clock", None)
    for _ in range(calls):
        if pause_ms > 0:
            time.sleep(pause_ms / 1e3)
        if clock is not None:
            times.append(clock(data))
            continue
        begin = time.perf_counter_ns()
        network.run(data)
        times.append((time.perf_counter_ns() - begin) / 1e6)
    return times


def weights_bytes(network: Network) -> int | None:
    """Return the bytes of all weights and statistics as stored; None if they cannot be read."""
    from zoodiff.zoos.base import TakesWeights

    own: int | None = getattr(network, "weights_bytes", None)
    if own is not None or not isinstance(network, TakesWeights):
        return own
    weights = network.weights()
    return sum(int(weights[name].nbytes) for name in weights)
