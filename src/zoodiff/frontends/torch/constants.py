"""Computes small tables, such as relative positions, that a program builds itself."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from zoodiff.frontends.torch.call import Call, Constant, Shape

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 1 << 16
"""The largest table, in elements, that is written into a graph."""
_LARGEST = 8 * MOST
"""The largest table whose values are computed, such as the masks of all windows of an image."""
_EVALUATED = frozenset(
    {"add", "alias", "arange", "clone", "contiguous", "detach", "expand", "flatten", "full"}
    | {"detach_", "lift_fresh", "lift_fresh_copy"}
    | {
        "ceil",
        "clamp",
        "clamp_min",
        "div",
        "floor",
        "pow",
        "round",
        "rsub",
        "square",
        "to",
        "_to_copy",
    }
    | {"mul", "ones", "permute", "reshape", "select", "slice", "squeeze", "stack", "sub", "sum"}
    | {
        "transpose",
        "_unsafe_view",
        "unsqueeze",
        "view",
        "zeros",
        "cat",
        "neg",
        "abs",
        "fill",
        "meshgrid",
        "roll",
        "flip",
        "copy",
    }
    | {"slice_scatter", "select_scatter"}
    | {
        "__and__",
        "__or__",
        "bitwise_and",
        "bitwise_not",
        "bitwise_or",
        "eq",
        "ge",
        "gt",
        "le",
        "lt",
    }
    | {"logical_and", "logical_not", "logical_or", "ne", "tril", "triu", "where", "masked_fill"}
    | {
        "cumsum",
        "gather",
        "index",
        "index_select",
        "log",
        "max",
        "maximum",
        "min",
        "minimum",
        "sign",
        "sqrt",
    }
    | {
        "cos",
        "exp",
        "eye",
        "full_like",
        "new_full",
        "new_ones",
        "new_zeros",
        "ones_like",
        "reciprocal",
    }
    | {"repeat", "scalar_tensor", "sin", "zeros_like"}
)
"""Functions that are computed on such tables; each is deterministic and cheap for its output."""
_IN_PLACE = frozenset({"add", "div", "masked_fill", "mul", "sub"})
"""Those whose variant in place is computed as well, without writing into its operand."""
_TYPES = frozenset({"bool", "float32", "float64", "int32", "int64"})
_PLACES = frozenset({"device", "pin_memory", "layout", "memory_format"})
"""Arguments that say where a tensor lies, not what it holds."""


def values_of(call: Call) -> list[NDArray[np.generic] | None]:
    """Return what a call on known numbers gives, per output; None for what is unknown or large."""
    unknown: list[NDArray[np.generic] | None] = [None] * len(call.outputs)
    space, function, overload = [*call.overload.split("."), "", ""][:3]
    if function.removesuffix("_") in _IN_PLACE:
        function = function.removesuffix("_")  # the result takes the place of the operand
    pure = space == "aten" and function in _EVALUATED
    if not pure or call.dtype not in _TYPES:
        return unknown
    if any(prod(shape) > _LARGEST for shape in call.outputs):
        return unknown
    import torch

    try:
        args = [_known(argument) for argument in call.args]
        kwargs = {k: _known(v) for k, v in call.kwargs.items() if k not in _PLACES}
        with torch.device("cpu"):
            result: Any = getattr(getattr(torch.ops.aten, function), overload)(*args, **kwargs)
    except (LookupError, RuntimeError, TypeError, ValueError):
        return unknown
    several = list(result) if isinstance(result, list | tuple) else [result]
    if len(several) != len(call.outputs):
        return unknown
    pairs = zip(several, call.outputs, strict=True)
    return [_values(tensor, shape, call.dtype) for tensor, shape in pairs]


def _values(tensor: Any, shape: Shape, dtype: str) -> NDArray[np.generic] | None:
    """Return the values of a tensor in memory, if it is what the export says it is."""
    import torch

    expected = isinstance(tensor, torch.Tensor) and tuple(tensor.shape) == shape
    if not expected or tensor.is_meta or str(tensor.dtype) != f"torch.{dtype}":
        return None
    values: NDArray[np.generic] = tensor.contiguous().numpy()
    return values


def _known(argument: Any) -> Any:
    """Return an argument with tensors for known constants; raise LookupError for an unknown one."""
    import torch

    if isinstance(argument, list):
        return [_known(item) for item in argument]
    if isinstance(argument, Constant):
        if argument.values is None:
            raise LookupError(argument.name)
        return torch.from_numpy(argument.values)
    return torch.device("cpu") if isinstance(argument, torch.device) else argument
