"""Small networks as ONNX files, and the same drawn differently."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def network(
    path: Path, *, kernel: int = 3, inside: bool = False, last: bool = False, seed: int = 0
) -> Path:
    """Two convolutions, pooling and a linear layer; batch size left open.

    ``kernel`` is the second convolution's; ``inside`` puts scaling of pixels and a softmax into
    the network; ``last`` lets images enter channels last.
    """
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(seed)
    weights = {
        "w1": rng.standard_normal((8, 3, 3, 3)) * 0.3,
        "b1": rng.standard_normal(8),
        "w2": rng.standard_normal((16, 8, kernel, kernel)) * 0.1,
        "w3": rng.standard_normal((10, 16)),
        "b3": rng.standard_normal(10),
        "scale": np.array(1 / 255),
        "mean": np.array([0.5, 0.4, 0.3]).reshape(1, 3, 1, 1),
    }
    nodes, image = [], "image"
    if last:
        nodes.append(helper.make_node("Transpose", [image], ["turned"], "turn", perm=[0, 3, 1, 2]))
        image = "turned"
    if inside:
        nodes.append(helper.make_node("Mul", [image, "scale"], ["scaled"], "rescale"))
        nodes.append(helper.make_node("Sub", ["scaled", "mean"], ["centred"], "centre"))
        image = "centred"
    pads = [kernel // 2] * 4
    logits = "logits" if not inside else "scores"
    nodes += [
        helper.make_node("Conv", [image, "w1", "b1"], ["c1"], "first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], "second", pads=pads),
        helper.make_node("Relu", ["c2"], ["r2"], "relu2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flatten", axis=1),
        helper.make_node("Gemm", ["f", "w3", "b3"], [logits], "classes", transB=1),
    ]
    if inside:
        nodes.append(helper.make_node("Softmax", ["scores"], ["logits"], "softmax", axis=1))
    used = {name for node in nodes for name in node.input}
    shape = ["N", 32, 32, 3] if last else ["N", 3, 32, 32]
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", 10])],
        [
            numpy_helper.from_array(value.astype(np.float32), name)
            for name, value in weights.items()
            if name in used
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path
