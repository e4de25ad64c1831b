"""Resizing inside a network: which pixels it reads (ARC135)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from zoodiff.graph.ir import Graph
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, for_layers
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule
from zoodiff.rules.wording import shown

_CONVENTION = (
    "coordinate_transformation_mode",
    "nearest_mode",
    "cubic_coeff_a",
    "exclude_outside",
    "extrapolation_value",
)
_KNOWN = {
    ("nearest", "asymmetric", "floor"): "PyTorch's nearest, TensorFlow 1, Caffe",
    ("nearest", "half_pixel", "round_prefer_ceil"): "TensorFlow 2, PyTorch's nearest-exact",
    ("nearest", "half_pixel", "round_prefer_floor"): "the default of ONNX",
    ("nearest", "align_corners", "round_prefer_ceil"): "TensorFlow 1 with align_corners",
    ("linear", "half_pixel", ""): "TensorFlow 2, Keras, OpenCV",
    ("linear", "pytorch_half_pixel", ""): "PyTorch without align_corners",
    ("linear", "align_corners", ""): "PyTorch with align_corners",
    ("linear", "asymmetric", ""): "TensorFlow 1",
    ("cubic", "half_pixel", ""): "TensorFlow 2, Keras, Pillow",
    ("cubic", "pytorch_half_pixel", ""): "PyTorch without align_corners",
}
"""Interpolation, coordinates and rounding, and who has them so."""


def convention(a: Mapping[str, Any]) -> str:
    """Return which pixels a resize reads, in words, and who does it so.

    >>> convention({"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
    ...             "nearest_mode": "floor"})
    "nearest, asymmetric, floor (PyTorch's nearest, TensorFlow 1, Caffe)"
    """
    mode = str(a.get("mode", "nearest"))
    coordinates = str(a.get("coordinate_transformation_mode", "half_pixel"))
    rounding = str(a.get("nearest_mode", "round_prefer_floor")) if mode == "nearest" else ""
    words = ", ".join(w.replace("_", " ") for w in (mode, coordinates, rounding) if w)
    if mode == "cubic":
        words += f", coefficient {shown(a.get('cubic_coeff_a', -0.75))}"
    known = _KNOWN.get((mode, coordinates, rounding))
    return f"{words} ({known})" if known else words


def _resize(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    keys = [key for key in (*_CONVENTION, "mode") if key in pair.unclaimed]
    if pair.a.op != "Resize" or pair.b.op != "Resize" or not keys:
        return
    pair.claim(*keys)
    left, right = (convention(layer.node.attributes) for layer in (pair.a, pair.b))
    if left == right:
        left, right = (
            ", ".join(f"{key} {shown(layer.node.attributes.get(key))}" for key in keys)
            for layer in (pair.a, pair.b)
        )
    yield pair.difference("ARC135", left, right, *keys, noun="resizes")


def _doubled(*, name: str = "resize", **attributes: Any) -> Graph:
    net = TinyNetwork(size=8)
    x = net.add("Relu", net.conv("image", 8))
    x = net.add("Resize", x, (1, 8, 13, 13), name=name, sizes=[1, 8, 13, 13], **attributes)
    return net.classifier(net.conv(x, 8))


_ASYMMETRIC = {
    "mode": "nearest",
    "coordinate_transformation_mode": "asymmetric",
    "nearest_mode": "floor",
}

RESIZE_CONVENTION = Rule(
    code="ARC135",
    name="resize convention",
    effect="function",
    cause="The networks resize a map with different coordinates: those of pixel corners or of "
    "pixel centres, or with different rounding.",
    consequence="Maps are shifted by up to a pixel. Outputs differ, and weights fit both networks.",
    advice="Use the convention of the framework in which the weights were trained.",
    references=(
        "microsoft/onnxruntime#28085",
        "ONNX operators, Resize, https://onnx.ai/onnx/operators/onnx__Resize.html",
    ),
    check=for_layers(_resize),
    example=Example(
        networks=lambda: (
            _doubled(**_ASYMMETRIC),
            _doubled(
                mode="nearest",
                coordinate_transformation_mode="half_pixel",
                nearest_mode="round_prefer_ceil",
            ),
        ),
        twin=lambda: (_doubled(**_ASYMMETRIC), _doubled(name="upsample", **_ASYMMETRIC)),
        twin_shows="Only the name of the layer differs.",
    ),
)
