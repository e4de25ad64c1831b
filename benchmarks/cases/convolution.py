"""Convolutions: stride, padding, kernel, dilation, groups, channels, biases."""

from __future__ import annotations

import numpy as np
from benchmarks.cases.drawing import Drawing, weights
from benchmarks.cases.registry import drawn


@drawn(
    "the first block after a removed stride is dilated or not",
    thread="facebookresearch/detectron2#2598",
    reports=("N001",),
    same=False,
    cause=("ARC104", "dilation"),
    places=("layer2.conv",),
)
def dilation_of_the_first_block(net: Drawing, second: bool) -> None:
    rate = 2 if second else 1
    x = net.block(net.image(), (3, 8), "layer1")
    x = net.block(x, (8, 8), "layer2", dilations=[rate, rate], pads=[rate] * 4)
    net.classify(net.block(x, (8, 8), "layer3", dilations=[2, 2], pads=[2] * 4), 8)


def _bottleneck(net: Drawing, x: str, name: str, strides: tuple[int, int]) -> str:
    y = net.block(x, (16, 8), f"{name}.1", kernel=1, strides=[strides[0]] * 2)
    y = net.block(y, (8, 8), f"{name}.2", strides=[strides[1]] * 2)
    y = net.norm(net.conv(y, (8, 16), f"{name}.3.conv", kernel=1), 16, f"{name}.3.bn")
    if max(strides) > 1:
        x = net.conv(x, (16, 16), f"{name}.shortcut", kernel=1, strides=[2, 2])
    return net.relu(net.op("Add", y, x, name=f"{name}.add"), f"{name}.relu")


@drawn(
    "a bottleneck's stride is on the 3x3 (v1.5) or on the first 1x1 (v1)",
    thread="pytorch/vision#1266",
    reports=("Z060", "Z061", "Z062", "Z063", "Z064"),
    same=False,
    cause=("ARC101",),
    places=("layer2.1.conv", "layer2.2.conv"),
)
def stride_placement(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 16), "stem")
    x = _bottleneck(net, x, "layer1", (1, 1))
    net.classify(_bottleneck(net, x, "layer2", (2, 1) if second else (1, 2)), 16)


@drawn(
    "slim's ResNet has the stride in the last block of a stage",
    thread="tensorflow/models#2130",
    reports=("Z065",),
    same=False,
    cause=("ARC101", "ARC102", "stride"),
    also=("ARC161",),
    places=("block2.2.conv", "block3.2.conv"),
)
def stride_of_the_last_block(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 16), "stem")
    for i, stride in enumerate((1, 2, 1) if second else (1, 1, 2), 1):
        x = _bottleneck(net, x, f"block{i}", (1, stride))
    net.classify(x, 16)


@drawn(
    "the 5x5 branch of GoogLeNet is a 3x3",
    thread="pytorch/vision#906",
    reports=("Z067",),
    same=False,
    cause=("ARC103",),
    places=("branch3.conv",),
)
def kernel_of_a_branch(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "stem")
    branches = [
        net.block(x, (8, 8), "branch1", kernel=1),
        net.block(x, (8, 8), "branch2"),
        net.block(x, (8, 8), "branch3", kernel=3 if second else 5),
    ]
    net.classify(net.op("Concat", *branches, name="concat", axis=1), 24)


@drawn(
    "InceptionV3's branch is a 5x5, or two 3x3 as in the paper",
    thread="pytorch/vision#798",
    reports=("Z068",),
    same=False,
    cause=("ARC103", "ARC190"),
    places=("branch2b.conv",),
)
def two_small_kernels(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "stem")
    y = net.block(x, (8, 8), "branch2a", kernel=1)
    y = net.block(y, (8, 8), "branch2b", kernel=3 if second else 5)
    if second:
        y = net.block(y, (8, 8), "branch2c")
    net.classify(net.op("Concat", net.block(x, (8, 8), "branch1"), y, axis=1), 16)


