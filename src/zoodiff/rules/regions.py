"""Rules about layers that only one network has, and about connections."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from zoodiff.graph.align import family
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.base import Rule, register
from zoodiff.rules.context import AlignedPair, Difference, Region, Undo
from zoodiff.rules.layers import called


def _layers(graph: LayerGraph, indices: Sequence[int]) -> list[Layer]:
    return [graph.layers[i] for i in indices]


def listed(layers: Sequence[Layer]) -> str:
    """Layers as a person lists them: "average pool, 1x1 convolution"; many are counted."""
    if not layers:
        return "none"
    names = [called(layer) for layer in layers]
    if len(names) <= 6:
        return ", ".join(names)
    counts = Counter(names)
    parts = [f"{n} x {name}" if n > 1 else name for name, n in counts.most_common(5)]
    more = len(counts) - len(parts)
    return ", ".join(parts) + (f" and {more} more kinds" if more else "")


def _classified(region: Region, networks: AlignedPair) -> Iterable[Difference]:
    """Name a region by what it consists of and where it lies."""
    sides = ((networks.a, region.a), (networks.b, region.b))
    code = _code(region, networks)
    left, right = (listed(_layers(graph, indices)) for graph, indices in sides)
    sizes = [
        sum(
            p.size
            for layer in _layers(graph, indices)
            for node in (layer.node, *layer.chain)
            for p in node.parameters
            if p.trainable
        )
        for graph, indices in sides
    ]
    yield Difference(
        code, left, right, region.a, region.b, Undo.LAYERS, (), "places", sizes[1] - sizes[0]
    )


def _code(region: Region, networks: AlignedPair) -> str:
    parts = [
        _one_side(graph, indices)
        for graph, indices in ((networks.a, region.a), (networks.b, region.b))
        if indices
    ]
    if len(set(parts)) == 1:
        return parts[0]
    if "ARC142" in parts:
        return "ARC142"
    if "ARC161" in parts:
        return "ARC161"
    return "ARC190"


def _one_side(graph: LayerGraph, indices: Sequence[int]) -> str:
    """The first description that fits."""
    layers = _layers(graph, indices)
    kinds = {family(layer) for layer in layers}
    inside = set(indices)
    at_end = _behind_everything(graph, inside)
    only_lrn = {layer.op for layer in layers} == {"LRN"}
    fits = (
        ("ARC150", _at_input(graph, layers)),
        ("ARC140", at_end and (kinds == {"output"} or _gates(layers))),
        ("ARC160", _squeezes(layers)),
        ("ARC124", only_lrn),
        ("ARC122", "norm" in kinds and kinds <= {"norm", "activation"}),
        ("ARC130", kinds == {"activation"}),
        ("ARC161", _shortcut(graph, inside)),
        ("ARC163", _whole_block(graph, layers, inside)),
        ("ARC142", at_end),
        ("ARC131", kinds == {"pool"}),
        ("ARC133", kinds == {"Pad"} and _feeds(graph, inside, {"pool"})),
        ("ARC107", kinds == {"Pad"} and _feeds(graph, inside, {"linear"})),
    )
    return next((code for code, fit in fits if fit), "ARC190")


def _feeds(graph: LayerGraph, inside: set[int], kinds: set[str]) -> bool:
    readers = {u for i in inside for u, _ in graph.layers[i].users if u not in inside}
    return {family(graph.layers[u]) for u in readers} <= kinds


def _gates(layers: Sequence[Layer]) -> bool:
    return all(layer.op == "Sigmoid" for layer in layers)


_PIXELS = frozenset({"Add", "Cast", "Concat", "Div", "Mul", "Reshape", "Slice", "Sub", "Transpose"})


def _at_input(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Arithmetic on pixels, right behind the input."""
    inside = {layer.index for layer in layers}
    return all(
        layer.op in _PIXELS and all(i < 0 or i in inside for i in layer.inputs) for layer in layers
    )


def _behind_everything(graph: LayerGraph, inside: set[int]) -> bool:
    """Whether nothing but the region is computed from it."""
    reaches = any(index in inside for index in graph.outputs)
    return reaches and all(
        user in inside for index in inside for user, _ in graph.layers[index].users
    )


def _squeezes(layers: Sequence[Layer]) -> bool:
    """Squeeze-and-excitation (J. Hu et al., 2018): pool, two layers, a gate, a product."""
    ops = Counter(layer.op for layer in layers)
    gates = ops["Sigmoid"] + ops["HardSigmoid"] + ops["Clip"]
    pools = ops["GlobalAveragePool"] + ops["ReduceMean"]
    products = sum(layer.op == "Mul" and len(layer.inputs) == 2 for layer in layers)
    return bool(pools and gates and products)


def _shortcut(graph: LayerGraph, inside: set[int]) -> bool:
    """Layers between a fork and an addition, beside the main branch."""
    users = {u for i in inside for u, _ in graph.layers[i].users if u not in inside}
    sources = {s for i in inside for s in graph.layers[i].inputs if s not in inside}
    if len(users) != 1 or len(sources) != 1:
        return False
    join, source = graph.layers[users.pop()], sources.pop()
    if join.op != "Add" or source < 0:
        return False
    others = [i for i in join.inputs if i not in inside]
    return len(graph.layers[source].users) > 1 and all(_descends(graph, i, source) for i in others)


