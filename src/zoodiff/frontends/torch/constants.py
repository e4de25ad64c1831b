"""Computes small tables, such as relative positions, that a program builds itself."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from zoodiff.frontends.torch.call import Call, Constant

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST = 1 << 16
"""The largest table, in elements, of which the values are known."""
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
        "roll",
        "flip",
        "copy",
    }
    | {"slice_scatter", "select_scatter"}
)
"""Functions that are computed on such tables; each is deterministic and cheap for its output."""
_TYPES = frozenset({"float32", "float64", "int32", "int64"})
_PLACES = frozenset({"device", "pin_memory", "layout", "memory_format"})
"""Arguments that say where a tensor lies, not what it holds."""


def values_of(call: Call) -> NDArray[np.generic] | None:
    """Return what a call on known numbers gives; None where it is unknown or large."""
    space, function, overload = [*call.overload.split("."), "", ""][:3]
    pure = space == "aten" and function in _EVALUATED  # one in place has another name
    if not pure or prod(call.outputs[0]) > MOST or call.dtype not in _TYPES:
        return None
    import torch

    try:
        args = [_known(argument) for argument in call.args]
        kwargs = {k: _known(v) for k, v in call.kwargs.items() if k not in _PLACES}
        with torch.device("cpu"):
            result: Any = getattr(getattr(torch.ops.aten, function), overload)(*args, **kwargs)
    except (LookupError, RuntimeError, TypeError, ValueError):
        return None
    expected = isinstance(result, torch.Tensor) and tuple(result.shape) == call.outputs[0]
    if not expected or result.is_meta or str(result.dtype) != f"torch.{call.dtype}":
        return None
    values: NDArray[np.generic] = result.contiguous().numpy()
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
