"""An operator with its attributes, and helpers of the functions that return one."""

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
        """Return the operation on integers, or (``weights``) with weights stored as integers."""
        return replace(self, attributes={**self.attributes, "quantized": how}) if how else self


@dataclass(frozen=True)
class Window:
    """The geometry of a window, one entry per spatial axis; pads are all beginnings, then ends."""

    kernel: Sequence[int]
    strides: Sequence[int]
    pads: Sequence[int]
    dilations: Sequence[int]

    @property
    def attributes(self) -> dict[str, AttributeValue]:
        """The attributes under the names of the schema."""
        return {
            "kernel_shape": whole(self.kernel),
            "strides": whole(self.strides),
            "dilations": whole(self.dilations),
            "pads": whole(self.pads),
        }


def whole(values: Iterable[int]) -> list[int]:
    """Return the values as a list of Python's own integers."""
    return [int(value) for value in values]


def without_unset(**attributes: AttributeValue) -> dict[str, AttributeValue]:
    """Return the attributes that are neither None nor False."""
    return {k: v for k, v in attributes.items() if v is not None and v is not False}


def opaque(name: str, attributes: Mapping[str, AttributeValue] | None = None) -> Operation:
    """Return an opaque operation under its source's name, for example ``aten::roll``."""
    return Operation(name, dict(attributes or {}))


def conforms(operation: Operation, inputs: int = 1) -> bool:
    """Whether an operation with so many computed inputs conforms to its operator's schema.

    Operators that are not canonical have no schema and always conform.
    """
    schema = OPERATORS.get(operation.op)
    return schema is None or schema.problem(operation.attributes, inputs) is None
