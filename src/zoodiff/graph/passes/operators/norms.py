r"""Recognise layer norms and RMS norms that are written out as arithmetic.

With :math:`m = E[x]`, :math:`v = E[(x - m)^2]` and :math:`r = 1 / \sqrt{v + \epsilon}` over some
axes, :math:`y = g\,(x - m)\,r + b` is written in many ways: :math:`(x - m) / \sqrt{v + \epsilon}
\cdot g + b`, or :math:`x \cdot (r g) + (b - m \cdot (r g))`. So each tensor computed from m and r
is represented as a polynomial in x, m, r and the weights. A tensor that equals
:math:`x r g - m r g + b` is the norm, whatever the order of the steps was.

Three relatives are distinguished: :math:`v = \sum (x - m)^2 / (n - 1)` is unbiased;
:math:`r = 1 / (\sqrt{v} + \epsilon)` has epsilon outside; and with :math:`v = E[x^2]` and no mean,
:math:`x r g` is an RMS norm, with or without a shift behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

from zoodiff.graph.ir import Parameter
from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.passes.weights.parameters import reshaped

NOTE = "norms"
Monomial = tuple[str, ...]
Polynomial = dict[Monomial, int]
"""Sorted factors -> coefficient; the factors are "x", "m", "r" and names of weights."""
_MOST = 4
"""The largest number of terms of a polynomial; that of a norm has three."""
_SAME_NUMBER = 1e-6
"""Relative tolerance of numbers of elements, which are stored in single precision."""


@dataclass(frozen=True)
class _Statistics:
    """The statistics of a norm, read from the square root in it."""

    x: str
    m: str | None
    """The mean that is subtracted; None in an RMS norm."""
    deviation: str
    """The tensor by which the norm divides."""
    axes: tuple[int, ...]
    epsilon: float
    unbiased: bool = False
    outside: bool = False

    @property
    def operator(self) -> str:
        """The operator of the norm."""
        return "RMSNormalization" if self.m is None else "LayerNormalization"

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the norm, except those of its learned terms."""
        flags = {"unbiased": self.unbiased, "epsilon_outside": self.outside}
        flagged = {name: True for name, holds in flags.items() if holds}
        return {"axes": list(self.axes), "epsilon": self.epsilon, **flagged}


def run(graph: MutableGraph) -> None:
    """Find each norm by its square root and rewrite it as one node."""
    for root in graph.of("Sqrt"):
        statistics = _statistics(graph, root)
        if statistics is not None:
            _Norm(graph, statistics).run()
    for norm in graph.of("RMSNormalization"):
        _shifted(graph, norm)


def _shifted(graph: MutableGraph, norm: MutableNode) -> None:
    """Take a learned shift right behind a norm by the root mean square into the norm."""
    user, axes = graph.sole_user(norm.output), norm.attributes.get("axes")
    if user is None or user.op != "Add" or len(user.inputs) != 1 or len(user.parameters) != 1:
        return
    if "value" in user.attributes or [user.attributes.get("axis")] != axes:
        return
    (shift,), extent = user.parameters, graph.shape(norm.output)[axes[0]]
    if shift.size == extent and not norm.attributes.get("center"):
        norm.parameters.append(replace(reshaped(shift, (extent,)), role="shift"))
        norm.attributes["center"] = True
        norm.notes.add(NOTE)
        graph.bypass(user)


def _statistics(graph: MutableGraph, root: MutableNode) -> _Statistics | None:
    """Return the statistics of a square root that is a deviation or root mean square, or None."""
    variance, deviation, outside = graph.before(root), root, False
    if variance is not None and _adds_number(variance):
        added, variance = variance, graph.before(variance)
    else:
        users = list(dict.fromkeys(graph.users.get(root.output, [])))
        if len(users) != 1 or not _adds_number(users[0]) or root.output in graph.outputs:
            return None
        added, deviation, outside = users[0], users[0], True
    epsilon = added.attributes["value"]
    reduction, factor = _mean_of(graph, variance)
    squared = _squared(graph, reduction)
    if reduction is None or squared is None or not reduction.attributes.get("keepdims"):
        return None
    rank = len(graph.shape(squared))
    axes = tuple(sorted(axis % rank for axis in reduction.attributes.get("axes") or []))
    if not axes:
        return None
    unbiased = _unbiased(factor, prod(graph.shape(squared)[axis] for axis in axes), reduction.op)
    centred = _centred(graph, squared, axes)
    if unbiased is None or (centred is None and (unbiased or outside)):
        return None
    x, m = centred or (squared, None)
    return _Statistics(x, m, deviation.output, axes, epsilon, unbiased, outside)


