"""What each ONNX operator becomes in the canonical graph: normalised attributes, no defaults left.

Operators and defaults are those of https://github.com/onnx/onnx/blob/main/docs/Operators.md, older
forms those of its Changelog.md. An operator without a handler keeps its name and its attributes,
completed from the operator's own schema; one of another domain is kept as ``domain::Name``.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from zoodiff.frontends.onnx_call import Attributes, Call, Value, Weight
from zoodiff.frontends.onnx_windows import average_pool, conv, conv_transpose, max_pool

Handler = Callable[[Call], Any]

IDENTITIES = frozenset({"Identity", "Dropout"})
"""What changes nothing at inference."""


def translate(call: Call) -> Any:
    """Add the nodes of one ONNX node and return its output, or a list of them."""
    handler = _HANDLERS.get(call.op) if call.domain in {"ai.onnx", "com.microsoft"} else None
    result = handler(call) if handler is not None else None
    return _kept(call) if result is None else result


def _kept(call: Call) -> list[Value]:
    known = call.domain == "ai.onnx"
    attributes = dict(call.attributes)
    if known:
        attributes = _defaults(call) | attributes
    parameters = [
        w.parameter()
        for w in call.inputs
        if isinstance(w, Weight) and w.dtype.startswith(("float", "bfloat")) and w.scalar is None
    ]
    for position, value in enumerate(call.inputs):
        if isinstance(value, Weight) and value.array is not None and value.array.size <= 16:
            attributes[f"input{position}"] = value.array.reshape(-1).tolist()
    return call.emit(
        call.op if known else f"{call.domain}::{call.op}",
        [value for value in call.inputs if isinstance(value, Value)],
        attributes,
        parameters,
        name=call.name,
    )


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
            found[name] = helper.get_attribute_value(attribute.default_value)
        elif attribute.default_value.type == AttributeProto.STRING:
            found[name] = helper.get_attribute_value(attribute.default_value).decode()
    return found


def _gemm(call: Call) -> Value | None:
    weight, bias = call.weight(1), call.given(2)
    if weight is None or len(weight.shape) != 2 or call.attributes.get("transA", 0):
        return None
    rows, columns = weight.shape
    if call.attributes.get("transB", 0):
        rows, columns = columns, rows
    attributes: Attributes = {
        "in_features": rows,
        "out_features": columns,
        "bias": bias is not None,
        "axis": 1,
    }
    for name in ("alpha", "beta"):
        if call.attributes.get(name, 1.0) != 1.0 and (name == "alpha" or bias is not None):
            attributes[name] = float(call.attributes[name])
    return call.node("Gemm", attributes)


def _matmul(call: Call) -> Value | None:
    return _product(call, call.given(0), call.given(1), quantized=False)


def _quantised_matmul(call: Call) -> Value | None:
    """QLinearMatMul holds its second factor at position 3, MatMulInteger at 1."""
    second = call.given(3 if call.op == "QLinearMatMul" else 1)
    return _product(call, call.given(0), second, quantized=True)


def _quantised_gemm(call: Call) -> Value | None:
    """QGemm of ONNX Runtime: A, its scale and zero point, B, its scale and zero point, C."""
    weight, bias = call.weight(3), call.given(6)
    if weight is None or len(weight.shape) != 2:
        return None
    rows, columns = weight.shape
    if call.attributes.get("transB", 0):
        rows, columns = columns, rows
    return call.node(
        "Gemm",
        {
            "in_features": rows,
            "out_features": columns,
            "bias": bias is not None,
            "axis": 1,
            "quantized": True,
        },
        inputs=[call.data, weight, bias],
    )


def _product(call: Call, first: Any, second: Any, *, quantized: bool) -> Value | None:
    extra: Attributes = {"quantized": True} if quantized else {}
    if isinstance(first, Value) and isinstance(second, Weight) and len(second.shape) == 2:
        rows, columns = second.shape
        following = None if quantized else call.bias_after(columns)
        bias = following[0] if following else None
        if following:
            call.merged.append(following[1])
        return call.node(
            "Gemm",
            {
                "in_features": rows,
                "out_features": columns,
                "bias": bias is not None,
                "axis": len(first.shape) - 1,
            }
            | extra,
            inputs=[first, second, bias],
        )
    if not isinstance(first, Value) or not isinstance(second, Value) or len(first.shape) < 2:
        return None
    output = call.outputs[0]
    sizes = {
        "batch": prod(output[:-2]),
        "m": output[-2],
        "k": first.shape[-1],
        "n": output[-1],
    }
    return call.node("MatMul", sizes | extra)


def _batch_normalization(call: Call) -> Value:
    data, scale, shift, mean, variance = (call.given(i) for i in range(5))
    return call.node(
        "BatchNormalization",
        {
            "epsilon": float(call.attributes.get("epsilon", 1e-5)),
            "momentum": float(call.attributes.get("momentum", 0.9)),
            "axis": 1,
            "scale": True,
            "center": True,
        },
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
        first, second = call.inputs
        axis = {"axis": int(call.attributes["axis"])} if "axis" in call.attributes else {}
        for position, constant in enumerate((first, second)):
            if isinstance(constant, Weight) and constant.scalar is not None:
                attributes: Attributes = {"value": constant.scalar}
                if position == 0 and op in {"Sub", "Div"}:
                    attributes["constant_first"] = True
                return call.node(op, attributes, inputs=[call.data])
        if isinstance(first, Weight) and op in {"Sub", "Div"}:
            axis["constant_first"] = True
        return call.node(op, axis)

    return handle


def _sum(call: Call) -> Value | None:
    return _arithmetic("Add")(call) if len(call.inputs) == 2 else None


def _clip(call: Call) -> Value:
    bounds: Attributes = {"min": call.number("min", 1), "max": call.number("max", 2)}
    return call.node("Clip", bounds, inputs=[call.data])


def _softmax(call: Call) -> Value:
    """Before opset 13 the axis defaults to 1 and everything behind it is one dimension."""
    rank = len(call.outputs[0]) or 1
    axis = int(call.attributes.get("axis", -1 if call.opset >= 13 else 1)) % rank
    attributes: Attributes = {"axis": axis}
    if call.opset < 13 and prod(call.outputs[0][axis + 1 :]) != 1:
        attributes["flattened"] = True
    return call.node(call.op, attributes)


def _reshape(call: Call) -> Value:
    return call.node("Reshape", {"shape": list(call.outputs[0])}, inputs=[call.data])


def _flatten(call: Call) -> Value:
    rank = max(len(call.data.shape), 1)
    return call.node("Flatten", {"axis": int(call.attributes.get("axis", 1)) % (rank + 1)})


def _transpose(call: Call) -> Value:
    rank = len(call.data.shape)
    return call.node(
        "Transpose", {"perm": list(call.attributes.get("perm", reversed(range(rank))))}
    )


def _concat(call: Call) -> Value:
    rank = len(call.outputs[0]) or 1
    return call.node("Concat", {"axis": int(call.attributes.get("axis", 1)) % rank})


def _axes(call: Call) -> Value:
    rank = len(call.outputs[0] if call.op == "Unsqueeze" else call.data.shape) or 1
    axes = call.integers("axes", 1)
    if axes is None:
        axes = [i for i, n in enumerate(call.data.shape) if n == 1]
    return call.node(call.op, {"axes": [a % rank for a in axes]}, inputs=[call.data])


def _pad(call: Call) -> Value | None:
    pads = call.integers("paddings" if "paddings" in call.attributes else "pads", 1)
    if pads is None:
        return None
    rank = len(pads) // 2
    chosen = call.weight(3)
    axes = (chosen.integers() if chosen is not None else None) or list(range(rank))
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


def _gather(call: Call) -> Value | None:
    index = call.weight(1)
    if not isinstance(call.given(0), Value) or index is None or index.scalar is None:
        return None
    axis = int(call.attributes.get("axis", 0)) % max(len(call.data.shape), 1)
    return call.node("Gather", {"axis": axis, "index": int(index.scalar)}, inputs=[call.data])


def _plain(op: str, attributes: Attributes | None = None) -> Handler:
    return lambda call: call.node(op, dict(attributes or {}), inputs=[call.data])


def _hard_sigmoid(call: Call) -> Value:
    slopes = {n: float(call.attributes.get(n, d)) for n, d in (("alpha", 0.2), ("beta", 0.5))}
    return call.node("HardSigmoid", slopes)


def _gelu(call: Call) -> Value:
    return call.node("Gelu", {"approximate": str(call.attributes.get("approximate", "none"))})


def _quantise(call: Call) -> Value:
    scale = call.weight(1)
    known = scale.scalar if scale is not None else None
    return call.node(call.op, {"scale": known}, inputs=[call.data])


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
    "Flatten": _flatten,
    "Gather": _gather,
    "Gelu": _gelu,
    "Gemm": _gemm,
    "GlobalAveragePool": _plain("GlobalAveragePool"),
    "GlobalMaxPool": _plain("GlobalMaxPool"),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain("HardSwish"),
    "LRN": _lrn,
    "LayerNormalization": _layer_normalization,
    "LogSoftmax": _softmax,
    "MatMul": _matmul,
    "MatMulInteger": _quantised_matmul,
    "MaxPool": max_pool,
    "Mul": _arithmetic("Mul"),
    "Pad": _pad,
    "QGemm": _quantised_gemm,
    "QLinearConv": conv,
    "QLinearMatMul": _quantised_matmul,
    "QuantizeLinear": _quantise,
    "ReduceMean": _reduce_mean,
    "Relu": _plain("Relu"),
    "Reshape": _reshape,
    "Sigmoid": _plain("Sigmoid"),
    "Softmax": _softmax,
    "Squeeze": _axes,
    "Sub": _arithmetic("Sub"),
    "Sum": _sum,
    "Tanh": _plain("Tanh"),
    "Transpose": _transpose,
    "Unsqueeze": _axes,
}
