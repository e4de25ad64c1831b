"""Casts whose type is that of another tensor, as plain casts.

``CastLike`` reads a tensor for its type alone; the type is known, so the node becomes a ``Cast``.
Functions that are written out as nodes are full of these.
"""

from __future__ import annotations

from collections.abc import Mapping

from zoodiff.frontends.onnx.protobuf import ModelProto
from zoodiff.frontends.onnx.shapes import Shape


def make_plain(model: ModelProto, types: Mapping[str, tuple[Shape | None, int]]) -> None:
    """Replace every CastLike to a known type by a Cast, in place."""
    from onnx import helper

    known = {name: code for name, (_, code) in types.items() if code}
    known |= {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "CastLike" or node.domain or len(node.input) != 2:
            continue
        code = known.get(node.input[1])
        if code is None:
            continue
        del node.input[1]
        node.op_type = "Cast"
        node.attribute.append(helper.make_attribute("to", code))
