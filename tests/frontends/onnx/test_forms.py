"""The ONNX frontend keeps what decides a function, whichever form the file writes it in."""

import numpy as np
import pytest

from zoodiff.errors import MeasurementError
from zoodiff.graph.cost import count

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from zoodiff.frontends.onnx.file import graph_from_model  # noqa: E402
from zoodiff.graph.canonical import canonical  # noqa: E402
from zoodiff.graph.fingerprint import fingerprint  # noqa: E402
from zoodiff.graph.interpreter.run import evaluate  # noqa: E402

pytestmark = pytest.mark.onnx
NODE = helper.make_node
_CORNERS = {"coordinate_transformation_mode": "align_corners"}


def model(nodes, weights=(), shape=(1, 3, 9, 9), opset=17, domains=(), outputs=("y",)):
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
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
    ("node", "shape", "factor", "op", "macs"),
    [
        (NODE("MatMul", ["w", "x"], ["y"]), (1, 3, 9, 9), (5, 9), "MatMul", 3 * 5 * 9 * 9),
        (NODE("MatMul", ["x", "w"], ["y"]), (1, 3, 9, 9), (3, 9, 5), "MatMul", 3 * 9 * 9 * 5),
        (NODE("MatMul", ["x", "w"], ["y"]), (1, 3, 9, 9), (9, 5), "Gemm", 3 * 9 * 9 * 5),
        (NODE("Gemm", ["x", "w"], ["y"], transA=1), (7, 4), (7, 5), "Gemm", 4 * 7 * 5),
        (NODE("Gemm", ["w", "x"], ["y"]), (7, 4), (5, 7), "MatMul", 5 * 7 * 4),
        (NODE("Gemm", ["x", "x"], ["y"], transB=1), (4, 7), (), "MatMul", 4 * 7 * 4),
    ],
)
def test_every_matrix_product_is_counted(node, shape, factor, op, macs) -> None:
    found = graph([node], {"w": weight(*factor)} if factor else {}, shape=shape)
    assert [n.op for n in found.nodes] == [op]
    assert count(found).macs == macs
    assert count(found).parameters == (int(np.prod(factor)) if factor else 0)


@pytest.mark.parametrize(
    "settings",
    [
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
        {"output_shape": [18, 17], "strides": [2, 2]},
        {"auto_pad": "SAME_UPPER", "output_shape": [18, 18], "strides": [2, 2]},
        {"auto_pad": "VALID", "strides": [3, 2]},
        {"output_shape": [20, 28], "strides": [2, 3]},
    ],
)
def test_explicit_pads_of_a_transposed_convolution_compute_the_same(settings) -> None:
    """The file and one rewritten with the pads found, both run by ONNX Runtime."""
    ort = pytest.importorskip("onnxruntime")
    rng = np.random.default_rng(0)
    values = {"w": rng.standard_normal((3, 4, 3, 3)).astype(np.float32)}
    image = rng.standard_normal((1, 3, 9, 9)).astype(np.float32)
    node = NODE("ConvTranspose", ["x", "w"], ["y"], **settings)
    found = graph([node], values).nodes[0].attributes
    kept = {k: found[k] for k in ("kernel_shape", "strides", "dilations", "pads", "group")}
    kept["output_padding"] = found["output_padding"]
    explicit = NODE("ConvTranspose", ["x", "w"], ["y"], **kept)
    outputs = [
        ort.InferenceSession(model([one], values).SerializeToString()).run(None, {"x": image})[0]
        for one in (node, explicit)
    ]
    np.testing.assert_array_equal(outputs[0], outputs[1])


