"""Transformations that a walk through two networks finds, and the layers that undo them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoodiff.equivalence.symmetries.arrays.match import Columns, Match

    Permutation = NDArray[np.int64]
    Floats = NDArray[np.float64]

Names = tuple[str, str]


@dataclass
class Event:
    """The outputs of a layer, or of several that read the same, in another order or size."""

    layers: list[Names]
    rows: Permutation
    factors: Floats | None = None
    groups: int = 1
    """Groups of the grouped convolution that makes or reads them."""
    multiplier: int = 1
    """Outputs per input of a depthwise convolution."""
    across: bool = False
    """Whether rows leave their groups, which nothing can undo."""
    vacuous: bool = False
    """Whether it is evidence only where another layer undoes it."""
    fused: bool = False
    """Whether one network fuses layers that are separate in the other, or mixes their rows."""
    stored_alike: bool = False
    """Whether the rows stand in the same order in both files, so that only reading differs."""
    layouts: tuple[str, str] = ("", "")
    heads: int = 0
    """Elements of one head, where products of heads read the outputs."""
    undone: list[Names] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Names of layers that read the outputs and do not undo what happened."""
    unscaled: list[str] = field(default_factory=list)
    """Names of layers that do not undo the factors."""
    output: bool = False
    """Whether it reaches an output of the network."""


@dataclass(frozen=True)
class Local:
    """Two aligned layers and how their weights are related; without a match they are not."""

    layer: Names
    a: int
    b: int
    match: Match | None
    columns: Columns | None = None
    events: frozenset[int] = frozenset()
    """Numbers of the events that reach the layer."""
    own: int = -1
    """Number of the transformation that the layer adds; -1 for none."""


@dataclass
class Events:
    """All events; those that meet in an addition are joined, since they must be equal."""

    entries: list[Event] = field(default_factory=list)
    _parent: list[int] = field(default_factory=list)

    def add(self, event: Event) -> int:
        """Number of a new event."""
        self.entries.append(event)
        self._parent.append(len(self._parent))
        return len(self._parent) - 1

    def root(self, number: int) -> int:
        """The event that stands for all that are joined with it."""
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def join(self, numbers: frozenset[int]) -> None:
        """Join some events into one."""
        roots = sorted({self.root(number) for number in numbers})
        for number in roots[1:]:
            self._parent[number] = roots[0]

    def idle(self, number: int) -> bool:
        """Whether a transformation is no evidence: vacuous, and undone by no layer."""
        if number < 0 or not self.entries[number].vacuous:
            return False
        root = self.root(number)
        stream = [e for k, e in enumerate(self.entries) if self.root(k) == root]
        lost = any(e.broken or e.unscaled or e.output for e in stream)
        return lost or not self.entries[number].undone

    def together(self) -> list[list[Event]]:
        """Lists of joined events, in order."""
        streams: dict[int, list[Event]] = {}
        for number, event in enumerate(self.entries):
            if self.idle(number):
                continue
            streams.setdefault(self.root(number), []).append(event)
        return list(streams.values())
