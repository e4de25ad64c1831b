"""Converts each TensorFlow operation to canonical nodes.

The table ``_HANDLERS`` has one handler per type. A handler returns False for a setting that it
cannot express exactly. Such an operation, and any operation without a handler, becomes an opaque
node ``tf::Type`` with its parameters and plain attributes.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Arithmetic, Cut, Operation
from zoodiff.frontends.tensorflow.builder import PASSING, Builder, Handler, order_matters, own_shape
from zoodiff.frontends.tensorflow.norms import fused_batch_norm, spelled_out
from zoodiff.frontends.tensorflow.products import batch_matmul, einsum, matmul
from zoodiff.frontends.tensorflow.protocols import TfOperation, TfTensor
from zoodiff.frontends.tensorflow.windows import average_pool, conv, max_pool
from zoodiff.graph.ir import AttributeValue, Parameter
from zoodiff.graph.operators.random_numbers import TENSORFLOW

_VALUES_LISTED = 4096
"""The largest number of values of a constant operand; of larger ones only the shape is kept."""


def translate(builder: Builder, operation: TfOperation) -> None:
    """Add the nodes of one operation, if it depends on the network's input."""
    if operation.type in PASSING or builder.bound(operation) or not operation.outputs:
        return
    if operation.type in TENSORFLOW:  # the numbers that it draws are no constant
        _opaque(builder, operation)
        return
    if not any(builder.computed(tensor) for tensor in operation.inputs):
        return
    if spelled_out(builder, operation):
        return
    handler = _HANDLERS.get(operation.type)
    if handler is None or not handler(builder, operation):
        _opaque(builder, operation)


def _opaque(builder: Builder, operation: TfOperation) -> None:
    computed = [tensor for tensor in operation.inputs if builder.computed(tensor)]
    builder.own_order_node(
        operations.opaque(f"tf::{operation.type}", _plain_attributes(operation)),
        operation,
        inputs=computed,
        parameters=[builder.parameter(t) for t in operation.inputs],
    )


def _plain_attributes(operation: TfOperation) -> dict[str, AttributeValue]:
    attributes: dict[str, AttributeValue] = {}
    for key, value in operation.node_def.attr.items():
        kind = value.WhichOneof("value")
        if key.startswith("_") or kind not in {"s", "i", "f", "b", "list"}:
            continue
        if kind == "s":
            attributes[key] = value.s.decode(errors="replace")
        elif kind == "list":
            numbers: list[int] = list(value.list.i)
            if numbers:
                attributes[key] = numbers
        else:
            attributes[key] = getattr(value, kind)
    return attributes


def _plain(meaning: Operation) -> Handler:
    return lambda builder, operation: builder.node(meaning, operation)


def _unary(op: str) -> Handler:
    return _plain(operations.unary(op))


def _rows(builder: Builder, operation: TfOperation) -> bool:
    """Convert rows of a variable that computed ids choose."""
    table, ids, *axes = operation.inputs
    weight = builder.parameter(table)
    axis = builder.constant(axes[0]) if axes else 0
    if weight is None or not builder.computed(ids) or operation.get_attr("batch_dims"):
        return False
    reshaped = own_shape(table) not in {(), tuple(weight.shape)}  # a handle has no shape
    if axis is None or int(axis) != 0 or reshaped:
        return False
    return builder.own_order_node(
        operations.rows_of_weight(), operation, inputs=[ids], parameters=[weight]
    )


def _leaky_relu(builder: Builder, operation: TfOperation) -> bool:
    return builder.node(operations.leaky_relu(operation.get_attr("alpha")), operation)


def _softmax(*, log: bool) -> Handler:
    def handler(builder: Builder, operation: TfOperation) -> bool:
        axis = builder.axis(operation.inputs[0], -1)
        return builder.node(operations.softmax(axis, log=log), operation)

    return handler


def _cast(builder: Builder, operation: TfOperation) -> bool:
    return builder.node(operations.cast(operation.outputs[0].dtype.name), operation)


