"""Rewrites operators that ONNX Runtime writes into optimised files as ONNX's own operators.

The optimiser replaces patterns of nodes by one node of the domain ``com.microsoft``, for example an
addition and a layer norm by a SkipLayerNormalization. Each is put back as the pattern that it
stands for, by its definition in
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md. A node that is not
fully understood, such as attention with a cache of past keys, stays as it is.
"""

from __future__ import annotations

from zoodiff.frontends.onnx.protobuf import ModelProto, NodeProto
from zoodiff.frontends.onnx.runtime_operators import attention, layers, products
from zoodiff.frontends.onnx.runtime_operators.rewriting import Rewriter, Rewriting, around_of

_DOMAIN = "com.microsoft"
_OPERATORS = {**attention.OPERATORS, **layers.OPERATORS, **products.OPERATORS}


def rewritten(model: ModelProto) -> list[NodeProto]:
    """Return the nodes of a model, with ONNX's own operators in place of ONNX Runtime's."""
    if not any(_rewriter(node) for node in model.graph.node):
        return list(model.graph.node)
    standard = (o.version for o in model.opset_import if o.domain in {"", "ai.onnx"})
    around = around_of(model.graph, max(standard, default=1))
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        rewriter = _rewriter(node)
        rewriting = Rewriting(node, around)
        if rewriter is not None and rewriter(rewriting):
            nodes.extend(rewriting.nodes)
        else:
            nodes.append(node)
    return nodes


def _rewriter(node: NodeProto) -> Rewriter | None:
    if node.domain == _DOMAIN:
        return _OPERATORS.get(node.op_type)
    # ONNX Runtime registers this operator in ONNX's domain, where ONNX has none of that name.
    return layers.OPERATORS[_SIMPLIFIED[1]] if (node.domain, node.op_type) == _SIMPLIFIED else None


_SIMPLIFIED = ("", "SimplifiedLayerNormalization")
