"""Networks of named inputs: what is generated, paired and answered, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoodiff
from zoodiff.api.stated_inputs import stated_inputs
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.comparison import Comparison, Effort, compare
from zoodiff.equivalence.runs.named_inputs import NamedInput, pairs
from zoodiff.equivalence.runs.named_outputs import pair_outputs
from zoodiff.equivalence.runs.named_probes import NamedProbe
from zoodiff.errors import UsageError
from zoodiff.graph.ir import Graph, Tensor
from zoodiff.zoos import registry

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from support.named_readers import VOCABULARY, WIDTH, reader  # noqa: E402 - it imports onnx

pytestmark = pytest.mark.onnx


def ask(engine: WorkerPool, a: Path, b: Path, **effort: Any) -> Comparison:
    return compare(engine, registry.resolve(str(a)), registry.resolve(str(b)), Effort(**effort))


def test_inputs_in_another_order_and_outputs_too_are_one_function(
    engine: WorkerPool, tmp_path: Path
) -> None:
    first = reader(tmp_path, "a")
    second = reader(tmp_path, "b", turned=True, outputs=("h", "y"))
    answer = ask(engine, first, second).answer
    assert answer.same_function is True
    assert answer.evidence.outputs.deviation == 0
    assert any("ids int64 1x8, 0 to 39" in text for text in answer.domain.inputs)
    assert answer.domain.outputs == ("y (1x8x3)", "h (1x8x6)")
    # ONNX Runtime itself says so.
    given = {"ids": np.arange(8)[None], "mask": np.arange(8)[None] < 5}
    results = [
        ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["y", "h"], given)
        for path in (first, second)
    ]
    assert all(np.array_equal(x, y) for x, y in zip(*results, strict=True))


def test_an_inverted_mask_and_two_exchanged_rows_are_other_functions(
    engine: WorkerPool, tmp_path: Path
) -> None:
    plain = reader(tmp_path, "a")
    table = np.random.default_rng(0).standard_normal((VOCABULARY, WIDTH))
    table[[38, 39]] = table[[39, 38]]
    assert ask(engine, plain, reader(tmp_path, "b", hidden=True)).answer.same_function is False
    answer = ask(engine, plain, reader(tmp_path, "c", table=table)).answer
    assert answer.same_function is False
    assert "weights" in answer.because


def test_rows_of_a_vocabulary_that_no_input_reads_leave_it_undecided(
    engine: WorkerPool, tmp_path: Path
) -> None:
    table = np.random.default_rng(1).standard_normal((5000, WIDTH))
    changed = table.copy()
    changed[-1] = 2.0 * table[-1]
    first = reader(tmp_path, "a", table=table)
    second = reader(tmp_path, "b", table=changed)
    inputs = stated_inputs(("ids=int64[1,8]:0..9",), {})
    answer = ask(engine, first, second, inputs=inputs).answer
    assert answer.same_function is not True


def test_every_row_of_a_table_is_tried_where_a_network_is_small(
    engine: WorkerPool, tmp_path: Path
) -> None:
    table = np.random.default_rng(1).standard_normal((800, WIDTH))
    changed = table.copy()
    changed[517] = 2.0 * table[517]
    first = reader(tmp_path, "a", table=table)
    assert ask(engine, first, reader(tmp_path, "b", table=table.copy())).answer.same_function
    answer = ask(engine, first, reader(tmp_path, "c", table=changed)).answer
    assert answer.same_function is False
    assert not any("were tried" in sentence for sentence in answer.domain.inputs)


def test_an_open_length_is_that_of_the_other_or_what_is_stated(
    engine: WorkerPool, tmp_path: Path
) -> None:
    fixed, opened = reader(tmp_path, "a"), reader(tmp_path, "b", length="n")
    assert ask(engine, fixed, opened).answer.same_function is True
    inputs = stated_inputs(("ids=int64[1,5]", "mask=bool[1,5]"), {})
    answer = ask(engine, opened, opened, inputs=inputs).answer
    assert answer.same_function is True
    assert "ids int64 1x5, 0 to 39" in answer.domain.inputs


def test_an_output_without_a_counterpart_is_no_proof(engine: WorkerPool, tmp_path: Path) -> None:
    answer = ask(engine, reader(tmp_path, "a"), reader(tmp_path, "b", outputs=("y",))).answer
    assert answer.same_function is None
    assert "h of the first" in answer.reason
    assert answer.domain.outputs == ("y (1x8x3)",)
    assert "ids int64 1x8, 0 to 39" in answer.domain.inputs


def test_as_many_outputs_of_other_sizes_are_another_function(
    engine: WorkerPool, tmp_path: Path
) -> None:
    first, second = reader(tmp_path, "a"), reader(tmp_path, "b")
    model = onnx.load(second)
    model.graph.node.append(onnx.helper.make_node("Concat", ["h", "h"], ["wide"], axis=2))
    wide = onnx.helper.make_tensor_value_info("wide", 1, [1, 8, 2 * WIDTH])
    model.graph.output.pop()
    model.graph.output.append(wide)
    onnx.save(model, second)
    answer = ask(engine, first, second).answer
    assert answer.same_function is False
    assert answer.sentence.endswith("have the shapes 1x8x3, 1x8x6 | 1x8x3, 1x8x12")
    assert not answer.evidence.outputs.compared


def test_boxes_whose_number_values_decide_are_no_other_function(
    engine: WorkerPool, tmp_path: Path
) -> None:
    """One box more or less is what rounding at a threshold does."""
    first, second = reader(tmp_path, "a"), reader(tmp_path, "b")
    for path, least in ((first, -10.0), (second, 0.0)):
        model = onnx.load(path)
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(least), "least"))
        model.graph.node.append(onnx.helper.make_node("Greater", ["y", "least"], ["over"]))
        model.graph.node.append(onnx.helper.make_node("NonZero", ["over"], ["found"]))
        model.graph.output.pop()
        found = onnx.helper.make_tensor_value_info("found", 7, [3, None])
        model.graph.output.append(found)
        onnx.save(model, path)
    assert "have the shapes" not in ask(engine, first, second).answer.sentence


def test_outputs_that_are_turned_are_no_other_function() -> None:
    plain = {"x": np.zeros((1, 3, 8)), "y": np.zeros((1, 4))}
    turned = {"p": np.zeros((1, 8, 3)), "q": np.zeros((1, 4))}
    assert pair_outputs(plain, turned).other_sizes == ""
    assert pair_outputs(plain, turned | {"q": np.zeros((1, 5))}).other_sizes != ""
    assert pair_outputs(plain, {"p": plain["x"]}).other_sizes == ""


def test_an_unknown_input_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    path = str(reader(tmp_path, "a"))
    with pytest.raises(UsageError, match=r"--input 'ids=int64\[1,8\]' --input 'mask=bool\[1,8\]'"):
        zoodiff.diff(path, path, inputs=("id=int64[1,8]",))
    with pytest.raises(
        UsageError, match=r"holds int64, not float32; say --input 'ids=int64\[1,8\]'"
    ):
        zoodiff.diff(path, path, inputs=("ids=float32[1,8]",))
    with pytest.raises(UsageError, match="states no input"):
        zoodiff.diff(path, path, inputs=("ids",))


@pytest.mark.parametrize("stated", [("ids=int64[1,8]:0..99",), ()])
def test_ids_beyond_the_table_are_named_before_anything_is_run(
    engine: WorkerPool, tmp_path: Path, stated: tuple[str, ...]
) -> None:
    path = reader(tmp_path, "a")
    example = {} if stated else {"ids": np.full((1, 8), 99)}
    answer = ask(engine, path, path, inputs=stated_inputs(stated, example)).answer
    assert answer.same_function is None
    assert "of the input ids holds 99, and the smallest table" in answer.reason
    assert "has 40 rows" in answer.reason


def test_whole_numbers_of_any_range_are_asked_for(engine: WorkerPool, tmp_path: Path) -> None:
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Cast", ["t"], ["f"], "cast", to=1),
            onnx.helper.make_node("Sin", ["f"], ["y"], "sin"),
        ],
        "g",
        [onnx.helper.make_tensor_value_info("t", onnx.TensorProto.INT64, [1])],
        [onnx.helper.make_tensor_value_info("y", 1, [1])],
    )
    path = tmp_path / "t.onnx"
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    answer = ask(engine, path, path).answer
    assert answer.same_function is None
    assert "--input 't=int64[1]:0..9'" in answer.reason
    inputs = stated_inputs(("t=int64[1]:0..999",), {})
    assert ask(engine, path, path, inputs=inputs).answer.same_function is True


def test_an_example_gives_shapes_and_is_tried(tmp_path: Path) -> None:
    path = str(reader(tmp_path, "b", length="n"))
    file = tmp_path / "example.npz"
    np.savez(file, ids=np.arange(6)[None], mask=np.ones((1, 6), dtype=bool))
    report = zoodiff.diff(path, path, example=file)
    assert report.same_function is True
    assert report.a.graph.inputs[0].shape == (1, 6)
    assert len(repr(report)) < 400
    assert len(report._repr_html_()) < 30_000


def test_outputs_are_paired_by_name_else_by_order_and_shape() -> None:
    wide, flat = np.zeros((1, 4)), np.zeros((1, 2))
    assert pair_outputs({"a": wide, "b": wide}, {"b": wide, "a": wide}).pairs == ((0, 1), (1, 0))
    assert pair_outputs({"a": wide, "b": flat}, {"0": flat, "1": wide}).pairs == ((0, 1), (1, 0))
    crossed = pair_outputs({"a": wide, "b": flat}, {"a": flat, "b": wide})
    assert crossed.pairs == ((0, 1), (1, 0))
    assert pair_outputs({"a": wide}, {"z": wide, "y": wide}).unpaired == ("y of the second",)


def test_numbers_that_name_outputs_are_places_unless_both_have_the_same() -> None:
    wide = np.zeros((1, 4))
    places = {"0": wide, "1": wide, "2": wide}
    assert pair_outputs(places, {"2": wide, "4": wide, "6": wide}).pairs == ((0, 0), (1, 1), (2, 2))
    assert pair_outputs({"7": wide, "9": wide}, {"9": wide, "7": wide}).pairs == ((0, 1), (1, 0))


@pytest.mark.parametrize(
    ("mask", "start"),
    [([1, 1, 0], 1), ([1, 1, 1], 1), ([0, 0, 1], 0), ([0, 1, 0], None), ([1, 0, 1], None)],
)
def test_a_mask_that_hides_an_end_is_told_from_others(mask: list[int], start: int | None) -> None:
    known = NamedInput(("m", "m"), "int64", (1, 3), "mask")
    assert NamedProbe("p", {"m": np.int64([mask])}, (known,)).mask_start == start


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("mask", "ids"), (1, 0)),
        (("mask:0", "ids:0"), (1, 0)),  # as tf2onnx calls them
        (("serving_default_mask:0", "serving_default_ids:0"), (1, 0)),  # as TFLite's converter
        (("ids:0", "ids:1"), (0, 1)),  # two outputs of one operation: names say nothing
        (("first", "second"), (0, 1)),
    ],
)
def test_inputs_are_paired_by_name_else_in_order(
    names: tuple[str, str], order: tuple[int, int]
) -> None:
    def graph(*inputs: str) -> Graph:
        tensors = tuple(Tensor(name, (1, 8), "int32") for name in inputs)
        return Graph("test", tensors, (), (), {tensor.name: tensor for tensor in tensors})

    assert pairs(graph("ids", "mask"), graph(*names)) == tuple(enumerate(order))
