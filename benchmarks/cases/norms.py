"""Norms: epsilon, statistics, groups, what is folded."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.cases.drawing import Drawing, weights
from benchmarks.cases.registry import drawn


def _residual(net: Drawing, **settings: Any) -> None:
    """Draw a stem and two residual blocks whose batch norms take ``settings``."""
    x = net.norm(net.conv(net.image(), (3, 8), "stem", bias=False), 8, "bn0", **settings)
    x = net.relu(x)
    for i in (1, 2):
        y = net.norm(net.conv(x, (8, 8), f"conv{i}", bias=False), 8, f"bn{i}", **settings)
        x = net.relu(net.op("Add", y, x, name=f"add{i}"))
    net.classify(x, 8)


@drawn(
    "epsilon of batch norm 1e-5 or 1e-3",
    thread="gzuidhof/nn-transfer#3",
    reports=("Z028", "Z077", "Z078"),
    same=False,
    cause=("ARC120",),
    places=("bn0", "bn1", "bn2"),
)
def epsilon_of_batch_norm(net: Drawing, second: bool) -> None:
    _residual(net, epsilon=1e-3 if second else 1e-5)


@drawn(
    "momentum of batch norm, at inference",
    thread="huggingface/transformers#18597",
    reports=("Z078", "Z079"),
    same=True,
    cause=("ARC121",),
    note="a harmless difference, which may be said",
)
def momentum_of_batch_norm(net: Drawing, second: bool) -> None:
    _residual(net, momentum=0.1 if second else 0.9)


@drawn(
    "batch norm in training mode",
    thread="microsoft/onnxruntime#4589",
    reports=("N021",),
    same=False,
    cause=("ARC125",),
    places=("bn1",),
)
def batch_norm_in_training_mode(net: Drawing, second: bool) -> None:
    x = net.conv(net.image(), (3, 8), "conv1", bias=False)
    settings = {"training_mode": 1} if second else {}
    net.classify(net.relu(net.norm(x, 8, "bn1", **settings)), 8)


@drawn(
    "batch norm folded into the convolution",
    thread="own",
    same=True,
    cause=("ARC112",),
    places=("conv1",),
)
def batch_norm_folded(net: Drawing, second: bool) -> None:
    plain = Drawing()
    plain.norm(plain.conv(plain.image(), (3, 8), "conv1"), 8, "bn1")
    held = plain.constants
    x = net.conv(net.image(), (3, 8), "conv1")
    if second:
        factor = held["bn1.scale"] / np.sqrt(held["bn1.var"] + np.float32(1e-5))
        net.constant(held["conv1.weight"] * factor.reshape(-1, 1, 1, 1), "conv1.weight")
        bias = (held["conv1.bias"] - held["bn1.mean"]) * factor + held["bn1.shift"]
        net.constant(bias, "conv1.bias")
    else:
        x = net.norm(x, 8, "bn1")
    net.classify(net.relu(x), 8)


@drawn(
    "statistics of a batch norm not loaded: mean 0, variance 1",
    thread="keras-team/keras#15348",
    reports=("Z025",),
    same=False,
    cause=("weights differ", "statistics"),
    places=("bn1",),
)
def statistics_not_loaded(net: Drawing, second: bool) -> None:
    _residual(net)
    if second:
        net.constant(np.zeros(8), "bn1.mean")
        net.constant(np.ones(8), "bn1.var")


def _tokens(net: Drawing, epsilon: float) -> None:
    x = net.op("Mul", net.image("N", 8, 16), net.constant(1e-3), name="small")
    x = net.layer_norm(x, 16, "ln", epsilon)
    net.output(net.matmul(x, (16, 16), "fc"))


@drawn(
    "epsilon of layer norm 1e-6 or 1e-12",
    thread="huggingface/transformers#18137",
    same=False,
    cause=("ARC120",),
    places=("ln",),
)
def epsilon_of_layer_norm(net: Drawing, second: bool) -> None:
    _tokens(net, 1e-12 if second else 1e-6)


@drawn(
    "epsilon of layer norm 1e-5 or 1e-7",
    thread="mindspore-lab/mindone PR #225",
    reports=("N019",),
    same=False,
    cause=("ARC120",),
    places=("ln",),
)
def epsilon_of_a_framework(net: Drawing, second: bool) -> None:
    _tokens(net, 1e-7 if second else 1e-5)


def _deviation_norm(net: Drawing, x: str, unbiased: bool) -> str:
    centred = net.op("Sub", x, net.op("ReduceMean", x, axes=[-1], name="mean"), name="centre")
    squares = net.op("Mul", centred, centred, name="squares")
    if unbiased:
        total = net.op("ReduceSum", squares, net.integers(-1), name="sum")
        variance = net.op("Div", total, net.constant(15.0), name="variance")
    else:
        variance = net.op("ReduceMean", squares, axes=[-1], name="variance")
    root = net.op("Sqrt", net.op("Add", variance, net.constant(1e-5)), name="deviation")
    x = net.op("Div", centred, root, name="divide")
    x = net.op("Mul", x, net.constant(1 + 0.3 * weights("ln.scale", 16, scale=1.0)), name="ln.mul")
    return str(net.op("Add", x, net.weight("ln.shift", 16, scale=0.3), name="ln.add"))


@drawn(
    "layer norm by the unbiased variance",
    thread="own",
    same=False,
    cause=("unbiased",),
)
def unbiased_variance(net: Drawing, second: bool) -> None:
    x = _deviation_norm(net, net.image("N", 8, 16), second)
    net.output(net.matmul(x, (16, 16), "fc"))


@drawn(
    "layer norm as one operator or written out",
    thread="own",
    same=True,
    cause=(),
)
def layer_norm_written_out(net: Drawing, second: bool) -> None:
    image = net.image("N", 8, 16)
    x = _deviation_norm(net, image, False) if second else net.layer_norm(image, 16, "ln")
    net.output(net.matmul(x, (16, 16), "fc"))


@drawn(
    "groups of a group norm taken over rows instead of channels",
    thread="tensorflow/addons#751",
    reports=("N023",),
    same=False,
    cause=("ARC127",),
    places=("gn|reshape_2",),
)
def groups_over_rows(net: Drawing, second: bool) -> None:
    x = net.conv(net.image(2, 3, 8, 8), (3, 8), "conv1")
    if second:
        x = net.op("Transpose", x, perm=[0, 2, 3, 1])
    x = net.op("Reshape", x, net.integers(2, 4, -1))
    ones, zeros = net.constant(np.ones(4)), net.constant(np.zeros(4))
    x = net.op("InstanceNormalization", x, ones, zeros, name="gn", epsilon=1e-5)
    x = net.op("Reshape", x, net.integers(*((2, 8, 8, 8))))
    if second:
        x = net.op("Transpose", x, perm=[0, 3, 1, 2])
    x = net.op("Mul", x, net.weight("gn.scale", 8, 1, 1, scale=1.0), name="gn.mul")
    x = net.op("Add", x, net.weight("gn.shift", 8, 1, 1, scale=0.3), name="gn.add")
    net.classify(net.relu(x), 8)


@drawn(
    "batch norm per element (spatial=0 of opset 7)",
    thread="onnx/onnx-tensorrt#149",
    reports=("N067",),
    same=False,
    cause=("spatial", "per element", "ARC122"),
    places=("bn1",),
    opset=8,
)
def norm_per_element(net: Drawing, second: bool) -> None:
    x = net.conv(net.image(1, 3, 8, 8), (3, 4), "conv1")
    shape = (4, 8, 8) if second else (4,)
    names = ("scale", "shift", "mean", "var")
    held = [weights(f"bn1.{name}", 4, scale=0.3) for name in names]
    held[0], held[3] = 1 + held[0], 0.1 + np.abs(held[3])
    if second:
        held = [
            array.reshape(4, 1, 1) + np.abs(weights(f"bn1.{name}.map", *shape, scale=0.2))
            for name, array in zip(names, held, strict=True)
        ]
    operands = [net.constant(v, f"bn1.{n}") for n, v in zip(names, held, strict=True)]
    x = net.op("BatchNormalization", x, *operands, name="bn1", spatial=0 if second else None)
    net.classify(net.relu(x), 4)


@drawn(
    "RMS norm for layer norm",
    thread="own",
    same=False,
    cause=("ARC122",),
    places=("ln",),
)
def rms_norm_for_layer_norm(net: Drawing, second: bool) -> None:
    x = net.image("N", 8, 16)
    scale = net.constant(1 + 0.3 * weights("ln.scale", 16, scale=1.0), "ln.scale")
    if second:
        square = net.op("ReduceMean", net.op("Mul", x, x), axes=[-1], name="ln.mean")
        root = net.op("Sqrt", net.op("Add", square, net.constant(1e-5)), name="ln.root")
        x = net.op("Mul", net.op("Div", x, root, name="ln"), scale, name="ln.mul")
    else:
        x = net.op("LayerNormalization", x, scale, name="ln", axis=-1, epsilon=1e-5)
    net.output(net.matmul(x, (16, 16), "fc"))


@drawn(
    "batch norm without a learned scale, or with scales of one",
    thread="own",
    same=True,
    cause=(),
)
def scales_of_one(net: Drawing, second: bool) -> None:
    x = net.norm(net.conv(net.image(), (3, 8), "conv1", bias=False), 8, "bn1")
    net.constants["bn1.scale"] = np.ones(8, np.float32)
    if second:
        x = net.op("Mul", x, net.constant(np.ones((8, 1, 1))), name="one")
    net.classify(net.relu(x), 8)


@drawn(
    "epsilon inside the root or outside",
    thread="own",
    same=False,
    cause=("ARC120", "epsilon"),
)
def epsilon_outside_the_root(net: Drawing, second: bool) -> None:
    x = net.op("Mul", net.image("N", 8, 16), net.constant(1e-2), name="small")
    centred = net.op("Sub", x, net.op("ReduceMean", x, axes=[-1], name="mean"), name="centre")
    variance = net.op("ReduceMean", net.op("Mul", centred, centred), axes=[-1], name="variance")
    epsilon = net.constant(1e-5)
    if second:
        root = net.op("Add", net.op("Sqrt", variance, name="root"), epsilon, name="ln.epsilon")
    else:
        root = net.op("Sqrt", net.op("Add", variance, epsilon, name="ln.epsilon"), name="root")
    x = net.op("Div", centred, root, name="ln")
    net.output(net.matmul(x, (16, 16), "fc"))


@drawn(
    "layer norm over channels, or over channels and pixels",
    thread="own",
    same=False,
    cause=("ARC122",),
    places=("ln",),
)
def axes_of_layer_norm(net: Drawing, second: bool) -> None:
    x = net.block(net.image(1, 3, 8, 8), (3, 8), "layer1")
    x = net.op("Transpose", x, perm=[0, 2, 3, 1], name="turn")
    shape = (8, 8, 8) if second else (8,)
    scale, shift = net.constant(np.ones(shape)), net.constant(np.zeros(shape))
    axis = 1 if second else -1
    x = net.op("LayerNormalization", x, scale, shift, name="ln", axis=axis, epsilon=1e-6)
    net.classify(net.op("Transpose", x, perm=[0, 3, 1, 2], name="turn_back"), 8)


@drawn(
    "group norm of four groups or of two",
    thread="own",
    same=False,
    cause=("ARC122", "groups"),
    places=("gn",),
)
def number_of_groups(net: Drawing, second: bool) -> None:
    groups = 2 if second else 4
    x = net.conv(net.image(1, 3, 8, 8), (3, 8), "conv1")
    x = net.op("Reshape", x, net.integers(1, groups, -1))
    ones, zeros = net.constant(np.ones(groups)), net.constant(np.zeros(groups))
    x = net.op("InstanceNormalization", x, ones, zeros, name="gn", epsilon=1e-5)
    x = net.op("Reshape", x, net.integers(1, 8, 8, 8))
    x = net.op("Mul", x, net.weight("gn.scale", 8, 1, 1, scale=1.0), name="gn.mul")
    x = net.op("Add", x, net.weight("gn.shift", 8, 1, 1, scale=0.3), name="gn.add")
    net.classify(net.relu(x), 8)


@drawn(
    "alpha of local response norm divided by its size or not",
    thread="own",
    same=False,
    cause=("ARC124",),
    places=("lrn",),
)
def alpha_of_local_response_norm(net: Drawing, second: bool) -> None:
    x = net.relu(net.conv(net.image(), (3, 8), "conv1"))
    alpha = 0.1 if second else 0.5
    x = net.op("LRN", x, name="lrn", size=5, alpha=alpha, beta=0.75, bias=1.0)
    net.classify(net.block(x, (8, 8), "layer2"), 8)
