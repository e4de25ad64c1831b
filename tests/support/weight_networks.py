"""Small ONNX networks with weights, from which tests make related ones by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from zoodiff.architecture.diff import diff
from zoodiff.equivalence.symmetries import WeightRelation, relations
from zoodiff.equivalence.weights.weight_diff import canonical, compare_aligned
from zoodiff.frontends.onnx.file import graph_from_model

Values = dict[str, Any]


def model(nodes: list[Any], values: Mapping[str, Any], shape: tuple[int, ...], constants: Any = ()):
    """A model with the output ``y``; only values that are read are kept."""
    read = {name for node in nodes for name in node.input}
    held = [
        numpy_helper.from_array(np.asarray(v, np.float32), k)
        for k, v in values.items()
        if k in read
    ]
    held += [numpy_helper.from_array(np.asarray(v), k) for k, v in dict(constants).items()]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        held,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def related(one: Any, other: Any, without: tuple[str, ...] = ()) -> tuple[WeightRelation, ...]:
    """The relations between the weights of two models; ``without`` names passes to leave out."""
    graphs = [graph_from_model(m, "test") for m in (one, other)]
    found = diff(graphs[0], graphs[1], "a", "b", without=without)
    a, b = (
        canonical(side.canonical, {t.name: numpy_helper.to_array(t) for t in m.graph.initializer})
        for side, m in ((found.a, one), (found.b, other))
    )
    return relations(found, a, b, compare_aligned(found.alignment, a, b))


def same_function(one: Any, other: Any) -> bool:
    """Whether ONNX Runtime gives equal outputs for random images."""
    import onnxruntime

    shape = [d.dim_value for d in one.graph.input[0].type.tensor_type.shape.dim]
    image = np.random.default_rng(5).standard_normal(shape).astype(np.float32)
    a, b = (
        onnxruntime.InferenceSession(m.SerializeToString(), providers=["CPUExecutionProvider"]).run(
            None, {"x": image}
        )[0]
        for m in (one, other)
    )
    return a.shape == b.shape and bool(np.abs(a - b).max() <= 1e-4 * np.abs(a).max())


def _norm(name: str, width: int, r: np.random.Generator) -> Values:
    return {
        f"{name}.g": r.uniform(0.5, 1.5, width),
        f"{name}.s": 0.3 * r.standard_normal(width),
        f"{name}.m": 0.3 * r.standard_normal(width),
        f"{name}.v": r.uniform(0.5, 1.5, width),
    }


def _conv(
    name: str, source: str, out: str, kernel: int = 3, bias: bool = False, **more: Any
) -> Any:
    inputs = [source, f"{name}.w", *([f"{name}.b"] if bias else [])]
    return helper.make_node("Conv", inputs, [out], name, pads=[kernel // 2] * 4, **more)


def _bn(name: str, source: str, out: str) -> Any:
    inputs = [source, *(f"{name}.{k}" for k in "gsmv")]
    return helper.make_node("BatchNormalization", inputs, [out], name, epsilon=1e-3)


def residual_values(seed: int = 0, width: int = 12, classes: int = 10) -> Values:
    """Weights of ``residual``."""
    r = np.random.default_rng(seed)
    half = width // 2

    def weight(*shape: int) -> Any:
        return (r.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    return {
        "stem.w": weight(width, 3, 3, 3),
        **_norm("stem_bn", width, r),
        "reduce.w": weight(half, width, 1, 1),
        **_norm("reduce_bn", half, r),
        "expand.w": weight(width, half, 3, 3),
        **_norm("expand_bn", width, r),
        "down.w": weight(2 * width, width, 3, 3),
        "down.b": 0.3 * r.standard_normal(2 * width),
        "depth.w": weight(2 * width, 1, 3, 3),
        "grouped.w": weight(2 * width, 2 * width // 4, 3, 3),
        "grouped.b": 0.3 * r.standard_normal(2 * width),
        "fc.w": weight(classes, 2 * width),
        "fc.b": 0.3 * r.standard_normal(classes),
    }


def residual(values: Values, *, folded: bool = False, size: int = 12) -> Any:
    """A residual block, a depthwise and a grouped convolution, a linear layer.

    ``folded``: the stem has a bias in place of its norm.
    """
    node = helper.make_node
    stem = (
        [_conv("stem", "x", "n1", bias=True)]
        if folded
        else [_conv("stem", "x", "c1"), _bn("stem_bn", "c1", "n1")]
    )
    nodes = [
        *stem,
        node("Relu", ["n1"], ["r1"], "relu1"),
        _conv("reduce", "r1", "c2", 1),
        _bn("reduce_bn", "c2", "n2"),
        node("Relu", ["n2"], ["r2"], "relu2"),
        _conv("expand", "r2", "c3"),
        _bn("expand_bn", "c3", "n3"),
        node("Add", ["n3", "r1"], ["a1"], "add"),
        node("Relu", ["a1"], ["r3"], "relu3"),
        _conv("down", "r3", "c4", bias=True, strides=[2, 2]),
        node("LeakyRelu", ["c4"], ["r4"], "leaky", alpha=0.1),
        _conv("depth", "r4", "c5", group=values["depth.w"].shape[0] * 1),
        node("MaxPool", ["c5"], ["p5"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        _conv("grouped", "p5", "c6", bias=True, group=4),
        node("Relu", ["c6"], ["r6"], "relu6"),
        node("GlobalAveragePool", ["r6"], ["g"], "mean"),
        node("Flatten", ["g"], ["f"], "flat", axis=1),
        node("Gemm", ["f", "fc.w", "fc.b"], ["y"], "fc", transB=1),
    ]
    return model(nodes, values, (1, 3, size, size))


def plain_values(seed: int = 0, width: int = 8, classes: int = 10) -> Values:
    """Weights of ``plain``."""
    r = np.random.default_rng(seed)
    return {
        "c1.w": r.standard_normal((width, 3, 3, 3)) / 5,
        "c1.b": r.standard_normal(width) / 3,
        "c2.w": r.standard_normal((width, width, 3, 3)) / 8,
        "c2.b": r.standard_normal(width) / 3,
        "fc1.w": r.standard_normal((16, width * 12)) / 8,
        "fc1.b": r.standard_normal(16) / 3,
        "fc2.w": r.standard_normal((16, 16)) / 4,
        "fc2.b": r.standard_normal(16) / 3,
        "fc3.w": r.standard_normal((classes, 16)) / 4,
        "fc3.b": r.standard_normal(classes) / 3,
    }


def plain(values: Values, activation: str = "Relu") -> Any:
    """Two convolutions, a flattened map of width x 3 x 4, three linear layers."""
    node = helper.make_node
    nodes = [
        _conv("c1", "x", "t1", bias="c1.b" in values),
        node(activation, ["t1"], ["t2"], "act1"),
        _conv("c2", "t2", "t3", bias="c2.b" in values),
        node(activation, ["t3"], ["t4"], "act2"),
        node("AveragePool", ["t4"], ["t5"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["t5"], ["t6"], "flat", axis=1),
        node("Gemm", ["t6", "fc1.w", "fc1.b"], ["t7"], "fc1", transB=1),
        node(activation, ["t7"], ["t8"], "act3"),
        node("Gemm", ["t8", "fc2.w", "fc2.b"], ["t9"], "fc2", transB=1),
        node(activation, ["t9"], ["t10"], "act4"),
        node("Gemm", ["t10", "fc3.w", "fc3.b"], ["y"], "fc3", transB=1),
    ]
    return model(nodes, values, (1, 3, 6, 8))


WIDTH, HEADS, TOKENS = 24, 3, 10


def attention_values(seed: int = 0) -> Values:
    """Weights of ``attention``, queries, keys and values as (in, out)."""
    r = np.random.default_rng(seed)
    c = WIDTH

    def weight(*shape: int) -> Any:
        return (r.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32)

    values: Values = {"embed.w": weight(8, c), "pos": 0.3 * r.standard_normal((1, TOKENS, c))}
    for name in ("ln1", "ln2"):
        values |= {f"{name}.g": r.uniform(0.5, 1.5, c), f"{name}.s": 0.3 * r.standard_normal(c)}
    for name in "qkvo":
        values |= {f"{name}.w": 1.5 * weight(c, c), f"{name}.b": 0.3 * r.standard_normal(c)}
    values |= {"up.w": weight(c, 2 * c), "up.b": 0.3 * r.standard_normal(2 * c)}
    values |= {"dn.w": weight(2 * c, c), "dn.b": 0.3 * r.standard_normal(c)}
    return values | {"head.w": weight(c, 7), "head.b": 0.3 * r.standard_normal(7)}


def fused(values: Values, layout: str = "qkv") -> Values:
    """The same with one weight for queries, keys and values: ``qkv`` or ``hqd`` (by head)."""
    parts = [values[f"{n}.w"] for n in "qkv"], [values[f"{n}.b"] for n in "qkv"]
    weight = np.stack(parts[0], 1).reshape(WIDTH, 3, HEADS, -1)
    bias = np.stack(parts[1], 0).reshape(3, HEADS, -1)
    if layout == "hqd":
        weight, bias = weight.transpose(0, 2, 1, 3), bias.transpose(1, 0, 2)
    return values | {"qkv.w": weight.reshape(WIDTH, -1), "qkv.b": bias.reshape(-1)}


def attention(values: Values, layout: str = "") -> Any:
    """One block of a transformer; ``layout`` is how a fused weight is read, empty for three."""
    node = helper.make_node
    d = WIDTH // HEADS
    constants = {
        "split": np.array([1, TOKENS, HEADS, d]),
        "three": np.array(
            [1, TOKENS, 3, HEADS, d] if layout == "qkv" else [1, TOKENS, HEADS, 3, d]
        ),
        "whole": np.array([1, TOKENS, WIDTH]),
        "axis": np.array([2 if layout == "qkv" else 3]),
        "scale": np.array(d**-0.5, np.float32),
    }

    def linear(name: str, source: str, out: str) -> list[Any]:
        return [
            node("MatMul", [source, f"{name}.w"], [f"{name}_m"], name),
            node("Add", [f"{name}_m", f"{name}.b"], [out], f"{name}_bias"),
        ]

    def norm(name: str, source: str, out: str) -> Any:
        inputs = [source, f"{name}.g", f"{name}.s"]
        return node("LayerNormalization", inputs, [out], name, axis=-1, epsilon=1e-5)

    if layout:
        parts = [
            *linear("qkv", "l1", "qkv_t"),
            node("Reshape", ["qkv_t", "three"], ["qkv_r"]),
            node("Split", ["qkv_r"], ["q_u", "k_u", "v_u"], axis=2 if layout == "qkv" else 3),
            *(node("Squeeze", [f"{n}_u", "axis"], [f"{n}_s"]) for n in "qkv"),
        ]
    else:
        constants.pop("three")
        constants.pop("axis")
        parts = [one for n in "qkv" for one in linear(n, "l1", f"{n}_t")]
        parts += [node("Reshape", [f"{n}_t", "split"], [f"{n}_s"]) for n in "qkv"]
    if layout:
        constants.pop("split")
    nodes = [
        node("MatMul", ["x", "embed.w"], ["e"], "embed"),
        node("Add", ["e", "pos"], ["t"], "position"),
        norm("ln1", "t", "l1"),
        *parts,
        node("Transpose", ["q_s"], ["q_h"], perm=[0, 2, 1, 3]),
        node("Transpose", ["k_s"], ["k_h"], perm=[0, 2, 3, 1]),
        node("Transpose", ["v_s"], ["v_h"], perm=[0, 2, 1, 3]),
        node("MatMul", ["q_h", "k_h"], ["s"], "scores"),
        node("Mul", ["s", "scale"], ["s2"]),
        node("Softmax", ["s2"], ["p"], "soft", axis=-1),
        node("MatMul", ["p", "v_h"], ["o_h"], "mix"),
        node("Transpose", ["o_h"], ["o_t"], perm=[0, 2, 1, 3]),
        node("Reshape", ["o_t", "whole"], ["o_r"]),
        *linear("o", "o_r", "o_b"),
        node("Add", ["t", "o_b"], ["u"], "add1"),
        norm("ln2", "u", "l2"),
        *linear("up", "l2", "up_b"),
        node("Relu", ["up_b"], ["up_r"], "act"),
        *linear("dn", "up_r", "dn_b"),
        node("Add", ["u", "dn_b"], ["w"], "add2"),
        node("ReduceMean", ["w"], ["z"], "tokens", axes=[1], keepdims=0),
        node("Gemm", ["z", "head.w", "head.b"], ["y"], "head"),
    ]
    return model(nodes, values, (1, TOKENS, 8), constants)


def varied_values(seed: int = 0) -> Values:
    """Weights of ``varied``."""
    r = np.random.default_rng(seed)

    def weight(*shape: int) -> Any:
        return (r.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)

    return {
        "first.w": weight(8, 3, 3, 3),
        "left.w": weight(6, 8, 1, 1),
        "left.b": 0.3 * r.standard_normal(6),
        "right.w": weight(10, 8, 3, 3),
        "right.b": 0.3 * r.standard_normal(10),
        **_norm("pre", 16, r),
        "slope": r.uniform(0.05, 0.4, (16, 1, 1)),
        "depth.w": weight(32, 1, 3, 3),
        "depth.b": 0.3 * r.standard_normal(32),
        "squeeze.w": weight(8, 32, 1, 1),
        "squeeze.b": 0.3 * r.standard_normal(8),
        "excite.w": weight(32, 8, 1, 1),
        "excite.b": 0.3 * r.standard_normal(32),
        "up.w": weight(32, 12, 2, 2),
        "up.b": 0.3 * r.standard_normal(12),
        "fc.w": weight(10, 12),
        "fc.b": 0.3 * r.standard_normal(10),
    }


def varied(values: Values) -> Any:
    """Joined branches, a norm that stands alone, a depthwise multiplier, a gate, a transpose."""
    node = helper.make_node
    nodes = [
        _conv("first", "x", "f1"),
        node("Relu", ["f1"], ["f2"], "relu1"),
        _conv("left", "f2", "b1", 1, bias=True),
        _conv("right", "f2", "b2", bias=True),
        node("Concat", ["b1", "b2"], ["j"], "join", axis=1),
        node("MaxPool", ["j"], ["m"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        _bn("pre", "m", "n"),
        node("PRelu", ["n", "slope"], ["s"], "prelu"),
        _conv("depth", "s", "d", bias=True, group=16),
        node("GlobalAveragePool", ["d"], ["g"], "mean1"),
        _conv("squeeze", "g", "g1", 1, bias=True),
        node("Relu", ["g1"], ["g2"], "relu2"),
        _conv("excite", "g2", "g3", 1, bias=True),
        node("Sigmoid", ["g3"], ["g4"], "gate"),
        node("Mul", ["d", "g4"], ["e"], "scaled"),
        node("ConvTranspose", ["e", "up.w", "up.b"], ["u"], "up", strides=[2, 2]),
        node("Relu", ["u"], ["u2"], "relu3"),
        node("GlobalAveragePool", ["u2"], ["v"], "mean2"),
        node("Flatten", ["v"], ["w"], "flat", axis=1),
        node("Gemm", ["w", "fc.w", "fc.b"], ["y"], "fc", transB=1),
    ]
    return model(nodes, values, (1, 3, 8, 8))


def merging_values(seed: int = 0) -> Values:
    """Weights of ``merging``."""
    r = np.random.default_rng(seed)
    return {
        "embed.w": r.standard_normal((6, 12)) / 3,
        "embed.b": r.standard_normal(6) / 3,
        "ln.g": r.uniform(0.5, 1.5, 24),
        "ln.s": 0.3 * r.standard_normal(24),
        "reduce.w": r.standard_normal((24, 12)) / 5,
        "head.w": r.standard_normal((12, 7)) / 3,
    }


def merging(values: Values, order: tuple[int, ...] = (0, 1, 2, 3)) -> Any:
    """Patches of 2 x 2 pixels, four neighbours merged into one token in some order."""
    node = helper.make_node
    constants = {
        "patches": np.array([1, 3, 4, 2, 4, 2]),
        "flat": np.array([1, 4, 4, 12]),
        "ends": np.array([4, 4]),
        "axes": np.array([1, 2]),
        "steps": np.array([2, 2]),
    }
    constants |= {f"start{k}": np.array([k % 2, k // 2]) for k in range(4)}
    nodes = [
        node("Reshape", ["x", "patches"], ["p1"], "cut"),
        node("Transpose", ["p1"], ["p2"], "turn", perm=[0, 2, 4, 3, 5, 1]),
        node("Reshape", ["p2", "flat"], ["p3"], "rows"),
        node("MatMul", ["p3", "embed.w.t"], ["e0"], "embed"),
        node("Add", ["e0", "embed.b"], ["e"], "embed_bias"),
        *(
            node("Slice", ["e", f"start{k}", "ends", "axes", "steps"], [f"s{k}"], f"slice{k}")
            for k in range(4)
        ),
        node("Concat", [f"s{k}" for k in order], ["j"], "join", axis=3),
        node("LayerNormalization", ["j", "ln.g", "ln.s"], ["l"], "ln", axis=-1, epsilon=1e-5),
        node("MatMul", ["l", "reduce.w"], ["r"], "reduce"),
        node("Relu", ["r"], ["q"], "relu"),
        node("ReduceMean", ["q"], ["z"], "tokens", axes=[1, 2], keepdims=0),
        node("Gemm", ["z", "head.w"], ["y"], "head"),
    ]
    held = {**values, "embed.w.t": np.asarray(values["embed.w"]).T}
    return model(nodes, held, (1, 3, 8, 8), constants)
