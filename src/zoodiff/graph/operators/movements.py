"""Operators that move elements, reduce axes, resample images or change the number format."""

from __future__ import annotations

from zoodiff.graph.operators.schema import Attribute, Kind, Operand, OperatorSchema

_DATA = (Operand("data", "any shape"),)
_AXES = Attribute("axes", Kind.WHOLES, "the affected axes", required=True)
_SHAPE = Attribute("shape", Kind.WHOLES, "the shape of the result", required=True)

_MOVEMENTS = (
    OperatorSchema("Reshape", "movement", "Another shape, in the same order.", _DATA, (_SHAPE,)),
    OperatorSchema(
        "Flatten",
        "movement",
        "A matrix: the axes before ``axis`` are joined to rows, the others to columns.",
        _DATA,
        (Attribute("axis", Kind.WHOLE, "the first axis of the columns", default=1),),
    ),
    OperatorSchema("Squeeze", "movement", "Axes of extent 1 are removed.", _DATA, (_AXES,)),
    OperatorSchema("Unsqueeze", "movement", "Axes of extent 1 are added.", _DATA, (_AXES,)),
    OperatorSchema(
        "Transpose",
        "movement",
        "The axes in another order.",
        _DATA,
        (Attribute("perm", Kind.WHOLES, "per axis of the result, its axis before", required=True),),
    ),
    OperatorSchema("Expand", "movement", "Axes of extent 1 are repeated.", _DATA, (_SHAPE,)),
    OperatorSchema(
        "Concat",
        "movement",
        "Tensors joined along an axis.",
        (Operand("parts", "tensors and weights", many=True),),
        (
            Attribute("axis", Kind.WHOLE, "the axis along which they are joined", required=True),
            Attribute(
                "parameters_at",
                Kind.WHOLES,
                "positions of the weights among all parts",
                absent="no weights",
            ),
        ),
    ),
    OperatorSchema(
        "Slice",
        "movement",
        "Elements start, start + step, ... before end, along some axes.",
        _DATA,
        (
            _AXES,
            Attribute("starts", Kind.WHOLES, "first element, an entry per axis", required=True),
            Attribute(
                "ends",
                Kind.WHOLES,
                "the element after the last; below -extent: everything down to the first",
                required=True,
            ),
            Attribute("steps", Kind.WHOLES, "distances", absent="1 along every axis"),
        ),
    ),
    OperatorSchema(
        "Split",
        "movement",
        "Pieces along an axis, one output per piece.",
        _DATA,
        (
            Attribute("axis", Kind.WHOLE, "the axis that is split", required=True),
            Attribute("split", Kind.WHOLES, "extents of the pieces", required=True),
        ),
    ),
    OperatorSchema(
        "Gather",
        "movement",
        "Elements by their indices along an axis.",
        (*_DATA, Operand("indices", "computed indices", optional=True)),
        (
            Attribute("axis", Kind.WHOLE, "the axis of the indices", default=0),
            Attribute("index", Kind.WHOLE, "one index, whose axis is removed", absent="several"),
            Attribute("indices", Kind.WHOLES, "constant indices", absent="one or computed ones"),
            Attribute(
                "indices_shape", Kind.WHOLES, "shape of a table of indices", absent="one axis"
            ),
        ),
    ),
    OperatorSchema(
        "Pad",
        "movement",
        "Elements added at the edges; negative pads crop.",
        _DATA,
        (
            Attribute("pads", Kind.WHOLES, "all beginnings, then all ends", required=True),
            Attribute("axes", Kind.WHOLES, "the axes that are padded", absent="all"),
            Attribute(
                "mode",
                Kind.TEXT,
                "what is added: a constant, the mirrored inside without (``reflect``) or with the "
                "edge (``symmetric``), the edge again, the other end (``wrap``)",
                "constant",
                choices=(
                    *("circular", "constant", "edge", "reflect", "replicate", "symmetric", "wrap"),
                ),
            ),
            Attribute("value", Kind.NUMBER, "the constant", default=0.0),
        ),
    ),
)

