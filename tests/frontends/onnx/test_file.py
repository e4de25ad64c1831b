"""The ONNX frontend on small graphs, old forms and hostile files."""

from pathlib import Path

import numpy as np
import pytest

from zoodiff.errors import MeasurementError
from zoodiff.graph.cost import count

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from zoodiff.frontends.onnx.file import graph_from_file, graph_from_model  # noqa: E402

pytestmark = pytest.mark.onnx
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def model(nodes, weights=(), shape=(1, 3, 9, 9), opset=17, domains=(), outputs=("y",)):
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in dict(weights).items()],
    )
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    made = helper.make_model(graph, opset_imports=imports)
    made.ir_version = 8
    return made


def graph(*args, **kwargs):
    return graph_from_model(model(*args, **kwargs), "test")


def weight(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


@pytest.mark.parametrize(
    ("auto_pad", "pads"),
    [
        ("SAME_UPPER", [0, 1, 1, 2]),  # 9, kernel 2x4, stride 2x1: totals 1 and 3
        ("SAME_LOWER", [1, 2, 0, 1]),
        ("VALID", [0, 0, 0, 0]),
    ],
)
def test_automatic_padding_becomes_explicit(auto_pad: str, pads: list[int]) -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 1], auto_pad=auto_pad)
    (conv,) = graph([node], {"w": weight(5, 3, 2, 4)}).nodes
    assert dict(conv.attributes) == {
        "kernel_shape": [2, 4],
        "strides": [2, 1],
        "dilations": [1, 1],
        "pads": pads,
        "group": 1,
        "out_channels": 5,
        "bias": False,
    }


def test_open_batch_and_extents_get_values() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    found = graph([node], {"w": weight(4, 3, 1, 1)}, shape=("N", 3, "H", "W"))
    assert found.inputs[0].shape == (1, 3, 224, 224)
    assert found.outputs[0].shape == (1, 4, 224, 224)
    assert count(found).macs == 4 * 3 * 224 * 224


def test_a_product_and_the_vector_behind_it_are_one_linear_layer() -> None:
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["y"]),
    ]
    found = graph(nodes, {"w": weight(243, 10), "b": weight(10)})
    assert [n.op for n in found.nodes] == ["Flatten", "Gemm"]
    assert found.nodes[1].attributes["bias"]
    assert [p.name for p in found.nodes[1].parameters] == ["w", "b"]
    assert count(found).macs == 2430
    assert found.outputs[0].shape == (1, 10)


def test_a_product_that_others_read_too_keeps_its_addition() -> None:
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["a"]),
        helper.make_node("Mul", ["m", "a"], ["y"]),
    ]
    found = graph(nodes, {"w": weight(243, 10), "b": weight(10)})
    assert [n.op for n in found.nodes] == ["Flatten", "Gemm", "Add", "Mul"]


def test_products_of_computed_tensors_are_attention() -> None:
    node = helper.make_node("MatMul", ["x", "x"], ["y"])
    assert count(graph([node], shape=(1, 3, 9, 9))).macs == 3 * 9 * 9 * 9


def test_gemm_is_read_in_both_orders() -> None:
    flat = helper.make_node("Flatten", ["x"], ["f"])
    for trans, shape in ((0, (243, 7)), (1, (7, 243))):
        gemm = helper.make_node("Gemm", ["f", "w"], ["y"], transB=trans, alpha=0.5)
        node = graph([flat, gemm], {"w": weight(*shape)}).nodes[1]
        assert (node.attributes["in_features"], node.attributes["out_features"]) == (243, 7)
        assert node.attributes["alpha"] == 0.5


def test_batch_norm_of_opset_1_and_9_keep_statistics_apart() -> None:
    names = ["s", "b", "m", "v"]
    for opset, extra in ((6, {"is_test": 1, "spatial": 1}), (9, {})):
        node = helper.make_node("BatchNormalization", ["x", *names], ["y"], epsilon=1e-3, **extra)
        found = graph([node], {n: weight(3) for n in names}, opset=opset)
        assert found.nodes[0].attributes["epsilon"] == pytest.approx(1e-3)
        assert (count(found).parameters, count(found).statistics) == (6, 6)


