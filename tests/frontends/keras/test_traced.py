"""Layers whose ``call`` is traced: the interpreter against Keras, and what stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from support.keras_networks import (  # noqa: E402
    assert_computes_what_keras_does,
    computed,
    drawn,
    network,
)
from zoodiff.frontends.keras.functional import named_variables, to_graph  # noqa: E402
from zoodiff.graph.fingerprint import fingerprint  # noqa: E402
from zoodiff.graph.interpreter.run import run  # noqa: E402

pytestmark = pytest.mark.keras
ops, layers = keras.ops, keras.layers

IMAGE, TOKENS = (6, 5, 4), (7, 6)


class Scaled(layers.Layer):  # type: ignore[misc, name-defined]
    """Weights of several shapes, one of them moved and computed upon before it is used."""

    def __init__(self, added: float = 3.0, **how: Any) -> None:
        super().__init__(**how)
        self.added = added

    def build(self, shape: tuple[int, ...]) -> None:
        self.gamma = self.add_weight(shape=(shape[-1],), name="gamma")
        self.table = self.add_weight(shape=(shape[-1], 1, shape[1]), name="table")
        self.single = self.add_weight(shape=(), name="single")
        self.several = [self.add_weight(shape=(1,), name=f"w{k}") for k in range(2)]

    def call(self, x: Any) -> Any:
        table = ops.exp(ops.transpose(self.table, (1, 2, 0)))
        if len(x.shape) == 4:
            table = ops.expand_dims(table, 2)
        first, second = self.several
        return (first - x * self.gamma) * table + self.single / (second + self.added)


class Block(layers.Layer):  # type: ignore[misc, name-defined]
    """Layers within layers, called twice."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.inner, self.dense = Scaled(), layers.Dense(4, activation="gelu")
        self.drop = layers.Dropout(0.5)

    def build(self, shape: tuple[int, ...]) -> None:
        self.inner.build(shape)
        self.dense.build(shape)

    def call(self, x: Any, training: Any = None) -> Any:
        if training:
            return x * 0.0
        return self.drop(self.dense(self.inner(x)), training=training) + self.inner(x - 0.5)


