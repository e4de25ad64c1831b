"""Writes OpenVINO's elementwise, matrix and reshaping operators in ONNX's operators.

Operators: https://docs.openvino.ai/2025/documentation/openvino-ir-format/operation-sets.html. A
layer that no handler writes keeps its name in the domain ``openvino`` and becomes opaque.
"""

from __future__ import annotations

import math
from typing import Any

from zoodiff.frontends.openvino import windows
from zoodiff.frontends.openvino.reader import Layer
from zoodiff.frontends.openvino.writer import CODES, DOMAIN, Handler, Op, Writer


def write(writer: Writer, layer: Layer) -> None:
    """Add the ONNX nodes of a layer; an opaque node where ONNX has no operator for it."""
    op = Op(writer, layer)
    handler = _HANDLERS.get(layer.type) if _standard(layer) else None
    if handler is not None and handler(op):
        return
    settings: dict[str, Any] = dict(sorted(layer.attributes.items()))
    writer.finish(layer, layer.type or "unnamed", op.operands, domain=DOMAIN, **settings)


def _standard(layer: Layer) -> bool:
    """Whether a layer is of one of OpenVINO's own operator sets."""
    number = layer.opset.removeprefix("opset")
    return layer.opset.startswith("opset") and number.isascii() and number.isdigit()


def _plain(kind: str) -> Handler:
    return lambda op: op.finish(kind)


def _arithmetic(kind: str) -> Handler:
    """Write an operator on two tensors that broadcasts as numpy does."""

    def handle(op: Op) -> bool:
        broadcast = op.text("auto_broadcast", "numpy") in {"numpy", "none"}
        return broadcast and op.finish(kind, _without_leading_ones(op))

    return handle


def _without_leading_ones(op: Op) -> list[str]:
    """Return the operands; a constant loses its first axes of extent 1, which OpenVINO adds."""
    operands = list(op.operands)
    for position, other in ((0, 1), (1, 0)):
        shape = op.shape(position)
        wide = next((axis for axis, extent in enumerate(shape) if extent != 1), len(shape))
        unneeded = list(range(min(wide, len(shape) - 1)))
        fits = len(op.shape(other)) >= len(shape)
        if unneeded and fits and op.writer.is_constant(op.layer, position):
            axes = op.writer.number(f"{op.layer.name}/axes", unneeded)
            operands[position] = op.step(
                "Squeeze", [operands[position], axes], shape[len(unneeded) :]
            )
    return operands


def _squared_difference(op: Op) -> bool:
    if op.text("auto_broadcast", "numpy") not in {"numpy", "none"}:
        return False
    difference = op.step("Sub", op.operands, op.out)
    return op.finish("Mul", [difference, difference])


def _not_equal(op: Op) -> bool:
    return op.finish("Not", [op.step("Equal", op.operands, op.out)])


def _clamp(op: Op) -> bool:
    low, high = op.real("min"), op.real("max")
    if math.isnan(low) or math.isnan(high):
        return False
    data = op.operands[0]
    bounds = [
        op.writer.number(f"{op.layer.name}/{name}", value, like=data)
        if math.isfinite(value)
        else ""
        for name, value in (("min", low), ("max", high))
    ]
    return op.finish("Clip", [data, *bounds])


def _swish(op: Op) -> bool:
    data = op.operands[0]
    scaled = data
    if len(op.layer.inputs) > 1:
        scaled = op.step("Mul", op.operands, op.out)
    return op.finish("Mul", [data, op.step("Sigmoid", [scaled], op.out)])


def _gelu(op: Op) -> bool:
    mode = {"erf": "none", "tanh": "tanh"}.get(op.text("approximation_mode", "erf"))
    return mode is not None and op.finish("Gelu", approximate=mode)


def _hard_sigmoid(op: Op) -> bool:
    slopes = [op.writer.value(op.layer, position) for position in (1, 2)]
    if any(values is None or values.size != 1 for values in slopes):
        return False
    alpha, beta = (float(v.reshape(-1)[0]) for v in slopes if v is not None)
    return op.finish("HardSigmoid", op.operands[:1], alpha=alpha, beta=beta)


def _h_sigmoid(op: Op) -> bool:
    return op.finish("HardSigmoid", alpha=1 / 6, beta=0.5)


def _elu(op: Op) -> bool:
    return op.finish("Elu", alpha=op.real("alpha"))


def _prelu(op: Op) -> bool:
    """Write PReLU; a vector of slopes lies along the channels, in ONNX along the last axis."""
    slope, rank = op.shape(1), len(op.shape())
    if len(slope) != 1 or slope == (1,) or rank < 3:
        return op.finish("PRelu")
    axes = op.writer.number(f"{op.layer.name}/axes", list(range(1, rank - 1)))
    wide = (*slope, *(1,) * (rank - 2))
    return op.finish("PRelu", [op.operands[0], op.step("Unsqueeze", [op.operands[1], axes], wide)])


def _softmax(kind: str) -> Handler:
    return lambda op: op.finish(
        kind, axis=(op.whole("axis") or [1 if kind == "Softmax" else -1])[0]
    )