@pytest.mark.parametrize(
    ("node", "values"),
    [
        (NODE("Max", ["x", "a", "b"], ["y"]), {"a": np.float32(0.1), "b": np.float32(0.3)}),
        (NODE("Min", ["a", "x", "b"], ["y"]), {"a": np.float32(0.1), "b": np.float32(-0.3)}),
        (NODE("Max", ["x", "x", "a"], ["y"]), {"a": np.float32(0.25)}),
        (
            NODE("Resize", ["x", "r", "s"], ["y"], mode="linear", **_CORNERS),
            {"r": np.float32([]), "s": np.float32([1, 1, 4 / 3, 2 / 3])},
        ),
        (NODE("Gather", ["x", "i"], ["y"], axis=1), {"i": np.array([2, 1, 0])}),
        (NODE("Gather", ["x", "i"], ["y"], axis=3), {"i": np.array([1, 3, 5, 7])}),
        (NODE("Gather", ["x", "i"], ["y"], axis=2), {"i": np.array([-1, 4])}),
        (NODE("Gather", ["x", "i"], ["y"], axis=2), {"i": np.array([6, 3, 0])}),
    ],
)
def test_what_onnx_runtime_computes_is_what_the_canonical_graph_computes(node, values) -> None:
    ort = pytest.importorskip("onnxruntime")
    image = np.random.default_rng(0).standard_normal((1, 3, 9, 9)).astype(np.float32)
    session = ort.InferenceSession(model([node], values).SerializeToString())
    (wanted,) = session.run(None, {"x": image})
    (result,) = evaluate(canonical(graph([node], values)), {"x": image}, {}).values()
    np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-6)


def test_evenly_spaced_indices_are_the_slice_that_takes_the_same() -> None:
    ends = {"s": np.array([-1]), "e": np.array([-100]), "a": np.array([1]), "t": np.array([-1])}
    gathered = graph([NODE("Gather", ["x", "i"], ["y"], axis=1)], {"i": np.array([2, 1, 0])})
    sliced = graph([NODE("Slice", ["x", "s", "e", "a", "t"], ["y"])], ends)
    assert fingerprint(gathered) == fingerprint(sliced)


def test_a_shape_through_a_remainder_is_computed() -> None:
    """Torch's older exporter slices the shape at a remainder for ``Tensor.unflatten``."""
    nodes = [
        NODE("Mod", ["minus", "rank"], ["last"]),
        NODE("Reshape", ["last", "flat"], ["end"]),
        NODE("Shape", ["x"], ["s"]),
        NODE("Slice", ["s", "zero", "end"], ["front"]),
        NODE("Concat", ["front", "parts"], ["t"], axis=0),
        NODE("Reshape", ["x", "t"], ["r"]),
        NODE("Transpose", ["r"], ["y"], perm=[2, 0, 1, 3]),
    ]
    values = {"minus": np.int64(-1), "rank": np.int64(3), "flat": np.array([-1])}
    values |= {"zero": np.array([0]), "parts": np.array([3, 4])}
    found = graph(nodes, values, shape=("N", 5, 12))
    assert [n.op for n in found.nodes] == ["Reshape", "Transpose"]
    assert found.nodes[0].attributes["shape"] == [1, 5, 3, 4]


def test_what_reads_an_unknown_shape_is_not_taken_for_a_scalar() -> None:
    nodes = [
        NODE("Wobble", ["x"], ["w"], domain="custom"),
        NODE("Transpose", ["w"], ["t"], perm=[2, 0, 1]),
        NODE("Softmax", ["t"], ["s"], axis=-1),
        NODE("Relu", ["s"], ["y"]),
    ]
    found = canonical(graph(nodes, domains=("custom",)))
    assert [n.op for n in found.nodes] == [
        "custom::Wobble",
        "onnx::Transpose",
        "onnx::Softmax",
        "Relu",
    ]


def test_a_bias_that_stands_behind_its_product_is_still_its_bias() -> None:
    nodes = [
        NODE("Flatten", ["x"], ["f"]),
        NODE("MatMul", ["f", "w"], ["m"]),
        NODE("Constant", [], ["b"], value=numpy_helper.from_array(weight(10))),
        NODE("Add", ["m", "b"], ["y"]),
    ]
    found = graph(nodes, {"w": weight(243, 10)})
    assert [n.op for n in found.nodes] == ["Flatten", "Gemm"]
    assert count(found).parameters == 2440


