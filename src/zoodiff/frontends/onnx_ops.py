"""What each ONNX operator becomes in the canonical graph: normalised attributes, no defaults left.

Operators and defaults are those of https://github.com/onnx/onnx/blob/main/docs/Operators.md, older
forms those of its Changelog.md. An operator without a handler keeps its name and its attributes,
completed from the operator's own schema; one of another domain is kept as ``domain::Name``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from zoodiff.frontends.onnx_call import Attributes, Call, Value, Weight
from zoodiff.frontends.onnx_constants import written
from zoodiff.frontends.onnx_products import einsum, gemm, matmul
from zoodiff.frontends.onnx_shapes import STANDARD, operands
from zoodiff.frontends.onnx_windows import average_pool, conv, conv_transpose, max_pool

Handler = Callable[[Call], Any]

IDENTITIES = frozenset({"Identity", "Dropout"})
"""What changes nothing at inference."""


def translate(call: Call) -> Any:
    """Add the nodes of one ONNX node and return its output, or a list of them."""
    if call.quantized:
        kept = [call.inputs[p] for p in operands(call.op, len(call.inputs))]
        call = replace(call, op=STANDARD[call.op][0], domain="ai.onnx", opset=13, inputs=kept)
    handler = _HANDLERS.get(call.op) if call.domain == "ai.onnx" else None
    result = handler(call) if handler is not None else None
    return _kept(call) if result is None else result


def _kept(call: Call) -> list[Value]:
    """The operator as it is: constants that its schema calls settings become attributes."""
    known = call.domain == "ai.onnx"
    attributes = dict(call.attributes)
    settings: set[int] = set()
    if known:
        attributes = _defaults(call) | attributes
        settings = _settings(call)
    parameters = []
    for position, value in enumerate(call.inputs):
        if not isinstance(value, Weight):
            continue
        real = value.dtype.startswith(("float", "bfloat"))
        if value.array is not None and (position in settings or not real or value.array.size == 1):
            attributes[f"input{position}"] = value.array.reshape(-1).tolist()
        elif real:
            parameters.append(value.parameter())
    if call.quantized:
        attributes["quantized"] = True
    return call.emit(
        call.op if known else f"{call.domain}::{call.op}",
        [value for value in call.inputs if isinstance(value, Value)],
        attributes,
        parameters,
        name=call.name,
    )


def _settings(call: Call) -> set[int]:
    """Positions of inputs with a type of their own: shapes, axes, scales of a Resize.

    An input that may be a weight shares its type, ``T``, with the data.
    """
    from onnx import defs

    try:
        formal = defs.get_schema(call.op, call.opset).inputs
    except defs.SchemaError:
        return set()
    return {position for position, one in enumerate(formal) if one.type_str.startswith("tensor(")}


def _defaults(call: Call) -> Attributes:
    """Attributes that the operator's schema gives where the file leaves them out."""
    from onnx import AttributeProto, defs, helper

    try:
        schema = defs.get_schema(call.op, call.opset)
    except defs.SchemaError:
        return {}
    found: Attributes = {}
    for name, attribute in schema.attributes.items():
        if attribute.default_value.type in {AttributeProto.INT, AttributeProto.FLOAT}:
            value = helper.get_attribute_value(attribute.default_value)
            found[name] = written(value) if isinstance(value, float) else value
        elif attribute.default_value.type == AttributeProto.STRING:
            found[name] = helper.get_attribute_value(attribute.default_value).decode()
    return found


def _batch_normalization(call: Call) -> Value:
    """Every opset's form; what makes it another function than usual is an attribute."""
    data, scale, shift, mean, variance = (call.given(i) for i in range(5))
    attributes: Attributes = {
        "epsilon": float(call.attributes.get("epsilon", 1e-5)),
        "axis": 1,
        "scale": True,
        "center": True,
    }
    if "momentum" in call.attributes:
        attributes["momentum"] = float(call.attributes["momentum"])
    if not call.attributes.get("spatial", 1):
        attributes["spatial"] = False  # until opset 8: statistics of each place of the image
    if call.attributes.get("training_mode", 0):
        attributes["training"] = True
    return call.node(
        "BatchNormalization",
        attributes,
        inputs=[data, scale, shift],
        frozen=[w for w in (mean, variance) if isinstance(w, Weight)],
    )


def _layer_normalization(call: Call) -> Value:
    rank = len(call.data.shape)
    first = int(call.attributes.get("axis", -1)) % rank
    return call.node(
        "LayerNormalization",
        {
            "epsilon": float(call.attributes.get("epsilon", 1e-5)),
            "axes": list(range(first, rank)),
            "scale": call.given(1) is not None,
            "center": call.given(2) is not None,
        },
    )


def _lrn(call: Call) -> Value:
    return call.node(
        "LRN",
        {
            "alpha": float(call.attributes.get("alpha", 1e-4)),
            "beta": float(call.attributes.get("beta", 0.75)),
            "bias": float(call.attributes.get("bias", 1.0)),
            "size": int(call.attributes["size"]),
        },
    )