def _reduction(kind: str) -> Handler:
    def handle(op: Op) -> bool:
        return op.finish(kind, keepdims=int(op.flag("keep_dims")), noop_with_empty_axes=1)

    return handle


def _convert(op: Op) -> bool:
    to = CODES.get(op.text("destination_type"), 0)
    return to != 0 and op.finish("Cast", to=to)


def _range(op: Op) -> bool:
    """Write a range, whose bounds may have other types than its numbers."""
    to = op.writer.shapes[op.writer.outputs(op.layer)[0]][1]
    if to == 0:
        return False
    return op.finish("Range", [op.step("Cast", [name], (), to=to) for name in op.operands])


def _matmul(op: Op) -> bool:
    operands = list(op.operands)
    for position, name in enumerate(("transpose_a", "transpose_b")):
        shape = op.shape(position)
        if op.flag(name) and len(shape) > 1:
            order = [*range(len(shape) - 2), len(shape) - 1, len(shape) - 2]
            turned = [shape[axis] for axis in order]
            operands[position] = op.step("Transpose", [operands[position]], turned, perm=order)
    return op.finish("MatMul", operands)


def _attention(op: Op) -> bool:
    """Write scaled dot product attention (query, key, value, mask, scale) as its arithmetic."""
    keys, rank, width = op.shape(1), len(op.shape()), (op.shape() or (0,))[-1]
    masked = len(op.layer.inputs) > 3 and op.shape(3) != ()
    if op.flag("causal") or rank < 3 or len(keys) != rank or width < 1:
        return False
    if masked and op.writer.shapes[op.operands[3]][1] == CODES["boolean"]:
        return False
    query, key, value = op.operands[:3]
    order = [*range(rank - 2), rank - 1, rank - 2]
    turned = op.step("Transpose", [key], [keys[axis] for axis in order], perm=order)
    extents = (*op.shape()[:-1], keys[-2])
    product = op.step("MatMul", [query, turned], extents)
    factor = (
        op.operands[4]
        if len(op.layer.inputs) > 4
        else op.writer.number(f"{op.layer.name}/scale", width**-0.5, like=query)
    )
    scores = op.step("Mul", [product, factor], extents)
    if masked:
        scores = op.step("Add", [scores, op.operands[3]], extents)
    weights = op.step("Softmax", [scores], extents, axis=-1)
    return op.finish("MatMul", [weights, value])


def _reshape(op: Op) -> bool:
    return op.finish("Reshape", allowzero=int(not op.flag("special_zero")))


def _transpose(op: Op) -> bool:
    order = op.writer.integers(op.layer, 1)
    return order is not None and op.finish("Transpose", op.operands[:1], perm=order or None)


def _concat(op: Op) -> bool:
    return op.finish("Concat", axis=op.whole("axis")[0])


def _split(op: Op) -> bool:
    axis = op.writer.integers(op.layer, 1)
    count = len(op.layer.outputs)
    if not axis or op.whole("num_splits") != [count]:
        return False
    return op.finish("Split", op.operands[:1], axis=axis[0], num_outputs=count)


def _variadic_split(op: Op) -> bool:
    axis, sizes = (op.writer.integers(op.layer, position) for position in (1, 2))
    if not axis or sizes is None or len(sizes) != len(op.layer.outputs) or sizes.count(-1) > 1:
        return False
    if -1 in sizes:
        extent = op.shape()[axis[0]]
        rest = extent - sum(size for size in sizes if size >= 0)
        if extent < 0 or rest < 0:
            return False
        sizes[sizes.index(-1)] = rest
    lengths = op.writer.number(f"{op.layer.name}/sizes", sizes)
    return op.finish("Split", [op.operands[0], lengths], axis=axis[0])


def _slice(op: Op) -> bool:
    """Write Slice, which has the step before the axes."""
    operands = op.operands
    if len(operands) > 4:
        return op.finish("Slice", [*operands[:3], operands[4], operands[3]])
    count = op.shape(1)
    if len(count) != 1 or count[0] < 1:
        return False
    axes = op.writer.number(f"{op.layer.name}/axes", list(range(count[0])))
    return op.finish("Slice", [*operands[:3], axes, operands[3]])


_LAST = 2**31 - 1


def _strided_slice(op: Op) -> bool:
    """Write a slice with masks; a set bit takes the bound of the axis, or removes the axis."""
    bounds = [op.writer.integers(op.layer, position) for position in (1, 2)]
    steps = op.writer.integers(op.layer, 3) if len(op.layer.inputs) > 3 else None
    masks = {
        name: op.whole(f"{name}_mask")
        for name in ("begin", "end", "new_axis", "shrink_axis", "ellipsis")
    }
    begin, end = bounds
    if begin is None or end is None or len(begin) != len(end) or any(masks["ellipsis"]):
        return False
    if any(masks["new_axis"]) or (steps is None and len(op.layer.inputs) > 3):
        return False
    steps = steps or [1] * len(begin)
    removed = []
    for axis in range(len(begin)):
        bit = {
            name: bool(mask[axis]) if axis < len(mask) else False for name, mask in masks.items()
        }
        if bit["shrink_axis"]:
            removed.append(axis)
            end[axis] = begin[axis] + 1 if begin[axis] != -1 else _LAST
            continue
        if bit["begin"]:
            begin[axis] = 0 if steps[axis] > 0 else _LAST
        if bit["end"]:
            end[axis] = _LAST if steps[axis] > 0 else -_LAST
    numbers = [begin, end, list(range(len(begin))), steps]
    names = [op.writer.number(f"{op.layer.name}/bounds", values) for values in numbers]
    if not removed:
        return op.finish("Slice", [op.operands[0], *names])
    kept = list(op.out)
    for axis in removed:
        kept.insert(axis, 1)
    cut = op.step("Slice", [op.operands[0], *names], kept)
    axes = op.writer.number(f"{op.layer.name}/axes", removed)
    return op.finish("Squeeze", [cut, axes])


