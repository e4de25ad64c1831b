"""Forms: what exporters and optimisers write differently, and what only looks like it."""

from __future__ import annotations

import numpy as np
from benchmarks.cases.drawing import Array, Drawing, weights
from benchmarks.cases.registry import drawn


def _pooled(net: Drawing, x: str) -> str:
    return str(net.op("GlobalAveragePool", x, name="avgpool"))


@drawn("images enter with channels last in one file", thread="own", same=True, cause=())
def channels_last_input(net: Drawing, second: bool) -> None:
    if second:
        x = net.op("Transpose", net.image("N", 16, 16, 3), name="turn", perm=[0, 3, 1, 2])
    else:
        x = net.image()
    net.classify(net.block(net.block(x, (3, 8), "layer1"), (8, 8), "layer2"), 8)


@drawn("a linear layer or a 1x1 convolution on the pooled map", thread="own", same=True, cause=())
def linear_layer_as_a_convolution(net: Drawing, second: bool) -> None:
    x = _pooled(net, net.block(net.image(), (3, 8), "layer1"))
    held, bias = weights("fc.weight", 10, 8), weights("fc.bias", 10, scale=0.5)
    if second:
        weight = net.constant(held.reshape(10, 8, 1, 1), "fc.weight")
        x = net.op("Conv", x, weight, net.constant(bias, "fc.bias"), name="fc")
        x = net.op("Flatten", x, name="flatten", axis=1)
    else:
        x = net.op("Flatten", x, name="flatten", axis=1)
        names = net.constant(held, "fc.weight"), net.constant(bias, "fc.bias")
        x = net.op("Gemm", x, *names, name="fc", transB=1)
    net.output(x)


def _branch(name: str, channels: int, kernel: int) -> tuple[Array, Array]:
    return weights(f"{name}.weight", channels, channels, kernel, kernel), weights(
        f"{name}.bias", channels, scale=0.3
    )


