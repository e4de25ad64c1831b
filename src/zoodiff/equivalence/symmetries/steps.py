"""The labels that one operator gives its outputs, and whether factors end there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from zoodiff.equivalence.symmetries.labels import Group, Marked
from zoodiff.graph.ir import Node

NEAR = 1e-4
"""Relative difference up to which two factors count as equal."""
TERM = 3
"""Tag of labels that were an operand."""


@dataclass(frozen=True)
class Step:
    """The outputs of one operator; whether factors end here."""

    outputs: list[Marked]
    ends: bool = False


Rule = Callable[
    [Node, Mapping[str, Any], Sequence[Marked], Sequence[tuple[int, ...]]], "Step | None"
]


def without_factors(x: Marked) -> Marked:
    """The same labels without factors."""
    return replace(x, groups=tuple(Group(g.axes, g.labels) for g in x.groups))


def has_factors(x: Marked, *, negative: bool = False) -> bool:
    """Whether factors reach a tensor; with ``negative``: negative ones."""
    return any(
        g.factors is not None and (not negative or bool((g.factors < 0).any())) for g in x.groups
    )
