"""Attributes of ONNX nodes that are more than numbers and texts: tensors, types, nested graphs.

They become text (``graph/onnx_nodes.py``), so that an opaque node keeps all that decides what it
computes. A nested graph, the branch of an ``If`` or the body of a ``Loop``, keeps its nodes as they
are, under names that do not depend on the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

from zoodiff.frontends.onnx import constants
from zoodiff.frontends.onnx.call import Attributes, Value, Weight
from zoodiff.frontends.onnx.protobuf import AttributeProto, GraphProto, NodeProto
from zoodiff.graph.ir import Node
from zoodiff.graph.onnx_forms import form, newest
from zoodiff.graph.onnx_nodes import NestedGraph, tensor_text

Around = Callable[[str], Value | Weight | None]
"""Returns the tensor of a name in the graph around a nested one, or None for an unknown name."""
_DEPTH = 16
"""The largest depth of graphs within graphs."""


@dataclass
class Extras:
    """The attributes of a node that become text, and what its nested graphs read around them."""

    attributes: Attributes = field(default_factory=dict)
    around: list[Value | Weight] = field(default_factory=list)


def extras(node: NodeProto, around: Around, opsets: Mapping[str, int]) -> Extras:
    """Return the tensors, types and nested graphs among the attributes of a node.

    Raises ValueError for a nested graph that reads an unknown tensor or is nested too deeply.
    """
    result = Extras()
    for attribute in sorted(node.attribute, key=lambda a: a.name):
        if attribute.HasField("g"):
            nested, read = _Nested(attribute.g, around, opsets, 1).graph()
            result.attributes[attribute.name] = nested.text()
            result.around += read
        elif (text := _text(attribute)) is not None:
            result.attributes[attribute.name] = text
    return result


def has_graphs(node: NodeProto) -> bool:
    """Whether a node is control flow."""
    return any(a.HasField("g") or a.graphs for a in node.attribute)


def read_around(node: NodeProto) -> Iterator[str]:
    """Yield the names that the nested graphs of a node read from around it."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield from _free(attribute.g, 0)


def _free(graph: GraphProto, depth: int) -> Iterator[str]:
    if depth > _DEPTH:
        raise ValueError("graphs are nested too deeply")
    own = {value.name for value in graph.input} | {t.name for t in graph.initializer}
    for node in graph.node:
        inner = (name for a in node.attribute if a.HasField("g") for name in _free(a.g, depth + 1))
        for name in (*node.input, *inner):
            if name and name not in own:
                yield name
        own.update(node.output)
    for value in graph.output:
        if value.name not in own:
            yield value.name


def _text(attribute: AttributeProto) -> Any:
    """Return the text of a tensor or a type; None for what ``constants.attributes`` returns."""
    from google.protobuf import json_format
    from onnx import AttributeProto as Proto

    kind = attribute.type
    if kind == Proto.TENSOR:
        return _tensor(constants.initialiser(attribute.t))
    if kind == Proto.TENSORS:
        return [_tensor(constants.initialiser(tensor)) for tensor in attribute.tensors]
    if kind == Proto.TYPE_PROTO:
        message: Any = attribute
        return json_format.MessageToJson(message.tp, indent=None, sort_keys=True)
    if kind in {Proto.SPARSE_TENSOR, Proto.SPARSE_TENSORS, Proto.GRAPHS, Proto.TYPE_PROTOS}:
        return f"{Proto.AttributeType.Name(kind).lower()} that is not read"
    return None


def _tensor(weight: Weight) -> str:
    if weight.array is None:
        return f"{weight.dtype}{list(weight.shape)} whose values are not read"
    return tensor_text(weight.array, weight.dtype)


def complete(node: NodeProto, opset: int, more: Mapping[str, Any]) -> Attributes:
    """Return all attributes of an ONNX node, with defaults, and its form where that is old."""
    domain = node.domain
    attributes: Attributes = {
        **defaults(domain, node.op_type, opset),
        **constants.attributes(node),
        **more,
    }
    return attributes | form_of(domain, node.op_type, opset)


