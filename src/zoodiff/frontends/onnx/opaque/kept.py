"""Keeps ONNX operators that no handler understands as opaque nodes with all that decides them."""

from __future__ import annotations

from collections.abc import Mapping

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import WEIGHTS, Attributes, Call, NodeRequest, Value, Weight
from zoodiff.frontends.onnx.constants import SMALL
from zoodiff.frontends.onnx.opaque import nested
from zoodiff.graph.interpreter.reference import CONTROL
from zoodiff.graph.ir import Parameter
from zoodiff.graph.onnx_nodes import FURTHER_OUTPUT, constant_attributes, usual_places
from zoodiff.graph.operators import COUNTED, OPERATORS

_UNUSED = frozenset({"consumed_inputs"})
"""Attributes of old opsets that have no effect."""


def add_opaque(call: Call, *, plain: bool = True, exact: bool = False) -> list[Value]:
    """Add the operator as an opaque node; constants that its schema calls settings are attributes.

    It keeps ONNX's name, except where the canonical operator of that name has another form: then it
    gets the prefix ``onnx::``. Operators with MACs keep their name in any case, unless ``exact``
    says that the canonical operator computes something else. Without ``plain``, every other
    operator gets the prefix. Each output after the first that something reads is passed on by a
    node that says which it is, since a graph of layers tells outputs apart by nodes only.
    """
    standard = call.domain == "ai.onnx"
    attributes = {k: v for k, v in call.attributes.items() if k not in _UNUSED}
    if standard:
        attributes = defaults(call) | attributes
    domain = "" if standard else call.domain
    computed = [value for value in call.inputs if isinstance(value, Value)]
    settings, parameters = _operands(call, _settings(call) if standard else set())
    attributes |= settings
    operation = operations.opaque(call.op if standard else f"{call.domain}::{call.op}", attributes)
    clear = plain and not exact and operations.conforms(operation, len(computed))
    schema = OPERATORS.get(operation.op)
    if schema and parameters and len(parameters) > len(schema.roles(operation.attributes)):
        clear = False  # the canonical operator has no place for a weight
    if exact or not (clear or call.op in COUNTED):
        hides_layers = call.op in CONTROL  # such a node is counted as opaque by its prefix
        prefixed = standard and (call.op in OPERATORS or hides_layers or not exact)
        name = f"onnx::{call.op}" if prefixed else operation.op
        more = call.more | nested.form_of(domain, call.op, call.opset) | _results(call)
        operation = operations.opaque(name, attributes | more)
    elif operation.op not in OPERATORS:
        more = call.more | nested.form_of(domain, call.op, call.opset) | _results(call)
        operation = operations.opaque(operation.op, attributes | more)
    computed += [value for value in call.around if isinstance(value, Value)]
    operation = operation.quantized(call.quantized and not exact)
    further = [k for k, use in enumerate(call.results.replace("-", "")) if k and use == "x"]
    if operation.op in OPERATORS or not further:
        return call.emit(NodeRequest(operation, computed, parameters))
    results = call.emit(NodeRequest(operation, computed, parameters, passed_on=further))
    for k in further:
        passing = operations.opaque(FURTHER_OUTPUT, {"position": k})
        shapes = [results[k].shape]
        request = NodeRequest(passing, [results[k]], (), f"output{k}", shapes, output=k)
        (results[k],) = call.emit(request)
    return results


def _results(call: Call) -> Attributes:
    """Return which outputs the node has, where some are left out."""
    return {"results": call.results.replace("u", "x")} if "-" in call.results else {}


def _operands(call: Call, settings: set[int]) -> tuple[Attributes, list[Parameter]]:
    """Return the constants among the operands as attributes, and the weights."""
    attributes: Attributes = {}
    parameters: list[Parameter] = []
    places = ""
    constants: Mapping[int, object] = {}
    for position, value in enumerate(call.inputs):
        if not isinstance(value, Weight):
            places += "-" if value is None else "x"
            continue
        constant = _constant(value, position, settings)
        if constant is None:
            places += "w" if _is_in_place(value) else "m"
            parameters.append(value.parameter())
            continue
        places += "c"
        attributes |= constant
        constants = {**constants, position: value}
    places = places.rstrip("-")
    for value in call.around:
        places += "v" if isinstance(value, Weight) else "o"
        if isinstance(value, Weight):
            parameters.append(value.parameter())
    if places != usual_places(constants, places.count("x"), places.count("w")):
        attributes["operands"] = places
    return attributes, parameters


def _is_in_place(value: Weight) -> bool:
    """Whether a weight has the axes of the stored tensor, in their order."""
    if value.stored is None:
        return True
    return value.stored == value.shape and value.axes == tuple(range(len(value.shape)))


def _constant(value: Weight, position: int, settings: set[int]) -> Attributes | None:
    """Return a constant operand as attributes; None for a weight."""
    real = bool(value.steps) or value.dtype.startswith(("float", "bfloat"))
    array = value.array
    small = array is not None and array.size <= SMALL
    setting = position in settings or not real or value.of_shape
    if array is not None and small and (setting or array.size == 1):
        return constant_attributes(position, array, value.dtype, SMALL)
    if value.dtype.startswith(WEIGHTS):
        return None
    if array is not None:
        return constant_attributes(position, array, value.dtype, SMALL)
    return {f"input{position}": f"{value.dtype}{list(value.shape)}"}


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
    return nested.defaults("", call.op, call.opset)
