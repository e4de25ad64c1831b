"""Groups of operators that several rules speak about, and properties of layers."""

from __future__ import annotations

from collections.abc import Sequence

from zoodiff.graph.layers import Item, Layer, LayerGraph
from zoodiff.rules.context import AlignedPair, Aspect, LayerPair, Region

CONVOLUTIONS = frozenset({"Conv", "ConvTranspose"})
POOLS = frozenset({"AveragePool", "MaxPool"})
NORMS = frozenset(
    {
        "BatchNormalization",
        "GroupNormalization",
        "InstanceNormalization",
        "LRN",
        "LayerNormalization",
        "RMSNormalization",
    }
)


def depthwise(graph: LayerGraph, layer: Layer) -> bool:
    """Whether a layer has as many groups as channels come in."""
    data = graph.graph.tensors.get(layer.node.inputs[0]) if layer.node.inputs else None
    group = layer.node.attributes.get("group", 1)
    return data is not None and len(data.shape) > 1 and group == data.shape[1] != 1


def channels_in(graph: LayerGraph, layer: Layer) -> int:
    """How many channels come into a layer."""
    return graph.graph.tensors[layer.node.inputs[0]].shape[1]


def size_in(graph: LayerGraph, layer: Layer) -> tuple[int, ...]:
    """Height and width of the map that comes into a layer; empty where no map does."""
    if not layer.node.inputs:
        return ()
    tensor = graph.graph.tensors.get(layer.node.inputs[0])
    return tensor.shape[2:] if tensor is not None and len(tensor.shape) == 4 else ()


def absorbs_scales(pair: LayerPair) -> bool:
    """Whether two chains without a norm differ by scales only, which the weights before absorb."""
    left, right = pair.unclaimed[Aspect.TERMS]
    shifts = [bool({("bias",), ("shift",)} & set(chain)) for chain in (left, right)]
    return shifts[0] == shifts[1] and not (pair.a.affine or pair.b.affine)


def may_be_folded(pair: LayerPair) -> bool:
    """Whether the chain without a batch norm has a bias, into which one may have been folded."""
    bare = next(chain for chain in pair.unclaimed[Aspect.NORM] if not _has_norm(chain))
    return ("bias",) in bare or ("shift",) in bare


def replacing_norm(pair: LayerPair, networks: AlignedPair) -> Region | None:
    """The norm behind a layer of one network where the other's has a batch norm; None without."""
    if Aspect.NORM not in pair.unclaimed:
        return None
    without = next(
        side for side, chain in enumerate(pair.unclaimed[Aspect.NORM]) if not _has_norm(chain)
    )
    layer = pair.b if without else pair.a
    users = {user for user, _ in layer.users}
    graph = networks.b if without else networks.a
    for region in networks.regions.get("ARC122", ()):
        own, across = (region.b, region.a) if without else (region.a, region.b)
        alone = len(own) == 1 and not across and users == set(own)
        if alone and graph.layers[own[0]].op in NORMS:
            return region
    return None


def _has_norm(chain: Sequence[Item]) -> bool:
    return any(item[0] == "norm" for item in chain)
