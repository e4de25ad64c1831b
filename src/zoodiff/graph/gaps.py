"""The ends of gaps in an alignment: which of two like layers is the counterpart of one.

Where one network lacks blocks, the norm behind them is like the norm that begins each. The one with
the same readers, or that gives the same output of the network, is its counterpart, so the end of a
gap is paired and not its beginning. A norm begins a block if a shortcut begins beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

from zoodiff.graph.layers import LayerGraph
from zoodiff.graph.likeness import users

Pairs = dict[int, int]


def pair_ends(a: LayerGraph, b: LayerGraph, to_b: Pairs, to_a: Pairs) -> None:
    """Pair the end of each gap, in place of its beginning, with the layer with the same readers."""
    if len(to_b) == len(a.layers) == len(b.layers):
        return
    for i, j in sorted(to_b.items()):
        if not a.layers[i].node.parameters or _common_readers(a, b, to_b, i, j):
            continue
        ahead_a = [k for k in _read_alike(b, j, a, to_a) if k not in to_b]
        alike = len(ahead_a) == 1 and a.layers[ahead_a[0]].label == b.layers[j].label
        if alike and _begins(a, i, to_b):
            del to_b[i]
            to_b[ahead_a[0]], to_a[j] = j, ahead_a[0]
            continue
        ahead_b = [k for k in _read_alike(a, i, b, to_b) if k not in to_a]
        alike = len(ahead_b) == 1 and b.layers[ahead_b[0]].label == a.layers[i].label
        if alike and _begins(b, j, to_a):
            del to_a[j]
            to_b[i], to_a[ahead_b[0]] = ahead_b[0], i


def _begins(graph: LayerGraph, index: int, across: Mapping[int, int]) -> bool:
    """Whether what a layer reads is also read by a layer without counterpart."""
    sources = [x for x in graph.layers[index].inputs if x >= 0]
    return any(
        user != index and user not in across
        for source in sources
        for user in users(graph.layers[source])
    )


def _common_readers(a: LayerGraph, b: LayerGraph, to_b: Mapping[int, int], i: int, j: int) -> bool:
    """Whether a reader of one layer is paired with one of the other, or both are outputs."""
    readers = {to_b.get(user) for user in users(a.layers[i])}
    ends = [{k for k, x in enumerate(g.outputs) if x == n} for g, n in ((a, i), (b, j))]
    return bool(readers & set(users(b.layers[j])) or ends[0] & ends[1])


def _read_alike(
    here: LayerGraph, index: int, there: LayerGraph, across: Mapping[int, int]
) -> set[int]:
    """Return the layers of the other network that counterparts of all readers read there."""
    alike = {
        there.outputs[k]
        for k, x in enumerate(here.outputs)
        if x == index and k < len(there.outputs)
    }
    for user, place in here.layers[index].users:
        reader = across.get(user)
        if reader is not None and place < len(there.layers[reader].inputs):
            alike.add(there.layers[reader].inputs[place])
    return {x for x in alike if x >= 0}
