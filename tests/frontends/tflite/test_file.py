"""The TFLite frontend, held against TensorFlow's own interpreter and converter, and real files."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tflite")

from zoodiff.architecture.diff import diff
from zoodiff.errors import MeasurementError
from zoodiff.frontends.tflite.file import graph_from_file
from zoodiff.graph.canonical import canonical
from zoodiff.graph.cost import count
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.ir import Graph

pytestmark = pytest.mark.tflite
needs_keras = [
    pytest.mark.keras,
    pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="needs keras"),
]


def random_weights(model: Any) -> Any:
    """Exporters drop zeros and ones; and what is never negative, integers clamp at zero."""
    random = np.random.default_rng(0)
    for variable in model.weights:
        if len(variable.shape) <= 1:
            low = 0.5 if variable.name in {"gamma", "moving_variance"} else -1.0
            variable.assign(random.uniform(low, 1.0, variable.shape))
    return model


def cell(keras: Any) -> Any:
    """Every kind of layer that converters write in their own way, in a small network."""
    layers = keras.layers
    image = keras.Input((31, 33, 3), batch_size=1)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    left = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x)
    left = layers.Activation("hard_swish")(left)
    right = layers.Conv2D(16, 1, activation="gelu")(layers.AveragePooling2D(3, 1, "same")(x))
    x = layers.Add()([left, right])
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(16, 1, activation="sigmoid")(gate)
    x = layers.Multiply()([x, gate])
    x = layers.Concatenate()([x, layers.MaxPooling2D(3, 1, "same")(x)])
    x = layers.Conv2D(12, 3, dilation_rate=2)(layers.ZeroPadding2D(((1, 2), (2, 1)))(x))
    x = layers.LeakyReLU(0.1)(x)
    x = layers.Flatten()(x)
    return keras.Model(image, layers.Dense(5, activation="softmax")(x))


@pytest.fixture(scope="module")
def converted(tmp_path_factory) -> dict[str, Path]:
    """The network in float, with integer weights, and in integers."""
    from zoodiff.zoos.keras.backend import import_keras

    keras, tf = import_keras()
    keras.utils.set_random_seed(0)
    model = random_weights(cell(keras))
    folder = tmp_path_factory.mktemp("tflite")
    found = {}
    for form in ("float", "weights", "integers"):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        if form != "float":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if form == "integers":
            images = np.random.default_rng(0).standard_normal((4, 1, 31, 33, 3), np.float32)
            converter.representative_dataset = lambda images=images: ([i] for i in images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        found[form] = folder / f"{form}.tflite"
        found[form].write_bytes(converter.convert())
    found["keras"] = folder / "keras.json"
    from zoodiff.frontends.keras.functional import to_graph

    found["keras"].write_text(to_graph(model).to_json())
    return found


class TestConverted:
    pytestmark = needs_keras

    def test_runs_as_tensorflow_runs_it(self, converted) -> None:
        """The graph, by zoodiff's interpreter, with the file's weights, at odd sizes."""
        import tensorflow as tf

        graph = canonical(graph_from_file(converted["float"]))
        interpreter = tf.lite.Interpreter(str(converted["float"]))
        interpreter.allocate_tensors()
        weights = {}
        for tensor in interpreter.get_tensor_details():
            try:
                weights[tensor["name"]] = interpreter.get_tensor(tensor["index"])
            except ValueError:
                continue  # not a constant
        image = np.random.default_rng(1).standard_normal((1, 31, 33, 3), np.float32)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        wanted = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        from zoodiff.graph.weights import viewed

        held = {
            p.name: viewed(p, weights[p.name])
            for node in graph.nodes
            for p in node.parameters
            if p.name in weights
        }

        def provide(node: Any, data: Any) -> list[Any]:
            return [held[p.name].reshape(p.shape).astype(data.dtype) for p in node.parameters]

        (first,) = graph.inputs
        outputs = evaluate(graph, {first.name: image.transpose(0, 3, 1, 2)}, provide, np.float64)
        found = outputs[graph.outputs[0].name].reshape(wanted.shape)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)

    def test_is_what_it_was_converted_from(self, converted) -> None:
        original = Graph.from_json(converted["keras"].read_text())
        found = diff(original, graph_from_file(converted["float"]), "keras", "tflite")
        assert found.sameness == "same up to", [(f.code, f.left, f.right) for f in found.findings]
        assert set(found.up_to) == {"ARC112"}

    @pytest.mark.parametrize("form", ["weights", "integers"])
    def test_differs_in_quantisation_alone(self, converted, form: str) -> None:
        graphs = [graph_from_file(converted[x]) for x in ("float", form)]
        found = diff(*graphs, "float", form)
        assert {f.code for f in found.findings} == {"ARC171"}
        assert len(found.alignment.pairs) == found.a.layers == found.b.layers
        assert count(graphs[0]).macs == count(graphs[1]).macs

    @pytest.mark.parametrize("name", ["MobileNetV2", "ConvNeXtTiny"])
    @pytest.mark.slow
    def test_whole_networks_are_what_they_were(self, name: str, tmp_path: Path) -> None:
        from zoodiff.frontends.keras.functional import to_graph
        from zoodiff.zoos.keras.backend import import_keras

        keras, tf = import_keras()
        model = random_weights(getattr(keras.applications, name)(weights=None))
        image = keras.Input(model.input_shape[1:], batch_size=1)
        path = tmp_path / "x.tflite"
        converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(image, model(image)))
        path.write_bytes(converter.convert())
        found = diff(to_graph(model), graph_from_file(path), "keras", "tflite")
        assert found.sameness == "same up to"
        assert set(found.up_to) <= {"ARC112", "ARC113", "ARC152"}


class TestReal:
    """Files that others trained and converted: figures from their papers and READMEs."""

    @pytest.fixture
    def models(self, shared: Path) -> Path:
        return shared / "real" / "models"

    def test_a_file_with_channels_first(self, models: Path) -> None:
        graph = graph_from_file(models / "mobilenet_v2_1.0_224_int8.tflm.tflite")
        assert graph.inputs[0].shape == (1, 3, 224, 224)
        found = count(graph)
        # torchvision's 3,504,872 without 2 x 17,056 of norms, with as many biases.
        assert (found.parameters, found.macs) == (3_504_872 - 17_056, 300_774_272)
        assert not found.softmax_inside

    def test_paddings_of_two_frameworks(self, models: Path) -> None:
        """One comes from PyTorch, the other from TensorFlow: five paddings differ."""
        a = graph_from_file(models / "mobilenet_v2_1.0_224_int8.tflm.tflite")
        b = graph_from_file(models / "mobilenet_v2_1.0_224_quant.edgetpu.tflite")
        found = diff(a, b, "pytorch", "tensorflow")
        assert sum(f.count for f in found.findings if f.code == "ARC107") == 5
        assert {f.code for f in found.findings} == {"ARC107", "ARC140", "ARC141"}
        assert count(b).softmax_inside and b.outputs[0].shape == (1, 1001)

    def test_float_and_integers_of_one_network(self, models: Path) -> None:
        graphs = [
            graph_from_file(models / f"resnet8_cifar10.{form}.tflite") for form in ("float", "int8")
        ]
        assert count(graphs[0]).macs == count(graphs[1]).macs == 12_501_632
        found = diff(*graphs, "float", "int8")
        assert {f.code for f in found.findings} == {"ARC171"}
        assert sum(f.count for f in found.findings) == 10  # 9 convolutions, 1 linear layer


@pytest.fixture(scope="module")
def small(shared: Path) -> bytes:
    return (shared / "real" / "models" / "resnet8_cifar10.int8.tflite").read_bytes()


def sound_or_refused(content: bytes, folder: Path) -> None:
    path = folder / "x.tflite"
    path.write_bytes(content)
    try:
        graph = graph_from_file(path)
    except MeasurementError as error:
        assert str(error).count("\n") == 0
        assert "x.tflite" in str(error)
    else:
        canonical(graph)


@given(data=st.data())
@settings(max_examples=300)
def test_a_damaged_file_is_refused_or_sound(small: bytes, tmp_path_factory, data) -> None:
    """Bytes of the structure, which lies around the weights, are overwritten."""
    content = bytearray(small)
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.integers(0, len(content) - 1))
        content[where] = data.draw(st.integers(0, 255))
    sound_or_refused(bytes(content), tmp_path_factory.mktemp("x"))


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_refused(small: bytes, tmp_path: Path, share: float) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(small[: int(share * len(small))])
    with pytest.raises(MeasurementError, match=r"x\.tflite"):
        graph_from_file(path)


def test_what_is_no_tflite_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(b"something else altogether")
    with pytest.raises(MeasurementError, match="is not a TFLite file"):
        graph_from_file(path)
    with pytest.raises(MeasurementError, match="cannot read"):
        graph_from_file(tmp_path / "missing.tflite")


def written(operators: int, *, shared_names: int = 0, code: int = 0, reads: int = 0) -> bytes:
    """A file of additions in a row, built with FlatBuffers' own writer."""
    import flatbuffers
    import tflite

    builder = flatbuffers.Builder(1024)

    def vector(start: Any, items: list[int], put: Any) -> int:
        start(builder, len(items))
        for item in reversed(items):
            put(item)
        return builder.EndVector()

    name = builder.CreateString("n" * shared_names or "t")
    shape = vector(tflite.TensorStartShapeVector, [1, 4], builder.PrependInt32)
    tensors = []
    for _ in range(operators + 1):
        tflite.TensorStart(builder)
        tflite.TensorAddName(builder, name)
        tflite.TensorAddShape(builder, shape)
        tensors.append(tflite.TensorEnd(builder))
    lists = [
        (
            vector(tflite.OperatorStartInputsVector, [max(0, k + reads)] * 2, builder.PrependInt32),
            vector(tflite.OperatorStartOutputsVector, [k + 1], builder.PrependInt32),
        )
        for k in range(operators)
    ]
    made = []
    for inputs, outputs in lists:
        tflite.OperatorStart(builder)
        tflite.OperatorAddInputs(builder, inputs)
        tflite.OperatorAddOutputs(builder, outputs)
        made.append(tflite.OperatorEnd(builder))
    held = [
        vector(tflite.SubGraphStartTensorsVector, tensors, builder.PrependUOffsetTRelative),
        vector(tflite.SubGraphStartInputsVector, [0], builder.PrependInt32),
        vector(tflite.SubGraphStartOutputsVector, [operators], builder.PrependInt32),
        vector(tflite.SubGraphStartOperatorsVector, made, builder.PrependUOffsetTRelative),
    ]
    tflite.SubGraphStart(builder)
    for add, one in zip(
        (
            tflite.SubGraphAddTensors,
            tflite.SubGraphAddInputs,
            tflite.SubGraphAddOutputs,
            tflite.SubGraphAddOperators,
        ),
        held,
        strict=True,
    ):
        add(builder, one)
    graph = tflite.SubGraphEnd(builder)
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, code)
    codes = vector(
        tflite.ModelStartOperatorCodesVector,
        [tflite.OperatorCodeEnd(builder)],
        builder.PrependUOffsetTRelative,
    )
    graphs = vector(tflite.ModelStartSubgraphsVector, [graph], builder.PrependUOffsetTRelative)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, codes)
    tflite.ModelAddSubgraphs(builder, graphs)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_a_written_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(written(3))
    assert [node.op for node in graph_from_file(path).nodes] == ["Add"] * 3


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"operators": 0}, "holds no network"),
        ({"operators": 3, "reads": 1}, "which nothing before it computes"),
        ({"operators": 2, "code": 119}, r"control flow \(WHILE\)"),
        ({"operators": 40, "shared_names": 2**20}, "numbers and letters"),
    ],
)
def test_a_hostile_file_is_refused(tmp_path: Path, settings: dict[str, int], sentence: str) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(written(**settings))
    with pytest.raises(MeasurementError, match=sentence):
        graph_from_file(path)


def test_an_unknown_operator_stays_as_an_opaque_node(tmp_path: Path) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(written(2, code=95))  # FLOOR_MOD
    graph = graph_from_file(path)
    assert all(node.op.startswith("tflite::") for node in graph.nodes)
    assert diff(graph, graph, "a", "b").sameness == "same"
