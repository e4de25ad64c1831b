"""Converts each TFLite operator to canonical nodes.

The table ``_HANDLERS`` has one handler per operator. A handler returns False for a setting that it
cannot express exactly. Such an operator, and any operator without a handler, becomes an opaque node
``tflite::NAME`` with its weights and plain settings. Semantics: the reference kernels of TFLite
(tensorflow/lite/kernels/internal/reference).
"""

from __future__ import annotations

from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.builder import LinearOrder
from zoodiff.frontends.operations import Arithmetic, Extents, Operation
from zoodiff.frontends.tflite import recurrent, reshaping
from zoodiff.frontends.tflite.builder import WITH_CELLS, Builder, Value, channels_first
from zoodiff.frontends.tflite.operands import Handler, all_channels_first, computed
from zoodiff.frontends.tflite.reader import FileOperator
from zoodiff.frontends.tflite.windows import average_pool, conv, max_pool, quantized

CONTROL_FLOW = frozenset({"CALL_ONCE", "IF", "STABLEHLO_WHILE", "WHILE"})


def translate(builder: Builder, operator: FileOperator) -> None:
    """Add the nodes of one operator, if it depends on the network's input."""
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
    plain = {
        name: value
        for name, value in operator.options.items()
        if name != "FusedActivationFunction" or operator.name in WITH_CELLS
    }
    unknown = operations.opaque(name, plain)
    builder.node(unknown, operator, values=computed(builder, operator), parameters=weights)


def _plain(operation: Operation) -> Handler:
    def handler(builder: Builder, operator: FileOperator) -> bool:
        value = builder.value(operator.inputs[0])
        if value is None:
            return False
        builder.node(operation, operator, values=[value], image=all_channels_first([value]))
        return True

    return handler


def _unary(op: str) -> Handler:
    return _plain(operations.unary(op))


def _leaky_relu(builder: Builder, operator: FileOperator) -> bool:
    leaky = operations.leaky_relu(_number(operator.options["Alpha"]))
    return _plain(leaky)(builder, operator)


def _gelu(builder: Builder, operator: FileOperator) -> bool:
    gelu = operations.gelu(tanh=bool(operator.options.get("Approximate")))
    return _plain(gelu)(builder, operator)


def _number(value: float) -> float:
    """Return the shortest decimal of a float32: 0.1 and not 0.10000000149."""
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
    """Return the handler of an operator on two operands, of which one may be a constant."""

    def handler(builder: Builder, operator: FileOperator) -> bool:
        values = computed(builder, operator)
        image = all_channels_first(values)
        if len(values) == 2:
            builder.node(operations.arithmetic(op), operator, values=values, image=image)
            return True
        at = 0 if builder.value(operator.inputs[0]) is None else 1
        constant, output = operator.inputs[at], builder.tensor(operator.outputs[0]).shape
        shape, first = builder.tensor(constant).shape, at == 0
        size = prod(shape)
        if size == 1:
            held = builder.origin(constant)  # half precision is stored and read as float32
            if held.real is None:
                return False
            number = held.real.reshape(-1)[0]
            number = float(number) if held.dtype == "float16" else _number(number)
            scaled = operations.arithmetic(op, value=number, constant_first=first)
            builder.node(scaled, operator, values=values, image=image)
            return True
        axis: int | None = None
        if size == shape[-1] == output[-1]:
            axis = 1 if image else len(output) - 1
        elif image:
            image = False  # the constant is in the file's order
        builder.node(
            operations.arithmetic(op, axis=axis, constant_first=first),
            operator,
            values=values,
            parameters=[builder.parameter(constant)],
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
    image = all_channels_first([value])
    builder.node(
        operations.prelu(axis=1 if image else len(value.shape) - 1),
        operator,
        values=[value],
        parameters=[builder.parameter(slope)],
        image=image,
    )
    return True


def _linear(builder: Builder, operator: FileOperator) -> bool:
    """Convert FULLY_CONNECTED; weights are (out, in), the data is reshaped to rows of ``in``."""
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


def _lrn(builder: Builder, operator: FileOperator) -> bool:
    """Convert LRN; ONNX divides alpha by the window's size, TFLite does not."""
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
    """Convert RSQRT to a square root and its reciprocal."""
    return _in_two(builder, operator, operations.unary("Sqrt"), operations.unary("Reciprocal"))


def _square(builder: Builder, operator: FileOperator) -> bool:
    """Convert SQUARE to a product of the data with itself."""
    value = builder.value(operator.inputs[0])
    if value is None:
        return False
    builder.node(
        operations.arithmetic("Mul"),
        operator,
        values=[value, value],
        image=all_channels_first([value]),
    )
    return True


def _squared_difference(builder: Builder, operator: FileOperator) -> bool:
    """Convert SQUARED_DIFFERENCE to a difference and its square."""
    if len(computed(builder, operator)) != 2:
        return False
    return _in_two(builder, operator, operations.arithmetic("Sub"), operations.arithmetic("Mul"))


def _in_two(builder: Builder, operator: FileOperator, first: Operation, second: Operation) -> bool:
    values = computed(builder, operator)
    image, output = all_channels_first(values), builder.tensor(operator.outputs[0])
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
    **recurrent.HANDLERS,
    **reshaping.HANDLERS,
    "ABS": _unary("Abs"),
    "ADD": _arithmetic("Add"),
    "AVERAGE_POOL_2D": average_pool,
    "BATCH_MATMUL": _batch_matmul,
    "CAST": _cast,
    "CONV_2D": conv,
    "DEPTHWISE_CONV_2D": conv,
    "DIV": _arithmetic("Div"),
    "ELU": _plain(operations.elu()),
    "EXP": _unary("Exp"),
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
    "MINIMUM": _arithmetic("Min"),
    "MUL": _arithmetic("Mul"),
    "NEG": _unary("Neg"),
    "POW": _arithmetic("Pow"),
    "PRELU": _prelu,
    "RELU": _unary("Relu"),
    "RELU6": _plain(operations.RELU6),
    "RELU_0_TO_1": _plain(operations.clip(0.0, 1.0)),
    "RELU_N1_TO_1": _plain(operations.clip(-1.0, 1.0)),
    "RSQRT": _rsqrt,
    "SQUARE": _square,
    "SQUARED_DIFFERENCE": _squared_difference,
    "SOFTMAX": _softmax(log=False),
    "SQRT": _unary("Sqrt"),
    "SUB": _arithmetic("Sub"),
    "TANH": _unary("Tanh"),
}
"""Name of an operator in the schema -> its handler; anything else is opaque."""
