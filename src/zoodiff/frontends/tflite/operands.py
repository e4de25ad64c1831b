"""Operands of a TFLite operator: computed tensors and small constants."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zoodiff.frontends.tflite.builder import Builder, Value
from zoodiff.frontends.tflite.reader import FileOperator


def computed(builder: Builder, operator: FileOperator) -> list[Value]:
    """Return the operands that depend on the network's input."""
    values = [builder.value(i) for i in operator.inputs if i >= 0]
    return [value for value in values if value is not None]


def integers(builder: Builder, index: int) -> list[int] | None:
    """Return the values of a small constant of integers, or None."""
    values = None if index < 0 else builder.tensor(index).values
    return None if values is None else [int(v) for v in values.reshape(-1)]


def all_channels_first(values: Sequence[Value]) -> bool:
    """Whether all values are images that exist channels first."""
    return all(len(v.shape) == 4 and v.first is not None for v in values)


Handler = Callable[[Builder, FileOperator], bool]
"""Adds the nodes of one operator; returns False for one that it cannot express exactly."""
