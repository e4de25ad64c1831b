"""Rules about sliding windows: strides, kernels, dilation, groups, channels, padding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zoodiff.rules.base import Rule, register
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, Undo, plural, shown, window

_CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
_POOLS = frozenset({"AveragePool", "MaxPool"})


def _strides(networks: AlignedPair) -> Iterable[Difference]:
    """Stride differences, together where they make up for each other."""
    moved = {p.a.index: p for p in networks.pairs if "strides" in p.unclaimed}
    if not moved:
        return
    off = _off_size(networks)
    for group in _connected(networks, set(moved) | off, set(moved)):
        pairs = [moved[i] for i in sorted(group & set(moved))]
        for pair in pairs:
            for key in ("strides", "pads"):
                pair.claim(key)
        # The stride was moved, not changed, where nothing of another size leaves the group.
        moved_only = len(pairs) > 1 and not any(
            i in off and any(user not in group for user, _ in networks.a.layers[i].users)
            for i in group
        )
        code = "ARC101" if moved_only else "ARC102"
        if code == "ARC101":
            yield Difference(
                code,
                _where(pairs, 0),
                _where(pairs, 1),
                tuple(p.a.index for p in pairs),
                tuple(p.b.index for p in pairs),
                Undo.ATTRIBUTES,
                ("strides", "pads"),
                "blocks",
            )
        else:
            for pair in pairs:
                one, other = (x.node.attributes["strides"] for x in (pair.a, pair.b))
                yield Difference(
                    code,
                    window(one),
                    window(other),
                    (pair.a.index,),
                    (pair.b.index,),
                    Undo.ATTRIBUTES,
                    ("strides", "pads"),
                    plural(pair.a),
                )


def _off_size(networks: AlignedPair) -> set[int]:
    """Aligned layers whose results have different height or width, relative to the input's."""
    ratios = [
        (one[2:], other[2:])
        for one, other in zip(networks.a.inputs, networks.b.inputs, strict=False)
    ]
    same_input = all(one == other for one, other in ratios)
    found = set()
    for i, j in networks.alignment.pairs:
        one = networks.a.shape(networks.a.layers[i])[2:]
        other = networks.b.shape(networks.b.layers[j])[2:]
        if len(one) != 2 or len(other) != 2 or one == other:
            continue
        if same_input or not _in_proportion(one, other, ratios[0]):
            found.add(i)
    return found


def _in_proportion(one: Any, other: Any, inputs: Any) -> bool:
    """Whether two sizes differ as the inputs do, but for rounding."""
    return all(
        abs(x * v - y * u) <= max(u, v) for x, y, u, v in zip(one, other, *inputs, strict=True)
    )


def _connected(networks: AlignedPair, members: set[int], seeds: set[int]) -> list[set[int]]:
    """Groups of layers that hang together through layers of different size.

    Two stride differences belong together where the results in between have different sizes.
    """
    parent = {i: i for i in members}

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    off = _off_size(networks)
    for i in members:
        if i in off:
            for user, _ in networks.a.layers[i].users:
                if user in members:
                    parent[root(user)] = root(i)
    groups: dict[int, set[int]] = {}
    for i in members:
        groups.setdefault(root(i), set()).add(i)
    return [group for _, group in sorted(groups.items()) if group & seeds]


def _where(pairs: list[LayerPair], side: int) -> str:
    """Which layers have the stride: "2 on the 3x3"."""
    found: list[str] = []
    for pair in pairs:
        a: Mapping[str, Any] = (pair.a if side == 0 else pair.b).node.attributes
        if max(a["strides"]) > 1:
            found.append(f"{shown(max(a['strides']))} on the {window(a['kernel_shape'])}")
    return " and ".join(dict.fromkeys(found)) or "1"


register(
    Rule(
        "ARC101",
        "stride placement",
        "function",
        "The network reduces the size of its maps in another layer of the same block. In residual "
        "networks with bottlenecks the original (v1) has stride 2 on the first 1x1 convolution, "
        "later ones (v1.5) on the 3x3.",
        "Feature maps in between have other sizes, so MACs and accuracy differ (v1.5 gains about "
        "half a point of top-1 for 12 % more MACs), while parameters are equal. Weights trained "
        "for one give wrong results in the other, without any error.",
        "Take weights and graph from one source. When porting weights, move the stride.",
        networks=_strides,
    )
)
register(
    Rule(
        "ARC102",
        "stride",
        "function",
        "A layer moves its window by another step.",
        "All later maps have another size; the same weights give another function.",
        "Check which of the two the weights were trained with.",
    )
)


