"""What sums and products of tensors, element by element, do to labels and factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.symmetries.labels import Group, Marked, joined, merge, spread, tagged
from zoodiff.equivalence.symmetries.steps import NEAR, TERM, Step, has_factors, without_factors
from zoodiff.graph.ir import Node

if TYPE_CHECKING:
    from numpy.typing import NDArray

_OPERANDS = {"": 0, "function": 101, "gate": 102, "odd": 103}
"""Tags of operands by their class: ``x * sigmoid(y)`` is not ``y * sigmoid(x)``."""
_SECOND = 104
"""Tag of the operand that is subtracted, divided by, or an exponent."""
_ORDERED = frozenset({"Div", "Pow", "Sub"})
_TERMS = frozenset({"Add", "Max", "Mean", "Min", "Sub", "Sum"})


def elementwise(
    node: Node, a: Mapping[str, Any], inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
) -> Step | None:
    """Elementwise with several operands, or with a constant."""
    shape, op = shapes[0], node.op
    if len(inputs) == 1:
        x = inputs[0]
        scalar = op in {"Mul", "Div"} and not a.get("constant_first")
        ends = has_factors(x) and not scalar
        if x.shape != shape:
            return None
        return Step([without_factors(x) if ends else x], ends)
    if a.get("axis") is not None:
        return None
    wide = [_widened(x, len(shape)) for x in inputs]
    uncertain = sum(x.uncertain for x in inputs)
    operands = Operands(_operand_tags(op, inputs), max(NEAR, uncertain))
    events = frozenset().union(*(x.events for x in inputs))
    groups, ends = [], False
    for axes in _common(wide):
        parts = [[g for g in x.groups if set(g.axes) & set(axes)] for x in wide]
        whole = [merge(part) if part else None for part in parts]
        if any(part and w is None for part, w in zip(parts, whole, strict=True)):
            return None
        term, broken = _term(op, axes, shape, whole, operands)
        groups.append(term)
        ends = ends or broken
    ordered = tuple(sorted(groups, key=lambda g: g.axes))
    result = Marked(shape, ordered, events, uncertain=uncertain)
    return Step([without_factors(result) if ends else result], ends)


@dataclass(frozen=True)
class Operands:
    """Tags of operands, equal for those that may be exchanged, and how near equal factors are."""

    tags: Sequence[int]
    near: float


def _widened(x: Marked, rank: int) -> Marked:
    more = rank - len(x.shape)
    groups = tuple(replace(g, axes=tuple(axis + more for axis in g.axes)) for g in x.groups)
    return replace(x, shape=(1,) * more + x.shape, groups=groups)


def _operand_tags(op: str, inputs: Sequence[Marked]) -> list[int]:
    """A tag per operand, equal for operands that may be exchanged."""
    return [
        _OPERANDS[x.curve] + (_SECOND if place and op in _ORDERED else 0)
        for place, x in enumerate(inputs)
    ]


def _common(wide: Sequence[Marked]) -> list[tuple[int, ...]]:
    """The finest division of the axes that no group of any operand crosses."""
    stretches: list[set[int]] = []
    for group in (g for x in wide for g in x.groups):
        touched = [axes for axes in stretches if axes & set(group.axes)]
        stretches = [axes for axes in stretches if axes not in touched]
        stretches.append(set(group.axes).union(*touched))
    return [tuple(sorted(axes)) for axes in stretches]


def _term(
    op: str,
    axes: tuple[int, ...],
    shape: Sequence[int],
    parts: Sequence[Group | None],
    operands: Operands,
) -> tuple[Group, bool]:
    """Labels of some axes of a sum or product; whether factors end."""
    extents = [shape[axis] for axis in axes]
    present = [(g, tag) for g, tag in zip(parts, operands.tags, strict=True) if g is not None]
    labels = [spread(g.labels, g.axes, axes) for g, _ in present]
    if all(np.array_equal(labels[0], label) for label in labels[1:]):
        joint = labels[0]
    else:
        alike = len({tag for _, tag in present}) == 1
        by_tag = zip(labels, (tag for _, tag in present), strict=True)
        joint = joined(*(tagged(x, TERM if alike else TERM + tag) for x, tag in by_tag))
    joint = np.ascontiguousarray(np.broadcast_to(joint, extents))
    factors = [
        np.ones(()) if g is None or g.factors is None else spread(g.factors, g.axes, axes)
        for g in parts
    ]
    if all(g is None or g.factors is None for g in parts):
        return Group(axes, joint), False
    if op in {"Mul", "Div"}:
        product = factors[0] * (factors[1] if op == "Mul" else 1 / factors[1])
        return Group(axes, joint, np.array(np.broadcast_to(product, extents))), False
    same = op in _TERMS and all(
        same_factors(factors[0], factor, operands.near) for factor in factors[1:]
    )
    same = same and not (op in {"Max", "Min"} and bool((factors[0] < 0).any()))
    if not same:
        return Group(axes, joint), True
    return Group(axes, joint, np.array(np.broadcast_to(factors[0], extents))), False


def same_factors(f: NDArray[Any] | None, g: NDArray[Any] | None, near: float = NEAR) -> bool:
    """Whether two arrays of factors are equal within ``near``, relative; None is all ones."""
    f, g = (np.ones(()) if x is None else x for x in (f, g))
    return bool(np.allclose(f, g, rtol=near, atol=0))