@drawn(
    "RepVGG's three branches, or merged into one convolution",
    thread="own",
    same=True,
    cause=("merged", "fold", "ARC190", "ARC162", "reparametri"),
    note="a harmless difference, which may be said",
)
def branches_merged(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    (large, bias3), (small, bias1) = _branch("branch3", 8, 3), _branch("branch1", 8, 1)
    if second:
        merged = large + np.pad(small + np.eye(8).reshape(8, 8, 1, 1), [(0, 0)] * 2 + [(1, 1)] * 2)
        names = net.constant(merged, "merged.weight"), net.constant(bias3 + bias1, "merged.bias")
        x = net.op("Conv", x, *names, name="merged", pads=[1] * 4)
    else:
        three = net.constant(large, "branch3.weight"), net.constant(bias3, "branch3.bias")
        one = net.constant(small, "branch1.weight"), net.constant(bias1, "branch1.bias")
        y = net.op("Conv", x, *three, name="branch3", pads=[1] * 4)
        y = net.op("Add", y, net.op("Conv", x, *one, name="branch1"), name="add1")
        x = net.op("Add", y, x, name="add2")
    net.classify(net.relu(x), 8)


@drawn("a weight norm, or its product stored", thread="own", same=True, cause=())
def weight_norm(net: Drawing, second: bool) -> None:
    x = net.relu(net.conv(net.image(), (3, 8), "conv1"))
    direction = weights("conv2.direction", 8, 8, 3, 3)
    size = np.abs(weights("conv2.size", 8, 1, 1, 1, scale=1.0)) + 0.5
    length = np.sqrt((direction**2).sum((1, 2, 3), keepdims=True))
    if second:
        weight = net.constant(direction / length * size, "conv2.weight")
    else:
        stored = net.constant(direction, "conv2.direction")
        root = net.op("ReduceL2", stored, name="conv2.length", axes=[1, 2, 3])
        unit = net.op("Div", stored, root, name="conv2.unit")
        weight = net.op("Mul", unit, net.constant(size, "conv2.size"), name="conv2.product")
    x = net.op("Conv", x, weight, name="conv2", pads=[1] * 4, kernel_shape=[3, 3])
    net.classify(net.relu(x), 8)


def _gemm(net: Drawing, alpha: float, factor: float) -> None:
    x = net.op("Flatten", _pooled(net, net.block(net.image(), (3, 8), "layer1")), axis=1)
    weight = net.constant(weights("fc.weight", 10, 8) * factor, "fc.weight")
    bias = net.weight("fc.bias", 10, scale=0.5)
    net.output(net.op("Gemm", x, weight, bias, name="fc", transB=1, alpha=alpha))


@drawn("a factor of a Gemm, or in its weights", thread="own", same=True, cause=())
def factor_of_a_product(net: Drawing, second: bool) -> None:
    _gemm(net, 1.0 if second else 0.5, 0.5 if second else 1.0)


@drawn(
    "a factor of a Gemm in one file only",
    thread="own",
    same=False,
    cause=("factor", "alpha", "weights differ", "scale"),
    places=("fc",),
)
def factor_of_a_product_lost(net: Drawing, second: bool) -> None:
    _gemm(net, 1.0 if second else 0.5, 1.0)


@drawn("an average pooling, or a depthwise convolution", thread="own", same=True, cause=())
def average_as_a_convolution(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    if second:
        weight = net.constant(np.full((8, 1, 2, 2), 0.25), "pool.weight")
        x = net.op("Conv", x, weight, name="pool", group=8, strides=[2, 2], kernel_shape=[2, 2])
    else:
        x = net.op("AveragePool", x, name="pool", kernel_shape=[2, 2], strides=[2, 2])
    net.classify(net.block(x, (8, 8), "layer2"), 8)


@drawn("ReLU as a maximum, or as a clip without an upper bound", thread="own", same=True, cause=())
def relu_written_otherwise(net: Drawing, second: bool) -> None:
    x = net.conv(net.image(), (3, 8), "conv1")
    x = net.op("Clip", x, net.constant(0.0), name="act1") if second else net.relu(x, "act1")
    x = net.conv(x, (8, 8), "conv2")
    x = net.op("Max", x, net.constant(0.0), name="act2") if second else net.relu(x, "act2")
    net.classify(x, 8)


@drawn(
    "ReLU6 whose bounds are computed from constants",
    thread="own",
    same=False,
    cause=("ARC130",),
    places=("act",),
)
def bounds_that_are_computed(net: Drawing, second: bool) -> None:
    x = net.op("Mul", net.conv(net.image(), (3, 8), "conv1"), net.constant(4.0), name="large")
    if second:
        upper = net.op("Mul", net.constant(2.0), net.constant(3.0), name="upper")
        x = net.op("Clip", x, net.constant(0.0), upper, name="act")
    else:
        x = net.relu(x, "act")
    net.classify(net.conv(x, (8, 8), "conv2"), 8)


@drawn("flattened by Flatten or by Reshape", thread="own", same=True, cause=())
def flatten_as_a_reshape(net: Drawing, second: bool) -> None:
    x = _pooled(net, net.block(net.image(), (3, 8), "layer1"))
    if second:
        x = net.op("Reshape", x, net.integers(0, -1), name="flatten")
    else:
        x = net.op("Flatten", x, name="flatten", axis=1)
    net.output(net.linear(x, (8, 10), "fc"))


@drawn("layers that lead nowhere, and identities", thread="own", same=True, cause=())
def dead_ends(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    if second:
        net.conv(x, (8, 8), "dead_end")
        x = net.op("Identity", x, name="identity")
    net.classify(net.block(x, (8, 8), "layer2"), 8)


@drawn("one weight used twice, or stored twice", thread="own", same=True, cause=())
def weight_shared(net: Drawing, second: bool) -> None:
    x = net.relu(net.conv(net.image(), (3, 8), "conv1"))
    held = weights("shared", 8, 8, 3, 3)
    for i in (2, 3):
        weight = net.constant(held, f"conv{i}.weight" if second else "shared.weight")
        x = net.relu(net.op("Conv", x, weight, name=f"conv{i}", pads=[1] * 4))
    net.classify(x, 8)


@drawn(
    "one weight used by two layers, or a weight for each",
    thread="own",
    same=False,
    cause=("weights differ",),
    places=("conv3",),
)
def weight_shared_wrongly(net: Drawing, second: bool) -> None:
    x = net.relu(net.conv(net.image(), (3, 8), "conv1"))
    for i in (2, 3):
        name = f"conv{i}.weight" if second else "conv2.weight"
        weight = net.constant(weights(name, 8, 8, 3, 3), name)
        x = net.relu(net.op("Conv", x, weight, name=f"conv{i}", pads=[1] * 4))
    net.classify(x, 8)


@drawn(
    "a deep residual network whose batch norms are folded",
    thread="own",
    same=True,
    cause=("ARC112", "fold"),
    note="24 convolutions: rounding adds up",
)
def deep_network_folded(net: Drawing, second: bool) -> None:
    x = net.relu(_folded(net, net.image(), (3, 16), "stem", second))
    for i in range(12):
        y = net.relu(_folded(net, x, (16, 16), f"block{i}.1", second))
        y = _folded(net, y, (16, 16), f"block{i}.2", second)
        x = net.relu(net.op("Add", y, x, name=f"block{i}.add"))
    net.classify(x, 16)


def _folded(net: Drawing, x: str, channels: tuple[int, int], name: str, fold: bool) -> str:
    plain = Drawing()
    plain.norm(plain.conv("image", channels, name), channels[1], f"{name}.bn")
    held = plain.constants
    x = net.conv(x, channels, name)
    if not fold:
        return net.norm(x, channels[1], f"{name}.bn")
    factor = held[f"{name}.bn.scale"] / np.sqrt(held[f"{name}.bn.var"] + np.float32(1e-5))
    net.constant(held[f"{name}.weight"] * factor.reshape(-1, 1, 1, 1), f"{name}.weight")
    bias = (held[f"{name}.bias"] - held[f"{name}.bn.mean"]) * factor + held[f"{name}.bn.shift"]
    net.constant(bias, f"{name}.bias")
    return x


@drawn(
    "the weights of one layer off by a thousandth",
    thread="own",
    same=False,
    cause=("weights differ",),
    places=("layer2.conv",),
)
def fault_of_a_thousandth(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    x = net.block(x, (8, 8), "layer2")
    net.classify(net.block(x, (8, 8), "layer3"), 8)
    if second:
        held = net.constants["layer2.conv.weight"]
        noise = weights("fault", *held.shape, scale=1e-3)
        net.constants["layer2.conv.weight"] = held * (1 + noise)


@drawn(
    "Upsample of opset 9, or Resize with its convention",
    thread="own",
    same=True,
    cause=(),
    opset=9,
)
def upsample_of_an_old_opset(net: Drawing, second: bool) -> None:
    x = net.block(net.image(1, 3, 8, 8), (3, 8), "layer1")
    factors = net.constant([1.0, 1.0, 2.0, 2.0])
    if second:
        net.opset = 13
        settings = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        x = net.op("Resize", x, "", factors, name="resize", count=1, mode="nearest", **settings)
    else:
        x = net.op("Upsample", x, factors, name="resize", mode="nearest")
    net.output(net.block(x, (8, 4), "layer2"))


@drawn(
    "a subtraction turned round",
    thread="own",
    same=False,
    cause=("ARC162", "order", "ARC195", "ARC180"),
    places=("difference",),
)
def subtraction_turned_round(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    y = net.conv(x, (8, 8), "conv2")
    x = net.op("Sub", *((y, x) if second else (x, y)), name="difference")
    net.classify(net.block(x, (8, 8), "layer3"), 8)


@drawn(
    "a shortcut from another layer",
    thread="own",
    same=False,
    cause=("ARC162", "ARC161", "connections"),
    places=("add",),
)
def shortcut_from_another_layer(net: Drawing, second: bool) -> None:
    first = net.block(net.image(), (3, 8), "layer1")
    x = net.block(first, (8, 8), "layer2")
    y = net.conv(net.block(x, (8, 8), "layer3"), (8, 8), "conv4")
    net.classify(net.relu(net.op("Add", y, first if second else x, name="add")), 8)


@drawn(
    "a block more",
    thread="huggingface/pytorch-image-models#2235",
    reports=("N054",),
    same=False,
    cause=("ARC163",),
)
def number_of_blocks(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "stem")
    for i in range(4 if second else 3):
        y = net.norm(
            net.conv(net.block(x, (8, 8), f"block{i}.1"), (8, 8), f"block{i}.2"), 8, f"bn{i}"
        )
        x = net.relu(net.op("Add", y, x, name=f"block{i}.add"), f"block{i}.relu")
    net.classify(x, 8)
