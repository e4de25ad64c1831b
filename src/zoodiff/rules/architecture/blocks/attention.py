"""Attention: the scale of its scores (ARC170), its number of heads (ARC172), and the layout of the
weight that makes queries, keys and values at once (ARC164)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.rules.architecture.blocks import mask_logic
from zoodiff.rules.context import (
    AlignedPair,
    Difference,
    LayerPair,
    Undo,
    for_layers,
    in_order,
)
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Description, Example, Rule
from zoodiff.rules.wording import shown


def _scale(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op == "MatMul" and (factors := pair.claim("scale")):
        left, right = (1.0 if factor is None else factor for factor in factors)
        yield pair.difference("ARC170", left, right, "scale")


def _caps(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether layers bend the scores of an attention by a hyperbolic tangent, and scale them."""
    tangents = [layer for layer in layers if layer.op == "Tanh"]
    scaling = [layer for layer in layers if layer.op == "Mul" and _number(layer) is not None]
    if len(tangents) != 1 or len(scaling) != len(layers) - 1 or not 0 < len(scaling) < 3:
        return False
    scores = _behind(graph, layers[0].inputs, "MatMul")
    return scores is not None and mask_logic.reaches_softmax(graph, layers[-1])


def _number(layer: Layer) -> float | None:
    value = layer.node.attributes.get("value")
    return float(value) if isinstance(value, int | float) else None


def _capped(networks: AlignedPair) -> Iterable[Difference]:
    """Scores that one network keeps between two numbers, with the scale that belongs to it."""
    for region in networks.regions.get("ARC170", ()):
        sides = ((networks.a, region.a), (networks.b, region.b))
        caps = [_cap(graph, indices) for graph, indices in sides]
        scores = [_behind(g, g.layers[i[0]].inputs, "MatMul") if i else None for g, i in sides]
        parts, factors = [], [1.0, 1.0]
        for pair in networks.layers:
            if pair.a is scores[0] or pair.b is scores[1]:
                claimed = pair.claim("scale")
                if claimed:
                    factors = [1.0 if factor is None else float(factor) for factor in claimed]
                    parts.append(pair.difference("ARC170", factors[0], factors[1], "scale"))
        words = [_scaled_words(*side) for side in zip(factors, caps, strict=True)]
        yield Difference(
            "ARC170", words[0], words[1], region.a, region.b, noun="attentions", parts=tuple(parts)
        )


def _scaled_words(factor: float, cap: float | None) -> str:
    if cap is None:
        return f"{shown(factor)}, not capped" if factor != 1.0 else "not capped"
    return f"{shown(factor * cap)}, capped at {shown(cap)} by tanh"


def _cap(graph: LayerGraph, indices: Sequence[int]) -> float | None:
    """The number behind the hyperbolic tangent; None without one."""
    numbers = [_number(graph.layers[i]) for i in indices if graph.layers[i].op == "Mul"]
    return (numbers[-1] or 1.0) if numbers else None


