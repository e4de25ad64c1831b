"""Heads: classes, their order, what is done to scores."""

from __future__ import annotations

import numpy as np
from benchmarks.cases.drawing import Drawing, weights
from benchmarks.cases.registry import drawn


def _features(net: Drawing, channels: int = 8) -> str:
    x = net.block(net.image(), (3, channels), "layer1")
    pooled = net.op("GlobalAveragePool", x, name="avgpool")
    return str(net.op("Flatten", pooled, name="flatten", axis=1))


@drawn(
    "a background class in front of the others",
    thread="mlcommons/inference#550",
    reports=("Z046", "Z047", "Z048", "Z050"),
    same=False,
    cause=("ARC141",),
    places=("fc",),
)
def background_class(net: Drawing, second: bool) -> None:
    classes = 11 if second else 10
    net.output(net.linear(_features(net), (8, classes), "fc"))
    if second:
        for name in ("fc.weight", "fc.bias"):
            rest = weights(name, *((10, 8) if "weight" in name else (10,)))
            held = np.concatenate([np.zeros_like(rest[:1]), rest])
            net.constant(held, name)


def _reordered(net: Drawing, order: list[int]) -> None:
    net.output(net.linear(_features(net), (8, len(order)), "fc"))
    for name in ("fc.weight", "fc.bias"):
        net.constants[name] = net.constants[name][order]


@drawn(
    "classes shifted by one",
    thread="tensorflow/tpu#507",
    reports=("Z049",),
    same=False,
    cause=("shift",),
    places=("fc",),
)
def classes_shifted(net: Drawing, second: bool) -> None:
    order = list(range(12))
    _reordered(net, order[1:] + order[:1] if second else order)


@drawn(
    "classes in the order of their numbers read as strings",
    thread="modestyachts/ImageNetV2#4",
    reports=("Z052",),
    same=False,
    cause=("permut", "in another order", "LAB102", "reorder", "exchanged"),
    places=("fc",),
)
def classes_sorted_as_strings(net: Drawing, second: bool) -> None:
    order = list(range(24))
    _reordered(net, sorted(order, key=str) if second else order)


@drawn(
    "classes in another order",
    thread="BVLC/caffe#4106",
    reports=("Z051", "Z053", "N053"),
    same=False,
    cause=("permut", "in another order", "LAB103", "reorder"),
    places=("fc",),
)
def classes_permuted(net: Drawing, second: bool) -> None:
    order = np.random.default_rng(7).permutation(24).tolist() if second else list(range(24))
    _reordered(net, order)


@drawn(
    "two classes exchanged",
    thread="own",
    same=False,
    cause=("exchang", "swap", "permut"),
    places=("fc",),
)
def two_classes_exchanged(net: Drawing, second: bool) -> None:
    order = list(range(12))
    if second:
        order[3], order[7] = order[7], order[3]
    _reordered(net, order)


@drawn(
    "a class whose weights are zero",
    thread="own",
    same=False,
    cause=("zero",),
    places=("fc",),
)
def class_of_zeros(net: Drawing, second: bool) -> None:
    _reordered(net, list(range(12)))
    if second:
        for name in ("fc.weight", "fc.bias"):
            held = net.constants[name].copy()
            held[5] = 0
            net.constants[name] = held


@drawn(
    "softmax inside or not",
    thread="mlcommons/inference#1739",
    reports=("Z083",),
    same=False,
    cause=("ARC140",),
    places=("softmax",),
)
def softmax_inside(net: Drawing, second: bool) -> None:
    x = net.linear(_features(net), (8, 10), "fc")
    net.output(net.op("Softmax", x, name="softmax", axis=1) if second else x)


@drawn(
    "softmax over all axes behind the given one (below opset 13), or over that axis",
    thread="apache/tvm#20183",
    same=False,
    cause=("ARC144",),
    places=("softmax",),
    opset=11,
)
def softmax_over_more_axes(net: Drawing, second: bool) -> None:
    x = net.conv(net.image(1, 3, 8, 8), (3, 8), "conv1")
    if second:
        net.opset = 13
    x = net.op("Softmax", x, name="softmax", axis=1)
    net.output(net.conv(x, (8, 4), "conv2"))


@drawn(
    "dropout in front of the linear layer or behind it, at inference",
    thread="pytorch/vision#549",
    reports=("Z070",),
    same=True,
    cause=(),
)
def place_of_dropout(net: Drawing, second: bool) -> None:
    x = _features(net)
    if not second:
        x = net.op("Dropout", x, name="dropout")
    x = net.relu(net.linear(x, (8, 16), "fc1"))
    if second:
        x = net.op("Dropout", x, name="dropout")
    net.output(net.linear(x, (16, 10), "fc2"))


@drawn(
    "an active dropout",
    thread="microsoft/onnxruntime#5549",
    reports=("N039",),
    same=False,
    cause=("ARC126",),
    places=("dropout",),
    note="random; ONNX Runtime removes it at higher levels of optimisation",
)
def active_dropout(net: Drawing, second: bool) -> None:
    ratio = net.constant(0.5)
    training = net.constant(second, kind="bool")
    x = net.op("Dropout", _features(net), ratio, training, name="dropout")
    net.output(net.linear(x, (8, 10), "fc"))


@drawn(
    "the order in which a map is flattened, undone by the weights",
    thread="microsoft/MMdnn#250",
    same=True,
    cause=("permut", "flatten"),
    places=("fc",),
)
def flattened_channels_last(net: Drawing, second: bool) -> None:
    _flattened(net, turned=second, permuted=second)


@drawn(
    "the order in which a map is flattened, not undone",
    thread="microsoft/MMdnn#250",
    same=False,
    cause=("permut", "flatten", "transpos"),
    places=("fc",),
)
def flattened_for_another_order(net: Drawing, second: bool) -> None:
    _flattened(net, turned=False, permuted=second)


def _flattened(net: Drawing, *, turned: bool, permuted: bool) -> None:
    x = net.op("MaxPool", net.block(net.image(), (3, 8), "layer1"), kernel_shape=[4, 4], name="p",
               strides=[4, 4])  # fmt: skip
    if turned:
        x = net.op("Transpose", x, perm=[0, 2, 3, 1], name="turn")
    net.output(net.linear(net.op("Flatten", x, axis=1, name="flatten"), (128, 10), "fc"))
    if permuted:
        held = net.constants["fc.weight"].reshape(10, 8, 4, 4).transpose(0, 2, 3, 1)
        net.constants["fc.weight"] = np.ascontiguousarray(held.reshape(10, 128))


@drawn(
    "sigmoid or softmax over the scores",
    thread="own",
    same=False,
    cause=("ARC140", "ARC130", "sigmoid"),
    places=("end",),
)
def sigmoid_for_softmax(net: Drawing, second: bool) -> None:
    x = net.linear(_features(net), (8, 10), "fc")
    net.output(
        net.op("Sigmoid", x, name="end") if second else net.op("Softmax", x, name="end", axis=1)
    )


@drawn(
    "scores divided by a temperature",
    thread="own",
    same=False,
    cause=("ARC140", "ARC113", "ARC142", "ARC190"),
    places=("temperature",),
)
def temperature(net: Drawing, second: bool) -> None:
    x = net.linear(_features(net), (8, 10), "fc")
    net.output(net.op("Div", x, net.constant(0.07), name="temperature") if second else x)