def _kernel(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op in _CONVOLUTIONS and (found := pair.claim("kernel_shape")):
        pair.claim("pads")
        yield pair.difference("ARC103", window(found[0]), window(found[1]), "kernel_shape", "pads")


register(
    Rule(
        "ARC103",
        "kernel size",
        "function",
        "A convolution has another window. GoogLeNet's 5x5 branch, for one, is a 3x3 in some zoos.",
        "Weights of one do not fit the other; parameters and MACs differ.",
        "These are two networks under one name: do not compare their accuracies as one.",
        pair=_kernel,
    )
)


def _dilation(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if found := pair.claim("dilations"):
        pair.claim("pads")
        yield pair.difference(
            "ARC104", window(found[0] or [1]), window(found[1] or [1]), "dilations", "pads"
        )


register(
    Rule(
        "ARC104",
        "dilation",
        "function",
        "A convolution reads its inputs with gaps of another width.",
        "Weights fit both, but the function differs.",
        "Networks with dilation usually come from segmentation: take the classification variant.",
        pair=_dilation,
    )
)


def _group(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    found = pair.claim("group")
    if found is None:
        return
    if _depthwise(pair, 0, networks) and _depthwise(pair, 1, networks):
        return  # as many groups as channels, which the rule of channels names
    yield pair.difference("ARC105", found[0], found[1], "group")


def _depthwise(pair: LayerPair, side: int, networks: AlignedPair) -> bool:
    layer, graph = (pair.a, networks.a) if side == 0 else (pair.b, networks.b)
    data = graph.graph.tensors.get(layer.node.inputs[0]) if layer.node.inputs else None
    group = layer.node.attributes.get("group", 1)
    return data is not None and len(data.shape) > 1 and group == data.shape[1] != 1


register(
    Rule(
        "ARC105",
        "groups",
        "function",
        "A convolution divides its channels into another number of groups. AlexNet of 2012 has "
        "two, because it was trained on two GPUs; later ones have none.",
        "Parameters and MACs differ; weights do not fit.",
        "Two networks under one name: choose by the claim that you rely on.",
        pair=_group,
    )
)


def _channels(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op in _CONVOLUTIONS and (found := pair.claim("out_channels")):
        if _depthwise(pair, 0, networks) and _depthwise(pair, 1, networks):
            sources = [_channels_in(pair, side, networks) for side in (0, 1)]
            if sources[0] != sources[1] and found[0] * sources[1] == found[1] * sources[0]:
                return  # follows from the layer before
        yield pair.difference("ARC106", found[0], found[1], "out_channels")
    elif pair.a.op == "Gemm" and (found := pair.claim("out_features")):
        yield pair.difference("ARC106", found[0], found[1], "out_features")


def _channels_in(pair: LayerPair, side: int, networks: AlignedPair) -> int:
    layer, graph = (pair.a, networks.a) if side == 0 else (pair.b, networks.b)
    return graph.graph.tensors[layer.node.inputs[0]].shape[1]


register(
    Rule(
        "ARC106",
        "channels",
        "function",
        "A layer has another number of outputs: another width of the network, or another rounding "
        "of a width multiplier.",
        "Parameters and MACs differ; weights do not fit.",
        "Two networks under one name: choose by the claim that you rely on.",
        pair=_channels,
    )
)


def _padding(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if "pads" not in pair.unclaimed:
        return
    left, right = pair.unclaimed["pads"]
    one, other = networks.sizes(pair)
    if one != other and all(abs(x - y) <= 1 for x, y in zip(left, right, strict=False)):
        pair.claim("pads")  # both follow from the size of the map, which differs for a reason named
        return
    pair.claim("pads")
    code = "ARC107" if pair.a.op in _CONVOLUTIONS else "ARC133"
    if code == "ARC133":
        pair.claim("ceil_mode")
    yield pair.difference(code, sides(left), sides(right), "pads", "ceil_mode")


def sides(pads: Any) -> str:
    """Pads as they take effect: top+bottom by left+right, or one number for all."""
    if pads is None:
        return "none"
    if len(set(pads)) == 1:
        return str(pads[0]) if pads[0] else "none"
    if len(pads) == 4:
        top, left, bottom, right = pads
        if (top, bottom) == (left, right):
            return f"{top} before, {bottom} after"
        return f"top {top}, left {left}, bottom {bottom}, right {right}"
    return shown(pads)


register(
    Rule(
        "ARC107",
        "padding",
        "function",
        "A convolution is padded on other sides. TensorFlow's SAME puts the odd element at the "
        "end, PyTorch's symmetric padding has it at the beginning; both give equal shapes. The "
        "padding shown is the part that is really read at this input size.",
        "Feature maps are shifted by one element; with weights of the other framework top-1 "
        "falls by a fraction of a point up to several, without any error.",
        "When porting weights between frameworks, pad explicitly as the original does.",
        pair=_padding,
    )
)
register(
    Rule(
        "ARC133",
        "pooling padding",
        "function",
        "A pool is padded on other sides, or rounds its number of windows up (ceil mode), which "
        "shows as padding at the end. Padding of a maximum pool counts as minus infinity.",
        "Maps are shifted, or have one more row and column.",
        "Pad explicitly as the original does.",
    )
)


def _pool_window(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op in _POOLS and (found := pair.claim("kernel_shape")):
        pair.claim("pads")
        yield pair.difference("ARC132", window(found[0]), window(found[1]), "kernel_shape", "pads")


register(
    Rule(
        "ARC132",
        "pooling window",
        "function",
        "A pool takes its maximum or mean over another window.",
        "The function differs; weights fit both.",
        "Check which of the two the weights were trained with.",
        pair=_pool_window,
    )
)


def _counting(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if found := pair.claim("count_include_pad"):
        yield pair.difference(
            "ARC134",
            "counted" if found[0] else "not counted",
            "counted" if found[1] else "not counted",
            "count_include_pad",
        )


register(
    Rule(
        "ARC134",
        "counting of padding",
        "function",
        "An average pool divides by the size of its window, or by the number of elements in it "
        "that are no padding. PyTorch counts padding by default, TensorFlow never does.",
        "Values at the border differ.",
        "Set count_include_pad as the original has it.",
        pair=_counting,
    )
)