_OVER = (
    Attribute("axes", Kind.WHOLES, "the axes that are reduced", absent="all"),
    Attribute("keepdims", Kind.FLAG, "reduced axes stay with extent 1", default=False),
)
_REDUCTIONS = tuple(
    OperatorSchema(name, "reduction", summary, _DATA, _OVER)
    for name, summary in (
        ("ReduceL1", "The sum of absolute values over axes."),
        ("ReduceL2", "The square root of the sum of squares over axes."),
        ("ReduceMax", "The maximum over axes."),
        ("ReduceMean", "The mean over axes."),
        ("ReduceMin", "The minimum over axes."),
        ("ReduceProd", "The product over axes."),
        ("ReduceSum", "The sum over axes."),
        ("ReduceSumSquare", "The sum of squares over axes."),
    )
)

_RESIZE = (
    Attribute(
        "mode",
        Kind.TEXT,
        "how values between elements are interpolated",
        "nearest",
        choices=("nearest", "linear", "cubic"),
    ),
    Attribute(
        "sizes", Kind.WHOLES, "extents of the last axes of the result", absent="``scales`` say them"
    ),
    Attribute("scales", Kind.NUMBERS, "factors of all axes", absent="``sizes`` say them"),
    Attribute(
        "half_pixel_centers",
        Kind.FLAG,
        "TensorFlow's rule of coordinates: elements have their centres in the middle",
        absent="``coordinate_transformation_mode`` says it",
    ),
    Attribute(
        "align_corners", Kind.FLAG, "TensorFlow's rule that corners fall on corners", default=False
    ),
    Attribute(
        "coordinate_transformation_mode",
        Kind.TEXT,
        "ONNX's rule of coordinates",
        absent="``asymmetric``, or TensorFlow's attributes say it",
    ),
    Attribute(
        "nearest_mode",
        Kind.TEXT,
        "how ``nearest`` rounds",
        absent="``floor`` without ``coordinate_transformation_mode``, else ``round_prefer_floor``",
    ),
    Attribute("cubic_coeff_a", Kind.NUMBER, "coefficient of ``cubic``", default=-0.75),
    Attribute(
        "exclude_outside", Kind.FLAG, "elements beyond the edges weigh nothing", default=False
    ),
    Attribute("extrapolation_value", Kind.NUMBER, "what stands beyond the edges", default=0.0),
    Attribute("antialias", Kind.FLAG, "a wider filter where the image shrinks", default=False),
    Attribute("keep_aspect_ratio_policy", Kind.TEXT, "whether sizes keep proportions", "stretch"),
    Attribute("axes", Kind.WHOLES, "the axes that sizes or scales are of", absent="all"),
    Attribute("roi", Kind.NUMBERS, "the region for ``tf_crop_and_resize``", absent="all"),
)
_RESAMPLING = tuple(
    OperatorSchema(name, "resampling", summary, _DATA, _RESIZE)
    for name, summary in (
        ("Resize", "The image at another resolution."),
        ("Upsample", "``Resize`` as ONNX had it until opset 9."),
    )
)

_STORED = (
    Attribute("scale", Kind.NUMBER, "real number per step", absent="one per channel"),
    Attribute("zero_point", Kind.NUMBER, "integer that stands for 0", absent="one per channel"),
    Attribute("axis", Kind.WHOLE, "the axis of the channels", absent="one scale for all"),
)
_QUANTISATION = (
    OperatorSchema(
        "QuantizeLinear",
        "quantisation",
        "Real numbers as integers: round(x / scale) + zero_point, within the type's bounds.",
        (*_DATA, Operand("scale", "computed scales", optional=True)),
        _STORED,
    ),
    OperatorSchema(
        "DequantizeLinear",
        "quantisation",
        "Integers as real numbers: (x - zero_point) * scale.",
        (*_DATA, Operand("scale", "computed scales", optional=True)),
        _STORED,
    ),
)

SCHEMAS = (*_MOVEMENTS, *_REDUCTIONS, *_RESAMPLING, *_QUANTISATION)
