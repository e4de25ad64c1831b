"""Run a PyTorch module on the first CUDA device, and time it with the device's own clock.

Kernels run asynchronously, so a wall clock around a call measures only how fast they are queued.
CUDA events are recorded on the device's stream before and after the network, and read when the
stream has finished.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoodiff.frontends.torch.protocols import Tensor

_DEVICE = "cuda"


class OnCuda:
    """A module on the device that takes and returns tensors of the CPU; ``clock`` omits copies."""

    def __init__(self, torch: ModuleType, module: Callable[[Any], Any]) -> None:
        self._torch, self._module = torch, module
        self._input: tuple[Any, Any] | None = None

    def __call__(self, batch: Tensor) -> Any:
        """Return the output, copied back to the CPU, which waits for the device."""
        return self._module(batch.to(_DEVICE)).cpu()

    def clock(self, batch: NDArray[Any]) -> float:
        """Return the milliseconds of one inference on the device, without copies."""
        torch = self._torch
        if self._input is None or self._input[0] is not batch:
            self._input = batch, torch.from_numpy(batch).to(_DEVICE)
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        with torch.inference_mode():
            torch.cuda.synchronize()
            begin.record()
            self._module(self._input[1])
            end.record()
        torch.cuda.synchronize()
        return float(begin.elapsed_time(end))


def check(torch: ModuleType, mode: str) -> None:
    """Raise MeasurementError if there is no CUDA device."""
    if not torch.cuda.is_available():
        raise MeasurementError(
            f"the mode {mode} needs a CUDA device and a torch that is built for it, and there is "
            "none here; measure in the mode eager"
        )


def scope(torch: ModuleType) -> dict[str, str]:
    """Return the conditions of timing a module on the device."""
    short = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
    return {
        "device": str(torch.cuda.get_device_name(0)),
        "binding": "tensors on the device",
        "clock": "the network on the device, between CUDA events; no copies, no preprocessing",
        "precision": "float32, TF32 allowed" if short else "float32",
    }
