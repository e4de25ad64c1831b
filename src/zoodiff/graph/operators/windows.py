"""Convolutions and pooling."""

from __future__ import annotations

from zoodiff.graph.operators.schema import Attribute, Kind, Operand, OperatorSchema

_DATA = Operand("data", "(batch, channels, ...spatial axes)")
_ONES = "1 along every spatial axis"
_STRIDES = Attribute("strides", Kind.WHOLES, "steps of the window, an entry per spatial axis")
_DILATIONS = Attribute(
    "dilations",
    Kind.WHOLES,
    "distance between two elements of the window, an entry per spatial axis",
    absent=_ONES,
)
_PADS = Attribute(
    "pads",
    Kind.WHOLES,
    "elements added at the edges, all beginnings and then all ends: top, left, bottom, right; "
    "negative ones crop",
)
_KERNEL = Attribute(
    "kernel_shape", Kind.WHOLES, "extents of the window, height before width", required=True
)
_CEIL = Attribute(
    "ceil_mode",
    Kind.FLAG,
    "windows that reach beyond the end count, unless they begin after data and first padding",
    default=False,
)


def _required(attribute: Attribute) -> Attribute:
    return Attribute(attribute.name, attribute.kind, attribute.meaning, required=True)


_LAYER = (
    _KERNEL,
    _required(_STRIDES),
    _required(_DILATIONS),
    _required(_PADS),
    Attribute("group", Kind.WHOLE, "groups of channels convolved separately", required=True),
    Attribute("out_channels", Kind.WHOLE, "channels of the result", required=True),
    Attribute("bias", Kind.FLAG, "whether a bias is added", default=False),
)
_WEIGHTS = (
    Operand("weight", "the kernels; see ``Parameter.layout``", role="weight"),
    Operand("bias", "a number per output channel", role="bias", flag="bias"),
)
_POOL = (
    _KERNEL,
    _required(_STRIDES),
    _required(_PADS),
    _DILATIONS,
    _CEIL,
)

SCHEMAS = (
    OperatorSchema(
        "Conv",
        "convolution",
        "Cross-correlation with a kernel per output channel; canonical weights are "
        "(out, in / group, ...).",
        (_DATA, *_WEIGHTS),
        _LAYER,
    ),
    OperatorSchema(
        "ConvTranspose",
        "convolution",
        "The transpose of a convolution: each element adds its kernel to the result, of which the "
        "pads are cut off; canonical weights are (in, out / group, ...).",
        (_DATA, *_WEIGHTS),
        (
            *_LAYER,
            Attribute(
                "output_padding",
                Kind.WHOLES,
                "elements added at the end of each spatial axis of the result",
                absent="none",
            ),
        ),
    ),
    OperatorSchema(
        "MaxPool",
        "pooling",
        "The maximum over each window; padding never wins.",
        (_DATA,),
        _POOL,
    ),
    OperatorSchema(
        "AveragePool",
        "pooling",
        "The mean over each window; elements beyond the padding, in ceil mode, never count.",
        (_DATA,),
        (
            *_POOL,
            Attribute(
                "count_include_pad",
                Kind.FLAG,
                "padding counts among the elements of a window, as zeros",
                default=False,
            ),
        ),
    ),
    OperatorSchema(
        "GlobalAveragePool",
        "pooling",
        "The mean over all spatial axes, which stay with extent 1.",
        (_DATA,),
    ),
    OperatorSchema(
        "GlobalMaxPool",
        "pooling",
        "The maximum over all spatial axes, which stay with extent 1.",
        (_DATA,),
    ),
)
