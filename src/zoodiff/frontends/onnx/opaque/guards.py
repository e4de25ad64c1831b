"""Says which ONNX nodes a canonical operator can stand for.

A handler reads its node as networks have it: a tensor of real numbers, with constants for axes and
bounds, and the attributes that the handler knows. A node with anything else is kept as it is: a
computed operand where a constant is expected, whole numbers where a canonical operator has real
ones, an attribute that a newer opset added, an output that the canonical operator has not.
"""

from __future__ import annotations

from collections.abc import Mapping

from zoodiff.frontends.onnx.call import Call, Value, Weight
from zoodiff.frontends.onnx.opaque import nested
from zoodiff.graph.operators import COUNTED
from zoodiff.graph.values import REAL

MOVING = frozenset(
    {
        *("Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape"),
        *("Slice", "SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze"),
    }
)
"""Operators that move elements of any type."""
_WHOLE = MOVING | {"Add", "Cast", "Mul", "Sub"}
"""Operators that compute on whole numbers as on real ones, within their type."""
QUANTISING = frozenset({"DequantizeLinear", "DynamicQuantizeLinear", "QuantizeLinear"})
OF_INTEGERS = frozenset({"ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"})
"""Standard operators on integers that stand for real numbers."""
STANDING = MOVING | OF_INTEGERS | QUANTISING | {"MaxPool", "Relu", "Clip", "Max", "Min"}
"""Operators whose results stand for real numbers where their integers do."""
_KEYS = frozenset({"consumed_inputs"})

_RECURRENT = {"GRU": (0, 5), "LSTM": (0, 5, 6), "RNN": (0, 5)}
"""Recurrent layers, and where each may read computed tensors: data and initial states."""
_ANY = -1
"""In ``_COMPUTED``: every position."""
_COMPUTED: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("Add", "Div", "Einsum", "MatMul", "Mul", "Pow", "Sub"), (0, 1)),
    **dict.fromkeys(("Concat", "Max", "Mean", "Min", "Sum"), (_ANY,)),
    **dict.fromkeys(("Conv", "ConvTranspose", "Gemm", "Where"), (0, 1, 2)),
    **dict.fromkeys(("Expand", "Gather", "MatMulInteger", "Reshape"), (0, 1)),
    **_RECURRENT,
    "BatchNormalization": (0, 1, 2, 3, 4),
    "ConvInteger": (0, 1),
    "GroupNormalization": (0, 1, 2),
    "InstanceNormalization": (0, 1, 2),
    "LayerNormalization": (0, 1, 2),
    "QLinearConv": (0, 3),
    "QLinearMatMul": (0, 3),
}
"""The positions at which an operator may read computed tensors, if not the first alone."""
_WEIGHTS_FIRST = frozenset(
    {"Add", "Concat", "Div", "Expand", "Gather", "MatMul", "Max", "Min", "Mul", "Pow", "Sub", "Sum"}
) | {"Where", "Gemm", "Einsum"}
"""Operators that may read a weight before computed tensors."""
_WINDOW = ("auto_pad", "dilations", "kernel_shape", "pads", "strides")
_OLD = ("axis", "broadcast")
_UNDERSTOOD: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Add", "Div", "Mul", "Pow", "Sub"), _OLD),
    **dict.fromkeys(("Conv", "ConvInteger", "QLinearConv"), (*_WINDOW, "group")),
    **dict.fromkeys(("Concat", "Flatten", "Gather", "LogSoftmax", "Softmax"), ("axis",)),
    **dict.fromkeys(("Squeeze", "Unsqueeze"), ("axes",)),
    **dict.fromkeys(
        _RECURRENT,
        ("activations", "direction", "hidden_size", "layout", "linear_before_reset"),
    ),
    **dict.fromkeys(("Upsample",), ("height_scale", "mode", "scales", "width_scale")),
    "AveragePool": (*_WINDOW, "ceil_mode", "count_include_pad"),
    "BatchNormalization": ("epsilon", "is_test", "momentum", "spatial", "training_mode"),
    "Cast": ("round_mode", "saturate", "to"),
    "Celu": ("alpha",),
    "Clip": ("max", "min"),
    "ConvTranspose": (*_WINDOW, "group", "output_padding", "output_shape"),
    "DepthToSpace": ("blocksize", "mode"),
    "DequantizeLinear": ("axis", "block_size", "output_dtype"),
    "Dropout": ("is_test", "ratio", "seed"),
    "Einsum": ("equation",),
    "Elu": ("alpha",),
    "Gelu": ("approximate",),
    "Gemm": ("alpha", "beta", "broadcast", "transA", "transB"),
    "GroupNormalization": ("epsilon", "num_groups", "stash_type"),
    "HardSigmoid": ("alpha", "beta"),
    "InstanceNormalization": ("epsilon",),
    "LRN": ("alpha", "beta", "bias", "size"),
    "LayerNormalization": ("axis", "epsilon", "stash_type"),
    "LeakyRelu": ("alpha",),
    "MaxPool": (*_WINDOW, "ceil_mode", "storage_order"),
    "Pad": ("mode", "paddings", "pads", "value"),
    "QuantizeLinear": ("axis", "block_size", "output_dtype", "precision", "saturate"),
    "RMSNormalization": ("axis", "epsilon", "stash_type"),
    "Reshape": ("allowzero", "shape"),
    "Resize": (
        *("antialias", "axes", "coordinate_transformation_mode", "cubic_coeff_a"),
        *("exclude_outside", "extrapolation_value", "keep_aspect_ratio_policy", "mode"),
        *("nearest_mode", "scales"),
    ),
    "Selu": ("alpha", "gamma"),
    "Slice": ("axes", "ends", "starts"),
    "SpaceToDepth": ("blocksize", "mode"),
    "Split": ("axis", "num_outputs", "split"),
    "Swish": ("alpha",),
    "Transpose": ("perm",),
}
"""The attributes that handlers know; reductions have ``_REDUCING``, other operators none."""
_REDUCING = ("axes", "keepdims", "noop_with_empty_axes")
_OF_SCALES = 21
"""The opset since which a group norm has a scale per channel, not per group."""