def _gather(op: Op) -> bool:
    axis = op.writer.integers(op.layer, 2)
    if not axis or op.whole("batch_dims") not in ([], [0]):
        return False
    return op.finish("Gather", op.operands[:2], axis=axis[0])


def _gather_elements(op: Op) -> bool:
    return op.finish("GatherElements", axis=op.whole("axis")[0])


def _scatter_nd(op: Op) -> bool:
    return op.text("reduction", "none") == "none" and op.finish("ScatterND")


def _pad(op: Op) -> bool:
    mode = op.text("pad_mode")
    pads = [op.writer.integers(op.layer, position) for position in (1, 2)]
    if mode not in {"constant", "edge", "reflect"} or pads[0] is None or pads[1] is None:
        return False
    joined = op.writer.number(f"{op.layer.name}/pads", pads[0] + pads[1])
    filled = op.operands[3:4] if mode == "constant" else []
    return op.finish("Pad", [op.operands[0], joined, *filled], mode=mode)


def _broadcast(op: Op) -> bool:
    """Write a broadcast to a shape by numpy's rules; other modes have no like in ONNX."""
    if op.text("mode", "numpy") not in {"numpy", "bidirectional"} or len(op.layer.inputs) != 2:
        return False
    return op.finish("Expand")


def _einsum(op: Op) -> bool:
    return op.finish("Einsum", equation=op.layer.attributes.get("equation", ""))


def _where(op: Op) -> bool:
    return op.text("auto_broadcast", "numpy") in {"numpy", "none"} and op.finish("Where")


_HANDLERS: dict[str, Handler] = {
    **windows.HANDLERS,
    **{kind: _plain(kind) for kind in ("Abs", "Cos", "Erf", "Exp", "Floor", "Identity", "Log")},
    **{kind: _plain(kind) for kind in ("Mish", "Sigmoid", "Sign", "Sin", "Sqrt", "Tan", "Tanh")},
    **{kind: _plain(kind) for kind in ("Squeeze", "Tile", "Unsqueeze")},
    "Ceiling": _plain("Ceil"),
    "HSwish": _plain("HardSwish"),
    "LogicalNot": _plain("Not"),
    "Negative": _plain("Neg"),
    "ReLU": _plain("Relu"),
    "ShapeOf": _plain("Shape"),
    "SoftPlus": _plain("Softplus"),
    "SoftSign": _plain("Softsign"),
    **{kind: _arithmetic(kind) for kind in ("Add", "Equal", "Greater", "Less")},
    "Divide": _arithmetic("Div"),
    "GreaterEqual": _arithmetic("GreaterOrEqual"),
    "LessEqual": _arithmetic("LessOrEqual"),
    "LogicalAnd": _arithmetic("And"),
    "LogicalOr": _arithmetic("Or"),
    "LogicalXor": _arithmetic("Xor"),
    "Maximum": _arithmetic("Max"),
    "Minimum": _arithmetic("Min"),
    "Multiply": _arithmetic("Mul"),
    "NotEqual": _not_equal,
    "Power": _arithmetic("Pow"),
    "Select": _where,
    "SquaredDifference": _squared_difference,
    "Subtract": _arithmetic("Sub"),
    "Broadcast": _broadcast,
    "Clamp": _clamp,
    "Concat": _concat,
    "Convert": _convert,
    "Einsum": _einsum,
    "Elu": _elu,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Gelu": _gelu,
    "HSigmoid": _h_sigmoid,
    "HardSigmoid": _hard_sigmoid,
    "LogSoftmax": _softmax("LogSoftmax"),
    "MatMul": _matmul,
    "PReLU": _prelu,
    "Range": _range,
    "Pad": _pad,
    **{f"Reduce{kind}": _reduction(f"Reduce{kind}") for kind in ("L1", "L2", "Max", "Mean", "Min")},
    **{f"Reduce{kind}": _reduction(f"Reduce{kind}") for kind in ("Prod", "Sum")},
    "Reshape": _reshape,
    "ScaledDotProductAttention": _attention,
    "ScatterNDUpdate": _scatter_nd,
    "Slice": _slice,
    "SoftMax": _softmax("Softmax"),
    "Split": _split,
    "StridedSlice": _strided_slice,
    "Swish": _swish,
    "Transpose": _transpose,
    "VariadicSplit": _variadic_split,
}
