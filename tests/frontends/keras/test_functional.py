"""The Keras frontend, held against Keras itself: a small numpy interpreter runs the graph."""

from __future__ import annotations

import importlib.util
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zoodiff.errors import MeasurementError
from zoodiff.frontends.keras.functional import to_graph
from zoodiff.frontends.same_padding import same_pads
from zoodiff.graph.cost import count
from zoodiff.graph.ir import Graph, Node

pytestmark = [
    pytest.mark.keras,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("keras", "tensorflow")),
        reason="needs the keras extra",
    ),
]


@pytest.fixture(scope="module")
def keras() -> Any:
    from zoodiff.zoos.keras.backend import import_keras

    return import_keras()[0]


# A reference interpreter: ONNX's definitions in numpy, over values channels first.


def interpret(graph: Graph, model: Any, image: Any) -> Any:
    """Run a graph on one image (height, width, channels) with the model's own weights."""
    weights = {variable.path: np.asarray(variable) for variable in model.variables}
    values = {graph.inputs[0].name: np.transpose(image, (2, 0, 1))[None].astype(np.float64)}
    for node in graph.nodes:
        inputs = [values[name] for name in node.inputs]
        given = [weights[parameter.name] for parameter in node.parameters]
        output = OPERATORS[node.op](node, given, *inputs)
        assert output.shape == graph.tensors[node.outputs[0]].shape, node.name
        values[node.outputs[0]] = output
    return values[graph.outputs[0].name]


def windows(node: Node, x: Any, fill: float) -> Any:
    """(batch, channels, height, width, kernel height, kernel width)."""
    top, left, bottom, right = node.attributes["pads"]  # type: ignore[misc]
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
    (kh, kw), (dh, dw) = node.attributes["kernel_shape"], node.attributes["dilations"]  # type: ignore[misc]
    extent = ((kh - 1) * dh + 1, (kw - 1) * dw + 1)
    sh, sw = node.attributes["strides"]  # type: ignore[misc]
    view = np.lib.stride_tricks.sliding_window_view(x, extent, axis=(2, 3))
    return view[:, :, ::sh, ::sw, ::dh, ::dw]


def conv(node: Node, weights: list[Any], x: Any) -> Any:
    kernel, *bias = weights
    group, out = int(node.attributes["group"]), int(node.attributes["out_channels"])  # type: ignore[arg-type]
    # HWIO to OIHW; a depthwise kernel has its multiplier last: channel by channel.
    if group == x.shape[1] and kernel.shape[2] == group > 1:
        kernel = kernel.transpose(2, 3, 0, 1).reshape(out, 1, *kernel.shape[:2])
    else:
        kernel = kernel.transpose(3, 2, 0, 1)
    parts = [
        np.einsum("nchwij,ocij->nohw", data, part)
        for data, part in zip(
            np.split(windows(node, x, 0.0), group, axis=1),
            np.split(kernel, group, axis=0),
            strict=True,
        )
    ]
    result = np.concatenate(parts, axis=1)
    assert node.attributes["bias"] is bool(bias)
    return result + bias[0].reshape(1, -1, 1, 1) if bias else result


def average(node: Node, _: list[Any], x: Any) -> Any:
    assert node.attributes["count_include_pad"] is False
    counted = windows(node, np.ones_like(x), 0.0).sum(axis=(4, 5))
    return windows(node, x, 0.0).sum(axis=(4, 5)) / counted


def on_axis(values: Any, axis: Any, rank: int) -> Any:
    shape = [1] * rank
    shape[axis] = -1
    return np.asarray(values).reshape(shape)


def batch_norm(node: Node, weights: list[Any], x: Any) -> Any:
    held = iter(weights)
    gamma = next(held) if node.attributes["scale"] else 1.0
    beta = next(held) if node.attributes["center"] else 0.0
    mean, variance = held
    axis, epsilon = node.attributes["axis"], node.attributes["epsilon"]
    factor = gamma / np.sqrt(variance + epsilon)
    return (x - on_axis(mean, axis, x.ndim)) * on_axis(factor, axis, x.ndim) + on_axis(
        beta * np.ones_like(mean), axis, x.ndim
    )


def layer_norm(node: Node, weights: list[Any], x: Any) -> Any:
    (axis,) = node.attributes["axes"]  # type: ignore[misc]
    centred = x - x.mean(axis=axis, keepdims=True)
    scaled = centred / np.sqrt(x.var(axis=axis, keepdims=True) + node.attributes["epsilon"])
    gamma, beta = weights
    return scaled * on_axis(gamma, axis, x.ndim) + on_axis(beta, axis, x.ndim)


