"""What each TensorFlow operation becomes in the canonical graph.

One handler a kind, in the table ``_HANDLERS``. A handler that meets a setting it cannot express
exactly says so, and the operation is kept as an opaque node ``tf::Type`` with its parameters and
plain attributes, as is every operation that has no handler.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from zoodiff.frontends.tensorflow_builder import (
    PASSING,
    Builder,
    Handler,
    order_matters,
    own_shape,
)
from zoodiff.frontends.tensorflow_norms import fused_batch_norm, spelled_out
from zoodiff.frontends.tensorflow_products import batch_matmul, einsum, matmul
from zoodiff.frontends.tensorflow_windows import conv, pool
from zoodiff.graph.ir import AttributeValue, Parameter

_VALUES_LISTED = 4096
"""A constant operand with more values than this is kept by its shape alone."""


def translate(builder: Builder, operation: Any) -> None:
    """Add the nodes of one operation, if it computes anything from the network's input."""
    if operation.type in PASSING or builder.bound(operation) or not operation.outputs:
        return
    if not any(builder.computed(tensor) for tensor in operation.inputs):
        return
    if spelled_out(builder, operation):
        return
    handler = _HANDLERS.get(operation.type)
    if handler is None or not handler(builder, operation):
        _opaque(builder, operation)


def _opaque(builder: Builder, operation: Any) -> None:
    computed = [tensor for tensor in operation.inputs if builder.computed(tensor)]
    builder.own_order_node(
        f"tf::{operation.type}",
        operation,
        _plain_attributes(operation),
        inputs=computed,
        parameters=[builder.parameter(t) for t in operation.inputs],
    )


def _plain_attributes(operation: Any) -> dict[str, AttributeValue]:
    found: dict[str, AttributeValue] = {}
    for key, value in operation.node_def.attr.items():
        kind = value.WhichOneof("value")
        if key.startswith("_") or kind not in {"s", "i", "f", "b", "list"}:
            continue
        if kind == "s":
            found[key] = value.s.decode(errors="replace")
        elif kind == "list":
            numbers: list[int] = list(value.list.i)
            if numbers:
                found[key] = numbers
        else:
            found[key] = getattr(value, kind)
    return found


def _unary(op: str, attributes: dict[str, AttributeValue] | None = None) -> Handler:
    return lambda builder, operation: builder.node(op, operation, attributes)


def _leaky_relu(builder: Builder, operation: Any) -> bool:
    return builder.node("LeakyRelu", operation, {"alpha": operation.get_attr("alpha")})


def _softmax(op: str) -> Handler:
    def handler(builder: Builder, operation: Any) -> bool:
        return builder.node(op, operation, {"axis": builder.axis(operation.inputs[0], -1)})

    return handler


def _cast(builder: Builder, operation: Any) -> bool:
    return builder.node("Cast", operation, {"to": operation.outputs[0].dtype.name})


def _arithmetic(op: str) -> Handler:
    """Operators of two operands, of which one may be a parameter or a constant."""

    def handler(builder: Builder, operation: Any) -> bool:
        output = operation.outputs[0]
        computed = [t for t in operation.inputs if builder.computed(t)]
        if len(computed) == 2:
            aligned = all(builder.image(t) == builder.image(output) for t in computed)
            if aligned or not builder.image(output):
                return builder.node(op, operation, inputs=computed)
            return builder.own_order_node(op, operation, inputs=computed)
        other = next(t for t in operation.inputs if not builder.computed(t))
        first = other.name == operation.inputs[0].name
        attributes: dict[str, AttributeValue] = {}
        if first and op in {"Sub", "Div", "Pow"}:
            attributes["constant_first"] = True
        parameter = builder.parameter(other)
        if parameter is None and not _constant_operand(builder, other, output, attributes):
            return False
        if parameter is not None and parameter.shape and parameter.size == parameter.shape[-1]:
            attributes["axis"] = builder.axis(output, -1)
        return builder.node(op, operation, attributes, inputs=computed, parameters=[parameter])

    return handler


def _constant_operand(
    builder: Builder, other: Any, output: Any, attributes: dict[str, AttributeValue]
) -> bool:
    constant = builder.constant(other)
    if constant is None:
        return False
    if constant.size == 1:
        attributes["value"] = float(constant.reshape(()))
    elif constant.size == constant.shape[-1] and constant.size <= _VALUES_LISTED:
        attributes["value"] = [float(value) for value in constant.reshape(-1)]
        attributes["axis"] = builder.axis(output, -1)
    else:
        attributes["value_shape"] = list(constant.shape)
    return True


