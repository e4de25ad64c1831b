"""The labels and factors of outputs of every operator without weights, from those of its inputs.

Positive factors pass rectifiers and maxima, any factor passes a linear operator, signs pass odd
functions; no other operator passes factors. An unknown operator gives labels that are equal only
where everything that it reads is equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.symmetries.elementwise import elementwise, same_factors
from zoodiff.equivalence.symmetries.labels import (
    Group,
    Marked,
    digest,
    mixed,
    places,
    reshape,
    summed,
    tagged,
    take,
    transpose,
)
from zoodiff.equivalence.symmetries.products import product
from zoodiff.equivalence.symmetries.steps import (
    Rule,
    Step,
    has_factors,
    without_factors,
)
from zoodiff.graph.interpreter.shapes import slices
from zoodiff.graph.ir import Node
from zoodiff.graph.operators import settings_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LINEAR = frozenset(
    {"AveragePool", "Cast", "Dropout", "GlobalAveragePool", "Identity", "Neg", "Resize"}
)
_POSITIVE = frozenset({"Abs", "GlobalMaxPool", "LeakyRelu", "MaxPool", "PRelu", "Relu"})
_ODD = frozenset({"Erf", "Softsign", "Tanh"})
_ELEMENTWISE = frozenset(
    {
        "Ceil", "Clip", "Elu", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Log",
        "LogSoftmax", "Mish", "Reciprocal", "Selu", "Sigmoid", "Softmax", "Softplus", "Sqrt",
        "Swish",
    }
)  # fmt: skip
_CURVES = {
    **dict.fromkeys(("HardSigmoid", "Sigmoid"), "gate"),
    **dict.fromkeys(("Erf", "Softsign", "Tanh"), "odd"),
}
"""Classes of functions that make operands unlike; all others but linear ones are one class."""
_REDUCTIONS = frozenset({"ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"})
_WINDOWS = frozenset({"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "Resize"})


def propagate(node: Node, inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]) -> Step:
    """The labels of a node's outputs from those of its computed inputs."""
    rule = _RULES.get(node.op)
    if rule is None or not inputs:
        return opaque(node, inputs, shapes)
    try:
        step = rule(node, settings_of(node), inputs, shapes)
    except (ValueError, KeyError, IndexError, TypeError):
        step = None
    return opaque(node, inputs, shapes) if step is None else step


def opaque(node: Node, inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]) -> Step:
    """Labels by place, of everything that is read and the operator."""
    events = frozenset().union(*(x.events for x in inputs))
    kind = sum(ord(letter) * 31**k for k, letter in enumerate(node.op)) + digest(inputs)
    seed = int(mixed(np.uint64(kind % 2**64)))
    outputs = []
    for number, shape in enumerate(shapes):
        groups = [
            Group(g.axes, tagged(g.labels, (seed + number) % 2**64)) for g in places(shape, 0)
        ]
        outputs.append(Marked(shape, tuple(groups), events))
    return Step(outputs, any(g.factors is not None for x in inputs for g in x.groups))


def _only_signs(x: Marked) -> bool:
    return all(g.factors is None or bool((np.abs(g.factors) == 1).all()) for g in x.groups)


def _unary(
    node: Node, a: Mapping[str, Any], inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
) -> Step | None:
    x = inputs[0]
    passes = (
        node.op in _LINEAR
        or (node.op in _POSITIVE and not has_factors(x, negative=True))
        or (node.op in _ODD and _only_signs(x))
    )
    ends = has_factors(x) and not passes
    if node.op in _WINDOWS:
        groups = [g for g in x.groups if all(axis < 2 for axis in g.axes)]
        if any(1 in g.axes and g.axes != (1,) for g in x.groups):
            return None
        groups += [g for g in places(shapes[0], 0) if g.axes[0] >= 2]
        x = replace(x, shape=shapes[0], groups=tuple(groups))
    elif x.shape != shapes[0]:
        return None
    if node.op not in _LINEAR | _WINDOWS:
        x = replace(x, curve=_CURVES.get(node.op, "function"))
    return Step([without_factors(x) if ends else x], ends)


def _moved(
    node: Node, a: Mapping[str, Any], inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
) -> Step | None:
    x = inputs[0]
    if node.op == "Transpose":
        return Step([transpose(x, a["perm"])])
    reshaped = reshape(x, shapes[0])
    return None if reshaped is None else Step([reshaped])


def _sliced(
    node: Node, a: Mapping[str, Any], inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
) -> Step | None:
    x = inputs[0]
    for axis, start, end, step in slices(a, len(x.shape)):
        if x.shape[axis] < 1:
            return None
        before_first = step < 0 and end < -x.shape[axis]
        chosen = np.arange(x.shape[axis])[slice(start, None if before_first else end, step)]
        shape = (*x.shape[:axis], chosen.size, *x.shape[axis + 1 :])
        x = take(x, axis, chosen, shape)
    return Step([x]) if x.shape == tuple(shapes[0]) else None


def _split(
    node: Node, a: Mapping[str, Any], inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
) -> Step | None:
    x, axis = inputs[0], a["axis"] % len(inputs[0].shape)
    ends = np.cumsum([0, *a["split"]])
    return Step(
        [take(x, axis, np.arange(ends[k], ends[k + 1]), shape) for k, shape in enumerate(shapes)]
    )


def _gathered(
    node: Node, a: Mapping[str, Any], inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
) -> Step | None:
    x, axis = inputs[0], a["axis"] % len(inputs[0].shape)
    if a.get("index") is not None:
        taken_shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
        reshaped = reshape(take(x, axis, np.asarray([a["index"]]), taken_shape), shapes[0])
        return None if reshaped is None else Step([reshaped])
    chosen = a.get("indices")
    if chosen is None or len(a.get("indices_shape") or [0]) != 1:
        return None
    return Step([take(x, axis, np.asarray(chosen), shapes[0])])


