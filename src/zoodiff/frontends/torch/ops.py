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
from zoodiff.frontends.operations import Extents
from zoodiff.frontends.torch import (
    elementwise,
    indexing,
    logic,
    norms,
    recurrent,
    resampling,
    reshaping,
)
from zoodiff.frontends.torch.attention import attention
from zoodiff.frontends.torch.call import Call, Constant, Handler, Value, weights
from zoodiff.frontends.torch.constants import values_of
from zoodiff.frontends.torch.windows import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    conv,
    conv_transpose,
    convolution,
    max_pool,
)
from zoodiff.graph.ir import AttributeValue, Parameter
from zoodiff.graph.operators.random_numbers import TORCH


def translate(call: Call) -> Any:
    """Add the nodes of one call and return its output, or a list of several outputs."""
    if call.function in TORCH:  # the numbers that it draws are no constant
        return _opaque(call)
    handler = _HANDLERS.get(call.function)
    constants = [a for a in _flat(call.args) if isinstance(a, Constant)]
    if call.function in _SHAPE_ONLY or (constants and not call.tensors):
        pairs = zip(call.outputs, values_of(call), strict=True)
        constant_outputs = [Constant(call.name, shape, values) for shape, values in pairs]
        return constant_outputs[0] if len(constant_outputs) == 1 else constant_outputs
    if constants and call.function not in _WITH_CONSTANTS:
        handler = None
    result = handler(call) if handler is not None else None
    return _opaque(call) if result is None else result


def _flat(arguments: Iterable[Any]) -> list[Any]:
    return [x for a in arguments for x in (a if isinstance(a, list) else [a])]


_SHAPE_ONLY = frozenset(
    {"arange", "eye", "full", "new_full", "new_ones", "new_zeros", "ones", "scalar_tensor", "zeros"}
    | {"full_like", "ones_like", "zeros_like"}
)
"""Functions that read the shape of a tensor at most, never its values."""
_WITH_CONSTANTS = frozenset(
    {"add", "div", "embedding", "index", "index_select", "mul", "pow", "sub"}
    | {"scaled_dot_product_attention", *logic.HANDLERS, *recurrent.HANDLERS}
)


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
    if isinstance(bias, Value):  # computed from weights, as where the bias of keys is zeroed
        layer = operations.linear(
            weight.shape[1], weight.shape[0], bias=False, axis=len(data.shape) - 1
        )
        product = call.node(layer, inputs=[data, weight], step="product")
        return call.node(operations.arithmetic("Add"), inputs=[product, bias])
    return call.node(
        operations.linear(
            weight.shape[1], weight.shape[0], bias=bias is not None, axis=len(data.shape) - 1
        ),
        inputs=weights(data, weight, bias),
    )


def _linear_with_bias_first(call: Call) -> Value | None:
    """Convert ``addmm``: a bias, data, and a weight whose first axis is the input's."""
    bias, data, weight = call.args[:3]
    plain = call.arg(3, "beta", 1) == call.arg(4, "alpha", 1) == 1
    owned = isinstance(weight, Parameter) and isinstance(bias, Parameter)
    if not plain or not owned or not isinstance(data, Value) or len(bias.shape) != 1:
        return None
    layer = operations.linear(*weight.shape, bias=True, axis=len(data.shape) - 1)
    return call.node(layer, inputs=[data, weight, bias], matrices="IO")


def _normed_weight(call: Call) -> Value | None:
    """Convert the weight of a weight norm: a direction times a length along one axis.

    T. Salimans and D. Kingma, "Weight normalization", 2016.
    """
    import numpy as np

    direction, length, axis = call.args[0], call.args[1], int(call.arg(2, "dim", 0))
    if not isinstance(direction, Parameter) or not isinstance(length, Parameter):
        return None
    shape, rank = direction.shape, len(direction.shape)
    axes = [k for k in range(rank) if k != axis % rank]
    along = Constant("axes", (len(axes),), np.asarray(axes))
    thin = tuple(n if k == axis % rank else 1 for k, n in enumerate(shape))
    size = logic.onnx_node(
        call,
        "onnx::ReduceL2",
        [direction, along],
        thin,
        "size",
        keepdims=1,
        noop_with_empty_axes=0,
    )
    unit = logic.onnx_node(call, "onnx::Div", [direction, size], shape, "unit")
    return logic.onnx_node(call, "onnx::Mul", [unit, length])


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


_HANDLERS: dict[str, Handler] = {
    **elementwise.HANDLERS,
    **indexing.HANDLERS,
    **logic.HANDLERS,
    **norms.HANDLERS,
    **recurrent.HANDLERS,
    **resampling.HANDLERS,
    **reshaping.HANDLERS,
    "_weight_norm": _normed_weight,
    "adaptive_avg_pool2d": adaptive_avg_pool,
    "adaptive_max_pool2d": adaptive_max_pool,
    "addmm": _linear_with_bias_first,
    "avg_pool2d": avg_pool,
    "bmm": _matmul,
    "_convolution": convolution,
    "conv1d": conv,
    "conv2d": conv,
    "conv3d": conv,
    "conv_transpose2d": conv_transpose,
    "convolution": convolution,
    "einsum": _einsum,
    "linear": _linear,
    "matmul": _matmul,
    "max_pool2d": max_pool,
    "scaled_dot_product_attention": attention,
}
