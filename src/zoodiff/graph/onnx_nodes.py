"""How an opaque node of an ONNX operator keeps all that decides what it computes.

Besides the operator's own attributes, each under its name, the node has these:

``input2`` (``input2_type``, ``input2_shape``): the values of a constant at position 2, and its type
    and shape where they are not those of a vector of whole numbers, of float32, truth values or
    texts. For a large table ``input2`` is text: type, shape and a hash of the values.
``operands``: a letter per position, where the order is not computed tensors before weights: ``x`` a
    computed tensor, ``w`` a weight, ``m`` a weight that is stored in another order or type, ``c`` a
    constant, ``-`` an operand that is left out. Behind them ``o`` and ``v``: a tensor and a weight
    that a nested graph reads from around it.
``results``: a letter per output, where some are left out: ``x`` or ``-``.
``form``: the last version that is written like the node's, where that is not the newest.

A tensor in an attribute, and a nested graph, are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from zoodiff.graph.ir import AttributeValue, Node
from zoodiff.graph.values import numpy_type

FURTHER_OUTPUT = "onnx::Output"
"""The operator of a node that passes on an output after the first; its ``position`` says which."""


def usual_places(constants: Mapping[int, Any], computed: int, weights: int) -> str:
    """Return the operands of a node that needs no ``operands``.

    >>> usual_places({1: [3]}, 1, 1)
    'xcw'
    """
    rest, places = "x" * computed + "w" * weights, ""
    while rest or len(places) in constants:
        if len(places) in constants:
            places += "c"
        else:
            places, rest = places + rest[0], rest[1:]
    return places


def tensor_text(array: Any, kind: str) -> str:
    """Return a tensor with its values as JSON."""
    return json.dumps({"type": kind, "shape": list(array.shape), "values": listed(array)})


def tensor_of(text: str) -> Any:
    """Return the array of a text that ``tensor_text`` wrote."""
    stored = json.loads(text)
    return array_of(stored["values"], stored["type"], stored["shape"])


def listed(array: Any) -> list[Any]:
    """Return the elements as Python's own numbers, truth values and texts."""
    flat = np.asarray(array).reshape(-1)
    if flat.dtype.kind in "OSU":
        return [v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in flat]
    if flat.dtype.kind == "V" or flat.dtype.name not in {"bool", "float32", "float64"}:
        whole = flat.dtype.kind in "iu" or "int" in flat.dtype.name
        return [int(v) if whole else float(v) for v in flat]
    values: list[Any] = flat.tolist()
    return values


def array_of(values: Sequence[Any], kind: str, shape: Sequence[int]) -> Any:
    """Return an array of listed elements."""
    wide: Any = np.asarray(values, dtype=object if kind == "string" else None)
    return wide.astype(numpy_type(kind)).reshape(tuple(shape))


def constant_attributes(
    position: int, array: Any, kind: str, most: int
) -> dict[str, AttributeValue]:
    """Return the attributes of a constant operand; of a larger one than ``most``, its hash."""
    name = f"input{position}"
    if array.size > most:
        data = "\0".join(listed(array)).encode() if kind == "string" else array.tobytes()
        hashed = blake2b(data, digest_size=16).hexdigest()
        return {name: f"{kind}{list(array.shape)} {hashed}"}
    attributes: dict[str, AttributeValue] = {name: listed(array)}
    if kind != _plain_type(listed(array)):
        attributes[f"{name}_type"] = kind
    if array.ndim != 1:
        attributes[f"{name}_shape"] = [int(n) for n in array.shape]
    return attributes


def constants_of(node: Node) -> dict[int, Any]:
    """Return the constant operands by position; None where the node does not keep the values."""
    constants: dict[int, Any] = {}
    for name, value in node.attributes.items():
        place = name.removeprefix("input")
        if place == name or not place.isdecimal():
            continue
        if not isinstance(value, list):
            constants[int(place)] = None
            continue
        shape = node.attributes.get(f"{name}_shape", [len(value)])
        kind = node.attributes.get(f"{name}_type") or _plain_type(value)
        assert isinstance(shape, list)
        constants[int(place)] = array_of(value, str(kind), [int(n) for n in shape])
    return constants


def _plain_type(values: Sequence[Any]) -> str:
    if any(isinstance(value, str) for value in values):
        return "string"
    if values and all(isinstance(value, bool) for value in values):
        return "bool"
    return "float32" if any(isinstance(value, float) for value in values) else "int64"


def places_of(node: Node, constants: Mapping[int, Any]) -> str:
    """Return a letter per operand, including those of nested graphs."""
    stated = node.attributes.get("operands")
    if isinstance(stated, str):
        return stated
    return usual_places(constants, len(node.inputs), len(node.parameters))


@dataclass(frozen=True)
class NestedGraph:
    """A branch or a body: what it computes from its inputs and from tensors around it.

    Names are ``i0``, ``i1``, ... for inputs, ``o0``, ... for what it reads from around it, ``c0``,
    ... for constants, and ``t0``, ... for results, so two graphs that differ only by names are one.
    """

    inputs: int
    around: int
    constants: Mapping[str, str]
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]

    def text(self) -> str:
        """Return the graph as JSON."""
        nodes = [
            [n.op, list(n.inputs), list(n.outputs), dict(sorted(n.attributes.items()))]
            for n in self.nodes
        ]
        return json.dumps(
            [self.inputs, self.around, dict(self.constants), nodes, list(self.outputs)]
        )

    @classmethod
    def of_text(cls, text: str) -> NestedGraph:
        """Return the graph of a text that ``text`` returned."""
        inputs, around, constants, nodes, outputs = json.loads(text)
        return cls(
            int(inputs),
            int(around),
            constants,
            tuple(
                Node(op, f"{op}#{k}", tuple(read), tuple(written), attributes)
                for k, (op, read, written, attributes) in enumerate(nodes)
            ),
            tuple(outputs),
        )