def _arithmetic(op: str) -> Handler:
    def handle(call: Call) -> Value | None:
        if len(call.inputs) != 2:
            return None
        for position, constant in enumerate(call.inputs):
            if not isinstance(constant, Weight):
                continue
            attributes: Attributes = {}
            if position == 0 and op in {"Sub", "Div"}:
                attributes["constant_first"] = True
            if constant.scalar is not None:
                return call.node(op, attributes | {"value": constant.scalar}, inputs=[call.data])
            return call.node(op, attributes | _broadcast(call, constant))
        if call.opset < 7 and "axis" in call.attributes:
            return call.node(op, {"axis": call.axis(0)})
        return call.node(op)

    return handle


def _broadcast(call: Call, constant: Weight) -> Attributes:
    """How a constant lies along the data: the axis of a vector, else the shape it was brought to.

    Until opset 6 an attribute says where it begins; since then it ends where the data ends.
    """
    rank, shape = len(call.data.shape), constant.shape
    first = rank - len(shape)
    if call.opset < 7 and "axis" in call.attributes:
        first = call.axis(0)
        shape = (*shape, *(1,) * (rank - first - len(shape)))
    wide = [i for i, extent in enumerate(shape) if extent != 1]
    if len(wide) == 1 and first >= 0:
        return {"axis": first + wide[0]}
    if shape != (constant.stored or constant.shape):
        return {"constant_shape": list(shape)}
    return {}


def _sum(call: Call) -> Value | None:
    return _arithmetic("Add")(call) if len(call.inputs) == 2 else None


def _prelu(call: Call) -> Value | None:
    """Until opset 6 a vector of slopes lies along axis 1, since then where numpy puts it."""
    slope = call.weight(1)
    if slope is None or slope.shape == (1,):
        return None
    old = call.opset < 7 and len(slope.shape) == 1
    return call.node("PRelu", {"axis": 1} if old else _broadcast(call, slope))


def _clip(call: Call) -> Value:
    bounds: Attributes = {"min": call.number("min", 1), "max": call.number("max", 2)}
    return call.node("Clip", bounds, inputs=[call.data])


def _softmax(call: Call) -> Value:
    """Before opset 13 the axis defaults to 1 and everything behind it is one dimension."""
    axis = call.axis(-1 if call.opset >= 13 else 1)
    attributes: Attributes = {"axis": axis}
    if call.opset < 13 and prod(call.data.shape[axis + 1 :]) != 1:
        attributes["flattened"] = True
    return call.node(call.op, attributes)


def _reshape(call: Call) -> Value:
    return call.node("Reshape", {"shape": list(call.outputs[0])}, inputs=[call.data])


def _flatten(call: Call) -> Value:
    axis = int(call.attributes.get("axis", 1))  # may be the rank itself, so no remainder
    return call.node("Flatten", {"axis": axis + len(call.data.shape) if axis < 0 else axis})


def _transpose(call: Call) -> Value:
    rank = len(call.data.shape)
    return call.node(
        "Transpose", {"perm": list(call.attributes.get("perm", reversed(range(rank))))}
    )


def _concat(call: Call) -> Value:
    attributes: Attributes = {"axis": call.axis(1)}
    constants = [i for i, value in enumerate(call.inputs) if isinstance(value, Weight)]
    if constants:
        attributes["parameters_at"] = constants
    return call.node("Concat", attributes)


def _axes(call: Call) -> Value:
    rank = len(call.outputs[0] if call.op == "Unsqueeze" else call.data.shape) or 1
    axes = call.integers("axes", 1)
    if axes is None:
        axes = [i for i, n in enumerate(call.data.shape) if n == 1]
    return call.node(call.op, {"axes": [a % rank for a in axes]}, inputs=[call.data])


def _slice(call: Call) -> Value | None:
    """Bounds as Python's slices have them, whatever way the file counts."""
    starts, ends = call.integers("starts", 1), call.integers("ends", 2)
    if starts is None or ends is None or not call.data.shape:
        return None
    axes, steps = call.integers("axes", 3), call.integers("steps", 4)
    rank = len(call.data.shape)
    axes = [a % rank for a in axes] if axes is not None else list(range(len(starts)))
    steps = steps if steps is not None else [1] * len(starts)
    if min(steps) < 1 or any(call.data.shape[a] < 0 for a in axes):
        return None
    places = zip(starts, ends, steps, axes, strict=True)
    bounds = [slice(a, b, s).indices(call.data.shape[axis])[:2] for a, b, s, axis in places]
    return call.node(
        "Slice",
        {
            "axes": axes,
            "starts": [a for a, _ in bounds],
            "ends": [b for _, b in bounds],
            "steps": steps,
        },
        inputs=[call.data],
    )


def _split(call: Call) -> list[Value] | None:
    axis = call.axis(0)
    if not call.data.shape or not all(call.outputs):
        return None
    sizes = [shape[axis] for shape in call.outputs]
    return call.emit("Split", [call.data], {"axis": axis, "split": sizes}, [], name=call.name)


