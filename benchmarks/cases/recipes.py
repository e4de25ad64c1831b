"""Preprocessing outside the network: one network, two recipes in the TOML beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.cases.drawing import Drawing
from benchmarks.cases.registry import Builder, case

Recipe = dict[str, Any]
USUAL: Recipe = {
    "input_size": [32, 32],
    "resize": 36,
    "resize_policy": "short_side",
    "interpolation": "bilinear",
    "library": "pillow",
    "channel_order": "RGB",
    "value_range": [0, 1],
}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
IMAGENET: Recipe = {"mean": MEAN, "std": STD}
SQUASH: Recipe = {"resize": [32, 32], "resize_policy": "squash"}


def _network(path: Path, *, rescale: float | None = None) -> None:
    net = Drawing()
    x = net.image("N", 3, 32, 32)
    if rescale is not None:
        x = net.op("Mul", x, net.constant(rescale), name="rescale")
    net.classify(net.block(x, (3, 8), "layer1"), 8)
    net.save(path)


def _write(path: Path, recipe: Recipe) -> None:
    lines = [f"{key} = {json.dumps(value)}" for key, value in recipe.items()]
    path.with_name(f"{path.name}.toml").write_text("[preprocessing]\n" + "\n".join(lines) + "\n")


def _two_recipes(
    title: str, thread: str, reports: tuple[str, ...], *cause: str, needs: tuple[str, ...] = ()
) -> Callable[[Callable[[], tuple[Recipe, Recipe]]], Builder]:
    """Register a function that returns two recipes for one network."""

    def register(recipes: Callable[[], tuple[Recipe, Recipe]]) -> Builder:
        def build(folder: Path) -> tuple[Path, Path]:
            paths = folder / "a.onnx", folder / "b.onnx"
            for path, recipe in zip(paths, recipes(), strict=True):
                _network(path)
                _write(path, recipe)
            return paths

        build.__name__ = recipes.__name__
        build.__module__ = recipes.__module__
        return case(
            title,
            thread=thread,
            reports=reports,
            same=False,
            cause=cause,
            runtime="recipe",
            needs=("PIL", *needs),
        )(build)

    return register


@_two_recipes(
    "resized by Pillow or by OpenCV",
    "mlcommons/inference#273",
    ("Z001", "Z002", "Z003", "Z037"),
    "PRE105",
    needs=("cv2",),
)
def library_of_resizing() -> tuple[Recipe, Recipe]:
    return USUAL, {**USUAL, "library": "opencv"}


@_two_recipes(
    "bilinear or bicubic", "keras-team/keras-applications#88", ("Z001", "Z027", "N047"), "PRE104"
)
def kernel() -> tuple[Recipe, Recipe]:
    return USUAL, {**USUAL, "interpolation": "bicubic"}


@_two_recipes(
    "by area or bilinear, by OpenCV", "mlcommons/inference#555", ("Z004",), "PRE104", needs=("cv2",)
)
def area() -> tuple[Recipe, Recipe]:
    return (
        {**USUAL, "library": "opencv", "interpolation": "area"},
        {**USUAL, "library": "opencv"},
    )


@_two_recipes(
    "torchvision's tensors with and without antialiasing",
    "pytorch/vision#6506",
    ("Z006", "Z007", "Z008", "Z009"),
    "PRE104",
    "antialias",
    needs=("torch",),
)
def antialiasing_of_tensors() -> tuple[Recipe, Recipe]:
    tensors = {**USUAL, "library": "torchvision"}
    return {**tensors, "antialias": True}, {**tensors, "antialias": False}


@_two_recipes(
    "torchvision on images or on tensors without antialiasing",
    "huggingface/pytorch-image-models#1324",
    ("Z006", "Z019", "Z104"),
    "PRE104",
    "PRE105",
    needs=("torch",),
)
def images_or_tensors() -> tuple[Recipe, Recipe]:
    return USUAL, {**USUAL, "library": "torchvision", "antialias": False}


@_two_recipes(
    "short side to the input's size, or larger",
    "pytorch/tutorials#3936",
    ("Z005", "Z010", "Z013", "Z014"),
    "PRE103",
)
def short_side() -> tuple[Recipe, Recipe]:
    return {**USUAL, "resize": 32}, USUAL


@_two_recipes(
    "squashed or cropped",
    "yhhhli/BRECQ#7",
    ("Z018", "Z085", "N051", "N058", "Z105"),
    "PRE103",
)
def squashed() -> tuple[Recipe, Recipe]:
    return USUAL, {**USUAL, **SQUASH}


@_two_recipes(
    "recipe of another family: [-1, 1] for mean and deviation of ImageNet",
    "tensorflow/models#2217",
    ("Z012", "Z031"),
    "PRE102",
)
def recipe_of_another_family() -> tuple[Recipe, Recipe]:
    return {**USUAL, **IMAGENET}, {**USUAL, "value_range": [-1, 1]}


@_two_recipes("values [0, 1] or [-1, 1]", "tensorflow/tfjs#1830", ("N050", "Z023"), "PRE102")
def values() -> tuple[Recipe, Recipe]:
    return {**USUAL, "value_range": [-1, 1]}, USUAL


@_two_recipes(
    "values [-1, 1] or [-0.5, 0.5]", "huggingface/transformers PR #25174", ("N046",), "PRE102"
)
def values_of_an_image_processor() -> tuple[Recipe, Recipe]:
    return {**USUAL, "value_range": [-1, 1]}, {**USUAL, "value_range": [-0.5, 0.5]}


@_two_recipes("mean and deviation forgotten", "onnx/models#64", ("Z043",), "PRE102")
def normalisation_forgotten() -> tuple[Recipe, Recipe]:
    return {**USUAL, **IMAGENET}, USUAL


@_two_recipes(
    "one deviation for three channels", "hollance/MobileNet-CoreML#9", ("N049",), "PRE102"
)
def one_deviation() -> tuple[Recipe, Recipe]:
    return {**USUAL, **IMAGENET}, {**USUAL, "mean": MEAN, "std": [0.226] * 3}


@_two_recipes(
    "RGB or BGR", "qubvel/classification_models#4", ("Z055", "Z056", "Z058", "Z059"), "PRE101"
)
def order_of_channels() -> tuple[Recipe, Recipe]:
    return USUAL, {**USUAL, "channel_order": "BGR"}


@_two_recipes(
    "means in the order of the other channels",
    "fchollet/deep-learning-models#41",
    ("Z057",),
    "PRE102",
)
def order_of_the_means() -> tuple[Recipe, Recipe]:
    pixels = {**USUAL, "channel_order": "BGR", "value_range": [0, 255], "std": [1.0] * 3}
    mean = [103.939, 116.779, 123.68]
    return {**pixels, "mean": mean}, {**pixels, "mean": mean[::-1]}


@case(
    "scaled inside the network and outside too",
    thread="tensorflow/tensorflow#48412",
    reports=("N048", "Z021", "Z022"),
    same=False,
    cause=("PRE107", "PRE102"),
    runtime="recipe",
    needs=("PIL",),
)
def scaled_inside_and_outside(folder: Path) -> tuple[Path, Path]:
    a, b = folder / "a.onnx", folder / "b.onnx"
    for path, values in ((a, [0, 255]), (b, [0, 1])):
        _network(path, rescale=1 / 255)
        _write(path, {**USUAL, "value_range": values})
    return a, b


@case(
    "scaled inside one network, outside the other",
    thread="keras-team/keras-hub PR #1859",
    reports=("N048",),
    same=True,
    cause=(),
    runtime="recipe",
    needs=("PIL",),
)
def scaled_inside_or_outside(folder: Path) -> tuple[Path, Path]:
    a, b = folder / "a.onnx", folder / "b.onnx"
    _network(a, rescale=1 / 255)
    _write(a, {**USUAL, "value_range": [0, 255]})
    _network(b)
    _write(b, USUAL)
    return a, b
