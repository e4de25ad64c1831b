"""A network whose answers are known, and images for it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from zoodiff.accuracy.subject import changes_of

COLOURS = np.array([[250, 5, 5], [5, 250, 5], [5, 5, 250], [240, 240, 10]], dtype=np.uint8)


def network(path: Path, order: tuple[int, ...] = (0, 1, 2, 3), extra: int = 0) -> str:
    """The mean colour against four colours: the nearest one's class has the largest output."""
    from onnx import TensorProto, helper, numpy_helper

    colours = COLOURS[list(order)].astype(np.float32) / 255
    # -|x - c|^2 = 2 x.c - |c|^2 - |x|^2, and the last is the same for all.
    weight = np.concatenate([np.zeros((extra, 3), np.float32), 2 * colours]).astype(np.float32)
    bias = np.concatenate([np.full(extra, -9.0), -(colours**2).sum(1)]).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w", "b"], ["y"], transB=1),
    ]
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 16, 16])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", len(bias)])
    weights = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")]
    graph = helper.make_graph(nodes, "colours", [image], [scores], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return str(path)


def painted(folder: Path, each: int = 8, wrong: int = 1) -> Path:
    """Images of four colours in four folders; of each, so many lie in the next one's folder."""
    rng = np.random.default_rng(0)
    for label, colour in enumerate(COLOURS):
        for k in range(each):
            place = folder / f"{(label + (k < wrong)) % 4}"
            place.mkdir(parents=True, exist_ok=True)
            pixels = np.clip(rng.normal(colour, 9, (20 + k, 30, 3)), 0, 255).astype(np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            (place / f"{label}-{k}.png").write_bytes(buffer.getvalue())
    return folder


PLAIN = changes_of(["value_range=0,1", "mean=0,0,0", "std=1,1,1"])
