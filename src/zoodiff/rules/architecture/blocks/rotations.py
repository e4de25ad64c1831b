"""Queries and keys that are turned by their positions (ARC177)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.context import AlignedPair, Aspect, Difference, LayerPair, Undo
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Description, Example, Rule

_CODE = "ARC177"
_MOVING = frozenset({"Concat", "Gather", "Reshape", "Slice", "Transpose", "Unsqueeze"})
_STEPS = 12
"""Layers that exchange the two numbers of each pair, at most."""
_NONE = "not turned by position"


@dataclass(frozen=True)
class Rotation:
    """``x * cos + exchanged(x) * sin`` of one tensor."""

    source: int
    """The layer that gives the tensor; negative for an input."""
    layers: frozenset[int]
    neighbours: bool
    """Whether a pair are two neighbours, and not numbers half a width apart."""

    @property
    def words(self) -> str:
        """What it does, as a person says it."""
        pairs = "neighbours" if self.neighbours else "the two halves"
        return f"turned by position, in pairs of {pairs}"


_KNOWN: WeakKeyDictionary[LayerGraph, tuple[Rotation, ...]] = WeakKeyDictionary()


def rotations(graph: LayerGraph) -> tuple[Rotation, ...]:
    """Return the rotations of a network, in order; they are looked for once."""
    if graph not in _KNOWN:
        each = (_rotation(graph, layer) for layer in graph.layers if layer.op == "Add")
        _KNOWN[graph] = tuple(rotation for rotation in each if rotation is not None)
    return _KNOWN[graph]


def _around(graph: LayerGraph, indices: Iterable[int]) -> list[Rotation]:
    """The rotations that layers are part of."""
    inside = set(indices)
    return [rotation for rotation in rotations(graph) if rotation.layers & inside]


def _rotation(graph: LayerGraph, total: Layer) -> Rotation | None:
    if len(total.inputs) != 2 or min(total.inputs) < 0:
        return None
    rows = [_product(graph, graph.layers[i]) for i in total.inputs]
    if not all(rows):
        return None
    behind = [user for user, _ in total.users if graph.layers[user].op in {"Reshape", "Transpose"}]
    around = {total.index, *behind, *(layer.index for row in rows for layer in row)}
    for plain, other in ((rows[0][-1], rows[1][-1]), (rows[1][-1], rows[0][-1])):
        for source in plain.inputs:
            moved = _exchange(graph, other, source)
            if moved:
                inside = frozenset({*around, *moved})
                return Rotation(source, inside, _of_neighbours(graph, moved))
    return None


def _product(graph: LayerGraph, layer: Layer) -> list[Layer]:
    """The movements that a term of a sum ends in, and the product before them; none without."""
    row = [layer]
    while row[-1].op in {"Reshape", "Transpose"} and len(row[-1].inputs) == 1:
        if row[-1].inputs[0] < 0 or len(row) > 3:
            return []
        row.append(graph.layers[row[-1].inputs[0]])
    return row if row[-1].op == "Mul" and row[-1].inputs else []


def _exchange(graph: LayerGraph, term: Layer, source: int) -> set[int]:
    """The layers that lead from a tensor to a factor by moving and negating; none if others do."""
    for start in term.inputs:
        seen: set[int] = set()
        waiting = [start]
        while waiting and len(seen) <= _STEPS:
            index = waiting.pop()
            if index == source or index in seen:
                continue
            if index < 0 or not _moves(graph.layers[index]):
                break
            seen.add(index)
            waiting += graph.layers[index].inputs
        else:
            if any(graph.layers[i].op == "Concat" for i in seen) and not waiting:
                return seen
    return set()


def _moves(layer: Layer) -> bool:
    negates = layer.op == "Neg" or (layer.op == "Mul" and layer.node.attributes.get("value") == -1)
    return (layer.op in _MOVING or negates) and not layer.chain and not layer.node.parameters


def _of_neighbours(graph: LayerGraph, indices: Iterable[int]) -> bool:
    """Whether slices take every other number, or one of an axis of two."""
    slices = [graph.layers[i] for i in indices if graph.layers[i].op == "Slice"]
    for layer in slices:
        a = layer.node.attributes
        shape = graph.graph.tensors[layer.node.inputs[0]].shape
        axes, steps = a.get("axes"), a.get("steps")
        if isinstance(steps, list) and any(int(step) == 2 for step in steps):
            return True
        if isinstance(axes, list) and shape[int(axes[0])] == 2 and len(shape) > 2:
            return shape[-1] == 2
    return False


def _inside(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether layers are parts of rotations, with the sum at the end of one."""
    if not any(layer.op == "Add" for layer in layers):
        return False
    indices = {layer.index for layer in layers}
    every = {index for rotation in _around(graph, indices) for index in rotation.layers}
    return indices <= every


def _turned(networks: AlignedPair) -> Iterable[Difference]:
    """Rotations in one network only, and those of other pairs."""
    yield from _other_pairs(networks)
    for region in networks.regions.get(_CODE, ()):
        left, right = (
            _words(graph, indices)
            for graph, indices in ((networks.a, region.a), (networks.b, region.b))
        )
        yield Difference(_CODE, left, right, region.a, region.b, noun="attentions")