def test_clip_bounds_and_pads_are_read_from_attributes_and_inputs() -> None:
    old = graph([helper.make_node("Clip", ["x"], ["y"], min=0.0, max=6.0)], opset=6)
    new = graph(
        [helper.make_node("Clip", ["x", "lo", "hi"], ["y"])],
        {"lo": np.float32(0), "hi": np.float32(6)},
    )
    assert old.nodes[0].attributes == new.nodes[0].attributes == {"min": 0.0, "max": 6.0}
    pads = [0, 0, 1, 2, 0, 0, 3, 4]
    early = graph([helper.make_node("Pad", ["x"], ["y"], pads=pads)], opset=2)
    late = graph([helper.make_node("Pad", ["x", "p"], ["y"])], {"p": np.array(pads)}, opset=13)
    for found in (early, late):
        assert found.nodes[0].attributes["pads"] == [1, 2, 3, 4]
        assert found.nodes[0].attributes["axes"] == [2, 3]


@pytest.mark.parametrize("number", [1e-5, 1e-3, 0.1, 1.702, 0.7071067811865476])
def test_numbers_of_single_precision_read_as_the_shortest_decimal(number: float) -> None:
    """An exporter that writes 1e-5 means it; its float32 is 9.999999747378752e-06."""
    single = np.float32(number)
    shortest = float(np.format_float_positional(single, unique=True, trim="-"))
    constant = helper.make_node("Constant", [], ["c"], value_float=number)
    found = (
        graph([helper.make_node("LeakyRelu", ["x"], ["y"], alpha=number)])
        .nodes[0]
        .attributes["alpha"],
        graph([helper.make_node("Mul", ["x", "c"], ["y"])], {"c": single})
        .nodes[0]
        .attributes["value"],
        graph([constant, helper.make_node("Mul", ["x", "c"], ["y"])]).nodes[0].attributes["value"],
        graph([helper.make_node("Clip", ["x", "c"], ["y"])], {"c": single})
        .nodes[0]
        .attributes["min"],
    )
    assert set(found) == {shortest}


def test_softmax_changed_its_default_axis_at_opset_13() -> None:
    node = helper.make_node("Softmax", ["x"], ["y"])
    assert graph([node], opset=11).nodes[0].attributes == {"axis": 1, "flattened": True}
    assert graph([node], opset=13).nodes[0].attributes == {"axis": 3}


def test_dropout_and_identity_leave_no_node() -> None:
    nodes = [
        helper.make_node("Dropout", ["x"], ["d"]),
        helper.make_node("Identity", ["d"], ["i"]),
        helper.make_node("Relu", ["i"], ["y"]),
    ]
    assert [n.op for n in graph(nodes).nodes] == ["Relu"]


def test_a_reshaped_weight_is_still_the_files_weight() -> None:
    nodes = [
        helper.make_node("Unsqueeze", ["scale", "axes"], ["s"]),
        helper.make_node("Mul", ["x", "s"], ["y"]),
    ]
    found = graph(nodes, {"scale": weight(3), "axes": np.array([1, 2])})
    (parameter,) = found.nodes[0].parameters
    assert (parameter.name, parameter.shape) == ("scale", (3,))


def test_mean_over_the_image_is_global_pooling() -> None:
    keep = helper.make_node("ReduceMean", ["x"], ["y"], axes=[2, 3], keepdims=1)
    drop = helper.make_node("ReduceMean", ["x"], ["y"], axes=[-2, -1], keepdims=0)
    assert [n.op for n in graph([keep]).nodes] == ["GlobalAveragePool"]
    assert [n.op for n in graph([drop]).nodes] == ["GlobalAveragePool", "Flatten"]


def test_a_quantised_convolution_counts_as_one() -> None:
    q = {"q": np.uint8(0), "s": np.float32(0.1), "w": np.zeros((4, 3, 3, 3), dtype=np.int8)}
    q |= {"z": np.int8(0), "b": np.zeros(4, dtype=np.int32)}
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "q"], ["xq"]),
        helper.make_node("QLinearConv", ["xq", "s", "q", "w", "s", "z", "s", "q", "b"], ["yq"]),
        helper.make_node("DequantizeLinear", ["yq", "s", "q"], ["y"]),
    ]
    found = graph(nodes, q)
    conv = found.nodes[1]
    assert (conv.op, conv.attributes["quantized"], conv.attributes["bias"]) == ("Conv", True, True)
    assert count(found).macs == 4 * 49 * 27
    assert count(found).parameters == 4 * 27 + 4


