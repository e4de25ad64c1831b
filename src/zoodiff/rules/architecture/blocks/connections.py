"""ARC162: aligned layers that read other layers than their counterparts do."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import AlignedPair, Difference, Undo
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule


def _connections(networks: AlignedPair) -> Iterable[Difference]:
    for i, j in networks.alignment.pairs:
        if (i, j) in networks.explained_inputs:
            continue
        first, second = networks.a.layers[i], networks.b.layers[j]
        wanted = [networks.to_b.get(x) for x in first.inputs]
        known = [x for x in wanted if x is not None]
        if len(wanted) == len(second.inputs):
            same_layers = sorted(known) == sorted(second.inputs)
            if wanted == second.inputs or (first.commutative and same_layers):
                continue
        if _through_regions(networks, first, second):
            continue
        if len(known) == len(wanted) and sorted(known) == sorted(second.inputs):
            left, right = "in this order", "in another order"
        else:
            left, right = _read(networks.a, first), _read(networks.b, second)
        yield Difference("ARC162", left, right, (i,), (j,), Undo.INPUTS, ("inputs",), "layers")


def _read(graph: LayerGraph, layer: Layer) -> str:
    return (
        "reads "
        + ", ".join(graph.layers[i].name if i >= 0 else "the input" for i in layer.inputs[:4])
        + (" and others" if len(layer.inputs) > 4 else "")
    )


def _through_regions(networks: AlignedPair, first: Layer, second: Layer) -> bool:
    """Whether two layers read the same, looking through layers that only one network has.

    Those are a difference of their own.
    """
    to_a, to_b = networks.to_a, networks.to_b
    left = {to_b[i] for source in first.inputs for i in _aligned(networks.a, source, to_b)}
    right = {i for source in second.inputs for i in _aligned(networks.b, source, to_a)}
    direct_a = {to_b[i] for i in first.inputs if i in to_b}
    direct_b = {i for i in second.inputs if i in to_a}
    whole_a = all(i in to_b for i in first.inputs)
    whole_b = all(i in to_a for i in second.inputs)
    if whole_a and whole_b:
        return False
    return direct_a <= right and direct_b <= left


def _aligned(graph: LayerGraph, source: int, aligned: Collection[int]) -> set[int]:
    """Aligned layers that are reached backwards through layers that are not."""
    reached: set[int] = set()
    seen: set[int] = set()
    waiting = [source]
    while waiting:
        i = waiting.pop()
        if i in seen:
            continue
        seen.add(i)
        if i in aligned:
            reached.add(i)
        elif i >= 0:
            waiting += graph.layers[i].inputs
    return reached


def _branches(join: str, *, swapped: bool) -> Graph:
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 8))
    branches = [net.conv(x, 8, 3), net.conv(x, 8, 5)]
    if swapped:
        branches.reverse()
    if join == "Concat":
        x = net.add("Concat", branches, (1, 16, 16, 16), axis=1)
    else:
        x = net.add(join, branches)
    return net.classifier(net.add("Relu", net.conv(x, 8)))


CONNECTIONS = Rule(
    code="ARC162",
    name="connections",
    effect="function",
    cause="A layer and its counterpart have different inputs: the branches or the layers of a "
    "block have a different order (norm and activation before or after the convolution), or only "
    "one network has a connection.",
    consequence="Outputs differ. Weights may fit and give wrong results.",
    advice="Inspect the listed layers.",
    references=(
        "K. He et al., Identity mappings in deep residual networks, ECCV 2016, arXiv:1603.05027",
        "xiaolai-sqlai/mobilenetv3#26",
    ),
    check=_connections,
    after=("ARC174", "ARC176", "ARC177"),
    example=Example(
        networks=lambda: (
            _branches("Concat", swapped=False),
            _branches("Concat", swapped=True),
        ),
        twin=lambda: (
            _branches("Add", swapped=False),
            _branches("Add", swapped=True),
        ),
        twin_shows="The order of the terms of a sum does not matter.",
    ),
)