def _arithmetic(op: Arithmetic) -> Handler:
    """Return the handler of an operator on two operands; one may be a parameter or a constant."""

    def handler(builder: Builder, operation: TfOperation) -> bool:
        output = operation.outputs[0]
        computed = [t for t in operation.inputs if builder.computed(t)]
        if len(computed) == 2:
            meaning_of_two = operations.arithmetic(op)
            aligned = all(builder.image(t) == builder.image(output) for t in computed)
            if aligned or not builder.image(output):
                return builder.node(meaning_of_two, operation, inputs=computed)
            return builder.own_order_node(meaning_of_two, operation, inputs=computed)
        fixed = next(t for t in operation.inputs if not builder.computed(t))
        first = fixed.name == operation.inputs[0].name
        parameter = builder.parameter(fixed)
        if parameter is None:
            meaning = _with_constant(builder, op, fixed, output, first)
            return meaning is not None and builder.node(meaning, operation, inputs=computed)
        vector = bool(parameter.shape) and parameter.size == parameter.shape[-1]
        axis = builder.axis(output, -1) if vector else None
        return builder.node(
            operations.arithmetic(op, axis=axis, constant_first=first),
            operation,
            inputs=computed,
            parameters=[parameter],
        )

    return handler


def _with_constant(
    builder: Builder, op: Arithmetic, fixed: TfTensor, output: TfTensor, first: bool
) -> Operation | None:
    constant = builder.constant(fixed)
    if constant is None:
        return None
    if constant.size == 1:
        number = float(constant.reshape(()))
        return operations.arithmetic(op, value=number, constant_first=first)
    if constant.size == constant.shape[-1] and constant.size <= _VALUES_LISTED:
        numbers = [float(value) for value in constant.reshape(-1)]
        axis = builder.axis(output, -1)
        return operations.arithmetic(op, value=numbers, axis=axis, constant_first=first)
    return operations.unknown_constant(op, constant.shape, constant_first=first)


def _reduce(op: str, global_pool: Operation | None) -> Handler:
    """Return the handler of a reduction; over height and width of an image it is a global pool."""

    def handler(builder: Builder, operation: TfOperation) -> bool:
        data, output = operation.inputs[0], operation.outputs[0]
        reduced_axes = builder.constant(operation.inputs[1])
        if reduced_axes is None:
            return False
        keep = bool(operation.get_attr("keep_dims"))
        rank = len(own_shape(data))
        axes = sorted(builder.axis(data, int(axis)) for axis in reduced_axes.reshape(-1))
        if global_pool is None or rank != 4 or not builder.image(data) or axes != [2, 3]:
            tf_axes = sorted(int(axis) % rank for axis in reduced_axes.reshape(-1))
            return builder.own_order_node(operations.reduced(op, tf_axes, keepdims=keep), operation)
        if keep:
            return builder.node(global_pool, operation)
        name = operation.name
        batch, channels = own_shape(data)[0], own_shape(data)[3]
        pooled = (f"{name}/pool", (batch, channels, 1, 1), output.dtype.base_dtype.name)
        builder.emit(global_pool, name, inputs=[builder.name(data)], outputs=[pooled])
        flat = (f"{name}", (batch, channels), output.dtype.base_dtype.name)
        builder.emit(operations.flatten(), f"{name}/flatten", inputs=[pooled[0]], outputs=[flat])
        builder.bind(output, flat[0])
        return True

    return handler


def _reshape(builder: Builder, operation: TfOperation) -> bool:
    """Convert Reshape and Squeeze, in TensorFlow's own order of elements."""
    target = own_shape(operation.outputs[0])
    if len(target) == 2 and target[0] == own_shape(operation.inputs[0])[0]:
        return builder.own_order_node(operations.flatten(), operation)
    # An image-like result is computed in TensorFlow's own order and transposed where needed.
    shape = target if order_matters(target) else builder.shape(operation.outputs[0])
    return builder.own_order_node(operations.reshape(shape), operation)


def _transpose(builder: Builder, operation: TfOperation) -> bool:
    perm = builder.constant(operation.inputs[1])
    if perm is None:
        return False
    return builder.own_order_node(operations.transpose(perm), operation)


