"""Attention: the scale of its scores (ARC170), and its number of heads (ARC172)."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph.ir import Graph
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, for_layers
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule


def _scale(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op == "MatMul" and (factors := pair.claim("scale")):
        left, right = (1.0 if factor is None else factor for factor in factors)
        yield pair.difference("ARC170", left, right, "scale")


def _heads(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op != "MatMul" or not {"batch", "k"} <= set(pair.unclaimed):
        return
    heads, widths = pair.unclaimed["batch"], pair.unclaimed["k"]
    rows = [pair.unclaimed.get(key, (0, 0)) for key in ("m", "n")]
    same_rows = all(left == right for left, right in rows)
    if same_rows and heads[0] * widths[0] == heads[1] * widths[1]:
        pair.claim("batch", "k")
        left, right = (f"{width} channels a head" for width in widths)
        yield pair.difference("ARC172", left, right, "batch", "k")


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

ATTENTION_SCALE = Rule(
    code="ARC170",
    name="attention scale",
    effect="function",
    cause="The scores of an attention are multiplied by another number before the softmax.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="The number is one over the square root of the width of a head, unless the weights were "
    "trained with another one.",
    references=(f"{_VASWANI} (section 3.2.1)",),
    check=for_layers(_scale),
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
    cause="An attention divides its channels into another number of heads.",
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
