"""Normalisation and softmax."""

from __future__ import annotations

from zoodiff.graph.operators.schema import Attribute, Kind, Operand, OperatorSchema

_DATA = Operand("data", "what is normalised")
_AFFINE = (
    Operand("scale", "factor per channel or element", role="scale", flag="scale"),
    Operand("shift", "what is added per channel or element", role="shift", flag="center"),
)
_FLAGS = (
    Attribute("scale", Kind.FLAG, "whether there is a learned factor", default=True),
    Attribute("center", Kind.FLAG, "whether there is a learned shift", default=True),
)
_EPSILON = Attribute("epsilon", Kind.NUMBER, "added to the variance", required=True)
_EPSILON_OF_GROUPS = Attribute("epsilon", Kind.NUMBER, "added to the variance", default=1e-5)
_AXIS = Attribute("axis", Kind.WHOLE, "the axis whose entries sum to one", required=True)
_FLATTENED = Attribute(
    "flattened",
    Kind.FLAG,
    "all axes from ``axis`` on are taken as one (ONNX until opset 12)",
    default=False,
)

SCHEMAS = (
    OperatorSchema(
        "BatchNormalization",
        "normalisation",
        "(x - mean) / sqrt(variance + epsilon) * scale + shift with stored statistics.",
        (
            _DATA,
            *_AFFINE,
            Operand("mean", "stored mean per channel", role="mean"),
            Operand("variance", "stored variance per channel", role="variance"),
        ),
        (
            _EPSILON,
            Attribute("axis", Kind.WHOLE, "the axis of the channels", default=1),
            *_FLAGS,
            Attribute(
                "spatial",
                Kind.FLAG,
                "statistics per channel; false: per element of the image (ONNX until opset 8)",
                default=True,
            ),
            Attribute(
                "momentum",
                Kind.NUMBER,
                "weight of the old statistics in training",
                absent="the source does not say it",
            ),
            Attribute(
                "training", Kind.FLAG, "normalises with the statistics of the batch", default=False
            ),
        ),
    ),
    OperatorSchema(
        "LayerNormalization",
        "normalisation",
        "Mean 0 and variance 1 over some axes, then scale and shift, which have their extents.",
        (_DATA, *_AFFINE),
        (
            _EPSILON,
            Attribute("axes", Kind.WHOLES, "the axes over which moments are taken", required=True),
            *_FLAGS,
            Attribute(
                "unbiased",
                Kind.FLAG,
                "the variance divides by the number of elements less 1",
                default=False,
            ),
            Attribute(
                "epsilon_outside",
                Kind.FLAG,
                "epsilon is added to the deviation, not to the variance",
                default=False,
            ),
        ),
    ),
    OperatorSchema(
        "RMSNormalization",
        "normalisation",
        "x / sqrt(mean of the squares + epsilon) over some axes, then scale and shift.",
        (_DATA, *_AFFINE),
        (
            Attribute("epsilon", Kind.NUMBER, "added to the mean of the squares", required=True),
            Attribute("axes", Kind.WHOLES, "the axes over which squares are taken", required=True),
            _FLAGS[0],
            Attribute("center", Kind.FLAG, "whether there is a learned shift", default=False),
        ),
    ),
    OperatorSchema(
        "GroupNormalization",
        "normalisation",
        "Mean 0 and variance 1 over each group of channels, then scale and shift.",
        (_DATA, *_AFFINE),
        (
            Attribute("num_groups", Kind.WHOLE, "number of groups", required=True),
            _EPSILON_OF_GROUPS,
            *_FLAGS,
        ),
    ),
    OperatorSchema(
        "InstanceNormalization",
        "normalisation",
        "Mean 0 and variance 1 over each channel, then scale and shift.",
        (_DATA, *_AFFINE),
        (_EPSILON_OF_GROUPS, *_FLAGS),
    ),
    OperatorSchema(
        "LRN",
        "normalisation",
        "x / (bias + alpha / size * sum of the squares of the channels around) ** beta.",
        (_DATA,),
        (
            Attribute("size", Kind.WHOLE, "channels that are summed", required=True),
            Attribute("alpha", Kind.NUMBER, "factor of the mean square", required=True),
            Attribute("beta", Kind.NUMBER, "exponent", required=True),
            Attribute("bias", Kind.NUMBER, "what is added before the power", required=True),
        ),
    ),
    OperatorSchema(
        "Mask",
        "softmax",
        "Scores of attention, some of which are left out: they are very low, or -infinity.",
        (_DATA,),
        (
            Attribute(
                "mask_shape", Kind.WHOLES, "shape of the mask, which broadcasts", required=True
            ),
            Attribute(
                "runs",
                Kind.WHOLES,
                "how many scores of the mask in a row are kept, then left out, in turns",
                required=True,
            ),
            Attribute("value", Kind.NUMBER, "what left-out scores are", absent="-infinity"),
            Attribute("added", Kind.FLAG, "the value is added to them", default=False),
        ),
    ),
    OperatorSchema(
        "Softmax", "softmax", "exp(x) / sum of exp(x) along an axis.", (_DATA,), (_AXIS, _FLATTENED)
    ),
    OperatorSchema(
        "LogSoftmax",
        "softmax",
        "The logarithm of the softmax along an axis.",
        (_DATA,),
        (_AXIS, _FLATTENED),
    ),
)
