"""How a function is converted, and what its handler reads of a call."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from zoodiff.frontends.keras.call import Call, Handler, Value
from zoodiff.frontends.keras.protocols import Layer


@dataclass(frozen=True)
class Function:
    """A handler with the settings that it understands; most compute on real numbers only."""

    handler: Handler
    settings: frozenset[str] = frozenset()
    any_type: bool = False


def function(handler: Handler, *settings: str, any_type: bool = False) -> Function:
    """Return a function whose handler understands these settings."""
    return Function(handler, frozenset(settings), any_type)


def settings_of(operation: Layer) -> Mapping[str, Any]:
    """Return the settings of a function that are not None, by the names of its attributes."""
    return {
        name: value
        for name, value in vars(operation).items()
        if not name.startswith("_") and name not in {"built", "name"} and value is not None
    }


def arguments(call: Call) -> dict[str, Any]:
    """Return what a function is called with by the names of its arguments, without None.

    Returns nothing where these do not fit the function.
    """
    signature = inspect.signature(cast(Any, type(call.operation)).call)
    try:
        bound = signature.bind(None, *call.args, **call.kwargs).arguments
    except TypeError:
        return {}
    first = next(iter(signature.parameters))
    return {k: v for k, v in bound.items() if k != first and v is not None}


def tensor_of(call: Call, *others: str) -> Value | None:
    """Return the one tensor that a function is called with; None where it gets anything else.

    ``others`` are names of arguments that the handler reads itself.
    """
    given = {name: value for name, value in arguments(call).items() if name not in others}
    tensors = list(given.values())
    return tensors[0] if len(tensors) == 1 and isinstance(tensors[0], Value) else None


def all_real(call: Call) -> bool:
    """Whether all operands and results are real numbers."""
    types = [*(value.dtype for value in call.inputs), *call.dtypes]
    return all("float" in kind for kind in types)


def whole(value: object) -> int | None:
    """Return a whole number as Python's own; None for anything else."""
    import numpy as np

    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        return None
    return int(value)


def wholes(values: object) -> list[int] | None:
    """Return whole numbers, of which there may be one without a list; None for anything else."""
    single = whole(values)
    if single is not None:
        return [single]
    if not isinstance(values, list | tuple):
        return None
    numbers = [whole(value) for value in values]
    return None if None in numbers else [n for n in numbers if n is not None]


def axes_of(values: object, rank: int) -> list[int] | None:
    """Return axes counted from the front, all of them for None; None for anything else."""
    axes = list(range(rank)) if values is None else wholes(values)
    if axes is None or any(not -rank <= axis < rank for axis in axes):
        return None
    counted = [axis % rank for axis in axes]
    return counted if len(set(counted)) == len(counted) else None


def array_of(value: object) -> Any:
    """Return a constant as an array, or None for what is no constant with values."""
    import numpy as np

    if value is None or isinstance(value, str | bytes | Value | slice):
        return None
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, NotImplementedError, RuntimeError):
        return None
    return None if array.dtype.kind not in "biuf" else array