def test_shapes_computed_inside_the_file_leave_no_node() -> None:
    nodes = [
        NODE("Shape", ["x"], ["s"]),
        NODE("Gather", ["s", "i"], ["g"]),
        NODE("Unsqueeze", ["g", "z"], ["u"]),
        NODE("Concat", ["u", "m"], ["c"], axis=0),
        NODE("Reshape", ["x", "c"], ["y"]),
    ]
    constants = {"i": np.int64(0), "z": np.array([0]), "m": np.array([-1])}
    found = graph(nodes, constants)
    assert [(n.op, dict(n.attributes)) for n in found.nodes] == [("Reshape", {"shape": [1, 243]})]
    assert set(found.tensors) == {"x", "y"}


@pytest.mark.parametrize("exact", [True, False])
def test_shapes_that_onnx_itself_cannot_follow_are_computed(exact: bool) -> None:
    """A channel shuffle with an open batch size, as exporters write it: 8 channels in 2 groups."""
    half = [NODE("Div", ["d1", "g"], ["q"])]
    if not exact:
        half = [
            NODE("Cast", ["d1"], ["f"], to=TensorProto.FLOAT),
            NODE("Div", ["f", "gf"], ["h"]),
            NODE("Floor", ["h"], ["k"]),
            NODE("Cast", ["k"], ["q"], to=TensorProto.INT64),
        ]
    places = ("d0", "q", "d2", "d3")
    nodes = [
        NODE("Shape", ["x"], ["s"]),
        *(NODE("Gather", ["s", f"i{n}"], [f"d{n}"]) for n in range(4)),
        *half,
        *(NODE("Unsqueeze", [name, "zero"], [f"u{name}"]) for name in places),
        NODE("Concat", ["ud0", "two", "uq", "ud2", "ud3"], ["t"], axis=0),
        NODE("Reshape", ["x", "t"], ["r"]),
        NODE("Transpose", ["r"], ["p"], perm=[0, 2, 1, 3, 4]),
        NODE("Reshape", ["p", "s"], ["o"]),
        NODE("Conv", ["o", "w"], ["y"]),
    ]
    given = {f"i{n}": np.int64(n) for n in range(4)} | {"zero": np.array([0]), "two": np.array([2])}
    given |= {"g": np.int64(2), "gf": np.float32(2), "w": weight(4, 8, 1, 1)}
    found = graph(nodes, given, shape=("N", 8, 9, 9))
    assert [n.attributes.get("shape") for n in found.nodes] == [
        [1, 2, 4, 9, 9],
        None,
        [1, 8, 9, 9],
        None,
    ]
    assert count(found).macs == 4 * 8 * 81


@pytest.mark.parametrize("imported", ["", "ai.onnx"])
@pytest.mark.parametrize("named", ["", "ai.onnx"])
def test_the_standard_domain_has_two_names(imported: str, named: str) -> None:
    nodes = [
        NODE("Identity", ["x"], ["i"], domain=named),
        NODE("Conv", ["i", "w"], ["c"], domain=named),
        NODE("Softmax", ["c"], ["y"], domain=named),
    ]
    made = model(nodes, {"w": weight(4, 3, 3, 3)})
    made.opset_import[0].domain = imported
    found = graph_from_model(made, "test")
    assert [n.op for n in found.nodes] == ["Conv", "Softmax"]
    assert found.nodes[1].attributes == {"axis": 3}


def test_an_opset_of_the_future_is_not_guessed_at() -> None:
    with pytest.raises(MeasurementError, match=r"is of opset 999, and onnx .*install a newer onnx"):
        graph([NODE("Relu", ["x"], ["y"])], opset=999)


def test_bounds_behind_other_constants_are_read() -> None:
    nodes = [
        NODE("Identity", ["lo"], ["a"]),
        NODE("Cast", ["hi"], ["b"], to=TensorProto.FLOAT),
        NODE("Clip", ["x", "a", "b"], ["y"]),
    ]
    found = graph(nodes, {"lo": np.float32(0), "hi": np.int64(6)})
    assert found.nodes[0].attributes == {"min": 0.0, "max": 6.0}


def test_a_vector_says_its_axis_in_the_old_form_and_in_the_new() -> None:
    old = NODE("Add", ["x", "b"], ["y"], broadcast=1, axis=1)
    new = NODE("Add", ["x", "b"], ["y"])
    last = graph([new], {"b": weight(9)})
    assert graph([old], {"b": weight(3)}, opset=6).nodes[0].attributes == {"axis": 1}
    assert graph([new], {"b": weight(3, 1, 1)}, opset=7).nodes[0].attributes == {"axis": 1}
    assert last.nodes[0].attributes == {"axis": 3}


