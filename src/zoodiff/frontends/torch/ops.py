"""Converts each ATen function to canonical nodes, by one handler per function.

A handler returns None for a setting that it cannot express exactly. Such a function, and any
function without a handler, becomes an opaque node ``aten::name`` with its plain arguments.
Names and arguments are those of PyTorch's native functions
(https://github.com/pytorch/pytorch/blob/main/aten/src/ATen/native/native_functions.yaml).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.operations import Arithmetic, Extents, Operation
from zoodiff.frontends.torch import reshaping
from zoodiff.frontends.torch.call import Call, Constant, Handler, Shape, Value, weights
from zoodiff.frontends.torch.windows import (
    adaptive_avg_pool,
    avg_pool,
    conv,
    conv_transpose,
    convolution,
    max_pool,
)
from zoodiff.graph.ir import AttributeValue, Parameter


def translate(call: Call) -> Any:
    """Add the nodes of one call and return its output, or a list of several outputs."""
    handler = _HANDLERS.get(call.function)
    constants = [a for a in _flat(call.args) if isinstance(a, Constant)]
    if call.function in _SHAPE_ONLY or (constants and not call.tensors):
        constant_outputs = [Constant(call.name, shape) for shape in call.outputs]
        return constant_outputs[0] if len(constant_outputs) == 1 else constant_outputs
    if constants and call.function not in _WITH_CONSTANTS:
        handler = None
    result = handler(call) if handler is not None else None
    return _opaque(call) if result is None else result


def _flat(arguments: Iterable[Any]) -> list[Any]:
    return [x for a in arguments for x in (a if isinstance(a, list) else [a])]


_SHAPE_ONLY = frozenset(
    {"arange", "full", "new_full", "new_ones", "new_zeros", "ones", "scalar_tensor", "zeros"}
    | {"full_like", "ones_like", "zeros_like"}
)
"""Functions that read the shape of a tensor at most, never its values."""
_WITH_CONSTANTS = frozenset({"add", "mul", "sub"})


def _opaque(call: Call) -> Any:
    """Add a function as an opaque node with its plain arguments and return its outputs."""
    plain: dict[str, AttributeValue] = {}
    for position, argument in enumerate(call.args):
        numbers = isinstance(argument, list) and all(isinstance(i, int | float) for i in argument)
        if numbers or isinstance(argument, bool | int | float | str):
            plain[f"arg{position}"] = argument
    for key, argument in call.kwargs.items():
        if isinstance(argument, bool | int | float | str):
            plain[key] = argument
    outputs = call.nodes(operations.opaque(f"aten::{call.function}", plain), call.outputs)
    return outputs[0] if len(outputs) == 1 else outputs


def _linear(call: Call) -> Value:
    data, weight, bias = call.arg(0, "input"), call.arg(1, "weight"), call.arg(2, "bias")
    return call.node(
        operations.linear(
            weight.shape[1], weight.shape[0], bias=bias is not None, axis=len(data.shape) - 1
        ),
        inputs=weights(data, weight, bias),
    )


def _matmul(call: Call) -> Value | None:
    first, second = call.args[0], call.args[1]
    if isinstance(second, Parameter) and isinstance(first, Value) and len(second.shape) == 2:
        layer = operations.linear(*second.shape, bias=False, axis=len(first.shape) - 1)
        return call.node(layer, matrices="IO")
    if len(first.shape) < 2 or len(second.shape) < 2:
        return None
    output = call.outputs[0]
    extents = Extents(prod(output[:-2]), output[-2], first.shape[-1], output[-1])
    return call.node(operations.matmul(extents))


def _attention(call: Call) -> Value | None:
    """Add ``softmax(q k^T * scale + mask) v`` as separate nodes.

    A. Vaswani et al., "Attention is all you need", 2017, equation 1.
    """
    query, key, value = call.args[:3]
    causal = call.arg(5, "is_causal", False)
    if causal:
        return None
    *lead, length, width = query.shape
    keys, depth = key.shape[-2], value.shape[-1]
    scale = call.kwargs.get("scale")
    scores_shape: Shape = (*lead, length, keys)
    scores = call.node(
        operations.matmul(
            Extents(prod(lead), length, width, keys),
            second_transposed=True,
            scale=float(scale if scale is not None else width**-0.5),
        ),
        inputs=[query, key],
        shape=scores_shape,
        step="scores",
    )
    mask = call.arg(3, "attn_mask")
    if mask is not None:
        scores = call.node(
            operations.arithmetic("Add"), inputs=[scores, mask], shape=scores_shape, step="mask"
        )
    probabilities = call.node(
        operations.softmax(len(scores_shape) - 1),
        inputs=[scores],
        shape=scores_shape,
        step="softmax",
    )
    return call.node(
        operations.matmul(Extents(prod(lead), length, keys, depth)), inputs=[probabilities, value]
    )


def _einsum(call: Call) -> Value | None:
    """Convert an Einsum of two tensors to a product; None for other forms."""
    equation, operands = str(call.args[0]).replace(" ", ""), call.args[1]
    left, _, result = equation.partition("->")
    terms = left.split(",")
    if len(operands) != 2 or "." in equation or not result:
        return None
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, operands, strict=True):
        sizes |= dict(zip(term, operand.shape, strict=True))
    first, second = set(terms[0]), set(terms[1])
    result_axes = set(result)
    groups = (
        first & second & result_axes,
        first - second,
        (first & second) - result_axes,
        second - first,
    )
    extents = Extents(*(prod(sizes[axis] for axis in group) for group in groups))
    return call.node(operations.matmul(extents, equation=equation))


def _batch_norm(call: Call) -> Value | None:
    data, *owned = call.args[:5]
    if call.arg(5, "training", False):
        return None
    return call.node(
        operations.batch_norm(
            epsilon=call.arg(7, "eps"),
            # PyTorch's momentum is the weight of the new value, ONNX's that of the old value.
            momentum=1.0 - float(call.arg(6, "momentum")),
            axis=1,
            scale=owned[0] is not None,
            center=owned[1] is not None,
        ),
        inputs=weights(data, *owned),
    )


def _layer_norm(call: Call) -> Value:
    data, shape, weight, bias = (call.arg(i, "") for i in range(4))
    rank = len(data.shape)
    return call.node(
        operations.layer_norm(
            range(rank - len(shape), rank),
            epsilon=call.arg(4, "eps", 1e-5),
            scale=weight is not None,
            center=bias is not None,
        ),
        inputs=weights(data, weight, bias),
    )


def _group_norm(call: Call) -> Value:
    data, groups, weight, bias = (call.arg(i, "") for i in range(4))
    return call.node(
        operations.group_norm(
            groups,
            epsilon=call.arg(4, "eps", 1e-5),
            scale=weight is not None,
            center=bias is not None,
        ),
        inputs=weights(data, weight, bias),
    )


def _mean(call: Call) -> Value | None:
    data, axes = call.args[0], call.arg(1, "dim")
    rank = len(data.shape)
    reduced = sorted(int(a) % rank for a in (axes if isinstance(axes, list) else [axes]))
    keep = bool(call.arg(2, "keepdim", False))
    if rank == 4 and reduced == [2, 3]:
        pooled: Shape = (*data.shape[:2], 1, 1)
        step = "" if keep else "pool"
        output = call.node(operations.GLOBAL_AVERAGE_POOL, inputs=[data], shape=pooled, step=step)
        return output if keep else call.node(operations.flatten(), inputs=[output])
    return call.node(operations.reduced("ReduceMean", reduced, keepdims=keep))


def _arithmetic(op: Arithmetic) -> Handler:
    def handle(call: Call) -> Value | None:
        first, second = call.args[0], call.arg(1, "other")
        if call.kwargs.get("alpha", 1) != 1 or call.kwargs.get("rounding_mode"):
            return None
        if isinstance(second, bool | int | float):
            return call.node(operations.arithmetic(op, value=float(second)), inputs=[first])
        if isinstance(first, bool | int | float):
            reverse = operations.arithmetic(op, value=float(first), constant_first=True)
            return call.node(reverse, inputs=[second])
        if isinstance(second, Constant) and isinstance(first, Value):
            return call.node(operations.arithmetic(op, constant_shape=second.shape), inputs=[first])
        if not all(isinstance(v, Value | Parameter) for v in (first, second)):
            return None
        weight_first = isinstance(first, Parameter)
        return call.node(operations.arithmetic(op, constant_first=weight_first))

    return handle


def _plain(operation: Operation) -> Handler:
    return lambda call: call.node(operation, inputs=[call.args[0]])


def _unary(op: str) -> Handler:
    return _plain(operations.unary(op))


def _elu(call: Call) -> Value | None:
    """Convert elu; None where it scales its input or result, as selu does."""
    if call.arg(2, "scale", 1) != 1 or call.arg(3, "input_scale", 1) != 1:
        return None
    return call.node(operations.elu(call.arg(1, "alpha", 1.0)), inputs=[call.args[0]])


def _clip(call: Call) -> Value | None:
    low, high = call.arg(1, "min", -1.0), call.arg(2, "max", 1.0)
    if not all(bound is None or isinstance(bound, int | float) for bound in (low, high)):
        return None  # bounds that are computed
    return call.node(operations.clip(low, high), inputs=[call.args[0]])


def _softmax(call: Call) -> Value:
    axis = int(call.args[1]) % len(call.outputs[0])
    return call.node(operations.softmax(axis), inputs=[call.args[0]])


def _gelu(call: Call) -> Value:
    return call.node(operations.gelu(tanh=call.kwargs.get("approximate") == "tanh"))


def _vector_norm(call: Call) -> Value | None:
    axes = call.arg(2, "dim")
    if call.arg(1, "ord", 2) != 2 or axes is None:
        return None
    rank = len(call.args[0].shape)
    reduced = sorted(int(a) % rank for a in (axes if isinstance(axes, list) else [axes]))
    return call.node(
        operations.reduced("ReduceL2", reduced, keepdims=call.arg(3, "keepdim", False))
    )


def _at_least(call: Call) -> Value | None:
    if not isinstance(call.args[1], int | float):
        return None
    return call.node(operations.clip(call.args[1], None), inputs=[call.args[0]])


def _same(call: Call) -> Any:
    """Return the input of a function without effect at inference."""
    return call.args[0]


_HANDLERS: dict[str, Handler] = {
    **reshaping.HANDLERS,
    "adaptive_avg_pool2d": adaptive_avg_pool,
    "add": _arithmetic("Add"),
    "alias": _same,
    "avg_pool2d": avg_pool,
    "batch_norm": _batch_norm,
    "bmm": _matmul,
    "clamp": _clip,
    "clamp_min": _at_least,
    "clone": _same,
    "contiguous": _same,
    "_convolution": convolution,
    "conv2d": conv,
    "conv_transpose2d": conv_transpose,
    "convolution": convolution,
    "detach": _same,
    "div": _arithmetic("Div"),
    "dropout": _same,
    "einsum": _einsum,
    "elu": _elu,
    "exp": _unary("Exp"),
    "feature_dropout": _same,
    "gelu": _gelu,
    "group_norm": _group_norm,
    "hardsigmoid": _plain(operations.hard_sigmoid()),
    "hardswish": _plain(operations.HARD_SWISH),
    "hardtanh": _clip,
    "layer_norm": _layer_norm,
    "linalg_vector_norm": _vector_norm,
    "linear": _linear,
    "matmul": _matmul,
    "max_pool2d": max_pool,
    "mean": _mean,
    "mul": _arithmetic("Mul"),
    "relu": _unary("Relu"),
    "relu6": _plain(operations.RELU6),
    "scaled_dot_product_attention": _attention,
    "sigmoid": _unary("Sigmoid"),
    "silu": _plain(operations.swish()),
    "softmax": _softmax,
    "sub": _arithmetic("Sub"),
    "tanh": _unary("Tanh"),
}