def linear(node: Node, weights: list[Any], x: Any) -> Any:
    axis: Any = node.attributes["axis"]
    result = np.moveaxis(np.moveaxis(x, axis, -1) @ weights[0], -1, axis)
    return result + on_axis(weights[1], axis, x.ndim) if node.attributes["bias"] else result


def binary(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def run(node: Node, weights: list[Any], x: Any, *others: Any) -> Any:
        if others:
            return function(x, others[0])
        if node.parameters and node.parameters[0].role == "variance":
            weights = [np.maximum(np.sqrt(weights[0]), node.attributes["epsilon"])]
        constant = weights[0] if weights else node.attributes["value"]
        if np.size(constant) > 1:
            constant = on_axis(constant, node.attributes["axis"], x.ndim)
        if node.attributes.get("constant_first"):
            return function(constant, x)
        return function(x, constant)

    return run


def softmax(node: Node, _: list[Any], x: Any) -> Any:
    exponentials = np.exp(x - x.max())
    return exponentials / exponentials.sum(axis=node.attributes["axis"], keepdims=True)


def pad(node: Node, _: list[Any], x: Any) -> Any:
    top, left, bottom, right = node.attributes["pads"]  # type: ignore[misc]
    return np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))


def crop(node: Node, _: list[Any], x: Any) -> Any:
    assert node.attributes["axes"] == [2, 3]
    rows, columns = zip(node.attributes["starts"], node.attributes["ends"], strict=True)  # type: ignore[arg-type]
    return x[:, :, slice(*rows), slice(*columns)]


