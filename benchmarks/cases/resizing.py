"""Resizing inside a network: which pixel, which corner, which kernel."""

from __future__ import annotations

from typing import Any

from benchmarks.cases.drawing import Drawing
from benchmarks.cases.registry import drawn


def _resized(
    net: Drawing, target: tuple[int, int], *, before: int = 8, opset: int = 18, **settings: Any
) -> None:
    x = net.block(net.image(1, 3, before, before), (3, 8), "layer1")
    x = net.op("Resize", x, "", "", net.integers(1, 8, *target), name="resize", **settings)
    net.output(net.block(x, (8, 4), "layer2"))


@drawn(
    "nearest neighbour: asymmetric and floor, or half pixel and round",
    thread="microsoft/onnxruntime#28085",
    reports=("N025",),
    same=False,
    cause=("ARC135",),
    places=("resize",),
)
def nearest_neighbour(net: Drawing, second: bool) -> None:
    modes = ("half_pixel", "round_prefer_ceil") if second else ("asymmetric", "floor")
    _resized(
        net,
        (13, 13),
        mode="nearest",
        coordinate_transformation_mode=modes[0],
        nearest_mode=modes[1],
    )


@drawn(
    "nearest neighbour at a factor of two, where both conventions agree",
    thread="onnx/tensorflow-onnx#2168",
    reports=("N025",),
    same=True,
    cause=(),
    note="a harmless difference, which may be said",
)
def nearest_neighbour_at_two(net: Drawing, second: bool) -> None:
    modes = ("half_pixel", "round_prefer_floor") if second else ("asymmetric", "floor")
    _resized(
        net,
        (16, 16),
        mode="nearest",
        coordinate_transformation_mode=modes[0],
        nearest_mode=modes[1],
    )


@drawn(
    "bilinear with aligned corners or half pixels",
    thread="NVIDIA/TensorRT#273",
    reports=("Z102",),
    same=False,
    cause=("ARC135",),
    places=("resize",),
)
def aligned_corners(net: Drawing, second: bool) -> None:
    mode = "align_corners" if second else "half_pixel"
    _resized(net, (13, 13), mode="linear", coordinate_transformation_mode=mode)


@drawn(
    "bilinear as TensorFlow 1 has it (asymmetric), or half pixels",
    thread="tensorflow/tensorflow#33691",
    reports=("Z103",),
    same=False,
    cause=("ARC135",),
    places=("resize",),
)
def bilinear_of_tensorflow_1(net: Drawing, second: bool) -> None:
    mode = "asymmetric" if second else "half_pixel"
    _resized(net, (16, 16), mode="linear", coordinate_transformation_mode=mode)


@drawn(
    "coefficient of the cubic kernel -0.5 or -0.75",
    thread="tensorflow/tensorflow#6720",
    reports=("Z103",),
    same=False,
    cause=("ARC135", "0.75"),
    places=("resize",),
)
def cubic_coefficient(net: Drawing, second: bool) -> None:
    coefficient = -0.5 if second else -0.75
    _resized(net, (16, 16), mode="cubic", cubic_coeff_a=coefficient)


@drawn(
    "resized to one pixel: half pixel or PyTorch's",
    thread="pytorch/pytorch#183523",
    reports=("Z101",),
    same=False,
    cause=("ARC135",),
    places=("resize",),
)
def resized_to_one_pixel(net: Drawing, second: bool) -> None:
    mode = "half_pixel" if second else "pytorch_half_pixel"
    _resized(net, (1, 1), mode="linear", coordinate_transformation_mode=mode)


@drawn(
    "half pixel and PyTorch's half pixel where more than one pixel is left",
    thread="pytorch/pytorch#183523",
    reports=("Z101",),
    same=True,
    cause=(),
)
def half_pixel_of_pytorch(net: Drawing, second: bool) -> None:
    mode = "half_pixel" if second else "pytorch_half_pixel"
    _resized(net, (13, 13), mode="linear", coordinate_transformation_mode=mode)


def _shrunk(net: Drawing, **settings: Any) -> None:
    """Draw a network that resizes its images itself, from 32 x 32 to 16 x 16."""
    x = net.image(1, 3, 32, 32)
    x = net.op("Resize", x, "", "", net.integers(1, 3, 16, 16), name="resize", **settings)
    net.classify(net.block(x, (3, 8), "layer1"), 8)