def test_slices_and_picks_are_the_same_in_every_opset() -> None:
    old = graph([NODE("Slice", ["x"], ["y"], starts=[1], ends=[-1], axes=[2])], opset=9)
    bounds = {"a": np.array([1]), "b": np.array([8]), "c": np.array([-2])}
    new = graph([NODE("Slice", ["x", "a", "b", "c"], ["y"])], bounds)
    assert old.nodes[0].attributes == new.nodes[0].attributes
    assert dict(new.nodes[0].attributes) == {
        "axes": [2],
        "starts": [1],
        "ends": [8],
        "steps": [1],
    }
    parts = NODE("Split", ["x"], ["y", "z"], axis=1, split=[1, 2])
    assert graph([parts], opset=11).nodes[0].attributes == {"axis": 1, "split": [1, 2]}
    order = [8, 0, 7, 1, 6, 2, 5, 3, 4] * 3
    shuffle = graph([NODE("Gather", ["x", "i"], ["y"], axis=-1)], {"i": np.array(order)})
    assert shuffle.nodes[0].attributes == {"axis": 3, "indices": order}


def test_the_place_of_a_constant_in_a_concatenation_is_kept() -> None:
    places = []
    for names in (["w", "x"], ["x", "w"]):
        found = graph([NODE("Concat", names, ["y"], axis=-2)], {"w": weight(1, 3, 1, 9)})
        assert found.nodes[0].attributes["axis"] == 2
        places.append(found.nodes[0].attributes["parameters_at"])
    assert places == [[0], [1]]


def test_numbers_read_as_they_were_written() -> None:
    names = ["s", "b", "m", "v"]
    node = NODE("BatchNormalization", ["x", *names], ["y"], epsilon=1e-5)
    assert graph([node], {n: weight(3) for n in names}).nodes[0].attributes["epsilon"] == 1e-5
    scaled = graph([NODE("Mul", ["x", "k"], ["y"])], {"k": np.float32(0.1)})
    assert scaled.nodes[0].attributes == {"value": 0.1}


def test_a_batch_norm_of_each_place_is_another_function() -> None:
    names = ["s", "b", "m", "v"]
    each = NODE("BatchNormalization", ["x", *names], ["y"], spatial=0)
    usual = NODE("BatchNormalization", ["x", *names], ["y"], spatial=1)
    found = graph([each], {n: weight(3, 9, 9) for n in names}, opset=7)
    assert found.nodes[0].attributes["spatial"] is False
    found = graph([usual], {n: weight(3) for n in names}, opset=7)
    assert "spatial" not in found.nodes[0].attributes


def test_weights_are_no_attributes_and_settings_are_no_weights() -> None:
    slopes = graph([NODE("PRelu", ["x", "s"], ["y"])], {"s": weight(3, 1, 1)})
    assert (dict(slopes.nodes[0].attributes), count(slopes).parameters) == ({"axis": 1}, 3)
    scales = {"s": np.array([1, 1, 2, 2], dtype=np.float32)}
    larger = graph([NODE("Resize", ["x", "", "s"], ["y"], mode="linear")], scales)
    assert larger.nodes[0].attributes["scales"] == [1.0, 1.0, 2.0, 2.0]
    assert count(larger).parameters == 0


def test_what_no_output_needs_is_owned_and_not_computed() -> None:
    nodes = [NODE("Conv", ["x", "w"], ["y"]), NODE("Conv", ["x", "v"], ["dead"])]
    found = graph(nodes, {"w": weight(4, 3, 3, 3), "v": weight(5, 3, 3, 3)})
    assert [p.name for p in found.unused_parameters] == ["v"]
    assert count(found).macs == 4 * 49 * 27


