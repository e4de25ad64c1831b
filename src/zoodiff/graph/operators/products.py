"""Linear layers and products of tensors."""

from __future__ import annotations

from zoodiff.graph.operators.schema import Attribute, Kind, Operand, OperatorSchema

_EQUATION = Attribute(
    "equation",
    Kind.TEXT,
    "the product by indices, as in Einstein's notation, data first: ``abc,cd->abd``",
    absent="the plain product",
)
_ALPHA = Attribute("alpha", Kind.NUMBER, "factor of the product", default=1.0)
_BETA = Attribute("beta", Kind.NUMBER, "factor of the bias", default=1.0)
_BIAS = Attribute("bias", Kind.FLAG, "whether a bias is added", default=False)

SCHEMAS = (
    OperatorSchema(
        "Gemm",
        "linear",
        "A linear layer along one axis; canonical weights are (out, in).",
        (
            Operand("data", "any number of axes"),
            Operand("weight", "the matrix; see ``Parameter.layout``", role="weight"),
            Operand("bias", "a number per output feature", role="bias", flag="bias"),
        ),
        (
            Attribute("in_features", Kind.WHOLE, "features of the data", required=True),
            Attribute("out_features", Kind.WHOLE, "features of the result", required=True),
            _BIAS,
            Attribute("axis", Kind.WHOLE, "the axis of the features", absent="the last"),
            _EQUATION,
            _ALPHA,
            _BETA,
            Attribute("transA", Kind.FLAG, "the axes of the data are reversed first", False),
        ),
    ),
    OperatorSchema(
        "MatMul",
        "product",
        "The product of two tensors by their last two axes, of which one may be a weight.",
        (
            Operand("first", "(..., m, k)"),
            Operand("second", "(..., k, n); the first again where it is left out"),
            Operand("bias", "what is added to the product", optional=True),
        ),
        (
            Attribute("batch", Kind.WHOLE, "number of matrix products", required=True),
            Attribute("m", Kind.WHOLE, "rows of the product", required=True),
            Attribute("k", Kind.WHOLE, "terms of each sum", required=True),
            Attribute("n", Kind.WHOLE, "columns of the product", required=True),
            Attribute("transA", Kind.FLAG, "the first's last two axes are swapped first", False),
            Attribute("transB", Kind.FLAG, "the second's last two axes are swapped first", False),
            Attribute("scale", Kind.NUMBER, "number that multiplies the product", default=1.0),
            Attribute(
                "constant_first", Kind.FLAG, "the weight among the factors is the first", False
            ),
            _EQUATION,
            _ALPHA,
            _BETA,
            _BIAS,
        ),
    ),
)
