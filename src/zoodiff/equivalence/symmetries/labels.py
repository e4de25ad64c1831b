"""Which element of a tensor comes from which channel, by labels that operators carry along.

Every channel that a layer with weights writes has a label of its own; so has every place of an
input. An operator that moves elements moves their labels. One that adds or multiplies two elements
joins their labels, in any order. An unknown operator makes labels from everything that it reads.
Elements of two networks with equal labels come from the same channels, so the labels that a layer
reads say in which order its columns must stand.

A tensor's labels are kept for groups of axes: the label of an element is made of those of its
groups. ``factors`` say how much larger the elements of the second network are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels = NDArray[np.uint64]
    Floats = NDArray[np.float64]

LARGEST = 1 << 22
"""Tensors with more elements than this get no labels per element."""


@dataclass(frozen=True)
class Group:
    """The labels along some axes, which are in ascending order and longer than 1."""

    axes: tuple[int, ...]
    labels: Labels
    factors: Floats | None = None


@dataclass(frozen=True)
class Marked:
    """A tensor's labels, and the transformations of weights that they have gone through."""

    shape: tuple[int, ...]
    groups: tuple[Group, ...]
    events: frozenset[int] = frozenset()
    curve: str = ""
    """The class of the function applied since a layer wrote the channels; empty for none."""
    uncertain: float = 0.0
    """Relative error of the factors, which are estimated from rounded weights."""

    def group(self, axis: int) -> Group | None:
        """The group with an axis; None for an axis of extent 1."""
        return next((g for g in self.groups if axis in g.axes), None)

    def along(self, axis: int) -> Group | None:
        """The group of this axis alone; None where it is bound to others."""
        group = self.group(axis)
        return group if group is not None and group.axes == (axis,) else None


