"""Precision: half, bfloat16, eight bits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.cases.drawing import Array, Drawing
from benchmarks.cases.registry import case, drawn

ROUNDED = ("precision", "round", "half", "float16", "bfloat16")


def _body(net: Drawing) -> None:
    x = net.relu(net.conv(net.image(), (3, 8), "conv1"), "relu1")
    x = net.relu(net.conv(x, (8, 8), "conv2"), "relu2")
    net.classify(net.relu(net.conv(x, (8, 8), "conv3"), "relu3"), 8)


@drawn(
    "weights rounded to half precision",
    thread="own",
    same=False,
    cause=ROUNDED,
    note='the answer is "the same network, another precision"',
    relation="same network, other precision",
)
def weights_rounded_to_half(net: Drawing, second: bool) -> None:
    _body(net)
    if second:
        for name, held in net.constants.items():
            net.constants[name] = held.astype(np.float16).astype(np.float32)


@drawn(
    "weights rounded to bfloat16",
    thread="openvinotoolkit/openvino#27795",
    reports=("N045",),
    same=False,
    cause=ROUNDED,
    relation="same network, other precision",
)
def weights_rounded_to_bfloat16(net: Drawing, second: bool) -> None:
    _body(net)
    if second:
        for name, held in net.constants.items():
            bits = held.view(np.uint32)
            rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
            net.constants[name] = rounded.astype(np.uint32).view(np.float32)


@drawn(
    "a network in half precision inside",
    thread="own",
    same=False,
    cause=ROUNDED,
    runtime="reference",
    relation="same network, other precision",
)
def half_precision_inside(net: Drawing, second: bool) -> None:
    kind = "float16" if second else "float32"
    x = net.op("Cast", net.image(), name="enter", to=10) if second else net.image()
    for i in (1, 2):
        x = net.relu(net.conv(x, (3 if i == 1 else 8, 8), f"conv{i}"), f"relu{i}")
    x = net.op("Flatten", net.op("GlobalAveragePool", x, name="avgpool"), axis=1, name="flatten")
    x = net.linear(x, (8, 10), "fc")
    for name, held in net.constants.items():
        net.constants[name] = held.astype(kind)
    net.output(net.op("Cast", x, name="leave", to=1) if second else x)


@drawn(
    "the mean of squares overflows in half precision",
    thread="microsoft/onnxconverter-common#323",
    reports=("N040",),
    same=False,
    cause=("overflow",),
    runtime="reference",
    note="runtimes that compute half precision in single hide it",
)
def overflow_in_half_precision(net: Drawing, second: bool) -> None:
    kind = "float16" if second else "float32"
    x = net.op("Mul", net.image("N", 16), net.constant(300.0), name="scale")
    if second:
        x = net.op("Cast", x, name="enter", to=10)
    square = net.op("Mul", x, x, name="square")
    mean = net.op("ReduceMean", square, axes=[-1], name="mean_of_squares")
    root = net.op("Sqrt", net.op("Add", mean, net.constant(1e-5, kind=kind)), name="root")
    x = net.op("Div", x, root, name="divide")
    if second:
        x = net.op("Cast", x, name="leave", to=1)
    net.output(net.linear(x, (16, 4), "fc"))


def _quantised(folder: Path, **settings: Any) -> tuple[Path, Path]:
    """Write a network and the same as ONNX Runtime's quantisation makes it."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Images(CalibrationDataReader):  # type: ignore[misc]
        """Random images for the ranges."""

        def __init__(self) -> None:
            rng = np.random.default_rng(0)
            images = rng.standard_normal((8, 2, 3, 16, 16)).astype(np.float32)
            self.images: Iterator[Array] = iter(images)

        def get_next(self) -> dict[str, Array] | None:
            image = next(self.images, None)
            return None if image is None else {"image": image}

    a, b = folder / "a.onnx", folder / "b.onnx"
    net = Drawing()
    _body(net)
    net.save(a)
    quantize_static(a, b, Images(), **settings)
    return a, b


INT8 = ("ARC171", "int8", "quantis", "precision")


@case(
    "int8 by QDQ, a scale per tensor",
    thread="own",
    same=False,
    cause=INT8,
    relation="same network, other precision",
)
def int8_qdq(folder: Path) -> tuple[Path, Path]:
    return _quantised(folder)


@case(
    "int8 by QDQ, a scale per channel",
    thread="own",
    same=False,
    cause=INT8,
    relation="same network, other precision",
)
def int8_qdq_per_channel(folder: Path) -> tuple[Path, Path]:
    return _quantised(folder, per_channel=True)


@case(
    "int8 by QLinearConv, ReLUs as the lower bound of ranges",
    thread="own",
    same=False,
    cause=INT8,
    relation="same network, other precision",
)
def int8_qlinear(folder: Path) -> tuple[Path, Path]:
    from onnxruntime.quantization import QuantFormat, QuantType

    return _quantised(
        folder,
        quant_format=QuantFormat.QOperator,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def _dequantised(net: Drawing, scale: float, *, unsigned: bool = False) -> None:
    """Draw a network whose second convolution's weights are stored in eight bits."""
    x = net.relu(net.conv(net.image(), (3, 8), "conv1"))
    zero = 128 if unsigned else 0
    plain = Drawing()
    plain.conv("image", (8, 8), "conv2")
    held = plain.constants["conv2.weight"]
    step = float(np.abs(held).max() / 127)
    stored = np.clip(np.rint(held / step), -127, 127) + zero
    kind = "uint8" if unsigned else "int8"
    weight = net.op(
        "DequantizeLinear",
        net.constant(stored, "conv2.weight", kind),
        net.constant(step * scale, "conv2.weight.scale"),
        net.constant(zero, "conv2.weight.zero", kind),
        name="conv2.dequantize",
    )
    bias = net.weight("conv2.bias", 8, scale=0.5)
    x = net.op("Conv", x, weight, bias, name="conv2", pads=[1] * 4, kernel_shape=[3, 3])
    net.classify(net.relu(x), 8)


@drawn(
    "the same eight bits, signed or unsigned with a zero point of 128",
    thread="tensorflow/tensorflow PR #34537",
    reports=("N042",),
    same=True,
    cause=(),
)
def signed_or_unsigned(net: Drawing, second: bool) -> None:
    _dequantised(net, 1.0, unsigned=second)


@drawn(
    "eight bits with the scale of another range (255 for 256)",
    thread="tensorflow/tflite-micro#396",
    reports=("N042",),
    same=False,
    cause=("weights differ", "factor", "ARC171"),
    places=("conv2",),
)
def scale_of_eight_bits(net: Drawing, second: bool) -> None:
    _dequantised(net, 256 / 255 if second else 1.0)