def _concatenated(
    node: Node, a: Mapping[str, Any], inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
) -> Step | None:
    """Labels of joined parts; weights among the parts have labels by place along the axis."""
    shape = shapes[0]
    axis = a["axis"] % len(shape)
    parts: list[tuple[NDArray[np.uint64], NDArray[np.float64] | None]] = []
    shared, same = _shared(inputs, axis)
    for x in inputs:
        g = x.group(axis)
        if g is not None and g.axes != (axis,):
            return None
        labels = g.labels if g is not None else np.full(1, 7, dtype=np.uint64)
        if not same:  # which places it was taken from is known by the channel
            outside = [h for h in x.groups if axis not in h.axes]
            labels = tagged(labels, digest([replace(x, groups=tuple(outside))]))
        if labels.size != x.shape[axis]:
            return None
        factors = g.factors if g is not None else None
        parts.append((labels, factors))
    for place, p in zip(a.get("parameters_at") or [], node.parameters, strict=True):
        own = places((p.shape[axis] if len(p.shape) == len(shape) else 1,), 500_000 + place)
        label = own[0].labels if own else tagged(np.full(1, place, dtype=np.uint64), 500_000)
        parts.insert(place, (label, None))
    labels = np.concatenate([part for part, _ in parts])
    if labels.size != shape[axis]:
        return None
    factors = None
    if any(f is not None for _, f in parts):
        factors = np.concatenate([np.ones(part.size) if f is None else f for part, f in parts])
    others = shared if same else tuple(g for g in places(shape, 0) if g.axes != (axis,))
    groups = sorted((*others, Group((axis,), labels, factors)), key=lambda g: g.axes)
    events = frozenset().union(*(x.events for x in inputs))
    uncertain = max(x.uncertain for x in inputs)
    return Step([Marked(shape, tuple(groups), events, uncertain=uncertain)])


def _shared(inputs: Sequence[Marked], axis: int) -> tuple[tuple[Group, ...], bool]:
    """The groups besides an axis, and whether all inputs have the same."""
    others = [tuple(g for g in x.groups if axis not in g.axes) for x in inputs]
    return others[0], all(_equal(others[0], groups) for groups in others[1:])


def _equal(left: Sequence[Group], right: Sequence[Group]) -> bool:
    return len(left) == len(right) and all(
        g.axes == h.axes
        and np.array_equal(g.labels, h.labels)
        and same_factors(g.factors, h.factors)
        for g, h in zip(left, right, strict=True)
    )


def _reduced(
    node: Node, a: Mapping[str, Any], inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
) -> Step | None:
    x = inputs[0]
    axes = a.get("axes")
    over = {axis % len(x.shape) for axis in (range(len(x.shape)) if axes is None else axes)}
    groups, ends = [], False
    for g in x.groups:
        gone = [k for k, axis in enumerate(g.axes) if axis in over]
        if not gone:
            groups.append(g)
            continue
        ends = ends or g.factors is not None
        left = tuple(axis for axis in g.axes if axis not in over)
        if left:
            groups.append(Group(left, summed(g.labels, gone)))
    if "Max" in node.op or "Min" in node.op:
        ends = ends or has_factors(x, negative=True)
    reduced: Marked | None = Marked(
        tuple(1 if k in over else n for k, n in enumerate(x.shape)),
        tuple(groups),
        x.events,
        uncertain=x.uncertain,
    )
    assert reduced is not None
    if not a.get("keepdims"):
        reduced = reshape(reduced, shapes[0])
    if reduced is None:
        return None
    return Step([without_factors(reduced) if ends else reduced], ends)


def _padded(
    node: Node, a: Mapping[str, Any], inputs: Sequence[Marked], shapes: Sequence[tuple[int, ...]]
) -> Step | None:
    """Channels that are added have labels by place; so have all places of a map that grows."""
    x, shape = inputs[0], shapes[0]
    groups = []
    new = {g.axes[0]: g for g in places(shape, 0)}
    width = list(a["axes"]) if a.get("axes") is not None else list(range(len(x.shape)))
    before = dict(zip(width, a["pads"], strict=False))
    for g in x.groups:
        if all(x.shape[axis] == shape[axis] and not before.get(axis) for axis in g.axes):
            groups.append(g)
        elif len(g.axes) > 1:
            return None
        elif g.axes[0] >= 2:
            groups.append(new[g.axes[0]])
        else:
            axis, start = g.axes[0], before.get(g.axes[0], 0)
            if start < 0 or start + g.labels.size > shape[axis]:
                return None
            labels = new[axis].labels.copy()
            labels[start : start + g.labels.size] = g.labels
            factors = None
            if g.factors is not None:
                factors = np.ones(shape[axis])
                factors[start : start + g.labels.size] = g.factors
            groups.append(Group((axis,), labels, factors))
    ends = has_factors(x) and bool(a.get("value"))
    return Step([replace(x, shape=shape, groups=tuple(groups))], ends)


_RULES: dict[str, Rule] = {
    **dict.fromkeys((*_LINEAR, *_POSITIVE, *_ODD, *_ELEMENTWISE), _unary),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Transpose", "Unsqueeze"), _moved),
    **dict.fromkeys(("Add", "Div", "Max", "Mean", "Min", "Mul", "Pow", "Sub", "Sum"), elementwise),
    **dict.fromkeys(_REDUCTIONS, _reduced),
    "Concat": _concatenated,
    "Gather": _gathered,
    "MatMul": product,
    "Pad": _padded,
    "Slice": _sliced,
    "Split": _split,
}
