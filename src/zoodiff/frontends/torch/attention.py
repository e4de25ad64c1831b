"""Converts ``scaled_dot_product_attention``, and its masks."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Extents
from zoodiff.frontends.torch.call import Call, Constant, Shape, Value
from zoodiff.frontends.torch.logic import onnx_node, runs_of
from zoodiff.graph.ir import Parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NONE = -1e8
"""A number added to a score that gives it no weight."""
_MOST_RUNS = 2**16
"""Runs of kept and left-out scores in a mask that is written into the graph."""


def attention(call: Call) -> Value | None:
    """Add ``softmax(q k^T * scale + mask) v`` as separate nodes.

    A. Vaswani et al., "Attention is all you need", 2017, equation 1.
    """
    query, key, value = call.args[:3]
    *lead, length, width = query.shape
    keys, depth = key.shape[-2], value.shape[-1]
    mask = _Mask(call, (*lead, length, keys))
    if not mask.is_known or call.arg(4, "dropout_p", 0.0):
        return None
    if key.shape[:-2] != tuple(lead):
        if not _are_groups(key, value, lead):
            return None
        key, value = (
            _repeated(call, x, lead, step)
            for x, step in ((key, "repeated keys"), (value, "repeated values"))
        )
    scale = call.kwargs.get("scale")
    scores_shape: Shape = (*lead, length, keys)
    scores = call.node(
        operations.matmul(
            Extents(prod(lead), length, width, keys),
            second_transposed=True,
            scale=float(scale if scale is not None else width**-0.5),
        ),
        inputs=[query, key],
        shape=scores_shape,
        step="scores",
    )
    probabilities = call.node(
        operations.softmax(len(scores_shape) - 1),
        inputs=[mask.applied(scores)],
        shape=scores_shape,
        step="softmax",
    )
    return call.node(
        operations.matmul(Extents(prod(lead), length, keys, depth)), inputs=[probabilities, value]
    )


def _are_groups(key: Any, value: Any, lead: list[int]) -> bool:
    """Whether each head of keys and of values belongs to as many heads of queries."""
    if not all(isinstance(x, Value) and len(x.shape) == len(lead) + 2 for x in (key, value)):
        return False
    heads = key.shape[-3]
    same = key.shape[:-3] == value.shape[:-3] == tuple(lead[:-1]) and value.shape[-3] == heads
    return bool(same) and lead[-1] % int(heads) == 0


def _repeated(call: Call, data: Value, lead: list[int], step: str) -> Value:
    """Repeat each head as often as heads of queries read it, as ``repeat_interleave`` does."""
    *outer, heads, length, width = data.shape
    apart = (*outer, heads, 1, length, width)
    wide = (*outer, heads, lead[-1] // heads, length, width)
    joined = (*lead, length, width)
    data = call.node(operations.reshape(apart), inputs=[data], shape=apart, step=f"{step}, apart")
    data = call.node(operations.expand(wide), inputs=[data], shape=wide, step=step)
    return call.node(
        operations.reshape(joined), inputs=[data], shape=joined, step=f"{step}, joined"
    )


class _Mask:
    """The mask of a call: constant, computed or none."""

    def __init__(self, call: Call, shape: Shape) -> None:
        self._call, self._shape = call, shape
        self._mask = call.arg(3, "attn_mask")
        self._left_out: NDArray[Any] | None = None
        self.is_known = True
        """Whether nodes can express it."""
        if call.arg(5, "is_causal", False):
            self._left_out, self.is_known = _behind(*shape[-2:]), self._mask is None
        elif isinstance(self._mask, Constant):
            self._left_out = _left_out(self._mask)
            self.is_known = self._left_out is not None
        elif not isinstance(self._mask, Value | Parameter | None):
            self.is_known = False

    def applied(self, scores: Value) -> Value:
        """Return the scores behind the mask."""
        if self._left_out is not None:
            runs = runs_of(self._left_out)
            if not self._left_out.any():
                return scores
            operation = operations.mask(self._left_out.shape, runs)
            return self._call.node(operation, inputs=[scores], shape=self._shape, step="mask")
        if self._mask is None:
            return scores
        added: Any = self._mask
        if isinstance(added, Value) and added.dtype == "bool":
            # As ONNX's exporters write it.
            added = onnx_node(
                self._call, "Where", [added, 0.0, float("-inf")], added.shape, "hidden"
            )
        return self._call.node(
            operations.arithmetic("Add"), inputs=[scores, added], shape=self._shape, step="mask"
        )


def _left_out(mask: Constant) -> NDArray[Any] | None:
    """Return which scores a constant mask leaves out; None if it is not that or not known."""
    import numpy as np

    if mask.values is None:
        return None
    if mask.values.dtype.kind == "b":
        left_out: NDArray[Any] = np.logical_not(mask.values)
    else:
        left_out = np.asarray(mask.values) < _NONE
        if (mask.values[~left_out] != 0).any():
            return None
    if left_out.ndim < 2 or left_out.all(axis=-1).any() or len(runs_of(left_out)) > _MOST_RUNS:
        return None
    return left_out


def _behind(rows: int, columns: int) -> NDArray[Any]:
    import numpy as np

    return ~np.tri(rows, columns, dtype=bool)