def form_of(domain: str, op: str, opset: int) -> Attributes:
    """Return the attribute ``form`` of an opaque node; nothing for the newest form."""
    last = form(domain, op, opset)
    return {} if last is None or last == newest(domain, op) else {"form": last}


def defaults(domain: str, op: str, opset: int) -> Attributes:
    """Return the default attributes of an operator's schema."""
    from onnx import AttributeProto, defs, helper

    try:
        schema = defs.get_schema(op, opset, domain)
    except defs.SchemaError:
        return {}
    values: Attributes = {}
    for name, attribute in schema.attributes.items():
        value = helper.get_attribute_value(attribute.default_value)
        if attribute.default_value.type == AttributeProto.FLOAT:
            values[name] = constants.written(value)
        elif attribute.default_value.type == AttributeProto.INT:
            values[name] = value
        elif attribute.default_value.type == AttributeProto.STRING:
            values[name] = value.decode()
    return values


class _Nested:
    """One nested graph as its nodes are read."""

    def __init__(
        self, graph: GraphProto, around: Around, opsets: Mapping[str, int], depth: int
    ) -> None:
        if depth > _DEPTH:
            raise ValueError("graphs are nested too deeply")
        self._graph, self._look, self._opsets, self._depth = graph, around, opsets, depth
        self._names: dict[str, str] = {v.name: f"i{k}" for k, v in enumerate(graph.input)}
        self._constants: dict[str, str] = {}
        self._around: list[Value | Weight] = []
        self._results = 0
        for tensor in graph.initializer:
            self._hold(tensor.name, constants.initialiser(tensor))

    def graph(self) -> tuple[NestedGraph, list[Value | Weight]]:
        nodes = tuple(self._node(node) for node in self._graph.node)
        outputs = tuple(self._name(value.name) for value in self._graph.output)
        inputs = len(self._graph.input)
        nested = NestedGraph(inputs, len(self._around), self._constants, nodes, outputs)
        return nested, self._around

    def _hold(self, name: str, value: Value | Weight) -> str:
        """Give a name to a constant or a tensor from around the graph."""
        if isinstance(value, Weight) and value.array is not None and _few(value):
            held = f"c{len(self._constants)}"
            self._constants[held] = tensor_text(value.array, value.dtype)
        else:
            held = f"o{len(self._around)}"
            self._around.append(value)
        self._names[name] = held
        return held

    def _name(self, name: str) -> str:
        if name in self._names:
            return self._names[name]
        value = self._look(name)
        if value is None:
            raise ValueError(f"a nested graph reads {name:.40}, which nothing computes")
        return self._hold(name, value)

    def _node(self, node: NodeProto) -> Node:
        domain = "" if node.domain == "ai.onnx" else node.domain
        opset = self._opsets.get(domain or "ai.onnx", 1)
        read = [self._name(name) if name else "" for name in node.input]
        places = "".join("x" if name else "-" for name in read)
        more: Attributes = {}
        for attribute in sorted(node.attribute, key=lambda a: a.name):
            if attribute.HasField("g"):
                inner = _Nested(attribute.g, self._inside, self._opsets, self._depth + 1)
                nested, taken = inner.graph()
                more[attribute.name] = nested.text()
                read += [value.name for value in taken]
                places += "o" * len(taken)
            elif (text := _text(attribute)) is not None:
                more[attribute.name] = text
        settings = complete(node, opset, more)
        if places != "x" * len(node.input):
            settings["operands"] = places
        if not all(node.output):
            settings["results"] = "".join("x" if name else "-" for name in node.output)
        written = []
        for name in (name for name in node.output if name):
            self._names[name] = f"t{self._results}"
            written.append(f"t{self._results}")
            self._results += 1
        op = f"{domain or 'onnx'}::{node.op_type}"
        return Node(op, node.op_type, tuple(n for n in read if n), tuple(written), settings)

    def _inside(self, name: str) -> Value | Weight | None:
        """Return what a graph within this one reads, under the name that it has here."""
        if name not in self._names and self._look(name) is None:
            return None
        return Value(self._name(name), ())


def _few(weight: Weight) -> bool:
    return prod(weight.shape) <= constants.SMALL
