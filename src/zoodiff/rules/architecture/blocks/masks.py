"""Which pairs of tokens an attention leaves out (ARC174)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer
from zoodiff.rules.architecture.blocks.mask_logic import is_logic, only_masks, reaches_softmax
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, for_layers, in_order
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule
from zoodiff.rules.wording import shown

_CODE = "ARC174"
_KEYS = ("mask_shape", "runs", "value", "added")


def _alone(networks: AlignedPair) -> Iterable[Difference]:
    """Masks that only one network has."""
    for difference in for_regions(_CODE)(networks):
        sides = ((networks.a, difference.a), (networks.b, difference.b))
        left, right = (
            _of_layers([graph.layers[i] for i in indices]) if indices else "none"
            for graph, indices in sides
        )
        _explain_readers(networks, difference.a, difference.b)
        yield Difference(_CODE, left, right, difference.a, difference.b, noun="attentions")


def _of_layers(layers: Sequence[Layer]) -> str:
    """What layers of a mask do, in words."""
    words = [
        _meaning(layer.node.attributes) if layer.op == "Mask" else _STEPS.get(layer.op, "")
        for layer in layers
    ]
    return ", ".join(dict.fromkeys(filter(None, words))) or "another mask"


_STEPS = {
    "Add": "a computed mask",
    "And": "a mask that another one is part of",
    "Not": "a mask inverted",
    "Or": "either of two masks",
    "Where": "a computed mask",
    "Xor": "one of two masks",
}


def _explain_readers(networks: AlignedPair, a: Sequence[int], b: Sequence[int]) -> None:
    """Let no other rule say that layers read another mask than their counterparts."""
    to_a, to_b = networks.to_a, networks.to_b
    readers = {(i, to_b[i]) for x in a for i, _ in networks.a.layers[x].users if i in to_b}
    readers |= {(to_a[j], j) for y in b for j, _ in networks.b.layers[y].users if j in to_a}
    networks.explained_inputs.update(readers)


def _tables_of_logic(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    """Constant masks that are part of a computed one."""
    keys = [key for key in pair.unclaimed if str(key).startswith("input")]
    if pair.a.op == pair.b.op and is_logic(pair.a) and keys:
        if not reaches_softmax(networks.a, pair.a):
            return
        pair.claim(*keys)
        left, right = (_constant(layer) for layer in (pair.a, pair.b))
        yield pair.difference(_CODE, left, right, *keys, noun="attentions")


def _constant(layer: Layer) -> str:
    """The constant operand of a layer of a mask, in words."""
    a = layer.node.attributes
    for position in range(3):
        table, shape = a.get(f"input{position}"), a.get(f"input{position}_shape")
        if not isinstance(table, list) or not all(isinstance(x, bool) for x in table):
            continue
        if isinstance(shape, list) and len(shape) >= 2:
            runs = _merged([n for kept in table for n in ((1, 0) if kept else (0, 1))])
            return _pattern({"mask_shape": shape, "runs": runs})
    return "another mask"


def _others(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    """Masks that leave out other pairs; those of images of another size follow from it."""
    if pair.a.op != "Mask" or not pair.claim(*_KEYS):
        return
    left, right = (_meaning(layer.node.attributes) for layer in (pair.a, pair.b))
    if left != right or networks.a.inputs == networks.b.inputs:
        yield pair.difference(_CODE, left, right, *_KEYS, noun="attentions")


def _meaning(a: Any) -> str:
    """A mask in words, with the number of left-out scores where it is seen by a softmax."""
    value = a.get("value")
    return _pattern(a) + ("" if value is None else f", by {shown(value)}")


def _pattern(a: Any) -> str:
    """A mask in words, where each row is a token and each column one that it may see."""
    tables = list(_tables(a["mask_shape"], a["runs"]))
    if any(table != tables[0] for table in tables):
        return "masks that differ by head or part"
    kept, columns = tables[0], a["mask_shape"][-1]
    rows = len(kept)
    if rows == columns:
        for words, sees in _PATTERNS.items():
            if all(kept[i] == [sees(i, j) for j in range(columns)] for i in range(rows)):
                return words
        reach = max(abs(i - j) for i in range(rows) for j in range(columns) if kept[i][j])
        window = [[abs(i - j) <= reach for j in range(columns)] for i in range(rows)]
        if kept == window:
            return f"window: each row sees those at most {reach} away"
        if kept == [
            [near and j <= i for j, near in enumerate(row)] for i, row in enumerate(window)
        ]:
            return f"causal window: each row sees itself and the {reach} before"
    share = sum(not sees for row in kept for sees in row) / (rows * columns)
    return f"a mask of {share:.1%} of all pairs"


_PATTERNS: dict[str, Callable[[int, int], bool]] = {
    "causal (each row sees itself and earlier ones)": lambda i, j: j <= i,
    "reversed causal (each row sees itself and later ones)": lambda i, j: j >= i,
    "each row sees itself only": lambda i, j: i == j,
    "each row sees all but itself": lambda i, j: i != j,
}


def _tables(shape: Sequence[int], runs: Sequence[int]) -> Iterable[list[list[bool]]]:
    """Which scores each matrix of a mask keeps."""
    columns, rows = shape[-1], shape[-2]
    kept: list[bool] = []
    for place, length in enumerate(runs):
        kept += [place % 2 == 0] * length
    starts = range(0, len(kept), rows * columns)
    for start in starts:
        yield [kept[start + i * columns : start + (i + 1) * columns] for i in range(rows)]


def _attention(shift: int | None, *, wide: bool = False) -> Graph:
    """Scores of 16 places, of which each sees those before it and some behind it."""
    net = TinyNetwork(size=4)
    x = net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16))
    x = net.add("MatMul", (x, x), (1, 16, 16), batch=1, m=16, k=8, n=16, transA=True)
    if shift is not None:
        runs = [length for row in range(16) for length in _row(row + shift, 16)]
        x = net.add("Mask", x, mask_shape=[16, 16], runs=_merged(runs))
    x = net.add("Softmax", x, axis=2)
    return net.graph(net.add("Tanh", x) if wide else x)


def _row(last: int, columns: int) -> tuple[int, int]:
    kept = min(last + 1, columns)
    return kept, columns - kept


def _merged(runs: Sequence[int]) -> list[int]:
    """Runs without empty ones between two others."""
    ends = list(accumulate(runs))
    places = [k for k in range(len(runs)) if runs[k]]
    merged: list[int] = []
    for k in places:
        if merged and k % 2 == (len(merged) - 1) % 2:
            merged[-1] += runs[k]
        else:
            merged.append(runs[k])
    assert sum(merged) == ends[-1]
    return merged


ATTENTION_MASK = Rule(
    code=_CODE,
    name="attention mask",
    effect="function",
    cause="The attention of one network leaves out pairs of tokens that the other's sees: a causal "
    "mask in one only, a window, or another one.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="Check which mask the weights were trained with, and that the export kept it.",
    references=(
        "A. Vaswani et al., Attention is all you need, NIPS 2017, arXiv:1706.03762 (section 3.2.3)",
    ),
    check=in_order(_alone, for_layers(_others), for_layers(_tables_of_logic)),
    describes=Description(only_masks, rank=2),
    example=Example(
        networks=lambda: (_attention(None), _attention(0)),
        twin=lambda: (_attention(0), _attention(0, wide=True)),
        twin_shows="Both have the same mask; there is an activation behind the softmax in one.",
    ),
)
