"""Writes the whole ONNX model, for one batch size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zoodiff.errors import MeasurementError, MissingFrameworkError
from zoodiff.graph.interpreter.call import Call
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.onnx_export import elementwise, layers, recurrent, shapes
from zoodiff.graph.onnx_export.emit import OPSET, Emit, Handler
from zoodiff.graph.onnx_export.front import in_front

_HANDLERS: dict[str, Handler] = {
    **elementwise.HANDLERS,
    **layers.HANDLERS,
    **recurrent.HANDLERS,
    **shapes.HANDLERS,
}


def to_model(graph: Graph, weights: Mapping[str, Any], outputs: int = 1, batch: int = 1) -> bytes:
    """Return a canonical graph as a serialised ONNX model of opset 17, in single precision.

    ``weights`` are canonical arrays by the parameter's name. Quantised layers become
    floating-point layers with these weights. The model returns the first ``outputs`` outputs of
    the graph, for ``batch`` independent images at once. ``emit.node_of`` finds the node of
    ``graph.nodes`` of a node in the model.

    Raises MissingFrameworkError without the ``onnx`` package; MeasurementError for missing weights,
    for an operator without translation, and at batch sizes above 1 for an operator that mixes
    images.
    """
    try:
        from onnx import helper
    except ImportError:
        raise MissingFrameworkError(
            "a reference runtime needs the onnx package; install it with: "
            'pip install "zoodiff[onnx]"'
        ) from None
    origins: Sequence[int] = range(len(graph.nodes))
    if batch > 1:
        front = in_front(graph)
        graph, origins = front.graph, front.origins
    emit = Emit(graph, batch)
    inputs = []
    for number, tensor in enumerate(graph.inputs):
        emit.names[tensor.name] = f"input{number}"
        shape = [batch * tensor.shape[0], *tensor.shape[1:]]
        inputs.append(helper.make_tensor_value_info(f"input{number}", 1, shape))
    for index, node in zip(origins, graph.nodes, strict=True):
        emit.begin(index, node.name)
        results = _translated(emit, graph, node, weights)
        for tensor_name, name in zip(node.outputs, results, strict=True):
            emit.names[tensor_name] = name
    ends = []
    for number, tensor in enumerate(graph.outputs[:outputs]):
        source = emit.names[tensor.name]
        label = f"output{number or ''}"  # two nodes of one name are refused by runtimes
        emit.nodes.append(helper.make_node("Identity", [source], [f"output{number}"], label))
        ends.append(helper.make_tensor_value_info(f"output{number}", 1, None))
    body = helper.make_graph(emit.nodes, "network", inputs, ends, emit.constants)
    model = helper.make_model(
        body, producer_name="zoodiff", opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8
    )
    content: bytes = model.SerializeToString()
    return content


def _translated(emit: Emit, graph: Graph, node: Node, weights: Mapping[str, Any]) -> list[str]:
    handler = _HANDLERS.get(node.op)
    if handler is None:
        raise MeasurementError(f"{node.name} of {graph.source} is a {node.op}, which has no ONNX")
    missing = [p.name for p in node.parameters if p.name not in weights]
    if missing:
        raise MeasurementError(f"{node.name} of {graph.source} lacks its weights {missing[0]}")
    parameters: list[Any] = [
        np.asarray(weights[p.name], dtype=np.float64).reshape(p.shape) for p in node.parameters
    ]
    operands: list[Any] = [emit.names[name] for name in node.inputs]
    roles = [p.role for p in node.parameters]
    if not operands:  # fed by a weight alone
        operands, parameters, roles = [emit.constant(parameters[0])], parameters[1:], roles[1:]
    try:
        results = handler(emit, Call(node, operands, parameters, roles))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise MeasurementError(
            f"{node.name} of {graph.source}, a {node.op}, cannot be written as ONNX: {error}"
        ) from error
    return results if isinstance(results, list) else [results]
