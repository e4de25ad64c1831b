"""ONNX files, read as in their worker, in this process."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from support.fuzzing.mutations import protobuf
from support.fuzzing.network import counted
from support.fuzzing.target import Target, placed


@functools.cache
def onnx_models() -> Sequence[Any]:
    """Networks with most of the operators that have rules of their own."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    node, value = helper.make_node, helper.make_tensor_value_info
    random = np.random.default_rng(0)

    def weights(**shapes: Any) -> list[Any]:
        return [
            numpy_helper.from_array(
                random.standard_normal(s).astype(np.float32) if isinstance(s, tuple) else s, name
            )
            for name, s in shapes.items()
        ]

    def whole(nodes: Sequence[Any], held: Sequence[Any], shape: Sequence[Any], **more: Any) -> Any:
        graph = helper.make_graph(
            list(nodes),
            "g",
            [value("x", TensorProto.FLOAT, shape)],
            [value("y", TensorProto.FLOAT, None)],
            list(held),
        )
        domains = more.pop("domains", [("", 17)])
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid(d, v) for d, v in domains], **more
        )
        made.ir_version = 8
        return made

    ints = np.array
    classic = whole(
        [
            node("Conv", ["x", "w", "b"], ["a"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
            node("BatchNormalization", ["a", "s", "h", "m", "v"], ["c"], epsilon=1e-3),
            node("Relu", ["c"], ["d"]),
            node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Conv", ["e", "w2"], ["f"], auto_pad="SAME_UPPER", group=4),
            node("Add", ["f", "e"], ["g"]),
            node("Clip", ["g", "zero", "six"], ["i"]),
            node("GlobalAveragePool", ["i"], ["j"]),
            node("Flatten", ["j"], ["k"]),
            node("Gemm", ["k", "w3", "b3"], ["l"], transB=1),
            node("Softmax", ["l"], ["y"]),
        ],
        weights(
            w=(4, 3, 3, 3),
            b=(4,),
            s=(4,),
            h=(4,),
            m=(4,),
            v=(4,),
            w2=(4, 1, 3, 3),
            w3=(5, 4),
            b3=(5,),
            zero=ints(0, np.float32),
            six=ints(6, np.float32),
        ),
        ["N", 3, 16, 16],
    )
    shaped = whole(
        [
            node("Pad", ["x", "pads"], ["a"], mode="reflect"),
            node("Resize", ["a", "", "scales"], ["b"], mode="nearest"),
            node("Transpose", ["b"], ["c"], perm=[0, 2, 3, 1]),
            node("Shape", ["c"], ["d"]),
            node("Gather", ["d", "zero"], ["e"]),
            node("Unsqueeze", ["e", "axes"], ["f"]),
            node("Concat", ["f", "minus"], ["g"], axis=0),
            node("Reshape", ["c", "g"], ["h"]),
            node("MatMul", ["h", "w"], ["i"]),
            node("Add", ["i", "bias"], ["j"]),
            node("LayerNormalization", ["j", "s", "t"], ["k"], axis=-1),
            node("Slice", ["k", "zeros", "twos", "ones"], ["l"]),
            node("ReduceMean", ["l"], ["m"], axes=[1], keepdims=1),
            node("Constant", [], ["n"], value_floats=[0.5]),
            node("Mul", ["m", "n"], ["o"]),
            node("Split", ["o"], ["p", "q"], axis=1) if False else node("Erf", ["o"], ["p"]),
            node("Identity", ["p"], ["y"]),
        ],
        weights(
            pads=ints([0, 0, 1, 1, 0, 0, 1, 1]),
            scales=ints([1, 1, 2, 2], np.float32),
            zero=ints(0),
            axes=ints([0]),
            minus=ints([-1]),
            w=(300, 6),
            bias=(6,),
            s=(6,),
            t=(6,),
            zeros=ints([0]),
            twos=ints([2]),
            ones=ints([1]),
        ),
        [1, 3, 3, 3],
    )
    attention = whole(
        [
            *(node("MatMul", ["x", f"w{k}"], [k]) for k in "qkv"),
            node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
            node("MatMul", ["q", "kt"], ["a"]),
            node("Div", ["a", "root"], ["b"]),
            node("Softmax", ["b"], ["c"], axis=-1),
            node("MatMul", ["c", "v"], ["d"]),
            node("Einsum", ["d", "we"], ["e"], equation="bij,jk->bik"),
            node("Split", ["e", "parts"], ["f", "g"], axis=2),
            node("Sigmoid", ["g"], ["h"]),
            node("Mul", ["f", "h"], ["y"]),
        ],
        weights(
            wq=(8, 8),
            wk=(8, 8),
            wv=(8, 8),
            we=(8, 4),
            root=ints(2.8, np.float32),
            parts=ints([2, 2]),
        ),
        [1, 5, 8],
    )
    scale, zero = ints(0.1, np.float32), ints(0, np.uint8)
    quantized = whole(
        [
            node("QuantizeLinear", ["x", "s", "z"], ["a"]),
            node("QLinearConv", ["a", "s", "z", "w", "s", "z", "s", "z"], ["b"], pads=[1] * 4),
            node("QLinearAdd", ["b", "s", "z", "b", "s", "z", "s", "z"], ["c"], domain=_MICROSOFT),
            node("DequantizeLinear", ["c", "s", "z"], ["d"]),
            node("DequantizeLinear", ["w4", "s", "z"], ["w5"]),
            node("Conv", ["d", "w5"], ["e"]),
            node("ConstantOfShape", ["dims"], ["w6"]),
            node("Conv", ["e", "w6"], ["y"]),
        ],
        weights(
            s=scale,
            z=zero,
            w=ints(np.ones((4, 3, 3, 3)), np.uint8),
            w4=ints(np.ones((4, 4, 1, 1)), np.uint8),
            dims=ints([2, 4, 1, 1]),
        ),
        [1, 3, 6, 6],
        domains=[("", 17), (_MICROSOFT, 1)],
    )
    function = helper.make_function(
        "own",
        "Act",
        ["i"],
        ["o"],
        [node("Sigmoid", ["i"], ["t"]), node("Mul", ["i", "t"], ["o"])],
        [helper.make_opsetid("", 17)],
    )
    with_function = whole(
        [node("Act", ["x"], ["a"], domain="own"), node("Flatten", ["a"], ["y"])],
        [],
        [1, 3, 4, 4],
        domains=[("", 17), ("own", 1)],
        functions=[function],
    )
    old = whole(
        [
            node("Dropout", ["x"], ["a"]),
            node("Upsample", ["a"], ["b"], scales=[1.0, 1.0, 2.0, 2.0], mode="nearest"),
            node("Pad", ["b"], ["c"], pads=[0, 0, 1, 1, 0, 0, 1, 1]),
            node("Squeeze", ["c"], ["d"], axes=[0]),
            node("Unsqueeze", ["d"], ["e"], axes=[0]),
            node("Clip", ["e"], ["f"], min=0.0, max=6.0),
            node("Reshape", ["f", "shape"], ["y"]),
        ],
        weights(shape=ints([0, -1])),
        [1, 2, 3, 3],
        domains=[("", 8)],
    )
    outside = whole([node("Conv", ["x", "w"], ["y"])], weights(w=(64, 64, 3, 3)), [1, 64, 6, 6])
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, said in (("location", "w.bin"), ("offset", "0"), ("length", "147456")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, said
    return [classic, shaped, attention, quantized, with_function, old, outside]


_MICROSOFT = "com.microsoft"


def onnx_seeds() -> Sequence[bytes]:
    return [model.SerializeToString() for model in onnx_models()]


def small_graphs() -> Iterable[Any]:
    """Graphs as frontends make them."""
    from zoodiff.frontends.onnx.file import graph_from_model

    for model in onnx_models()[:4]:
        copied = type(model)()
        copied.CopyFrom(model)
        yield graph_from_model(copied, "test")


def onnx(data: bytes) -> None:
    """An ONNX file: its graph and its own counts."""
    from zoodiff.zoos.files.onnx import OnnxFiles

    path = str(placed("onnx/model.onnx", data))
    backend = OnnxFiles()
    graph = backend.describe(path + "?size=32", None)
    backend.facts(path, None)
    counted(graph)


def onnx_run(data: bytes) -> None:
    """An ONNX file in ONNX Runtime, as it is and with random weights, and its weights."""
    from zoodiff.zoos.files.onnx import OnnxFiles

    path = str(placed("onnx/model.onnx", data))
    for weights in ("file", "random"):
        network: Any = OnnxFiles().load(path, weights, seed=0, threads=1)
        held = network.weights()
        for name in list(held)[:3]:
            assert held[name].nbytes >= 0


TARGETS = (
    Target("onnx", onnx, onnx_seeds, protobuf, ("onnx",)),
    Target(
        *("onnx_run", onnx_run, onnx_seeds, protobuf, ("onnx", "onnxruntime")),
        contained="ONNX Runtime",
    ),
)