def _pad(call: Call) -> Value | None:
    pads = call.integers("paddings" if "paddings" in call.attributes else "pads", 1)
    if pads is None:
        return None
    rank = len(pads) // 2
    chosen = call.weight(3)
    axes = (chosen.integers() if chosen is not None else None) or list(range(rank))
    axes = [axis % (len(call.data.shape) or rank) for axis in axes]
    moved = [i for i in range(rank) if pads[i] or pads[i + rank]]
    if not moved:
        return call.data
    if all(axes[i] >= 2 for i in moved) and len(call.data.shape) == 4:
        table = {axes[i]: (pads[i], pads[i + rank]) for i in range(rank)}
        pads = [table.get(a, (0, 0))[side] for side in (0, 1) for a in (2, 3)]
        axes = [2, 3]
    return call.node(
        "Pad",
        {
            "pads": pads,
            "axes": axes,
            "mode": str(call.attributes.get("mode", "constant")),
            "value": call.number("value", 2) or 0.0,
        },
        inputs=[call.data],
    )


def _reduce_mean(call: Call) -> Value | None:
    rank = len(call.data.shape)
    axes = call.integers("axes", 1)
    if axes is None or not rank:
        return None
    wanted = sorted(a % rank for a in axes)
    keep = bool(call.attributes.get("keepdims", 1))
    if rank == 4 and wanted == [2, 3]:
        pooled = (*call.data.shape[:2], 1, 1)
        step = "" if keep else "pool"
        output = call.node("GlobalAveragePool", inputs=[call.data], shape=pooled, step=step)
        return output if keep else call.node("Flatten", {"axis": 1}, inputs=[output])
    return call.node("ReduceMean", {"axes": wanted, "keepdims": keep}, inputs=[call.data])


def _reduce_l2(call: Call) -> Value | None:
    axes, rank = call.integers("axes", 1), len(call.data.shape)
    if axes is None or not rank:
        return None
    keep = bool(call.attributes.get("keepdims", 1))
    wanted = sorted(a % rank for a in axes)
    return call.node("ReduceL2", {"axes": wanted, "keepdims": keep}, inputs=[call.data])


def _expand(call: Call) -> Value | None:
    if not call.outputs[0] or not isinstance(call.given(0), Value):
        return None
    return call.node("Expand", {"shape": list(call.outputs[0])}, inputs=[call.data])


def _gather(call: Call) -> Value | None:
    index = call.weight(1)
    if not isinstance(call.given(0), Value) or index is None or index.array is None:
        return None
    chosen = [int(n) for n in index.array.reshape(-1)]
    attributes: Attributes = {"axis": call.axis(0), "indices": chosen}
    if index.array.ndim == 0:
        attributes = {"axis": call.axis(0), "index": chosen[0]}
    elif index.array.ndim > 1:
        attributes["indices_shape"] = list(index.array.shape)
    return call.node("Gather", attributes, inputs=[call.data])


def _plain(op: str, attributes: Attributes | None = None) -> Handler:
    return lambda call: call.node(op, dict(attributes or {}), inputs=[call.data])


def _hard_sigmoid(call: Call) -> Value:
    slopes = {n: float(call.attributes.get(n, d)) for n, d in (("alpha", 0.2), ("beta", 0.5))}
    return call.node("HardSigmoid", slopes)


def _gelu(call: Call) -> Value:
    return call.node("Gelu", {"approximate": str(call.attributes.get("approximate", "none"))})


def _quantise(call: Call) -> Value:
    scale, zero = call.weight(1), call.weight(2)
    attributes: Attributes = {"scale": scale.scalar if scale is not None else None}
    attributes["zero_point"] = zero.scalar if zero is not None else 0.0
    if attributes["scale"] is None:
        attributes["axis"] = call.axis(1)
    return call.node(call.op, attributes, inputs=[call.data])


_HANDLERS: dict[str, Handler] = {
    "Add": _arithmetic("Add"),
    "AveragePool": average_pool,
    "BatchNormalization": _batch_normalization,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": conv,
    "ConvInteger": conv,
    "ConvTranspose": conv_transpose,
    "DequantizeLinear": _quantise,
    "Div": _arithmetic("Div"),
    "Einsum": einsum,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": _gelu,
    "Gemm": gemm,
    "GlobalAveragePool": _plain("GlobalAveragePool"),
    "GlobalMaxPool": _plain("GlobalMaxPool"),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain("HardSwish"),
    "LRN": _lrn,
    "LayerNormalization": _layer_normalization,
    "LogSoftmax": _softmax,
    "MatMul": matmul,
    "MatMulInteger": matmul,
    "MaxPool": max_pool,
    "Mul": _arithmetic("Mul"),
    "PRelu": _prelu,
    "Pad": _pad,
    "QLinearConv": conv,
    "QLinearMatMul": matmul,
    "QuantizeLinear": _quantise,
    "ReduceL2": _reduce_l2,
    "ReduceMean": _reduce_mean,
    "Relu": _plain("Relu"),
    "Reshape": _reshape,
    "Sigmoid": _plain("Sigmoid"),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Squeeze": _axes,
    "Sub": _arithmetic("Sub"),
    "Sum": _sum,
    "Tanh": _plain("Tanh"),
    "Transpose": _transpose,
    "Unsqueeze": _axes,
}