@drawn(
    "images shrunk inside the network with and without antialiasing",
    thread="pytorch/vision#2950",
    reports=("Z006", "Z007", "Z008", "Z009", "Z104"),
    same=False,
    cause=("ARC135", "antialias"),
    also=("ARC180",),
    places=("resize",),
    opset=18,
)
def antialiasing(net: Drawing, second: bool) -> None:
    _shrunk(net, mode="linear", antialias=int(second))


@drawn(
    "images shrunk inside the network by a linear or a cubic kernel",
    thread="mlcommons/inference#201",
    reports=("Z001", "Z003", "Z027"),
    same=False,
    cause=("ARC135", "cubic"),
    places=("resize",),
    opset=18,
)
def kernel_of_resizing(net: Drawing, second: bool) -> None:
    _shrunk(net, mode="cubic" if second else "linear")


@drawn(
    "images shrunk inside the network by area or by a linear kernel",
    thread="mlcommons/inference#555",
    reports=("Z002", "Z004"),
    same=False,
    cause=("ARC190", "ARC195", "average", "resize"),
    places=("resize",),
    opset=18,
    note="by area and a whole factor is an average pool",
)
def area_for_linear(net: Drawing, second: bool) -> None:
    x = net.image(1, 3, 64, 64)
    if second:
        x = net.op("Resize", x, "", "", net.integers(1, 3, 16, 16), name="resize", mode="linear")
    else:
        x = net.op("AveragePool", x, name="resize", kernel_shape=[4, 4], strides=[4, 4])
    net.classify(net.block(x, (3, 8), "layer1"), 8)


@drawn(
    "squashed, or the short side resized and the rest cropped, inside the network",
    thread="huggingface/pytorch-image-models#1383",
    reports=("Z018", "Z019", "Z085", "N051", "N058"),
    same=False,
    cause=("ARC190", "crop", "slice", "resize"),
    also=("ARC180",),
    places=("crop",),
    opset=18,
)
def squashed_or_cropped(net: Drawing, second: bool) -> None:
    x = net.image(1, 3, 32, 48)
    size = (16, 16) if second else (16, 24)
    x = net.op("Resize", x, "", "", net.integers(1, 3, *size), name="resize", mode="linear")
    if not second:
        ends = net.integers(4), net.integers(20), net.integers(3)
        x = net.op("Slice", x, *ends, name="crop")
    net.classify(net.block(x, (3, 8), "layer1"), 8)


@drawn(
    "short side of 18 or of 20 before the crop, inside the network",
    thread="mlcommons/training#48",
    reports=("Z005", "Z011", "Z014"),
    same=False,
    cause=("ARC180", "resize"),
    places=("resize",),
    opset=18,
)
def short_side_before_the_crop(net: Drawing, second: bool) -> None:
    side, first = (20, 2) if second else (18, 1)
    x = net.image(1, 3, 32, 32)
    x = net.op("Resize", x, "", "", net.integers(1, 3, side, side), name="resize", mode="linear")
    ends = [net.integers(first, first), net.integers(first + 16, first + 16)]
    x = net.op("Slice", x, *ends, net.integers(2, 3), name="crop")
    net.classify(net.block(x, (3, 8), "layer1"), 8)


@drawn(
    "position embeddings resized by a factor with an offset, or to the size",
    thread="facebookresearch/dinov2 PR #378",
    reports=("N028",),
    same=False,
    cause=("ARC180", "resize", "position embedding"),
    places=("resize",),
    opset=18,
)
def position_embeddings_resized(net: Drawing, second: bool) -> None:
    x = net.conv(net.image(1, 3, 16, 16), (3, 8), "patch", kernel=4, strides=[4, 4], pads=[0] * 4)
    grid = net.weight("position", 1, 8, 9, 9, scale=1.0)
    settings: dict[str, Any] = {"mode": "cubic", "coordinate_transformation_mode": "half_pixel"}
    if second:
        factors = net.constant([1.0, 1.0, 4.1 / 9, 4.1 / 9])
        grid = net.op("Resize", grid, "", factors, name="resize", **settings)
    else:
        grid = net.op("Resize", grid, "", "", net.integers(1, 8, 4, 4), name="resize", **settings)
    x = net.op("Add", x, grid, name="add")
    net.classify(net.block(x, (8, 8), "layer1"), 8)
