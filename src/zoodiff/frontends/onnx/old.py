"""Rewrites operators of the first opsets to opset 6, for which ``onnx`` can infer shapes.

ONNX infers no shapes for most operators before opset 6, so a file of opset 1 or 3 would have no
shapes after its first Relu. Until opset 6 only the form of operators changed
(https://github.com/onnx/onnx/blob/main/docs/Changelog.md): ``consumed_inputs`` was removed,
Reshape's shape became an input, Pad's ``paddings`` became ``pads``, Concat lost its default axis,
and Cast gives its type by number.
"""

from __future__ import annotations

from collections.abc import Iterator

from zoodiff.frontends.onnx.protobuf import ModelProto, NodeProto

_OPSET = 6


def renew(model: ModelProto) -> None:
    """Rewrite a model of opset 1 to 5 as one of opset 6, in place; leave any other as it is."""
    standard = [domain for domain in model.opset_import if not domain.domain]
    if any(domain.version >= _OPSET for domain in standard):
        return
    nodes = [new for node in model.graph.node for new in _renewed(node)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for domain in standard:
        domain.version = _OPSET
    if not standard:
        model.opset_import.add().version = _OPSET


def _renewed(node: NodeProto) -> Iterator[NodeProto]:
    """Yield the node in its new form, after the constants that it needs."""
    from onnx import AttributeProto, TensorProto, helper

    if node.domain:
        yield node
        return
    attributes_by_name = {a.name: a for a in node.attribute if a.name != "consumed_inputs"}
    if node.op_type == "Reshape" and "shape" in attributes_by_name and len(node.input) == 1:
        shape = list(attributes_by_name.pop("shape").ints)
        name = f"{node.output[0]}/shape"
        value = helper.make_tensor(name, TensorProto.INT64, [len(shape)], shape)
        yield helper.make_node("Constant", [], [name], value=value)
        node.input.append(name)
    elif node.op_type == "Pad" and "paddings" in attributes_by_name:
        attributes_by_name["pads"] = attributes_by_name.pop("paddings")
        attributes_by_name["pads"].name = "pads"
    elif node.op_type == "Concat" and "axis" not in attributes_by_name:
        attributes_by_name["axis"] = helper.make_attribute("axis", 1)
    elif node.op_type == "Cast" and attributes_by_name["to"].type == AttributeProto.STRING:
        number = TensorProto.DataType.Value(attributes_by_name["to"].s.decode().upper())
        attributes_by_name["to"] = helper.make_attribute("to", number)
    # Copies, since the originals are cleared below.
    attributes = [type(a).FromString(a.SerializeToString()) for a in attributes_by_name.values()]
    del node.attribute[:]
    node.attribute.extend(attributes)
    yield node
