r"""One spelling for products of computed tensors.

:math:`(aX)(bY) = ab\,XY`: a number that multiplies a factor or the product becomes the product's
``scale``, as in attention, :math:`\mathrm{softmax}(QK^T / \sqrt d)\,V` (A. Vaswani et al., 2017),
which frameworks scale in three places. A transposition of the last two axes of a factor becomes
the product's ``transA`` or ``transB``. ``axis`` of a linear layer counts from the front.
"""

from __future__ import annotations

from typing import Any

from zoodiff.graph.net import Net, Op

NOTE = "products"


def run(net: Net) -> None:
    """Take numbers and transpositions into products."""
    for node in net.of("MatMul"):
        if "equation" in node.attributes or len(node.inputs) != 2 or node.parameters:
            continue
        _flags(node)
        for position in (0, 1):
            _scaled_factor(net, node, position)
            _turned_factor(net, node, position)
            _scaled_factor(net, node, position)
        _scaled_result(net, node)
        if abs(node.attributes.get("scale", 1.0) - 1.0) < 1e-6:
            node.attributes.pop("scale", None)


def _flags(node: Op) -> None:
    a = node.attributes
    turned = a.pop("transposed", None)
    if turned is True:
        a["transB"] = True
    elif isinstance(turned, list):
        a |= {key: True for key, flag in zip(("transA", "transB"), turned, strict=True) if flag}
    for key in ("transA", "transB"):
        if not a.get(key):
            a.pop(key, None)


def _number(node: Op | None) -> float | None:
    if node is None or node.op != "Mul" or len(node.inputs) != 1 or node.parameters:
        return None
    value: Any = node.attributes.get("value")
    return float(value) if isinstance(value, int | float) else None


def _scaled_factor(net: Net, node: Op, position: int) -> None:
    before = net.producer.get(node.inputs[position])
    number = _number(before)
    if before is None or number is None or net.sole_user(before.output) is not node:
        return
    _absorb(node, number, before)
    inputs = list(node.inputs)
    inputs[position] = before.inputs[0]
    net.read(node, inputs)
    net.remove(before)


def _absorb(node: Op, number: float, from_: Op) -> None:
    node.attributes["scale"] = node.attributes.get("scale", 1.0) * number
    node.notes |= from_.notes | {NOTE}


def _turned_factor(net: Net, node: Op, position: int) -> None:
    before = net.producer.get(node.inputs[position])
    if before is None or before.op != "Transpose" or net.sole_user(before.output) is not node:
        return
    perm = before.attributes["perm"]
    rank = len(perm)
    if perm != [*range(rank - 2), rank - 1, rank - 2]:
        return
    key = "transB" if position else "transA"
    if node.attributes.pop(key, False) is False:
        node.attributes[key] = True
    node.notes.add(NOTE)
    inputs = list(node.inputs)
    inputs[position] = before.inputs[0]
    net.read(node, inputs)
    net.remove(before)


def _scaled_result(net: Net, node: Op) -> None:
    after = net.sole_user(node.output)
    number = _number(after)
    if after is None or number is None:
        return
    _absorb(node, number, after)
    net.redirect(after.output, node.output)
    net.remove(after)
