"""Poolings: padding, counting, rounding, frozen sizes."""

from __future__ import annotations

from typing import Any

from benchmarks.cases.drawing import Drawing
from benchmarks.cases.registry import drawn


def _pooled(net: Drawing, kind: str, *, positive: bool = True, **settings: Any) -> None:
    x = net.conv(net.image(), (3, 8), "conv1")
    if positive:
        x = net.relu(x)
    x = net.op(kind, x, name="pool", **settings)
    net.classify(net.block(x, (8, 8), "layer1"), 8)


@drawn(
    "padding counted in an average or not",
    thread="VeriSilicon/TIM-VX#423",
    reports=("N003",),
    same=False,
    cause=("ARC134",),
    places=("pool",),
)
def counting_of_padding(net: Drawing, second: bool) -> None:
    window: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1] * 4}
    _pooled(net, "AveragePool", **window, count_include_pad=int(not second))


@drawn(
    "the size of a pooled map rounded up or down",
    thread="onnx/onnx#4958",
    reports=("N004",),
    same=False,
    cause=("ARC132", "ARC133", "ceil", "rounding"),
    places=("pool",),
)
def rounding_of_the_pooled_size(net: Drawing, second: bool) -> None:
    _pooled(net, "MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=int(second))


@drawn(
    "no padding in front of the first max pool",
    thread="keras-team/keras-applications#8",
    reports=("Z028",),
    same=False,
    cause=("ARC133",),
    places=("pool",),
)
def padding_of_the_first_pool(net: Drawing, second: bool) -> None:
    pads = [0] * 4 if second else [1] * 4
    _pooled(net, "MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=pads)


def _zero_padded(net: Drawing, second: bool, positive: bool) -> None:
    x = net.conv(net.image(), (3, 8), "conv1")
    if positive:
        x = net.relu(x)
    pads = [1] * 4
    if second:
        ends = net.integers(0, 0, 1, 1, 0, 0, 1, 1)
        x, pads = net.op("Pad", x, ends, net.constant(0.0), name="pad"), [0] * 4
    x = net.op("MaxPool", x, name="pool", kernel_shape=[3, 3], strides=[2, 2], pads=pads)
    net.classify(net.block(x, (8, 8), "layer1"), 8)


@drawn(
    "zeros in front of a max pool, behind a ReLU",
    thread="onnx/onnx-mlir PR #20",
    same=True,
    cause=(),
)
def zeros_before_a_max_pool(net: Drawing, second: bool) -> None:
    _zero_padded(net, second, positive=True)


@drawn(
    "zeros in front of a max pool, behind a convolution",
    thread="onnx/onnx-mlir PR #20",
    same=False,
    cause=("ARC133", "padding"),
    places=("pad|pool",),
)
def zeros_that_win_a_max_pool(net: Drawing, second: bool) -> None:
    _zero_padded(net, second, positive=False)


@drawn(
    "a global pooling frozen to the traced size",
    thread="pytorch/pytorch#39323",
    reports=("N006",),
    same=True,
    cause=("16x16",),
    shape=(1, 3, 16, 16),
    note="the same at 16x16 only, which must be said",
)
def pooling_frozen_to_a_size(net: Drawing, second: bool) -> None:
    x = net.block(net.image("N", 3, "H", "W"), (3, 8), "layer1")
    if second:
        x = net.op("AveragePool", x, name="avgpool", kernel_shape=[16, 16])
    else:
        x = net.op("GlobalAveragePool", x, name="avgpool")
    net.output(net.linear(net.op("Flatten", x, axis=1), (8, 10), "fc"))


@drawn(
    "average for max",
    thread="own",
    same=False,
    cause=("ARC131",),
    places=("pool",),
)
def average_for_max(net: Drawing, second: bool) -> None:
    kind = "AveragePool" if second else "MaxPool"
    _pooled(net, kind, kernel_shape=[2, 2], strides=[2, 2])


@drawn(
    "a global average written as a mean over two axes",
    thread="own",
    same=True,
    cause=(),
)
def global_average_as_a_mean(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    if second:
        x = net.op("ReduceMean", x, name="avgpool", axes=[2, 3], keepdims=0)
    else:
        x = net.op("Flatten", net.op("GlobalAveragePool", x, name="avgpool"), axis=1)
    net.output(net.linear(x, (8, 10), "fc"))