def mixed(x: Any) -> Labels:
    """Numbers scattered over 64 bits (G. Steele et al., SplittableRandom, 2014)."""
    with np.errstate(over="ignore"):
        z = np.asarray(x, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(z ^ (z >> np.uint64(31)))


def joined(*labels: Labels) -> Labels:
    """One label from several, whatever their order and how they are bracketed; broadcast."""
    with np.errstate(over="ignore"):
        total = np.asarray(labels[0], dtype=np.uint64)
        for part in labels[1:]:
            total = total + part
        return total


def tagged(labels: Labels, tag: int) -> Labels:
    """Labels derived from others and a tag, unlike both."""
    with np.errstate(over="ignore"):
        return mixed(labels + mixed(np.uint64(tag)))


def summed(labels: Labels, axes: Sequence[int]) -> Labels:
    """One label for all along some axes, whatever their order."""
    with np.errstate(over="ignore"):
        return mixed(mixed(labels).sum(axis=tuple(axes), dtype=np.uint64))


def digest(marked: Iterable[Marked]) -> int:
    """A hash of some tensors' labels, which depends on their order."""
    total = mixed(np.uint64(1))
    with np.errstate(over="ignore"):
        for tensor in marked:
            for g in tensor.groups:
                places = np.arange(g.labels.size, dtype=np.uint64)
                flat = mixed(g.labels.reshape(-1) + mixed(places)).sum(dtype=np.uint64)
                total = mixed(total + mixed(flat + np.uint64(g.axes[0] if g.axes else 0)))
    return int(total)


def places(shape: Sequence[int], tag: int) -> tuple[Group, ...]:
    """Labels by place alone, a group per axis."""
    return tuple(
        Group((axis,), tagged(np.arange(extent, dtype=np.uint64), 1_000 * (axis + 1) + tag))
        for axis, extent in enumerate(shape)
        if extent > 1
    )


def fresh(owner: int, size: int) -> Labels:
    """Labels of the channels that a layer makes."""
    return tagged(np.arange(size, dtype=np.uint64), 1 << 40 | owner)


def ties_of(labels: Labels) -> list[NDArray[np.int64]]:
    """Places with equal labels, of which any may stand for any other."""
    _, which, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.size == labels.size:
        return []
    by_label = np.split(np.argsort(which, kind="stable"), np.cumsum(counts)[:-1])
    return [tie for tie in by_label if tie.size > 1]


def merge(groups: Sequence[Group]) -> Group | None:
    """One group over the axes of several, which share none; None where it would be too large."""
    if len(groups) == 1:
        return groups[0]
    axes = tuple(sorted(axis for g in groups for axis in g.axes))
    extents = {axis: n for g in groups for axis, n in zip(g.axes, g.labels.shape, strict=True)}
    if prod(extents.values()) > LARGEST:
        return None
    labels = joined(*(spread(g.labels, g.axes, axes) for g in groups))
    labels = np.broadcast_to(labels, [extents[axis] for axis in axes])
    return Group(axes, np.ascontiguousarray(labels), multiplied(groups, axes, labels.shape))


def multiplied(
    groups: Sequence[Group], axes: Sequence[int], shape: tuple[int, ...]
) -> Floats | None:
    """The product of the factors of several groups; None where none has any."""
    if all(g.factors is None for g in groups):
        return None
    product = np.ones(shape)
    for g in groups:
        if g.factors is not None:
            product = product * spread(g.factors, g.axes, axes)
    return product


def spread(array: NDArray[Any], axes: Sequence[int], onto: Sequence[int]) -> NDArray[Any]:
    """An array along some axes, shaped to broadcast along more."""
    extents = dict(zip(axes, array.shape, strict=True))
    return array.reshape([extents.get(axis, 1) for axis in onto])


def transpose(x: Marked, perm: Sequence[int]) -> Marked:
    """The axes in another order."""
    now = {old: new for new, old in enumerate(perm)}
    groups = []
    for g in x.groups:
        moved = [now[axis] for axis in g.axes]
        order = sorted(range(len(moved)), key=lambda k: moved[k])
        groups.append(
            Group(
                tuple(moved[k] for k in order),
                g.labels.transpose(order),
                None if g.factors is None else g.factors.transpose(order),
            )
        )
    return replace(x, shape=tuple(x.shape[k] for k in perm), groups=tuple(groups))


def reshape(x: Marked, shape: Sequence[int]) -> Marked | None:
    """The same elements in another shape; None where that is not known."""
    if -1 in (*x.shape, *shape) or prod(x.shape) != prod(shape):
        return None
    groups = list(x.groups)
    renamed: dict[tuple[int, ...], list[int]] = {}
    for before, behind in _blocks(x.shape, shape):
        bound = [g for g in groups if set(g.axes) & set(before)]
        if len(before) > 1 and len(bound) > 1:
            whole = merge(bound)
            if whole is None:
                return None
            groups = [g for g in groups if g not in bound] + [whole]
        renamed[tuple(before)] = behind
    result = []
    for g in groups:
        axes = [k for before, behind in renamed.items() if before[0] in g.axes for k in behind]
        extents = [shape[axis] for axis in axes]
        factors = None if g.factors is None else g.factors.reshape(extents)
        result += _separated(Group(tuple(axes), g.labels.reshape(extents), factors))
    return replace(x, shape=tuple(shape), groups=tuple(result))


def _separated(g: Group) -> list[Group]:
    """The last axis apart where its labels were only added to those of the others.

    A reshape may join channels with places for a moment. Sums over the other axes do not depend on
    their order.
    """
    if len(g.axes) < 2 or g.factors is not None:
        return [g]
    rows = g.labels.reshape(-1, g.labels.shape[-1])
    with np.errstate(over="ignore"):
        steps = rows - rows[:, :1]
    if not bool((steps == steps[:1]).all()):
        return [g]
    outer = Group(g.axes[:-1], summed(g.labels, [len(g.axes) - 1]))
    with np.errstate(over="ignore"):
        own = mixed(rows.sum(axis=0, dtype=np.uint64))
    return [outer, Group(g.axes[-1:], own)]


def _blocks(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The smallest stretches of axes, longer than 1, that hold the same elements."""
    left = [axis for axis, n in enumerate(old) if n != 1]
    right = [axis for axis, n in enumerate(new) if n != 1]
    blocks = []
    while left or right:
        before, behind = [left.pop(0)], [right.pop(0)]
        sizes = [old[before[0]], new[behind[0]]]
        while sizes[0] != sizes[1]:
            if sizes[0] < sizes[1]:
                before.append(left.pop(0))
                sizes[0] *= old[before[-1]]
            else:
                behind.append(right.pop(0))
                sizes[1] *= new[behind[-1]]
        blocks.append((before, behind))
    return blocks


def take(x: Marked, axis: int, chosen: Any, shape: Sequence[int]) -> Marked:
    """Some elements along an axis."""
    groups = []
    for g in x.groups:
        if axis not in g.axes:
            groups.append(g)
            continue
        at = g.axes.index(axis)
        index = (slice(None),) * at + (chosen,)
        labels, factors = g.labels[index], None if g.factors is None else g.factors[index]
        axes = g.axes
        if labels.shape[at] == 1:  # what is chosen stays in the labels of the other axes
            labels = labels.squeeze(at)
            factors = None if factors is None else factors.squeeze(at)
            axes = (*axes[:at], *axes[at + 1 :])
        groups.append(Group(axes, labels, factors))
    return _settled(replace(x, shape=tuple(shape), groups=tuple(groups)))


def _settled(x: Marked) -> Marked:
    """Groups without axes, of one chosen element, are joined to another one."""
    loose = [g for g in x.groups if not g.axes]
    bound = [g for g in x.groups if g.axes]
    if not loose or not bound:
        return replace(x, groups=tuple(bound))
    first = bound[0]
    labels = joined(first.labels, *(g.labels for g in loose))
    factors = first.factors
    for g in loose:
        if g.factors is not None:
            factors = (np.ones(labels.shape) if factors is None else factors) * g.factors
    return replace(x, groups=(Group(first.axes, labels, factors), *bound[1:]))


def order_of(mine: Group | None, theirs: Group | None) -> NDArray[np.int64] | None:
    """The order in which the second network has the first's labels; None where it has others."""
    if mine is None or theirs is None or mine.labels.shape != theirs.labels.shape:
        return None
    a, b = mine.labels.reshape(-1), theirs.labels.reshape(-1)
    if np.array_equal(a, b):
        return np.arange(a.size)
    first, second = np.argsort(a, kind="stable"), np.argsort(b, kind="stable")
    if not np.array_equal(a[first], b[second]):
        return None
    order = np.empty(a.size, dtype=np.int64)
    order[second] = first
    return order
