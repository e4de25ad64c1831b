"""Operators of the first opsets, in the form that ``onnx`` can infer shapes of.

ONNX infers no shapes for most operators as they were before opset 6, so that a file of opset 1 or 3
would have none behind its first Relu. What changed until opset 6 is the form alone
(https://github.com/onnx/onnx/blob/main/docs/Changelog.md): ``consumed_inputs`` went, Reshape's
shape became an input, Pad's ``paddings`` became ``pads``, Concat lost its default axis, and Cast
names its type by number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_OPSET = 6


def renew(model: Any) -> None:
    """Rewrite a model of opset 1 to 5 as one of opset 6, in place; leave any other as it is."""
    standard = [one for one in model.opset_import if not one.domain]
    if any(one.version >= _OPSET for one in standard):
        return
    nodes = [new for node in model.graph.node for new in _renewed(node)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for one in standard:
        one.version = _OPSET
    if not standard:
        model.opset_import.add().version = _OPSET


def _renewed(node: Any) -> Iterator[Any]:
    """The node in its new form, behind what it needs."""
    from onnx import AttributeProto, TensorProto, helper

    if node.domain:
        yield node
        return
    kept = {a.name: a for a in node.attribute if a.name != "consumed_inputs"}
    if node.op_type == "Reshape" and "shape" in kept and len(node.input) == 1:
        shape = list(kept.pop("shape").ints)
        name = f"{node.output[0]}/shape"
        value = helper.make_tensor(name, TensorProto.INT64, [len(shape)], shape)
        yield helper.make_node("Constant", [], [name], value=value)
        node.input.append(name)
    elif node.op_type == "Pad" and "paddings" in kept:
        kept["pads"] = kept.pop("paddings")
        kept["pads"].name = "pads"
    elif node.op_type == "Concat" and "axis" not in kept:
        kept["axis"] = helper.make_attribute("axis", 1)
    elif node.op_type == "Cast" and kept["to"].type == AttributeProto.STRING:
        number = TensorProto.DataType.Value(kept["to"].s.decode().upper())
        kept["to"] = helper.make_attribute("to", number)
    # Copies, since what is cleared below is what they were read from.
    attributes = [type(a).FromString(a.SerializeToString()) for a in kept.values()]
    del node.attribute[:]
    node.attribute.extend(attributes)
    yield node
