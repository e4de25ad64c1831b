"""What each TFLite operator becomes in the canonical graph.

One handler a kind, in the table ``_HANDLERS``. A handler that meets a setting it cannot express
exactly says so, and the operator is kept as an opaque node ``tflite::NAME`` with its weights and
plain settings, as is every operator that has no handler. Semantics: the reference kernels of
TFLite (tensorflow/lite/kernels/internal/reference).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from zoodiff.frontends.tflite_builder import Builder, Value, channels_first
from zoodiff.frontends.tflite_reader import FileOperator
from zoodiff.frontends.tflite_windows import conv, pool, quantized
from zoodiff.graph.ir import AttributeValue

Handler = Callable[[Builder, FileOperator], bool]

CONTROL_FLOW = frozenset({"CALL_ONCE", "IF", "STABLEHLO_WHILE", "WHILE"})


def translate(builder: Builder, operator: FileOperator) -> None:
    """Add the nodes of one operator, if it computes anything from the network's input."""
    if not any(builder.value(i) is not None for i in operator.inputs if i >= 0):
        builder.fix(operator)
        return
    if operator.name in {"SHAPE", "RANK"}:
        builder.fix(operator)  # shapes are those of one inference
        return
    handler = _HANDLERS.get(operator.name)
    if handler is None or not handler(builder, operator):
        _opaque(builder, operator)


def _opaque(builder: Builder, operator: FileOperator) -> None:
    name = operator.name if "::" in operator.name else f"tflite::{operator.name}"
    weights = [
        builder.parameter(i)
        for i in operator.inputs
        if i >= 0 and builder.fixed(i) and builder.origin(i).dtype.startswith(("float", "int8"))
    ]
    plain = {k: v for k, v in operator.options.items() if k != "FusedActivationFunction"}
    builder.node(name, operator, plain, values=_computed(builder, operator), parameters=weights)


def _computed(builder: Builder, operator: FileOperator) -> list[Value]:
    found = [builder.value(i) for i in operator.inputs if i >= 0]
    return [value for value in found if value is not None]


def _integers(builder: Builder, index: int) -> list[int] | None:
    """The values of a small constant of integers."""
    if index < 0 or builder.tensor(index).values is None:
        return None
    return [int(v) for v in builder.tensor(index).values.reshape(-1)]


def _held_first(values: Sequence[Value]) -> bool:
    """Whether all are images that are there channels first."""
    return all(len(v.shape) == 4 and v.first is not None for v in values)


def _elementwise(op: str, attributes: dict[str, AttributeValue] | None = None) -> Handler:
    def handler(builder: Builder, operator: FileOperator) -> bool:
        value = builder.value(operator.inputs[0])
        if value is None:
            return False
        builder.node(op, operator, attributes, values=[value], image=_held_first([value]))
        return True

    return handler


def _identity(builder: Builder, operator: FileOperator) -> bool:
    """QUANTIZE and DEQUANTIZE: the same real numbers, up to rounding."""
    value = builder.value(operator.inputs[0])
    if value is None:
        return False
    builder.bind(operator.outputs[0], last=value.last, first=value.first)
    return True


def _leaky_relu(builder: Builder, operator: FileOperator) -> bool:
    return _elementwise("LeakyRelu", {"alpha": _number(operator.options["Alpha"])})(
        builder, operator
    )


def _gelu(builder: Builder, operator: FileOperator) -> bool:
    approximate = "tanh" if operator.options.get("Approximate") else "none"
    return _elementwise("Gelu", {"approximate": approximate})(builder, operator)


def _number(value: float) -> float:
    """The shortest decimal of a float32: 0.1 and not 0.10000000149."""
    import numpy as np

    return float(str(np.float32(value)))


def _softmax(op: str) -> Handler:
    def handler(builder: Builder, operator: FileOperator) -> bool:
        value = builder.value(operator.inputs[0])
        if value is None or operator.options.get("Beta", 1.0) not in {1.0, 0.0}:
            return False
        axis = len(value.shape) - 1
        builder.node(op, operator, {"axis": axis}, values=[value])
        return True

    return handler


