r"""Divide a linear layer into several if its result is split.

:math:`(W x)_{a:b} = W_{a:b}\, x`: rows of a weight that are read separately become layers of their
own. So queries, keys and values of an attention are three layers, whether the framework computes
them at once or one by one. A part of a weight has the name of the ``whole`` weight, and its rows.
"""

from __future__ import annotations

from dataclasses import replace

from zoodiff.graph.ir import Parameter
from zoodiff.graph.mutable import MutableGraph, MutableNode

NOTE = "parts"


def run(graph: MutableGraph) -> None:
    """Divide every linear layer whose readers are all slices."""
    for node in graph.of("Gemm"):
        cuts = _cuts(graph, node)
        if not cuts:
            continue
        for position, (start, end, reader) in enumerate(cuts):
            attributes = {**node.attributes, "out_features": end - start}
            layer = graph.add(
                "Gemm",
                f"{node.name}[{start}:{end}]",
                node.inputs,
                graph.shape(reader.output),
                attributes,
                parameters=[part(p, start, end) for p in node.parameters],
                order=node.order + position / (len(cuts) + 1),
            ).noted(*node.notes, NOTE)
            graph.redirect(reader.output, layer.output)
            graph.remove(reader)
        graph.remove(node)


def part(parameter: Parameter, start: int, end: int) -> Parameter:
    """Return the rows from ``start`` to ``end`` of a weight, as a parameter."""
    stored = parameter.whole or parameter.name
    return replace(
        parameter,
        name=f"{parameter.name}[{start}:{end}]",
        shape=(end - start, *parameter.shape[1:]),
        view=(*parameter.view, ("part", (start, end))),
        whole=stored,
    )


def _cuts(graph: MutableGraph, node: MutableNode) -> list[tuple[int, int, MutableNode]]:
    """Return start row, end row and reader of each slice; none unless they cover all rows."""
    width, axis = node.attributes.get("out_features"), node.attributes.get("axis")
    if "equation" in node.attributes or not isinstance(axis, int) or node.output in graph.outputs:
        return []
    if not node.parameters or any(
        p.shape[:1] != (width,) or any(step == "computed" for step, _ in p.view) or p.whole
        for p in node.parameters
    ):
        return []
    cuts = []
    for reader in dict.fromkeys(graph.users.get(node.output, [])):
        a = reader.attributes
        if reader.op != "Slice" or a.get("axes") != [axis] or set(a.get("steps") or [1]) != {1}:
            return []
        cuts.append((a["starts"][0], a["ends"][0], reader))
    cuts.sort(key=lambda cut: cut[:2])
    ends = [0, *(end for _, end, _ in cuts)]
    ends_at_width = len(cuts) > 1 and ends[-1] == width
    return (
        cuts
        if ends_at_width and all(cut[0] == end for cut, end in zip(cuts, ends, strict=False))
        else []
    )
