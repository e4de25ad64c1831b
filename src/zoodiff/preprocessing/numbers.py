"""From pixels to a network's input: order of channels, range, mean and std, layout.

All arithmetic is in float32, one operation at a time and in the order of the zoos' own code, so
that results are equal to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoodiff.preprocessing.spec import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def to_input(pixels: NDArray[Any], spec: Preprocessing, layout: str) -> NDArray[np.float32]:
    """Return the network's input, float32 in ``layout`` (NCHW or NHWC), from RGB pixels.

    ``pixels`` is (batch, rows, columns, 3): uint8, or float32 in the range that the geometry left,
    [0, 1] if TensorFlow scaled before resizing, otherwise [0, 255]. The result has three channels,
    or one if the channel order is ``grey``.
    """
    import numpy as np

    if spec.channel_order == "BGR":
        pixels = pixels[..., ::-1]
    elif spec.channel_order == "grey":
        pixels = _grey(pixels)
    batch, rows, columns, channels = pixels.shape
    channels_last = layout == "NHWC"
    shape = (batch, rows, columns, channels) if channels_last else (batch, channels, rows, columns)
    inputs = np.empty(shape, dtype=np.float32)
    target = inputs if channels_last else inputs.transpose(0, 2, 3, 1)
    if pixels.dtype == np.uint8:
        # A channel of 8 bits has 256 values: the arithmetic is done once for each.
        levels = np.arange(256, dtype=np.uint8)
        for channel in range(channels):
            table = _scaled(levels, spec, channel, unit=False)
            target[..., channel] = table[pixels[..., channel]]
    else:
        unit = spec.library == "tensorflow" and spec.value_range != (0.0, 255.0)
        for channel in range(channels):
            target[..., channel] = _scaled(pixels[..., channel], spec, channel, unit=unit)
    return inputs


def _grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return (..., 1) brightness of (..., 3) RGB; 8 bits are rounded as Pillow's mode L does."""
    import numpy as np

    if pixels.dtype != np.uint8:
        return pixels @ np.array([[0.299], [0.587], [0.114]], dtype=np.float32)
    weighted = pixels @ np.array([[19595], [38470], [7471]], dtype=np.int64)
    return ((weighted + 0x8000) >> 16).astype(np.uint8)


def _scaled(
    values: NDArray[Any], spec: Preprocessing, channel: int, *, unit: bool
) -> NDArray[np.float32]:
    import numpy as np

    scaled = values.astype(np.float32)
    low, high = spec.value_range or (0.0, 255.0)
    if (low, high) == (-1.0, 1.0):
        # Keras divides by half the range and subtracts 1; slim starts from [0, 1].
        scaled = (scaled - np.float32(0.5)) * np.float32(2) if unit else scaled / np.float32(127.5)
        scaled = scaled if unit else scaled - np.float32(1)
    elif (low, high) != (0.0, 255.0):
        scaled = scaled if unit else scaled / np.float32(255)
        if (low, high) != (0.0, 1.0):
            scaled = scaled * np.float32(high - low) + np.float32(low)
    if spec.mean is not None:
        scaled = scaled - np.float32(spec.mean[channel])
    if spec.std is not None:
        scaled = scaled / np.float32(spec.std[channel])
    return scaled
