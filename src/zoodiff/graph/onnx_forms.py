"""Versions of ONNX operators that are written alike: an operator's form.

A version of an operator that only admits more types has the form of the version before it, so a
node is the same whichever of the two its file names. A form differs by its operands, its attributes
or their defaults (https://github.com/onnx/onnx/blob/main/docs/Changelog.md).
"""

from __future__ import annotations

from functools import cache
from typing import Any


def domain_of(op: str) -> tuple[str, str]:
    """Return domain and name of an ONNX operator from the name that an opaque node has.

    >>> domain_of("onnx::Cast"), domain_of("TopK"), domain_of("ai.onnx.ml::Binarizer")
    (('', 'Cast'), ('', 'TopK'), ('ai.onnx.ml', 'Binarizer'))
    """
    domain, _, name = op.rpartition("::")
    return "" if domain in {"onnx", "ai.onnx"} else domain, name


@cache
def versions(domain: str, op: str) -> tuple[Any, ...]:
    """Return the schemas of an operator, oldest first; none for one that is unknown."""
    from onnx import defs

    every = [s for s in defs.get_all_schemas_with_history() if s.name == op and s.domain == domain]
    return tuple(sorted(every, key=lambda schema: int(schema.since_version)))


def form(domain: str, op: str, opset: int) -> int | None:
    """Return the last version that is written as the version of this opset; None if unknown."""
    history = versions(domain, op)
    current = [s for s in history if s.since_version <= opset]
    if not current:
        return None
    last = current[-1]
    for schema in history[len(current) :]:
        if _written(schema) != _written(last):
            break
        last = schema
    return int(last.since_version)


def newest(domain: str, op: str) -> int | None:
    """Return the newest version of an operator; None for one that is unknown."""
    history = versions(domain, op)
    return int(history[-1].since_version) if history else None


def _written(schema: Any) -> Any:
    """What a node of a version can be written with."""
    operands = [[(p.name, p.option) for p in side] for side in (schema.inputs, schema.outputs)]
    attributes = [
        (name, a.type, a.required, a.default_value.SerializeToString())
        for name, a in sorted(schema.attributes.items())
    ]
    return operands, attributes, bool(schema.deprecated)
