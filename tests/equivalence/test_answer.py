"""One answer for two networks, against what ONNX Runtime says of the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zoodiff import api
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.comparison import Comparison, Effort, compare
from zoodiff.errors import UsageError
from zoodiff.zoos import registry

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.onnx
PAIRS = Path(__file__).resolve().parents[3] / "shared" / "pairs"


def ask(engine: WorkerPool, a: Path, b: Path, **effort: Any) -> Comparison:
    return compare(engine, registry.resolve(str(a)), registry.resolve(str(b)), Effort(**effort))


def network(
    folder: Path,
    name: str,
    *,
    seed: int = 0,
    pads: int = 1,
    open_size: bool = True,
    cap: float | None = None,
    weights: dict[str, Any] | None = None,
) -> Path:
    """Convolution, activation, convolution, mean over the map, linear layer."""
    r = np.random.default_rng(seed)
    values = {
        "w1": r.standard_normal((8, 3, 3, 3)) / 5,
        "b1": r.standard_normal(8) / 5,
        "w2": r.standard_normal((8, 8, 3, 3)) / 8,
        "b2": r.standard_normal(8) / 5,
        "w3": r.standard_normal((10, 8)) / 3,
        "b3": r.standard_normal(10) / 5,
    } | (weights or {})
    inits = [
        onnx.numpy_helper.from_array(np.asarray(v, dtype=np.float32), k) for k, v in values.items()
    ]
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["x", "w1", "b1"], ["c1"], "conv1", kernel_shape=[3, 3], pads=[1] * 4),
        node("Relu", ["c1"], ["r1"], "act1")
        if cap is None
        else node("Clip", ["c1", "low", "cap"], ["r1"], "act1"),
        node("Conv", ["r1", "w2", "b2"], ["c2"], "conv2", kernel_shape=[3, 3], pads=[pads] * 4),
        node("Relu", ["c2"], ["r2"], "act2"),
        node("GlobalAveragePool", ["r2"], ["g"], "pool"),
        node("Flatten", ["g"], ["f"], "flatten"),
        node("Gemm", ["f", "w3", "b3"], ["y"], "fc", transB=1),
    ]
    if cap is not None:
        for key, value in (("low", 0.0), ("cap", cap)):
            inits.append(onnx.numpy_helper.from_array(np.asarray(value, dtype=np.float32), key))
    size = ["h", "w"] if open_size else [16, 16]
    graph = onnx.helper.make_graph(
        nodes,
        "net",
        [onnx.helper.make_tensor_value_info("x", 1, ["n", 3, *size])],
        [onnx.helper.make_tensor_value_info("y", 1, ["n", 10])],
        inits,
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return path


def values_of(path: Path) -> dict[str, Any]:
    model = onnx.load(path)
    return {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}


def apart(a: Path, b: Path) -> float:
    """How far the files are apart in ONNX Runtime, relative to the spread."""
    first = onnx.load(a).graph.input[0].type.tensor_type.shape.dim[0]
    count = first.dim_value or 4
    x = np.random.default_rng(5).standard_normal((count, 3, 16, 16)).astype(np.float32)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    one, two = (
        ort.InferenceSession(str(p), options, providers=["CPUExecutionProvider"]).run(
            None, {"x": x}
        )[0]
        for p in (a, b)
    )
    return float(np.abs(one - two).max() / np.ptp(one))


def test_a_file_is_the_same_function_as_its_copy(engine: WorkerPool, tmp_path: Path) -> None:
    a, b = network(tmp_path, "a"), network(tmp_path, "b")
    found = ask(engine, a, b)
    answer = found.answer
    assert answer.same_function is True
    assert answer.relation == "same function"
    assert answer.because == () == answer.up_to
    assert answer.evidence.outputs.deviation == 0
    assert answer.evidence.weights.sameness == "identical"
    assert answer.domain.sizes == ("224x224", "225x227")
    assert answer.domain.batches == (1, 3)


def test_an_answer_is_no_condition(engine: WorkerPool, tmp_path: Path) -> None:
    answer = ask(engine, network(tmp_path, "a"), network(tmp_path, "b")).answer
    with pytest.raises(TypeError, match=r"same_function"):
        bool(answer)


def test_padding_differs_and_is_the_cause(engine: WorkerPool, tmp_path: Path) -> None:
    a = network(tmp_path, "a", open_size=False)
    b = network(tmp_path, "b", open_size=False, pads=0)
    assert apart(a, b) > 1e-3
    answer = ask(engine, a, b).answer
    assert answer.same_function is False
    assert answer.because == ("ARC107",)
    assert answer.evidence.outputs.undone is not None
    assert answer.evidence.outputs.undone < 1e-9


@pytest.mark.parametrize("tensor", ["w1", "b1", "w2", "b2", "w3", "b3"])
def test_a_fault_of_a_thousandth_in_one_layer_is_found(
    engine: WorkerPool, tmp_path: Path, tensor: str
) -> None:
    a = network(tmp_path, "a", open_size=False)
    changed = values_of(a)[tensor]
    noise = np.random.default_rng(3).standard_normal(changed.shape).astype(np.float32)
    scale = 1e-3 * np.linalg.norm(changed) / np.linalg.norm(noise)
    b = network(tmp_path, "b", open_size=False, weights={tensor: changed + scale * noise})
    answer = ask(engine, a, b).answer
    assert answer.same_function is False
    assert answer.because == ("weights",)


@pytest.mark.parametrize("seed", range(3))
def test_channels_in_another_order_are_the_same_function(
    engine: WorkerPool, tmp_path: Path, seed: int
) -> None:
    a = network(tmp_path, "a", open_size=False, seed=seed)
    v, order = values_of(a), np.random.default_rng(seed).permutation(8)
    moved = {"w1": v["w1"][order], "b1": v["b1"][order], "w2": v["w2"][:, order]}
    b = network(tmp_path, "b", open_size=False, seed=seed, weights=moved)
    assert apart(a, b) < 1e-5
    assert ask(engine, a, b).answer.same_function is True
    half = network(tmp_path, "c", open_size=False, seed=seed, weights={"w1": v["w1"][order]})
    assert apart(a, half) > 1e-3
    answer = ask(engine, a, half).answer
    assert answer.same_function is False
    assert answer.because == ("weights",)


def test_a_clip_that_usual_inputs_do_not_reach_is_found(engine: WorkerPool, tmp_path: Path) -> None:
    a, b = (
        network(tmp_path, "a", open_size=False),
        network(tmp_path, "b", open_size=False, cap=20.0),
    )
    assert apart(a, b) < 1e-6  # standard-normal inputs never reach 20
    answer = ask(engine, a, b).answer
    assert answer.same_function is False
    assert answer.because == ("ARC130",)


def test_a_cap_that_nothing_reaches_is_without_effect(engine: WorkerPool, tmp_path: Path) -> None:
    a, b = network(tmp_path, "a", open_size=False), network(tmp_path, "b", open_size=False, cap=1e9)
    answer = ask(engine, a, b).answer
    assert answer.same_function is True
    assert answer.up_to == ("ARC130",)


def test_graphs_alone_do_not_decide(engine: WorkerPool, tmp_path: Path) -> None:
    a, b = network(tmp_path, "a"), network(tmp_path, "b", seed=1)
    found = ask(engine, a, b, run=False, weights=False)
    assert found.answer.same_function is None
    assert "not compared" in found.answer.reason
    assert found.weights is None


def test_graphs_and_weights_decide_where_both_are_equal(engine: WorkerPool, tmp_path: Path) -> None:
    a, b, c = (network(tmp_path, n, seed=s) for n, s in (("a", 0), ("b", 0), ("c", 1)))
    assert ask(engine, a, b, run=False).answer.same_function is True
    assert ask(engine, a, c, run=False).answer.same_function is None


def test_outputs_that_are_no_numbers_in_both_are_not_equal(
    engine: WorkerPool, tmp_path: Path
) -> None:
    bad = {"b3": np.full(10, np.nan)}
    a, b = (network(tmp_path, n, open_size=False, weights=bad) for n in ("a", "b"))
    answer = ask(engine, a, b).answer
    assert answer.same_function is None
    assert "neither network gives a number" in answer.reason


def test_equal_outputs_prove_nothing_where_they_hardly_depend_on_the_input(
    engine: WorkerPool, tmp_path: Path
) -> None:
    still = {"w3": np.full((10, 8), 1e-12)}
    a = network(tmp_path, "a", open_size=False, weights=still)
    b = network(tmp_path, "b", open_size=False, weights=still, pads=0)
    assert apart(a, b) < 1e-6
    answer = ask(engine, a, b).answer
    assert answer.same_function is None
    assert "hardly depend on the input" in answer.reason


def test_exit_codes(tmp_path: Path) -> None:
    a, b, c = (
        network(tmp_path, n, open_size=False, seed=s) for n, s in (("a", 0), ("b", 0), ("c", 1))
    )
    same, other = api.diff(str(a), str(b)), api.diff(str(a), str(c))
    assert [same.exit_code(x) for x in (None, "function", "weights", "graph", "any")] == [0] * 5
    assert [other.exit_code(x) for x in (None, "function", "weights", "graph", "any")] == [
        *(0, 1, 1, 0, 1)
    ]
    alone = api.diff(str(a), str(b), graph_only=True)
    assert [alone.exit_code(x) for x in ("function", "weights", "graph")] == [3, 3, 0]


def test_requests_that_contradict_themselves_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="graph-only"):
        api.diff("a.onnx", "b.onnx", graph_only=True, weights=True)
    with pytest.raises(UsageError, match="DiffRequest"):
        api.diff("a.onnx", "b.onnx", speed=1)
    with pytest.raises(UsageError, match="turn them round"):
        api.diff("a.onnx", "b.onnx", input_range=(1.0, 0.0))


def test_the_answer_is_the_first_thing_in_json(tmp_path: Path) -> None:
    a, b = network(tmp_path, "a", open_size=False), network(tmp_path, "b", open_size=False, seed=2)
    found = json.loads(json.dumps(api.diff(str(a), str(b)).to_dict()))
    assert next(iter(found)) == "answer"
    assert found["answer"]["relation"] == "different functions"
    assert found["answer"]["same_function"] is False
    assert {"outputs", "weights", "graph"} == set(found["answer"]["evidence"])
    assert found["answer"]["domain"]["sizes"] == ["16x16"]


class _Images:
    """What onnxruntime's quantiser calibrates with."""

    def __init__(self) -> None:
        r = np.random.default_rng(8)
        self._left = [r.standard_normal((1, 3, 16, 16)).astype(np.float32) for _ in range(8)]

    def get_next(self) -> dict[str, Any] | None:
        return {"x": self._left.pop()} if self._left else None