def _concat(builder: Builder, operation: TfOperation) -> bool:
    *parts, last = operation.inputs
    axis = builder.constant(last)
    computed = [part for part in parts if builder.computed(part)]
    fixed = [part for part in parts if not builder.computed(part)]
    parameters: list[Parameter | None] = [builder.parameter(part) for part in fixed]
    if axis is None or None in parameters:
        return False
    names = [part.name for part in parts]
    joined = operations.concat(
        builder.axis(computed[0], int(axis)), [names.index(part.name) for part in fixed]
    )
    return builder.node(joined, operation, inputs=computed, parameters=parameters)


def _split(builder: Builder, operation: TfOperation) -> bool:
    sized = operation.type == "SplitV"
    data = operation.inputs[0 if sized else 1]
    axis = builder.constant(operation.inputs[2 if sized else 0])
    if axis is None:
        return False
    canonical = builder.axis(data, int(axis))
    sizes = [builder.shape(tensor)[canonical] for tensor in operation.outputs]
    return builder.node(operations.split(canonical, sizes), operation, inputs=[data])


def _pad(builder: Builder, operation: TfOperation) -> bool:
    """Convert Pad, PadV2 and MirrorPad; pads are in ONNX's order, over the padded axes."""
    data = operation.inputs[0]
    amounts = builder.constant(operation.inputs[1])
    value = builder.constant(operation.inputs[2]) if operation.type == "PadV2" else None
    if amounts is None or (operation.type == "PadV2" and value is None):
        return False
    mode = "constant"
    if operation.type == "MirrorPad":
        mode = operation.get_attr("mode").decode().lower()
    by_axis = {builder.axis(data, i): [int(n) for n in amounts[i]] for i in range(len(amounts))}
    axes = sorted(axis for axis, pair in by_axis.items() if any(pair))
    pads = [by_axis[axis][0] for axis in axes] + [by_axis[axis][1] for axis in axes]
    filler: float | None = None
    if mode == "constant":
        filler = 0.0 if value is None else float(value.reshape(()))
    return builder.node(operations.pad(pads, axes, mode=mode, value=filler), operation)


def _strided_slice(builder: Builder, operation: TfOperation) -> bool:
    """Convert a slice with known bounds; an axis that an index removes is squeezed afterwards."""
    data, output = operation.inputs[0], operation.outputs[0]
    bounds = [builder.constant(tensor) for tensor in operation.inputs[1:]]
    shape = own_shape(data)
    masked = operation.get_attr("ellipsis_mask") or operation.get_attr("new_axis_mask")
    if masked or any(bound is None for bound in bounds) or -1 in shape:
        return False
    begin, end, strides = ([int(n) for n in bound] for bound in bounds if bound is not None)
    cuts: list[Cut] = []
    dropped: list[int] = []
    for axis in range(len(begin)):
        bit = 1 << axis
        start = None if operation.get_attr("begin_mask") & bit else begin[axis]
        stop = None if operation.get_attr("end_mask") & bit else end[axis]
        step = strides[axis]
        if operation.get_attr("shrink_axis_mask") & bit:
            start, stop, step = begin[axis], begin[axis] + 1 or None, 1
            dropped.append(axis)
        if step < 1:
            return False
        first, last, _ = slice(start, stop, step).indices(shape[axis])
        if (first, last, step) != (0, shape[axis], 1):
            cuts.append(Cut(axis, first, last, step))
    if not dropped:
        canonical = [replace(cut, axis=builder.axis(data, cut.axis)) for cut in cuts]
        return builder.node(operations.sliced(canonical), operation)
    source, dtype = builder.own_order(data), output.dtype.base_dtype.name
    sliced_shape = list(shape)
    for cut in cuts:
        sliced_shape[cut.axis] = len(range(cut.start, cut.end, cut.step))
    part = (f"{operation.name}/slice", tuple(sliced_shape), dtype)
    builder.emit(operations.sliced(cuts), part[0], inputs=[source], outputs=[part])
    squeezed = (operation.name, own_shape(output), dtype)
    builder.emit(operations.squeeze(dropped), operation.name, inputs=[part[0]], outputs=[squeezed])
    builder.bind(output, squeezed[0])
    return True


