"""Operators of ONNX Runtime mean what ONNX Runtime computes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
from onnx import TensorProto, helper, numpy_helper

from support.operator_cases import (
    MICROSOFT,
    Case,
    assert_equal,
    positive,
    real,
    whole,
)
from zoodiff.frontends.onnx.file import graph_from_model
from zoodiff.frontends.onnx.runtime_operators import rewritten
from zoodiff.graph.canonical import canonical
from zoodiff.graph.interpreter.run import run
from zoodiff.zoos.runtime.onnx_session import Session

pytestmark = pytest.mark.onnx


def _matrix(rows: int, columns: int, turned: int, batches_inside: int) -> tuple[int, ...]:
    """The shape of a factor: its batch of 2 lies first, or between rows and columns."""
    first, second = (columns, rows) if turned else (rows, columns)
    return (first, 2, second) if batches_inside else (2, first, second)


HIDDEN = {"num_heads": 2}
DYNAMIC = (helper.make_node("DynamicQuantizeLinear", ["_x"], ["x", "x_scale", "x_zero"]),)


def attention(**more: Any) -> dict[str, Any]:
    return {"x": real(2, 5, 8), "w": real(8, 24) * 0.4, "b": real(24), **more}


CASES = {
    "gelu": Case("Gelu", {"x": real(3, 7)}),
    "bias_gelu": Case("BiasGelu", {"x": real(3, 7), "b": real(7)}),
    "fast_gelu": Case("FastGelu", {"x": real(3, 7)}, tolerance=1e-4),
    "fast_gelu_bias": Case("FastGelu", {"x": real(3, 7), "b": real(7)}, tolerance=1e-4),
    "quick_gelu": Case("QuickGelu", {"x": real(3, 7)}),
    "quick_gelu_alpha": Case("QuickGelu", {"x": real(3, 7)}, {"alpha": 1.0}),
    **{
        f"fused_conv_{activation.lower()}": Case(
            "FusedConv",
            {"x": real(1, 4, 6, 6), "w": real(8, 2, 3, 3), "b": real(8)},
            {
                "activation": activation,
                **({"activation_params": numbers} if numbers else {}),
                "group": 2,
                "pads": [1, 1, 0, 1],
                "strides": [2, 1],
            },
        )
        for activation, numbers in [
            ("Relu", []),
            ("Tanh", []),
            ("Sigmoid", []),
            ("LeakyRelu", [0.3]),
            ("Clip", [-0.5, 1.5]),
            ("HardSigmoid", [0.3, 0.4]),
        ]
    },
    "fused_conv_sum": Case(
        "FusedConv",
        {"x": real(1, 4, 6, 6), "w": real(4, 4, 3, 3), "b": real(4), "z": real(1, 4, 6, 6)},
        {"activation": "Relu", "pads": [1, 1, 1, 1]},
        fed=("x", "z"),
    ),
    **{
        f"fused_gemm_{activation.lower()}": Case(
            "FusedGemm",
            {"x": real(3, 5), "w": real(4, 5), "b": real(4)},
            {"activation": activation, "transB": 1, "alpha": 0.7, **numbers},
        )
        for activation, numbers in [
            ("Relu", {}),
            ("LeakyRelu", {"activation_alpha": 0.3}),
            ("Elu", {"activation_alpha": 0.6}),
        ]
    },
    **{
        f"fused_matmul_{a}{b}{p}{q}": Case(
            "FusedMatMul",
            {
                "x": real(*_matrix(3, 4, a, p)),
                "w": real(*_matrix(4, 5, b, q)),
            },
            {"transA": a, "transB": b, "transBatchA": p, "transBatchB": q, "alpha": 0.3},
            fed=("x", "w"),
        )
        for a in (0, 1)
        for b in (0, 1)
        for p, q in ((0, 0), (1, 0), (0, 1), (1, 1))
    },
    "fused_matmul_weight": Case(
        "FusedMatMul", {"x": real(2, 3, 4), "w": real(5, 4)}, {"transB": 1, "alpha": 0.3}
    ),
    "skip_layer_norm": Case(
        "SkipLayerNormalization",
        {"x": real(2, 3, 8), "s": real(2, 3, 8), "g": positive(8), "b": real(8)},
        {"epsilon": 1e-3},
        fed=("x", "s"),
    ),
    "skip_layer_norm_default": Case(
        "SkipLayerNormalization",
        {"x": real(2, 3, 8) * 1e-4, "s": real(2, 3, 8) * 1e-4, "g": positive(8)},
        fed=("x", "s"),
    ),
    "skip_layer_norm_bias_and_sum": Case(
        "SkipLayerNormalization",
        {"x": real(2, 3, 8), "s": real(2, 3, 8), "g": positive(8), "b": real(8), "c": real(8)},
        fed=("x", "s"),
        outputs=("y", "", "", "sum"),
    ),
    "skip_rms_norm": Case(
        "SkipSimplifiedLayerNormalization",
        {"x": real(2, 3, 8), "s": real(2, 3, 8), "g": positive(8), "c": real(8)},
        {"epsilon": 1e-3},
        fed=("x", "s"),
        outputs=("y", "", "", "sum"),
    ),
    "rms_norm": Case(
        "SimplifiedLayerNormalization",
        {"x": real(2, 3, 8) * 1e-3, "g": positive(8)},
        {"axis": -1},
        domain="",
    ),
    "rms_norm_epsilon": Case(
        "SimplifiedLayerNormalization",
        {"x": real(2, 3, 8) * 1e-3, "g": positive(8)},
        {"axis": -1, "epsilon": 1e-3},
        domain="",
    ),
    "layer_norm_in_an_old_opset": Case(
        "LayerNormalization",
        {"x": real(2, 3, 8), "g": positive(8), "b": real(8)},
        {"axis": -1, "epsilon": 1e-3},
        domain="",
    ),
    "embeddings": Case(
        "EmbedLayerNormalization",
        {
            "x": whole(2, 5, low=0, high=9, dtype="int32"),
            "segments": whole(2, 5, low=0, high=2, dtype="int32"),
            "words": real(9, 8),
            "positions": real(7, 8),
            "kinds": real(2, 8),
            "g": positive(8),
            "b": real(8),
        },
        fed=("x", "segments"),
        outputs=("y", "", "sum"),
    ),
    "embeddings_without_segments": Case(
        "EmbedLayerNormalization",
        {
            "x": whole(2, 5, low=0, high=9, dtype="int32"),
            "segments": None,
            "words": real(9, 8),
            "positions": real(7, 8),
            "kinds": None,
            "g": positive(8),
            "b": real(8),
        },
        {"epsilon": 1e-2},
        outputs=("y", ""),
    ),
    "attention": Case("Attention", attention(), HIDDEN),
    "attention_scale": Case("Attention", attention(), HIDDEN | {"scale": 0.2}),
    "attention_sizes": Case(
        "Attention",
        {"x": real(2, 5, 8), "w": real(8, 20), "b": real(20)},
        HIDDEN | {"qkv_hidden_sizes": [6, 6, 8]},
    ),
    "attention_causal": Case("Attention", attention(), HIDDEN | {"unidirectional": 1}),
    "attention_mask": Case(
        "Attention",
        attention(m=np.asarray([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=np.int32)),
        HIDDEN,
        fed=("x", "m"),
    ),
    "attention_lengths": Case(
        "Attention",
        attention(
            m=np.zeros(1, np.int32),
            _m=np.asarray([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]], dtype=np.int32),
            _axes=np.asarray([1]),
        ),
        HIDDEN,
        fed=("x", "_m"),
        before=(helper.make_node("ReduceSum", ["_m", "_axes"], ["m"], keepdims=0),),
    ),
    "attention_mask_value": Case(
        "Attention",
        attention(m=np.asarray([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]], dtype=np.int32)),
        HIDDEN | {"mask_filter_value": -2.0},
        fed=("x", "m"),
    ),
    "attention_bias": Case(
        "Attention",
        attention(m=None, p=None, a=real(2, 2, 5, 5)),
        HIDDEN,
        fed=("x", "a"),
    ),
    "multi_head_attention": Case(
        "MultiHeadAttention",
        {"x": real(2, 5, 8), "k": real(2, 7, 8), "v": real(2, 7, 8), "b": real(24)},
        HIDDEN,
        fed=("x", "k", "v"),
    ),
    "multi_head_attention_mask": Case(
        "MultiHeadAttention",
        {
            **{"x": real(1, 5, 8), "k": real(1, 4, 8), "v": real(1, 4, 8), "b": real(24)},
            "m": np.asarray([[1, 1, 0, 1]], dtype=np.int32),
        },
        HIDDEN,
        fed=("x", "k", "v", "m"),
    ),
    "quantised_attention": Case(
        "QAttention",
        {
            **{"x": real(1), "w": whole(8, 24), "b": real(24), "x_scale": real(1)},
            **{"s": np.float32(0.004) * positive(1), "m": np.ones((2, 5), np.int32)},
            **{"x_zero": real(1), "z": np.asarray([2], np.int8), "_x": real(2, 5, 8)},
        },
        HIDDEN,
        fed=("_x", "m"),
        before=DYNAMIC,
        tolerance=5e-2,
    ),
    "dynamic_quantised_product": Case(
        "DynamicQuantizeMatMul",
        {"x": real(3, 6), "w": whole(6, 4), "s": positive(4) * 0.01, "z": None, "b": real(4)},
        tolerance=2e-2,
    ),
    "integer_product": Case(
        "MatMulIntegerToFloat",
        {
            **{
                "x": real(1),
                "w": whole(6, 4),
                "x_scale": real(1),
                "s": np.float32(0.01) * positive(1),
            },
            **{"x_zero": real(1), "z": np.asarray([3], np.int8), "b": real(4), "_x": real(3, 6)},
        },
        fed=("_x",),
        before=DYNAMIC,
        tolerance=2e-2,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_is_what_onnx_runtime_computes(name: str) -> None:
    case = CASES[name]
    assert_equal(case, case.model())


@pytest.mark.parametrize(
    "name", ["layer_norm_in_an_old_opset", "rms_norm", "skip_layer_norm", "gelu", "attention"]
)
def test_norms_and_activations_are_read_in_opsets_before_theirs(name: str) -> None:
    assert_equal(CASES[name], CASES[name].model(opset=13))


def test_integers_stay_visible() -> None:
    graph = canonical(graph_from_model(CASES["dynamic_quantised_product"].model(), "case"))
    assert [node.attributes.get("quantized") for node in graph.nodes] == [True]


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "Attention",
            attention(m=None, p=real(2, 2, 2, 3, 4)),
            HIDDEN,
            fed=("x", "p"),
            outputs=("y", "present"),
        ),
        Case(
            "MatMulNBits",
            {
                **{"x": real(2, 32), "w": whole(4, 1, 16, low=0, dtype="uint8")},
                **{"s": positive(4), "z": None, "order": np.arange(32, dtype=np.int32)},
            },
            {"K": 32, "N": 4, "bits": 4, "block_size": 32},
        ),
    ],
    ids=["a cache of past keys", "weights in another order"],
)
def test_what_is_not_understood_stays_as_it_is(case: Case) -> None:
    graph = canonical(graph_from_model(case.model(), "case"))
    assert f"{MICROSOFT}::{case.op}" in {node.op for node in graph.nodes}


@pytest.mark.parametrize("change", ["attribute", "input", "output"])
@pytest.mark.parametrize("name", ["gelu", "skip_layer_norm", "attention", "fused_matmul_0000"])
def test_a_node_with_something_unknown_stays_as_it_is(name: str, change: str) -> None:
    model = CASES[name].model()
    node = model.graph.node[-1]
    if change == "attribute":
        node.attribute.append(helper.make_attribute("later", 2))
    elif change == "input":
        node.input.extend([""] * (9 - len(node.input)) + ["x"])
        node.input.append("more")
        model.graph.initializer.append(numpy_helper.from_array(real(8), "more"))
    else:
        node.output.extend([""] * (5 - len(node.output)) + ["more"])
    assert [new.op_type for new in rewritten(model)] == [n.op_type for n in model.graph.node]


def test_a_table_of_integers_is_an_embedding() -> None:
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], name="rows"),
        helper.make_node("DequantizeLinear", ["rows", "scale", "zero"], ["y"], name="real"),
    ]
    ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [1, 5])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    table = whole(9, 4, low=0, dtype="uint8")
    stored = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.float32(0.1), "scale"),
        numpy_helper.from_array(np.uint8(3), "zero"),
    ]
    graph = helper.make_graph(nodes, "table", [ids], [result], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=9)
    session = Session(model.SerializeToString(), lambda: model, name="table", threads=1)
    feeds = {"ids": np.asarray([[0, 8, 3, 3, 1]])}
    (expected,) = session.run_named(feeds).values()
    read = canonical(graph_from_model(onnx.ModelProto.FromString(model.SerializeToString()), "t"))
    assert [node.op for node in read.nodes] == ["onnx::Gather"]
    assert [p.shape for p in read.nodes[0].parameters] == [(9, 4)]
    results = run(read, feeds, session.weights_access())
    np.testing.assert_allclose(results[read.outputs[0].name], expected, rtol=1e-6)
