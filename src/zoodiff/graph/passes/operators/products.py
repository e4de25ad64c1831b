r"""One form for products of computed tensors.

:math:`(aX)(bY) = ab\,XY`: a number that multiplies a factor or the product becomes the product's
``scale``, as in attention, :math:`\mathrm{softmax}(QK^T / \sqrt d)\,V` (A. Vaswani et al., 2017),
where frameworks put the scale in three places. A transposition of the last two axes of a factor
becomes ``transA`` or ``transB`` of the product. ``axis`` of a linear layer counts from the front.
"""

from __future__ import annotations

from zoodiff.graph.mutable import MutableGraph, MutableNode

NOTE = "products"


def run(graph: MutableGraph) -> None:
    """Merge scalar factors and transpositions into products."""
    for node in graph.of("MatMul"):
        if "equation" in node.attributes or len(node.inputs) != 2 or node.parameters:
            continue
        for key in ("transA", "transB"):
            if not node.attributes.get(key):
                node.attributes.pop(key, None)
        for position in (0, 1):
            _scaled_factor(graph, node, position)
            _turned_factor(graph, node, position)
            _scaled_factor(graph, node, position)
        _scaled_result(graph, node)
        if abs(node.attributes.get("scale", 1.0) - 1.0) < 1e-6:
            node.attributes.pop("scale", None)


def scales(graph: MutableGraph) -> None:
    """Move scalar factors into products, so that products read their factors directly."""
    for node in graph.of("MatMul"):
        if "equation" not in node.attributes and len(node.inputs) == 2 and not node.parameters:
            for position in (0, 1):
                _scaled_factor(graph, node, position)


def _number(node: MutableNode | None) -> float | None:
    if node is None or node.op != "Mul" or len(node.inputs) != 1 or node.parameters:
        return None
    value = node.attributes.get("value")
    return float(value) if isinstance(value, int | float) else None


def _scaled_factor(graph: MutableGraph, node: MutableNode, position: int) -> None:
    reader, before = node, graph.producer.get(node.inputs[position])
    while (  # operators that only move elements commute with the factor
        before is not None
        and before.op in {"Reshape", "Transpose"}
        and not before.parameters
        and graph.sole_user(before.output) is reader
    ):
        reader, before = before, graph.before(before)
    number = _number(before)
    if before is None or number is None or graph.sole_user(before.output) is not reader:
        return
    _absorb(node, number, before)
    inputs = [before.inputs[0] if t == before.output else t for t in reader.inputs]
    graph.read(reader, inputs)
    graph.remove(before)


def _absorb(node: MutableNode, number: float, from_: MutableNode) -> None:
    node.attributes["scale"] = node.attributes.get("scale", 1.0) * number
    node.notes |= from_.notes | {NOTE}


def _turned_factor(graph: MutableGraph, node: MutableNode, position: int) -> None:
    """Move a swap of the last two axes from the transposition before a factor into the product.

    A transposition can be divided in two ways, with a swap after it or without; the one with the
    smaller remaining permutation is chosen. Reshapes that keep the last two axes are skipped.
    """
    outer = graph.producer.get(node.inputs[position])
    turn = outer
    if outer is not None and outer.op == "Reshape" and _keeps_last_two(graph, outer):
        turn = graph.before(outer)
    if turn is None or outer is None or turn.op != "Transpose":
        return
    if graph.sole_user(turn.output) is not (node if turn is outer else outer):
        return
    if graph.sole_user(outer.output) is not node:
        return
    perm = turn.attributes["perm"]
    swapped = [*perm[:-2], perm[-1], perm[-2]]
    if swapped > perm:
        return
    key = "transB" if position else "transA"
    if node.attributes.pop(key, False) is False:
        node.attributes[key] = True
    node.notes.add(NOTE)
    tensor = turn.inputs[0]
    if swapped != sorted(perm):
        shape = [graph.shape(tensor)[axis] for axis in swapped]
        attributes = {"perm": swapped}
        turned = graph.add(
            "Transpose", turn.name, [tensor], shape, attributes, order=turn.order
        ).noted(*turn.notes)
        tensor = turned.output
    if turn is not outer:
        *lead, rows, columns = graph.shape(outer.output)
        shape = [*lead, columns, rows]
        moved = graph.add(
            "Reshape", outer.name, [tensor], shape, {"shape": shape}, order=outer.order
        )
        tensor = moved.output
    inputs = list(node.inputs)
    inputs[position] = tensor
    graph.read(node, inputs)
    for left in dict.fromkeys((outer, turn)):
        graph.remove(left)


def _keeps_last_two(graph: MutableGraph, node: MutableNode) -> bool:
    before, after = graph.shape(node.inputs[0]), graph.shape(node.output)
    return len(before) >= 2 and len(after) >= 2 and before[-2:] == after[-2:]


def _scaled_result(graph: MutableGraph, node: MutableNode) -> None:
    after = graph.sole_user(node.output)
    number = _number(after)
    if after is None or number is None:
        return
    _absorb(node, number, after)
    graph.redirect(after.output, node.output)
    graph.remove(after)
