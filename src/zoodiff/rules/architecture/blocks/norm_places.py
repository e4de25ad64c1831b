"""Norms before each block of a transformer, or behind each addition (ARC176)."""

from __future__ import annotations

from collections.abc import Iterable

from zoodiff.graph import norm_places
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.rules.context import AlignedPair, Difference, Undo
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule

_CODE = "ARC176"
_WORDS = {
    "before": "norm before each block (pre-norm)",
    "behind": "norm behind each addition (post-norm)",
}
_KEYS = ("axes", "axis")


def _moved(networks: AlignedPair) -> Iterable[Difference]:
    if not norm_places.moved(networks.alignment):
        return
    left, right = (
        _WORDS[norm_places.place_of(graph) or "before"] for graph in (networks.a, networks.b)
    )
    norms = set(norm_places.norms_of_blocks(networks.a))
    if not norms <= set(networks.to_b):
        return  # they are not paired in order
    wired = [
        (i, j)
        for i, j in networks.alignment.pairs
        if [networks.to_b.get(x) for x in networks.a.layers[i].inputs]
        != networks.b.layers[j].inputs
        and _near(networks, i, j, norms)
    ]
    networks.explained_inputs.update(wired)
    parts = [
        pair.difference(_CODE, left, right, *_KEYS)
        for pair in networks.layers
        if pair.a.index in norms and pair.claim(*_KEYS)
    ]
    parts += [Difference(_CODE, left, right, (i,), (j,), Undo.INPUTS) for i, j in wired]
    pairs = [(i, j) for i, j in networks.alignment.pairs if i in norms]
    yield Difference(
        _CODE,
        left,
        right,
        tuple(i for i, _ in pairs),
        tuple(j for _, j in pairs),
        Undo.INPUTS,
        noun="norms",
        parts=tuple(parts),
    )


def _near(networks: AlignedPair, i: int, j: int, norms: set[int]) -> bool:
    """Whether a layer is one of the norms, or reads one in either network."""
    others = {networks.to_b[norm] for norm in norms}
    reads = norms & set(networks.a.layers[i].inputs) or others & set(networks.b.layers[j].inputs)
    return i in norms or bool(reads)


def _blocks(*, before: bool, epsilon: float = 1e-5) -> Graph:
    """Two residual blocks of a linear layer."""
    net = TinyNetwork(size=4)
    x = net.add("Tanh", net.add("Reshape", net.conv("image", 8, 1), (1, 8, 16)))
    for number in range(2):
        y = _norm(net, x, epsilon) if before else x
        weight = Parameter("weight", (8, 8), role="weight", layout="OI")
        settings = {"in_features": 8, "out_features": 8, "bias": False, "axis": 1}
        y = net.add("Gemm", y, parameters=(weight,), name=f"block{number}", **settings)  # type: ignore[arg-type]
        x = net.add("Add", (x, net.add("Relu", y)))
        x = x if before else _norm(net, x, epsilon)
    return net.graph(net.linear(net.add("ReduceMean", x, (1, 8), axes=[2], keepdims=False), 10))


def _norm(net: TinyNetwork, x: str, epsilon: float) -> str:
    terms = [Parameter(role, (8,), role=role) for role in ("scale", "shift")]
    return net.add(
        "LayerNormalization",
        x,
        parameters=terms,
        axes=[1],
        epsilon=epsilon,
        scale=True,
        center=True,
    )


PLACE_OF_NORMS = Rule(
    code=_CODE,
    name="place of norms",
    effect="function",
    cause="One network normalises what each block reads (pre-norm), the other the sum behind each "
    "block (post-norm).",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="Check which order the weights were trained with.",
    references=(
        "R. Xiong et al., On layer normalization in the transformer architecture, ICML 2020, "
        "arXiv:2002.04745",
    ),
    check=_moved,
    example=Example(
        networks=lambda: (_blocks(before=True), _blocks(before=False)),
        twin=lambda: (_blocks(before=True), _blocks(before=True, epsilon=1e-3)),
        twin_shows="Both have their norms before each block, with another epsilon.",
    ),
)
