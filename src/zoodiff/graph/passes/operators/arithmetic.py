r"""One form for arithmetic with constants.

:math:`x - c = x + (-c)` and :math:`x / c = x \cdot (1/c)`; so ``Sub`` and ``Div`` by a number
become ``Add`` and ``Mul``. Neighbours of one kind merge: :math:`(x + a) + b = x + (a + b)`,
:math:`(x \cdot a) \cdot b = x \cdot (ab)`. ``Sum`` of two is ``Add``. The attribute ``axis`` names
the axis of the data along which a weight or list lies.
"""

from __future__ import annotations

from zoodiff.graph.ir import AttributeValue
from zoodiff.graph.mutable import MutableGraph, MutableNode

NOTE = "arithmetic"
_OTHER = {"Sub": "Add", "Div": "Mul"}


def run(graph: MutableGraph) -> None:
    """Rewrite differences and quotients, and merge chains of constants."""
    for node in graph.of("Sub", "Div"):
        value = node.attributes.get("value")
        if value is None or node.parameters or len(node.inputs) != 1:
            continue
        if node.attributes.get("constant_first"):
            if node.op == "Sub":  # c - x = -x + c
                _negate_then_add(graph, node, value)
            continue
        if node.op == "Div" and 0.0 in _listed(value):
            continue
        turned = [-v if node.op == "Sub" else 1.0 / v for v in _listed(value)]
        attributes = node.attributes | {"value": turned if isinstance(value, list) else turned[0]}
        graph.become(node, _OTHER[node.op], attributes, NOTE)
    for node in graph.of("Add", "Mul"):
        node.attributes.pop("constant_first", None)  # Add and Mul are commutative
        _along_axis(graph, node)
        if node.parameters and len(node.inputs) == 1 and "axis" not in node.attributes:
            node.attributes.setdefault("constant_shape", list(node.parameters[0].shape))
    for node in graph.of("Add", "Mul"):
        _merge(graph, node)
    for node in graph.of("Neg"):
        graph.become(node, "Mul", {"value": -1.0}, NOTE)


def _negate_then_add(graph: MutableGraph, node: MutableNode, value: AttributeValue) -> None:
    shape = graph.shape(node.inputs[0])
    negated = graph.add(
        "Mul", f"{node.name}/negated", node.inputs, shape, {"value": -1.0}, order=node.order
    )
    graph.read(node, [negated.output])
    attributes = {k: v for k, v in node.attributes.items() if k != "constant_first"}
    graph.become(node, "Add", attributes | {"value": value}, NOTE)


def _listed(value: list[float] | float) -> list[float]:
    return list(value) if isinstance(value, list) else [value]


def _along_axis(graph: MutableGraph, node: MutableNode) -> None:
    """Set the axis of a single weight that has one extent other than 1."""
    if len(node.inputs) != 1 or len(node.parameters) != 1 or "axis" in node.attributes:
        return
    if "constant_shape" in node.attributes:
        return
    shape, rank = node.parameters[0].shape, len(graph.shape(node.inputs[0]))
    wide = [i for i, extent in enumerate(shape) if extent != 1]
    if len(wide) == 1 and rank >= len(shape):
        node.attributes["axis"] = rank - len(shape) + wide[0]


def _merge(graph: MutableGraph, node: MutableNode) -> None:
    """Merge a node with a constant into the same operator right before it."""
    before = graph.before(node) if len(node.inputs) == 1 else None
    if before is None or before.op != node.op or graph.sole_user(before.output) is not node:
        return
    if not (_constant(node) and _constant(before)):
        return
    value, value_before = node.attributes["value"], before.attributes["value"]
    axes = {
        n.attributes.get("axis") for n in (node, before) if isinstance(n.attributes["value"], list)
    }
    if len(axes) > 1:
        return
    first, second = _listed(value_before), _listed(value)
    size = max(len(first), len(second))
    first, second = first * (size // len(first)), second * (size // len(second))
    if len(first) != len(second):
        return
    merged = [a + b if node.op == "Add" else a * b for a, b in zip(first, second, strict=True)]
    listed = isinstance(value, list) or isinstance(value_before, list)
    node.attributes = {"value": merged if listed else merged[0]}
    if listed:
        node.attributes["axis"] = axes.pop()
    node.notes |= before.notes | {NOTE}
    graph.read(node, before.inputs)
    graph.remove(before)


def _constant(node: MutableNode) -> bool:
    return len(node.inputs) == 1 and not node.parameters and "value" in node.attributes
