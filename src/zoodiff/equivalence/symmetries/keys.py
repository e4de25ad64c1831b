r"""Layers that make the keys of an attention, whose bias a softmax cancels.

:math:`q (k + b)^T = q k^T + q b^T`, and the second term is the same for all keys of a query. So it
cancels in a softmax over the keys.
"""

from __future__ import annotations

from zoodiff.graph.layers import Layer, LayerGraph

_MOVING = frozenset({"Reshape", "Transpose"})
_OF_SCORES = frozenset({"Mask", "Mul"})


def makes_keys(graph: LayerGraph, layer: Layer) -> bool:
    """Whether a layer's result is read as the keys of an attention, and by nothing else."""
    user, position = _only_user(graph, layer)
    while user is not None and user.op in _MOVING:
        user, position = _only_user(graph, user)
    if user is None or user.op != "MatMul" or position != 1 or layer.index in graph.outputs:
        return False
    scores, _ = _only_user(graph, user)
    while scores is not None and scores.op in _OF_SCORES and len(scores.inputs) == 1:
        if scores.node.parameters:
            return False
        scores, _ = _only_user(graph, scores)
    if scores is None or scores.op != "Softmax":
        return False
    return scores.node.attributes.get("axis") == len(graph.shape(scores)) - 1


def _only_user(graph: LayerGraph, layer: Layer) -> tuple[Layer | None, int]:
    """The only reader of a result and the position among its inputs."""
    if len(layer.users) != 1:
        return None, -1
    ((user, position),) = layer.users
    return graph.layers[user], position
