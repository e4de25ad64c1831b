"""Weights: swapped, not loaded, permuted, rotated, moved between layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from benchmarks.cases.drawing import Drawing, weights
from benchmarks.cases.registry import case, drawn

Array = np.ndarray[Any, Any]


def _plain(net: Drawing) -> None:
    """Draw a stem, a residual block of two convolutions, and a classifier."""
    x = net.block(net.image(), (3, 8), "stem")
    y = net.block(x, (8, 8), "layer1")
    y = net.norm(net.conv(y, (8, 8), "layer2.conv", bias=False), 8, "layer2.bn")
    net.classify(net.relu(net.op("Add", y, x, name="add"), "relu"), 8)


def _simple(net: Drawing, activation: str = "Relu") -> None:
    """Draw three convolutions without norms or shortcuts."""
    x = net.op(activation, net.conv(net.image(), (3, 8), "conv1"), name="act1")
    x = net.op(activation, net.conv(x, (8, 8), "conv2"), name="act2")
    net.classify(net.relu(net.conv(x, (8, 8), "conv3"), "act3"), 8)


def _change(net: Drawing, name: str, value: Array) -> None:
    net.constants[name] = np.ascontiguousarray(value, dtype=np.float32)


@drawn(
    "weights of two layers of one shape exchanged",
    thread="tensorflow/tensorflow#33459",
    reports=("Z033",),
    same=False,
    cause=("exchanged", "swapped", "weights differ"),
    places=("layer1.conv", "layer2.conv"),
)
def layers_exchanged(net: Drawing, second: bool) -> None:
    _plain(net)
    if second:
        one, two = "layer1.conv.weight", "layer2.conv.weight"
        net.constants[one], net.constants[two] = net.constants[two], net.constants[one]


def _anew(net: Drawing, names: list[str]) -> None:
    for name in names:
        held = net.constants[name]
        _change(net, name, held * 0 + weights(f"{name}.anew", *held.shape))


@drawn(
    "a checkpoint that was not restored",
    thread="tensorflow/models#8529",
    reports=("Z032",),
    same=False,
    cause=("weights differ",),
    places=("stem.conv", "layer1.conv", "layer2.conv", "fc"),
)
def checkpoint_not_restored(net: Drawing, second: bool) -> None:
    _plain(net)
    if second:
        _anew(net, [n for n in net.constants if n.endswith(("conv.weight", "fc.weight"))])


@drawn(
    "another classifier behind equal layers",
    thread="keras-team/keras#9674",
    reports=("Z030",),
    same=False,
    cause=("weights differ",),
    places=("fc",),
)
def another_classifier(net: Drawing, second: bool) -> None:
    _plain(net)
    if second:
        _anew(net, ["fc.weight", "fc.bias"])


@drawn(
    "a newer checkpoint under the same name",
    thread="pytorch/vision#5015",
    reports=("Z098",),
    same=False,
    cause=("weights differ",),
    places=("stem.conv", "layer1.conv", "layer2.conv", "fc"),
)
def newer_checkpoint(net: Drawing, second: bool) -> None:
    _plain(net)
    if second:
        for name in [n for n in net.constants if n.endswith("weight")]:
            held = net.constants[name]
            _change(net, name, held + 0.05 * weights(f"{name}.tuned", *held.shape))


@drawn(
    "one weight of a port is wrong by 5 %",
    thread="keras-team/keras-hub#1983",
    reports=("Z080",),
    same=False,
    cause=("weights differ",),
    places=("layer2.conv",),
)
def one_layer_wrong(net: Drawing, second: bool) -> None:
    _plain(net)
    if second:
        held = net.constants["layer2.conv.weight"].copy()
        held[3] *= 1.05
        _change(net, "layer2.conv.weight", held)


@case(
    "the same weights stored anew: other names, another order, data outside the file",
    thread="huggingface/pytorch-image-models#2346",
    reports=("Z097",),
    same=True,
    cause=(),
)
def stored_anew(folder: Path) -> tuple[Path, Path]:
    a, b = folder / "a.onnx", folder / "b.onnx"
    net = Drawing()
    _plain(net)
    net.save(a)
    model = onnx.load(a)
    renamed = {tensor.name: f"p{i}" for i, tensor in enumerate(model.graph.initializer)}
    for tensor in model.graph.initializer:
        tensor.name = renamed[tensor.name]
    for node in model.graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    tensors = sorted(model.graph.initializer, key=lambda tensor: tensor.name, reverse=True)
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensors)
    onnx.save(model, b, save_as_external_data=True, location="b.bin", size_threshold=0)
    return a, b


@drawn(
    "kernels rotated by 180 degrees (convolution for correlation)",
    thread="keras-team/keras#3015",
    reports=("N032",),
    same=False,
    cause=("rotat", "flip", "180"),
    places=("conv1", "conv2", "conv3"),
)
def kernels_rotated(net: Drawing, second: bool) -> None:
    _simple(net)
    if second:
        for name in ("conv1", "conv2", "conv3"):
            held = net.constants[f"{name}.weight"]
            _change(net, f"{name}.weight", held[:, :, ::-1, ::-1])


@drawn(
    "kernels transposed: height for width",
    thread="own",
    same=False,
    cause=("transpos",),
    places=("conv2",),
)
def kernels_transposed(net: Drawing, second: bool) -> None:
    _simple(net)
    if second:
        _change(net, "conv2.weight", net.constants["conv2.weight"].transpose(0, 1, 3, 2))


@drawn(
    "a square linear weight transposed",
    thread="own",
    same=False,
    cause=("transpos",),
    places=("fc2",),
)
def linear_weight_transposed(net: Drawing, second: bool) -> None:
    x = net.relu(net.linear(net.image("N", 16), (16, 16), "fc1"))
    net.output(net.linear(net.relu(net.linear(x, (16, 16), "fc2")), (16, 4), "fc3"))
    if second:
        _change(net, "fc2.weight", net.constants["fc2.weight"].T)


@drawn(
    "the first kernels are for BGR, in the same network",
    thread="amdegroot/ssd.pytorch#44",
    reports=("Z059",),
    same=False,
    cause=("BGR", "permut", "revers", "channel order"),
    places=("conv1",),
)
def kernels_for_the_other_order(net: Drawing, second: bool) -> None:
    _simple(net)
    if second:
        _change(net, "conv1.weight", net.constants["conv1.weight"][:, ::-1])


@drawn(
    "channels permuted between two layers",
    thread="own",
    same=True,
    cause=("permut",),
)
def channels_permuted(net: Drawing, second: bool) -> None:
    _simple(net)
    if second:
        order = np.random.default_rng(3).permutation(8)
        for name in ("conv1.weight", "conv1.bias"):
            _change(net, name, net.constants[name][order])
        _change(net, "conv2.weight", net.constants["conv2.weight"][:, order])


@drawn(
    "channels permuted through a shortcut",
    thread="own",
    same=True,
    cause=("permut",),
)
def channels_permuted_through_a_shortcut(net: Drawing, second: bool) -> None:
    _plain(net)
    if second:
        order = np.random.default_rng(5).permutation(8)
        for layer in ("stem", "layer2"):
            parts = ("conv.weight", "bn.scale", "bn.shift", "bn.mean", "bn.var")
            for name in (f"{layer}.{part}" for part in parts):
                _change(net, name, net.constants[name][order])
        _change(net, "layer1.conv.weight", net.constants["layer1.conv.weight"][:, order])
        _change(net, "fc.weight", net.constants["fc.weight"][:, order])


@drawn(
    "outputs of one layer permuted, which nothing undoes",
    thread="own",
    same=False,
    cause=("permut",),
    places=("conv2",),
)
def channels_permuted_and_not_undone(net: Drawing, second: bool) -> None:
    _simple(net)
    if second:
        order = np.random.default_rng(3).permutation(8)
        for name in ("conv2.weight", "conv2.bias"):
            _change(net, name, net.constants[name][order])


def _depthwise(net: Drawing, order: Array | None) -> None:
    x = net.relu(net.conv(net.image(), (3, 8), "conv1"))
    x = net.relu(net.conv(x, (8, 16), "depthwise", group=8))
    net.classify(net.conv(x, (16, 8), "project", kernel=1), 8)
    if order is not None:
        for name in ("depthwise.weight", "depthwise.bias"):
            _change(net, name, net.constants[name][order])


@drawn(
    "a depthwise multiplier whose outputs are sorted the other way",
    thread="own",
    same=False,
    cause=("permut", "multiplier", "order"),
    places=("depthwise",),
)
def depthwise_multiplier(net: Drawing, second: bool) -> None:
    _depthwise(net, np.arange(16).reshape(8, 2).T.ravel() if second else None)


@drawn(
    "a factor moved from one layer into the next",
    thread="own",
    same=True,
    cause=("factor", "scale"),
)
def factor_moved(net: Drawing, second: bool) -> None:
    _simple(net)
    if second:
        factors = np.exp(weights("factors", 8, scale=1.0)).reshape(8, 1, 1, 1)
        _change(net, "conv1.weight", net.constants["conv1.weight"] * factors)
        _change(net, "conv1.bias", net.constants["conv1.bias"] * factors.ravel())
        inverse = 1 / factors.reshape(1, 8, 1, 1)
        _change(net, "conv2.weight", net.constants["conv2.weight"] * inverse)


@drawn(
    "signs moved through an odd activation",
    thread="own",
    same=True,
    cause=("sign",),
)
def signs_moved(net: Drawing, second: bool) -> None:
    _simple(net, "Tanh")
    if second:
        signs = np.where(np.arange(8) % 3, 1.0, -1.0)
        _change(net, "conv1.weight", net.constants["conv1.weight"] * signs.reshape(8, 1, 1, 1))
        _change(net, "conv1.bias", net.constants["conv1.bias"] * signs)
        _change(net, "conv2.weight", net.constants["conv2.weight"] * signs.reshape(1, 8, 1, 1))


@drawn(
    "a bias of zeros dropped",
    thread="own",
    same=True,
    cause=("ARC111", "zero bias"),
    places=("conv2",),
)
def zero_bias_dropped(net: Drawing, second: bool) -> None:
    x = net.relu(net.conv(net.image(), (3, 8), "conv1"))
    x = net.relu(net.conv(x, (8, 8), "conv2", bias=not second))
    net.constant(np.zeros(8), "conv2.bias")
    net.classify(x, 8)


@drawn(
    "a bias dropped that was not zero",
    thread="tensorflow/hub#754",
    reports=("Z066",),
    same=False,
    cause=("ARC111",),
    places=("conv2",),
)
def bias_dropped(net: Drawing, second: bool) -> None:
    x = net.relu(net.conv(net.image(), (3, 8), "conv1"))
    net.classify(net.relu(net.conv(x, (8, 8), "conv2", bias=not second)), 8)