def test_functions_of_the_file_are_expanded() -> None:
    made = model([NODE("Twice", ["x", "w"], ["y"], domain="mine")], {"w": weight(3, 3, 1, 1)})
    body = [NODE("Conv", ["a", "k"], ["c"]), NODE("Conv", ["c", "k"], ["b"])]
    opsets = [helper.make_opsetid("", 17)]
    made.functions.append(helper.make_function("mine", "Twice", ["a", "k"], ["b"], body, opsets))
    made.opset_import.append(helper.make_opsetid("mine", 1))
    found = graph_from_model(made, "test")
    assert [n.op for n in found.nodes] == ["Conv", "Conv"]
    assert (count(found).parameters, count(found).macs) == (9, 2 * 3 * 81 * 3)


def test_quantised_operators_of_onnx_runtime_keep_shapes_and_macs() -> None:
    """Without their shapes, what follows them would count nothing."""
    number = {"s": np.float32(0.1), "z": np.uint8(0), "zw": np.int8(0)}
    weights = {"w": np.zeros((3, 3, 1, 1), dtype=np.int8), "f": np.zeros((3, 7), dtype=np.int8)}
    scale = ["s", "z"]
    mine = {"domain": "com.microsoft"}
    nodes = [
        NODE("QuantizeLinear", ["x", *scale], ["q"]),
        NODE("QLinearConv", ["q", *scale, "w", "s", "zw", *scale], ["c"]),
        NODE("QLinearAdd", ["q", *scale, "c", *scale, *scale], ["a"], **mine),
        NODE("QLinearConcat", [*scale, "a", *scale, "q", *scale], ["j"], axis=1, **mine),
        NODE("QLinearGlobalAveragePool", ["a", *scale, *scale], ["p"], channels_last=0, **mine),
        NODE("Flatten", ["p"], ["l"]),
        NODE("QGemm", ["l", *scale, "f", "s", "zw", "", *scale], ["g"], **mine),
        NODE("DequantizeLinear", ["g", *scale], ["y"]),
        NODE("DequantizeLinear", ["j", *scale], ["k"]),
    ]
    found = graph(nodes, number | weights, domains=["com.microsoft"], outputs=("y", "k"))
    layers = [n for n in found.nodes if n.op != "QuantizeLinear"]
    ops = [n.op for n in layers]
    assert ops[:6] == ["Conv", "Add", "Concat", "GlobalAveragePool", "Flatten", "Gemm"]
    assert all(n.attributes["quantized"] for n in layers[:4])
    assert (count(found).parameters, count(found).macs) == (9 + 21, 81 * 9 + 21)
    assert found.outputs[1].shape == (1, 6, 9, 9)


@pytest.mark.parametrize(
    ("nodes", "weights", "message"),
    [
        ([NODE("Conv", ["x", "w"], ["y"], strides=[0, 0], auto_pad="SAME_UPPER")], True, "malf"),
        ([NODE("MaxPool", ["x"], ["y"])], False, r"node y \(MaxPool\).*malformed.*kernel_shape"),
        ([NODE("Relu", ["x"], ["y"]), NODE("Elu", ["x"], ["y"])], False, "computes y twice"),
        ([NODE("RandomNormal", [], ["r"], shape=[1]), NODE("Add", ["x", "r"], ["y"])], 0, "noth"),
    ],
)
def test_nodes_that_make_no_sense_are_one_sentence(nodes, weights, message) -> None:
    with pytest.raises(MeasurementError, match=message) as caught:
        graph(nodes, {"w": weight(4, 3, 3, 3)} if weights else {})
    assert "\n" not in str(caught.value)


def test_macs_behind_an_unknown_operator_are_not_guessed() -> None:
    nodes = [NODE("Magic", ["x"], ["a"], domain="my"), NODE("Conv", ["a", "w"], ["y"])]
    with pytest.raises(MeasurementError, match=r"shapes around y \(Conv\).*cannot be inferred"):
        graph(nodes, {"w": weight(4, 3, 3, 3)}, domains=["my"])


def test_corners_of_an_image_whose_size_is_cut_are_kept_as_the_file_says() -> None:
    """ONNX Runtime aligns the corners of the cut size, ONNX those of the size before."""
    node = NODE("Resize", ["x", "r", "s"], ["y"], mode="linear", **_CORNERS)
    values = {"r": np.float32([]), "s": np.float32([1, 1, 1.7, 0.6])}
    assert [n.op for n in canonical(graph([node], values)).nodes] == ["onnx::Resize"]