def _lrn(builder: Builder, operation: TfOperation) -> bool:
    """Convert LRN; ONNX divides alpha by the window's size, TensorFlow does not."""
    size = 2 * operation.get_attr("depth_radius") + 1
    return builder.node(
        operations.local_response_norm(
            size,
            alpha=operation.get_attr("alpha") * size,
            beta=operation.get_attr("beta"),
            bias=operation.get_attr("bias"),
        ),
        operation,
    )


def _bias_add(builder: Builder, operation: TfOperation) -> bool:
    data, bias = operation.inputs
    parameter = builder.parameter(bias)
    if parameter is None:
        return False
    first = operation.get_attr("data_format") == b"NCHW"
    axis = 1 if first else builder.axis(data, -1)
    return builder.node(
        operations.arithmetic("Add", axis=axis), operation, inputs=[data], parameters=[parameter]
    )


def _resize(mode: str) -> Handler:
    def handler(builder: Builder, operation: TfOperation) -> bool:
        data, output = builder.shape(operation.inputs[0]), builder.shape(operation.outputs[0])
        if -1 in (*data, *output) or prod(data) == 0 or not builder.image(operation.inputs[0]):
            return False
        corners = bool(operation.get_attr("align_corners"))
        centres = bool(operation.get_attr("half_pixel_centers"))
        resized = operations.resized(
            mode, output[2:], align_corners=corners, half_pixel_centers=centres
        )
        return builder.node(resized, operation)

    return handler


_HANDLERS: dict[str, Handler] = {
    "Abs": _unary("Abs"),
    "Add": _arithmetic("Add"),
    "AddV2": _arithmetic("Add"),
    "AvgPool": average_pool,
    "BatchMatMul": batch_matmul,
    "BatchMatMulV2": batch_matmul,
    "BatchMatMulV3": batch_matmul,
    "BiasAdd": _bias_add,
    "Cast": _cast,
    "ConcatV2": _concat,
    "Conv2D": conv,
    "DepthwiseConv2dNative": conv,
    "Einsum": einsum,
    "Elu": _plain(operations.elu()),
    "Erf": _unary("Erf"),
    "Exp": _unary("Exp"),
    "ExpandDims": _reshape,
    "FusedBatchNorm": fused_batch_norm,
    "FusedBatchNormV2": fused_batch_norm,
    "FusedBatchNormV3": fused_batch_norm,
    "GatherV2": _rows,
    "LRN": _lrn,
    "LeakyRelu": _leaky_relu,
    "Log": _unary("Log"),
    "LogSoftmax": _softmax(log=True),
    "MatMul": matmul,
    "Max": _reduce("ReduceMax", operations.GLOBAL_MAX_POOL),
    "MaxPool": max_pool,
    "Maximum": _arithmetic("Max"),
    "Mean": _reduce("ReduceMean", operations.GLOBAL_AVERAGE_POOL),
    "Minimum": _arithmetic("Min"),
    "MirrorPad": _pad,
    "Mul": _arithmetic("Mul"),
    "Neg": _unary("Neg"),
    "Pad": _pad,
    "PadV2": _pad,
    "Pow": _arithmetic("Pow"),
    "RealDiv": _arithmetic("Div"),
    "Relu": _unary("Relu"),
    "Relu6": _plain(operations.RELU6),
    "Reshape": _reshape,
    "ResourceGather": _rows,
    "ResizeBicubic": _resize("cubic"),
    "ResizeBilinear": _resize("linear"),
    "ResizeNearestNeighbor": _resize("nearest"),
    "Selu": _unary("Selu"),
    "Sigmoid": _unary("Sigmoid"),
    "Softmax": _softmax(log=False),
    "Softplus": _unary("Softplus"),
    "Softsign": _unary("Softsign"),
    "Split": _split,
    "SplitV": _split,
    "Sqrt": _unary("Sqrt"),
    "Squeeze": _reshape,
    "StridedSlice": _strided_slice,
    "Sub": _arithmetic("Sub"),
    "Sum": _reduce("ReduceSum", None),
    "Tanh": _unary("Tanh"),
    "Transpose": _transpose,
}
"""Type of a TensorFlow operation -> its handler; anything else is opaque."""
