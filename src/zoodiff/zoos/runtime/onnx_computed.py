"""The tensors of an ONNX file that its nodes compute from constants alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from zoodiff.frontends.onnx.preparation import plain_nodes
from zoodiff.frontends.onnx.protobuf import GraphProto, ModelProto, NodeProto, TensorProto
from zoodiff.zoos.runtime.onnx_weights import SAME_WEIGHT, constants

if TYPE_CHECKING:
    from numpy.typing import NDArray


def computed(model: ModelProto) -> dict[str, NDArray[Any]]:
    """Return the tensors that nodes compute only from constants and other nodes read, by name.

    A graph names such a tensor as a weight if no stored tensor contains it as it is, for example
    position biases picked from a table. Empty if ONNX's reference cannot compute them.
    """
    graph = model.graph
    constant, inside, read = set(constants(graph)), [], set()
    constant |= {tensor.name for tensor in graph.initializer}
    nodes = plain_nodes(model)
    shapes = {tensor.name: tensor for tensor in _shapes_of_inputs(graph, nodes)}
    constant |= set(shapes)
    for node in nodes:
        if any(a.HasField("g") or a.graphs for a in node.attribute):
            return {}
        inputs = [name for name in node.input if name]
        if shapes.keys() & set(node.output):
            continue
        if node.op_type == "Constant" or (inputs and constant.issuperset(inputs)):
            constant.update(name for name in node.output if name)
            inside.append(node)
        else:
            read.update(inputs)
    results = {name for node in inside if node.op_type not in SAME_WEIGHT for name in node.output}
    names = sorted((results & read) - set(constants(graph)))
    if not names:
        return {}
    tables = {n for n in names if any(map(_is_dequantisation, _needed(inside, [n])))}
    values: dict[str, NDArray[Any]] = {}
    for group in (sorted(tables), sorted(set(names) - tables)):
        values |= _evaluated(model, _needed(inside, group), group, shapes.values())
    return {name: array for name, array in values.items() if array.dtype.kind == "f"}


def _is_dequantisation(node: NodeProto) -> bool:
    return node.op_type == "DequantizeLinear"


def _evaluated(
    model: ModelProto,
    nodes: Sequence[NodeProto],
    names: Sequence[str],
    further: Iterable[TensorProto],
) -> dict[str, NDArray[Any]]:
    """Return what nodes compute from constants; empty if ONNX's reference cannot compute it."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    outputs = [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in names]
    read = {name for node in nodes for name in node.input}
    stored = [tensor for tensor in (*model.graph.initializer, *further) if tensor.name in read]
    part = helper.make_graph(nodes, "constants", [], outputs, stored)
    alone = helper.make_model(part, opset_imports=model.opset_import)
    _take_newer_opset(alone)
    try:
        values = ReferenceEvaluator(alone).run(None, {})
    except Exception:
        return {}
    return dict(zip(names, values, strict=True))


def _needed(nodes: Sequence[NodeProto], names: Sequence[str]) -> list[NodeProto]:
    """Return the nodes that compute some tensors, and those that they read from."""
    wanted, kept = set(names), []
    for node in reversed(nodes):
        if wanted & set(node.output):
            wanted.update(node.input)
            kept.append(node)
    return kept[::-1]


def _take_newer_opset(model: ModelProto) -> None:
    """Set an opset whose DequantizeLinear ONNX's reference has, if all means the same in it."""
    operators = {node.op_type for node in model.graph.node}
    if "DequantizeLinear" not in operators or not operators <= _UNCHANGED:
        return
    for domain in model.opset_import:
        if not domain.domain and _FIRST_UNCHANGED <= domain.version < _REFERENCE_DEQUANTISES:
            domain.version = _REFERENCE_DEQUANTISES


_UNCHANGED = frozenset(
    {"Add", "Cast", "Concat", "Constant", "DequantizeLinear", "Div", "Expand", "Gather"}
    | {"Identity", "Mul", "Reshape", "Slice", "Squeeze", "Sub", "Transpose", "Unsqueeze"}
)
"""Operators with one meaning in opsets 13 to 19."""
_FIRST_UNCHANGED, _REFERENCE_DEQUANTISES = 13, 19


def _shapes_of_inputs(graph: GraphProto, nodes: Sequence[NodeProto]) -> list[TensorProto]:
    """Return the shapes that a graph takes from inputs whose extents are all fixed."""
    import numpy as np
    from onnx import numpy_helper

    extents = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in graph.input
    }
    return [
        numpy_helper.from_array(np.asarray(extents[node.input[0]], np.int64), node.output[0])
        for node in nodes
        if node.op_type == "Shape" and not node.attribute and all(extents.get(node.input[0], [0]))
    ]
