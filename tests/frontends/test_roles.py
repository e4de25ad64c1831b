"""Every weight says what it is for and how its axes are stored, whatever frontend read it."""

from math import prod

import pytest

from zoodiff.engines.pool import WorkerPool, usable
from zoodiff.frontends.roles import assigned
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph, Node, Parameter
from zoodiff.zoos import registry

NORMS = {"BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization"}
LAYERS = {"Conv", "ConvTranspose", "Gemm"}
SAMPLE = {
    "torchvision": ("alexnet", "mobilenet_v2", "shufflenet_v2_x0_5", "swin_v2_t", "googlenet"),
    "keras": ("MobileNetV2", "Xception", "ConvNeXtTiny", "EfficientNetB0"),
    "onnx": ("light_inception_v1", "light_shufflenet", "light_densenet121", "light_bvlc_alexnet"),
    "tfmg": ("mobilenet_v2", "vit_ti16", "slim/inception_v1", "slim/resnet_v2_50"),
}
"""With depthwise, grouped and plain convolutions, linear layers, and norms of both kinds."""


@pytest.fixture(
    params=[
        pytest.param(name, marks=getattr(pytest.mark, mark))
        for name, mark in (
            ("torchvision", "torch"),
            ("keras", "keras"),
            ("onnx", "onnx"),
            ("tfmg", "tfmg"),
        )
    ],
    scope="module",
)
def graphs(request: pytest.FixtureRequest, engine: WorkerPool) -> list[Graph]:
    zoo = registry.find_zoo(request.param)
    reason = usable(zoo.worker)
    if reason:
        pytest.skip(reason)
    worker = engine.worker(zoo.worker, "describe")
    found = []
    for model in SAMPLE[request.param]:
        answer = worker.call("describe", doing=model, model=model, weights="random")
        found.append(Graph.from_dict(answer["graph"]))
    return found


def weight_of(node: Node) -> Parameter:
    (weight,) = (p for p in node.parameters if p.role == "weight")
    return weight


def nodes(graphs: list[Graph], *operators: str) -> list[tuple[Graph, Node]]:
    return [(graph, node) for graph in graphs for node in graph.nodes if node.op in operators]


def test_every_parameter_has_a_role(graphs: list[Graph]) -> None:
    for graph, node in nodes(graphs, *{n.op for g in graphs for n in g.nodes}):
        for parameter in node.parameters:
            assert parameter.role, (graph.source, node.name, parameter.name)
        roles = [p.role for p in node.parameters]
        if node.op in LAYERS:
            bias = ["bias"] if node.attributes["bias"] else []
            assert [r for r in roles if r != "constant"] == ["weight", *bias], node
        if node.op in NORMS:
            assert set(roles) <= {"scale", "shift", "mean", "variance"}, node
            assert len(set(roles)) == len(roles), node


def test_statistics_are_means_and_variances(graphs: list[Graph]) -> None:
    found = nodes(graphs, "BatchNormalization")
    assert found or {n.op for g in graphs for n in g.nodes} & NORMS
    for _, node in found:
        untrained = [p.role for p in node.parameters if not p.trainable]
        assert untrained == ["mean", "variance"], node
        # Names are the frameworks' own account of the order.
        for parameter, words in zip(node.parameters[-2:], (("mean",), ("var",)), strict=True):
            if any(word in parameter.name.lower() for word in ("mean", "var")):
                assert any(word in parameter.name.lower() for word in words), node


def test_layouts_lead_from_the_stored_shape_to_the_canonical_one(graphs: list[Graph]) -> None:
    seen = 0
    for graph, node in nodes(graphs, "Conv", "Gemm"):
        weight, a = weight_of(node), node.attributes
        if "equation" in a:
            assert weight.layout == "", node
            continue
        assert len(weight.layout) == len(weight.shape), node
        sizes = dict(zip(weight.layout, weight.shape, strict=True))
        assert sizes.pop("1", 1) == 1
        if node.op == "Gemm":
            assert sizes == {"O": a["out_features"], "I": a["in_features"]}, node
        else:
            inner = graph.tensors[node.inputs[0]].shape[1] // a["group"]
            if "M" in sizes:
                assert sizes["I"] == a["group"]
                sizes |= {"O": sizes["I"] * sizes.pop("M"), "I": 1}
            kernel = dict(zip("HW", a["kernel_shape"], strict=True))
            assert sizes == {"O": a["out_channels"], "I": inner} | kernel, node
        seen += 1
    assert seen > 20


