"""The order in which a map is read: shuffled channels, blocks, rows and columns (ARC167)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.passes.reshaping.movements import Movement
from zoodiff.rules.context import AlignedPair, Aspect, Difference, Undo, in_order
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.regions import for_regions
from zoodiff.rules.rule import Description, Example, Rule
from zoodiff.rules.wording import listed

_CODE = "ARC167"
_MOVING = frozenset({"Reshape", "Transpose"})
_KEYS = ("perm", "shape")


def _known(graph: LayerGraph, layers: Sequence[Layer]) -> bool:
    """Whether layers only move the elements of a map, in an order that has a name."""
    moving = bool(layers) and all(layer.op in _MOVING for layer in layers)
    return moving and bool(_meaning(graph, layers[0]))


def _row(graph: LayerGraph, layer: Layer) -> list[Layer]:
    """All movements in a row of which a layer is one."""
    row = [layer]
    while before := _alone(graph, row[0].inputs):
        if len(before.users) != 1 or before.index in graph.outputs:
            break
        row.insert(0, before)
    while len(row[-1].users) == 1 and row[-1].index not in graph.outputs:
        behind = _alone(graph, [user for user, _ in row[-1].users])
        if behind is None:
            break
        row.append(behind)
    return row


def _alone(graph: LayerGraph, indices: Sequence[int]) -> Layer | None:
    """The only layer of these, if it moves elements."""
    if len(indices) != 1 or indices[0] < 0:
        return None
    layer = graph.layers[indices[0]]
    return layer if layer.op in _MOVING else None


def _meaning(graph: LayerGraph, layer: Layer) -> str:
    """What the movements in a row do to a map, in words; empty where that has no name."""
    row = _row(graph, layer)
    if not row[0].node.inputs:  # what it moves is stored
        return ""
    shapes = {name: tensor.shape for name, tensor in graph.graph.tensors.items()}
    movement: Movement | None = Movement.start("", shapes[row[0].node.inputs[0]])
    for step in row:
        movement = movement and movement.reshaped(shapes[step.node.inputs[0]])
        if movement is None:
            return ""
        perm = step.node.attributes.get("perm")
        if isinstance(perm, list):
            movement = movement.transposed([int(axis) for axis in perm])
        else:
            movement = movement.reshaped(shapes[step.node.outputs[0]])
    return _named(movement) if movement is not None else ""


def _named(movement: Movement) -> str:
    """The movement of a map of channels, rows and columns, in words."""
    base = [axis for axis in movement.base if axis]
    target = [axis for axis in movement.target if axis]
    if len(base) != 3:
        return ""
    channels, rows, columns = base
    order, extents = [factor for axis in target for factor in axis], movement.extents
    if order == [*channels, *columns, *rows]:
        joined = [*columns, *rows] in target
        return "tokens read by columns" if joined else "rows and columns exchanged"
    if len(channels) == 2 and order == [*channels[::-1], *rows, *columns]:
        return f"channel shuffle of {extents[channels[0]]} groups"
    if len(channels) == 3 and len(rows) == len(columns) == 1:
        return _depth_to_space(channels, rows[0], columns[0], order, extents)
    if len(channels) == 1 and len(rows) == len(columns) == 2:
        return _space_to_depth(channels[0], rows, columns, order, extents)
    return ""


def _depth_to_space(
    channels: Sequence[int],
    row: int,
    column: int,
    order: Sequence[int],
    extents: dict[int, int],
) -> str:
    first, second, third = channels
    forms = {
        "channel, row, column (CRD)": ([first, row, second, column, third], second),
        "row, column, channel (DCR)": ([third, row, first, column, second], first),
        "channel, column, row": ([first, row, third, column, second], second),
        "column, row, channel": ([third, row, second, column, first], first),
    }
    for words, (wanted, block) in forms.items():
        if order == wanted:
            return f"depth to space, blocks of {extents[block]}, from {words}"
    return ""


def _space_to_depth(
    channel: int,
    rows: Sequence[int],
    columns: Sequence[int],
    order: Sequence[int],
    extents: dict[int, int],
) -> str:
    (top, row), (left, column) = rows, columns
    forms = {
        "row, column, channel (DCR)": [row, column, channel, top, left],
        "channel, row, column (CRD)": [channel, row, column, top, left],
        "column, row, channel": [column, row, channel, top, left],
        "channel, column, row": [channel, column, row, top, left],
    }
    for words, wanted in forms.items():
        if order == wanted:
            return f"space to depth, blocks of {extents[row]}, to {words}"
    return ""


def _regions(networks: AlignedPair) -> Iterable[Difference]:
    """Movements that only one network has, or other ones in the same place."""
    for difference in for_regions(_CODE)(networks):
        sides = ((networks.a, difference.a), (networks.b, difference.b))
        left, right = (_side(graph, indices) for graph, indices in sides)
        yield Difference(_CODE, left, right, difference.a, difference.b, noun="places")


def _side(graph: LayerGraph, indices: Sequence[int]) -> str:
    layers = [graph.layers[i] for i in indices]
    words = list(dict.fromkeys(_meaning(graph, layer) for layer in layers))
    return ", ".join(words) if words and all(words) else listed(layers)


def _others(networks: AlignedPair) -> Iterable[Difference]:
    """Aligned movements that differ."""
    for pair in networks.layers:
        if not {pair.a.op, pair.b.op} <= _MOVING or not set(_KEYS) & set(pair.unclaimed):
            continue
        left, right = _meaning(networks.a, pair.a), _meaning(networks.b, pair.b)
        if not left or not right or left == right:
            continue
        rows = [
            {layer.index for layer in _row(graph, layer)}
            for graph, layer in ((networks.a, pair.a), (networks.b, pair.b))
        ]
        moved = [
            each
            for each in networks.layers
            if each.a.index in rows[0] and each.b.index in rows[1] and each.claim(*_KEYS)
        ]
        a, b = tuple(each.a.index for each in moved), tuple(each.b.index for each in moved)
        yield Difference(_CODE, left, right, a, b, Undo.ATTRIBUTES, _KEYS, "places")


def _broadcasts(networks: AlignedPair) -> Iterable[Difference]:
    """Operands that are repeated along other axes."""
    for pair in networks.layers:
        if axes := pair.claim(Aspect.BROADCAST):
            left, right = (_along(side) for side in axes)
            yield pair.difference(
                _CODE, left, right, Aspect.BROADCAST, noun="places", undo=Undo.NOTHING
            )


def _along(operands: Sequence[Sequence[int]]) -> str:
    """Along which axes of the result the operands lie, in words."""
    words = [f"({', '.join(map(str, axes))})" for axes in operands if axes]
    return f"operands along axes {' and '.join(words)}" if words else "operands of the whole shape"


def _moved(perm: Sequence[int] | None, divided: tuple[int, ...] = (1, 2, 4, 4, 4)) -> Graph:
    """A network that moves the elements of a map between two convolutions."""
    net = TinyNetwork(size=4)
    x = net.add("Relu", net.conv("image", 8))
    if perm is not None:
        shape = tuple(divided[axis] for axis in perm)
        x = net.add("Transpose", net.add("Reshape", x, divided), shape, perm=list(perm))
        x = net.add("Reshape", x, (1, 8, 4, 4))
    return net.classifier(net.conv(x, 8))


ORDER_OF_ELEMENTS = Rule(
    code=_CODE,
    name="order of elements",
    effect="function",
    cause="The networks read a map in different orders: channels are shuffled or not, blocks of "
    "pixels are made of channels in another order (DepthToSpace with CRD or DCR), tokens are read "
    "by columns instead of rows.",
    consequence="The same numbers arrive at other places. Outputs differ, and weights fit both "
    "networks, so nothing warns.",
    advice="Use the order of the network that the weights were trained with, or put the weights "
    "behind the movement into the other order.",
    references=(
        "ONNX operator DepthToSpace, https://onnx.ai/onnx/operators/onnx__DepthToSpace.html",
        "X. Zhang et al., ShuffleNet, CVPR 2018, arXiv:1707.01083",
    ),
    check=in_order(_others, _broadcasts, _regions),
    describes=Description(_known),
    after=("ARC127", "ARC150", "ARC151"),
    example=Example(
        networks=lambda: (_moved(None), _moved((0, 2, 1, 3, 4))),
        twin=lambda: (_moved(None), _moved((0, 1, 2, 3, 4))),
        twin_shows="The elements stay in their order, however the map is divided.",
    ),
)
