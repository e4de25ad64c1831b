r"""Sort the rows of a linear layer whose every n-th block of rows is read separately.

The rows of a weight that computes queries, keys and values at once are stored part by part,
:math:`[Q|K|V]`, or interleaved by head, :math:`[q_1 k_1 v_1\, q_2 k_2 v_2 \dots]`. With a
permutation of rows :math:`P`, :math:`W x = P^{-1} (P W) x`: the view of the weight sorts its rows
by part, and a transposition of the result restores their order. Then each part can become a linear
layer of its own (pass ``parts``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.graph.ir import Parameter
from zoodiff.graph.mutable import MutableGraph, MutableNode

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTE = "fused"
_LARGEST = 1 << 24
"""The largest result, in elements, for which the rows are followed."""


def run(net: MutableGraph) -> None:
    """Sort the rows of every linear layer whose interleaved parts are read separately."""
    for node in net.of("Gemm"):
        width, axis = node.attributes.get("out_features"), node.attributes.get("axis")
        shape = net.shape(node.output)
        if not isinstance(width, int) or not isinstance(axis, int) or axis >= len(shape):
            continue
        if shape[axis] != width or not 0 < prod(shape) <= _LARGEST:
            continue
        if "equation" in node.attributes or not all(map(_sortable(width), node.parameters)):
            continue
        blocks = _interleaved(net, node, _rows(shape, axis))
        if blocks is not None:
            _sort(net, node, axis, blocks)


def _sortable(width: int) -> Any:
    def check(parameter: Parameter) -> bool:
        steps = {step for step, _ in parameter.view}
        only_moved = not parameter.whole and steps <= {"reshape", "transpose"}
        return only_moved and parameter.shape[:1] == (width,)

    return check


def _rows(shape: Sequence[int], axis: int) -> NDArray[Any]:
    """Return for each element of a result the row of the weight that computes it."""
    along = [1] * len(shape)
    along[axis] = shape[axis]
    return np.broadcast_to(np.arange(shape[axis]).reshape(along), tuple(shape))


def _interleaved(
    net: MutableGraph, node: MutableNode, rows: NDArray[Any]
) -> tuple[int, int, int] | None:
    """Return heads, parts and rows per head and part if slices divide the parts, else None."""
    tensor = node.output
    while tensor not in net.outputs:
        readers = list(dict.fromkeys(net.users.get(tensor, [])))
        if len(readers) > 1 or (readers and readers[0].op == "Slice"):
            return _parts(readers, rows)
        if not readers or readers[0].op not in {"Reshape", "Transpose"} or readers[0].parameters:
            return None
        reader = readers[0]
        if reader.op == "Transpose":
            rows = rows.transpose(reader.attributes["perm"])
        elif prod(net.shape(reader.output)) != rows.size:
            return None
        else:
            rows = rows.reshape(net.shape(reader.output))
        tensor = reader.output
    return None


def _parts(readers: Sequence[MutableNode], rows: NDArray[Any]) -> tuple[int, int, int] | None:
    cut = {tuple(reader.attributes.get("axes") or ()) for reader in readers}
    if any(reader.op != "Slice" for reader in readers) or len(cut) != 1 or len(min(cut)) != 1:
        return None
    axis = min(cut)[0]
    parts = rows.shape[axis]
    starts = sorted(reader.attributes["starts"][0] for reader in readers)
    single = all(r.attributes["ends"][0] - r.attributes["starts"][0] == 1 for r in readers)
    if parts < 2 or not single or starts != list(range(parts)):
        return None
    total = int(rows.max()) + 1
    first = np.unique(np.take(rows, 0, axis))
    depth = int(np.argmax(np.diff(first, append=total + 1) != 1)) + 1
    heads = total // (parts * depth)
    if heads < 2 or heads * parts * depth != total:
        return None  # the parts lie one after the other already
    expected = np.arange(parts).reshape([-1 if k == axis else 1 for k in range(rows.ndim)])
    return (heads, parts, depth) if bool((rows // depth % parts == expected).all()) else None


def _sort(net: MutableGraph, node: MutableNode, axis: int, blocks: tuple[int, int, int]) -> None:
    heads, parts, depth = blocks
    shape = list(net.shape(node.output))
    node.parameters = [_sorted(p, blocks) for p in node.parameters]
    result, readers = node.output, list(dict.fromkeys(net.users[node.output]))
    divided = [*shape[:axis], parts, heads, depth, *shape[axis + 1 :]]
    perm = list(range(len(divided)))
    perm[axis], perm[axis + 1] = perm[axis + 1], perm[axis]
    for step, (op, extents) in enumerate(
        (
            ("Reshape", divided),
            ("Transpose", [divided[k] for k in perm]),
            ("Reshape", shape),
        ),
        start=1,
    ):
        attributes = {"perm": perm} if op == "Transpose" else {"shape": extents}
        order = node.order + step / 8
        movement = net.add(op, node.name, [result], extents, attributes, order=order)
        result = movement.noted(NOTE).output
    for reader in readers:
        net.read(reader, [result if t == node.output else t for t in reader.inputs])


def _sorted(parameter: Parameter, blocks: tuple[int, int, int]) -> Parameter:
    trailing = parameter.shape[1:]
    axes = (1, 0, *range(2, 3 + len(trailing)))
    steps = (
        ("reshape", (*blocks, *trailing)),
        ("transpose", axes),
        ("reshape", parameter.shape),
    )
    return replace(parameter, view=(*parameter.view, *steps))
