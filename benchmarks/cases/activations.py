"""Activations: formulas, slopes, bounds, and gates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.cases.drawing import Drawing
from benchmarks.cases.registry import drawn


def _between(net: Drawing, activation: Callable[[str], str]) -> None:
    """Draw two linear layers on tokens around an activation."""
    x = net.matmul(net.image("N", 8, 16), (16, 32), "fc1")
    net.output(net.matmul(activation(x), (32, 16), "fc2"))


def _erf(net: Drawing, x: str) -> str:
    inner = net.op("Erf", net.op("Div", x, net.constant(np.sqrt(2.0)), name="act.div"), name="act")
    outer = net.op("Mul", x, net.op("Add", inner, net.constant(1.0)), name="act.mul")
    return str(net.op("Mul", outer, net.constant(0.5), name="act.half"))


def _tanh(net: Drawing, x: str) -> str:
    cube = net.op("Mul", net.op("Mul", x, x), x)
    inner = net.op("Add", x, net.op("Mul", cube, net.constant(0.044715)))
    inner = net.op("Mul", inner, net.constant(np.sqrt(2 / np.pi)))
    inner = net.op("Add", net.op("Tanh", inner, name="act"), net.constant(1.0))
    return str(net.op("Mul", net.op("Mul", x, inner), net.constant(0.5), name="act.half"))


def _quick(net: Drawing, x: str) -> str:
    gate = net.op("Sigmoid", net.op("Mul", x, net.constant(1.702), name="act.mul"), name="act")
    return str(net.op("Mul", x, gate, name="act.gate"))


@drawn(
    "GELU by erf or by its tanh approximation",
    thread="CyberZHG/keras-bert#129",
    same=False,
    cause=("ARC130",),
    places=("act",),
)
def gelu_by_tanh(net: Drawing, second: bool) -> None:
    _between(net, lambda x: _tanh(net, x) if second else _erf(net, x))


@drawn(
    "GELU as one operator or written out",
    thread="CyberZHG/keras-bert#129",
    same=True,
    cause=(),
    opset=20,
)
def gelu_written_out(net: Drawing, second: bool) -> None:
    _between(net, lambda x: _erf(net, x) if second else str(net.op("Gelu", x, name="act")))


@drawn(
    "QuickGELU for GELU",
    thread="mlfoundations/open_clip#771",
    reports=("N011", "N019"),
    same=False,
    cause=("quickgelu", "quick gelu"),
    places=("act",),
)
def quick_gelu(net: Drawing, second: bool) -> None:
    _between(net, lambda x: _quick(net, x) if second else _erf(net, x))


@drawn(
    "SiLU as x times a sigmoid, or with a factor of one",
    thread="own",
    same=True,
    cause=(),
)
def silu_with_a_factor_of_one(net: Drawing, second: bool) -> None:
    def silu(x: str) -> str:
        inner = net.op("Mul", x, net.constant(1.0)) if second else x
        return str(net.op("Mul", x, net.op("Sigmoid", inner, name="act"), name="act.gate"))

    _between(net, silu)


@drawn(
    "leaky ReLU with slope 0.1 or 0.01",
    thread="own",
    same=False,
    cause=("ARC130",),
    places=("act",),
)
def slope_of_leaky_relu(net: Drawing, second: bool) -> None:
    alpha = 0.01 if second else 0.1
    _between(net, lambda x: str(net.op("LeakyRelu", x, name="act", alpha=alpha)))


def _excited(net: Drawing, x: str, gate: Callable[[str], str]) -> str:
    pooled = net.op("GlobalAveragePool", x, name="se.pool")
    inner = net.relu(net.conv(pooled, (8, 4), "se.fc1", kernel=1), "se.relu")
    scale = gate(net.conv(inner, (4, 8), "se.fc2", kernel=1))
    return str(net.op("Mul", x, scale, name="se.mul"))


@drawn(
    "hard sigmoid with slope 1/6 or 0.2",
    thread="PaddlePaddle/Paddle2ONNX#930",
    reports=("N012",),
    same=False,
    cause=("0.1667", "0.167", "1/6"),
    places=("se.gate",),
)
def slope_of_hard_sigmoid(net: Drawing, second: bool) -> None:
    def gate(x: str) -> str:
        alpha = 0.2 if second else 1 / 6
        return str(net.op("HardSigmoid", x, name="se.gate", alpha=alpha, beta=0.5))

    x = net.block(net.image(), (3, 8), "layer1")
    net.classify(net.block(_excited(net, x, gate), (8, 8), "layer2"), 8)


def _hard_swish(net: Drawing, x: str) -> str:
    gate = net.op("HardSigmoid", x, name="act.gate", alpha=1 / 6, beta=0.5)
    return str(net.op("Mul", x, gate, name="act"))


@drawn(
    "squeeze-and-excitation in front of the activation or behind it",
    thread="xiaolai-sqlai/mobilenetv3#8",
    reports=("N016",),
    same=False,
    cause=("ARC165",),
    places=("act",),
)
def place_of_squeeze_and_excitation(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    x = net.norm(net.conv(x, (8, 8), "dw", group=8, bias=False), 8, "dw.bn")

    def gate(y: str) -> str:
        return str(net.op("HardSigmoid", y, name="se.gate", alpha=1 / 6, beta=0.5))

    x = _hard_swish(net, _excited(net, x, gate)) if second else x
    x = x if second else _excited(net, _hard_swish(net, x), gate)
    net.classify(net.conv(x, (8, 8), "project", kernel=1), 8)


@drawn(
    "hard swish as one operator or written out",
    thread="open-mmlab/mmpretrain PR #193",
    same=True,
    cause=(),
)
def hard_swish_written_out(net: Drawing, second: bool) -> None:
    x = net.conv(net.image(), (3, 8), "conv1")
    if second:
        moved = net.op("Add", x, net.constant(3.0))
        gate = net.op("Clip", moved, net.constant(0.0), net.constant(6.0))
        x = net.op("Div", net.op("Mul", x, gate), net.constant(6.0), name="act")
    else:
        x = net.op("HardSwish", x, name="act")
    net.classify(net.conv(x, (8, 8), "conv2"), 8)


@drawn(
    "ReLU6 for ReLU",
    thread="own",
    same=False,
    cause=("ARC130",),
    places=("act",),
)
def relu6_for_relu(net: Drawing, second: bool) -> None:
    x = net.op("Mul", net.conv(net.image(), (3, 8), "conv1"), net.constant(4.0))
    if second:
        x = net.op("Clip", x, net.constant(0.0), net.constant(6.0), name="act")
    else:
        x = net.relu(x, "act")
    net.classify(net.conv(x, (8, 8), "conv2"), 8)


@drawn(
    "swish or its piecewise approximation (hard swish)",
    thread="own",
    same=False,
    cause=("ARC130",),
    places=("act",),
)
def hard_swish_for_swish(net: Drawing, second: bool) -> None:
    x = net.conv(net.image(), (3, 8), "conv1")
    if second:
        x = net.op("HardSwish", x, name="act")
    else:
        x = net.op("Mul", x, net.op("Sigmoid", x, name="act.gate"), name="act")
    net.classify(net.conv(x, (8, 8), "conv2"), 8)


@drawn(
    "ELU with alpha 1 or 0.5",
    thread="own",
    same=False,
    cause=("ARC130",),
    places=("act",),
)
def alpha_of_elu(net: Drawing, second: bool) -> None:
    _between(net, lambda x: str(net.op("Elu", x, name="act", alpha=0.5 if second else 1.0)))


@drawn(
    "the gate is the first half of a gated unit, or the second",
    thread="own",
    same=False,
    cause=("gate", "halves", "order", "ARC162", "ARC180"),
)
def half_of_a_gate(net: Drawing, second: bool) -> None:
    x = net.matmul(net.image("N", 8, 16), (16, 32), "fc1")
    one, two = net.op("Split", x, net.integers(16, 16), name="split", count=2, axis=-1)
    gate, value = (one, two) if second else (two, one)
    x = net.op("Mul", value, net.op("Sigmoid", gate, name="gate"), name="act")
    net.output(net.matmul(x, (16, 16), "fc2"))


@drawn(
    "ReLU in front of the addition of a block, or behind it",
    thread="own",
    same=False,
    cause=("ARC130", "ARC190", "ARC162", "placement"),
)
def relu_before_the_addition(net: Drawing, second: bool) -> None:
    x = net.block(net.image(), (3, 8), "layer1")
    y = net.norm(net.conv(x, (8, 8), "conv2", bias=False), 8, "bn2")
    if second:
        y = net.op("Add", net.relu(y, "relu2"), x, name="add")
    else:
        y = net.relu(net.op("Add", y, x, name="add"), "relu2")
    net.classify(net.block(y, (8, 8), "layer3"), 8)
