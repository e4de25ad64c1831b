"""The TensorFlow frontend, held against TensorFlow: a numpy interpreter runs the graph."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.interpret import interpret
from zoodiff.errors import MeasurementError
from zoodiff.frontends.same_padding import same_pads
from zoodiff.frontends.tensorflow.graph import (
    graph_from_concrete_function,
    graph_from_graph_def,
    graph_from_tensors,
    variable_parameters,
)
from zoodiff.graph.cost import count
from zoodiff.graph.ir import Graph

pytestmark = [
    pytest.mark.keras,
    pytest.mark.skipif(
        importlib.util.find_spec("tensorflow") is None, reason="needs the keras extra"
    ),
]


@pytest.fixture(scope="module")
def tf() -> Any:
    from zoodiff.zoos.keras.backend import import_keras

    return import_keras()[1]


class Network:
    """A function over variables that are made with fixed values."""

    def __init__(self, tf: Any, body: Any, shape: tuple[int, ...]) -> None:
        self._tf, self._generator = tf, np.random.default_rng(0)
        self.variables: list[Any] = []
        self.image = self._generator.standard_normal(shape).astype(np.float32)
        specification = tf.TensorSpec(shape, name="image")
        self._asked = 0

        def traced(image: Any) -> Any:
            # TensorFlow traces a function that makes variables twice.
            self._asked = 0
            return body(self, image)

        self.function = tf.function(traced, autograph=False)
        self.concrete = self.function.get_concrete_function(specification)

    def variable(self, name: str, *shape: int, low: float = -1.0, trainable: bool = True) -> Any:
        self._asked += 1
        if self._asked <= len(self.variables):
            return self.variables[self._asked - 1]
        with self._tf.init_scope():
            values = self._generator.uniform(low, 1.0, shape).astype(np.float32)
            made = self._tf.Variable(values, name=name, trainable=trainable)
        self.variables.append(made)
        return made

    def graph(self) -> Graph:
        graph = graph_from_concrete_function(self.concrete, variables=self.variables)
        assert Graph.from_json(graph.to_json()) == json_round(graph)
        return graph

    def weights(self) -> dict[str, Any]:
        names = [parameter.name for parameter in variable_parameters(self.variables)]
        return dict(zip(names, (v.numpy() for v in self.variables), strict=True))

    def expected(self) -> Any:
        return self.concrete(self._tf.constant(self.image)).numpy()


def json_round(graph: Graph) -> Graph:
    return Graph.from_dict(json.loads(json.dumps(graph.to_dict())))


def agree(network: Network, *, image_out: bool) -> Graph:
    """Check that the graph computes what TensorFlow computes, and return it."""
    graph = network.graph()
    actual = interpret(graph, network.weights(), network.image)
    expected = network.expected()
    if image_out:
        expected = np.transpose(expected, (0, 3, 1, 2))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-4)
    return graph


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize("kernel", [1, 2, 3, 7])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_same_padding_is_made_explicit(tf: Any, size: int, kernel: int, stride: int) -> None:
    def body(net: Network, x: Any) -> Any:
        x = tf.nn.conv2d(x, net.variable("kernel", kernel, kernel, 3, 4), stride, "SAME")
        return tf.nn.max_pool2d(x, 3, 2, "SAME") + tf.nn.avg_pool2d(x, 3, 2, "SAME")

    network = Network(tf, body, (1, size, size + 1, 3))
    graph = agree(network, image_out=True)
    top, bottom = same_pads(size, kernel, stride, 1)
    left, right = same_pads(size + 1, kernel, stride, 1)
    assert graph.nodes[0].attributes["pads"] == [top, left, bottom, right]


def test_an_odd_total_of_padding_goes_behind() -> None:
    assert same_pads(8, 3, 2, 1) == (0, 1)
    assert same_pads(7, 3, 2, 1) == (1, 1)
    assert same_pads(8, 3, 1, 2) == (2, 2)
    assert same_pads(8, 1, 2, 1) == (0, 0)


def test_macs_and_parameters_by_hand(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        x = tf.nn.conv2d(x, net.variable("conv/kernel", 3, 3, 3, 8), 2, "VALID")
        x = tf.nn.relu(tf.nn.bias_add(x, net.variable("conv/bias", 8)))
        x = tf.nn.depthwise_conv2d(x, net.variable("dw/kernel", 3, 3, 8, 2), [1] * 4, "SAME")
        x = tf.nn.conv2d(x, net.variable("group/kernel", 1, 1, 4, 12), 1, "SAME")
        x = tf.reduce_mean(x, [1, 2])
        return tf.matmul(x, net.variable("dense/kernel", 12, 5)) + net.variable("dense/bias", 5)

    network = Network(tf, body, (1, 9, 11, 3))
    graph = network.graph()
    first, depthwise, grouped = (node for node in graph.nodes if node.op == "Conv")
    assert (first.attributes["bias"], first.attributes["group"]) == (True, 1)
    assert (depthwise.attributes["group"], depthwise.attributes["out_channels"]) == (8, 16)
    assert grouped.attributes["group"] == 4
    assert graph.tensors[first.outputs[0]].shape == (1, 8, 4, 5)
    counts = count(graph)
    # 4 x 5 positions: 8 x 27, 16 x 9, 12 x 4; then 12 x 5.
    assert counts.macs == 20 * (8 * 27 + 16 * 9 + 12 * 4) + 60
    assert counts.parameters == 216 + 8 + 144 + 48 + 60 + 5
    assert (counts.convolutions, counts.linear_layers, counts.normalisations) == (3, 1, 0)
    assert [node.op for node in graph.nodes] == [
        "Conv",
        "Relu",
        "Conv",
        "Conv",
        "GlobalAveragePool",
        "Flatten",
        "Gemm",
    ]


def test_a_bias_that_others_read_stays_apart(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        y = tf.nn.conv2d(x, net.variable("kernel", 1, 1, 3, 4), 1, "SAME")
        return tf.nn.bias_add(y, net.variable("bias", 4)) * tf.sigmoid(y)

    graph = agree(Network(tf, body, (1, 4, 5, 3)), image_out=True)
    assert [node.op for node in graph.nodes] == ["Conv", "Sigmoid", "Add", "Mul"] or [
        node.op for node in graph.nodes
    ] == ["Conv", "Add", "Sigmoid", "Mul"]
    assert graph.nodes[0].attributes["bias"] is False


def test_a_dilated_convolution_through_the_batch_is_one_convolution(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        kernel = net.variable("kernel", 3, 3, 3, 4)
        inner = lambda data, **_: tf.nn.conv2d(data, kernel, 1, "VALID")  # noqa: E731
        batched = tf.space_to_batch(x, [2, 2], [[2, 3], [2, 2]])
        return tf.batch_to_space(inner(batched), [2, 2], [[0, 1], [0, 0]])

    graph = agree(Network(tf, body, (1, 7, 8, 3)), image_out=True)
    (node,) = graph.nodes
    assert node.op == "Conv"
    assert node.attributes["dilations"] == [2, 2]
    assert node.attributes["pads"] == [2, 2, 2, 2]


def test_batch_normalisation_fused_and_spelled_out_are_the_same(tf: Any) -> None:
    def fused(net: Network, x: Any) -> Any:
        gamma, beta = net.variable("gamma", 3), net.variable("beta", 3)
        mean = net.variable("mean", 3, trainable=False)
        variance = net.variable("variance", 3, low=0.5, trainable=False)
        return tf.compat.v1.nn.fused_batch_norm(
            x, gamma, beta, mean, variance, epsilon=1e-3, is_training=False
        )[0]

    def spelled(net: Network, x: Any) -> Any:
        gamma, beta = net.variable("gamma", 3), net.variable("beta", 3)
        mean = net.variable("mean", 3, trainable=False)
        variance = net.variable("variance", 3, low=0.5, trainable=False)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)

    found = [agree(Network(tf, body, (1, 4, 5, 3)), image_out=True) for body in (fused, spelled)]
    (one,), (other,) = (graph.nodes for graph in found)
    assert one.op == "BatchNormalization"
    assert (one.attributes, one.parameters) == (other.attributes, other.parameters)
    assert one.attributes["epsilon"] == 0.001
    assert (count(found[0]).parameters, count(found[0]).statistics) == (6, 6)


def test_batch_normalisation_without_scale_says_so(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        mean = net.variable("mean", 3, trainable=False)
        variance = net.variable("variance", 3, low=0.5, trainable=False)
        beta = net.variable("beta", 3)
        return tf.compat.v1.nn.fused_batch_norm(
            x, tf.ones(3), beta, mean, variance, is_training=False
        )[0]

    (node,) = agree(Network(tf, body, (1, 4, 5, 3)), image_out=True).nodes
    assert (node.attributes["scale"], node.attributes["center"]) == (False, True)
    assert [parameter.name for parameter in node.parameters] == ["beta", "mean", "variance"]


def fused_layer_norm(tf: Any, x: Any, gamma: Any, beta: Any, epsilon: float) -> Any:
    """What Keras 2 does where epsilon is large enough for the fused operation."""
    shape = x.shape.as_list()
    rows, features = int(np.prod(shape[:-1])), shape[-1]
    flat = tf.reshape(x, [1, rows, features, 1])
    y = tf.compat.v1.nn.fused_batch_norm(
        flat, tf.ones([rows]), tf.zeros([rows]), epsilon=epsilon, data_format="NCHW"
    )[0]
    y = tf.reshape(y, shape)
    y = y if gamma is None else y * gamma
    return y if beta is None else y + beta


@pytest.mark.parametrize("affine", [True, False])
def test_layer_normalisation_by_moments(tf: Any, affine: bool) -> None:
    def body(net: Network, x: Any) -> Any:
        gamma = net.variable("gamma", 6) if affine else None
        beta = net.variable("beta", 6) if affine else None
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-6)

    (node,) = agree(Network(tf, body, (1, 5, 6)), image_out=False).nodes
    assert node.op == "LayerNormalization"
    assert (node.attributes["axes"], node.attributes["epsilon"]) == ([2], 1e-6)
    assert len(node.parameters) == (2 if affine else 0)


@pytest.mark.parametrize("affine", [True, False])
def test_layer_normalisation_by_the_fused_operation(tf: Any, affine: bool) -> None:
    def body(net: Network, x: Any) -> Any:
        gamma = net.variable("gamma", 6) if affine else None
        beta = net.variable("beta", 6) if affine else None
        return fused_layer_norm(tf, x, gamma, beta, 1e-3)

    # TensorFlow runs this layout on other hardware only; the graph can still be read.
    network = Network(tf, body, (1, 5, 6))
    (node,) = network.graph().nodes
    assert node.op == "LayerNormalization"
    assert (node.attributes["axes"], node.attributes["epsilon"]) == ([2], 1e-3)
    assert (node.attributes["scale"], len(node.parameters)) == (affine, 2 if affine else 0)


def test_moments_over_space_are_no_layer_normalisation(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, None, None, 1e-6)

    ops = {node.op for node in Network(tf, body, (1, 4, 5, 3)).graph().nodes}
    assert "LayerNormalization" not in ops


def test_attention_is_linear_layers_and_products(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        heads = [
            tf.einsum("abc,cde->abde", x, net.variable(f"{name}/kernel", 6, 2, 3))
            + net.variable(f"{name}/bias", 2, 3)
            for name in ("query", "key", "value")
        ]
        weights = tf.nn.softmax(tf.einsum("aecd,abcd->acbe", heads[1], heads[0]))
        mixed = tf.einsum("acbe,aecd->abcd", weights, heads[2])
        return tf.einsum("abcd,cde->abe", mixed, net.variable("output/kernel", 2, 3, 6))

    graph = agree(Network(tf, body, (1, 5, 6)), image_out=False)
    linear = [node for node in graph.nodes if node.op == "Gemm"]
    assert [(n.attributes["in_features"], n.attributes["out_features"]) for n in linear] == [
        (6, 6)
    ] * 4
    assert [n.attributes["bias"] for n in linear] == [True, True, True, False]
    counts = count(graph)
    # Four layers over 5 tokens; scores and mixture over 2 heads, 5 x 5 tokens, 3 features.
    assert counts.macs == 4 * 5 * 36 + 2 * (2 * 5 * 5 * 3)
    assert counts.linear_layers == 4
    # Attention's softmax is not the network's end.
    assert counts.softmax_inside is False


def test_tokens_of_an_image_keep_tensorflows_order(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        x = tf.nn.conv2d(x, net.variable("patch/kernel", 2, 2, 3, 4), 2, "VALID")
        tokens = tf.reshape(x, [1, 6, 4])
        token = tf.cast(net.variable("cls", 1, 1, 4), tf.float32) + tf.zeros_like(tokens[:, :1])
        tokens = tf.concat([token, tokens], 1) + net.variable("positions", 1, 7, 4)
        back = tf.reshape(tokens[:, 1:], [1, 2, 3, 4])
        return tf.nn.conv2d(back, net.variable("back/kernel", 2, 2, 4, 2), 1, "SAME")

    graph = agree(Network(tf, body, (1, 4, 6, 3)), image_out=True)
    assert [n.op for n in graph.nodes].count("Transpose") == 2
    assert count(graph).parameters == 48 + 4 + 28 + 32


def test_splits_slices_pads_and_concatenations(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        left, right = tf.split(x, 2, axis=-1)
        left = tf.pad(left, [[0, 0], [1, 0], [0, 2], [0, 0]])[:, 1:, ::2, :]
        right = tf.nn.avg_pool2d(right, [1, 2], [1, 2], "SAME")
        wide = tf.concat([left[:, :, :3], right], axis=-1)
        return tf.pow(tf.nn.relu6(wide * 3.0), 2.0) / 6.0 - 1.0 + (2.0 - wide)

    graph = agree(Network(tf, body, (1, 4, 6, 4)), image_out=True)
    assert count(graph).parameters == 0
    assert "Clip" in {node.op for node in graph.nodes}


def test_preprocessing_and_softmax_inside_are_seen(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        x = (x / 127.5) - 1.0
        x = tf.nn.conv2d(x, net.variable("kernel", 3, 3, 3, 4), 1, "SAME")
        return tf.nn.softmax(tf.reduce_mean(x, [1, 2]))

    counts = count(Network(tf, body, (1, 8, 8, 3)).graph())
    assert counts.softmax_inside and counts.preprocessing_inside


def test_variables_of_one_name_stay_apart_and_unused_ones_count(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        net.variable("auxiliary/kernel", 7, 7)
        shared = net.variable("kernel", 4, 4)
        other = net.variable("kernel", 4, 4)
        return tf.matmul(tf.matmul(tf.matmul(x, shared), other), shared)

    graph = agree(Network(tf, body, (1, 4)), image_out=False)
    assert [node.parameters[0].name for node in graph.nodes] == ["kernel", "kernel:2", "kernel"]
    assert [p.name for p in graph.unused_parameters] == ["auxiliary/kernel"]
    counts = count(graph)
    # The shared kernel counts once.
    assert (counts.parameters, counts.unused_parameters) == (16 + 16 + 49, 49)


def test_calls_of_functions_are_written_out(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        kernel, bias = net.variable("kernel", 3, 3, 3, 4), net.variable("bias", 4)

        @tf.function(autograph=False)
        def layer(data: Any) -> Any:
            return tf.nn.relu(tf.nn.conv2d(data, kernel, 1, "SAME") + bias)

        return layer(x) * 2.0

    graph = agree(Network(tf, body, (1, 5, 5, 3)), image_out=True)
    assert [node.op for node in graph.nodes] == ["Conv", "Relu", "Mul"]
    assert [p.name for p in graph.nodes[0].parameters] == ["kernel", "bias"]


def test_a_saved_model_reads_as_the_network_it_was(tf: Any, tmp_path: Path) -> None:
    def body(net: Network, x: Any) -> Any:
        x = tf.nn.conv2d(x, net.variable("kernel", 3, 3, 3, 4), 1, "SAME")
        return tf.reduce_max(tf.nn.relu(x), [1, 2], keepdims=True)

    network = Network(tf, body, (1, 5, 5, 3))
    module = tf.Module()
    module.kept, module.serve = network.variables, network.function
    tf.saved_model.save(module, str(tmp_path), signatures={"serve": network.concrete})
    loaded = tf.saved_model.load(str(tmp_path))
    graph = graph_from_concrete_function(loaded.signatures["serve"])
    assert [node.op for node in graph.nodes] == ["Conv", "Relu", "GlobalMaxPool"]
    assert count(graph).parameters == 108


def test_a_frozen_graph_reads_with_its_constants_as_weights(tf: Any) -> None:
    values = np.random.default_rng(3).uniform(0.5, 1.5, (3, 3, 3, 4)).astype(np.float32)
    with tf.Graph().as_default() as plain:
        image = tf.compat.v1.placeholder(tf.float32, [None, None, None, 3], name="image")
        y = tf.nn.conv2d(image, tf.constant(values, name="kernel"), 2, "SAME")
        statistics = [tf.constant([0.5, 1.5, 2.0, 3.0], name=n) for n in ("mean", "variance")]
        y = tf.compat.v1.nn.fused_batch_norm(
            y, tf.ones(4), tf.zeros(4), *statistics, is_training=False
        )[0]
        tf.identity(tf.nn.relu(y), name="out")
        definition = plain.as_graph_def()
    graph = graph_from_graph_def(definition, {"image": (1, 7, 8, 3)}, ["out"])
    assert [node.op for node in graph.nodes] == ["Conv", "BatchNormalization", "Relu"]
    assert graph.nodes[0].attributes["pads"] == [1, 0, 1, 1]
    counts = count(graph)
    assert (counts.parameters, counts.statistics) == (108, 8)
    with pytest.raises(MeasurementError, match='no input "picture"; its inputs are image'):
        graph_from_graph_def(definition, {"picture": (1, 7, 8, 3)}, ["out"])


def test_operations_without_a_handler_are_kept(tf: Any) -> None:
    def body(net: Network, x: Any) -> Any:
        return tf.math.bessel_i0(tf.roll(x, 1, axis=1))

    graph = Network(tf, body, (1, 5, 5, 3)).graph()
    opaque = [node.op for node in graph.nodes if node.op != "Transpose"]
    assert opaque == ["tf::Roll", "tf::BesselI0"]


def test_an_output_without_an_input_is_refused(tf: Any) -> None:
    with tf.Graph().as_default():
        image = tf.compat.v1.placeholder(tf.float32, [1, 4], name="image")
        other = tf.compat.v1.placeholder(tf.float32, [1, 4], name="other")
        with pytest.raises(MeasurementError, match="does not depend on the inputs image:0"):
            graph_from_tensors([image], [other * 2.0], {})
