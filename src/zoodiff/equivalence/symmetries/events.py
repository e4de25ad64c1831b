"""What a walk through two networks finds: rows that move or are scaled, and who undoes that."""

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
    """Whether it says something only where it is undone."""
    fused: bool = False
    """Whether layers are cut apart in one network and one in the other, or the parts are mixed."""
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
    """Those that reach the layer."""
    own: int = -1
    """Number of the transformation that the layer adds; -1 for none."""


@dataclass
class Events:
    """All of them, joined where additions need them to be equal."""

    found: list[Event] = field(default_factory=list)
    _parent: list[int] = field(default_factory=list)

    def add(self, event: Event) -> int:
        """Number of a new event."""
        self.found.append(event)
        self._parent.append(len(self._parent))
        return len(self._parent) - 1

    def root(self, number: int) -> int:
        """The event that stands for all that are joined with it."""
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def join(self, numbers: frozenset[int]) -> None:
        """Let some events be one from now on."""
        roots = sorted({self.root(number) for number in numbers})
        for number in roots[1:]:
            self._parent[number] = roots[0]

    def idle(self, number: int) -> bool:
        """Whether a transformation says nothing: vacuous, and undone by nobody."""
        if number < 0 or not self.found[number].vacuous:
            return False
        root = self.root(number)
        stream = [e for k, e in enumerate(self.found) if self.root(k) == root]
        lost = any(e.broken or e.unscaled or e.output for e in stream)
        return lost or not self.found[number].undone

    def together(self) -> list[list[Event]]:
        """The events by what is joined, in order."""
        streams: dict[int, list[Event]] = {}
        for number, event in enumerate(self.found):
            if self.idle(number):
                continue
            streams.setdefault(self.root(number), []).append(event)
        return list(streams.values())
