"""Converts the functions of ``keras.ops`` to canonical nodes, each exactly or not at all.

``FUNCTIONS`` has one entry per class of Keras, with the settings that its handler understands. A
function with another setting, with an argument that is not understood or with an open extent stays
opaque. A new function is a handler and its entry in the module of its family.
"""

from __future__ import annotations

from collections.abc import Mapping

from zoodiff.frontends.keras.call import Call, Result
from zoodiff.frontends.keras.functions import (
    arithmetic,
    elementwise,
    joins,
    movements,
    norms,
    products,
    reductions,
    slices,
    windows,
)
from zoodiff.frontends.keras.functions.function import Function, all_real, settings_of

__all__ = ["FUNCTIONS", "translated"]

FUNCTIONS: Mapping[str, Function] = {
    **arithmetic.FUNCTIONS,
    **elementwise.FUNCTIONS,
    **joins.FUNCTIONS,
    **movements.FUNCTIONS,
    **norms.FUNCTIONS,
    **products.FUNCTIONS,
    **reductions.FUNCTIONS,
    **slices.FUNCTIONS,
    **windows.FUNCTIONS,
}
"""Class name of a function of Keras -> how it is converted; anything else is opaque."""


def translated(call: Call) -> Result:
    """Add the nodes of a function of ``keras.ops``; None for what is not understood."""
    kind = type(call.operation)
    function = FUNCTIONS.get(kind.__name__)
    if function is None or not kind.__module__.startswith("keras.src.ops."):
        return None
    unknown = set(settings_of(call.operation)) - function.settings
    if unknown or not call.inputs or any(n < 0 for value in call.inputs for n in value.shape):
        return None
    if any(n < 0 for shape in call.shapes for n in shape):
        return None
    if not function.any_type and not all_real(call):
        return None
    return function.handler(call)
