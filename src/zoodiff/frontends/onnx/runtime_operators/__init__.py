"""Rewrites operators that ONNX Runtime writes into optimised files as ONNX's own operators.

The optimiser replaces patterns of nodes by one node of the domain ``com.microsoft``, for example an
addition and a layer norm by a SkipLayerNormalization. Each is put back as the pattern that it
stands for, by its definition in
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md. A node that is not
fully understood, such as attention with a cache of past keys, stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from zoodiff.frontends.onnx.protobuf import ModelProto, NodeProto
from zoodiff.frontends.onnx.runtime_operators import attention, blocked, layers, products
from zoodiff.frontends.onnx.runtime_operators.rewriting import Rewriter, Rewriting, around_of

_DOMAIN = "com.microsoft"
_OPERATORS = {
    **attention.OPERATORS,
    **blocked.OPERATORS,
    **layers.OPERATORS,
    **products.OPERATORS,
}
_HEADS = frozenset({"mask_filter_value", "num_heads", "scale", "unidirectional"})
_PACKED = _HEADS | {"do_rotary", "past_present_share_buffer"}
_FACTORS = frozenset({"alpha", "transA", "transB", "transBatchA", "transBatchB"})
_ATTRIBUTES: Mapping[str, frozenset[str] | None] = {
    **blocked.ATTRIBUTES,
    "Attention": _PACKED | {"qkv_hidden_sizes", "rotary_embedding_dim"},
    "EmbedLayerNormalization": frozenset({"epsilon", "mask_index_type"}),
    "FusedConv": None,
    "FusedGemm": None,
    "FusedMatMul": _FACTORS,
    "MultiHeadAttention": _HEADS,
    "QAttention": _PACKED,
    "QuickGelu": frozenset({"alpha"}),
    "SimplifiedLayerNormalization": frozenset({"axis", "epsilon", "stash_type"}),
    "SkipLayerNormalization": frozenset({"epsilon"}),
    "SkipSimplifiedLayerNormalization": frozenset({"epsilon"}),
    "TransposeMatMul": _FACTORS,
}
"""The attributes that are understood, of operators with any; None: all go on to ONNX's operator. A
node with another one stays as it is."""


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
        if rewriter is not None and rewriter(rewriting) and rewriting.is_whole():
            nodes.extend(rewriting.nodes)
        else:
            nodes.append(node)
    return nodes


def _rewriter(node: NodeProto) -> Rewriter | None:
    known = _ATTRIBUTES.get(node.op_type, frozenset())
    if known is not None and not known.issuperset(a.name for a in node.attribute):
        return None
    if node.domain == _DOMAIN:
        return _OPERATORS.get(node.op_type)
    # ONNX Runtime registers this operator in ONNX's domain, where ONNX has none of that name.
    return layers.OPERATORS[_SIMPLIFIED[1]] if (node.domain, node.op_type) == _SIMPLIFIED else None


_SIMPLIFIED = ("", "SimplifiedLayerNormalization")
