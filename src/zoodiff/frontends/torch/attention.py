"""Converts ``scaled_dot_product_attention``, and its masks."""

from __future__ import annotations

from itertools import groupby
from math import prod
from typing import TYPE_CHECKING, Any

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Extents
from zoodiff.frontends.torch.call import Call, Constant, Shape, Value
from zoodiff.frontends.torch.logic import onnx_node
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
    grouped = call.kwargs.get("enable_gqa") or key.shape[:-2] != tuple(lead)
    mask = _Mask(call, (*lead, length, keys))
    if grouped or not mask.is_known or call.arg(4, "dropout_p", 0.0):
        return None
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
            runs = _runs(self._left_out)
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
    if left_out.ndim < 2 or left_out.all(axis=-1).any() or len(_runs(left_out)) > _MOST_RUNS:
        return None
    return left_out


def _behind(rows: int, columns: int) -> NDArray[Any]:
    import numpy as np

    return ~np.tri(rows, columns, dtype=bool)


def _runs(left_out: NDArray[Any]) -> list[int]:
    runs = [(bool(key), len(list(run))) for key, run in groupby(left_out.reshape(-1).tolist())]
    return [0] * runs[0][0] + [length for _, length in runs]
