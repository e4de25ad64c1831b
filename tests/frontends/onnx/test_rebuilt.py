"""The canonical graph of an ONNX file decides its function.

Each graph is written out as a new ONNX file, from nothing but its nodes and the values of its
parameters, and ONNX Runtime must compute the same from both files. An attribute that the frontend
lost, or moved to the wrong place, shows here.
"""

import numpy as np
import pytest

from zoodiff.graph.ir import Graph, Node

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from zoodiff.frontends.onnx.file import graph_from_model  # noqa: E402
from zoodiff.zoos.onnx.backend import light_folder  # noqa: E402
from zoodiff.zoos.runtime.onnx_session import content  # noqa: E402

pytestmark = pytest.mark.onnx
NODE = helper.make_node
OPSET = 18
SAME = {
    "ConvTranspose": "dilations group kernel_shape output_padding pads strides",
    "Conv": "dilations group kernel_shape pads strides",
    "MaxPool": "ceil_mode dilations kernel_shape pads strides",
    "AveragePool": "ceil_mode count_include_pad kernel_shape pads strides",
    "BatchNormalization": "epsilon",
    "LayerNormalization": "epsilon",
    "LRN": "alpha beta bias size",
    "HardSigmoid": "alpha beta",
    "Elu": "alpha",
    "LeakyRelu": "alpha",
    "Concat": "axis",
    "Flatten": "axis",
    "Transpose": "perm",
}
"""Attributes that the canonical operator shares with ONNX's; every other one is handled below."""
PLAIN = {"GlobalAveragePool", "GlobalMaxPool", "HardSwish", "Relu", "Sigmoid", "Tanh"}


