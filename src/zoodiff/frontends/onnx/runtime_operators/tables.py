"""Moves the dequantisation of embeddings before the choice of rows.

ONNX Runtime's quantiser stores the table of an embedding as integers, chooses rows of these, and
converts the chosen rows to real numbers. Rows of the real table are the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from zoodiff.frontends.onnx.protobuf import NodeProto


def with_real_tables(
    nodes: Sequence[NodeProto], dims: Mapping[str, tuple[int, ...]], ends: frozenset[str]
) -> list[NodeProto]:
    """Return nodes in which rows are chosen from tables of real numbers.

    ``dims`` has the extents of stored tensors, ``ends`` the outputs of the network. Only tables
    with one scale are converted.
    """
    readers: dict[str, list[NodeProto]] = {}
    for node in nodes:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    renewed: list[NodeProto] = []
    moved: set[str] = set()
    for node in nodes:
        if node.output and node.output[0] in moved:
            continue
        later = _dequantisation(node, readers, dims, ends)
        if later is None:
            renewed.append(node)
            continue
        moved.add(later.output[0])
        renewed += _exchanged(node, later)
    return renewed


def _dequantisation(
    node: NodeProto,
    readers: Mapping[str, Sequence[NodeProto]],
    dims: Mapping[str, tuple[int, ...]],
    ends: frozenset[str],
) -> NodeProto | None:
    """Return the only reader of rows of a stored table, if it converts them by one scale."""
    if node.op_type != "Gather" or node.domain or node.input[0] not in dims:
        return None
    users = readers.get(node.output[0], ())
    if len(users) != 1 or node.output[0] in ends or users[0].op_type != "DequantizeLinear":
        return None
    scale = dims.get(users[0].input[1])
    one_scale = scale is not None and prod(scale) == 1
    return users[0] if one_scale and users[0].input[0] == node.output[0] else None


def _exchanged(rows: NodeProto, later: NodeProto) -> list[NodeProto]:
    """Return the conversion of the whole table, and the choice of its rows."""
    table = type(later).FromString(later.SerializeToString())
    chosen = type(rows).FromString(rows.SerializeToString())
    name = f"{rows.output[0]}/table"
    table.name = name
    _set(table, [rows.input[0], *later.input[1:]], [name])
    _set(chosen, [name, *rows.input[1:]], [later.output[0]])
    return [table, chosen]


def _set(node: NodeProto, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    del node.input[:], node.output[:]
    node.input.extend(inputs)
    node.output.extend(outputs)
