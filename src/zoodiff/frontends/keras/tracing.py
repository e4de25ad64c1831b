"""Traces the ``call`` of a layer to the layers and functions that it is made of.

Keras records the functions of ``keras.ops`` and the layers that are called on symbolic tensors. A
trace calls the layer's own ``call`` on symbolic tensors of batch 1, with symbolic tensors in place
of its variables, so that what is computed from a weight is recorded too and never a value. What
reads values, calls a framework directly or has a mask cannot be traced. The layer stays as it was:
names that Keras counts and the records of calls are restored.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from typing import Any

from zoodiff.frontends.keras.attention import is_masked
from zoodiff.frontends.keras.call import Call, Value
from zoodiff.frontends.keras.protocols import KerasTensor, Layer, Node

_MOST_NODES = 20_000


@dataclass(frozen=True)
class Trace:
    """The steps of a layer's call, in order."""

    inputs: list[tuple[KerasTensor, Value]]
    """Symbolic tensors of data and variables, with what they stand for."""
    nodes: list[Node]
    outputs: list[KerasTensor]


def step_name(operation: Layer) -> str:
    """Return the name of a function within a trace, which Keras's own counts do not change."""
    kind = type(operation).__name__
    words = (f"_{letter.lower()}" if letter.isupper() else letter for letter in kind)
    return "".join(words).strip("_")


def is_variable(value: object) -> bool:
    """Whether a value is a variable of Keras."""
    import keras

    return isinstance(value, keras.Variable)


def trace(node: Node, call: Call) -> Trace | None:
    """Return the steps of one call of a layer; None where they cannot be recorded."""
    layer = call.operation
    open_extent = any(n < 0 for value in call.inputs for n in value.shape)
    if open_extent or call.kwargs.get("training") is True or not _traceable(layer):
        return None
    unbuilt = [part for part in layer._flatten_layers() if not part.built]
    with _unchanged(layer), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they were shown when the model was built
        try:
            steps = _traced(node, call)
        except Exception:  # code of others, on tensors that it was not written for
            return None
        # A layer that was built only now has weights that the model does not have.
        return None if any(part.weights for part in unbuilt) else steps


def _traceable(layer: Layer) -> bool:
    """Whether a layer can be traced: built, unmasked, not quantised."""
    parts = layer._flatten_layers()
    quantised = any(getattr(part, "quantization_mode", None) is not None for part in parts)
    return bool(layer.built) and not quantised and not is_masked(layer)


def _traced(node: Node, call: Call) -> Trace | None:
    import keras

    tensors = node.arguments.keras_tensors
    symbols = {
        id(tensor): keras.Input(batch_shape=value.shape, dtype=value.dtype)
        for tensor, value in zip(tensors, call.inputs, strict=True)
    }
    inputs = [(symbols[id(t)], value) for t, value in zip(tensors, call.inputs, strict=True)]
    symbolic = _with_symbols(call, inputs)
    args, kwargs = node.arguments.fill_in(symbols)
    args, kwargs = tuple(args), dict(kwargs)
    accepted = inspect.signature(symbolic.call).parameters
    if "training" in accepted and len(args) <= list(accepted).index("training"):
        kwargs["training"] = False
    outputs = keras.tree.flatten(symbolic.call(*args, **kwargs))
    if any(not isinstance(tensor, keras.KerasTensor) for tensor in outputs):
        return None
    if len(outputs) != len(node.outputs) or not all(map(_fits, outputs, node.outputs)):
        return None
    nodes = _nodes_behind(outputs, {id(symbol) for symbol, _ in inputs})
    return None if nodes is None or _masks(nodes) else Trace(inputs, nodes, outputs)


def _fits(traced: KerasTensor, declared: KerasTensor) -> bool:
    """Whether a traced tensor has the extents that the model declares behind the batch."""
    if len(traced.shape) != len(declared.shape):
        return False
    pairs = list(zip(traced.shape, declared.shape, strict=True))
    return all(n is None or m in (None, n) for m, n in pairs[1:])


def _masks(nodes: Sequence[Node]) -> bool:
    """Whether a tensor carries a mask, which layers obey without a record of it."""
    tensors = (t for node in nodes for t in (*node.arguments.keras_tensors, *node.outputs))
    return any(getattr(tensor, "_keras_mask", None) is not None for tensor in tensors)


def _with_symbols(call: Call, inputs: list[tuple[KerasTensor, Value]]) -> Any:
    """Return a twin of a layer with symbolic tensors in place of its variables.

    The symbols are added to ``inputs``.
    """
    import keras

    layer = call.operation
    symbols: dict[int, KerasTensor] = {}

    def swap(value: Any) -> Any:
        if is_variable(value):
            if id(value) not in symbols:
                symbols[id(value)] = keras.Input(batch_shape=value.shape, dtype=value.dtype)
                inputs.append((symbols[id(value)], call.builder.weight(value)))
            return symbols[id(value)]
        if isinstance(value, list | tuple) and any(map(is_variable, value)):
            return [swap(part) for part in value]
        return value

    lists = {"_trainable_variables", "_non_trainable_variables"}
    twin = object.__new__(type(layer))
    twin.__dict__.update(
        (name, value if name in lists else swap(value)) for name, value in vars(layer).items()
    )
    return twin


def _nodes_behind(outputs: Sequence[KerasTensor], inputs: set[int]) -> list[Node] | None:
    """Return the nodes that compute tensors from inputs, in order; None if they need others."""
    ordered: list[Node] = []
    seen: set[int] = set()
    waiting: list[tuple[KerasTensor, bool]] = [(tensor, False) for tensor in reversed(outputs)]
    while waiting:
        tensor, ready = waiting.pop()
        if id(tensor) in inputs:
            continue
        history = tensor._keras_history
        node = history.operation._inbound_nodes[history.node_index]
        if node.is_input or len(ordered) > _MOST_NODES:
            return None
        if ready:
            ordered.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((tensor, True))
            waiting.extend((part, False) for part in reversed(node.arguments.keras_tensors))
    return ordered


@contextmanager
def _unchanged(layer: Layer) -> Iterator[None]:
    """Restore what calls leave behind: Keras's counts of names, records of calls, what is built."""
    from keras.src.backend.common import global_state

    names = copy(global_state.get_global_attribute("object_name_uids"))
    parts = list(layer._flatten_layers())
    unbuilt = [(vars(part), _contents(vars(part))) for part in parts if not part.built]
    records = [
        (calls, len(calls))
        for part in parts
        for calls in (part._inbound_nodes, part._outbound_nodes)
    ]
    try:
        yield
    finally:
        for state, before in unbuilt:
            state.clear()
            for key, (value, entries) in before.items():
                state[key] = value
                if entries is not None:
                    list.__setitem__(value, slice(None), entries)
        global_state.set_global_attribute("object_name_uids", names)
        for calls, count in records:
            del calls[count:]


def _contents(state: dict[str, Any]) -> dict[str, tuple[Any, list[Any] | None]]:
    """Return the attributes of a layer, with the entries of those that are lists."""
    return {
        key: (value, list(value) if isinstance(value, list) else None)
        for key, value in state.items()
    }
