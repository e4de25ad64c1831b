"""Files of the first opsets: 13 of the zoo's 119 files are of opset 1 or 3.

ONNX Runtime runs none of them and none can be fetched here, so the light graphs are written in the
old form, by the rules of ONNX's change log, and must give the graph that they give as they are.
"""

import numpy as np
import pytest

from zoodiff.graph.cost import count

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from zoodiff.frontends.onnx.file import graph_from_model  # noqa: E402
from zoodiff.zoos.onnx.backend import light_folder  # noqa: E402
from zoodiff.zoos.runtime.onnx_weights import weights  # noqa: E402

pytestmark = pytest.mark.onnx
NODE = helper.make_node
OVERWRITING = {"Add", "BatchNormalization", "Dropout", "Gemm", "Mul", "Relu", "Sum"}
BROADCASTING = {"Add", "Gemm", "Mul"}


def model(nodes, tensors=(), opset=1, shape=(1, 3, 9, 9), outputs=("y",)):
    """As files were then: every weight is an input too."""
    given = [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in tensors]
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape), *given],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        list(tensors),
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 3
    return made


def graph(nodes, given=(), **settings):
    tensors = [numpy_helper.from_array(np.asarray(v), name) for name, v in dict(given).items()]
    return graph_from_model(model(nodes, tensors, **settings), "test")


def weight(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


def aged(new):
    """A light graph of opset 9 in the form of opset 3."""
    held = {t.name: numpy_helper.to_array(t) for t in new.graph.initializer}
    tensors = {
        name: numpy_helper.from_array(weight(*one.shape), name)
        for name, one in weights(new.graph).items()
    }
    turned = {
        n.output[0]: n.input[0]
        for n in new.graph.node
        if n.op_type == "Unsqueeze" and n.input[0] in tensors
    }
    nodes = []
    for node in new.graph.node:
        if node.op_type == "ConstantOfShape" or node.output[0] in turned:
            continue
        names = [turned.get(name, name) for name in node.input]
        extra = {}
        if node.op_type == "Reshape":
            extra["shape"] = held[names.pop()].tolist()
        if node.op_type in OVERWRITING:
            extra["consumed_inputs"] = [0] * len(names)
        if node.op_type in BROADCASTING:
            extra["broadcast"] = 1
        if names != list(node.input) and node.op_type in {"Add", "Mul"}:
            extra["axis"] = 1
        if node.op_type in {"BatchNormalization", "Dropout"}:
            extra["is_test"] = 1
        made = NODE(node.op_type, names, list(node.output), **extra)
        made.attribute.extend(node.attribute)
        nodes.append(made)
    (data,) = [i for i in new.graph.input if i.name not in {*held, *tensors}]
    shape = [d.dim_value for d in data.type.tensor_type.shape.dim]
    outputs = [o.name for o in new.graph.output]
    made = model(nodes, list(tensors.values()), 3, shape, outputs)
    made.graph.input[0].name = data.name
    return made


def comparable(found):
    return [
        (
            n.op,
            n.outputs,
            n.inputs,
            dict(n.attributes),
            [(p.name, p.shape, p.trainable) for p in n.parameters],
            [found.tensors[name].shape for name in n.outputs],
        )
        for n in found.nodes
    ]


@pytest.mark.parametrize("path", sorted(light_folder().glob("*.onnx")), ids=lambda p: p.stem)
def test_a_network_of_opset_3_has_the_graph_of_its_later_file(path) -> None:
    old = graph_from_model(aged(onnx.load(str(path))), "test")
    new = graph_from_model(onnx.load(str(path)), "test")
    assert comparable(old) == comparable(new)
    assert count(old) == count(new)


@pytest.mark.parametrize(
    ("node", "given", "shape"),
    [
        (NODE("Reshape", ["x"], ["y"], shape=[0, -1]), {}, (1, 243)),
        (NODE("Pad", ["x"], ["y"], paddings=[0, 0, 1, 2, 0, 0, 3, 4]), {}, (1, 3, 13, 15)),
        (NODE("Concat", ["x", "x"], ["y"]), {}, (1, 6, 9, 9)),
        (NODE("Dropout", ["x"], ["y", "mask"], is_test=1), {}, (1, 3, 9, 9)),
        (NODE("Add", ["x", "b"], ["y"], broadcast=1, axis=1), {"b": weight(3)}, (1, 3, 9, 9)),
        (NODE("Sum", ["x", "x", "x"], ["y"], consumed_inputs=[0]), {}, (1, 3, 9, 9)),
        (NODE("Clip", ["x"], ["y"], max=6.0), {}, (1, 3, 9, 9)),
        (NODE("Split", ["x"], ["y", "z"], axis=3, split=[4, 5]), {}, (1, 3, 9, 4)),
    ],
)
def test_shapes_behind_the_first_forms_are_known(node, given, shape) -> None:
    found = graph([node, NODE("Relu", ["y"], ["r"])], given, opset=2, outputs=("r",))
    assert found.outputs[0].shape == shape


def test_a_type_named_by_its_text_is_cast_to() -> None:
    nodes = [NODE("Cast", ["x"], ["h"], to="FLOAT16"), NODE("Cast", ["h"], ["y"], to="float")]
    found = graph(nodes)
    assert found.tensors["h"].dtype == "float16"
    assert found.outputs[0].shape == (1, 3, 9, 9)


def test_a_constant_that_begins_at_an_axis_says_its_shape() -> None:
    """Without it, (3, 9) would be taken for rows and columns, and not for channels and rows."""
    node = NODE("Mul", ["x", "b"], ["y"], broadcast=1, axis=1)
    found = graph([node], {"b": weight(3, 9)}, opset=6)
    assert dict(found.nodes[0].attributes) == {"constant_shape": [3, 9, 1]}
    last = NODE("Mul", ["x", "b"], ["y"], broadcast=1, axis=2)
    assert graph([last], {"b": weight(9, 9)}, opset=6).nodes[0].attributes == {}


def test_slopes_lie_along_the_channels_until_opset_6() -> None:
    old = graph([NODE("PRelu", ["x", "s"], ["y"])], {"s": weight(3)}, opset=6)
    new = graph([NODE("PRelu", ["x", "s"], ["y"])], {"s": weight(3, 1, 1)}, opset=9)
    assert old.nodes[0].attributes == new.nodes[0].attributes == {"axis": 1}


def test_group_normalisation_keeps_the_shape_of_what_it_normalises() -> None:
    """ONNX itself infers none, and nothing behind it could be counted."""
    given = {"s": weight(4), "b": weight(4), "w": weight(4, 3, 3, 3)}
    nodes = [
        NODE("Conv", ["x", "w"], ["c"]),
        NODE("GroupNormalization", ["c", "s", "b"], ["y"], num_groups=2),
    ]
    found = graph(nodes, given, opset=21)
    assert found.outputs[0].shape == (1, 4, 7, 7)
    assert (count(found).normalisations, count(found).parameters) == (1, 116)
