"""Weights of few bits with a scale per block mean what ONNX Runtime computes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import ml_dtypes
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from support.operator_cases import MICROSOFT, Case, assert_equal, positive, real, whole
from zoodiff.equivalence.weights.rounded_weights import canonical_steps
from zoodiff.frontends.onnx.file import graph_from_model
from zoodiff.frontends.onnx.runtime_operators.blocked import Blocks
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph
from zoodiff.zoos.runtime import onnx_weights
from zoodiff.zoos.runtime.onnx_session import Session

pytestmark = pytest.mark.onnx
ROWS = 6


def read(model: Any) -> Graph:
    """The graph of a copy, since reading changes the model."""
    return graph_from_model(onnx.ModelProto.FromString(model.SerializeToString()), "case")


def product(columns: int, bits: int, size: int, **more: Any) -> Case:
    """A product with a matrix of ``ROWS`` x ``columns`` in blocks; ``more`` replaces inputs."""
    blocks = -(-columns // size)
    stored = {"w": whole(ROWS, blocks, size * bits // 8, low=0, high=256, dtype="uint8")}
    inputs = {"x": real(2, 3, columns), **stored, "s": positive(ROWS * blocks) * 0.1}
    attributes = {"K": columns, "N": ROWS, "bits": bits, "block_size": size}
    return Case("MatMulNBits", inputs | more, attributes)


def zeros(columns: int, bits: int, size: int) -> Any:
    """Zero points in bytes, each row filled up to a whole one."""
    blocks = -(-columns // size)
    return whole(ROWS, -(-blocks * bits // 8), low=0, high=256, dtype="uint8")


CASES = {
    **{
        f"product of {columns} in blocks of {size}, {bits} bits{', zero points' if z else ''}": (
            product(columns, bits, size, **({"z": zeros(columns, bits, size)} if z else {}))
        )
        for columns, bits, size in ((64, 4, 32), (48, 4, 16), (75, 4, 32), (64, 8, 32), (33, 8, 16))
        for z in (False, True)
    },
    "zero points in real numbers": product(64, 4, 32, z=positive(ROWS, 2) * 7),
    "bias": product(64, 4, 32, z=None, order=None, b=real(ROWS)),
    **{
        f"rows of a table of {kind.__name__}{', zero points' if z else ''}": Case(
            "GatherBlockQuantized",
            {
                "w": whole(9, 32, low=low, high=high).astype(kind),
                "x": whole(2, 5, low=0, high=9, dtype="int64"),
                "s": positive(9, 2) * 0.1,
                **({"z": whole(9, 2, low=low, high=high).astype(kind)} if z else {}),
            },
            {"block_size": 16},
        )
        for kind, low, high in ((ml_dtypes.int4, -8, 8), (ml_dtypes.uint4, 0, 16))
        for z in (False, True)
    },
    **{
        f"rows of a table of {bits} bits in bytes": Case(
            "GatherBlockQuantized",
            {
                "w": whole(9, 32 * bits // 8, low=0, high=256, dtype="uint8"),
                "x": whole(2, 5, low=0, high=9, dtype="int64"),
                "s": positive(9, 2) * 0.1,
            },
            {"block_size": 16, "bits": bits},
        )
        for bits in (4, 8)
    },
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_on_blocks_is_what_onnx_runtime_computes(name: str) -> None:
    assert_equal(CASES[name], CASES[name].model(opset=21))


def of_blocks(kind: int, axis: int, shape: tuple[int, int], size: int) -> Any:
    """A product with a matrix of small integers that ONNX's own operator converts by blocks."""
    signed = kind in {TensorProto.INT4, TensorProto.INT8}
    bits = 4 if kind in {TensorProto.INT4, TensorProto.UINT4} else 8
    low = -(2 ** (bits - 1)) if signed else 0
    scales = list(shape)
    scales[axis] = -(-shape[axis] // size)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    stored = {
        "w": whole(*shape, low=low, high=low + 2**bits).astype(dtype),
        "s": positive(*scales) * 0.1,
        "z": whole(*scales, low=low, high=low + 2**bits).astype(dtype),
    }
    graph = helper.make_graph(
        [
            helper.make_node("DequantizeLinear", [*stored], ["r"], axis=axis, block_size=size),
            helper.make_node("MatMul", ["x", "r"], ["y"], name="product"),
        ],
        "case",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(values, name) for name, values in stored.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("kind", ["INT4", "UINT4", "INT8", "UINT8"])
def test_blocks_of_onnx_itself_are_weights(kind: str, axis: int) -> None:
    model = of_blocks(TensorProto.DataType.Value(kind), axis, (32, 48), 16)
    # ONNX Runtime rounds the data of such products to integers.
    assert_equal(Case("MatMul", {"x": real(3, 32)}, tolerance=5e-2), model)
    graph = canonical(read(model))
    (node,) = graph.nodes
    assert node.op == "Gemm"
    assert node.attributes["quantized"] == "weights"
    assert [p.dtype for p in node.parameters] == [kind.lower()]
    data = real(3, 32)
    (exact,) = ReferenceEvaluator(model).run(None, {"x": data})
    access = Session(
        model.SerializeToString(), lambda: model, name="case", threads=1
    ).weights_access()
    np.testing.assert_allclose(data @ access["w"], exact, rtol=1e-5, atol=1e-5)


def test_each_element_has_the_step_of_its_block() -> None:
    case = CASES["product of 75 in blocks of 32, 4 bits"]
    model = case.model()
    session = Session(model.SerializeToString(), lambda: model, name="case", threads=1)
    access = session.weights_access()
    graph = canonical(read(model))
    (steps,) = canonical_steps(graph, {name: access[name] for name in access}).sizes.values()
    scales = case.inputs["s"].reshape(ROWS, 3)
    np.testing.assert_array_equal(steps[:, :75], scales[:, np.arange(75) // 32])
    # Neighbouring integers are one step apart.
    low = case.inputs["w"].reshape(ROWS, -1)
    raised = low.copy()
    raised[2, 0] ^= 1
    for values in (low, raised):
        case.inputs["w"] = values.reshape(case.inputs["w"].shape)  # type: ignore[index]
    changed = case.model()
    other = Session(changed.SerializeToString(), lambda: changed, name="c", threads=1)
    difference = np.abs(other.weights_access()["w"] - access["w"])
    assert np.count_nonzero(difference) == 1
    assert difference[2, 0] == pytest.approx(steps[2, 0])


@pytest.mark.parametrize("name", list(CASES)[:10])
def test_weights_that_are_written_are_read_again(name: str) -> None:
    """Assigning what was read changes no byte, and other values become the nearest integers."""
    model = CASES[name].model()
    before = {t.name: t.SerializeToString() for t in model.graph.initializer}
    session = Session(model.SerializeToString(), lambda: model, name="case", threads=1)
    access = session.weights_access()
    values = access["w"]
    columns = CASES[name].attributes["K"]
    access.assign({"w": values})
    np.testing.assert_array_equal(session.weights_access()["w"], values)
    if columns % CASES[name].attributes["block_size"] == 0:
        assert {t.name: t.SerializeToString() for t in session.model().graph.initializer} == before


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_first_integer_lies_in_the_lowest_bits(bits: int) -> None:
    blocks = Blocks((1, 8 // bits), 1, 8 // bits, bits, 0)
    stored = np.asarray([[1]], np.uint8)
    assert blocks.integers(stored).tolist() == [[1.0] + [0.0] * (8 // bits - 1)]
    np.testing.assert_array_equal(blocks.packed(blocks.integers(stored), stored), stored)


@pytest.mark.parametrize(
    "change",
    [
        {"block_size": 16},
        {"bits": 3},
        {"K": 0},
        {"K": 1000},
        {"N": 5},
        {"accuracy_level": 2},
        {"weight_prepacked": 1},
    ],
    ids=str,
)
def test_what_does_not_fit_stays_as_it_is(change: dict[str, int]) -> None:
    case = CASES["product of 64 in blocks of 32, 4 bits"]
    changed = Case(case.op, case.inputs, {**case.attributes, **change})
    graph = canonical(graph_from_model(changed.model(), "case"))
    assert f"{MICROSOFT}::MatMulNBits" in {node.op for node in graph.nodes}


@pytest.mark.parametrize(
    "zero",
    [
        whole(ROWS, 2, low=0, high=16, dtype="uint8"),
        whole(ROWS, 2, low=0, high=16, dtype="int8"),
        real(ROWS, 1),
    ],
    ids=["a byte per block", "signed", "one per row"],
)
def test_zero_points_of_another_form_leave_it_as_it_is(zero: Any) -> None:
    graph = canonical(graph_from_model(product(64, 4, 32, z=zero).model(), "case"))
    assert f"{MICROSOFT}::MatMulNBits" in {node.op for node in graph.nodes}


def test_products_of_data_in_integers_are_marked() -> None:
    case = CASES["product of 64 in blocks of 32, 4 bits"]
    rounded = Case(case.op, case.inputs, {**case.attributes, "accuracy_level": 4})
    graph = canonical(graph_from_model(rounded.model(), "case"))
    assert [node.attributes.get("quantized") for node in graph.nodes] == [True]


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("product of 75 in blocks of 32, 4 bits, zero points", ROWS * 75),
        ("bias", ROWS * 64 + ROWS),
        ("rows of a table of 4 bits in bytes", 9 * 32),
        ("rows of a table of int4", 9 * 32),
    ],
)
def test_weights_in_blocks_are_counted(name: str, size: int) -> None:
    """By the plain protobuf, without the frontend's rules, and by the graph."""
    model = CASES[name].model(opset=21)
    assert onnx_weights.counts(model.graph)["parameters"] == size
    assert sum(p.size for node in read(model).nodes for p in node.parameters) == size


@pytest.mark.parametrize(
    "name",
    ["product of 75 in blocks of 32, 4 bits, zero points", *(n for n in CASES if "rows" in n)],
)
def test_random_weights_are_drawn_in_blocks_too(name: str) -> None:
    model = CASES[name].model(opset=21)
    before = {
        t.name: t for t in onnx.ModelProto.FromString(model.SerializeToString()).graph.initializer
    }
    onnx_weights.randomise(model, 3)
    drawn = {tensor.name: tensor for tensor in model.graph.initializer}
    assert drawn["w"].raw_data != before["w"].raw_data
    assert (drawn["w"].dims, drawn["w"].data_type) == (before["w"].dims, before["w"].data_type)
    assert_equal(CASES[name], model)