def test_operators_of_other_domains_are_opaque_and_others_get_their_defaults() -> None:
    mine = helper.make_node("Magic", ["x"], ["y"], domain="my.domain", strength=3)
    found = graph([mine], domains=["my.domain"])
    assert found.nodes[0].op == "my.domain::Magic"
    assert found.nodes[0].attributes == {"strength": 3}
    assert graph([helper.make_node("Elu", ["x"], ["y"])]).nodes[0].attributes == {"alpha": 1.0}


def test_statistics_of_a_scaled_input_are_preprocessing() -> None:
    nodes = [
        helper.make_node("Sub", ["x", "mean"], ["c"]),
        helper.make_node("Conv", ["c", "w"], ["y"]),
    ]
    found = graph(nodes, {"mean": np.float32(0.5), "w": weight(4, 3, 3, 3)})
    assert count(found).preprocessing_inside


@pytest.mark.parametrize("content", [b"", b"\x00" * 40, b"not a protobuf at all", b"\x08\x08\x12"])
def test_bytes_that_are_no_model_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(MeasurementError) as caught:
        graph_from_file(path)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_is_one_sentence(tmp_path: Path) -> None:
    whole = model([helper.make_node("Conv", ["x", "w"], ["y"])], {"w": weight(64, 3, 7, 7)})
    content = whole.SerializeToString()
    path = tmp_path / "cut.onnx"
    for size in range(1, len(content), max(1, len(content) // 40)):
        path.write_bytes(content[:size])
        try:
            graph_from_file(path)
        except MeasurementError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("place", ["../secret.bin", "/etc/passwd", "a/../../b", "..\\windows"])
def test_external_data_outside_the_folder_is_refused(tmp_path: Path, place: str) -> None:
    bad = model([helper.make_node("Conv", ["x", "w"], ["y"])], {"w": weight(4, 3, 3, 3)})
    tensor = bad.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", place
    (tmp_path / "x.onnx").write_bytes(bad.SerializeToString())
    with pytest.raises(MeasurementError, match=r"outside its own folder; such files are refused"):
        graph_from_file(tmp_path / "x.onnx")


def test_external_data_beside_the_file_is_not_needed_to_describe_it(tmp_path: Path) -> None:
    good = model([helper.make_node("Conv", ["x", "w"], ["y"])], {"w": weight(4, 3, 3, 3)})
    tensor = good.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    (tmp_path / "x.onnx").write_bytes(good.SerializeToString())
    assert count(graph_from_file(tmp_path / "x.onnx")).parameters == 108


def test_a_node_that_reads_what_nothing_computes_is_named() -> None:
    with pytest.raises(MeasurementError, match=r"reads z, which nothing before it computes"):
        graph([helper.make_node("Add", ["x", "z"], ["y"], name="sum")])


def test_a_cycle_is_an_error() -> None:
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    with pytest.raises(MeasurementError, match=r"a network without loops is needed"):
        graph(nodes, outputs=("b",))


def test_a_graph_without_nodes_and_an_output_from_nowhere_are_errors() -> None:
    with pytest.raises(MeasurementError, match="no nodes"):
        graph([])
    with pytest.raises(MeasurementError, match=r"output z .*is not computed"):
        graph([helper.make_node("Relu", ["x"], ["y"])], outputs=("z",))


@pytest.mark.parametrize("shape", [(), (1, 4)])
def test_a_constant_that_is_an_output_keeps_its_shape_where_it_is_read(
    shape: tuple[int, ...],
) -> None:
    nodes = [
        helper.make_node("Sub", ["x", "mean"], ["centred"]),
        helper.make_node("MatMul", ["centred", "weight"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", 1, [1, 4])],
        [helper.make_tensor_value_info(name, 1, None) for name in ("y", "mean")],
        [
            numpy_helper.from_array(np.ones(shape, np.float32), "mean"),
            numpy_helper.from_array(np.ones((4, 3), np.float32), "weight"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    described = graph_from_model(model, "net")
    assert [tensor.shape for tensor in described.outputs] == [(1, 3), shape]