@drawn(
    "AlexNet of 2012 (two groups) and of 2014 (one)",
    thread="pytorch/vision#185",
    reports=("Z069",),
    same=False,
    cause=("ARC105",),
    places=("conv2",),
)
def groups_of_alexnet(net: Drawing, second: bool) -> None:
    x = net.relu(net.conv(net.image(), (3, 8), "conv1", kernel=5, strides=[2, 2]))
    x = net.relu(net.conv(x, (8, 16), "conv2", group=1 if second else 2))
    net.classify(net.relu(net.conv(x, (16, 16), "conv3")), 16)


@drawn(
    "AlexNet of 2012 (96 filters) and of 2014 (64)",
    thread="pytorch/vision#185",
    reports=("Z069",),
    same=False,
    cause=("ARC106",),
    places=("conv1",),
)
def filters_of_alexnet(net: Drawing, second: bool) -> None:
    filters = 8 if second else 12
    x = net.relu(net.conv(net.image(), (3, filters), "conv1", kernel=5, strides=[2, 2]))
    net.classify(net.relu(net.conv(x, (filters, 16), "conv2")), 16)


@drawn(
    "the stem is not scaled by the width multiplier",
    thread="pytorch/vision#1163",
    reports=("Z071",),
    same=False,
    cause=("ARC106",),
    places=("stem.conv",),
)
def width_of_the_stem(net: Drawing, second: bool) -> None:
    width = 8 if second else 16
    x = net.block(net.image(), (3, width), "stem")
    x = net.block(x, (width, width), "depthwise", group=width)
    net.classify(net.block(x, (width, 16), "point", kernel=1), 16)


@drawn(
    "one more ReLU behind a projection",
    thread="pytorch/vision#1163",
    reports=("Z071",),
    same=False,
    cause=("ARC130", "ARC190"),
    places=("extra",),
)
def one_more_relu(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "stem")
    x = net.norm(net.conv(x, (8, 8), "project", kernel=1, bias=False), 8, "project.bn")
    if second:
        x = net.relu(x, "extra")
    net.classify(net.block(x, (8, 16), "expand", kernel=1), 16)