class Windows(layers.Layer):  # type: ignore[misc, name-defined]
    """Folds windows of an image into the batch, and joins them again."""

    def __init__(self, rows: int = 3, **how: Any) -> None:
        super().__init__(**how)
        self.rows = rows

    def call(self, x: Any) -> Any:
        _, height, width, channels = x.shape
        x = ops.reshape(x, (-1, height // self.rows, self.rows, width, channels))
        x = ops.reshape(x, (-1, self.rows * width, channels))
        scores = ops.softmax(ops.matmul(x, ops.swapaxes(x, 1, 2)), axis=-1)
        return ops.reshape(ops.matmul(scores, x), (-1, height, width, channels))


class Embedded(layers.Layer):  # type: ignore[misc, name-defined]
    """A table of weights, of which constant indices choose rows, as relative positions are."""

    def __init__(self, shift: int = 0, **how: Any) -> None:
        super().__init__(**how)
        self.shift = shift

    def build(self, shape: tuple[int, ...]) -> None:
        self.bias = self.add_weight(shape=(2 * shape[1] - 1, shape[-1]), name="bias")
        places = np.arange(shape[1])
        self.index = ops.convert_to_tensor((places[:, None] - places + self.shift) % len(places))

    def call(self, x: Any) -> Any:
        return ops.expand_dims(x, 1) + ops.take(self.bias, self.index, axis=0)


TRACED = {
    "weights": (Scaled, lambda: Scaled(2.0), IMAGE),
    "weights of tokens": (Scaled, lambda: Scaled(2.0), TOKENS),
    "nested": (Block, Scaled, IMAGE),
    "windows": (Windows, lambda: Windows(2), IMAGE),
    "rows of a table": (Embedded, lambda: Embedded(1), TOKENS),
    "group norm": (
        lambda: layers.GroupNormalization(2),
        lambda: layers.GroupNormalization(4),
        IMAGE,
    ),
    "group norm of tokens": (
        lambda: layers.GroupNormalization(2),
        lambda: layers.GroupNormalization(3),
        TOKENS,
    ),
    "rms norm": (
        layers.RMSNormalization,
        lambda: layers.RMSNormalization(epsilon=0.1),
        IMAGE,
    ),
    "layer norm over all": (
        lambda: layers.LayerNormalization(axis=[1, 2, 3]),
        lambda: layers.LayerNormalization(axis=[2, 3]),
        (4, 4, 4),
    ),
    "einsum": (
        lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de"),
        lambda: layers.EinsumDense("abc,cde->abde", (None, 3, 2), bias_axes="de"),
        TOKENS,
    ),
    "prelu": (
        lambda: layers.PReLU(shared_axes=[1, 2]),
        layers.PReLU,
        IMAGE,
    ),
    "up-sampling": (
        lambda: layers.UpSampling2D((2, 3)),
        lambda: layers.UpSampling2D((3, 2)),
        IMAGE,
    ),
    "up-sampling smoothly": (
        lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"),
        lambda: layers.UpSampling2D((2, 3)),
        IMAGE,
    ),
    "transposed convolution": (
        lambda: layers.Conv2DTranspose(3, (3, 2), strides=2, padding="same"),
        lambda: layers.Conv2DTranspose(3, (3, 2), strides=2, padding="valid"),
        IMAGE,
    ),
    "transposed convolution valid": (
        lambda: layers.Conv2DTranspose(3, (1, 4), strides=(2, 3), padding="valid"),
        lambda: layers.Conv2DTranspose(3, (1, 4), strides=(3, 2), padding="valid"),
        IMAGE,
    ),
    "transposed convolution dilated": (
        lambda: layers.Conv2DTranspose(3, 3, padding="same", dilation_rate=2),
        lambda: layers.Conv2DTranspose(3, 3, padding="same"),
        IMAGE,
    ),
    "convolution of tokens": (
        lambda: layers.Conv1D(5, 3, strides=2, padding="same", activation="relu"),
        lambda: layers.Conv1D(5, 3, strides=2, padding="causal", activation="relu"),
        TOKENS,
    ),
    "dilated convolution of tokens": (
        lambda: layers.Conv1D(4, 2, dilation_rate=2, padding="causal", groups=2),
        lambda: layers.Conv1D(4, 2, dilation_rate=2, padding="causal"),
        TOKENS,
    ),
    "permuted": (lambda: layers.Permute((3, 1, 2)), lambda: layers.Permute((3, 2, 1)), IMAGE),
    "own activation": (
        lambda: layers.Activation(lambda x: x * ops.relu6(x + 3.0) / 6.0),
        lambda: layers.Activation(lambda x: x * ops.relu6(x + 2.0) / 6.0),
        IMAGE,
    ),
}


COMPUTED = {"nested", "rows of a table", "weights", "weights of tokens"}
"""Kinds that compute on weights, which the canonical graph does not hold."""


@pytest.mark.parametrize("kind", TRACED)
def test_a_layer_is_what_keras_computes(kind: str) -> None:
    make, _, shape = TRACED[kind]
    whole = kind not in COMPUTED
    assert_computes_what_keras_does(network(make(), shape), canonical_too=whole)


@pytest.mark.parametrize("kind", TRACED)
def test_a_planted_change_of_a_layer_is_another_network(kind: str) -> None:
    make, other, shape = TRACED[kind]
    models = [network(each(), shape) for each in (make, make, other)]
    graphs = [to_graph(model) for model in models]
    same, first, second = map(fingerprint, graphs)
    assert first == same
    if kind in COMPUTED - {"nested"}:  # what is computed on weights is seen in numbers
        inputs = drawn(models[0])
        before, after = (
            computed(graph, model, inputs)[0]
            for graph, model in zip(graphs[1:], models[1:], strict=True)
        )
        assert np.abs(before - after).max() > 0.01
    else:
        assert first != second


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("axes", [(1,), (2,), (1, 2)])
def test_attention_over_axes_is_what_keras_computes(axes: tuple[int, ...], dropout: float) -> None:
    layer = layers.MultiHeadAttention(2, 3, attention_axes=axes, dropout=dropout)
    assert_computes_what_keras_does(network(lambda x: layer(x, x), (5, 3, 4)))


def test_causal_attention_is_what_keras_computes() -> None:
    layer = layers.MultiHeadAttention(2, 3)
    model = network(lambda x: layer(x, x, use_causal_mask=True), TOKENS)
    assert_computes_what_keras_does(model)
    other = network(lambda x: layers.MultiHeadAttention(2, 3)(x, x), TOKENS)
    assert fingerprint(to_graph(model)) != fingerprint(to_graph(other))


def test_a_trace_leaves_the_model_as_it_was() -> None:
    from keras.src.backend.common import global_state

    model = network(Block(name="b"), IMAGE)
    block = model.get_layer("b")
    inputs = drawn(model)
    before = np.asarray(model(inputs))
    parts = list(model._flatten_layers())
    calls = [len(part._inbound_nodes) for part in parts]
    first = to_graph(model)
    assert [len(part._inbound_nodes) for part in parts] == calls
    assert isinstance(block.inner.gamma, keras.Variable)
    names = dict(global_state.get_global_attribute("object_name_uids"))
    assert to_graph(model) == first
    assert dict(global_state.get_global_attribute("object_name_uids")) == names
    np.testing.assert_array_equal(np.asarray(model(inputs)), before)
    assert set(named_variables(model)) == {variable.path for variable in model.weights}


class Unbuilt(layers.Layer):  # type: ignore[misc, name-defined]
    """A layer that is called though its model was declared without it, and one that never is."""

    def __init__(self, makes_weights: bool, **how: Any) -> None:
        super().__init__(**how)
        self.inner = layers.Dense(6) if makes_weights else layers.Add()
        self.never = layers.Dense(3)

    def build(self, shape: tuple[int, ...]) -> None:
        self.built = True

    def call(self, x: Any) -> Any:
        return self.inner(x) if isinstance(self.inner, layers.Dense) else self.inner([x, x * 2.0])

    def compute_output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


@pytest.mark.parametrize("makes_weights", [False, True])
def test_a_trace_builds_no_layer(makes_weights: bool) -> None:
    layer = Unbuilt(makes_weights)
    model = network(layer, TOKENS)
    assert not layer.inner.built
    ops_found = {node.op for node in to_graph(model).nodes}
    assert ops_found == ({"keras::Unbuilt"} if makes_weights else {"Mul", "Add"})
    assert not layer.inner.built
    assert not layer.weights


class Unknown(layers.Layer):  # type: ignore[misc, name-defined]
    """A step that zoodiff does not know, between two that it does."""

    def call(self, x: Any) -> Any:
        return ops.cumsum(x * 2.0, axis=1) + 1.0


def test_an_unknown_step_stays_visible() -> None:
    graph = to_graph(network(Unknown(name="u"), TOKENS))
    assert [node.op for node in graph.nodes] == ["Mul", "keras::Cumsum", "Add"]
    assert [node.name for node in graph.nodes] == ["u/multiply", "u/cumsum", "u/add"]
    assert graph.nodes[1].attributes["axis"] == 1


@pytest.mark.parametrize(
    ("build", "op"),
    [
        (lambda x: ops.add(x, np.arange(7 * 6 * 900.0).reshape(900, 7, 6)[:1]), "Add"),
        (lambda x: ops.where(x > 0, x, 0.0), "keras::Where"),
        (lambda x: ops.median(x, axis=1), "keras::Median"),
        (lambda x: ops.max(x, axis=1, initial=0.5), "keras::Max"),
        (lambda x: ops.dot_product_attention(x, x, x, mask=np.ones((7, 7), bool)), ""),
        (lambda x: ops.normalize(x, order=1), "keras::Normalize"),
        (lambda x: ops.image.resize(x[..., None], (3, 4), antialias=True), "keras::Resize"),
        (lambda x: ops.image.resize(x[..., None], (3, 4), "bicubic"), "keras::Resize"),
        (lambda x: ops.pad(x, [[0, 0], [1, 1], [0, 0]], mode="wrap"), ""),
        (lambda x: ops.roll(x, 2), "keras::Roll"),
        (lambda x: ops.repeat(x, 2), "keras::Repeat"),
        (lambda x: ops.add(x, x > 0), "keras::Add"),
        (lambda x: layers.Dropout(0.5)(x, training=True), "keras::Dropout"),
        (lambda x: layers.Softmax()(x, mask=np.ones((7, 6), bool)), "keras::Softmax"),
        (lambda x: layers.UpSampling2D(2, interpolation="bicubic")(x[..., None]), ""),
    ],
)
def test_what_is_not_understood_stays_opaque(build: Any, op: str) -> None:
    try:
        model = network(build, TOKENS)
    except (TypeError, ValueError) as error:
        pytest.skip(f"this Keras refuses it: {error}")
    ops_found = [node.op for node in to_graph(model).nodes]
    opaque = [name for name in ops_found if "::" in name]
    assert (op in opaque) if "::" in op else (opaque or op in ops_found)


def test_an_embedding_is_what_keras_computes() -> None:
    """Rows of a weight by computed ids are what other frontends have in its place."""
    keras.utils.set_random_seed(0)
    ids = keras.Input((5,), dtype="int32", name="ids")
    rows = layers.Embedding(11, 4)(ids)
    model = keras.Model(ids, layers.Dense(3)(ops.max(rows, axis=1)))
    graph = to_graph(model)
    assert [node.op for node in graph.nodes] == ["onnx::Gather", "ReduceMax", "Gemm"]
    given = np.array([[3, 0, 10, 3, 7]], np.int32)
    weights = {name: np.asarray(v.value) for name, v in named_variables(model).items()}
    found = run(graph, {"ids": given}, weights)[graph.outputs[0].name]
    np.testing.assert_allclose(found, np.asarray(model(given)), atol=1e-6)
