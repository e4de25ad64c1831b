"""Strides: moved to another layer of a block (ARC101), or another step (ARC102)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoodiff.graph.ir import Graph
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, Undo
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule
from zoodiff.rules.wording import plural, shown, window


@dataclass(frozen=True)
class _Group:
    """Layers whose strides differ and that hang together through maps of different size."""

    pairs: tuple[LayerPair, ...]
    moved: bool
    """Whether the strides make up for each other: nothing of another size leaves the group."""


def _groups(networks: AlignedPair) -> Iterator[_Group]:
    striding = {p.a.index: p for p in networks.layers if "strides" in p.unclaimed}
    if not striding:
        return
    off = _off_size(networks)
    for members in _connected(networks, set(striding) | off, off):
        pairs = tuple(striding[i] for i in sorted(members & set(striding)))
        if not pairs:
            continue
        leaves = any(
            i in off and any(user not in members for user, _ in networks.a.layers[i].users)
            for i in members
        )
        yield _Group(pairs, len(pairs) > 1 and not leaves)


def _off_size(networks: AlignedPair) -> set[int]:
    """Aligned layers whose results have different height or width, relative to the input's."""
    ratios = [
        (first[2:], second[2:])
        for first, second in zip(networks.a.inputs, networks.b.inputs, strict=False)
    ]
    same_input = all(first == second for first, second in ratios)
    off = set()
    for i, j in networks.alignment.pairs:
        first = networks.a.shape(networks.a.layers[i])[2:]
        second = networks.b.shape(networks.b.layers[j])[2:]
        if len(first) != 2 or len(second) != 2 or first == second:
            continue
        if same_input or not _in_proportion(first, second, ratios[0]):
            off.add(i)
    return off


def _in_proportion(first: Sequence[int], second: Sequence[int], inputs: Any) -> bool:
    """Whether two sizes differ as the inputs do, but for rounding."""
    return all(
        abs(x * v - y * u) <= max(u, v) for x, y, u, v in zip(first, second, *inputs, strict=True)
    )


def _connected(networks: AlignedPair, members: set[int], off: set[int]) -> list[set[int]]:
    """Groups of layers that hang together through layers of different size."""
    parent = {i: i for i in members}

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i in sorted(members & off):
        for user, _ in networks.a.layers[i].users:
            if user in members:
                parent[root(user)] = root(i)
    groups: dict[int, set[int]] = {}
    for i in sorted(members):
        groups.setdefault(root(i), set()).add(i)
    return [group for _, group in sorted(groups.items())]


def _moved(networks: AlignedPair) -> Iterable[Difference]:
    for group in _groups(networks):
        if not group.moved:
            continue
        for pair in group.pairs:
            pair.claim("strides")
            pair.claim("pads")
        left, right = (_where(group.pairs, side) for side in (0, 1))
        if left == right:  # windows of one size: which of them, then
            left, right = (_which(group.pairs, side) for side in (0, 1))
        yield Difference(
            "ARC101",
            left,
            right,
            tuple(p.a.index for p in group.pairs),
            tuple(p.b.index for p in group.pairs),
            Undo.ATTRIBUTES,
            ("strides", "pads"),
            "blocks",
        )


def _where(pairs: Sequence[LayerPair], side: int) -> str:
    """Which layers have the stride: "2 on the 3x3"."""
    places: list[str] = []
    for pair in pairs:
        a: Mapping[str, Any] = (pair.a if side == 0 else pair.b).node.attributes
        if max(a["strides"]) > 1:
            places.append(f"{shown(max(a['strides']))} on the {window(a['kernel_shape'])}")
    return " and ".join(dict.fromkeys(places)) or "1"


def _which(pairs: Sequence[LayerPair], side: int) -> str:
    """Which layers have the stride, by their order: "2 on layer 1 of 2"."""
    places: list[str] = []
    for position, pair in enumerate(pairs, start=1):
        a: Mapping[str, Any] = (pair.a if side == 0 else pair.b).node.attributes
        if max(a["strides"]) > 1:
            places.append(f"{shown(max(a['strides']))} on layer {position} of {len(pairs)}")
    return " and ".join(places) or "1"


def _changed(networks: AlignedPair) -> Iterable[Difference]:
    for group in _groups(networks):
        for pair in group.pairs:
            pair.claim("strides")
            pair.claim("pads")
            left, right = (x.node.attributes["strides"] for x in (pair.a, pair.b))
            yield pair.difference(
                "ARC102", window(left), window(right), "strides", "pads", noun=plural(pair.a)
            )


def _bottleneck(first: int, second: int) -> Graph:
    """A 1x1 and a 3x3 convolution with these strides."""
    net = TinyNetwork()
    x = net.add("Relu", net.conv("image", 4, kernel=1, stride=first))
    return net.classifier(net.add("Relu", net.conv(x, 8, kernel=3, stride=second)))


STRIDE_PLACEMENT = Rule(
    code="ARC101",
    name="stride placement",
    effect="function",
    cause="Different layers of the same block halve the size of the maps. In residual networks "
    "with bottlenecks, the original (v1) has stride 2 on the first 1x1 convolution; the later "
    "variant (v1.5) has it on the 3x3.",
    consequence="The maps between the two layers have different sizes. MACs and accuracy differ "
    "(v1.5 gains about half a point of top-1 for 12 % more MACs), but parameters do not. Weights "
    "of one network load into the other without an error and give wrong results.",
    advice="Take weights and graph from one source. When you port weights, move the stride too.",
    references=(
        "K. He et al., Deep residual learning for image recognition, CVPR 2016, arXiv:1512.03385",
        "pytorch/vision#1266",
        "google/flax#3275",
        "FluxML/Metalhead.jl#114",
    ),
    check=_moved,
    example=Example(
        networks=lambda: (_bottleneck(1, 2), _bottleneck(2, 1)),
        twin=lambda: (_bottleneck(1, 2), _bottleneck(1, 1)),
        twin_shows="No other layer makes up for the stride: it is changed, not moved.",
    ),
)
STRIDE = Rule(
    code="ARC102",
    name="stride",
    effect="function",
    cause="A layer has a different stride: the step of its window.",
    consequence="All later maps have different sizes. Weights fit both networks, but the outputs "
    "differ.",
    advice="Check which stride the weights were trained with.",
    references=(
        "ONNX operator Conv, https://onnx.ai/onnx/operators/onnx__Conv.html",
        "pytorch/vision#185",
    ),
    check=_changed,
    after=("ARC101",),
    example=Example(
        networks=lambda: (_bottleneck(1, 2), _bottleneck(1, 1)),
        twin=lambda: (_bottleneck(1, 2), _bottleneck(2, 1)),
        twin_shows="Both networks halve the map once, in another layer: the stride is moved.",
    ),
)