def _arithmetic(op: str) -> Handler:
    """Operators of two operands, of which one may be a constant."""

    def handler(builder: Builder, operator: FileOperator) -> bool:
        values = _computed(builder, operator)
        image = _held_first(values)
        if len(values) == 2:
            builder.node(op, operator, values=values, image=image)
            return True
        at = 0 if builder.value(operator.inputs[0]) is None else 1
        other = operator.inputs[at]
        shape, rank = builder.tensor(other).shape, len(builder.tensor(operator.outputs[0]).shape)
        attributes: dict[str, AttributeValue] = {}
        if at == 0 and op in {"Sub", "Div", "Pow"}:
            attributes["constant_first"] = True
        size = prod(shape)
        if size == 1:
            real = builder.tensor(other).real
            if real is None:
                return False
            attributes["value"] = _number(real.reshape(-1)[0])
            builder.node(op, operator, attributes, values=values, image=image)
            return True
        if size == shape[-1] == builder.tensor(operator.outputs[0]).shape[-1]:
            attributes["axis"] = 1 if image else rank - 1
        elif image:
            image = False  # the constant lies in the file's order
        weight = builder.parameter(other)
        builder.node(op, operator, attributes, values=values, parameters=[weight], image=image)
        return True

    return handler


def _prelu(builder: Builder, operator: FileOperator) -> bool:
    value, slope = builder.value(operator.inputs[0]), operator.inputs[1]
    if value is None or not builder.fixed(slope):
        return False
    shape = builder.tensor(slope).shape
    if prod(shape) != shape[-1]:
        return False
    image = _held_first([value])
    builder.node(
        "PRelu",
        operator,
        {"axis": 1 if image else len(value.shape) - 1},
        values=[value],
        parameters=[builder.parameter(slope)],
        image=image,
    )
    return True


