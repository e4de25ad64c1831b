"""Constant masks of attention scores: which pairs of tokens a softmax leaves out.

An exporter writes a mask as ``Where(mask, -1e9, scores)``, or adds a constant of zeros and very
negative numbers. Behind either, a softmax gives the masked scores no weight, as long as each row
keeps one. Such a constant is no weight of the network: it becomes a ``Mask`` that says which
scores it leaves out.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import Call, Value, Weight
from zoodiff.frontends.onnx.constants import attributes
from zoodiff.frontends.onnx.protobuf import NodeProto

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_RUNS = 2**16
"""Runs of kept and left-out scores in a mask that is read."""
_LAST_BY_DEFAULT = 13
"""The opset since which a softmax is along the last axis unless it says otherwise."""
_NONE = -1e4
"""A score that is lower is meant to get no weight; half precision ends at -65504."""
_CERTAINLY_NONE = -1e8
"""A score that is lower gets none, whatever the others are; between the two, the number counts."""


def where(call: Call) -> Value | None:
    """The mask that a ``Where`` with two constants is; None where it is none."""
    condition, first, second = (call.given(i) for i in range(3))
    if not isinstance(condition, Weight) or condition.array is None or call.integer:
        return None
    if isinstance(second, Value) and isinstance(first, Weight):
        masked, filled = condition.array.astype(bool), first
    elif isinstance(first, Value) and isinstance(second, Weight):
        masked, filled = ~condition.array.astype(bool), second
    else:
        return None
    if filled.scalar is None or filled.scalar > _NONE:
        return None
    return _mask(call, masked, filled.scalar)


def added(call: Call, constant: Weight) -> Value | None:
    """The mask that a constant is which is added to scores; None where it is none."""
    if constant.array is None or constant.array.dtype.kind != "f" or constant.array.ndim < 2:
        return None
    masked = constant.array.astype(float) <= _NONE
    if not masked.any() or (constant.array[~masked] != 0).any():
        return None
    lowest = {float(value) for value in constant.array[masked].reshape(-1)}
    return _mask(call, masked, lowest.pop(), adds=True) if len(lowest) == 1 else None


def _mask(call: Call, masked: NDArray[Any], value: float, *, adds: bool = False) -> Value | None:
    """A mask of scores that a softmax along the last axis reads; each row keeps a score."""
    shape = call.data.shape
    rows = masked.ndim >= 2 and masked.shape[-1] == shape[-1] and len(shape) >= masked.ndim
    weighed = bool(call.readers) and all(_by_rows(call, reader) for reader in call.readers)
    if not weighed or not rows or masked.all(axis=-1).any():
        return None
    runs = [(bool(key), len(list(run))) for key, run in groupby(masked.reshape(-1).tolist())]
    lengths = [0] * runs[0][0] + [length for _, length in runs]
    if len(lengths) > _MOST_RUNS:
        return None
    seen = value if value > _CERTAINLY_NONE else None
    operation = operations.mask(masked.shape, lengths, value=seen, added=adds and seen is not None)
    return call.node(operation, inputs=[call.data])


def _by_rows(call: Call, reader: NodeProto) -> bool:
    """Whether a node is a softmax along the last axis."""
    last = len(call.data.shape) - 1
    axis = attributes(reader).get("axis", -1 if call.opset >= _LAST_BY_DEFAULT else 1)
    return reader.op_type == "Softmax" and not reader.domain and axis in {-1, last}
