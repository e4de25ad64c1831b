"""A loaded PyTorch module, as backends of PyTorch's zoos return it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from zoodiff.errors import UsageError
from zoodiff.zoos.base import WeightsState
from zoodiff.zoos.runtime.weights_access import of_torch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.frontends.torch.protocols import Module


@dataclass
class TorchNetwork:
    """A network with values in its weights; ``run`` is one call without gradients."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    layout: Literal["NCHW", "NHWC"]
    scope: Mapping[str, str]
    _module: Module
    _forward: Callable[[Any], Any]
    """The module as the mode has it called."""
    _transform: Callable[[NDArray[np.uint8]], Any]
    """The published preprocessing: images (batch, height, width, 3) to a tensor."""

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(batch, 3, height, width) -> the module's output, (batch, classes) for a classifier.

        Of a module with several outputs it is the first.
        """
        import torch

        with torch.inference_mode():
            output = self._forward(torch.from_numpy(batch))
        first = output[0] if isinstance(output, list | tuple) else output
        result: NDArray[np.float32] = first.numpy()
        return result

    @property
    def device_clock(self) -> Callable[[Any], float] | None:
        """Time with the device's own events."""
        found: Callable[[Any], float] | None = getattr(self._forward, "clock", None)
        return found

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Parameters and buffers by their names in the module."""
        return of_torch(self._module)

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Put values into parameters and buffers."""
        of_torch(self._module).assign(weights)

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Apply the published transforms to images (batch, height, width, 3) of any one size."""
        if images.ndim != 4 or images.shape[-1] != 3:
            raise UsageError(f"expected images (batch, height, width, 3), got {images.shape}")
        result: NDArray[np.float32] = self._transform(images).contiguous().numpy()
        return result
