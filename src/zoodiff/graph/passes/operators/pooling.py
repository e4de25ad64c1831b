r"""One spelling for pooling over a whole map.

The mean over height and width, and an average pool whose window is the whole map, are
``GlobalAveragePool``: :math:`y_c = \frac{1}{HW}\sum_{h,w} x_{chw}`; the same for the maximum.
"""

from __future__ import annotations

from zoodiff.graph.mutable import Net

NOTE = "pooling"
_GLOBAL = {
    "AveragePool": "GlobalAveragePool",
    "MaxPool": "GlobalMaxPool",
    "ReduceMax": "GlobalMaxPool",
    "ReduceMean": "GlobalAveragePool",
}


def run(net: Net) -> None:
    """Rewrite reductions and windows over the whole map."""
    for node in net.of("ReduceMean", "ReduceMax"):
        shape = net.shape(node.inputs[0])
        axes = node.attributes.get("axes")
        if len(shape) != 4 or axes not in ([2, 3], [3, 2]) or len(node.inputs) != 1:
            continue
        kept = (*shape[:2], 1, 1)
        kind = _GLOBAL[node.op]
        if net.shape(node.output) == kept:
            net.become(node, kind, {}, NOTE)
        else:
            pool = net.add(kind, node.name, node.inputs, kept, {}, order=node.order).noted(NOTE)
            net.read(node, [pool.output])
            net.become(node, "Reshape", {"shape": list(net.shape(node.output))}, NOTE)
    for node in net.of("AveragePool", "MaxPool"):
        shape, a = net.shape(node.inputs[0]), node.attributes
        whole = list(a["kernel_shape"]) == list(shape[2:]) and not any(a["pads"])
        if whole and set(a.get("dilations", [1])) == {1} and net.shape(node.output)[2:] == (1, 1):
            net.become(node, _GLOBAL[node.op], {}, NOTE)
