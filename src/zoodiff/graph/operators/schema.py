"""The schema of an operator: operands and attributes, and the check of a node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Literal

from zoodiff.graph.ir import AttributeValue

Family = Literal[
    "convolution",
    "linear",
    "product",
    "recurrent",
    "pooling",
    "normalisation",
    "softmax",
    "elementwise",
    "arithmetic",
    "movement",
    "reduction",
    "resampling",
    "quantisation",
]
"""Operators of one family are counted, exported and shown alike."""


class Kind(Enum):
    """The type of an attribute; the value is how a message names it."""

    WHOLE = "a whole number"
    WHOLES = "whole numbers"
    NUMBER = "a number"
    NUMBERS = "a number or a list of numbers"
    TEXT = "text"
    FLAG = "true or false"
    FLAG_OR_TEXT = "true, false or text"

    def holds(self, value: object) -> bool:
        """Whether a value is of this kind.

        >>> Kind.WHOLES.holds([1, 2]), Kind.WHOLES.holds("k"), Kind.WHOLE.holds(True)
        (True, False, False)
        """
        return _HOLDS[self](value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_whole(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_whole, value))


def _are_numbers(value: object) -> bool:
    return all(map(_is_number, value)) if isinstance(value, list | tuple) else _is_number(value)


_HOLDS: Mapping[Kind, Callable[[object], bool]] = {
    Kind.WHOLE: _is_whole,
    Kind.WHOLES: _are_whole,
    Kind.NUMBER: _is_number,
    Kind.NUMBERS: _are_numbers,
    Kind.TEXT: lambda value: isinstance(value, str),
    Kind.FLAG: lambda value: isinstance(value, bool),
    Kind.FLAG_OR_TEXT: lambda value: isinstance(value, bool | str),
}


@dataclass(frozen=True)
class Attribute:
    """A setting of an operator.

    A node may omit an attribute unless it is ``required``; the attribute then has its ``default``.
    Where the default is None, ``absent`` says what the omission means.
    """

    name: str
    kind: Kind
    meaning: str
    default: AttributeValue = None
    required: bool = False
    absent: str = ""
    choices: tuple[str, ...] = ()

    @cached_property
    def _holds(self) -> Callable[[object], bool]:
        return _HOLDS[self.kind]

    def problem(self, value: object) -> str | None:
        """Return the error in a value, in words, or None."""
        if value is None:
            return f"is not given, but must be {self.kind.value}" if self.required else None
        if not self._holds(value):
            return f"is {value!r:.40} and not {self.kind.value}"
        if self.choices and isinstance(value, str) and value not in self.choices:
            return f"is {value!r:.40} and not one of {', '.join(self.choices)}"
        return None


@dataclass(frozen=True)
class Operand:
    """A tensor that an operator reads, computed or a weight.

    ``role`` is the ``ir.Parameter.role`` of a weight in this place. ``flag`` names the attribute
    that says whether a node has the operand. With ``many``, there may be any number of them.
    """

    name: str
    meaning: str
    role: str = ""
    flag: str = ""
    many: bool = False
    optional: bool = False


@dataclass(frozen=True)
class OperatorSchema:
    """The operands and attributes of a canonical operator."""

    name: str
    family: Family
    summary: str
    inputs: tuple[Operand, ...]
    attributes: tuple[Attribute, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Attribute]:
        """The attributes by name, including those that every operator may have."""
        return {attribute.name: attribute for attribute in (*self.attributes, QUANTIZED)}

    @cached_property
    def defaults(self) -> Mapping[str, AttributeValue]:
        """Return the default values of attributes."""
        return {a.name: a.default for a in self.attributes if a.default is not None}

    @cached_property
    def _required(self) -> tuple[str, ...]:
        return tuple(attribute.name for attribute in self.attributes if attribute.required)

    def roles(self, attributes: Mapping[str, AttributeValue]) -> list[str]:
        """Return the roles of a node's weights, in order, for the operands that the node has."""
        settings = {**self.defaults, **attributes}
        return [
            operand.role
            for operand in self.inputs
            if operand.role and (not operand.flag or settings.get(operand.flag))
        ]

    def problem(self, attributes: Mapping[str, AttributeValue], inputs: int) -> str | None:
        """Return the mismatch of a node with its operator's schema, in words, or None.

        ``inputs`` is the number of its computed operands.
        """
        for name, value in attributes.items():
            declared = self.by_name.get(name)
            if declared is None:
                return f"has an attribute {name!r:.40}, which {self.name} has not"
            problem = declared.problem(value)
            if problem:
                return f"is malformed: {name} {problem}"
        for name in self._required:
            if attributes.get(name) is None:
                return f"has no {name}"
        most = len(self.inputs)
        if inputs > most and not any(operand.many for operand in self.inputs):
            return f"reads {inputs} computed tensors, where {self.name} has {most}"
        return None


QUANTIZED = Attribute(
    "quantized",
    Kind.FLAG_OR_TEXT,
    "the framework computes it on integers that stand for real numbers; ``weights``: on real "
    "numbers, with weights stored as integers",
    default=False,
    choices=("weights",),
)
"""The one attribute that every operator may have."""
