"""From pixels to a network's input: order of channels, range, mean and std, layout.

All arithmetic is in float32 and in the order of the zoos' own code, one operation after the
other, so that the results are equal to the last bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoodiff.preprocessing.spec import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def to_input(pixels: NDArray[Any], spec: Preprocessing, layout: str) -> NDArray[np.float32]:
    """(batch, rows, columns, 3) RGB -> float32 in ``layout``, NCHW or NHWC.

    There are three channels then, or one where the order of channels is ``grey``. Pixels are
    uint8, or float32 in the range that their geometry left: [0, 1] where TensorFlow scaled before
    it resized, else [0, 255].
    """
    import numpy as np

    if spec.channel_order == "BGR":
        pixels = pixels[..., ::-1]
    elif spec.channel_order == "grey":
        pixels = _grey(pixels)
    batch, rows, columns, channels = pixels.shape
    last = layout == "NHWC"
    shape = (batch, rows, columns, channels) if last else (batch, channels, rows, columns)
    made = np.empty(shape, dtype=np.float32)
    target = made if last else made.transpose(0, 2, 3, 1)
    if pixels.dtype == np.uint8:
        # Of 256 values each, all arithmetic is done once.
        every = np.arange(256, dtype=np.uint8)
        for channel in range(channels):
            table = _scaled(every, spec, channel, unit=False)
            target[..., channel] = table[pixels[..., channel]]
    else:
        unit = spec.library == "tensorflow" and spec.value_range != (0.0, 255.0)
        for channel in range(channels):
            target[..., channel] = _scaled(pixels[..., channel], spec, channel, unit=unit)
    return made


def _grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """(..., 3) RGB -> (..., 1): 8 bits as Pillow's mode L rounds them, else of the same weights."""
    import numpy as np

    if pixels.dtype != np.uint8:
        return pixels @ np.array([[0.299], [0.587], [0.114]], dtype=np.float32)
    weighted = pixels @ np.array([[19595], [38470], [7471]], dtype=np.int64)
    return ((weighted + 0x8000) >> 16).astype(np.uint8)


def _scaled(
    values: NDArray[Any], spec: Preprocessing, channel: int, *, unit: bool
) -> NDArray[np.float32]:
    import numpy as np

    found = values.astype(np.float32)
    low, high = spec.value_range or (0.0, 255.0)
    if (low, high) == (-1.0, 1.0):
        # Keras divides by half the range and takes 1 away; slim starts from [0, 1].
        found = (found - np.float32(0.5)) * np.float32(2) if unit else found / np.float32(127.5)
        found = found if unit else found - np.float32(1)
    elif (low, high) != (0.0, 255.0):
        found = found if unit else found / np.float32(255)
        if (low, high) != (0.0, 1.0):
            found = found * np.float32(high - low) + np.float32(low)
    if spec.mean is not None:
        found = found - np.float32(spec.mean[channel])
    if spec.std is not None:
        found = found / np.float32(spec.std[channel])
    return found
