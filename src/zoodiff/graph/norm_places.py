"""Where the norms of residual blocks are: before each block, or behind each addition.

A pre-norm network normalises what a block reads and adds its result to what was not normalised; a
post-norm network normalises the sum. Their norms correspond in order, though each reads what the
other's neighbour reads.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from zoodiff.graph.align import Alignment
from zoodiff.graph.layers import Layer, LayerGraph

Place = Literal["before", "behind"]
_NORMS = frozenset({"LayerNormalization", "RMSNormalization"})
_MOVING = frozenset({"Reshape", "Transpose"})


def place_of(graph: LayerGraph) -> Place | None:
    """Return where the norms of a network's blocks are; None for no such norms, or for both."""
    norms = [layer for layer in graph.layers if layer.op in _NORMS]
    before = any(_beside(graph, layer) for layer in norms)
    behind = any(_through(graph, layer) for layer in norms)
    if before == behind:
        return None
    return "before" if before else "behind"


def moved(alignment: Alignment) -> bool:
    """Whether one network has its norms before its blocks and the other behind its additions."""
    places = {place_of(alignment.a), place_of(alignment.b)}
    return places == {"before", "behind"} and len(norms_of_blocks(alignment.a)) == len(
        norms_of_blocks(alignment.b)
    )


def in_order(alignment: Alignment) -> Alignment:
    """Return the alignment with the norms of all blocks paired in order, where they moved."""
    if not moved(alignment):
        return alignment
    left, right = norms_of_blocks(alignment.a), norms_of_blocks(alignment.b)
    own = {i: j for i, j in alignment.pairs if i not in left and j not in right}
    own |= dict(zip(left, right, strict=True))
    taken = set(own.values())
    return replace(
        alignment,
        pairs=tuple(sorted(own.items())),
        only_a=tuple(i for i in range(len(alignment.a.layers)) if i not in own),
        only_b=tuple(j for j in range(len(alignment.b.layers)) if j not in taken),
    )


def norms_of_blocks(graph: LayerGraph) -> list[int]:
    """Return the norms of residual blocks, in order; not the one behind the last block."""
    place = place_of(graph)
    return [
        layer.index
        for layer in graph.layers
        if layer.op in _NORMS
        and (_beside(graph, layer) if place == "before" else _reads_sum(graph, layer))
    ]


def _beside(graph: LayerGraph, norm: Layer) -> bool:
    """Whether what a norm reads is added to something behind it."""
    source = _source(graph, norm)
    readers = graph.layers[source].users if source >= 0 else _users_of_input(graph, source)
    return any(_is_sum(graph.layers[user]) for user in _readers(graph, (u for u, _ in readers)))


def _through(graph: LayerGraph, norm: Layer) -> bool:
    """Whether a norm reads a sum, and its result is read by a block and added to the block's."""
    users = {user.index for user in map(graph.layers.__getitem__, _readers(graph, _users(norm)))}
    sums = {user for user in users if _is_sum(graph.layers[user])}
    return _reads_sum(graph, norm) and bool(sums) and len(users) > len(sums)


def _reads_sum(graph: LayerGraph, norm: Layer) -> bool:
    source = _source(graph, norm)
    return source >= 0 and _is_sum(graph.layers[source])


def _is_sum(layer: Layer) -> bool:
    return layer.op == "Add" and len(layer.inputs) == 2


def _source(graph: LayerGraph, layer: Layer) -> int:
    """What a layer reads, through movements."""
    index = layer.inputs[0] if layer.inputs else -1
    while index >= 0 and graph.layers[index].op in _MOVING:
        index = graph.layers[index].inputs[0]
    return index


def _users(layer: Layer) -> Iterable[int]:
    return (user for user, _ in layer.users)


def _users_of_input(graph: LayerGraph, source: int) -> list[tuple[int, int]]:
    return [(x.index, x.inputs.index(source)) for x in graph.layers if source in x.inputs]


def _readers(graph: LayerGraph, users: Iterable[int]) -> set[int]:
    """Layers that read a result, through movements."""
    reached: set[int] = set()
    waiting = list(users)
    while waiting:
        layer = graph.layers[waiting.pop()]
        if layer.op in _MOVING:
            waiting += _users(layer)
        else:
            reached.add(layer.index)
    return reached