def _reduce(op: str, whole: str | None) -> Handler:
    """Reductions; over height and width of an image they are global pooling."""

    def handler(builder: Builder, operation: Any) -> bool:
        data, output = operation.inputs[0], operation.outputs[0]
        found = builder.constant(operation.inputs[1])
        if found is None:
            return False
        keep = bool(operation.get_attr("keep_dims"))
        rank = len(own_shape(data))
        axes = sorted(builder.axis(data, int(axis)) for axis in found.reshape(-1))
        if whole is None or rank != 4 or not builder.image(data) or axes != [2, 3]:
            own = sorted(int(axis) % rank for axis in found.reshape(-1))
            attributes: dict[str, AttributeValue] = {"axes": list(own), "keepdims": keep}
            return builder.own_order_node(op, operation, attributes)
        if keep:
            return builder.node(whole, operation)
        name = operation.name
        batch, channels = own_shape(data)[0], own_shape(data)[3]
        pooled = (f"{name}/pool", (batch, channels, 1, 1), output.dtype.base_dtype.name)
        builder.emit(whole, name, inputs=[builder.name(data)], outputs=[pooled])
        flat = (f"{name}", (batch, channels), output.dtype.base_dtype.name)
        builder.emit("Flatten", f"{name}/flatten", {"axis": 1}, inputs=[pooled[0]], outputs=[flat])
        builder.bind(output, flat[0])
        return True

    return handler


def _reshape(builder: Builder, operation: Any) -> bool:
    """Reshape and Squeeze, in TensorFlow's own order of elements."""
    target = own_shape(operation.outputs[0])
    if len(target) == 2 and target[0] == own_shape(operation.inputs[0])[0]:
        return builder.own_order_node("Flatten", operation, {"axis": 1})
    # An image-like result is made in TensorFlow's own order and then moved, if it needs moving.
    shape = target if order_matters(target) else builder.shape(operation.outputs[0])
    return builder.own_order_node("Reshape", operation, {"shape": list(shape)})


def _transpose(builder: Builder, operation: Any) -> bool:
    perm = builder.constant(operation.inputs[1])
    if perm is None:
        return False
    return builder.own_order_node("Transpose", operation, {"perm": [int(p) for p in perm]})


def _concat(builder: Builder, operation: Any) -> bool:
    *parts, last = operation.inputs
    axis = builder.constant(last)
    computed = [part for part in parts if builder.computed(part)]
    others = [part for part in parts if not builder.computed(part)]
    parameters: list[Parameter | None] = [builder.parameter(part) for part in others]
    if axis is None or None in parameters:
        return False
    attributes: dict[str, AttributeValue] = {"axis": builder.axis(computed[0], int(axis))}
    if others:
        names = [part.name for part in parts]
        attributes["parameters_at"] = [names.index(part.name) for part in others]
    return builder.node("Concat", operation, attributes, inputs=computed, parameters=parameters)


def _split(builder: Builder, operation: Any) -> bool:
    sized = operation.type == "SplitV"
    data = operation.inputs[0 if sized else 1]
    axis = builder.constant(operation.inputs[2 if sized else 0])
    if axis is None:
        return False
    canonical = builder.axis(data, int(axis))
    sizes = [builder.shape(tensor)[canonical] for tensor in operation.outputs]
    return builder.node("Split", operation, {"axis": canonical, "split": sizes}, inputs=[data])


def _pad(builder: Builder, operation: Any) -> bool:
    """Pad, PadV2 and MirrorPad; pads in ONNX's order over the axes that are padded."""
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
    attributes: dict[str, AttributeValue] = {"pads": pads, "axes": list(axes), "mode": mode}
    if mode == "constant":
        attributes["value"] = 0.0 if value is None else float(value.reshape(()))
    return builder.node("Pad", operation, attributes)


def _strided_slice(builder: Builder, operation: Any) -> bool:
    """Slices with known bounds; an axis that one index takes away is squeezed afterwards."""
    data, output = operation.inputs[0], operation.outputs[0]
    bounds = [builder.constant(tensor) for tensor in operation.inputs[1:]]
    shape = own_shape(data)
    masked = operation.get_attr("ellipsis_mask") or operation.get_attr("new_axis_mask")
    if masked or any(bound is None for bound in bounds) or -1 in shape:
        return False
    begin, end, strides = ([int(n) for n in bound] for bound in bounds if bound is not None)
    axes, starts, ends, steps, dropped = [], [], [], [], []
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
            axes.append(axis)
            starts.append(first)
            ends.append(last)
            steps.append(step)
    attributes: dict[str, AttributeValue] = {
        "axes": axes,
        "starts": starts,
        "ends": ends,
        "steps": steps,
    }
    if not dropped:
        canonical: dict[str, AttributeValue] = {
            **attributes,
            "axes": [builder.axis(data, axis) for axis in axes],
        }
        return builder.node("Slice", operation, canonical)
    own, dtype = builder.own_order(data), output.dtype.base_dtype.name
    kept = list(shape)
    for axis, first, last, step in zip(axes, starts, ends, steps, strict=True):
        kept[axis] = len(range(first, last, step))
    part = (f"{operation.name}/slice", tuple(kept), dtype)
    builder.emit("Slice", part[0], attributes, inputs=[own], outputs=[part])
    squeezed = (operation.name, own_shape(output), dtype)
    builder.emit("Squeeze", operation.name, {"axes": dropped}, inputs=[part[0]], outputs=[squeezed])
    builder.bind(output, squeezed[0])
    return True


