"""The nodes of one application of a layer or function, known or opaque."""

from __future__ import annotations

import hashlib
from typing import Any

from zoodiff.frontends import operations
from zoodiff.frontends.keras import functions
from zoodiff.frontends.keras.call import (
    Call,
    NodeRequest,
    Result,
    Value,
    Weight,
    activation_name,
    outputs_of,
)
from zoodiff.frontends.keras.layers import LAYERS, READING_ALL
from zoodiff.frontends.keras.protocols import Layer
from zoodiff.graph.ir import AttributeValue


def is_function(operation: object) -> bool:
    """Whether an operation is a function, such as those of ``keras.ops``, and no layer."""
    import keras

    return not isinstance(operation, keras.Layer)


def is_builtin(operation: object) -> bool:
    """Whether an operation's class is Keras's own."""
    return type(operation).__module__.partition(".")[0] == "keras"


def is_known(operation: object) -> bool:
    """Whether there is a handler for an operation, or it is a function."""
    return is_function(operation) or _layer_kind(type(operation)) in LAYERS


def translated(call: Call) -> Result:
    """Add the nodes of a known layer or function and return its outputs; None for others."""
    if call.kwargs.get("training") is True:
        return None
    if is_function(call.operation):
        return functions.translated(call)
    kind = _layer_kind(type(call.operation))
    handler = LAYERS.get(kind)
    if handler is None or len(call.shapes) != 1:
        return None
    return handler(call) if kind in READING_ALL or _reads_one(call) else None


def _reads_one(call: Call) -> bool:
    """Whether a layer is called with its input alone, and no mask or other argument."""
    named = {name: value for name, value in call.kwargs.items() if name != "training"}
    return (
        sum(value is not None and value is not False for value in (*call.args, *named.values()))
        == 1
    )


_HARMLESS = frozenset(
    {"__annotations__", "__doc__", "__firstlineno__", "__init__", "__module__", "__qualname__"}
    | {"__static_attributes__", "from_config", "get_config", "load_own_variables"}
)


def _layer_kind(kind: type) -> str:
    """Return the name of Keras's class of a layer, or of a subclass that computes the same.

    Such a subclass changes nothing of Keras's class but how it is made and saved; it may add
    methods of its own.
    """
    own = [base for base in kind.__mro__ if base.__module__.partition(".")[0] != "keras"]
    known = next((base for base in kind.__mro__ if base not in own), None)
    before = own[: kind.__mro__.index(known)] if known is not None else own
    changed = {name for base in before for name in vars(base)} - _HARMLESS
    if known is None or any(hasattr(known, name) for name in changed):
        return ""
    return known.__name__


def opaque(call: Call) -> list[Value]:
    """Add an opaque node ``keras::ClassName`` with parameters and plain settings."""
    call = call.as_held()
    operation = call.operation
    settings = _settings(operation)
    if is_function(operation):
        settings |= _arguments(call)
    name = type(operation).__name__
    if is_builtin(operation) and name == "Activation":
        name = activation_name(operation.activation)
    request = NodeRequest(
        operations.opaque(f"keras::{name}", settings),
        call.name,
        [value.name for value in call.inputs],
        [call.in_graph(shape) for shape in call.shapes],
        call.dtypes,
        [Weight(variable) for variable in getattr(operation, "weights", ())],
    )
    return outputs_of(call, call.builder.emit(request)) or []


def _settings(operation: Layer) -> dict[str, AttributeValue]:
    """Return the plain values of a layer's configuration, or of an operation's attributes."""
    try:
        raw = operation.get_config()
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        raw = {key: value for key, value in vars(operation).items() if not key.startswith("_")}
    dropped = {"name", "dtype", "trainable", "built"}
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in raw.items()
        if key not in dropped and _plain(value)
    }


def _plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(isinstance(item, int) for item in value) or all(
            isinstance(item, float) for item in value
        )
    return isinstance(value, bool | int | float | str)


def _arguments(call: Call) -> dict[str, AttributeValue]:
    """Return what a function is called with besides tensors; arrays by shape and digest."""
    named = [*((f"arg{i}", value) for i, value in enumerate(call.args)), *call.kwargs.items()]
    texts = {name: _text(value) for name, value in named if not isinstance(value, Value)}
    return {name: text for name, text in texts.items() if text}


def _text(value: Any) -> str:
    if isinstance(value, Value):
        return "tensor"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    if value is None or isinstance(value, bool | int | float | str | slice | type(Ellipsis)):
        return "" if value is None else str(value)
    import numpy as np

    try:
        array = np.asarray(value)
    except (TypeError, ValueError, NotImplementedError):
        return type(value).__name__
    if array.dtype.kind == "O":
        return type(value).__name__
    digest = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
    return f"{array.dtype}{list(array.shape)} {digest}"
