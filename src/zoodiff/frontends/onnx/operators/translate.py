"""Converts each ONNX operator to canonical nodes, with defaults filled in.

Operators and defaults are those of https://github.com/onnx/onnx/blob/main/docs/Operators.md, older
forms those of its Changelog.md. Operators without a handler become opaque nodes (``kept``).
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any, Literal

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import (
    WEIGHTS,
    Call,
    Handler,
    Value,
    Weight,
)
from zoodiff.frontends.onnx.constants import dtype, type_code
from zoodiff.frontends.onnx.integers import in_real_numbers, with_result
from zoodiff.frontends.onnx.opaque import guards
from zoodiff.frontends.onnx.opaque.kept import add_opaque
from zoodiff.frontends.onnx.operators import masks, recurrent, reshaping
from zoodiff.frontends.onnx.operators.products import einsum, gemm, matmul
from zoodiff.frontends.onnx.operators.resizing import resize
from zoodiff.frontends.onnx.operators.windows import average_pool, conv, conv_transpose, max_pool
from zoodiff.frontends.onnx.shapes import STANDARD, operands
from zoodiff.frontends.operations import Arithmetic, Extremum, Operation
from zoodiff.graph.operators import of_family

Quantising = Literal["QuantizeLinear", "DequantizeLinear"]

IDENTITIES = frozenset({"Identity"})
"""Operators without effect at inference."""


def translate(call: Call) -> Any:
    """Add the canonical nodes of an ONNX node and return its output, or a list of outputs."""
    if guards.obstacle(call):
        return add_opaque(call, exact=True)
    call = in_real_numbers(call)
    result = with_result(call, _translated)
    return add_opaque(call) if result is None else result


def _translated(call: Call) -> Value | list[Value] | None:
    if call.quantized:
        real = [call.inputs[p] for p in operands(call.op, len(call.inputs))]
        call = replace(call, op=STANDARD[call.op][0], domain="ai.onnx", opset=13, inputs=real)
    if call.unranked and call.domain == "ai.onnx" and call.op in _BY_RANK:
        return add_opaque(call, plain=False)
    handler = _HANDLERS.get(call.op) if call.domain == "ai.onnx" else None
    return handler(call) if handler is not None else None


def _dropout(call: Call) -> Any:
    """Return the data itself, or a dropout that is active at inference.

    Until opset 6 an attribute, since opset 12 an input, which may be computed, makes it active.
    """
    ratio = call.number("ratio", 1)
    training: Weight | Value | bool | None = call.given(2)
    if call.opset < _DROPOUT_IN_TRAINING:
        training = call.opset < _DROPOUT_AT_INFERENCE and not call.attributes.get("is_test", 0)
    if isinstance(training, Weight):
        training = training.scalar is None or bool(training.scalar)
    if ratio == 0 or not training:
        return call.data
    if isinstance(training, Value) or call.unknown("ratio", 1):
        return None
    return call.node(operations.dropout(0.5 if ratio is None else ratio), inputs=[call.data])


_DROPOUT_AT_INFERENCE, _DROPOUT_IN_TRAINING = 7, 12
"""The opsets since which a dropout has no effect at inference, and since which an input may make it
active."""


def _computed_vectors(call: Call) -> bool:
    """Whether scale, shift or statistics of a norm are computed tensors."""
    return any(isinstance(value, Value) for value in call.inputs[1:])


def _batch_normalization(call: Call) -> Value | list[Value]:
    """Convert a batch norm of any opset; attributes say where it differs from the usual one."""
    if _computed_vectors(call):
        return add_opaque(call, plain=False)
    data, scale, shift, mean, variance = (call.given(i) for i in range(5))
    momentum = call.attributes.get("momentum")
    return call.node(
        operations.batch_norm(
            epsilon=call.attributes.get("epsilon", 1e-5),
            axis=1,
            momentum=None if momentum is None else float(momentum),
            # Until opset 8: statistics per element of the image.
            per_element=not call.attributes.get("spatial", 1),
            training=bool(call.attributes.get("training_mode", 0)),
        ),
        inputs=[data, scale, shift],
        frozen=[w for w in (mean, variance) if isinstance(w, Weight)],
    )


def _layer_normalization(call: Call) -> Value | list[Value]:
    if _computed_vectors(call):
        return add_opaque(call, plain=False)
    rank = len(call.data.shape)
    first = int(call.attributes.get("axis", -1)) % rank
    return call.node(
        operations.layer_norm(
            range(first, rank),
            epsilon=call.attributes.get("epsilon", 1e-5),
            scale=call.given(1) is not None,
            center=call.given(2) is not None,
        )
    )


def _rms_normalization(call: Call) -> Value:
    rank = len(call.data.shape)
    first = int(call.attributes.get("axis", -1)) % rank
    return call.node(
        operations.rms_norm(
            range(first, rank),
            epsilon=call.attributes.get("epsilon", 1e-5),
            scale=call.given(1) is not None,
        )
    )


def _group_normalization(call: Call) -> Value | list[Value]:
    if _computed_vectors(call):
        return add_opaque(call, plain=False)
    return call.node(
        operations.group_norm(
            call.attributes["num_groups"],
            epsilon=call.attributes.get("epsilon", 1e-5),
            scale=True,
            center=True,
        )
    )


def _instance_normalization(call: Call) -> Value | list[Value]:
    """An instance norm; one of ones and zeros on a reshaped map is part of a group norm."""
    scale, shift = call.weight(1), call.weight(2)
    if not (call.reshaped and _filled(scale, 1.0) and _filled(shift, 0.0)):
        return add_opaque(call, plain=not _computed_vectors(call))
    epsilon = call.attributes.get("epsilon", 1e-5)
    return call.node(operations.plain_instance_norm(epsilon=epsilon), inputs=[call.data])


def _filled(weight: Weight | None, value: float) -> bool:
    """Whether every element of a constant is this number."""
    return weight is not None and weight.array is not None and bool((weight.array == value).all())


def _lrn(call: Call) -> Value:
    return call.node(
        operations.local_response_norm(
            call.attributes["size"],
            alpha=call.attributes.get("alpha", 1e-4),
            beta=call.attributes.get("beta", 0.75),
            bias=call.attributes.get("bias", 1.0),
        )
    )


def _arithmetic(op: Arithmetic) -> Handler:
    def handle(call: Call) -> Value | list[Value] | None:
        if len(call.inputs) != 2:
            return None
        if op in {"Div", "Pow"} and call.integer:
            return add_opaque(call, plain=False)  # a division of integers truncates
        for position, constant in enumerate(call.inputs):
            if isinstance(constant, Weight):
                return _with_constant(call, op, constant, first=position == 0)
        old = call.opset < 7 and "axis" in call.attributes
        return call.node(operations.arithmetic(op, axis=call.axis(0) if old else None))

    return handle


def _with_constant(call: Call, op: Arithmetic, constant: Weight, *, first: bool) -> Value | None:
    if constant.scalar is not None:
        operation = operations.arithmetic(op, value=constant.scalar, constant_first=first)
        return call.node(operation, inputs=[call.data])
    mask = masks.added(call, constant) if op == "Add" else None
    if mask is not None:
        return mask
    if constant.of_shape and constant.array is not None:
        return None  # no weight of the file; an opaque node keeps its values
    if not constant.dtype.startswith(WEIGHTS):
        return None  # a table of integers or flags is not a weight
    axis, shape = _broadcast(call, constant)
    return call.node(
        operations.arithmetic(op, axis=axis, constant_shape=shape, constant_first=first)
    )


def _broadcast(call: Call, constant: Weight) -> tuple[int | None, tuple[int, ...] | None]:
    """Return how a constant is broadcast: the axis of a vector, or the shape of the constant.

    Until opset 6 an attribute gives its first axis; since then its last axis is that of the data.
    """
    rank, shape = len(call.data.shape), constant.shape
    first = rank - len(shape)
    if call.opset < 7 and "axis" in call.attributes:
        first = call.axis(0)
        shape = (*shape, *(1,) * (rank - first - len(shape)))
    wide = [i for i, extent in enumerate(shape) if extent != 1]
    if len(wide) == 1 and first >= 0:
        return first + wide[0], None
    return None, shape if shape != (constant.stored or constant.shape) else None


def _extremum(op: Extremum) -> Handler:
    """Return the handler of Max or Min: computed operands in one node, then one per constant."""

    def handle(call: Call) -> Value | list[Value] | None:
        constants = [value for value in call.inputs if isinstance(value, Weight)]
        if len(call.inputs) == 1:
            return call.data
        if len(call.inputs) <= 2 or not constants:
            return _arithmetic(op)(call)
        if not all(value.scalar is not None for value in constants):
            return None
        scalars = [float(value.scalar or 0.0) for value in constants]
        bound = max(scalars) if op == "Max" else min(scalars)
        computed = [value for value in call.inputs if isinstance(value, Value)]
        result = computed[0]
        if len(computed) > 1:
            result = call.node(operations.arithmetic(op), inputs=computed, step="computed")
        return call.node(operations.arithmetic(op, value=bound), inputs=[result])

    return handle


def _sum(call: Call) -> Value | list[Value] | None:
    if len(call.inputs) == 1:
        return call.data
    return _arithmetic("Add")(call) if len(call.inputs) == 2 else None


def _mean(call: Call) -> Value | None:
    return call.data if len(call.inputs) == 1 else None


def _prelu(call: Call) -> Value | None:
    """Convert PRelu; until opset 6 slopes lie along axis 1, since then they broadcast as numpy."""
    slope = call.weight(1)
    if slope is None:
        return None
    if slope.scalar is not None:
        return call.node(operations.prelu(value=slope.scalar), inputs=[call.data])
    if call.opset < 7 and len(slope.shape) == 1:
        return call.node(operations.prelu(axis=1))
    axis, shape = _broadcast(call, slope)
    return call.node(operations.prelu(axis=axis, constant_shape=shape))


def _clip(call: Call) -> Value | None:
    if call.unknown("min", 1) or call.unknown("max", 2):
        return None
    bounds = operations.clip(call.number("min", 1), call.number("max", 2))
    return call.node(bounds, inputs=[call.data])


def _softmax(call: Call) -> Value:
    """Convert a softmax; before opset 13 the axis defaults to 1 and later axes are joined to it."""
    axis = call.axis(-1 if call.opset >= 13 else 1)
    flattened = call.opset < 13 and prod(call.data.shape[axis + 1 :]) != 1
    return call.node(operations.softmax(axis, log=call.op == "LogSoftmax", flattened=flattened))


def _reduce(call: Call) -> Value | None:
    """Convert a reduction; a mean over height and width of an image is a global pool."""
    rank, data = len(call.data.shape), call.data
    axes = call.integers("axes", 1)
    if not rank or (axes is None and call.given(1) is not None):
        return None
    if not axes and call.attributes.get("noop_with_empty_axes", 0):
        return data
    reduced = sorted(axis % rank for axis in axes) if axes else list(range(rank))
    keep = bool(call.attributes.get("keepdims", 1))
    if call.op != "ReduceMean" or rank != 4 or reduced != [2, 3]:
        return call.node(operations.reduced(call.op, reduced, keepdims=keep), inputs=[data])
    output = call.node(
        operations.GLOBAL_AVERAGE_POOL,
        inputs=[data],
        shape=(*data.shape[:2], 1, 1),
        step="" if keep else "pool",
    )
    return output if keep else call.node(operations.flatten(), inputs=[output])


def _plain(operation: Operation) -> Handler:
    return lambda call: call.node(operation, inputs=[call.data])


def _unary(op: str) -> Handler:
    return _plain(operations.unary(op))


def _hard_sigmoid(call: Call) -> Value:
    slopes = {n: float(call.attributes.get(n, d)) for n, d in (("alpha", 0.2), ("beta", 0.5))}
    return call.node(operations.hard_sigmoid(**slopes))


def _gelu(call: Call) -> Value:
    return call.node(operations.gelu(tanh=call.attributes.get("approximate") == "tanh"))


def _cast(call: Call) -> Value:
    """Convert a cast; until opset 5 the type was given by name."""
    to = call.attributes["to"]
    return call.node(operations.cast(dtype(type_code(to))), inputs=[call.data])


def _quantise(op: Quantising) -> Handler:
    return lambda call: _quantisation(call, op)


def _quantisation(call: Call, op: Quantising) -> Value:
    scale, zero = call.weight(1), call.weight(2)
    step = scale.scalar if scale is not None else None
    return call.node(
        operations.quantisation(
            op,
            step,
            zero.scalar if zero is not None else 0.0,
            call.axis(1) if step is None else None,
        ),
        inputs=[call.data],
    )


_HANDLERS: dict[str, Handler] = {
    **recurrent.HANDLERS,
    **reshaping.HANDLERS,
    "Add": _arithmetic("Add"),
    "AveragePool": average_pool,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Clip": _clip,
    "Conv": conv,
    "ConvInteger": conv,
    "ConvTranspose": conv_transpose,
    "DequantizeLinear": _quantise("DequantizeLinear"),
    "Div": _arithmetic("Div"),
    "Dropout": _dropout,
    "Einsum": einsum,
    "Gelu": _gelu,
    "Gemm": gemm,
    "GlobalAveragePool": _unary("GlobalAveragePool"),
    "GlobalMaxPool": _unary("GlobalMaxPool"),
    "GroupNormalization": _group_normalization,
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _unary("HardSwish"),
    "InstanceNormalization": _instance_normalization,
    "LRN": _lrn,
    "LayerNormalization": _layer_normalization,
    "LogSoftmax": _softmax,
    "MatMul": matmul,
    "MatMulInteger": matmul,
    "Max": _extremum("Max"),
    "MaxPool": max_pool,
    "Mean": _mean,
    "Min": _extremum("Min"),
    "Mul": _arithmetic("Mul"),
    "PRelu": _prelu,
    "Pow": _arithmetic("Pow"),
    "QLinearConv": conv,
    "QLinearMatMul": matmul,
    "QuantizeLinear": _quantise("QuantizeLinear"),
    "RMSNormalization": _rms_normalization,
    **dict.fromkeys(of_family("reduction"), _reduce),
    "Relu": _unary("Relu"),
    "Resize": resize,
    "Sigmoid": _unary("Sigmoid"),
    "Softmax": _softmax,
    "Sub": _arithmetic("Sub"),
    "Sum": _sum,
    "Tanh": _unary("Tanh"),
    "Upsample": resize,
    "Where": masks.where,
}
_BY_RANK = (
    frozenset({"LayerNormalization", "LogSoftmax", "RMSNormalization", "Softmax"})
    | frozenset(reshaping.HANDLERS)
    | frozenset(of_family("reduction"))
)
"""Operators whose attributes have a meaning only if the rank of the data is known."""
