"""The canonical operators: for each its operands and its attributes with type and default.

Frontends write nodes of these operators, ``validate`` checks untrusted graphs against them, and
counting, interpreter and ONNX export read them. Names are ONNX's where ONNX has the operator. An
operator that a frontend does not understand becomes an opaque node with any attributes; it has its
source's name with the source as prefix (``aten::roll``), or ONNX's own name (``TopK``).

A new operator is an entry in ``SCHEMAS`` of the module of its family.
"""

from __future__ import annotations

from collections.abc import Mapping

from zoodiff.graph.ir import AttributeValue, Node
from zoodiff.graph.operators import (
    elementwise,
    movements,
    norms,
    products,
    recurrent,
    windows,
)
from zoodiff.graph.operators.schema import Attribute, Family, Kind, Operand, OperatorSchema

__all__ = [
    "COUNTED",
    "OPERATORS",
    "Attribute",
    "Family",
    "Kind",
    "Operand",
    "OperatorSchema",
    "defaults_of",
    "of_family",
    "problem_of",
    "settings_of",
]

OPERATORS: Mapping[str, OperatorSchema] = {
    schema.name: schema
    for module in (windows, products, recurrent, norms, elementwise, movements)
    for schema in module.SCHEMAS
}
"""Every canonical operator by its name."""


def of_family(*families: Family) -> frozenset[str]:
    """Return the names of the operators of some families."""
    return frozenset(name for name, schema in OPERATORS.items() if schema.family in families)


COUNTED = of_family("convolution", "linear", "product", "recurrent")
"""Operators that have MACs."""


def problem_of(node: Node) -> str | None:
    """Return the mismatch of a node with its operator's schema, in words, or None.

    Returns None for operators that are not canonical, since they have no schema.
    """
    schema = OPERATORS.get(node.op)
    return schema.problem(node.attributes, len(node.inputs)) if schema else None


def settings_of(node: Node) -> Mapping[str, AttributeValue]:
    """Return the attributes of a node, with the defaults of its operator."""
    explicit = {name: value for name, value in node.attributes.items() if value is not None}
    return {**defaults_of(node.op), **explicit}


def defaults_of(op: str) -> Mapping[str, AttributeValue]:
    """Return the default values of an operator's attributes; none for one without schema."""
    schema = OPERATORS.get(op)
    return schema.defaults if schema else {}
