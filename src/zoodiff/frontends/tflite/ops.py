"""What each TFLite operator becomes in the canonical graph.

One handler a kind, in the table ``_HANDLERS``. A handler that meets a setting it cannot express
exactly says so, and the operator is kept as an opaque node ``tflite::NAME`` with its weights and
plain settings, as is every operator that has no handler. Semantics: the reference kernels of
TFLite (tensorflow/lite/kernels/internal/reference).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.builder import LinearOrder
from zoodiff.frontends.operations import Arithmetic, Cut, Extents, Operation
from zoodiff.frontends.tflite.builder import Builder, Value, channels_first
from zoodiff.frontends.tflite.reader import FileOperator
from zoodiff.frontends.tflite.windows import average_pool, conv, max_pool, quantized

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
    unknown = operations.opaque(name, plain)
    builder.node(unknown, operator, values=_computed(builder, operator), parameters=weights)


def _computed(builder: Builder, operator: FileOperator) -> list[Value]:
    found = [builder.value(i) for i in operator.inputs if i >= 0]
    return [value for value in found if value is not None]


def _integers(builder: Builder, index: int) -> list[int] | None:
    """The values of a small constant of integers."""
    values = None if index < 0 else builder.tensor(index).values
    return None if values is None else [int(v) for v in values.reshape(-1)]


def _held_first(values: Sequence[Value]) -> bool:
    """Whether all are images that are there channels first."""
    return all(len(v.shape) == 4 and v.first is not None for v in values)


def _plain(operation: Operation) -> Handler:
    def handler(builder: Builder, operator: FileOperator) -> bool:
        value = builder.value(operator.inputs[0])
        if value is None:
            return False
        builder.node(operation, operator, values=[value], image=_held_first([value]))
        return True

    return handler


def _unary(op: str) -> Handler:
    return _plain(operations.unary(op))


def _identity(builder: Builder, operator: FileOperator) -> bool:
    """QUANTIZE and DEQUANTIZE: the same real numbers, up to rounding."""
    value = builder.value(operator.inputs[0])
    if value is None:
        return False
    builder.bind(operator.outputs[0], last=value.last, first=value.first)
    return True


def _leaky_relu(builder: Builder, operator: FileOperator) -> bool:
    leaky = operations.leaky_relu(_number(operator.options["Alpha"]))
    return _plain(leaky)(builder, operator)


def _gelu(builder: Builder, operator: FileOperator) -> bool:
    gelu = operations.gelu(tanh=bool(operator.options.get("Approximate")))
    return _plain(gelu)(builder, operator)


def _number(value: float) -> float:
    """The shortest decimal of a float32: 0.1 and not 0.10000000149."""
    import numpy as np

    return float(str(np.float32(value)))


def _softmax(*, log: bool) -> Handler:
    def handler(builder: Builder, operator: FileOperator) -> bool:
        value = builder.value(operator.inputs[0])
        if value is None or operator.options.get("Beta", 1.0) not in {1.0, 0.0}:
            return False
        chances = operations.softmax(len(value.shape) - 1, log=log)
        builder.node(chances, operator, values=[value])
        return True

    return handler


def _arithmetic(op: Arithmetic) -> Handler:
    """Operators of two operands, of which one may be a constant."""

    def handler(builder: Builder, operator: FileOperator) -> bool:
        values = _computed(builder, operator)
        image = _held_first(values)
        if len(values) == 2:
            builder.node(operations.arithmetic(op), operator, values=values, image=image)
            return True
        at = 0 if builder.value(operator.inputs[0]) is None else 1
        other, output = operator.inputs[at], builder.tensor(operator.outputs[0]).shape
        shape, first = builder.tensor(other).shape, at == 0
        size = prod(shape)
        if size == 1:
            real = builder.tensor(other).real
            if real is None:
                return False
            number = _number(real.reshape(-1)[0])
            scaled = operations.arithmetic(op, value=number, constant_first=first)
            builder.node(scaled, operator, values=values, image=image)
            return True
        axis: int | None = None
        if size == shape[-1] == output[-1]:
            axis = 1 if image else len(output) - 1
        elif image:
            image = False  # the constant lies in the file's order
        builder.node(
            operations.arithmetic(op, axis=axis, constant_first=first),
            operator,
            values=values,
            parameters=[builder.parameter(other)],
            image=image,
        )
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
        operations.prelu(axis=1 if image else len(value.shape) - 1),
        operator,
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
            operations.reshape(rows),
            f"{builder.tensor(operator.outputs[0]).name}/rows",
            [builder.last(value)],
            rows,
            value.tensor.dtype,
        )
        value = Value(value.tensor, last=flat)
    builder.node(
        operations.linear(shape[1], shape[0], bias=bias >= 0),
        operator,
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
        order: LinearOrder = "OI" if flags[1] else "IO"
        builder.node(
            operations.linear(inner, columns, bias=False),
            operator,
            matrices=order,
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
        operations.matmul(
            Extents(prod(output[:-2]), rows, inner, columns),
            first_transposed=flags[0],
            second_transposed=flags[1],
        ),
        operator,
        values=[left, right],
        quantized=left.quantized,
    )
    return True


def _reduce(op: str, whole: Operation | None) -> Handler:
    """Reductions; over height and width of an image they are global pooling."""

    def handler(builder: Builder, operator: FileOperator) -> bool:
        value, axes = builder.value(operator.inputs[0]), _integers(builder, operator.inputs[1])
        if value is None or axes is None:
            return False
        rank = len(value.shape)
        own = sorted({axis % rank for axis in axes})
        keep = bool(operator.options.get("KeepDims"))
        if whole is None or own != [1, 2] or not _held_first([value]):
            builder.node(operations.reduced(op, own, keepdims=keep), operator, values=[value])
            return True
        if keep:
            builder.node(whole, operator, values=[value], image=True)
            return True
        output = builder.tensor(operator.outputs[0])
        batch, channels = value.shape[0], value.shape[3]
        pooled = builder.step(
            whole,
            f"{output.name}/pool",
            [builder.first(value)],
            (batch, channels, 1, 1),
            output.dtype,
        )
        flat = builder.step(
            operations.flatten(), output.name, [pooled], (batch, channels), output.dtype
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
        builder.node(operations.flatten(), operator, values=[value])
    else:
        builder.node(operations.reshape(target), operator, values=[value])
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
        builder.node(operations.transpose(perm), operator, values=[value])
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
    builder.node(
        operations.concat(axis, [operator.inputs.index(i) for i in fixed]),
        operator,
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
    pieces = operations.split(_axis(own, len(value.shape), image), sizes)
    builder.node(pieces, operator, values=[value], image=image)
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
    padded = operations.pad(pads, axes, mode=mode, value=filler if mode == "constant" else None)
    builder.node(padded, operator, values=[value], image=image)
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
    part = operations.sliced(Cut(*row) for row in rows)
    builder.node(part, operator, values=[value], image=image)
    return True


def _resize(mode: str) -> Handler:
    def handler(builder: Builder, operator: FileOperator) -> bool:
        value = builder.value(operator.inputs[0])
        if value is None or len(value.shape) != 4:
            return False
        builder.node(
            operations.resized(
                mode,
                builder.tensor(operator.outputs[0]).shape[1:3],
                align_corners=bool(operator.options.get("AlignCorners")),
                half_pixel_centers=bool(operator.options.get("HalfPixelCenters")),
            ),
            operator,
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
        operations.local_response_norm(
            size,
            alpha=_number(options["Alpha"]) * size,
            beta=_number(options["Beta"]),
            bias=_number(options["Bias"]),
        ),
        operator,
        values=[value],
        image=True,
    )
    return True


def _rsqrt(builder: Builder, operator: FileOperator) -> bool:
    """One over the square root."""
    return _in_two(builder, operator, operations.unary("Sqrt"), operations.unary("Reciprocal"))


def _square(builder: Builder, operator: FileOperator) -> bool:
    """A number times itself."""
    value = builder.value(operator.inputs[0])
    if value is None:
        return False
    builder.node(
        operations.arithmetic("Mul"), operator, values=[value, value], image=_held_first([value])
    )
    return True


def _squared_difference(builder: Builder, operator: FileOperator) -> bool:
    """(a - b) times itself."""
    if len(_computed(builder, operator)) != 2:
        return False
    return _in_two(builder, operator, operations.arithmetic("Sub"), operations.arithmetic("Mul"))


def _in_two(builder: Builder, operator: FileOperator, first: Operation, second: Operation) -> bool:
    values = _computed(builder, operator)
    image, output = _held_first(values), builder.tensor(operator.outputs[0])
    shape = channels_first(output.shape) if image else output.shape
    names = [builder.first(v) if image else builder.last(v) for v in values]
    between = builder.step(first, f"{output.name}/{first.op.lower()}", names, shape, output.dtype)
    value = Value(output, first=between) if image else Value(output, last=between)
    operands = [value] * (2 if second.op == "Mul" else 1)
    builder.node(second, operator, values=operands, image=image)
    return True


def _cast(builder: Builder, operator: FileOperator) -> bool:
    kind = builder.tensor(operator.outputs[0]).dtype
    return _plain(operations.cast(kind))(builder, operator)


_HANDLERS: dict[str, Handler] = {
    "ABS": _unary("Abs"),
    "ADD": _arithmetic("Add"),
    "AVERAGE_POOL_2D": average_pool,
    "BATCH_MATMUL": _batch_matmul,
    "CAST": _cast,
    "CONCATENATION": _concat,
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": conv,
    "DEQUANTIZE": _identity,
    "DIV": _arithmetic("Div"),
    "ELU": _plain(operations.elu()),
    "EXP": _unary("Exp"),
    "EXPAND_DIMS": _reshape,
    "FULLY_CONNECTED": _linear,
    "GELU": _gelu,
    "HARD_SWISH": _plain(operations.HARD_SWISH),
    "LEAKY_RELU": _leaky_relu,
    "LOCAL_RESPONSE_NORMALIZATION": _lrn,
    "LOG": _unary("Log"),
    "LOGISTIC": _unary("Sigmoid"),
    "LOG_SOFTMAX": _softmax(log=True),
    "MAXIMUM": _arithmetic("Max"),
    "MAX_POOL_2D": max_pool,
    "MEAN": _reduce("ReduceMean", operations.GLOBAL_AVERAGE_POOL),
    "MINIMUM": _arithmetic("Min"),
    "MIRROR_PAD": _pad,
    "MUL": _arithmetic("Mul"),
    "NEG": _unary("Neg"),
    "PAD": _pad,
    "PADV2": _pad,
    "POW": _arithmetic("Pow"),
    "PRELU": _prelu,
    "QUANTIZE": _identity,
    "REDUCE_MAX": _reduce("ReduceMax", operations.GLOBAL_MAX_POOL),
    "RELU": _unary("Relu"),
    "RELU6": _plain(operations.RELU6),
    "RELU_0_TO_1": _plain(operations.clip(0.0, 1.0)),
    "RELU_N1_TO_1": _plain(operations.clip(-1.0, 1.0)),
    "RESHAPE": _reshape,
    "RSQRT": _rsqrt,
    "SQUARE": _square,
    "SQUARED_DIFFERENCE": _squared_difference,
    "RESIZE_BILINEAR": _resize("linear"),
    "RESIZE_NEAREST_NEIGHBOR": _resize("nearest"),
    "SLICE": _slice,
    "SOFTMAX": _softmax(log=False),
    "SPLIT": _split,
    "SPLIT_V": _split,
    "SQRT": _unary("Sqrt"),
    "SQUEEZE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "SUB": _arithmetic("Sub"),
    "SUM": _reduce("ReduceSum", None),
    "TANH": _unary("Tanh"),
    "TRANSPOSE": _transpose,
}
"""Name of an operator in the schema -> its handler; anything else is opaque."""