def _lrn(builder: Builder, operation: Any) -> bool:
    """ONNX divides alpha by the window's size, TensorFlow does not."""
    size = 2 * operation.get_attr("depth_radius") + 1
    return builder.node(
        "LRN",
        operation,
        {
            "size": size,
            "alpha": operation.get_attr("alpha") * size,
            "beta": operation.get_attr("beta"),
            "bias": operation.get_attr("bias"),
        },
    )


def _bias_add(builder: Builder, operation: Any) -> bool:
    data, bias = operation.inputs
    parameter = builder.parameter(bias)
    if parameter is None:
        return False
    first = operation.get_attr("data_format") == b"NCHW"
    axis = 1 if first else builder.axis(data, -1)
    return builder.node("Add", operation, {"axis": axis}, inputs=[data], parameters=[parameter])


def _resize(mode: str) -> Handler:
    def handler(builder: Builder, operation: Any) -> bool:
        data, output = builder.shape(operation.inputs[0]), builder.shape(operation.outputs[0])
        if -1 in (*data, *output) or prod(data) == 0 or not builder.image(operation.inputs[0]):
            return False
        corners = bool(operation.get_attr("align_corners"))
        centres = bool(operation.get_attr("half_pixel_centers"))
        sizes: Sequence[int] = output[2:]
        return builder.node(
            "Resize",
            operation,
            {
                "mode": mode,
                "sizes": list(sizes),
                "align_corners": corners,
                "half_pixel_centers": centres,
            },
        )

    return handler


_HANDLERS: dict[str, Handler] = {
    "Abs": _unary("Abs"),
    "Add": _arithmetic("Add"),
    "AddV2": _arithmetic("Add"),
    "AvgPool": pool("AveragePool", {"ceil_mode": False, "count_include_pad": False}),
    "BatchMatMul": batch_matmul,
    "BatchMatMulV2": batch_matmul,
    "BatchMatMulV3": batch_matmul,
    "BiasAdd": _bias_add,
    "Cast": _cast,
    "ConcatV2": _concat,
    "Conv2D": conv,
    "DepthwiseConv2dNative": conv,
    "Einsum": einsum,
    "Elu": _unary("Elu", {"alpha": 1.0}),
    "Erf": _unary("Erf"),
    "Exp": _unary("Exp"),
    "ExpandDims": _reshape,
    "FusedBatchNorm": fused_batch_norm,
    "FusedBatchNormV2": fused_batch_norm,
    "FusedBatchNormV3": fused_batch_norm,
    "LRN": _lrn,
    "LeakyRelu": _leaky_relu,
    "Log": _unary("Log"),
    "LogSoftmax": _softmax("LogSoftmax"),
    "MatMul": matmul,
    "Max": _reduce("ReduceMax", "GlobalMaxPool"),
    "MaxPool": pool("MaxPool", {"ceil_mode": False}),
    "Maximum": _arithmetic("Max"),
    "Mean": _reduce("ReduceMean", "GlobalAveragePool"),
    "Minimum": _arithmetic("Min"),
    "MirrorPad": _pad,
    "Mul": _arithmetic("Mul"),
    "Neg": _unary("Neg"),
    "Pad": _pad,
    "PadV2": _pad,
    "Pow": _arithmetic("Pow"),
    "RealDiv": _arithmetic("Div"),
    "Relu": _unary("Relu"),
    "Relu6": _unary("Clip", {"min": 0.0, "max": 6.0}),
    "Reshape": _reshape,
    "ResizeBicubic": _resize("cubic"),
    "ResizeBilinear": _resize("linear"),
    "ResizeNearestNeighbor": _resize("nearest"),
    "Selu": _unary("Selu"),
    "Sigmoid": _unary("Sigmoid"),
    "Softmax": _softmax("Softmax"),
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