def _adds_number(node: MutableNode) -> bool:
    value = node.attributes.get("value")
    return (
        node.op == "Add"
        and len(node.inputs) == 1
        and not node.parameters
        and isinstance(value, float)
    )


def _mean_of(graph: MutableGraph, node: MutableNode | None) -> tuple[MutableNode | None, float]:
    """Return the mean or sum from which a variance is computed, and the factor on it."""
    factor = 1.0
    while node is not None and node.op == "Mul" and len(node.inputs) == 1:
        value = node.attributes.get("value")
        if not isinstance(value, float) or node.parameters:
            return None, factor
        factor, node = factor * value, graph.before(node)
    reduces = node is not None and node.op in {"ReduceMean", "ReduceSum"}
    return (node if reduces else None), factor


def _unbiased(factor: float, count: int, op: str) -> bool | None:
    """Whether a variance divides by n - 1 instead of n elements; None for any other divisor."""
    divisor = (count if op == "ReduceMean" else 1) / factor if factor else 0.0
    for unbiased in (False, True):
        expected = count - unbiased
        if expected and abs(divisor - expected) <= _SAME_NUMBER * expected:
            return unbiased
    return None


def _squared(graph: MutableGraph, reduction: MutableNode | None) -> str | None:
    """Return the tensor whose squares a reduction takes, or None."""
    square = graph.before(reduction) if reduction is not None else None
    if square is None:
        return None
    a = square.attributes
    twice = square.op == "Mul" and len(square.inputs) == 2 and len(set(square.inputs)) == 1
    power = square.op == "Pow" and a.get("value") == 2.0 and not a.get("constant_first")
    return square.inputs[0] if (twice or power) and not square.parameters else None


def _centred(graph: MutableGraph, tensor: str, axes: tuple[int, ...]) -> tuple[str, str] | None:
    """Return x and its mean m over the axes, where the tensor is x - m."""
    difference = graph.producer.get(tensor)
    if difference is None or difference.op != "Sub" or len(difference.inputs) != 2:
        return None
    x, m = difference.inputs
    mean, rank = graph.producer.get(m), len(graph.shape(x))
    if mean is None or mean.op != "ReduceMean" or mean.inputs != [x] or not rank:
        return None
    mean_axes = tuple(sorted(axis % rank for axis in mean.attributes.get("axes") or []))
    return (x, m) if mean_axes == axes and mean.attributes.get("keepdims") else None


