"""ONNX files that take ids and a mask, written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

VOCABULARY, WIDTH, LENGTH = 40, 6, 8


def reader(
    folder: Path,
    name: str,
    *,
    ids: str = "ids",
    turned: bool = False,
    hidden: bool = False,
    length: int | str = LENGTH,
    table: Any = None,
    outputs: tuple[str, ...] = ("y", "h"),
    sees_all: bool = False,
    bounded: bool = False,
) -> Path:
    """Embedding, a mask over the positions, a linear layer: ids and a mask in, two outputs.

    ``hidden`` inverts the mask, ``sees_all`` reads it without effect, and ``bounded`` adds a
    hyperbolic tangent behind the masked rows.
    """
    r = np.random.default_rng(0)
    rows = r.standard_normal((VOCABULARY, WIDTH)) if table is None else table
    values = {"table": rows, "w": r.standard_normal((WIDTH, 3)), "zero": np.zeros(())}
    inits = [onnx.numpy_helper.from_array(np.float32(v), k) for k, v in values.items()]
    inits.append(onnx.numpy_helper.from_array(np.int64([2]), "last"))
    node = onnx.helper.make_node
    seen = "hidden" if hidden else "mask"
    nodes = [
        *([node("Not", ["mask"], ["hidden"], "not")] if hidden else []),
        node("Gather", ["table", ids], ["e"], "embedding"),
        node("Unsqueeze", [seen, "last"], ["m"], "wide"),
        node("Where", ["m", "e", "e" if sees_all else "zero"], ["r"], "masked"),
        node("Tanh" if bounded else "Identity", ["r"], ["h"], "rows"),
        node("MatMul", ["h", "w"], ["y"], "head"),
    ]
    declared = [
        onnx.helper.make_tensor_value_info(ids, onnx.TensorProto.INT64, [1, length]),
        onnx.helper.make_tensor_value_info("mask", onnx.TensorProto.BOOL, [1, length]),
    ]
    shapes = {"y": [1, length, 3], "h": [1, length, WIDTH]}
    graph = onnx.helper.make_graph(
        nodes,
        name,
        declared[::-1] if turned else declared,
        [onnx.helper.make_tensor_value_info(o, 1, shapes[o]) for o in outputs],
        inits,
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return path
