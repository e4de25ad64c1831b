r"""One form for sequences of reshapes, transpositions and slices.

Such a sequence divides the axes of a tensor, its base, into factors, reorders the factors, and
joins them to axes again. Factors that stay neighbours count as one. So each sequence has one
shortest form: a reshape that divides, a transposition, a reshape that joins, each only where it has
an effect. A slice of an outermost factor is moved to the base. A reshape that cuts through factors
ends the sequence.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from zoodiff.graph.mutable import MutableGraph, MutableNode

NOTE = "movements"
_OPS = frozenset({"Reshape", "Slice", "Transpose"})


class Movement:
    """A tensor as a base whose axes are divided, reordered and joined.

    ``base`` and ``target`` list, for each axis, the factors of which it is made, outermost first;
    an axis of extent 1 has none.
    """

    def __init__(
        self,
        tensor: str,
        base: list[list[int]],
        target: list[list[int]],
        extents: dict[int, int],
        steps: int,
    ) -> None:
        self.tensor, self.base, self.target, self.extents = tensor, base, target, extents
        self.steps = steps
        """The number of the source's nodes in the sequence."""

    @classmethod
    def start(cls, tensor: str, shape: Sequence[int]) -> Movement:
        """Return a movement that leaves a tensor as it is."""
        extents = {axis: n for axis, n in enumerate(shape) if n != 1}
        axes = [[axis] if axis in extents else [] for axis in range(len(shape))]
        return cls(tensor, axes, [list(axis) for axis in axes], extents, 0)

    def copy(self) -> Movement:
        """Return a copy whose lists can be changed."""
        base, target = ([list(axis) for axis in axes] for axes in (self.base, self.target))
        return Movement(self.tensor, base, target, dict(self.extents), self.steps + 1)

    def transposed(self, perm: Sequence[int]) -> Movement:
        """Return the movement with the axes in another order."""
        moved = self.copy()
        moved.target = [moved.target[axis] for axis in perm]
        return moved

    def reshaped(self, shape: Sequence[int]) -> Movement | None:
        """Return the movement with another shape; None where the shape cuts through a factor."""
        moved = self.copy()
        waiting = [factor for axis in moved.target for factor in axis]
        moved.target = []
        for extent in shape:
            group: list[int] = []
            remaining = extent
            while remaining > 1:
                if not waiting:
                    return None
                factor = waiting.pop(0)
                size = moved.extents[factor]
                if remaining % size == 0:
                    group.append(factor)
                    remaining //= size
                elif size % remaining == 0:
                    outer, inner = moved._divide(factor, remaining)
                    group.append(outer)
                    waiting.insert(0, inner)
                    remaining = 1
                else:
                    return None
            moved.target.append(group)
        return None if waiting else moved

    def _divide(self, factor: int, outer: int) -> tuple[int, int]:
        """Divide a factor of the base into two and return them, the outer one first."""
        pair = max(self.extents) + 1, max(self.extents) + 2
        self.extents |= dict(zip(pair, (outer, self.extents.pop(factor) // outer), strict=True))
        for axis in self.base:
            if factor in axis:
                place = axis.index(factor)
                axis[place : place + 1] = pair
        return pair

    def outermost(self, axis: int, start: int, end: int) -> tuple[int, int, int] | None:
        """Return the slice of the base, (axis, start, end), that equals a slice of an axis."""
        if not self.target[axis]:
            return None
        first, *inner = self.target[axis]
        size = prod(self.extents[factor] for factor in inner)
        where = next(k for k, factors in enumerate(self.base) if first in factors)
        if start % size or end % size or self.base[where][0] != first:
            return None
        width = prod(self.extents[factor] for factor in self.base[where][1:])
        return where, start // size * width, end // size * width

    def sliced(self, tensor: str, axis: int, start: int, end: int) -> Movement:
        """Return the movement of a slice of the base, ``tensor``, along an outermost factor."""
        moved = self.copy()
        moved.tensor = tensor
        first = moved.target[axis][0]
        extent = (end - start) // prod(moved.extents[factor] for factor in moved.target[axis][1:])
        if extent > 1:
            moved.extents[first] = extent
        else:
            del moved.extents[first]
            for axes in (moved.base, moved.target):
                for factors in axes:
                    if first in factors:
                        factors.remove(first)
        return moved

    def shortest(self) -> tuple[list[int], list[int]]:
        """Return the extents of the factors in the base, and their order in the target."""
        order = [factor for axis in self.base for factor in axis]
        place = {factor: k for k, factor in enumerate(order)}
        runs: list[list[int]] = []
        for factor in (factor for axis in self.target for factor in axis):
            if runs and place[runs[-1][-1]] + 1 == place[factor]:
                runs[-1].append(factor)
            else:
                runs.append([factor])
        by_base = sorted(runs, key=lambda run: place[run[0]])
        extents = [prod(self.extents[factor] for factor in run) for run in by_base]
        return extents, [by_base.index(run) for run in runs]

    def places(self) -> list[int]:
        """Return the positions of the target's factors in the base."""
        order = [factor for axis in self.base for factor in axis]
        return [order.index(factor) for axis in self.target for factor in axis]


def run(graph: MutableGraph) -> None:
    """Rewrite every sequence of movements to its shortest form."""
    if not any(graph.of("Transpose", "Slice")):
        return
    walk = _Walk(graph)
    for node in graph.in_order():
        if not walk.moves(node):
            walk.settle(node)
    graph.outputs = [walk.tensor(tensor, 1e9) for tensor in graph.outputs]


class _Walk:
    def __init__(self, graph: MutableGraph) -> None:
        self._net = graph
        self._known: dict[str, tuple[Movement, MutableNode]] = {}
        self._slices: dict[tuple[str, int, int, int], str] = {}
        self._made: dict[tuple[object, ...], str] = {}

    def moves(self, node: MutableNode) -> bool:
        """Record a node that only moves elements; return whether it is one."""
        graph = self._net
        if node.op not in _OPS or len(node.inputs) != 1 or node.parameters:
            return False
        (source,) = node.inputs
        shape, target = graph.shape(source), graph.shape(node.output)
        if not shape or -1 in shape or -1 in target or prod(shape) == 0 or prod(target) == 0:
            return False
        tracked = self._known.get(source)
        movement = tracked[0] if tracked else Movement.start(source, shape)
        moved: Movement | None
        if node.op == "Transpose":
            moved = movement.transposed(node.attributes["perm"])
        elif node.op == "Reshape":
            moved = movement.reshaped(target)
        else:
            moved = self._sliced(movement, node)
        if moved is None:
            return False
        self._known[node.output] = moved, node
        return True

    def _sliced(self, movement: Movement, node: MutableNode) -> Movement | None:
        a = node.attributes
        steps = a.get("steps") or [1]
        if movement.steps == 0 or set(steps) != {1} or "axes" not in a:
            return None  # a slice of the base itself stays as it is
        for axis, start, end in zip(a["axes"], a["starts"], a["ends"], strict=True):
            place = movement.outermost(axis, start, end)
            if place is None:
                return None
            tensor = self._slice(movement.tensor, place, node)
            movement = movement.sliced(tensor, axis, start, end)
        return movement

    def _slice(self, tensor: str, place: tuple[int, int, int], node: MutableNode) -> str:
        key = (tensor, *place)
        if key not in self._slices:
            axis, start, end = place
            shape = list(self._net.shape(tensor))
            shape[axis] = end - start
            bounds = {"axes": [axis], "starts": [start], "ends": [end], "steps": [1]}
            piece = self._net.add(
                "Slice", node.name, [tensor], shape, bounds, order=node.order
            ).noted(NOTE)
            self._slices[key] = piece.output
        return self._slices[key]

    def settle(self, node: MutableNode) -> None:
        """Let a node read the shortest forms of its inputs."""
        if not any(tensor in self._known for tensor in node.inputs):
            return
        if node.op == "MatMul" and len(node.inputs) == 2 and "equation" not in node.attributes:
            operands = [self._factor(node, position) for position in (0, 1)]
        else:
            operands = [self.tensor(tensor, node.order) for tensor in node.inputs]
        self._net.read(node, operands)

    def _factor(self, node: MutableNode, position: int) -> str:
        """Return a factor of a product, with or without a swap of its last two axes.

        A product can swap them itself. Of the two, the one whose order is nearer to that of the
        base is chosen.
        """
        tensor = node.inputs[position]
        shape = list(self._net.shape(tensor))
        if tensor not in self._known or len(shape) < 2:
            return self.tensor(tensor, node.order)
        movement, last = self._known[tensor]
        axes = list(range(len(shape)))
        swapped = movement.transposed([*axes[:-2], axes[-1], axes[-2]])
        if swapped.places() >= movement.places():
            return self.tensor(tensor, node.order)
        key = "transB" if position else "transA"
        if not node.attributes.pop(key, False):
            node.attributes[key] = True
        node.notes.add(NOTE)
        return self._shortest(swapped, [*shape[:-2], shape[-1], shape[-2]], last, node.order)

    def tensor(self, tensor: str, order: float) -> str:
        """Return a tensor with the values of a source tensor, by the fewest movements."""
        if tensor not in self._known:
            return tensor
        movement, last = self._known[tensor]
        if movement.steps == 1 and self._length(movement, tensor) <= 1:
            return tensor  # as short as it can be
        return self._shortest(movement, list(self._net.shape(tensor)), last, order)

    def _length(self, movement: Movement, tensor: str) -> int:
        """Return the number of nodes of the shortest form."""
        extents, perm = movement.shortest()
        base, turned = list(self._net.shape(movement.tensor)), perm != sorted(perm)
        joined = [extents[k] for k in perm] if turned else base
        return (turned and extents != base) + turned + (joined != list(self._net.shape(tensor)))

    def _shortest(
        self, movement: Movement, shape: list[int], last: MutableNode, order: float
    ) -> str:
        extents, perm = movement.shortest()
        turned = perm != sorted(perm)
        base, tensor = list(self._net.shape(movement.tensor)), movement.tensor
        joined = [extents[k] for k in perm] if turned else base
        if turned and extents != base:
            tensor = self._add("Reshape", tensor, extents, {"shape": extents}, last, order, 3)
        if turned:
            tensor = self._add("Transpose", tensor, joined, {"perm": perm}, last, order, 2)
        if joined != shape:
            tensor = self._add("Reshape", tensor, shape, {"shape": shape}, last, order, 1)
        return tensor

    def _add(
        self,
        op: str,
        tensor: str,
        shape: list[int],
        attributes: dict[str, list[int]],
        last: MutableNode,
        order: float,
        ahead: int,
    ) -> str:
        key = (op, tensor, tuple(shape), tuple(map(tuple, attributes.values())))
        if key not in self._made:
            movement = self._net.add(
                op,
                last.name,
                [tensor],
                shape,
                attributes,
                order=min(order, 1e8) - 0.1 * ahead,
            ).noted(NOTE)
            self._made[key] = movement.output
        return self._made[key]
