"""ONNX operators that no handler understands, kept with everything that the file says of them."""

from __future__ import annotations

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import Attributes, Call, NodeRequest, Value, Weight
from zoodiff.frontends.onnx.constants import written
from zoodiff.graph.operators import COUNTED

_UNUSED = frozenset({"consumed_inputs"})
"""Attributes of old opsets that change nothing."""


def add_opaque(call: Call, *, plain: bool = True) -> list[Value]:
    """Add the operator as it is; constants that its schema calls settings become attributes.

    Under its own name where that, or what it says, is clear: an operator that is canonical, of
    which this form is not, has the prefix ``onnx::``, so that nobody takes it for one. What has
    multiply-accumulates is never hidden under another name. Without ``plain`` it gets the prefix
    whatever it says.
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
        if value.array is not None and (position in settings or not real or value.array.size == 1):
            attributes[f"input{position}"] = value.array.reshape(-1).tolist()
        elif real:
            parameters.append(value.parameter())
    computed = [value for value in call.inputs if isinstance(value, Value)]
    operation = operations.opaque(call.op if standard else f"{call.domain}::{call.op}", attributes)
    clear = plain and operations.conforms(operation, len(computed))
    if call.op not in COUNTED and not clear:
        operation = operations.opaque(f"onnx::{call.op}", attributes)
    return call.emit(NodeRequest(operation.quantized(call.quantized), computed, parameters))


def _settings(call: Call) -> set[int]:
    """Positions of inputs with a type of their own: shapes, axes, scales of a Resize.

    An input that may be a weight shares its type, ``T``, with the data.
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
    """Attributes that the operator's schema gives where the file leaves them out."""
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