class Writer:
    """Canonical nodes as nodes of ONNX."""

    def __init__(self, values: dict[str, np.ndarray]) -> None:
        self.values = values
        self.nodes: list = []
        self.constants: dict[str, np.ndarray] = {}

    def constant(self, value) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def integers(self, node: Node, key: str) -> str:
        return self.constant(np.array(node.attributes[key], dtype=np.int64))

    def add(self, op: str, inputs, node: Node, **attributes) -> None:
        self.nodes.append(NODE(op, list(inputs), list(node.outputs), **attributes))

    def write(self, node: Node, graph: Graph) -> None:
        given = [self.values[p.name] for p in node.parameters]
        for parameter, value in zip(node.parameters, given, strict=True):
            assert parameter.shape == value.shape, parameter.name
        own = dict(node.attributes)
        if node.op in SAME or node.op in PLAIN:
            held = [self.constant(value) for value in given]
            places = own.pop("parameters_at", [])
            inputs = list(node.inputs)
            for place, name in zip(places, held, strict=bool(places)):
                inputs.insert(place, name)
            if not places:
                inputs += held
            shared = {key: own[key] for key in SAME.get(node.op, "").split()}
            if node.op == "LayerNormalization":
                shared["axis"] = own["axes"][0]
            self.add(node.op, inputs, node, **shared)
        else:
            writers = {"add": self.arithmetic}  # ``add`` itself adds a node
            writer = writers.get(node.op.lower()) or getattr(self, node.op.lower())
            writer(node, graph, own, given)

    def gemm(self, node, graph, own, given) -> None:
        factor = given[0].reshape(given[0].shape[-2:])  # Caffe writes (1, 1, out, in)
        if factor.shape != (own["in_features"], own["out_features"]):
            factor = factor.T
        data = node.inputs[0]
        if own.get("transA"):
            self.nodes.append(NODE("Transpose", [data], [f"{data}/turned"], perm=[1, 0]))
            data = f"{data}/turned"
        factor = factor * np.float32(own.get("alpha", 1.0))
        if not own["bias"]:
            self.add("MatMul", [data, self.constant(factor)], node)
            return
        middle = f"{node.outputs[0]}/product"
        self.nodes.append(NODE("MatMul", [data, self.constant(factor)], [middle]))
        bias = given[1] * np.float32(own.get("beta", 1.0))
        self.add("Add", [middle, self.constant(bias)], node)

    def matmul(self, node, graph, own, given) -> None:
        held = [self.constant(value) for value in given]
        inputs = [*held, *node.inputs] if own.get("constant_first") else [*node.inputs, *held]
        if len(inputs) == 1:
            inputs *= 2  # multiplied with itself
        if own.get("transB"):
            name = f"{inputs[1]}/turned"
            self.nodes.append(NODE("Transpose", [inputs[1]], [name], perm=[1, 0]))
            inputs[1] = name
        self.add("MatMul", inputs, node)

    def prelu(self, node, graph, own, given) -> None:
        slope = np.float32(own["value"]) if "value" in own else given[0]
        if "axis" in own:
            rank = len(graph.tensors[node.inputs[0]].shape)
            slope = slope.reshape([-1 if i == own["axis"] else 1 for i in range(rank)])
        self.add("PRelu", [*node.inputs, self.constant(slope)], node)

    def arithmetic(self, node, graph, own, given) -> None:
        inputs = list(node.inputs)
        if "value" in own:
            inputs.append(self.constant(np.float32(own["value"])))
        for value in given:
            rank = len(graph.tensors[node.inputs[0]].shape)
            shape = list(value.shape)
            if "axis" in own:
                shape = [1] * rank
                shape[own["axis"]] = value.size
            elif "constant_shape" in own:
                shape = own["constant_shape"]
            inputs.append(self.constant(value.reshape(shape)))
        if own.get("constant_first"):
            inputs.reverse()
        self.add(node.op, inputs, node)

    sub = mul = div = arithmetic

    def clip(self, node, graph, own, given) -> None:
        bounds = [
            "" if own[k] is None else self.constant(np.float32(own[k])) for k in ("min", "max")
        ]
        self.add("Clip", [*node.inputs, *bounds], node)

    def pad(self, node, graph, own, given) -> None:
        pads, axes = self.integers(node, "pads"), self.integers(node, "axes")
        value = self.constant(np.float32(own["value"]))
        self.add("Pad", [*node.inputs, pads, value, axes], node, mode=own["mode"])

    def slice(self, node, graph, own, given) -> None:
        lists = [self.integers(node, key) for key in ("starts", "ends", "axes", "steps")]
        self.add("Slice", [*node.inputs, *lists], node)

    def split(self, node, graph, own, given) -> None:
        self.add("Split", [*node.inputs, self.integers(node, "split")], node, axis=own["axis"])

    def gather(self, node, graph, own, given) -> None:
        index = np.array(own["index"] if "index" in own else own["indices"], dtype=np.int64)
        index = index.reshape(own.get("indices_shape", index.shape))
        self.add("Gather", [*node.inputs, self.constant(index)], node, axis=own["axis"])

    def reshape(self, node, graph, own, given) -> None:
        self.add("Reshape", [*node.inputs, self.integers(node, "shape")], node)

    def squeeze(self, node, graph, own, given) -> None:
        self.add(node.op, [*node.inputs, self.integers(node, "axes")], node)

    unsqueeze = squeeze

    def reducemean(self, node, graph, own, given) -> None:
        inputs = [*node.inputs, self.integers(node, "axes")]
        self.add("ReduceMean", inputs, node, keepdims=int(own["keepdims"]))

    def softmax(self, node, graph, own, given) -> None:
        if not own.get("flattened"):
            self.add("Softmax", node.inputs, node, axis=own["axis"])
            return
        shape = graph.tensors[node.inputs[0]].shape
        flat, done = f"{node.outputs[0]}/flat", f"{node.outputs[0]}/done"
        self.nodes.append(NODE("Flatten", list(node.inputs), [flat], axis=own["axis"]))
        self.nodes.append(NODE("Softmax", [flat], [done], axis=1))
        self.add("Reshape", [done, self.constant(np.array(shape, dtype=np.int64))], node)


