"""TensorFlow's padding "SAME" in numbers, for several frontends."""

from __future__ import annotations


def same_pads(size: int, kernel: int, stride: int, dilation: int) -> tuple[int, int]:
    """Return the elements that TensorFlow's padding "SAME" adds before and after one axis.

    The output has ``ceil(size / stride)`` elements; of an odd total, the extra one is added after
    (https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2).

    >>> same_pads(224, 3, 2, 1), same_pads(225, 3, 2, 1), same_pads(224, 7, 2, 1)
    ((0, 1), (1, 1), (2, 3))
    """
    output = -(-size // stride)
    total = max((output - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2