def _descends(graph: LayerGraph, index: int, source: int) -> bool:
    """Whether a layer is computed from another, looking back a block's length."""
    seen: set[int] = set()
    waiting = [index]
    while waiting and len(seen) < 64:
        i = waiting.pop()
        if i == source:
            return True
        if i >= 0 and i not in seen:
            seen.add(i)
            waiting += graph.layers[i].inputs
    return False


def _whole_block(graph: LayerGraph, layers: Sequence[Layer], inside: set[int]) -> bool:
    """Layers with their own addition or concatenation, whose like stands elsewhere too."""
    joins = [x for x in layers if x.op in {"Add", "Concat"} and len(x.inputs) > 1]
    if not joins or len(layers) < 3:
        return False
    cores = Counter(str(layer.core) for layer in layers)
    rest = Counter(str(x.core) for x in graph.layers if x.index not in inside)
    return all(rest[core] >= count for core, count in cores.items())


def _rule(code: str, name: str, cause: str, consequence: str, advice: str) -> None:
    register(
        Rule(
            code,
            name,
            "function",
            cause,
            consequence,
            advice,
            region=_classified if code == "ARC190" else None,
        )
    )


_CHOOSE = "Two networks under one name: choose by the claim that you rely on."

_rule(
    "ARC190",
    "layers in one network only",
    "Layers that one network has and the other lacks, and that fit no other rule.",
    "Another function.",
    "Look at the layers that are listed.",
)
_rule(
    "ARC160",
    "squeeze-and-excitation",
    "A block weighs its channels by a gate that is computed from their means, in one network only.",
    "Parameters and accuracy differ; weights do not fit.",
    _CHOOSE,
)
_rule(
    "ARC161",
    "shortcut kind",
    "The branch around a residual block is an identity in one network, and a projection, a pool "
    "or something else in the other (K. He et al., 2016, options A to C).",
    "Another function; with a projection more parameters.",
    _CHOOSE,
)
_rule(
    "ARC163",
    "number of blocks",
    "One network repeats a block more often.",
    "Parameters, MACs and accuracy differ.",
    _CHOOSE,
)


def _connections(networks: AlignedPair) -> Iterable[Difference]:
    """Aligned layers that read other layers than their counterparts do."""
    for i, j in networks.alignment.pairs:
        one, other = networks.a.layers[i], networks.b.layers[j]
        wanted = [networks.to_b.get(x) for x in one.inputs]
        if len(wanted) == len(other.inputs):
            if wanted == other.inputs:
                continue
            known = [x for x in wanted if x is not None]
            if one.commutative and sorted(known) == sorted(other.inputs):
                continue
        if _explained(networks, one, other):
            continue
        if None not in wanted and sorted(wanted) == sorted(other.inputs):  # type: ignore[type-var]
            left, right = "in this order", "in another order"
        else:
            left, right = (_read(g, x) for g, x in ((networks.a, one), (networks.b, other)))
        yield Difference("ARC162", left, right, (i,), (j,), Undo.INPUTS, ("inputs",), "layers")


def _read(graph: LayerGraph, layer: Layer) -> str:
    return (
        "reads "
        + ", ".join(graph.layers[i].name if i >= 0 else "the input" for i in layer.inputs[:4])
        + (" and others" if len(layer.inputs) > 4 else "")
    )


def _explained(networks: AlignedPair, one: Layer, other: Layer) -> bool:
    """Whether what is between is a region of its own: looking through it, both read the same."""
    left = {
        networks.to_b[i]
        for source in one.inputs
        for i in _through(networks.a, source, networks.to_b)
    }
    right = {i for source in other.inputs for i in _through(networks.b, source, networks.to_a)}
    direct_a = {networks.to_b[i] for i in one.inputs if i in networks.to_b}
    direct_b = {i for i in other.inputs if i in networks.to_a}
    missing = {i for i in one.inputs if i not in networks.to_b} | {
        i for i in other.inputs if i not in networks.to_a
    }
    if not missing:
        return False
    return direct_a <= right and direct_b <= left


def _through(graph: LayerGraph, source: int, aligned: object) -> set[int]:
    """Aligned layers that are reached backwards through layers that are not."""
    found: set[int] = set()
    seen: set[int] = set()
    waiting = [source]
    while waiting:
        i = waiting.pop()
        if i in seen:
            continue
        seen.add(i)
        if i in aligned:  # type: ignore[operator]
            found.add(i)
        elif i >= 0:
            waiting += graph.layers[i].inputs
    return found


register(
    Rule(
        "ARC162",
        "connections",
        "function",
        "A layer reads another layer than its counterpart: branches in another order, another "
        "order within a block (norm and activation before or behind the convolution), a "
        "connection that is there or not.",
        "Another function; weights may fit and give wrong results.",
        "Look at the layers that are listed.",
        networks=_connections,
    )
)