def rebuilt(graph: Graph, values: dict[str, np.ndarray]):
    """A new model from a canonical graph and the values of its parameters."""
    writer = Writer(values)
    for node in graph.nodes:
        writer.write(node, graph)
    infos = [
        [helper.make_tensor_value_info(t.name, TensorProto.FLOAT, t.shape) for t in tensors]
        for tensors in (graph.inputs, graph.outputs)
    ]
    tensors = [numpy_helper.from_array(value, name) for name, value in writer.constants.items()]
    made = helper.make_model(
        helper.make_graph(writer.nodes, "rebuilt", *infos, tensors),
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    made.ir_version = 8
    return made


def run(model, image: np.ndarray) -> np.ndarray:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options)
    return session.run(None, {session.get_inputs()[0].name: image})[0]


def assert_rebuilt(model) -> None:
    """Both files compute the same from random numbers, and not a constant."""
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            values[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    copy = type(model)()
    copy.CopyFrom(model)
    graph = graph_from_model(copy, "test")
    (given,) = graph.inputs
    image = np.random.default_rng(1).standard_normal(given.shape).astype(np.float32)
    expected, found = run(model, image), run(rebuilt(graph, values), image)
    assert expected.shape == found.shape
    assert expected.std() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(
    "name", ["densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet"]
)
def test_light_networks_compute_the_same_from_their_canonical_graph(name: str) -> None:
    path = light_folder() / f"light_{name}.onnx"
    assert_rebuilt(onnx.load_from_string(content(path, "random", 0)))


def model(nodes, given=(), shape=(1, 3, 9, 9), opset=17):
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in dict(given).items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 8
    return made


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def one(op: str, *inputs: str, **attributes):
    return [NODE(op, ["x", *inputs], ["y"], **attributes)]


NORM = {"s": noise(3), "b": noise(3, seed=1), "m": noise(3, seed=2), "v": noise(3, seed=3) ** 2}
FORMS = {
    "conv_same_upper": (one("Conv", "w", auto_pad="SAME_UPPER", strides=[2, 1]), (5, 3, 2, 4)),
    "conv_same_lower": (one("Conv", "w", auto_pad="SAME_LOWER", strides=[2, 2]), (5, 3, 4, 3)),
    "conv_dilated": (one("Conv", "w", dilations=[2, 3], pads=[1, 2, 3, 0]), (5, 3, 3, 2)),
    "conv_grouped": (one("Conv", "w", group=3, auto_pad="VALID"), (6, 1, 3, 3)),
    "conv_transpose": (
        one("ConvTranspose", "w", auto_pad="SAME_LOWER", strides=[2, 2]),
        (3, 4, 3, 3),
    ),
    "average_pool_same": (one("AveragePool", kernel_shape=[3, 2], auto_pad="SAME_UPPER"), None),
    "average_pool_ceil": (
        one("AveragePool", kernel_shape=[2, 2], strides=[3, 3], ceil_mode=1, pads=[1, 0, 0, 1]),
        None,
    ),
    "average_pool_counting_pads": (
        one("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        None,
    ),
    "max_pool_ceil": (one("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1), None),
    "max_pool_dilated": (one("MaxPool", kernel_shape=[2, 3], dilations=[3, 2]), None),
    "lrn": (one("LRN", size=3, alpha=0.5, beta=0.6, bias=2.0), None),
    "leaky_relu": (one("LeakyRelu"), None),
    "hard_sigmoid": (one("HardSigmoid", beta=0.4), None),
    "prelu": (one("PRelu", "w"), (3, 1, 1)),
    "prelu_of_one_slope": (one("PRelu", "w"), (1,)),
    "prelu_along_width": (one("PRelu", "w"), (9,)),
    "difference_from_weight": ([NODE("Sub", ["w", "x"], ["y"])], (3, 1, 1)),
    "quotient_of_number": ([NODE("Div", ["w", "x"], ["y"])], (1,)),
    "vector_along_width": (one("Mul", "w"), (9,)),
    "weight_of_two_axes": (one("Add", "w"), (3, 1, 9)),
    "whole_weight": (one("Add", "w"), (1, 3, 9, 9)),
    "product_before": ([NODE("MatMul", ["w", "x"], ["y"])], (5, 9)),
    "product_of_three_axes": (one("MatMul", "w"), (3, 9, 5)),
    "product_with_itself": ([NODE("MatMul", ["x", "x"], ["y"])], None),
    "concatenation_behind_weight": ([NODE("Concat", ["w", "x"], ["y"], axis=-2)], (1, 3, 2, 9)),
    "mean_of_channels": (one("ReduceMean", axes=[1], keepdims=0), None),
    "mean_of_image": (one("ReduceMean", axes=[-1, -2], keepdims=0), None),
    "transposed": (one("Transpose"), None),
    "softmax_last": (one("Softmax"), None),
    "flattened_whole": (one("Flatten", axis=4), None),
    "flattened_behind": (one("Flatten", axis=-1), None),
    "layer_norm": (one("LayerNormalization", "w", axis=-1), (9,)),
}


@pytest.mark.parametrize("name", FORMS)
def test_one_operator_computes_the_same_from_its_canonical_node(name: str) -> None:
    nodes, shape = FORMS[name]
    assert_rebuilt(model(nodes, {} if shape is None else {"w": noise(*shape)}))


def constants(**given) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in given.items()}


@pytest.mark.parametrize(
    ("nodes", "given", "opset"),
    [
        (one("Softmax"), {}, 11),
        (one("BatchNormalization", *NORM, epsilon=0.1), NORM, 9),
        (one("BatchNormalization", *NORM, epsilon=0.1), NORM, 15),
        (one("Clip", min=-0.5), {}, 10),
        (one("Clip", "", "hi"), constants(hi=np.float32(0.5)), 12),
        (one("Pad", pads=[0, 0, 1, 2, 0, 0, 3, 0], mode="reflect"), {}, 10),
        (one("Pad", "p", "f"), constants(p=[0, 1, 2, 0, 0, 1, 0, 3], f=np.float32(7)), 13),
        (one("Pad", "p", "", "a", mode="edge"), constants(p=[1, 0, 2, 3], a=[-1, -2]), 18),
        (one("Slice", starts=[1, -4], ends=[-1, 99], axes=[-1, 2]), {}, 9),
        (one("Slice", "a", "b", "c", "d"), constants(a=[1], b=[9], c=[3], d=[3]), 13),
        (one("Gather", "i", axis=3), constants(i=[[2, 0], [5, 8]]), 13),
        (one("Gather", "i", axis=1), constants(i=2), 13),
        (one("Gather", "i", axis=1), constants(i=[[2]]), 13),
        (one("Unsqueeze", axes=[0, 3]), {}, 11),
        (one("Reshape", "s"), constants(s=[0, -1, 27]), 13),
        (one("Sum", "w"), {"w": noise(3, 1, 1)}, 13),
    ],
    ids=lambda value: value[0].op_type if isinstance(value, list) else None,
)
def test_old_and_new_forms_compute_the_same(nodes, given, opset: int) -> None:
    assert_rebuilt(model(nodes, given, opset=opset))


@pytest.mark.parametrize(
    ("shape", "factor", "settings"),
    [
        ((4, 7), (7, 5), {}),
        ((4, 7), (5, 7), {"transB": 1, "alpha": 0.5, "beta": 2.0}),
        ((7, 4), (7, 5), {"transA": 1, "beta": 0.5}),
        ((7, 4), (5, 7), {"transA": 1, "transB": 1}),
    ],
)
def test_linear_layers_compute_the_same_in_every_order(shape, factor, settings) -> None:
    given = {"w": noise(*factor), "b": noise(5)}
    assert_rebuilt(model(one("Gemm", "w", "b", **settings), given, shape=shape))
