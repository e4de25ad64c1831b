r"""Layer normalisation that is written out as arithmetic.

With :math:`m = E[x]`, :math:`v = E[(x - m)^2]` and :math:`r = 1 / \sqrt{v + \epsilon}` over some
axes, :math:`y = g\,(x - m)\,r + b` is written in many ways: :math:`(x - m) / \sqrt{v + \epsilon}
\cdot g + b`, or :math:`x \cdot (r g) + (b - m \cdot (r g))`. So every tensor behind m and r is kept
as a polynomial in x, m, r and the weights, and where one equals
:math:`x r g - m r g + b`, it is the norm, whatever the order of the steps was.
"""

from __future__ import annotations

from dataclasses import replace
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
"""Terms of a polynomial that is still looked at; the norm has three."""


def run(graph: MutableGraph) -> None:
    """Find every norm by its square root and write it as one node."""
    for root in graph.of("Sqrt"):
        found = _statistics(graph, root)
        if found is not None:
            _Norm(graph, root, *found).run()


def _statistics(graph: MutableGraph, root: MutableNode) -> tuple[str, str, list[int], float] | None:
    """x, m, the axes and epsilon of a square root that is a deviation."""
    shifted = graph.before(root)
    if shifted is None or shifted.op != "Add" or len(shifted.inputs) != 1 or shifted.parameters:
        return None
    epsilon, variance = shifted.attributes.get("value"), graph.before(shifted)
    difference = _squared(graph, variance)
    if difference is None or variance is None or not isinstance(epsilon, float):
        return None
    x, m = difference.inputs
    mean, rank = graph.producer.get(m), len(graph.shape(x))
    if mean is None or mean.op != "ReduceMean" or mean.inputs != [x] or not rank:
        return None
    axes = [
        sorted(axis % rank for axis in node.attributes.get("axes") or [])
        for node in (mean, variance)
    ]
    kept = all(node.attributes.get("keepdims") for node in (mean, variance))
    return (x, m, axes[0], epsilon) if kept and axes[0] and axes[0] == axes[1] else None


def _squared(graph: MutableGraph, variance: MutableNode | None) -> MutableNode | None:
    """The difference whose square a mean is of."""
    square = (
        graph.before(variance) if variance is not None and variance.op == "ReduceMean" else None
    )
    if square is None:
        return None
    squared = square.op == "Mul" and len(square.inputs) == 2 and len(set(square.inputs)) == 1
    a = square.attributes
    squared |= square.op == "Pow" and a.get("value") == 2.0 and not a.get("constant_first")
    difference = graph.before(square) if squared else None
    fits = difference is not None and difference.op == "Sub" and len(difference.inputs) == 2
    return difference if fits else None


class _Norm:
    def __init__(
        self,
        graph: MutableGraph,
        root: MutableNode,
        x: str,
        m: str,
        axes: list[int],
        epsilon: float,
    ) -> None:
        self._net, self._root, self._x, self._axes, self._epsilon = graph, root, x, axes, epsilon
        self._known: dict[str, Polynomial] = {x: {("x",): 1}, m: {("m",): 1}}
        self._weights: dict[str, tuple[Parameter, MutableNode]] = {}
        self._end: tuple[MutableNode, str | None, str | None] | None = None

    def run(self) -> None:
        waiting = [op for known in self._known for op in self._readers(known)]
        waiting += self._readers(self._root.output)
        self._known[self._root.output] = {("1/r",): 1}
        seen: set[int] = set()
        while waiting:
            node = min(waiting, key=lambda op: op.order)
            waiting.remove(node)
            found = self._of(node) if id(node) not in seen else None
            if found is None or len(found) > _MOST or node.output in self._known:
                continue
            seen.add(id(node))
            self._known[node.output] = found
            self._recognise(node, found)
            waiting += self._readers(node.output)
        if self._end is not None:
            self._rewrite(*self._end)

    def _readers(self, tensor: str) -> list[MutableNode]:
        return list(dict.fromkeys(self._net.users.get(tensor, [])))

    def _of(self, node: MutableNode) -> Polynomial | None:
        """Return the polynomial of a node; None if an operand is unknown."""
        given = [self._known.get(tensor) for tensor in node.inputs]
        terms = [polynomial for polynomial in given if polynomial is not None]
        if not terms or len(terms) < len(given):
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
        """The weight of an operand that varies along the normalised axes only."""
        if len(node.parameters) != 1 or "value" in node.attributes:
            return None
        (p,) = node.parameters
        extents = [self._net.shape(self._x)[axis] for axis in self._axes]
        lies = node.attributes.get("axis") == self._axes[-1] if len(self._axes) == 1 else True
        if p.size != prod(extents) or not lies:
            return None
        self._weights[p.name] = (p, node)
        return {(p.name,): 1}

    def _recognise(self, node: MutableNode, found: Polynomial) -> None:
        """Recognise a node as the end of a norm by its polynomial; later nodes win."""
        alone = [k for k in found if len(k) == 1 and k[0] in self._weights]
        shift = alone[0][0] if len(alone) == 1 and found[alone[0]] == 1 else None
        rest = {k: c for k, c in found.items() if (shift,) != k}
        factors = {f for k in rest for f in k} - {"x", "m", "r"}
        if len(factors) > 1 or (shift is None) != (len(rest) == len(found)):
            return
        scale = next(iter(factors), None)
        more = (scale,) if scale else ()
        wanted = {
            tuple(sorted(("x", "r", *more))): 1,
            tuple(sorted(("m", "r", *more))): -1,
        }
        if rest == wanted and (scale is None or scale in self._weights):
            self._end = node, scale, shift

    def _rewrite(self, node: MutableNode, scale: str | None, shift: str | None) -> None:
        extents = [self._net.shape(self._x)[axis] for axis in self._axes]
        parameters = [
            replace(reshaped(self._weights[name][0], tuple(extents)), role=role)
            for name, role in ((scale, "scale"), (shift, "shift"))
            if name
        ]
        attributes: dict[str, Any] = {
            "axes": list(self._axes),
            "epsilon": self._epsilon,
            "scale": scale is not None,
            "center": shift is not None,
        }
        self._net.read(node, [self._x])
        node.parameters = parameters
        self._net.become(node, "LayerNormalization", attributes, NOTE)


def _inverts(node: MutableNode) -> bool:
    """Whether a node is one over its input."""
    a = node.attributes
    one_over = node.op == "Div" and a.get("constant_first") and a.get("value") == 1.0
    return node.op == "Reciprocal" or bool(one_over)


def _combined(op: str, one: Polynomial, other: Polynomial) -> Polynomial | None:
    if op == "Mul":
        return _product(one, other)
    if op == "Div":
        return _product(one, {("r",): 1}) if other == {("1/r",): 1} else None
    if op not in {"Add", "Sub"}:
        return None
    total = dict(one)
    for k, c in other.items():
        total[k] = total.get(k, 0) + (c if op == "Add" else -c)
    return {k: c for k, c in total.items() if c}


def _product(one: Polynomial, other: Polynomial) -> Polynomial | None:
    if len(one) * len(other) > _MOST:
        return None
    made: Polynomial = {}
    for k, c in one.items():
        for other_k, other_c in other.items():
            key = tuple(sorted((*k, *other_k)))
            made[key] = made.get(key, 0) + c * other_c
    return made