@drawn(
    "3x3 at stride 2 padded at one end (SAME) or at both",
    thread="keras-team/keras#16363",
    reports=("Z072",),
    same=False,
    cause=("ARC107",),
    places=("layer2.conv",),
)
def padding_of_same(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    pads = [0, 0, 1, 1] if second else [1, 1, 1, 1]
    net.classify(net.block(x, (8, 16), "layer2", strides=[2, 2], pads=pads), 16)


@drawn(
    "7x7 at stride 2 padded by (2, 3) or by (3, 3)",
    thread="taehoonlee/tensornets#25",
    reports=("Z073",),
    same=False,
    cause=("ARC107",),
    places=("stem.conv",),
)
def padding_of_the_stem(net: Drawing, second: bool) -> None:
    pads = [2, 2, 3, 3] if second else [3, 3, 3, 3]
    x = net.block(net.image("N", 3, 32, 32), (3, 8), "stem", kernel=7, strides=[2, 2], pads=pads)
    net.classify(net.block(x, (8, 8), "layer1"), 8)


def _mobile(net: Drawing, pads: list[int]) -> None:
    x = net.block(net.image(), (3, 8), "stem", strides=[2, 2], pads=pads)
    x = net.block(x, (8, 16), "expand", kernel=1)
    x = net.block(x, (16, 16), "depthwise", group=16, strides=[2, 2], pads=pads)
    net.classify(net.block(x, (16, 16), "project", kernel=1), 16)


@drawn(
    "SAME of one backend and of another in every stride-2 convolution",
    thread="keras-team/keras-applications#27",
    reports=("Z074", "Z075"),
    same=False,
    cause=("ARC107",),
    places=("stem.conv", "depthwise.conv"),
)
def padding_of_backends(net: Drawing, second: bool) -> None:
    _mobile(net, [1, 1, 1, 1] if second else [0, 0, 1, 1])


@drawn(
    "SAME_UPPER and SAME_LOWER",
    thread="onnx/onnxmltools PR #94",
    reports=("N008",),
    same=False,
    cause=("ARC107",),
    places=("layer2.conv",),
)
def auto_pad_side(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    side = "SAME_LOWER" if second else "SAME_UPPER"
    net.classify(net.block(x, (8, 16), "layer2", strides=[2, 2], auto_pad=side), 16)


@drawn(
    "SAME_UPPER resolved to kernel // 2 at both ends",
    thread="root-project/root PR #21793",
    reports=("N008",),
    same=False,
    cause=("ARC107",),
    places=("layer2.conv",),
)
def auto_pad_resolved_wrongly(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    pads = {"pads": [1, 1, 1, 1]} if second else {"auto_pad": "SAME_UPPER"}
    net.classify(net.block(x, (8, 16), "layer2", strides=[2, 2], **pads), 16)


@drawn(
    "SAME_UPPER and the same padding written out",
    thread="root-project/root PR #21793",
    reports=("N008",),
    same=True,
    cause=(),
)
def auto_pad_resolved_rightly(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    pads = {"pads": [0, 0, 1, 1]} if second else {"auto_pad": "SAME_UPPER"}
    net.classify(net.block(x, (8, 16), "layer2", strides=[2, 2], **pads), 16)


@drawn(
    "SAME as a Pad in front of the convolution (timm's tf_ networks)",
    thread="huggingface/pytorch-image-models#248",
    reports=("Z076",),
    same=True,
    cause=(),
)
def padding_by_a_layer(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    pads = [0, 0, 1, 1]
    if second:
        x = net.op("Pad", x, net.integers(0, 0, 0, 0, 0, 0, 1, 1), net.constant(0.0), name="pad")
        pads = [0, 0, 0, 0]
    net.classify(net.block(x, (8, 16), "layer2", strides=[2, 2], pads=pads), 16)


@drawn(
    "MobileNet is padded twice",
    thread="keras-team/keras-applications#8",
    reports=("Z028",),
    same=False,
    cause=("ARC107",),
    places=("layer2.conv",),
)
def padded_twice(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    if second:
        x = net.op("Pad", x, net.integers(0, 0, 1, 1, 0, 0, 1, 1), net.constant(0.0), name="pad")
    net.classify(net.block(x, (8, 16), "layer2", strides=[2, 2], pads=[0, 0, 1, 1]), 16)


def _biased(net: Drawing, bias: bool, scale: float) -> None:
    x = net.conv(net.image(), (3, 8), "conv1", bias=bias)
    if bias:
        net.constant(weights("conv1.bias", 8, scale=scale), "conv1.bias")
    net.classify(net.relu(net.norm(x, 8, "bn1")), 8)


@drawn(
    "biases in front of batch norms, not zero",
    thread="jax-ml/jax#3203",
    reports=("Z066", "Z081"),
    same=False,
    cause=("ARC110",),
    places=("conv1",),
)
def bias_before_a_norm(net: Drawing, second: bool) -> None:
    _biased(net, second, 0.5)


@drawn(
    "biases in front of batch norms, all zero",
    thread="jax-ml/jax#3203",
    reports=("Z066", "Z081"),
    same=True,
    cause=("ARC110", "zero bias"),
    places=("conv1",),
)
def zero_bias_before_a_norm(net: Drawing, second: bool) -> None:
    _biased(net, second, 0.0)


@drawn(
    "biases in front of batch norms, absorbed by their means",
    thread="keras-team/keras#16363",
    reports=("Z072",),
    same=True,
    cause=("ARC110",),
    places=("conv1",),
)
def bias_absorbed_by_a_norm(net: Drawing, second: bool) -> None:
    _biased(net, second, 0.5)
    if second:
        net.constants["bn1.mean"] = np.asarray(
            net.constants["bn1.mean"] + net.constants["conv1.bias"]
        )