def _words(graph: LayerGraph, indices: Sequence[int]) -> str:
    return next((rotation.words for rotation in _around(graph, indices)), _NONE)


def _other_pairs(networks: AlignedPair) -> Iterable[Difference]:
    theirs = {rotation.source: rotation for rotation in rotations(networks.b)}
    apart = {pair.a.index: pair for pair in networks.layers}
    for mine in rotations(networks.a):
        other = theirs.get(networks.to_b.get(mine.source, -1 << 30))
        if other is None or mine.neighbours == other.neighbours:
            continue
        claimed = _claimed(networks, apart, (mine, other))
        parts = [*claimed, *_regions(networks, mine, other)]
        a = tuple(sorted(i for i in mine.layers if networks.a.layers[i].op in {"Add", "Slice"}))
        b = tuple(sorted(j for j in other.layers if networks.b.layers[j].op in {"Add", "Slice"}))
        yield Difference(
            _CODE,
            mine.words,
            other.words,
            a,
            b,
            Undo.NOTHING,
            noun="attentions",
            parts=tuple(parts),
        )


def _claimed(
    networks: AlignedPair, apart: Mapping[int, LayerPair], both: tuple[Rotation, Rotation]
) -> Iterable[Difference]:
    """What differs between aligned layers of the two, which no other rule names then."""
    mine, other = both
    for i in sorted(mine.layers):
        pair = apart.get(i)
        if pair is not None and pair.b.index in other.layers and pair.unclaimed:
            yield _whole(pair)
    pairs = {(i, networks.to_b[i]) for i in mine.layers if i in networks.to_b}
    pairs |= {(networks.to_a[j], j) for j in other.layers if j in networks.to_a}
    networks.explained_inputs.update(pairs)
    for i, j in sorted(pairs):
        yield Difference(_CODE, mine.words, other.words, (i,), (j,), Undo.INPUTS)


def _whole(pair: LayerPair) -> Difference:
    keys = tuple(pair.unclaimed)
    pair.claim(*keys)
    undo = Undo.OPERATOR if Aspect.OPERATOR in keys else Undo.ATTRIBUTES
    return pair.difference(_CODE, "", "", *keys, undo=undo)


def _regions(networks: AlignedPair, mine: Rotation, other: Rotation) -> Iterable[Difference]:
    """Layers of the two rotations without counterpart, taken from the rules that had them."""
    for code, regions in list(networks.regions.items()):
        taken = [r for r in regions if set(r.a) <= mine.layers and set(r.b) <= other.layers]
        networks.regions[code] = tuple(r for r in regions if r not in taken)
        yield from (Difference(_CODE, "", "", r.a, r.b) for r in taken)


def _rotated(*, pairs: str, activation: bool = False) -> Graph:
    """Tokens of eight numbers that are turned by their position, or not."""
    net = TinyNetwork(size=4)
    x = net.add("Tanh", net.add("Reshape", net.conv("image", 8, 1), (1, 16, 8)))
    if pairs:
        step = 2 if pairs == "neighbours" else 1
        bounds = [(0, 8), (1, 8)] if step == 2 else [(0, 4), (4, 8)]
        parts = [
            net.add("Slice", x, (1, 16, 4), axes=[2], starts=[s], ends=[e], steps=[step])
            for s, e in bounds
        ]
        negated = net.add("Mul", parts[1], value=-1.0)
        turned = net.add("Concat", (negated, parts[0]), (1, 16, 8), axis=2)
        if step == 2:
            apart = net.add("Reshape", turned, (1, 16, 2, 4))
            apart = net.add("Transpose", apart, (1, 16, 4, 2), perm=[0, 1, 3, 2])
            turned = net.add("Reshape", apart, (1, 16, 8))
        terms = [
            net.add("Mul", term, parameters=[_table(name)], constant_shape=[1, 16, 8])
            for term, name in ((x, "cosines"), (turned, "sines"))
        ]
        x = net.add("Add", terms, (1, 16, 8))
    x = net.add("Relu", x) if activation else x
    return net.graph(net.linear(net.add("ReduceMean", x, (1, 8), axes=[1], keepdims=False), 10))


def _table(name: str) -> Parameter:
    return Parameter(name, (1, 16, 8), trainable=False, role="constant")


ROTATION = Rule(
    code=_CODE,
    name="rotary positions",
    effect="function",
    cause="Only one network turns queries or keys by their positions, or the two turn other pairs "
    "of numbers: neighbours, or numbers half a width apart.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="Check which pairs the weights were trained with. Permuting the rows of the weights "
    "that make queries and keys turns one form into the other.",
    references=("J. Su et al., RoFormer, 2021, arXiv:2104.09864",),
    check=_turned,
    describes=Description(_inside, rank=2),
    example=Example(
        networks=lambda: (_rotated(pairs="halves"), _rotated(pairs="")),
        twin=lambda: (_rotated(pairs="halves"), _rotated(pairs="halves", activation=True)),
        twin_shows="Both turn the same pairs; there is an activation behind them in one.",
    ),
)