def test_canonical_graphs_hold_every_kernel_in_one_order(graphs: list[Graph]) -> None:
    for graph in graphs:
        found = canonical(graph)
        for _, node in nodes([found], "Conv", "Gemm"):
            weight, a = weight_of(node), node.attributes
            if "equation" in a:
                continue
            if node.op == "Gemm":
                expected = (a["out_features"], a["in_features"])
            else:
                inner = found.tensors[node.inputs[0]].shape[1] // a["group"]
                expected = (a["out_channels"], inner, *a["kernel_shape"])
            assert weight.shape == expected, (graph.source, node)


def test_tensorflow_stores_depthwise_kernels_by_channel() -> None:
    for shape, group, out, layout in (
        ((3, 3, 8, 2), 8, 16, "HWIM"),  # depthwise, multiplier 2
        ((3, 3, 2, 16), 4, 16, "HWIO"),  # four groups of two channels
        ((3, 3, 4, 16), 4, 16, "HWIO"),  # four groups of four: no depthwise kernel
        ((3, 3, 8, 16), 1, 16, "HWIO"),
    ):
        settings = {"group": group, "out_channels": out, "bias": False}
        (found,) = assigned("Conv", settings, [Parameter("k", shape)], "HWIO", "IO")
        assert (found.role, found.layout) == ("weight", layout), shape


def test_a_linear_layer_over_a_table_has_a_weight() -> None:
    table, weight, bias = (Parameter(n, s) for n, s in (("t", (9, 2)), ("w", (5, 2)), ("b", (5,))))
    found = assigned("Gemm", {"bias": True}, [table, weight, bias], "OIHW", "OI")
    assert [p.role for p in found] == ["constant", "weight", "bias"]
    assert [p.layout for p in found] == ["", "OI", ""]


def test_transposed_convolutions_keep_their_inputs_first_in_pytorch_and_onnx() -> None:
    kernel = Parameter("k", (8, 4, 3, 3))
    settings = {"group": 1, "out_channels": 4, "bias": False}
    assert assigned("ConvTranspose", settings, [kernel], "OIHW", "OI")[0].layout == "IOHW"
    assert assigned("ConvTranspose", settings, [kernel], "HWIO", "IO")[0].layout == "HWOI"


@pytest.mark.onnx
def test_an_onnx_weight_that_is_moved_before_it_is_read_says_how_it_is_stored() -> None:
    pytest.importorskip("onnx")
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    from zoodiff.frontends.onnx.file import graph_from_model

    def weight(nodes: list[object], shapes: dict[str, tuple[int, ...]], given=(1, 4)) -> Parameter:
        weights = [
            numpy_helper.from_array(np.zeros(s, dtype=np.float32), n) for n, s in shapes.items()
        ]
        weights.append(numpy_helper.from_array(np.array([4, 5], dtype=np.int64), "shape"))
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, given)],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 8
        raw = graph_from_model(model, "test")
        stored, seen = weight_of(raw.nodes[-1]), weight_of(canonical(raw).nodes[-1])
        assert prod(seen.shape) == prod(stored.shape)
        assert len(seen.shape) == len(given) or not stored.layout
        return stored

    make = helper.make_node
    product = make("MatMul", ["x", "seen"], ["y"])
    turned = weight([make("Transpose", ["w"], ["seen"]), product], {"w": (5, 4)})
    assert (turned.shape, turned.layout) == ((5, 4), "OI")
    shaped = weight([make("Reshape", ["w", "shape"], ["seen"]), product], {"w": (4, 1, 5)})
    assert (shaped.shape, shaped.layout) == ((4, 1, 5), "I1O")
    both = [
        make("Transpose", ["w"], ["t"], perm=[2, 1, 0]),
        make("Reshape", ["t", "shape"], ["seen"]),
        product,
    ]
    assert weight(both, {"w": (5, 1, 4)}).layout == "O1I"
    kept = weight([make("Reshape", ["w", "shape"], ["seen"]), product], {"w": (2, 2, 5)})
    assert kept.layout == ""  # the channels are spread over two axes
    moved = [
        make("Transpose", ["w"], ["seen"], perm=[3, 2, 0, 1]),
        make("Conv", ["x", "seen"], ["y"], kernel_shape=[3, 3]),
    ]
    assert weight(moved, {"w": (3, 3, 2, 6)}, (1, 2, 9, 9)).layout == "HWIO"
