"""What a network does to its pixels itself: scaling, means, order of channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from benchmarks.cases.drawing import Drawing, weights
from benchmarks.cases.registry import drawn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _channels(net: Drawing, values: tuple[float, ...] | float, name: str = "") -> str:
    return net.constant(np.reshape(values, (1, -1, 1, 1)), name)


def _body(net: Drawing, x: str) -> None:
    net.classify(net.block(net.block(x, (3, 8), "layer1"), (8, 8), "layer2"), 8)


def _imagenet(net: Drawing, x: str) -> str:
    x = net.op("Sub", x, _channels(net, MEAN), name="mean")
    return str(net.op("Div", x, _channels(net, STD), name="std"))


@drawn(
    "normalised inside one network only",
    thread="pytorch/vision#1709",
    reports=("Z015", "Z017", "Z043"),
    same=False,
    cause=("ARC150",),
    note='the answer is "the same network, preprocessing inside one"',
    relation="same network, preprocessing inside one",
)
def normalised_inside(net: Drawing, second: bool) -> None:
    x = net.image()
    _body(net, _imagenet(net, x) if second else x)


@drawn(
    "a transformation of channels applied along the batch",
    thread="pytorch/vision#101",
    reports=("Z016",),
    same=False,
    cause=("axis", "along the batch", "ARC150", "ARC152"),
    places=("scale",),
)
def channels_taken_from_the_batch(net: Drawing, second: bool) -> None:
    factors = np.array([1.0, 2.0, 3.0]).reshape((3, 1, 1, 1) if second else (1, 3, 1, 1))
    x = net.op("Mul", net.image(3, 3, 16, 16), net.constant(factors), name="scale")
    _body(net, x)


@drawn(
    "scaled by 1/255 inside one network only",
    thread="keras-team/keras#16982",
    reports=("Z021", "Z022", "N048"),
    same=False,
    cause=("ARC150",),
    relation="same network, preprocessing inside one",
)
def scaled_inside(net: Drawing, second: bool) -> None:
    x = net.image()
    _body(net, net.op("Mul", x, net.constant(1 / 255), name="rescale") if second else x)


def _scaled(net: Drawing, steps: Callable[[str], str]) -> None:
    _body(net, steps(net.image()))


@drawn(
    "values [0, 1] or [-1, 1]",
    thread="tensorflow/tensorflow#46105",
    reports=("Z023", "N050"),
    same=False,
    cause=("ARC150", "ARC152", "PRE102"),
    places=("rescale",),
)
def range_of_values(net: Drawing, second: bool) -> None:
    x = net.op("Div", net.image(), net.constant(127.5 if second else 255.0), name="rescale")
    offset = net.constant(-1.0 if second else 0.0)
    _body(net, net.op("Add", x, offset, name="offset"))


@drawn(
    "values [-1, 1] or [-0.5, 0.5]",
    thread="huggingface/transformers PR #25174",
    reports=("N046",),
    same=False,
    cause=("ARC150", "ARC152", "PRE102"),
    places=("rescale",),
)
def offset_before_or_after(net: Drawing, second: bool) -> None:
    x = net.op("Mul", net.image(), net.constant(1 / 255 if second else 1 / 127.5), name="rescale")
    _body(net, net.op("Sub", x, net.constant(0.5 if second else 1.0), name="offset"))


@drawn(
    "divided by the standard deviation or by its root",
    thread="tensorflow/tensorflow#49930",
    reports=("Z024",),
    same=False,
    cause=("ARC150", "ARC152", "PRE102"),
    places=("std",),
)
def deviation_taken_for_a_variance(net: Drawing, second: bool) -> None:
    x = net.op("Sub", net.image(), _channels(net, MEAN), name="mean")
    std = np.sqrt(STD) if second else np.array(STD)
    _body(net, net.op("Div", x, _channels(net, tuple(std)), name="std"))


@drawn(
    "mean 0 and deviation 1 for those of ImageNet",
    thread="keras-team/keras PR #20163",
    reports=("Z025",),
    same=False,
    cause=("ARC150", "ARC152", "PRE102"),
)
def normalisation_not_loaded(net: Drawing, second: bool) -> None:
    mean, std = ((0.0,) * 3, (1.0,) * 3) if second else (MEAN, STD)
    x = net.op("Sub", net.image(), _channels(net, mean), name="mean")
    _body(net, net.op("Div", x, _channels(net, std), name="std"))


@drawn(
    "one deviation for three channels",
    thread="apple/coremltools#1087",
    reports=("N049",),
    same=False,
    cause=("ARC150", "ARC152", "PRE102"),
    places=("std",),
)
def one_deviation_for_three(net: Drawing, second: bool) -> None:
    x = net.op("Sub", net.image(), _channels(net, MEAN), name="mean")
    std = (0.226,) * 3 if second else STD
    _body(net, net.op("Div", x, _channels(net, std), name="std"))


@drawn(
    "mean and deviation written as factor and offset",
    thread="apple/coremltools#953",
    reports=("N049",),
    same=True,
    cause=(),
)
def factor_and_offset(net: Drawing, second: bool) -> None:
    if not second:
        _scaled(net, lambda x: _imagenet(net, x))
        return
    factor, offset = 1 / np.array(STD), -np.array(MEAN) / np.array(STD)
    x = net.op("Mul", net.image(), _channels(net, tuple(factor)), name="factor")
    _body(net, net.op("Add", x, _channels(net, tuple(offset)), name="offset"))


def _reversed(net: Drawing, x: str) -> str:
    ends = net.integers(-1), net.integers(-4), net.integers(1), net.integers(-1)
    return str(net.op("Slice", x, *ends, name="reverse"))


@drawn(
    "channels reversed inside one network (RGB, BGR)",
    thread="qubvel/classification_models#4",
    reports=("Z055", "Z056", "Z058", "Z059"),
    same=False,
    cause=("BGR", "channel order", "PRE101"),
    also=("ARC150",),
)
def channels_reversed(net: Drawing, second: bool) -> None:
    x = net.image()
    _body(net, _reversed(net, x) if second else x)


@drawn(
    "channels reversed by a gather inside one network",
    thread="openvinotoolkit/openvino#181",
    reports=("Z058",),
    same=False,
    cause=("BGR", "channel order", "PRE101"),
    also=("ARC150",),
)
def channels_gathered(net: Drawing, second: bool) -> None:
    x = net.image()
    if second:
        x = net.op("Gather", x, net.integers(2, 1, 0), name="reverse", axis=1)
    _body(net, x)


@drawn(
    "channels reversed inside, and the first kernels too",
    thread="opencv/opencv#9625",
    reports=("Z056",),
    same=True,
    cause=("BGR", "channel order", "PRE101", "permut"),
    also=("ARC150",),
    note="a harmless difference, which may be said",
)
def channels_reversed_twice(net: Drawing, second: bool) -> None:
    x = net.image()
    kernels = weights("conv1.weight", 8, 3, 3, 3)
    x = _reversed(net, x) if second else x
    x = net.conv(x, (3, 8), "conv1", weight=kernels[:, ::-1] if second else kernels)
    net.classify(net.block(net.relu(x), (8, 8), "layer2"), 8)


@drawn(
    "means subtracted before or behind the reversal of channels",
    thread="fchollet/deep-learning-models#41",
    reports=("Z057",),
    same=False,
    cause=("ARC150", "ARC152", "PRE101", "PRE102", "channel order"),
    also=("ARC190",),
)
def means_of_the_other_channel(net: Drawing, second: bool) -> None:
    x = net.image()
    mean = _channels(net, (103.939, 116.779, 123.68))
    if second:
        x = _reversed(net, net.op("Sub", x, mean, name="mean"))
    else:
        x = net.op("Sub", _reversed(net, x), mean, name="mean")
    _body(net, x)


@drawn(
    "divided by 255 as integers",
    thread="wang-xinyu/tensorrtx#100",
    reports=("Z106",),
    same=False,
    cause=("integer", "cast", "ARC150", "ARC190"),
    also=("ARC180",),
)
def divided_as_integers(net: Drawing, second: bool) -> None:
    x = net.image("N", 3, 16, 16, kind="uint8")
    if second:
        x = net.op("Div", net.op("Cast", x, to=6), net.constant(255, kind="int32"), name="divide")
        x = net.op("Cast", x, name="cast", to=1)
    else:
        x = net.op("Div", net.op("Cast", x, name="cast", to=1), net.constant(255.0), name="divide")
    _body(net, x)


@drawn(
    "normalised twice inside",
    thread="tensorflow/tensorflow#48412",
    reports=("N048", "Z022"),
    same=False,
    cause=("ARC150", "ARC152", "PRE107"),
)
def scaled_twice(net: Drawing, second: bool) -> None:
    x = net.op("Mul", net.image(), net.constant(1 / 255), name="rescale")
    if second:
        x = net.op("Mul", x, net.constant(1 / 255), name="again")
    _body(net, x)


@drawn(
    "normalised inside by the same numbers, undone by the first layer",
    thread="mseitzer/pytorch-fid#3",
    reports=("Z017",),
    same=True,
    cause=("ARC150", "ARC152", "fold"),
    note="the scale is folded into the first convolution",
)
def scale_folded_into_the_first_layer(net: Drawing, second: bool) -> None:
    kernels = weights("conv1.weight", 8, 3, 3, 3)
    x = net.image()
    if second:
        kernels = kernels / 4
    else:
        x = net.op("Mul", x, net.constant(0.25), name="rescale")
    x = net.relu(net.conv(x, (3, 8), "conv1", weight=kernels))
    net.classify(net.block(x, (8, 8), "layer2"), 8)


@drawn(
    "a gamma curve in front of the normalisation",
    thread="own",
    same=False,
    cause=("gamma", "power", "Pow", "ARC150", "ARC190"),
    places=("gamma",),
)
def gamma_curve(net: Drawing, second: bool) -> None:
    x = net.op("Abs", net.image(), name="positive")
    if second:
        x = net.op("Pow", x, net.constant(2.2), name="gamma")
    _body(net, _imagenet(net, x))


@drawn(
    "colours mixed by a matrix inside one network (YUV, grey)",
    thread="own",
    same=False,
    cause=("matrix", "colour", "ARC190", "ARC150"),
    places=("mix",),
)
def colours_mixed(net: Drawing, second: bool) -> None:
    x = net.image()
    if second:
        matrix = [[0.299, 0.587, 0.114], [-0.147, -0.289, 0.436], [0.615, -0.515, -0.1]]
        x = net.conv(x, (3, 3), "mix", 1, bias=False, weight=np.reshape(matrix, (3, 3, 1, 1)))
    _body(net, x)


@drawn(
    "pixels rounded inside one network",
    thread="own",
    same=False,
    cause=("round", "ARC150", "ARC190"),
    places=("round",),
)
def pixels_rounded(net: Drawing, second: bool) -> None:
    x = net.image()
    _body(net, net.op("Round", x, name="round") if second else x)