class _Norm:
    def __init__(self, graph: MutableGraph, statistics: _Statistics) -> None:
        self._net, self._statistics = graph, statistics
        self._x, self._axes = statistics.x, list(statistics.axes)
        self._known: dict[str, Polynomial] = {self._x: {("x",): 1}}
        if statistics.m is not None:
            self._known[statistics.m] = {("m",): 1}
        self._weights: dict[str, tuple[Parameter, MutableNode]] = {}
        self._end: tuple[MutableNode, str | None, str | None] | None = None

    def run(self) -> None:
        waiting = [op for tensor in self._known for op in self._readers(tensor)]
        waiting += self._readers(self._statistics.deviation)
        self._known[self._statistics.deviation] = {("1/r",): 1}
        while waiting:
            node = min(waiting, key=lambda op: op.order)
            waiting.remove(node)
            polynomial = self._of(node) if node.output not in self._known else None
            if polynomial is None or len(polynomial) > _MOST:
                continue
            self._known[node.output] = polynomial
            self._recognise(node, polynomial)
            waiting += self._readers(node.output)
        if self._end is not None:
            self._rewrite(*self._end)

    def _readers(self, tensor: str) -> list[MutableNode]:
        return list(dict.fromkeys(self._net.users.get(tensor, [])))

    def _of(self, node: MutableNode) -> Polynomial | None:
        """Return the polynomial of a node; None if an operand is unknown."""
        operands = [self._known.get(tensor) for tensor in node.inputs]
        terms = [polynomial for polynomial in operands if polynomial is not None]
        if not terms or len(terms) < len(operands):
            return None
        if _inverts(node):
            return {("r",): 1} if terms[0] == {("1/r",): 1} else None
        if node.op == "Neg" or (node.op == "Mul" and node.attributes.get("value") == -1.0):
            return {k: -c for k, c in terms[0].items()}
        weight = self._weight(node)
        if weight is not None:
            terms.insert(0 if node.attributes.get("constant_first") else 1, weight)
        return _combined(node.op, *terms) if len(terms) == 2 else None

    def _weight(self, node: MutableNode) -> Polynomial | None:
        """Return a node's weight as a polynomial if it varies along the normalised axes only."""
        if len(node.parameters) != 1 or "value" in node.attributes:
            return None
        (p,) = node.parameters
        extents = [self._net.shape(self._x)[axis] for axis in self._axes]
        lies = node.attributes.get("axis") == self._axes[-1] if len(self._axes) == 1 else True
        if p.size != prod(extents) or not lies:
            return None
        self._weights[p.name] = (p, node)
        return {(p.name,): 1}

    def _recognise(self, node: MutableNode, polynomial: Polynomial) -> None:
        """Record the node as the end of the norm if its polynomial says so; the last one counts."""
        alone = [k for k in polynomial if len(k) == 1 and k[0] in self._weights]
        shift = alone[0][0] if len(alone) == 1 and polynomial[alone[0]] == 1 else None
        unshifted = {k: c for k, c in polynomial.items() if (shift,) != k}
        factors = {f for k in unshifted for f in k} - {"x", "m", "r"}
        if len(factors) > 1 or (shift is None) != (len(unshifted) == len(polynomial)):
            return
        scale = next(iter(factors), None)
        more = (scale,) if scale else ()
        expected = {tuple(sorted(("x", "r", *more))): 1}
        if self._statistics.m is not None:
            expected[tuple(sorted(("m", "r", *more)))] = -1
        elif shift is not None:
            return  # an RMS norm has no shift; the addition is a node after it
        if unshifted == expected and (scale is None or scale in self._weights):
            self._end = node, scale, shift

    def _rewrite(self, node: MutableNode, scale: str | None, shift: str | None) -> None:
        extents = [self._net.shape(self._x)[axis] for axis in self._axes]
        parameters = [
            replace(reshaped(self._weights[name][0], tuple(extents)), role=role)
            for name, role in ((scale, "scale"), (shift, "shift"))
            if name
        ]
        attributes = self._statistics.attributes | {"scale": scale is not None}
        if self._statistics.m is not None:
            attributes["center"] = shift is not None
        self._net.read(node, [self._x])
        node.parameters = parameters
        self._net.become(node, self._statistics.operator, attributes, NOTE)


def _inverts(node: MutableNode) -> bool:
    """Whether a node computes one over its input."""
    a = node.attributes
    one_over = node.op == "Div" and a.get("constant_first") and a.get("value") == 1.0
    return node.op == "Reciprocal" or bool(one_over)


def _combined(op: str, left: Polynomial, right: Polynomial) -> Polynomial | None:
    if op == "Mul":
        return _product(left, right)
    if op == "Div":
        return _product(left, {("r",): 1}) if right == {("1/r",): 1} else None
    if op not in {"Add", "Sub"}:
        return None
    total = dict(left)
    for k, c in right.items():
        total[k] = total.get(k, 0) + (c if op == "Add" else -c)
    return {k: c for k, c in total.items() if c}


def _product(left: Polynomial, right: Polynomial) -> Polynomial | None:
    if len(left) * len(right) > _MOST:
        return None
    terms: Polynomial = {}
    for k, c in left.items():
        for other_k, other_c in right.items():
            key = tuple(sorted((*k, *other_k)))
            terms[key] = terms.get(key, 0) + c * other_c
    return terms