def gelu(node: Node, _: list[Any], x: Any) -> Any:
    if node.attributes["approximate"] == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def unary(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda node, _, x: function(x, **node.attributes)


OPERATORS: dict[str, Callable[..., Any]] = {
    "Add": binary(np.add),
    "AveragePool": average,
    "BatchNormalization": batch_norm,
    "Clip": lambda n, _, x: np.clip(x, n.attributes["min"], n.attributes["max"]),
    "Concat": lambda n, _, *xs: np.concatenate(xs, axis=n.attributes["axis"]),
    "Conv": conv,
    "Div": binary(np.divide),
    "Elu": unary(lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x))),
    "Exp": unary(np.exp),
    "Flatten": lambda n, _, x: x.reshape(x.shape[0], -1),
    "Gelu": gelu,
    "Gemm": linear,
    "GlobalAveragePool": lambda n, _, x: x.mean(axis=(2, 3), keepdims=True),
    "GlobalMaxPool": lambda n, _, x: x.max(axis=(2, 3), keepdims=True),
    "HardSigmoid": unary(lambda x, alpha, beta: np.clip(alpha * x + beta, 0, 1)),
    "HardSwish": unary(lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "LayerNormalization": layer_norm,
    "LeakyRelu": unary(lambda x, alpha: np.where(x > 0, x, alpha * x)),
    "Max": binary(np.maximum),
    "MaxPool": lambda n, _, x: windows(n, x, -np.inf).max(axis=(4, 5)),
    "Min": binary(np.minimum),
    "Mish": unary(lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    "Mul": binary(np.multiply),
    "Neg": unary(np.negative),
    "Pad": pad,
    "Relu": unary(lambda x: np.maximum(x, 0)),
    "Reshape": lambda n, _, x: x.reshape(n.attributes["shape"]),
    "Sigmoid": unary(sigmoid),
    "Slice": crop,
    "Softmax": softmax,
    "Softplus": unary(lambda x: np.log1p(np.exp(x))),
    "Softsign": unary(lambda x: x / (1 + np.abs(x))),
    "Sub": binary(np.subtract),
    "Swish": unary(lambda x, alpha: x * sigmoid(alpha * x)),
    "Tanh": unary(np.tanh),
    "Transpose": lambda n, _, x: x.transpose(n.attributes["perm"]),
}


def assert_same_function(model: Any, *, seed: int = 0) -> Graph:
    """Compare the model with its interpreted graph, weights drawn anew; return the graph."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        if "int" not in str(variable.dtype):
            low = 0.2 if "variance" in variable.path else -1.0
            variable.assign(rng.uniform(low, 1.0, variable.shape))
    image = rng.uniform(0, 255, model.input_shape[1:])
    expected = np.asarray(model(image[None].astype(np.float32), training=False))
    graph = to_graph(model)
    found = interpret(graph, model, image)
    if found.ndim == 4:
        found = found.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=1e-5 * np.abs(expected).max())
    assert count(graph).parameters + count(graph).statistics == model.count_params()
    assert Graph.from_json(graph.to_json()) == graph
    return graph


def every_layer(keras: Any, height: int, width: int) -> Any:
    """A network that holds each kind of layer that Keras Applications use, and some more."""
    layers, ops = keras.layers, keras.ops
    data = x = keras.Input((height, width, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    x = layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 0.6, 0.7])(x)
    x = layers.Rescaling([0.5, 2.0, 1.5])(x)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.BatchNormalization(epsilon=0.002)(x)
    x = layers.DepthwiseConv2D(5, padding="same", depth_multiplier=2, use_bias=False)(x)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.Activation("hard_silu")(x)
    x = layers.SeparableConv2D(12, (3, 5), padding="same", depth_multiplier=3)(x)
    x = layers.ReLU(6.0)(x)
    shortcut = x = layers.Conv2D(12, 3, padding="same", groups=4, dilation_rate=2)(x)
    y = layers.GlobalAveragePooling2D()(x)
    y = layers.Reshape((1, 1, 12))(y)
    y = layers.Conv2D(12, 1, activation="sigmoid")(y)
    x = layers.Multiply()([x, y])
    x = layers.Add()([x, layers.Dropout(0.5)(shortcut), shortcut])
    x = ops.maximum(1.0 - x * (1.0 / 6.0), -x / 2.0) + 3.0
    x = layers.ZeroPadding2D(((2, 1), (0, 3)))(x)
    x = layers.Cropping2D(((1, 0), (0, 2)))(x)
    x = layers.Concatenate()(
        [layers.MaxPooling2D(3, 2, padding="same")(x), layers.AveragePooling2D(3, 2, "same")(x)]
    )
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Dense(10, activation="gelu")(x)
    x = layers.LeakyReLU(negative_slope=0.1)(x)
    x = layers.Flatten()(x)
    x = layers.Dense(24, use_bias=False)(x)
    x = layers.Reshape((2, 3, 4))(x)
    x = layers.GlobalMaxPooling2D(keepdims=True)(x)
    x = layers.Flatten()(x)
    return keras.Model(data, layers.Dense(5, activation="softmax", name="predictions")(x))


@pytest.mark.parametrize("size", [(13, 10), (16, 17), (24, 24)], ids=str)
def test_graph_computes_what_the_model_computes(keras: Any, size: tuple[int, int]) -> None:
    graph = assert_same_function(every_layer(keras, *size))
    assert not [node.op for node in graph.nodes if "::" in node.op]


@pytest.mark.parametrize(
    "name", ["MobileNetV3Small", "EfficientNetB0", "NASNetMobile", "ConvNeXtTiny"]
)
def test_graph_of_a_whole_application_computes_what_it_computes(keras: Any, name: str) -> None:
    from zoodiff.zoos.keras.backend import without_weights

    keras.utils.set_random_seed(0)
    with without_weights(keras):  # the structure of the published network
        model = getattr(keras.applications, name)(input_shape=(224, 224, 3))
    rng = np.random.default_rng(0)
    for variable in model.variables:
        kind = variable.path.rpartition("/")[2]
        if kind in {"gamma", "moving_variance"}:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif kind in {"beta", "moving_mean", "bias"}:
            variable.assign(rng.normal(0, 0.1, variable.shape))
    image = rng.uniform(0, 255, model.input_shape[1:])
    expected = np.asarray(model(image[None].astype(np.float32), training=False))
    found = interpret(to_graph(model), model, image)
    assert expected.std() > 1e-5
    assert np.abs(found - expected).max() < 1e-4 * expected.std()


@pytest.mark.parametrize(
    "name",
    [
        *("elu", "exponential", "gelu", "hard_sigmoid", "hard_silu", "leaky_relu", "linear"),
        *("mish", "relu", "relu6", "sigmoid", "silu", "softmax", "softplus", "softsign", "tanh"),
    ],
)
def test_activation_is_what_keras_computes(keras: Any, name: str) -> None:
    data = keras.Input((4, 4, 3))
    scaled = keras.layers.Rescaling(1 / 40, offset=-3.0)(data)
    inside = keras.layers.Conv2D(5, 1, activation=name, name="inside")(scaled)
    beside = keras.layers.Activation(name)(scaled)
    model = keras.Model(data, keras.layers.Concatenate()([inside, beside]))
    graph = assert_same_function(model)
    assert ("inside/" + name in {node.name for node in graph.nodes}) is (name != "linear")


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"),
    [k for k in itertools.product((1, 2, 3, 5, 7), (1, 2, 3), (1, 2)) if 1 in k[1:]],
)
def test_same_pads_are_tensorflows(kernel: int, stride: int, dilation: int) -> None:
    import tensorflow as tf

    rng = np.random.default_rng(0)
    weights = rng.normal(size=(kernel, kernel, 1, 1)).astype(np.float32)
    for size in range(5, 13):
        data = rng.normal(size=(1, size, size + 1, 1)).astype(np.float32)
        rows = same_pads(size, kernel, stride, dilation)
        columns = same_pads(size + 1, kernel, stride, dilation)
        same, explicit = (
            tf.nn.conv2d(data, weights, stride, padding, dilations=dilation).numpy()
            for padding in ("SAME", [(0, 0), rows, columns, (0, 0)])
        )
        np.testing.assert_allclose(explicit, same, rtol=1e-5, atol=1e-5)


def test_pads_of_known_layers() -> None:
    # Stem of MobileNetV2 at 224; 7x7 of ResNet with "same"; Inception's 3x3 at odd 299.
    assert same_pads(224, 3, 2, 1) == (0, 1)
    assert same_pads(224, 7, 2, 1) == (2, 3)
    assert same_pads(299, 3, 2, 1) == (1, 1)
    assert same_pads(56, 1, 2, 1) == (0, 0)


def test_attributes_of_a_strided_depthwise_convolution(keras: Any) -> None:
    data = keras.Input((8, 9, 4))
    output = keras.layers.DepthwiseConv2D(3, strides=2, padding="same", name="dw")(data)
    (node,) = to_graph(keras.Model(data, output)).nodes
    assert (node.op, node.name) == ("Conv", "dw")
    assert node.attributes == {
        "kernel_shape": [3, 3],
        "strides": [2, 2],
        "dilations": [1, 1],
        "pads": [0, 1, 1, 1],
        "group": 4,
        "out_channels": 4,
        "bias": True,
    }
    assert [(p.name, p.shape) for p in node.parameters] == [
        ("dw/kernel", (3, 3, 4, 1)),
        ("dw/bias", (4,)),
    ]


def test_macs_are_those_of_a_hand_calculation(keras: Any) -> None:
    layers = keras.layers
    data = x = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same")(x)  # 8*8*8 outputs, 3*9 each
    x = layers.DepthwiseConv2D(3, padding="same")(x)  # 8*8*8 outputs, 9 each
    x = layers.SeparableConv2D(4, 3, padding="valid")(x)  # 6*6*8 * 9, then 6*6*4 * 8
    x = layers.Dense(10)(x)  # at each of 6*6 places 4 * 10
    x = layers.Flatten()(x)
    x = layers.Dense(7, activation="softmax")(x)  # 360 * 7
    counts = count(to_graph(keras.Model(data, x)))
    by_hand = 512 * 27 + 512 * 9 + (288 * 9 + 144 * 8) + 36 * 40 + 360 * 7
    assert counts.macs == by_hand == 26136
    assert (counts.convolutions, counts.linear_layers, counts.normalisations) == (4, 2, 0)
    assert counts.softmax_inside


def test_nested_models_are_flattened_and_shared_weights_count_once(keras: Any) -> None:
    layers = keras.layers
    inner_data = keras.Input((6, 6, 3))
    inner = keras.Model(inner_data, layers.Conv2D(3, 3, padding="same", name="c")(inner_data))
    block = keras.Sequential([inner, layers.ReLU(name="r")], name="block")
    data = keras.Input((6, 6, 3))
    model = keras.Model(data, block(block(data)))
    graph = assert_same_function(model)
    names = [node.name for node in graph.nodes]
    expected = [f"block/{inner.name}/c", "block/r"]
    assert names == [*expected, *(f"{name}:1" for name in expected)]
    assert graph.nodes[0].parameters == graph.nodes[2].parameters
    assert count(graph).parameters == 3 * 3 * 3 * 3 + 3


def test_layers_of_one_name_in_two_models_keep_their_own_parameters(keras: Any) -> None:
    def part(name: str) -> Any:
        data = keras.Input((6, 6, 3))
        return keras.Model(data, keras.layers.Conv2D(3, 1, name="c")(data), name=name)

    data = keras.Input((6, 6, 3))
    model = keras.Model(data, part("second")(part("first")(data)))
    graph = to_graph(model)
    assert [node.name for node in graph.nodes] == ["first/c", "second/c"]
    assert count(graph).parameters == model.count_params() == 24


def test_normalization_that_was_adapted_keeps_its_state_as_statistics(keras: Any) -> None:
    data = keras.Input((4, 4, 3))
    graph = to_graph(keras.Model(data, keras.layers.Normalization(name="n")(data)))
    assert [(node.op, node.name) for node in graph.nodes] == [("Sub", "n/sub"), ("Div", "n/div")]
    assert graph.nodes[1].attributes["epsilon"] == keras.config.epsilon()
    counts = count(graph)
    assert (counts.parameters, counts.statistics) == (0, 3 + 3 + 1)
    assert counts.preprocessing_ops == ("n/sub", "n/div")


def test_tensors_are_channels_first_and_flatten_says_its_order(keras: Any) -> None:
    data = keras.Input((6, 5, 3), name="image")
    x = keras.layers.Flatten(name="f")(keras.layers.MaxPooling2D(2)(data))
    graph = to_graph(keras.Model(data, x))
    assert graph.inputs[0].shape == (1, 3, 6, 5)
    pool, transpose, flatten = graph.nodes
    assert (transpose.op, transpose.name) == ("Transpose", f"{pool.name}/to_channels_last")
    assert graph.tensors[transpose.outputs[0]].shape == (1, 3, 2, 3)
    assert graph.tensors[flatten.outputs[0]].shape == (1, 18)


@pytest.mark.parametrize("cube", [3, 4])
def test_flatten_of_a_cube_is_transposed_too(keras: Any, cube: int) -> None:
    data = keras.Input((cube, cube, cube))
    graph = assert_same_function(keras.Model(data, keras.layers.Flatten()(data)))
    assert [node.op for node in graph.nodes] == ["Transpose", "Flatten"]


def test_unknown_layers_stay_opaque_with_their_parameters(keras: Any) -> None:
    class Conv2D(keras.layers.Layer):  # type: ignore[misc, name-defined] # a namesake of Keras's
        def __init__(self, factor: float) -> None:
            super().__init__(name="mine")
            self.factor = factor

        def build(self, shape: tuple[int, ...]) -> None:
            self.weight = self.add_weight(shape=(shape[-1],), name="w")

        def call(self, x: Any) -> Any:
            return keras.ops.convert_to_tensor(np.asarray(x) * np.asarray(self.weight))

        def compute_output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
            return shape

        def get_config(self) -> dict[str, Any]:
            return {"factor": self.factor, "name": "mine", "window": (1, 2), "table": {"a": 1}}

    data = keras.Input((6, 6, 3))
    x = Conv2D(2.0)(data)
    x = keras.layers.UpSampling2D(2, interpolation="bicubic", name="up")(x)
    graph = to_graph(
        keras.Model(data, keras.layers.BatchNormalization(renorm=True, name="renorm")(x))
    )
    mine, up, renorm = graph.nodes
    assert (mine.op, dict(mine.attributes)) == ("keras::Conv2D", {"factor": 2.0, "window": [1, 2]})
    assert [p.shape for p in mine.parameters] == [(3,)]
    assert (up.op, up.attributes["size"]) == ("keras::UpSampling2D", [2, 2])
    assert graph.tensors[up.outputs[0]].shape == (1, 3, 12, 12)
    assert (renorm.op, renorm.name) == ("BatchNormalization", "renorm/batch_norm")


@pytest.mark.parametrize("weights", ["values", "none"])
def test_an_open_input_size_is_asked_for_and_then_resolved(keras: Any, weights: str) -> None:
    def network(height: int | None, width: int | None) -> Any:
        data = keras.Input((height, width, 3), name="image")
        x = keras.layers.Conv2D(4, 3, strides=2, padding="same", name="c")(data)
        x = keras.layers.Activation("relu", name="a")(x) * 2.0
        x = keras.layers.GlobalAveragePooling2D(name="g")(x)
        return keras.Model(data, keras.layers.Dense(2, name="d")(x))

    def built(*size: int | None) -> Any:
        keras.utils.clear_session(free_memory=False)
        if weights == "values":
            return network(*size)
        with keras.StatelessScope(initialize_variables=False):
            return network(*size)

    with pytest.raises(
        MeasurementError, match=r"leaves its input size open .* give an input shape"
    ):
        to_graph(built(None, None))
    opened = to_graph(built(None, None), (11, 8, 3))
    assert opened == to_graph(built(11, 8))
    assert opened.nodes[0].attributes["pads"] == [1, 0, 1, 1]


def test_a_subclassed_model_has_no_graph(keras: Any) -> None:
    class Own(keras.Model):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return x

    with pytest.raises(MeasurementError, match='"own" is subclassed'):
        to_graph(Own(name="own"))