def _heads(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op != "MatMul" or not {"batch", "k"} <= set(pair.unclaimed):
        return
    heads, widths = pair.unclaimed["batch"], pair.unclaimed["k"]
    rows = [pair.unclaimed.get(key, (0, 0)) for key in ("m", "n")]
    same_rows = all(left == right for left, right in rows)
    if same_rows and heads[0] * widths[0] == heads[1] * widths[1]:
        pair.claim("batch", "k")
        left, right = (f"{width} channels per head" for width in widths)
        yield pair.difference("ARC172", left, right, "batch", "k")


def _fused(networks: AlignedPair) -> Iterable[Difference]:
    """Weights whose parts lie interleaved in one network, and one after the other in the other."""
    seen: dict[tuple[str, str], tuple[list[int], list[int], str, str]] = {}
    orders = [_orders(graph) for graph in (networks.a, networks.b)]
    for i, j in networks.alignment.pairs:
        layers = networks.a.layers[i], networks.b.layers[j]
        parameters = [next(iter(x.node.parameters), None) for x in layers]
        if None in parameters or not any(p and p.whole and not p.result for p in parameters):
            continue
        left, right = (_layout(p, order) for p, order in zip(parameters, orders, strict=True))
        rows, interleaved = (
            [words.startswith(form) for words in (left, right)]
            for form in (_IN_A_ROW, _INTERLEAVED)
        )
        if left != right and (all(rows) or any(interleaved)):
            wholes = tuple(p.stored if p else "" for p in parameters)
            a, b, _, _ = seen.setdefault((wholes[0], wholes[1]), ([], [], left, right))
            a.append(i)
            b.append(j)
    for a, b, left, right in seen.values():
        yield Difference(
            "ARC164", left, right, tuple(a), tuple(b), undo=Undo.NOTHING, noun="linear layers"
        )


_IN_A_ROW, _INTERLEAVED = "one part after the other", "interleaved"


def _layout(parameter: Parameter | None, orders: Mapping[str, str]) -> str:
    if parameter is None or not parameter.whole:
        return "separate weights"
    blocks = [numbers for step, numbers in parameter.view if step == "reshape"]
    moved = any(step == "transpose" for step, _ in parameter.view)
    interleaved = next((b for b in blocks if len(b) > len(parameter.shape) + 1), None)
    if not moved or interleaved is None:
        return f"{_IN_A_ROW}: [{orders.get(parameter.whole, 'q|k|v')}]"
    return f"{_INTERLEAVED} by head: {interleaved[0]} times {interleaved[1]} parts"


def _orders(graph: LayerGraph) -> dict[str, str]:
    """The order of queries, keys and values in each weight that makes them, where all are known."""
    letters: dict[str, dict[int, str]] = {}
    for softmax in (layer for layer in graph.layers if layer.op == "Softmax"):
        scores = _behind(graph, softmax.inputs[:1], "MatMul")
        values = [
            graph.layers[user]
            for user, position in softmax.users
            if position == 0 and graph.layers[user].op == "MatMul"
        ]
        if scores is None or len(scores.inputs) != 2 or len(values) != 1:
            continue
        for letter, source in zip("qkv", (*scores.inputs, *values[0].inputs[1:2]), strict=False):
            linear = _behind(graph, (source,), "Gemm")
            for p in linear.node.parameters[:1] if linear is not None else ():
                start = next((n[0] for step, n in p.view if step == "part"), None)
                if p.whole and start is not None:
                    letters.setdefault(p.whole, {})[start] = letter
    return {
        whole: "|".join(found[start] for start in sorted(found))
        for whole, found in letters.items()
        if sorted(found.values()) == ["k", "q", "v"]
    }


def _behind(graph: LayerGraph, inputs: Sequence[int], op: str) -> Layer | None:
    """The layer of an operator that single movements, masks and numbers lead back to."""
    while len(inputs) == 1 and inputs[0] >= 0:
        layer = graph.layers[inputs[0]]
        if layer.op == op:
            return layer
        if layer.op not in {"Add", "Mask", "Mul", "Reshape", "Transpose"}:
            return None
        inputs = layer.inputs
    return None


def _one_weight(*, interleaved: bool, parts: int = 2, key: str = "key") -> Graph:
    """Queries and keys that one layer makes, and their product."""
    net = TinyNetwork(size=4)
    heads, depth = 2, 4
    width = parts * heads * depth
    x = net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16))
    x = net.add("Transpose", x, (1, 16, 8), perm=[0, 2, 1])
    x = net.add(
        "Gemm",
        x,
        (1, 16, width),
        parameters=(Parameter("weight", (width, 8), role="weight", layout="OI"),),
        in_features=8,
        out_features=width,
        bias=False,
        axis=2,
    )
    order = (heads, parts, depth) if interleaved else (parts, heads, depth)
    x = net.add("Reshape", x, (1, 16, *order))
    axis = 3 if interleaved else 2
    shape = [1, 16, *order]
    shape[axis] = 1
    cut = [
        net.add("Slice", x, tuple(shape), axes=[axis], starts=[k], ends=[k + 1], steps=[1])
        for k in range(parts)
    ]
    cut = [
        net.add(
            "Transpose",
            net.add("Reshape", c, (1, 16, heads, depth)),
            (1, heads, 16, depth),
            perm=[0, 2, 1, 3],
        )
        for c in cut
    ]
    scores = net.add(
        "MatMul",
        (cut[0], cut[1]),
        (1, heads, 16, 16),
        name=key,
        batch=heads,
        m=16,
        k=depth,
        n=16,
        transB=True,
    )
    return net.graph(net.add("Softmax", scores, axis=3))