def obstacle(call: Call) -> str:
    """Return why no canonical operator can stand for a node; empty where one may."""
    if call.domain != "ai.onnx":
        return ""
    if call.more or call.around:
        return "it has tensors or graphs as attributes"
    for reason in (_types(call), _positions(call), _attributes(call), _shapes(call)):
        if reason:
            return reason
    if call.op == "GroupNormalization" and call.opset < _OF_SCALES:
        return "it has a scale per group"
    pieces = call.op in {"Split", *_RECURRENT} or (
        call.op == "BatchNormalization" and "training_mode" in call.attributes
    )
    if call.results.rstrip("-u") != "x" and not pieces:
        return "another output than the first is read"
    return ""


def _types(call: Call) -> str:
    """Return which operand is of a type that the canonical operator does not compute in."""
    if call.exact and call.op in QUANTISING | OF_INTEGERS:
        return "its integers stand for no real numbers"
    for position, (value, kind) in enumerate(zip(call.inputs, call.kinds, strict=True)):
        if value is None or kind in REAL or kind == "":
            continue
        if kind.startswith(("seq", "optional")):
            return "it reads a sequence"
        if isinstance(value, Weight) or (call.op == "Gather" and position == 1):
            continue
        if call.op in {"Expand", "Reshape", "Where"} and position == (call.op != "Where"):
            continue
        if call.op == "Cast" and _plain_number(kind) and _plain_number(_cast_to(call)):
            continue
        if call.op in MOVING or not call.exact:
            continue
        if call.op in _WHOLE and call.op != "Cast" and _plain_number(kind):
            continue
        return f"it computes on {kind}"
    if call.op == "Cast" and not _plain_number(_cast_to(call)):
        return f"it casts to {_cast_to(call)}"
    return ""


def _cast_to(call: Call) -> str:
    from zoodiff.frontends.onnx.constants import dtype, type_code

    return dtype(type_code(call.attributes["to"]))


def _plain_number(kind: str) -> bool:
    """Whether a type is one of numpy's numbers or truth values."""
    whole = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    return kind in REAL or kind in whole or kind == "bool"


def _positions(call: Call) -> str:
    """Return which operand is computed where a handler reads a constant, or the reverse."""
    if call.op == "Dropout":
        return ""  # its handler looks at each operand
    allowed = _COMPUTED.get(call.op, (0,))
    for position, value in enumerate(call.inputs):
        if isinstance(value, Value) and position not in allowed and _ANY not in allowed:
            return f"its operand {position} is computed"
    if call.op == "Concat" and any(isinstance(v, Weight) and v.of_shape for v in call.inputs):
        return "it joins a constant that is no weight"
    first = call.inputs[0] if call.inputs else None
    if not isinstance(first, Value) and call.op not in _WEIGHTS_FIRST:
        return "its data is a constant"
    turned = any(isinstance(v, Weight) and not _in_order(v) for v in call.inputs)
    matrix = call.op == "MatMul" and isinstance(first, Value) and len(call.inputs) == 2
    second = call.weight(1)
    laid_out = call.op in COUNTED - {"MatMul"} or (
        matrix and second is not None and len(second.shape) == 2
    )
    return "a weight is stored in another order" if turned and not laid_out else ""


def _in_order(weight: Weight) -> bool:
    """Whether the elements of a weight lie as they are stored."""
    if weight.stored is None or (weight.array is not None and weight.array.size == 1):
        return True
    if weight.axes is None:
        return False
    places = [axis for axis in weight.axes if axis >= 0]
    return places == sorted(places)


def _attributes(call: Call) -> str:
    """Return which attribute is unknown to the handler of an operator."""
    known = _REDUCING if call.op.startswith("Reduce") else _UNDERSTOOD.get(call.op, ())
    usual = nested.defaults("", call.op, call.opset)
    for name, value in call.attributes.items():
        if name not in known and name not in _KEYS and usual.get(name) != value:
            return f"its attribute {name:.40} is not understood"
    if call.attributes.get("block_size") or call.attributes.get("output_dtype"):
        return "it quantises blocks"
    return ""


def _shapes(call: Call) -> str:
    """Return which shape has a meaning of its own: no elements, or an ambiguous broadcast."""
    shapes = [value.shape for value in call.inputs if value is not None]
    computed = [value.shape for value in call.inputs if isinstance(value, Value)]
    if any(0 in shape for shape in (*computed, *call.outputs)):
        return "a tensor has no elements"
    if call.op in {"Add", "Div", "Max", "Min", "Mul", "Pow", "Sub", "Sum"}:
        ranks = {len(shape) for shape in computed}
        vectors = [shape for shape in shapes if len(shape) == 2]
        images = [shape for shape in shapes if len(shape) == 4]
        if len(ranks) > 1 and any(v[1] == i[1] for v in vectors for i in images):
            return "a matrix is broadcast to an image"
    return ""
