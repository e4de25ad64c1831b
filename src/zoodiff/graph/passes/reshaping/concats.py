r"""A concatenation of concatenations along one axis is one concatenation.

:math:`[[a, b], c] = [a, b, c]`. The inner one stays where others read it too. Networks of the
DenseNet family are written both ways.
"""

from __future__ import annotations

from zoodiff.graph.mutable import Net

NOTE = "concatenations"


def run(net: Net) -> None:
    """Flatten nested concatenations, inner ones first."""
    for node in net.of("Concat"):
        if node.parameters:
            continue
        flat: list[str] = []
        for tensor in node.inputs:
            inner = net.producer.get(tensor)
            nested = (
                inner is not None
                and inner.op == "Concat"
                and not inner.parameters
                and inner.attributes.get("axis") == node.attributes.get("axis")
            )
            flat += inner.inputs if nested and inner is not None else [tensor]
        if len(flat) > len(node.inputs):
            node.notes.add(NOTE)
            net.read(node, flat)
