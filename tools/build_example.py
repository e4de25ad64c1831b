"""Build the three small networks that `zoodiff example` writes.

``build_example.py [FOLDER]`` writes ``a.onnx``, ``b.onnx`` and ``c.onnx``. ``a`` is a small
convolutional network whose strided convolutions pad as TensorFlow does, after the image only. ``b``
pads before the image, the mistake of many a port. ``c`` computes what ``a`` does, with other names,
with its padding as operators of their own and with batch norms that ``a`` has folded.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).resolve().parents[1] / "src" / "zoodiff" / "api" / "example"
AFTER, BEFORE = (0, 0, 1, 1), (1, 1, 0, 0)
"""Padding as ONNX writes it: top, left, bottom, right."""
WIDTHS = (3, 8, 16)
CLASSES = 10
SIZE = 32
"""Even, since a padding after the image is read by no stride of two at odd sizes."""
EPSILON = 1e-3
Arrays = dict[str, NDArray[np.float32]]


def weights() -> Arrays:
    """Return the weights of the network with batch norms; drawn, and the same at each build."""
    rng = np.random.default_rng(2022)
    arrays: Arrays = {}
    for layer, (narrow, wide) in enumerate(itertools.pairwise(WIDTHS), start=1):
        arrays[f"conv{layer}"] = rng.normal(0, (2 / (9 * narrow)) ** 0.5, (wide, narrow, 3, 3))
        arrays[f"scale{layer}"] = rng.uniform(0.5, 1.5, wide)
        arrays[f"shift{layer}"] = rng.normal(0, 0.3, wide)
        arrays[f"mean{layer}"] = rng.normal(0, 0.3, wide)
        arrays[f"variance{layer}"] = rng.uniform(0.5, 1.5, wide)
    arrays["linear"] = rng.normal(0, WIDTHS[-1] ** -0.5, (CLASSES, WIDTHS[-1]))
    arrays["bias"] = rng.normal(0, 0.1, CLASSES)
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def folded(arrays: Arrays, first: tuple[int, ...]) -> onnx.ModelProto:
    """Return the network with folded batch norms; ``first`` is its first padding."""
    nodes, constants, image = [], {}, "image"
    for layer in (1, 2):
        factor = arrays[f"scale{layer}"] / np.sqrt(arrays[f"variance{layer}"] + EPSILON)
        constants[f"conv{layer}.weight"] = arrays[f"conv{layer}"] * factor[:, None, None, None]
        shift = arrays[f"shift{layer}"] - arrays[f"mean{layer}"] * factor
        constants[f"conv{layer}.bias"] = shift.astype(np.float32)
        pads = first if layer == 1 else AFTER
        inputs = [image, f"conv{layer}.weight", f"conv{layer}.bias"]
        convolved, image = f"convolved{layer}", f"features{layer}"
        nodes.append(
            helper.make_node("Conv", inputs, [convolved], f"conv{layer}", strides=(2, 2), pads=pads)
        )
        nodes.append(helper.make_node("Relu", [convolved], [image], f"relu{layer}"))
    return model([*nodes, *head(image)], {**constants, **ending(arrays)})


def unfolded(arrays: Arrays) -> onnx.ModelProto:
    """Return the network with padding and batch norms as operators of their own."""
    nodes: list[onnx.NodeProto] = []
    constants: dict[str, NDArray[Any]] = {
        "pads": np.array((0, 0, *AFTER[:2], 0, 0, *AFTER[2:]), np.int64)
    }
    image = "image"
    for layer in (1, 2):
        block = f"backbone/stage{layer}"
        norm = [f"{block}/bn/{part}" for part in ("scale", "shift", "mean", "variance")]
        constants[f"{block}/kernel"] = arrays[f"conv{layer}"]
        for name in norm:
            constants[name] = arrays[f"{name.rpartition('/')[2]}{layer}"]
        steps = (
            ("Pad", "pad", ["pads"], {}),
            ("Conv", "conv", [f"{block}/kernel"], {"strides": (2, 2)}),
            ("BatchNormalization", "bn", norm, {"epsilon": EPSILON}),
            ("Relu", "relu", [], {}),
        )
        for operator, name, more, attributes in steps:
            output = f"{block}/{name}/output"
            nodes.append(
                helper.make_node(
                    operator, [image, *more], [output], f"{block}/{name}", **attributes
                )
            )
            image = output
    return model([*nodes, *head(image)], {**constants, **ending(arrays)})


def head(features: str) -> list[onnx.NodeProto]:
    """Return the pooling and the classifier."""
    return [
        helper.make_node("GlobalAveragePool", [features], ["pooled"], "pool"),
        helper.make_node("Flatten", ["pooled"], ["flat"], "flatten"),
        helper.make_node(
            "Gemm", ["flat", "linear.weight", "linear.bias"], ["logits"], "linear", transB=1
        ),
    ]


def ending(arrays: Arrays) -> Arrays:
    """Return the weights of the classifier by their names in the files."""
    return {"linear.weight": arrays["linear"], "linear.bias": arrays["bias"]}


def model(nodes: list[onnx.NodeProto], constants: dict[str, NDArray[Any]]) -> onnx.ModelProto:
    """Return a checked model."""
    graph = helper.make_graph(
        nodes,
        "example",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ("N", 3, SIZE, SIZE))],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ("N", CLASSES))],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(built)
    return built


def main(arguments: list[str]) -> int:
    """Write the three files."""
    folder = Path(arguments[0]) if arguments else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    arrays = weights()
    for name, built in (
        ("a", folded(arrays, AFTER)),
        ("b", folded(arrays, BEFORE)),
        ("c", unfolded(arrays)),
    ):
        (folder / f"{name}.onnx").write_bytes(built.SerializeToString(deterministic=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
