"""Channels and pixels moved: shuffles, joined branches, upsampling, padding by reflection."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.cases.drawing import Drawing
from benchmarks.cases.registry import drawn


def _shuffled(net: Drawing, groups: int) -> None:
    """Draw a convolution, ShuffleNet's shuffle of its channels, and another."""
    x = net.block(net.image(1, 3, 8, 8), (3, 8), "layer1")
    x = net.op("Reshape", x, net.integers(1, groups, 8 // groups, 8, 8), name="split")
    x = net.op("Transpose", x, name="shuffle", perm=[0, 2, 1, 3, 4])
    x = net.op("Reshape", x, net.integers(1, 8, 8, 8), name="join")
    net.classify(net.relu(net.conv(x, (8, 8), "layer2")), 8)


@drawn(
    "channels shuffled in two groups or in four",
    thread="own",
    same=False,
    cause=("shuffle", "groups", "ARC180"),
)
def groups_of_a_shuffle(net: Drawing, second: bool) -> None:
    _shuffled(net, 4 if second else 2)


@drawn(
    "pixels shuffled by depth first or by columns first",
    thread="own",
    same=False,
    cause=("DCR", "CRD", "depth to space", "DepthToSpace"),
    places=("shuffle",),
)
def mode_of_a_pixel_shuffle(net: Drawing, second: bool) -> None:
    x = net.block(net.image(1, 3, 8, 8), (3, 16), "layer1")
    x = net.op("DepthToSpace", x, name="shuffle", blocksize=2, mode="CRD" if second else "DCR")
    net.output(net.block(x, (4, 4), "layer2"))


@drawn(
    "a pixel shuffle as one operator or written out",
    thread="own",
    same=True,
    cause=(),
)
def pixel_shuffle_written_out(net: Drawing, second: bool) -> None:
    x = net.block(net.image(1, 3, 8, 8), (3, 16), "layer1")
    if second:
        x = net.op("Reshape", x, net.integers(1, 4, 2, 2, 8, 8))
        x = net.op("Transpose", x, name="shuffle", perm=[0, 1, 4, 2, 5, 3])
        x = net.op("Reshape", x, net.integers(1, 4, 16, 16))
    else:
        x = net.op("DepthToSpace", x, name="shuffle", blocksize=2, mode="CRD")
    net.output(net.block(x, (4, 4), "layer2"))


def _branches(net: Drawing, *, exchanged: bool, undone: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    parts = [net.relu(net.conv(x, (8, 8), f"branch{k}", kernel=k)) for k in (1, 3)]
    x = net.op("Concat", *(reversed(parts) if exchanged else parts), name="concat", axis=1)
    net.classify(net.relu(net.conv(x, (16, 8), "layer2")), 8)
    if undone:
        held = net.constants["layer2.weight"]
        net.constants["layer2.weight"] = np.concatenate([held[:, 8:], held[:, :8]], axis=1)


@drawn(
    "branches joined in the other order",
    thread="own",
    same=False,
    cause=("order", "ARC162"),
)
def order_of_branches(net: Drawing, second: bool) -> None:
    _branches(net, exchanged=second, undone=False)


@drawn(
    "branches joined in the other order, undone by the weights",
    thread="own",
    same=True,
    cause=("order", "ARC162", "permut"),
)
def order_of_branches_undone(net: Drawing, second: bool) -> None:
    _branches(net, exchanged=second, undone=second)


@drawn(
    "padded by zeros or by reflection",
    thread="own",
    same=False,
    cause=("reflect",),
    places=("pad|layer2",),
)
def padding_by_reflection(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    ends = net.integers(0, 0, 1, 1, 0, 0, 1, 1)
    mode: dict[str, Any] = {"mode": "reflect"} if second else {"mode": "constant"}
    x = net.op("Pad", x, ends, name="pad", **mode)
    net.classify(net.relu(net.conv(x, (8, 8), "layer2", pads=[0] * 4)), 8)


@drawn(
    "upsampled by a transposed convolution with output padding or without",
    thread="own",
    same=False,
    cause=("ARC107", "ARC180", "output_padding", "padding"),
    places=("up",),
)
def padding_of_a_transposed_convolution(net: Drawing, second: bool) -> None:
    x = net.block(net.image(1, 3, 8, 8), (3, 8), "layer1")
    settings: dict[str, Any] = (
        {"output_padding": [1, 1], "pads": [1] * 4} if second else {"pads": [0, 0, 1, 1]}
    )
    weight = net.weight("up.weight", 8, 4, 3, 3, scale=0.2)
    x = net.op(
        "ConvTranspose", x, weight, name="up", strides=[2, 2], kernel_shape=[3, 3], **settings
    )
    net.classify(net.relu(x), 4)


@drawn(
    "space to depth of YOLO's focus layer, in another order of corners",
    thread="own",
    same=False,
    cause=("order", "ARC180", "ARC162", "permut"),
)
def order_of_a_focus_layer(net: Drawing, second: bool) -> None:
    x = net.image(1, 3, 16, 16)
    corners = [(0, 0), (0, 1), (1, 0), (1, 1)] if second else [(0, 0), (1, 0), (0, 1), (1, 1)]
    ends, axes, steps = net.integers(16, 16), net.integers(2, 3), net.integers(2, 2)
    parts = [
        net.op("Slice", x, net.integers(*corner), ends, axes, steps, name=f"corner{i}")
        for i, corner in enumerate(corners)
    ]
    x = net.op("Concat", *parts, name="focus", axis=1)
    net.classify(net.block(x, (12, 8), "layer1"), 8)