def test_an_input_without_a_shape_is_refused() -> None:
    made = model([NODE("Relu", ["x"], ["y"])])
    made.graph.input[0].type.tensor_type.ClearField("shape")
    with pytest.raises(MeasurementError, match="gives no shape for its input x"):
        graph_from_model(made, "test")


def group_norm(groups, *, inner=1.0, maps=(1, 6, 9, 9), fixed=False):
    """A group norm as PyTorch exports it before opset 21, or as the operator of opset 21."""
    rng = np.random.default_rng(0)
    image = NODE("Conv", ["x", "w"], ["c"], pads=[1] * 4)
    weights = {"w": rng.standard_normal((6, 3, 3, 3)).astype(np.float32)}
    scale, shift = rng.standard_normal((2, 6)).astype(np.float32)
    if fixed:
        weights |= {"s": scale, "b": shift}
        node = NODE("GroupNormalization", ["c", "s", "b"], ["y"], num_groups=groups, epsilon=1e-3)
        return model([image, node], weights, opset=21)
    weights |= {
        "to": np.array([maps[0], groups, -1]),
        "ones": np.full(groups, inner, np.float32),
        "zeros": np.zeros(groups, np.float32),
        "back": np.array(maps),
        "s": scale.reshape(6, 1, 1),
        "b": shift.reshape(6, 1, 1),
    }
    nodes = [
        image,
        NODE("Reshape", ["c", "to"], ["r"]),
        NODE("InstanceNormalization", ["r", "ones", "zeros"], ["n"], epsilon=1e-3),
        NODE("Reshape", ["n", "back"], ["m"]),
        NODE("Mul", ["m", "s"], ["scaled"]),
        NODE("Add", ["scaled", "b"], ["y"]),
    ]
    return model(nodes, weights)


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_a_group_norm_written_out_is_that_of_opset_21_and_onnx_runtimes(groups) -> None:
    ort = pytest.importorskip("onnxruntime")
    written, operator = (group_norm(groups, fixed=fixed) for fixed in (False, True))
    graphs = [graph_from_model(m, "test") for m in (written, operator)]
    assert fingerprint(graphs[0]) == fingerprint(graphs[1])
    assert {count(g).parameters for g in graphs} == {6 * 3 * 9 + 12}
    image = np.random.default_rng(1).standard_normal((1, 3, 9, 9)).astype(np.float32)
    for made, found in zip((written, operator), graphs, strict=True):
        held = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}
        (ours,) = evaluate(canonical(found), {"x": image}, held).values()
        (theirs,) = ort.InferenceSession(made.SerializeToString()).run(None, {"x": image})
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_an_inner_norm_with_a_scale_of_its_own_keeps_it() -> None:
    found = graph_from_model(group_norm(2, inner=0.5), "test")
    assert count(found).parameters == 6 * 3 * 9 + 12 + 4
    assert "GroupNormalization" not in [n.op for n in canonical(found).nodes]


@pytest.mark.parametrize(
    ("op", "settings"),
    [
        ("DepthToSpace", {"blocksize": 2, "mode": "CRD"}),
        ("DepthToSpace", {"blocksize": 2, "mode": "DCR"}),
        ("DepthToSpace", {"blocksize": 2}),
        ("SpaceToDepth", {"blocksize": 2}),
        ("SpaceToDepth", {"blocksize": 3}),
    ],
)
def test_blocks_of_pixels_are_moved_as_onnx_runtime_moves_them(op, settings) -> None:
    ort = pytest.importorskip("onnxruntime")
    made = model([NODE(op, ["x"], ["y"], **settings)], shape=(1, 12, 6, 6))
    image = np.arange(12 * 36, dtype=np.float32).reshape(1, 12, 6, 6)
    found = canonical(graph_from_model(made, "test"))
    assert {n.op for n in found.nodes} == {"Reshape", "Transpose"}
    (ours,) = evaluate(found, {"x": image}, {}).values()
    (theirs,) = ort.InferenceSession(made.SerializeToString()).run(None, {"x": image})
    np.testing.assert_array_equal(ours, theirs)
