"""Align the layers of two networks.

Names say nothing across frameworks, so the alignment uses structure alone, from certain to likely:

1. Hashes from both ends. A layer has one hash of all its ancestors and one of all its descendants.
   Layers with both hashes equal are paired; then layers with one hash equal that no other layer
   has. Hashes are computed with all attributes first, then with operator, kernel and channels
   alone, and, for layers with both hashes equal, with the operator alone. Where few layers are
   paired that way, layers are hashed with everything within some steps around them
   (B. Weisfeiler and A. Leman, 1968).
2. Neighbours. Layers that read a pair, or are read by it, are probably a pair too.
3. Remaining layers between pairs are aligned as two sequences, by dynamic programming
   (S. Needleman and C. Wunsch, 1970) over the likeness of layers.
4. Neighbours again, and finally single layers with different operators in the same place, such as
   one activation instead of another.

Time grows linearly with the size of the networks, except for stretches without a common layer,
which are cut into pieces of bounded size.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from zoodiff.graph.gaps import pair_ends
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.likeness import (
    LEAST,
    Edges,
    around,
    backward,
    classes,
    forward,
    likeness,
    users,
)
from zoodiff.graph.sequences import increasing, needleman_wunsch

_ALIGNED = 0.9
"""Share of paired layers from which on hashes of the surroundings are not needed."""
_HABIT = 0.01
"""What equal positions count in a sum or product, which most ports write in the same order."""
_CELLS = 250_000
"""Largest table of the dynamic programme, in cells; larger stretches are cut."""


@dataclass(frozen=True)
class Alignment:
    """Pairs of layer indices, and layers without a counterpart."""

    a: LayerGraph
    b: LayerGraph
    pairs: tuple[tuple[int, int], ...]
    """In the order of a."""
    only_a: tuple[int, ...]
    only_b: tuple[int, ...]

    @property
    def to_b(self) -> dict[int, int]:
        """Map from layer indices of a to those of b; input k of the networks is ``-1 - k``."""
        return {**{-1 - k: -1 - k for k in range(len(self.a.inputs))}, **dict(self.pairs)}

    @property
    def to_a(self) -> dict[int, int]:
        """The inverse of ``to_b``."""
        return {b: a for a, b in self.to_b.items()}


def align(a: LayerGraph, b: LayerGraph) -> Alignment:
    """Return the alignment of two networks; never fails."""
    work = _Work(a, b)
    for level in (_labels, _cores):
        work.by_hashes(level(a), level(b), one_end=True)
    work.by_surroundings(_cores(a), _cores(b))
    work.by_hashes([x.op for x in a.layers], [y.op for y in b.layers], one_end=False)
    work.by_neighbours()
    work.by_sequence()
    work.by_neighbours()
    work.substitutes()
    pair_ends(a, b, work.to_b, work.to_a)
    pairs = tuple(sorted(work.to_b.items()))
    return Alignment(
        a,
        b,
        pairs,
        tuple(i for i in range(len(a.layers)) if i not in work.to_b),
        tuple(j for j in range(len(b.layers)) if j not in work.to_a),
    )


def _labels(graph: LayerGraph) -> list[Hashable]:
    return [layer.label for layer in graph.layers]


def _cores(graph: LayerGraph) -> list[Hashable]:
    return [layer.core for layer in graph.layers]


class _Work:
    """The pairs so far, and the methods that add pairs."""

    def __init__(self, a: LayerGraph, b: LayerGraph) -> None:
        self.a, self.b = a, b
        self.to_b: dict[int, int] = {}
        self.to_a: dict[int, int] = {}
        self._likeness: dict[tuple[int, int], float] = {}
        self._class_a, self._class_b = classes(a, b)
        self._edges_a, self._edges_b = Edges(a), Edges(b)

    @property
    def _complete(self) -> bool:
        """Whether all layers of a network are paired, so that no pair can be added."""
        return len(self.to_b) == min(len(self.a.layers), len(self.b.layers))

    def pair(self, i: int, j: int) -> None:
        self.to_b[i] = j
        self.to_a[j] = i

    # Hashes from both ends

    def by_hashes(
        self, labels_a: Sequence[Hashable], labels_b: Sequence[Hashable], *, one_end: bool
    ) -> None:
        """Pair layers whose ancestors and descendants agree, then those where one of them does."""
        if self._complete:
            return
        edges_a, edges_b = self._edges_a, self._edges_b
        up_a, up_b = forward(edges_a, labels_a), forward(edges_b, labels_b)
        # Including the other inputs of their readers, which tells twins in one cell apart.
        self._by_keys(backward(edges_a, up_a), backward(edges_b, up_b))
        if self._complete:
            return
        down_a, down_b = backward(edges_a, labels_a), backward(edges_b, labels_b)
        both_a, both_b = list(zip(up_a, down_a, strict=True)), list(zip(up_b, down_b, strict=True))
        self._by_keys(both_a, both_b, most=64)
        if one_end:
            self._by_keys(up_a, up_b)
            self._by_readers(up_a, up_b)
            self._by_keys(down_a, down_b)

    def by_surroundings(self, labels_a: Sequence[Hashable], labels_b: Sequence[Hashable]) -> None:
        """Pair layers with unique surroundings, near and far.

        Needed where networks differ at both ends, for example in preprocessing and in the number of
        classes, so that no hash of ancestors or descendants agrees.
        """
        if len(self.to_b) >= _ALIGNED * min(len(self.a.layers), len(self.b.layers)):
            return
        rings = [around(self._edges_a, labels_a), around(self._edges_b, labels_b)]
        for keys_a, keys_b in zip(*rings, strict=True):
            self._by_keys(keys_a, keys_b)

    def _by_keys(
        self, keys_a: Sequence[Hashable], keys_b: Sequence[Hashable], most: int = 1
    ) -> None:
        groups: dict[Hashable, tuple[list[int], list[int]]] = {}
        for i, key in enumerate(keys_a):
            if i not in self.to_b:
                groups.setdefault(key, ([], []))[0].append(i)
        for j, key in enumerate(keys_b):
            if j not in self.to_a and key in groups:
                groups[key][1].append(j)
        for left, right in groups.values():
            if len(left) == len(right) == 1:
                self.pair(left[0], right[0])
            elif len(left) == len(right) and len(left) <= most:
                self._pair_alike(left, right)

    def _by_readers(self, keys_a: Sequence[Hashable], keys_b: Sequence[Hashable]) -> None:
        """Pair layers with equal keys whose readers are paired, and read both at one position.

        The queries, keys and values of a block have equal ancestors; their readers tell them apart.
        """
        by_key: dict[Hashable, set[int]] = {}
        for j, key in enumerate(keys_b):
            if j not in self.to_a:
                by_key.setdefault(key, set()).add(j)
        for i in range(len(self.a.layers) - 1, -1, -1):
            if i in self.to_b or keys_a[i] not in by_key:
                continue
            places = {(self.to_b.get(user, -1), place) for user, place in self.a.layers[i].users}
            fitting = {
                j
                for user, place in places
                if user >= 0 and place < len(self.b.layers[user].inputs)
                for j in (self.b.layers[user].inputs[place],)
                if j in by_key[keys_a[i]] and j not in self.to_a
            }
            if len(fitting) == 1:
                self.pair(i, fitting.pop())

    def _pair_alike(self, left: list[int], right: list[int]) -> None:
        """Pair layers that structure cannot distinguish: the most similar first, then in order."""
        unpaired = list(right)
        for i in left:
            j = max(
                unpaired,
                key=lambda j: (self._same_edges(i, j), self.likeness(i, j), -unpaired.index(j)),
            )
            unpaired.remove(j)
            self.pair(i, j)

    def _same_edges(self, i: int, j: int) -> int:
        """Return how many readers at equal positions are paired."""
        paired_readers = {
            (self.to_b.get(user, -1), position) for user, position in self.a.layers[i].users
        }
        return len(paired_readers & set(self.b.layers[j].users))

    # Likeness of two layers

    def likeness(self, i: int, j: int) -> float:
        """Return the similarity of two layers, 0 if they cannot be a pair."""
        key = (self._class_a[i], self._class_b[j])
        if key not in self._likeness:
            self._likeness[key] = likeness(self.a.layers[i], self.b.layers[j])
        return self._likeness[key]

    def _context(self, i: int, j: int) -> float:
        """Score paired neighbours positively, and those paired with other layers negatively."""
        layer_a, layer_b = self.a.layers[i], self.b.layers[j]
        score = 0.0
        for neighbours_a, neighbours_b in (
            (layer_a.inputs, layer_b.inputs),
            (users(layer_a), users(layer_b)),
        ):
            if not neighbours_a and not neighbours_b:
                score += 1.0
                continue
            counterparts = set(neighbours_b)
            for x in neighbours_a:
                y = x if x < 0 else self.to_b.get(x)
                if y is not None:
                    score += (2.0 if y in counterparts else -1.0) / max(
                        len(neighbours_a), len(neighbours_b)
                    )
        return score + self._places(layer_a, layer_b)

    def _places(self, layer_a: Layer, layer_b: Layer) -> float:
        """Score whether paired readers read both at the same position: queries are not keys."""
        positions_b, score = dict(layer_b.users), 0.0
        for user, position in layer_a.users:
            reader = self.to_b.get(user)
            if reader not in positions_b:
                continue
            weight = _HABIT if self.a.layers[user].commutative else 0.25
            score += weight if positions_b[reader] == position else -weight
        return score

    # Neighbours

    def by_neighbours(self) -> None:
        """Pair neighbours of pairs, the most similar first."""
        if self._complete:
            return
        heap: list[tuple[float, int, int]] = []
        for i, j in list(self.to_b.items()):
            self._offer(heap, i, j)
        for k in range(len(self.a.inputs)):
            self._offer_readers(heap, -1 - k)
        while heap:
            score, i, j = heapq.heappop(heap)
            if i in self.to_b or j in self.to_a:
                continue
            current = -(self.likeness(i, j) + self._context(i, j))
            if current > score + 1e-9:  # worse than when it was offered
                heapq.heappush(heap, (current, i, j))
                continue
            if -current < LEAST:
                continue
            self.pair(i, j)
            self._offer(heap, i, j)

    def _offer(self, heap: list[tuple[float, int, int]], i: int, j: int) -> None:
        layer_a, layer_b = self.a.layers[i], self.b.layers[j]
        self._offer_all(heap, layer_a.inputs, layer_b.inputs)
        self._offer_all(heap, users(layer_a), users(layer_b))

    def _offer_readers(self, heap: list[tuple[float, int, int]], source: int) -> None:
        readers = [
            [layer.index for layer in graph.layers if source in layer.inputs]
            for graph in (self.a, self.b)
        ]
        self._offer_all(heap, *readers)

    def _offer_all(
        self, heap: list[tuple[float, int, int]], left: Iterable[int], right: Iterable[int]
    ) -> None:
        unpaired_a = [i for i in dict.fromkeys(left) if i >= 0 and i not in self.to_b]
        unpaired_b = [j for j in dict.fromkeys(right) if j >= 0 and j not in self.to_a]
        if len(unpaired_a) * len(unpaired_b) > 256:
            pairs: Iterable[tuple[int, int]] = zip(unpaired_a, unpaired_b, strict=False)
        else:
            pairs = ((i, j) for i in unpaired_a for j in unpaired_b)
        for i, j in pairs:
            alike = self.likeness(i, j)
            if alike:
                heapq.heappush(heap, (-(alike + self._context(i, j)), i, j))

    # Sequences

    def by_sequence(self) -> None:
        """Align the remaining layers between pairs that keep their order."""
        if self._complete:
            return
        fixed = increasing(sorted(self.to_b.items()))
        bounds = [(-1, -1), *fixed, (len(self.a.layers), len(self.b.layers))]
        for (i0, j0), (i1, j1) in pairwise(bounds):
            left = [i for i in range(i0 + 1, i1) if i not in self.to_b]
            right = [j for j in range(j0 + 1, j1) if j not in self.to_a]
            if left and right:
                self._stretch(left, right)

    def _stretch(self, left: list[int], right: list[int]) -> None:
        if len(left) * len(right) <= _CELLS:
            for i, j in needleman_wunsch(left, right, self._worth, floor=LEAST):
                self.pair(i, j)
            return
        # Too long for one table: in proportion, piece by piece.
        pieces = -(-len(left) * len(right) // _CELLS)
        for k in range(pieces):
            self._stretch(
                left[k * len(left) // pieces : (k + 1) * len(left) // pieces],
                right[k * len(right) // pieces : (k + 1) * len(right) // pieces],
            )

    def _worth(self, i: int, j: int) -> float:
        alike = self.likeness(i, j)
        return alike + self._context(i, j) if alike else 0.0

    # Layers in the same place

    def substitutes(self) -> None:
        """Pair single layers in the same place, whatever their operator."""
        for i in [i for i in range(len(self.a.layers)) if i not in self.to_b]:
            layer = self.a.layers[i]
            if not layer.inputs or not layer.users:
                continue
            if any(x >= 0 and x not in self.to_b for x in layer.inputs):
                continue
            if any(user not in self.to_b for user, _ in layer.users):
                continue
            sources = [x if x < 0 else self.to_b[x] for x in layer.inputs]
            readers = {self.to_b[user] for user, _ in layer.users}
            for j in self._readers_in_b(sources[0]):
                candidate = self.b.layers[j]
                if j in self.to_a or sorted(candidate.inputs) != sorted(sources):
                    continue
                if {user for user, _ in candidate.users} == readers:
                    self.pair(i, j)
                    break

    def _readers_in_b(self, source: int | None) -> list[int]:
        if source is None:
            return []
        if source >= 0:
            return users(self.b.layers[source])
        return [layer.index for layer in self.b.layers if source in layer.inputs]
