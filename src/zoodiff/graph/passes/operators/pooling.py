r"""One form for pooling over a whole map.

The mean over height and width, and an average pool whose window is the whole map, are
``GlobalAveragePool``: :math:`y_c = \frac{1}{HW}\sum_{h,w} x_{chw}`; the same for the maximum.
"""

from __future__ import annotations

from zoodiff.graph.mutable import MutableGraph

NOTE = "pooling"
_GLOBAL = {
    "AveragePool": "GlobalAveragePool",
    "MaxPool": "GlobalMaxPool",
    "ReduceMax": "GlobalMaxPool",
    "ReduceMean": "GlobalAveragePool",
}


def run(graph: MutableGraph) -> None:
    """Rewrite reductions and windows over the whole map."""
    for node in graph.of("ReduceMean", "ReduceMax"):
        shape = graph.shape(node.inputs[0])
        axes = node.attributes.get("axes")
        if len(shape) != 4 or axes not in ([2, 3], [3, 2]) or len(node.inputs) != 1:
            continue
        pooled = (*shape[:2], 1, 1)
        kind = _GLOBAL[node.op]
        if graph.shape(node.output) == pooled:
            graph.become(node, kind, {}, NOTE)
        else:
            pool = graph.add(kind, node.name, node.inputs, pooled, {}, order=node.order).noted(NOTE)
            graph.read(node, [pool.output])
            graph.become(node, "Reshape", {"shape": list(graph.shape(node.output))}, NOTE)
    for node in graph.of("AveragePool", "MaxPool"):
        shape, a = graph.shape(node.inputs[0]), node.attributes
        covers_map = list(a["kernel_shape"]) == list(shape[2:]) and not any(a["pads"])
        if (
            covers_map
            and set(a.get("dilations", [1])) == {1}
            and graph.shape(node.output)[2:] == (1, 1)
        ):
            graph.become(node, _GLOBAL[node.op], {}, NOTE)