def _attention(
    heads: int = 2, *, width: int = 8, factor: float = 0.5, on_query: bool = False
) -> Graph:
    """Attention over the 16 places of a small map; queries or scores are scaled."""
    net = TinyNetwork(size=4)
    depth = width // heads
    query, key, value = (
        net.add("Reshape", net.conv("image", width, 1), (1, heads, depth, 16)) for _ in range(3)
    )
    query = net.add("Transpose", query, (1, heads, 16, depth), perm=[0, 1, 3, 2])
    if on_query:
        query = net.add("Mul", query, value=factor)
    scores = net.add("MatMul", (query, key), (1, heads, 16, 16), batch=heads, m=16, k=depth, n=16)
    if not on_query:
        scores = net.add("Mul", scores, value=factor)
    shares = net.add("Softmax", scores, axis=3)
    shares = net.add("Transpose", shares, perm=[0, 1, 3, 2])
    mixed = net.add(
        "MatMul", (value, shares), (1, heads, depth, 16), batch=heads, m=depth, k=16, n=16
    )
    return net.classifier(net.conv(net.add("Reshape", mixed, (1, width, 4, 4)), 8, 1))


_VASWANI = "A. Vaswani et al., Attention is all you need, NIPS 2017, arXiv:1706.03762"

FUSED_LAYOUT = Rule(
    code="ARC164",
    name="layout of a fused weight",
    effect="parametrisation",
    cause="One weight makes queries, keys and values at once. Its rows lie one part after the "
    "other in one network, and interleaved by head or in another order in the other.",
    consequence="The same weight gives a different function in each network. Its shape fits both, "
    "so nothing warns. Once the rows are sorted, the functions are the same.",
    advice="Sort the rows when you convert weights between the networks.",
    references=("Oneflow-Inc/libai#146",),
    check=_fused,
    example=Example(
        networks=lambda: (_one_weight(interleaved=False), _one_weight(interleaved=True)),
        twin=lambda: (_one_weight(interleaved=True), _one_weight(interleaved=True, key="scores")),
        twin_shows="Only the name of a layer differs.",
    ),
)
ATTENTION_SCALE = Rule(
    code="ARC170",
    name="attention scale",
    effect="function",
    cause="The networks scale the scores of an attention by different numbers before the softmax, "
    "or one of them caps the scores by a hyperbolic tangent.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="The number is one over the square root of the width of a head, unless the weights were "
    "trained with another one.",
    references=(f"{_VASWANI} (section 3.2.1)",),
    check=in_order(_capped, for_layers(_scale)),
    describes=Description(_caps),
    example=Example(
        networks=lambda: (_attention(factor=0.5), _attention(factor=0.25)),
        twin=lambda: (_attention(factor=0.5), _attention(factor=0.5, on_query=True)),
        twin_shows="The queries are multiplied instead of the scores, by the same number.",
    ),
)
ATTENTION_HEADS = Rule(
    code="ARC172",
    name="attention heads",
    effect="function",
    cause="The networks divide the channels of an attention into different numbers of heads.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="Check which number of heads the weights were trained with.",
    references=(f"{_VASWANI} (section 3.2.2)",),
    check=for_layers(_heads),
    example=Example(
        networks=lambda: (_attention(heads=2), _attention(heads=4)),
        twin=lambda: (_attention(heads=2), _attention(heads=4, width=16)),
        twin_shows="All heads have 4 channels. There are more of them because the layers before "
        "are wider.",
    ),
)
