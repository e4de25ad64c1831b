"""Checks the opset of an ONNX file, and expands its own functions and fused operators."""

from __future__ import annotations

from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx import runtime_operators
from zoodiff.frontends.onnx.protobuf import ModelProto, NodeProto
from zoodiff.frontends.onnx.runtime_operators.blocked import with_blocks
from zoodiff.frontends.onnx.runtime_operators.tables import with_real_tables


def expanded(model: ModelProto, source: str) -> ModelProto:
    """Return the model with its own functions put in where they are called.

    Operators that stand for several of ONNX's own, and tables of integers, are replaced in place.
    """
    inlined = model
    if model.functions:
        from onnx import inliner

        try:
            inlined = inliner.inline_local_functions(model)
        except Exception as error:
            reason = " ".join(str(error).split())[:160]
            raise MeasurementError(
                f"the functions of {source} cannot be expanded ({reason})"
            ) from None
    nodes = plain_nodes(inlined)
    if nodes != list(inlined.graph.node):
        copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
        del inlined.graph.node[:]
        inlined.graph.node.extend(copies)
    return inlined


def plain_nodes(model: ModelProto) -> list[NodeProto]:
    """Return the nodes of a model as those of ONNX's own operators that they stand for."""
    nodes = runtime_operators.rewritten(model)
    if not any(node.op_type == "DequantizeLinear" for node in nodes):
        return nodes
    dims = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    ends = frozenset(output.name for output in model.graph.output)
    return with_real_tables(with_blocks(nodes, dims), dims, ends)


def check_opset(model: ModelProto, source: str) -> None:
    """Rename the standard domain to ""; raise MeasurementError for an opset newer than ``onnx``."""
    import onnx

    newest = onnx.defs.onnx_opset_version()
    for domain in model.opset_import:
        domain.domain = "" if domain.domain == "ai.onnx" else domain.domain
        if not domain.domain and domain.version > newest:
            raise MeasurementError(
                f"{source} is of opset {domain.version}, and onnx {onnx.__version__} knows up to "
                f"{newest}; install a newer onnx"
            )
