"""Operators of which values, and not shapes, decide how many results they have."""

from __future__ import annotations

from zoodiff.graph.ir import Node

_COUNTED_BY_VALUES = frozenset(
    {"compress", "masked_select", "nonmaxsuppression", "nonzero", "unique", "unique2"}
)
"""Operators of which values decide how many results they have, in small letters."""
_KNOWN_LIBRARIES = frozenset({"", "ai.onnx", "aten", "onnx"})


def counted_by_values(node: Node) -> bool:
    """Return whether values decide how many results a node has, or may, as in other libraries."""
    library, _, name = node.op.rpartition("::")
    if library not in _KNOWN_LIBRARIES:
        return True
    return name.partition(".")[0].lower().lstrip("_") in _COUNTED_BY_VALUES
