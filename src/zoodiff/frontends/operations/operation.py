"""An operator with its attributes, and what all operators' functions share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from zoodiff.graph.ir import AttributeValue
from zoodiff.graph.operators import OPERATORS

Number = float | list[float]


@dataclass(frozen=True)
class Operation:
    """An operator with its attributes, not yet applied to anything."""

    op: str
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)

    def quantized(self, how: bool | str = True) -> Operation:
        """The same on integers, or (``weights``) with weights stored as integers."""
        return replace(self, attributes={**self.attributes, "quantized": how}) if how else self


@dataclass(frozen=True)
class Window:
    """Where a window goes: an entry per spatial axis, pads all beginnings and then all ends."""

    kernel: Sequence[int]
    strides: Sequence[int]
    pads: Sequence[int]
    dilations: Sequence[int]

    @property
    def attributes(self) -> dict[str, AttributeValue]:
        """Under the names of the schema."""
        return {
            "kernel_shape": whole(self.kernel),
            "strides": whole(self.strides),
            "dilations": whole(self.dilations),
            "pads": whole(self.pads),
        }


def whole(values: Iterable[int]) -> list[int]:
    """A list of Python's own integers."""
    return [int(value) for value in values]


def without_unset(**attributes: AttributeValue) -> dict[str, AttributeValue]:
    """Attributes that say something: neither None nor False."""
    return {k: v for k, v in attributes.items() if v is not None and v is not False}


def opaque(name: str, attributes: Mapping[str, AttributeValue] | None = None) -> Operation:
    """What is not understood, under its source's name: ``aten::roll``."""
    return Operation(name, dict(attributes or {}))


def conforms(operation: Operation, inputs: int = 1) -> bool:
    """Whether an operation of some computed inputs is what the schema of its operator says.

    Of an operator that is not canonical nothing is known, and everything conforms.
    """
    schema = OPERATORS.get(operation.op)
    return schema is None or schema.problem(operation.attributes, inputs) is None
