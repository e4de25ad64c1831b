"""Keeps ONNX operators that no handler understands as opaque nodes with all their settings."""

from __future__ import annotations

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import Attributes, Call, NodeRequest, Value, Weight
from zoodiff.frontends.onnx.constants import SMALL, written
from zoodiff.graph.operators import COUNTED

_UNUSED = frozenset({"consumed_inputs"})
"""Attributes of old opsets that have no effect."""


def add_opaque(call: Call, *, plain: bool = True) -> list[Value]:
    """Add the operator as an opaque node; constants that its schema calls settings are attributes.

    It keeps ONNX's name, except where the canonical operator of that name has another form: then it
    gets the prefix ``onnx::``. Operators with MACs keep their name in any case. Without ``plain``,
    every other operator gets the prefix.
    """
    standard = call.domain == "ai.onnx"
    attributes = {k: v for k, v in call.attributes.items() if k not in _UNUSED}
    settings: set[int] = set()
    if standard:
        attributes = defaults(call) | attributes
        settings = _settings(call)
    parameters = []
    for position, value in enumerate(call.inputs):
        if not isinstance(value, Weight):
            continue
        real = value.dtype.startswith(("float", "bfloat"))
        array = value.array if value.array is not None and value.array.size <= SMALL else None
        if array is not None and (position in settings or not real or array.size == 1):
            attributes[f"input{position}"] = array.reshape(-1).tolist()
        elif real:
            parameters.append(value.parameter())
    computed = [value for value in call.inputs if isinstance(value, Value)]
    operation = operations.opaque(call.op if standard else f"{call.domain}::{call.op}", attributes)
    clear = plain and operations.conforms(operation, len(computed))
    if call.op not in COUNTED and not clear:
        operation = operations.opaque(f"onnx::{call.op}", attributes)
    return call.emit(NodeRequest(operation.quantized(call.quantized), computed, parameters))


def _settings(call: Call) -> set[int]:
    """Return the positions of inputs with a type of their own: shapes, axes, scales of a Resize.

    An input that may be a weight has the same type as the data, ``T``.
    """
    from onnx import defs

    try:
        formal = defs.get_schema(call.op, call.opset).inputs
    except defs.SchemaError:
        return set()
    return {
        position
        for position, formal_input in enumerate(formal)
        if formal_input.type_str.startswith("tensor(")
    }


def defaults(call: Call) -> Attributes:
    """Return the default attributes of the operator's schema."""
    from onnx import AttributeProto, defs, helper

    try:
        schema = defs.get_schema(call.op, call.opset)
    except defs.SchemaError:
        return {}
    values: Attributes = {}
    for name, attribute in schema.attributes.items():
        if attribute.default_value.type in {AttributeProto.INT, AttributeProto.FLOAT}:
            value = helper.get_attribute_value(attribute.default_value)
            values[name] = written(value) if isinstance(value, float) else value
        elif attribute.default_value.type == AttributeProto.STRING:
            values[name] = helper.get_attribute_value(attribute.default_value).decode()
    return values