def in_integers(path: Path, name: str) -> Path:
    """A copy of a file in QDQ form, made by onnxruntime's quantiser."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    copy = path.with_name(f"{name}.onnx")
    quantization.quantize_static(
        str(path), str(copy), _Images(), quant_format=quantization.QuantFormat.QDQ
    )
    return copy


def test_integers_hide_no_other_weights_and_no_other_padding(
    engine: WorkerPool, tmp_path: Path
) -> None:
    real = network(tmp_path, "real", open_size=False)
    first = in_integers(real, "first")
    other = in_integers(network(tmp_path, "c", open_size=False, seed=5), "other")
    padded = in_integers(network(tmp_path, "d", open_size=False, pads=0), "padded")
    assert ask(engine, first, first).answer.same_function is True
    assert ask(engine, real, first).answer.relation == "same network, other precision"
    for plain in (real, first):
        answer = ask(engine, plain, other).answer
        assert answer.relation == "different functions"
        assert "weights" in answer.because
        answer = ask(engine, plain, padded).answer
        assert answer.relation == "different functions"
        assert "ARC107" in answer.because


@pytest.mark.parametrize("known", [True, False], ids=["interpreted", "not interpreted"])
def test_a_second_output_is_not_forgotten(engine: WorkerPool, tmp_path: Path, known: bool) -> None:
    """Runtimes give the first output; the other is compared in the interpreter, or not at all."""
    files = []
    for seed in (0, 1):
        model = onnx.load(network(tmp_path, f"n{seed}", open_size=False))
        head = np.random.default_rng(seed).standard_normal((4, 8)).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(head, "w4"))
        kept = onnx.helper.make_node("Gemm", ["f", "w4"], ["z"], "second", transB=1)
        model.graph.node.append(kept)
        if not known:
            model.graph.node.append(onnx.helper.make_node("Atan", ["z"], ["z2"], "odd"))
        name = "z" if known else "z2"
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, ["n", 4]))
        path = tmp_path / f"two{seed}.onnx"
        onnx.save(model, path)
        files.append(path)
    answer = ask(engine, *files).answer
    if known:
        assert answer.same_function is False
        assert answer.because == ("weights",)
    else:
        assert answer.same_function is None
        assert "only the first of 2 outputs" in answer.reason


LABELS = json.loads((PAIRS / "labels.json").read_text()) if PAIRS.exists() else []


@pytest.mark.skipif(not LABELS, reason="the labelled pairs are not here (../shared/pairs)")
@pytest.mark.parametrize("label", LABELS, ids=lambda label: label["name"])
def test_labelled_pairs(
    engine: WorkerPool, label: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    files = [PAIRS / f"{label['name']}_{side}.onnx" for side in "ab"]
    answer = ask(engine, *files).answer
    assert answer.same_function == label["same_function_with_these_weights"]


CAUSES = {
    "pool_include_pad": "ARC134",
    "pool_max_ceil": "ARC133",
    "dilation_first_block": "ARC104",
    "autopad_side": "ARC107",
    "gelu_tanh": "ARC130",
    "gelu_quick": "ARC130",
    "hardsigmoid_slope": "ARC130",
    "se_placement": "ARC165",
    "layernorm_eps": "ARC120",
    "bn_training_mode": "ARC125",
    "groupnorm_reshape": "ARC127",
    "resize_nearest": "ARC135",
    "softmax_opset": "ARC144",
    "flatten_order_weights": "weights",
    "kernel_flip_weights": "weights",
    "qkv_layout": "ARC164",
    "pool_with_cls": "ARC145",
    "dropout_training": "ARC126",
    "fp16_overflow_rmsnorm": "ARC173",
    "slice_reversed_channels": "ARC150",
}
"""What a correct answer names, by pair; those of integers have tests of their own."""
WORDS = {
    "gelu_quick": "QuickGELU",
    "hardsigmoid_slope": "slope 1/6 | hard sigmoid with slope 0.2",
    "layernorm_eps": "1e-06 | 1e-12",
    "resize_nearest": "PyTorch's nearest",
    "pool_with_cls": "without the class token | mean of all 17 tokens",
    "slice_reversed_channels": "reversed order",
    "qkv_layout": "interleaved by head",
    "softmax_opset": "over all axes from axis 1 on",
}


@pytest.mark.skipif(not LABELS, reason="the labelled pairs are not here (../shared/pairs)")
@pytest.mark.parametrize("name", CAUSES)
def test_causes_of_labelled_pairs(engine: WorkerPool, name: str) -> None:
    found = ask(engine, *(PAIRS / f"{name}_{side}.onnx" for side in "ab"))
    assert CAUSES[name] in found.answer.because
    others = set(found.answer.because) - {CAUSES[name], "weights"}
    assert not others, "no cause is named that is not there"
    said = "; ".join(f"{f.left} | {f.right}" for f in found.diff.findings)
    assert WORDS.get(name, "") in said


@pytest.mark.skipif(not LABELS, reason="the labelled pairs are not here (../shared/pairs)")
def test_a_pooling_frozen_to_a_size_is_said(engine: WorkerPool) -> None:
    answer = ask(engine, *(PAIRS / f"pool_traced_kernel_{side}.onnx" for side in "ab")).answer
    assert "the same at 16x16 only" in answer.sentence
    assert "AveragePool" in answer.sentence


@pytest.mark.skipif(not LABELS, reason="the labelled pairs are not here (../shared/pairs)")
def test_an_overflow_of_half_precision_is_said(engine: WorkerPool) -> None:
    answer = ask(engine, *(PAIRS / f"fp16_overflow_rmsnorm_{side}.onnx" for side in "ab")).answer
    assert answer.relation == "same network, other precision"
    assert any("Mul_4" in note and "overflows" in note for note in answer.domain.notes)


@pytest.mark.parametrize("turned", [False, True])
def test_a_pooling_that_is_frozen_to_a_size_is_compared_at_that_size(
    engine: WorkerPool, tmp_path: Path, turned: bool
) -> None:
    a = network(tmp_path, "a")
    model = onnx.load(a)
    pool = next(node for node in model.graph.node if node.name == "pool")
    pool.op_type = "AveragePool"
    pool.attribute.append(onnx.helper.make_attribute("kernel_shape", [16, 16]))
    b = tmp_path / "b.onnx"
    onnx.save(model, b)
    assert apart(a, b) < 1e-6  # in images of 16 x 16
    answer = ask(engine, *((b, a) if turned else (a, b))).answer
    assert answer.same_function is True
    assert answer.domain.sizes == ("16x16",)
    (note,) = answer.domain.notes
    assert note.startswith("the same at 16x16 only: the global pooling pool of ")
    assert note.endswith("b.onnx is frozen to that size")


def group_norm(folder: Path, name: str, *, rows: bool) -> Path:
    """A norm of four groups by reshapes, over channels or, channels last, over rows."""
    r = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "w": r.standard_normal((8, 3, 3, 3)) / 5,
        "ones": np.ones(4),
        "zeros": np.zeros(4),
        "scale": 1 + 0.3 * r.standard_normal((8, 1, 1)),
        "shift": r.standard_normal((8, 1, 1)),
        "fc": r.standard_normal((8, 10)),
        "groups": np.array([1, 4, -1]),
        "whole": np.array([1, 8, 8, 8]),
    }
    node = onnx.helper.make_node
    chain = [("Conv", ["w"], "conv", {"pads": [1] * 4})]
    chain += [("Transpose", [], "last", {"perm": [0, 2, 3, 1]})] * rows
    chain += [
        ("Reshape", ["groups"], "cut", {}),
        ("InstanceNormalization", ["ones", "zeros"], "gn", {}),
        ("Reshape", ["whole"], "joined", {}),
    ]
    chain += [("Transpose", [], "first", {"perm": [0, 3, 1, 2]})] * rows
    chain += [
        ("Mul", ["scale"], "gn.mul", {}),
        ("Add", ["shift"], "gn.add", {}),
        ("Relu", [], "relu", {}),
        ("GlobalAveragePool", [], "pool", {}),
        ("Flatten", [], "flat", {}),
        ("Gemm", ["fc"], "y", {}),
    ]
    names = ["x", *(step[2] for step in chain)]
    nodes = [
        node(op, [source, *held], [label], label, **settings)
        for source, (op, held, label, settings) in zip(names, chain, strict=False)
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "net",
        [onnx.helper.make_tensor_value_info("x", 1, [1, 3, 8, 8])],
        [onnx.helper.make_tensor_value_info("y", 1, [1, 10])],
        [
            onnx.numpy_helper.from_array(a if a.dtype == np.int64 else a.astype(np.float32), key)
            for key, a in arrays.items()
        ],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("first", [False, True])
def test_groups_over_rows_are_one_cause_that_is_undone(
    engine: WorkerPool, tmp_path: Path, first: bool
) -> None:
    a, b = (group_norm(tmp_path, str(rows), rows=rows) for rows in (first, not first))
    x = np.random.default_rng(5).standard_normal((1, 3, 8, 8)).astype(np.float32)
    one, two = (ort.InferenceSession(str(p)).run(None, {"x": x})[0] for p in (a, b))
    assert np.abs(one - two).max() > 0.01 * np.ptp(one)
    answer = ask(engine, a, b).answer
    assert answer.because == ("ARC127",)
    assert answer.evidence.outputs.undone is not None
    assert answer.evidence.outputs.undone < 1e-9


def tokens(folder: Path, name: str, *, pooled: str = "first", scaled: bool = True) -> Path:
    """Tokens of a map through a scaled branch; the first or the mean is classified."""
    r = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "conv.w": r.standard_normal((8, 3, 4, 4)),
        "fc.w": r.standard_normal((8, 8)) / 3,
        "fc.b": r.standard_normal(8),
        "gamma": 0.3 + r.random(8),
        "head.w": r.standard_normal((8, 10)),
        "cut": np.array([1, 8, 16]),
        "zero": np.array(0),
    }
    node = onnx.helper.make_node
    nodes = [
        node("Conv", ["x", "conv.w"], ["map"], "conv", strides=[4, 4]),
        node("Reshape", ["map", "cut"], ["flat"], "flat"),
        node("Transpose", ["flat"], ["tokens"], "turn", perm=[0, 2, 1]),
        node("MatMul", ["tokens", "fc.w"], ["product"], "fc"),
        node("Add", ["product", "fc.b"], ["biased"], "fc.add"),
        node("Mul", ["biased", "gamma"], ["scaled"], "scale"),
        node("Add", ["tokens", "scaled" if scaled else "biased"], ["sum"], "sum"),
        node("Gather", ["sum", "zero"], ["vector"], "pooled", axis=1)
        if pooled == "first"
        else node("ReduceMean", ["sum"], ["vector"], "pooled", axes=[1], keepdims=0),
        node("Gemm", ["vector", "head.w"], ["y"], "head"),
    ]
    graph = onnx.helper.make_graph(
        [n for n in nodes if scaled or n.name != "scale"],
        "net",
        [onnx.helper.make_tensor_value_info("x", 1, [1, 3, 16, 16])],
        [onnx.helper.make_tensor_value_info("y", 1, [1, 10])],
        [
            onnx.numpy_helper.from_array(a if a.dtype == np.int64 else a.astype(np.float32), key)
            for key, a in arrays.items()
            if scaled or key != "gamma"
        ],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    path = folder / f"{name}.onnx"
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("turned", [False, True])
def test_the_mean_for_a_token_is_one_cause_that_is_undone(
    engine: WorkerPool, tmp_path: Path, turned: bool
) -> None:
    kinds = ("mean", "first") if turned else ("first", "mean")
    a, b = (tokens(tmp_path, kind, pooled=kind) for kind in kinds)
    assert apart(a, b) > 1e-2
    answer = ask(engine, a, b).answer
    assert answer.because == ("ARC145",)
    assert answer.evidence.outputs.undone is not None
    assert answer.evidence.outputs.undone < 1e-6


def test_a_missing_scale_layer_that_no_weight_makes_up_for_is_a_cause(
    engine: WorkerPool, tmp_path: Path
) -> None:
    a, b = tokens(tmp_path, "a"), tokens(tmp_path, "b", scaled=False)
    assert apart(a, b) > 1e-2
    answer = ask(engine, a, b).answer
    assert answer.same_function is False
    assert answer.because == ("ARC113", "weights")