def _linear(builder: Builder, operator: FileOperator) -> bool:
    """FULLY_CONNECTED; weights are (out, in), and whatever comes in is taken as rows of ``in``."""
    value, kernel = builder.value(operator.inputs[0]), operator.inputs[1]
    shape = builder.tensor(kernel).shape
    bias = operator.inputs[2] if len(operator.inputs) > 2 else -1
    if value is None or not builder.fixed(kernel) or len(shape) != 2:
        return False
    if (bias >= 0 and not builder.fixed(bias)) or operator.options.get("WeightsFormat", 0):
        return False
    bias = -1 if bias >= 0 and builder.nothing(bias) else bias
    size = prod(value.shape)
    if size % shape[1]:
        raise ValueError(f"{size} elements do not make rows of {shape[1]}")
    if value.shape[-1] != shape[1] or (
        len(value.shape) > 2 and not operator.options.get("KeepNumDims")
    ):
        rows = (size // shape[1], shape[1])
        flat = builder.step(
            "Reshape",
            f"{builder.tensor(operator.outputs[0]).name}/rows",
            {"shape": list(rows)},
            [builder.last(value)],
            rows,
            value.tensor.dtype,
        )
        value = Value(value.tensor, last=flat)
    builder.node(
        "Gemm",
        operator,
        {"in_features": shape[1], "out_features": shape[0], "bias": bias >= 0},
        values=[value],
        parameters=[builder.parameter(i) for i in (kernel, bias) if i >= 0],
        quantized=quantized(builder, value, kernel),
    )
    return True


def _batch_matmul(builder: Builder, operator: FileOperator) -> bool:
    flags = [bool(operator.options.get(name)) for name in ("AdjX", "AdjY")]
    left, right = (builder.value(i) for i in operator.inputs[:2])
    if left is not None and right is None and not flags[0]:
        kernel = operator.inputs[1]
        shape = builder.tensor(kernel).shape
        if len(shape) != 2:
            return False
        inner, columns = shape[::-1] if flags[1] else shape
        turned = {} if flags[1] else {"weight_transposed": True}
        builder.node(
            "Gemm",
            operator,
            {"in_features": inner, "out_features": columns, "bias": False, **turned},
            values=[left],
            parameters=[builder.parameter(kernel)],
            quantized=quantized(builder, left, kernel),
        )
        return True
    if left is None or right is None:
        return False
    rows, inner = left.shape[-2:][::-1] if flags[0] else left.shape[-2:]
    columns = right.shape[-2] if flags[1] else right.shape[-1]
    output = builder.tensor(operator.outputs[0]).shape
    builder.node(
        "MatMul",
        operator,
        {
            "batch": prod(output[:-2]),
            "m": rows,
            "k": inner,
            "n": columns,
            "transposed": [int(flag) for flag in flags],
        },
        values=[left, right],
        quantized=left.quantized,
    )
    return True


def _reduce(op: str, whole: str | None) -> Handler:
    """Reductions; over height and width of an image they are global pooling."""

    def handler(builder: Builder, operator: FileOperator) -> bool:
        value, axes = builder.value(operator.inputs[0]), _integers(builder, operator.inputs[1])
        if value is None or axes is None:
            return False
        rank = len(value.shape)
        own = sorted({axis % rank for axis in axes})
        keep = bool(operator.options.get("KeepDims"))
        if whole is None or own != [1, 2] or not _held_first([value]):
            attributes: dict[str, AttributeValue] = {"axes": list(own), "keepdims": keep}
            builder.node(op, operator, attributes, values=[value])
            return True
        if keep:
            builder.node(whole, operator, values=[value], image=True)
            return True
        output = builder.tensor(operator.outputs[0])
        batch, channels = value.shape[0], value.shape[3]
        pooled = builder.step(
            whole,
            f"{output.name}/pool",
            {},
            [builder.first(value)],
            (batch, channels, 1, 1),
            output.dtype,
        )
        flat = builder.step(
            "Flatten", output.name, {"axis": 1}, [pooled], (batch, channels), output.dtype
        )
        builder.bind(output.index, last=flat)
        return True

    return handler


def _reshape(builder: Builder, operator: FileOperator) -> bool:
    """RESHAPE, SQUEEZE, EXPAND_DIMS: the shape of the result says it all."""
    value = builder.value(operator.inputs[0])
    if value is None:
        return False
    target = builder.tensor(operator.outputs[0]).shape
    if prod(target) != prod(value.shape):
        raise ValueError(f"{value.shape} cannot be reshaped to {target}")
    if target == value.shape:
        return _identity(builder, operator)
    if len(target) == 2 and target[0] == value.shape[0]:
        builder.node("Flatten", operator, {"axis": 1}, values=[value])
    else:
        builder.node("Reshape", operator, {"shape": list(target)}, values=[value])
    return True


def _transpose(builder: Builder, operator: FileOperator) -> bool:
    """A transposition from one order of channels to the other only says where the tensor is."""
    value, perm = builder.value(operator.inputs[0]), _integers(builder, operator.inputs[1])
    if value is None or perm is None:
        return False
    if sorted(perm) != list(range(len(value.shape))):
        raise ValueError(f"no permutation: {perm}")
    if perm == [0, 2, 3, 1] and value.last is not None:
        builder.bind(operator.outputs[0], first=value.last)
    elif perm == [0, 3, 1, 2] and value.first is not None:
        builder.bind(operator.outputs[0], last=value.first)
    else:
        builder.node("Transpose", operator, {"perm": perm}, values=[value])
    return True


def _axis(axis: int, rank: int, image: bool) -> int:
    """Where an axis of the file's order lies."""
    positive = axis % rank
    return (0, 2, 3, 1)[positive] if image else positive


def _concat(builder: Builder, operator: FileOperator) -> bool:
    values = _computed(builder, operator)
    fixed = [i for i in operator.inputs if builder.fixed(i)]
    image = _held_first(values) and not fixed
    rank = len(values[0].shape)
    axis = _axis(int(operator.options["Axis"]), rank, image)
    attributes: dict[str, AttributeValue] = {"axis": axis}
    if fixed:
        attributes["parameters_at"] = [operator.inputs.index(i) for i in fixed]
    builder.node(
        "Concat",
        operator,
        attributes,
        values=values,
        parameters=[builder.parameter(i) for i in fixed],
        image=image,
    )
    return True


def _split(builder: Builder, operator: FileOperator) -> bool:
    sized = operator.name == "SPLIT_V"
    value = builder.value(operator.inputs[0 if sized else 1])
    axes = _integers(builder, operator.inputs[2 if sized else 0])
    if value is None or not axes:
        return False
    image, own = _held_first([value]), axes[0] % len(value.shape)
    sizes = [builder.tensor(i).shape[own] for i in operator.outputs]
    attributes: dict[str, AttributeValue] = {
        "axis": _axis(own, len(value.shape), image),
        "split": sizes,
    }
    builder.node("Split", operator, attributes, values=[value], image=image)
    return True


def _pad(builder: Builder, operator: FileOperator) -> bool:
    """PAD, PADV2 and MIRROR_PAD; pads in ONNX's order over the axes that are padded."""
    value, amounts = builder.value(operator.inputs[0]), _integers(builder, operator.inputs[1])
    if value is None or amounts is None or len(amounts) != 2 * len(value.shape):
        return False
    image = _held_first([value])
    filler = 0.0
    if operator.name == "PADV2":
        real = builder.tensor(operator.inputs[2]).real
        if real is None:
            return False
        filler = float(real.reshape(-1)[0])
    by_axis = {
        _axis(axis, len(value.shape), image): amounts[2 * axis : 2 * axis + 2]
        for axis in range(len(value.shape))
    }
    axes = sorted(axis for axis, pair in by_axis.items() if any(pair))
    pads = [by_axis[axis][0] for axis in axes] + [by_axis[axis][1] for axis in axes]
    mode = "constant"
    if operator.name == "MIRROR_PAD":
        mode = "symmetric" if operator.options.get("Mode") else "reflect"
    attributes: dict[str, AttributeValue] = {"pads": pads, "axes": list(axes), "mode": mode}
    if mode == "constant":
        attributes["value"] = filler
    builder.node("Pad", operator, attributes, values=[value], image=image)
    return True


def _slice(builder: Builder, operator: FileOperator) -> bool:
    value = builder.value(operator.inputs[0])
    starts, sizes = (_integers(builder, i) for i in operator.inputs[1:3])
    if value is None or starts is None or sizes is None:
        return False
    ends = [
        extent if size < 0 else start + size
        for start, size, extent in zip(starts, sizes, value.shape, strict=True)
    ]
    return _cut(builder, operator, value, starts, ends, [1] * len(starts))


def _strided_slice(builder: Builder, operator: FileOperator) -> bool:
    value, options = builder.value(operator.inputs[0]), operator.options
    bounds = [_integers(builder, i) for i in operator.inputs[1:4]]
    special = ("EllipsisMask", "NewAxisMask", "ShrinkAxisMask", "Offset")
    if value is None or None in bounds or any(options.get(name) for name in special):
        return False
    begin, end, steps = (bound for bound in bounds if bound is not None)
    starts, ends = [], []
    for axis, step in enumerate(steps):
        bit = 1 << axis
        if step < 1:
            return False
        start = None if options.get("BeginMask", 0) & bit else begin[axis]
        stop = None if options.get("EndMask", 0) & bit else end[axis]
        first, last, _ = slice(start, stop, step).indices(value.shape[axis])
        starts.append(first)
        ends.append(last)
    return _cut(builder, operator, value, starts, ends, steps)


def _cut(
    builder: Builder,
    operator: FileOperator,
    value: Value,
    starts: Sequence[int],
    ends: Sequence[int],
    steps: Sequence[int],
) -> bool:
    image, rank = _held_first([value]), len(value.shape)
    rows = sorted(
        (_axis(axis, rank, image), start, end, step)
        for axis, (start, end, step) in enumerate(zip(starts, ends, steps, strict=True))
        if (start, end, step) != (0, value.shape[axis], 1)
    )
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    attributes = dict(zip(("axes", "starts", "ends", "steps"), columns, strict=True))
    builder.node("Slice", operator, attributes, values=[value], image=image)
    return True


def _resize(mode: str) -> Handler:
    def handler(builder: Builder, operator: FileOperator) -> bool:
        value = builder.value(operator.inputs[0])
        if value is None or len(value.shape) != 4:
            return False
        builder.node(
            "Resize",
            operator,
            {
                "mode": mode,
                "sizes": list(builder.tensor(operator.outputs[0]).shape[1:3]),
                "align_corners": bool(operator.options.get("AlignCorners")),
                "half_pixel_centers": bool(operator.options.get("HalfPixelCenters")),
            },
            values=[value],
            image=True,
        )
        return True

    return handler


def _lrn(builder: Builder, operator: FileOperator) -> bool:
    """ONNX divides alpha by the window's size, TFLite does not."""
    value, options = builder.value(operator.inputs[0]), operator.options
    if value is None or len(value.shape) != 4:
        return False
    size = 2 * int(options["Radius"]) + 1
    builder.node(
        "LRN",
        operator,
        {
            "size": size,
            "alpha": _number(options["Alpha"]) * size,
            "beta": _number(options["Beta"]),
            "bias": _number(options["Bias"]),
        },
        values=[value],
        image=True,
    )
    return True


def _rsqrt(builder: Builder, operator: FileOperator) -> bool:
    """One over the square root."""
    return _in_two(builder, operator, "Sqrt", "Reciprocal")


def _square(builder: Builder, operator: FileOperator) -> bool:
    """A number times itself."""
    value = builder.value(operator.inputs[0])
    if value is None:
        return False
    builder.node("Mul", operator, values=[value, value], image=_held_first([value]))
    return True


def _squared_difference(builder: Builder, operator: FileOperator) -> bool:
    """(a - b) times itself."""
    if len(_computed(builder, operator)) != 2:
        return False
    return _in_two(builder, operator, "Sub", "Mul")


def _in_two(builder: Builder, operator: FileOperator, first: str, second: str) -> bool:
    values = _computed(builder, operator)
    image, output = _held_first(values), builder.tensor(operator.outputs[0])
    shape = channels_first(output.shape) if image else output.shape
    names = [builder.first(v) if image else builder.last(v) for v in values]
    between = builder.step(first, f"{output.name}/{first.lower()}", {}, names, shape, output.dtype)
    value = Value(output, first=between) if image else Value(output, last=between)
    builder.node(second, operator, values=[value] * (2 if second == "Mul" else 1), image=image)
    return True


def _cast(builder: Builder, operator: FileOperator) -> bool:
    kind = builder.tensor(operator.outputs[0]).dtype
    return _elementwise("Cast", {"to": kind})(builder, operator)


_HANDLERS: dict[str, Handler] = {
    "ABS": _elementwise("Abs"),
    "ADD": _arithmetic("Add"),
    "AVERAGE_POOL_2D": pool("AveragePool", {"ceil_mode": False, "count_include_pad": False}),
    "BATCH_MATMUL": _batch_matmul,
    "CAST": _cast,
    "CONCATENATION": _concat,
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": conv,
    "DEQUANTIZE": _identity,
    "DIV": _arithmetic("Div"),
    "ELU": _elementwise("Elu", {"alpha": 1.0}),
    "EXP": _elementwise("Exp"),
    "EXPAND_DIMS": _reshape,
    "FULLY_CONNECTED": _linear,
    "GELU": _gelu,
    "HARD_SWISH": _elementwise("HardSwish"),
    "LEAKY_RELU": _leaky_relu,
    "LOCAL_RESPONSE_NORMALIZATION": _lrn,
    "LOG": _elementwise("Log"),
    "LOGISTIC": _elementwise("Sigmoid"),
    "LOG_SOFTMAX": _softmax("LogSoftmax"),
    "MAXIMUM": _arithmetic("Max"),
    "MAX_POOL_2D": pool("MaxPool", {"ceil_mode": False}),
    "MEAN": _reduce("ReduceMean", "GlobalAveragePool"),
    "MINIMUM": _arithmetic("Min"),
    "MIRROR_PAD": _pad,
    "MUL": _arithmetic("Mul"),
    "NEG": _elementwise("Neg"),
    "PAD": _pad,
    "PADV2": _pad,
    "POW": _arithmetic("Pow"),
    "PRELU": _prelu,
    "QUANTIZE": _identity,
    "REDUCE_MAX": _reduce("ReduceMax", "GlobalMaxPool"),
    "RELU": _elementwise("Relu"),
    "RELU6": _elementwise("Clip", {"min": 0.0, "max": 6.0}),
    "RELU_0_TO_1": _elementwise("Clip", {"min": 0.0, "max": 1.0}),
    "RELU_N1_TO_1": _elementwise("Clip", {"min": -1.0, "max": 1.0}),
    "RESHAPE": _reshape,
    "RSQRT": _rsqrt,
    "SQUARE": _square,
    "SQUARED_DIFFERENCE": _squared_difference,
    "RESIZE_BILINEAR": _resize("linear"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("nearest"),
    "SLICE": _slice,
    "SOFTMAX": _softmax("Softmax"),
    "SPLIT": _split,
    "SPLIT_V": _split,
    "SQRT": _elementwise("Sqrt"),
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _arithmetic("Sub"),
    "SUM": _reduce("ReduceSum", None),
    "TANH": _elementwise("Tanh"),
    "TRANSPOSE": _transpose,
}
"""Name of an operator in the schema -> its handler; anything else is opaque."""
