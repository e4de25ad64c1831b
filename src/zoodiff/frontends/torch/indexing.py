"""Converts ATen functions that choose, repeat or replace elements."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Cut
from zoodiff.frontends.torch.call import Call, Constant, Handler, Shape, Value
from zoodiff.frontends.torch.logic import onnx_node
from zoodiff.graph.ir import Parameter


def _index(call: Call) -> Value | None:
    """Convert ``x[:, table]`` and ``x[:, rows, columns]`` with constant indices that are known."""
    data, tables = call.args[0], list(call.args[1])
    places = [place for place, table in enumerate(tables) if table is not None]
    if not isinstance(data, Value | Parameter) or not places:
        return None
    chosen_rows = _of_each(call, data, tables)
    if chosen_rows is not None:
        return chosen_rows
    first, count = places[0], len(places)
    if places != list(range(first, first + count)):
        return None  # the axes of the tables come first then
    extents = data.shape[first : first + count]
    indices = _places([tables[place] for place in places], extents)
    if indices is None or not call.afford(prod(indices[1])):
        return None
    chosen, shape = indices
    source: Any = data
    if count > 1:
        joined = (*data.shape[:first], prod(extents), *data.shape[first + count :])
        source = call.node(operations.reshape(joined), inputs=[data], shape=joined, step="joined")
    table = None if len(shape) == 1 else shape
    return call.node(operations.gather(first, chosen, table), inputs=[source])


def _of_each(call: Call, data: Any, tables: Sequence[Any]) -> Value | None:
    """Convert ``x[rows, ids]``, where rows count from 0 and ids are computed: one of each row."""
    if len(tables) != 2 or not isinstance(tables[0], Constant) or tables[0].values is None:
        return None
    rows, ids = tables
    counted = rows.values.tolist() == list(range(data.shape[0]))
    if not counted or not isinstance(ids, Value) or ids.shape != data.shape[:1]:
        return None
    apart = call.node(
        operations.unsqueeze([1]), inputs=[ids], shape=(*ids.shape, 1), step="indices"
    )
    return onnx_node(call, "GatherND", [data, apart], batch_dims=1)


def _places(tables: Sequence[Any], extents: Sequence[int]) -> tuple[list[int], Shape] | None:
    """Return indices into axes joined to one, and the shape of their table; None if unknown."""
    import numpy as np

    known = [table.values for table in tables if isinstance(table, Constant)]
    arrays = [values for values in known if values is not None and values.dtype.kind in "iu"]
    if len(arrays) < len(tables):
        return None
    signed = [np.asarray(a, dtype=np.int64) for a in arrays]
    counted = [np.where(a < 0, a + n, a) for a, n in zip(signed, extents, strict=True)]
    if any(((a < 0) | (a >= n)).any() for a, n in zip(counted, extents, strict=True)):
        return None
    wide = np.broadcast_arrays(*counted)
    joined = np.ravel_multi_index(tuple(wide), tuple(extents))
    return [int(i) for i in np.reshape(joined, -1)], tuple(wide[0].shape)


def _index_select(call: Call) -> Value | None:
    data, axis = call.args[0], int(call.args[1]) % len(call.outputs[0])
    indices = _places([call.args[2]], [data.shape[axis]])
    if indices is None or not call.afford(len(indices[0])):
        return None
    return call.node(operations.gather(axis, indices[0]), inputs=[data])


def _embedding(call: Call) -> Any:
    """Convert rows of a weight that known indices choose; all of them in order are the weight."""
    weight = call.args[0]
    if not isinstance(weight, Value | Parameter):
        return None
    ids = call.args[1]
    if isinstance(weight, Parameter) and isinstance(ids, Value):
        return call.node(operations.rows_of_weight(), inputs=[ids, weight])
    indices = _places([ids], [weight.shape[0]])
    if indices is None:
        return None
    chosen, shape = indices
    if chosen == list(range(weight.shape[0])):
        return call.node(operations.reshape(call.outputs[0]), inputs=[weight])
    if not call.afford(len(chosen)):
        return None
    return call.node(
        operations.gather(0, chosen, None if len(shape) == 1 else shape), inputs=[weight]
    )


def _repeat(call: Call) -> Any:
    """Repeat the whole of a tensor along axes; ``repeat`` and ``tile`` count new axes first."""
    data, times = call.args[0], [int(n) for n in call.args[1]]
    rank = max(len(times), len(data.shape))
    times = [1] * (rank - len(times)) + times
    return _repeated(call, data, times, each=False)


def _repeat_interleave(call: Call) -> Any:
    """Repeat each element along an axis; None where the counts differ or there is no axis."""
    data, count, axis = call.args[0], call.arg(1, "repeats"), call.arg(2, "dim")
    if not isinstance(count, int) or axis is None:
        return None
    times = [1] * len(data.shape)
    times[int(axis) % len(times)] = count
    return _repeated(call, data, times, each=True)


def _repeated(call: Call, data: Any, times: Sequence[int], *, each: bool) -> Any:
    """Add an axis of extent 1 beside each axis that is repeated, expand it, and join the two."""
    wide = (*(1,) * (len(times) - len(data.shape)), *data.shape)
    if all(n == 1 for n in times):
        if wide == data.shape:
            return data if isinstance(data, Value) else None
        return call.node(operations.reshape(wide), inputs=[data])
    if 0 in times:
        return None
    apart, expanded = operations.repeating_shapes(wide, times, each=each)
    source: Any = data
    if apart != data.shape:
        source = call.node(operations.reshape(apart), inputs=[data], shape=apart, step="apart")
    if expanded == call.outputs[0]:
        return call.node(operations.expand(expanded), inputs=[source])
    repeats = call.node(
        operations.expand(expanded), inputs=[source], shape=expanded, step="repeated"
    )
    return call.node(operations.reshape(call.outputs[0]), inputs=[repeats])


def _unfold(call: Call) -> Value | None:
    """Convert ``Tensor.unfold``: windows along an axis, whose elements become the last axis."""
    data, axis, size, step = call.args[0], int(call.args[1]), int(call.args[2]), int(call.args[3])
    axis %= len(data.shape)
    count = call.outputs[0][axis]
    chosen = [window * step + element for window in range(count) for element in range(size)]
    if not call.afford(len(chosen)):
        return None
    table = (*data.shape[:axis], count, size, *data.shape[axis + 1 :])
    windows = call.node(
        operations.gather(axis, chosen, (count, size)), inputs=[data], shape=table, step="windows"
    )
    order = [i for i in range(len(table)) if i != axis + 1] + [axis + 1]
    return call.node(operations.transpose(order), inputs=[windows])


def _stack(call: Call) -> Value | None:
    """Join tensors along a new axis."""
    parts, rank = call.args[0], len(call.outputs[0])
    if not all(isinstance(part, Value | Parameter) for part in parts):
        return None
    axis = int(call.arg(1, "dim", 0)) % rank
    thin = tuple(1 if i == axis else n for i, n in enumerate(call.outputs[0]))
    widened = [
        call.node(operations.unsqueeze([axis]), inputs=[part], shape=thin, step=str(k))
        for k, part in enumerate(parts)
    ]
    return call.node(operations.concat(axis), inputs=widened)


def _copy(call: Call) -> Any:
    """Convert ``copy``: the result is the second tensor, with the shape of the first."""
    source = call.args[1]
    if not isinstance(source, Value | Parameter):
        return None
    if isinstance(source, Value) and source.shape == call.outputs[0]:
        return source
    return call.node(operations.expand(call.outputs[0]), inputs=[source])


def _slice_scatter(call: Call) -> Any:
    """Replace a slice of a tensor by another tensor."""
    data, axis = call.args[0], int(call.arg(2, "dim", 0)) % len(call.outputs[0])
    if int(call.arg(5, "step", 1)) != 1:
        return None
    extent = call.outputs[0][axis]
    start, end = call.arg(3, "start"), call.arg(4, "end")
    bounds = slice(start, end).indices(extent)
    return _replaced(call, data, call.args[1], Cut(axis, bounds[0], bounds[1]))


def _select_scatter(call: Call) -> Any:
    """Replace one element of an axis by a tensor without that axis."""
    data, axis = call.args[0], int(call.args[2]) % len(call.outputs[0])
    index = int(call.args[3]) % call.outputs[0][axis]
    shape = tuple(1 if i == axis else n for i, n in enumerate(call.outputs[0]))
    if not isinstance(call.args[1], Value | Parameter):
        return None
    row = call.node(operations.unsqueeze([axis]), inputs=[call.args[1]], shape=shape, step="row")
    return _replaced(call, data, row, Cut(axis, index, index + 1))


def _replaced(call: Call, data: Any, source: Any, cut: Cut) -> Any:
    """Join what lies before a slice, the new elements, and what lies behind."""
    shape = call.outputs[0]
    if not isinstance(data, Value | Parameter) or not isinstance(source, Value):
        return None
    parts = []
    for step, start, end in (("before", 0, cut.start), ("behind", cut.end, shape[cut.axis])):
        if start < end:
            piece = (*shape[: cut.axis], end - start, *shape[cut.axis + 1 :])
            rest = operations.sliced([Cut(cut.axis, start, end)])
            parts.append(call.node(rest, inputs=[data], shape=piece, step=step))
        if step == "before":
            parts.append(source)
    if len(parts) == 1:
        return source
    return call.node(operations.concat(cut.axis), inputs=parts)


HANDLERS: dict[str, Handler] = {
    "copy": _copy,
    "embedding": _embedding,
    "index": _index,
    "index_select": _index_select,
    "repeat": _repeat,
    "repeat_interleave": _repeat_interleave,
    "select_scatter": _select_scatter,
    "slice_scatter": _slice_scatter,
    "stack": _stack,
    "tile": _repeat,
    "unfold": _unfold,
}
"""The handlers of these functions."""
