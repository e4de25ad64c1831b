"""Model files, each read as in its worker, in this process."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fuzzing.mutations import archive, bytes_, json_, protobuf, words
from fuzzing.target import SHARED, Target, fresh, placed


def _counted(graph: Any) -> None:
    """What becomes of a description: counts, one form, a fingerprint, a diff with itself."""
    from zoodiff.compare.diff import diff
    from zoodiff.graph.canonical import canonical
    from zoodiff.graph.cost import count
    from zoodiff.graph.ir import Graph

    count(graph)
    again = Graph.from_json(graph.to_json())
    form = canonical(again)
    diff(form, form, "a", "b")


def recognised(data: bytes) -> None:
    """Which format a file is of."""
    from zoodiff.zoos.files import resolve

    resolve(str(placed("recognised/model.bin", data)))


def recognised_seeds() -> Sequence[bytes]:
    from fuzzing.mutations import packed

    return [
        packed({"config.json": b"{}", "model.weights.h5": b""}),
        packed({"a/constants.pkl": b"", "a/code/x.py": b""}),
        packed({"a/data.pkl": b""}),
        packed({"archive_format": b"pt2"}),
        b"\x08\x07\x12\x00",
        b"\x1c\0\0\0TFL3",
        b"\x80\x02}q\0.",
    ]


# ONNX


@functools.cache
def onnx_models() -> Sequence[Any]:
    """Networks with most of the operators that have rules of their own."""
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    node, value = helper.make_node, helper.make_tensor_value_info
    random = np.random.default_rng(0)

    def weights(**shapes: Any) -> list[Any]:
        return [
            numpy_helper.from_array(
                random.standard_normal(s).astype(np.float32) if isinstance(s, tuple) else s, name
            )
            for name, s in shapes.items()
        ]

    def whole(nodes: Sequence[Any], held: Sequence[Any], shape: Sequence[Any], **more: Any) -> Any:
        graph = helper.make_graph(
            list(nodes),
            "g",
            [value("x", TensorProto.FLOAT, shape)],
            [value("y", TensorProto.FLOAT, None)],
            list(held),
        )
        domains = more.pop("domains", [("", 17)])
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid(d, v) for d, v in domains], **more
        )
        made.ir_version = 8
        return made

    ints = np.array
    classic = whole(
        [
            node("Conv", ["x", "w", "b"], ["a"], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4),
            node("BatchNormalization", ["a", "s", "h", "m", "v"], ["c"], epsilon=1e-3),
            node("Relu", ["c"], ["d"]),
            node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Conv", ["e", "w2"], ["f"], auto_pad="SAME_UPPER", group=4),
            node("Add", ["f", "e"], ["g"]),
            node("Clip", ["g", "zero", "six"], ["i"]),
            node("GlobalAveragePool", ["i"], ["j"]),
            node("Flatten", ["j"], ["k"]),
            node("Gemm", ["k", "w3", "b3"], ["l"], transB=1),
            node("Softmax", ["l"], ["y"]),
        ],
        weights(
            w=(4, 3, 3, 3),
            b=(4,),
            s=(4,),
            h=(4,),
            m=(4,),
            v=(4,),
            w2=(4, 1, 3, 3),
            w3=(5, 4),
            b3=(5,),
            zero=ints(0, np.float32),
            six=ints(6, np.float32),
        ),
        ["N", 3, 16, 16],
    )
    shaped = whole(
        [
            node("Pad", ["x", "pads"], ["a"], mode="reflect"),
            node("Resize", ["a", "", "scales"], ["b"], mode="nearest"),
            node("Transpose", ["b"], ["c"], perm=[0, 2, 3, 1]),
            node("Shape", ["c"], ["d"]),
            node("Gather", ["d", "zero"], ["e"]),
            node("Unsqueeze", ["e", "axes"], ["f"]),
            node("Concat", ["f", "minus"], ["g"], axis=0),
            node("Reshape", ["c", "g"], ["h"]),
            node("MatMul", ["h", "w"], ["i"]),
            node("Add", ["i", "bias"], ["j"]),
            node("LayerNormalization", ["j", "s", "t"], ["k"], axis=-1),
            node("Slice", ["k", "zeros", "twos", "ones"], ["l"]),
            node("ReduceMean", ["l"], ["m"], axes=[1], keepdims=1),
            node("Constant", [], ["n"], value_floats=[0.5]),
            node("Mul", ["m", "n"], ["o"]),
            node("Split", ["o"], ["p", "q"], axis=1) if False else node("Erf", ["o"], ["p"]),
            node("Identity", ["p"], ["y"]),
        ],
        weights(
            pads=ints([0, 0, 1, 1, 0, 0, 1, 1]),
            scales=ints([1, 1, 2, 2], np.float32),
            zero=ints(0),
            axes=ints([0]),
            minus=ints([-1]),
            w=(300, 6),
            bias=(6,),
            s=(6,),
            t=(6,),
            zeros=ints([0]),
            twos=ints([2]),
            ones=ints([1]),
        ),
        [1, 3, 3, 3],
    )
    attention = whole(
        [
            *(node("MatMul", ["x", f"w{k}"], [k]) for k in "qkv"),
            node("Transpose", ["k"], ["kt"], perm=[0, 2, 1]),
            node("MatMul", ["q", "kt"], ["a"]),
            node("Div", ["a", "root"], ["b"]),
            node("Softmax", ["b"], ["c"], axis=-1),
            node("MatMul", ["c", "v"], ["d"]),
            node("Einsum", ["d", "we"], ["e"], equation="bij,jk->bik"),
            node("Split", ["e", "parts"], ["f", "g"], axis=2),
            node("Sigmoid", ["g"], ["h"]),
            node("Mul", ["f", "h"], ["y"]),
        ],
        weights(
            wq=(8, 8),
            wk=(8, 8),
            wv=(8, 8),
            we=(8, 4),
            root=ints(2.8, np.float32),
            parts=ints([2, 2]),
        ),
        [1, 5, 8],
    )
    scale, zero = ints(0.1, np.float32), ints(0, np.uint8)
    quantized = whole(
        [
            node("QuantizeLinear", ["x", "s", "z"], ["a"]),
            node("QLinearConv", ["a", "s", "z", "w", "s", "z", "s", "z"], ["b"], pads=[1] * 4),
            node("QLinearAdd", ["b", "s", "z", "b", "s", "z", "s", "z"], ["c"], domain=_MICROSOFT),
            node("DequantizeLinear", ["c", "s", "z"], ["d"]),
            node("DequantizeLinear", ["w4", "s", "z"], ["w5"]),
            node("Conv", ["d", "w5"], ["e"]),
            node("ConstantOfShape", ["dims"], ["w6"]),
            node("Conv", ["e", "w6"], ["y"]),
        ],
        weights(
            s=scale,
            z=zero,
            w=ints(np.ones((4, 3, 3, 3)), np.uint8),
            w4=ints(np.ones((4, 4, 1, 1)), np.uint8),
            dims=ints([2, 4, 1, 1]),
        ),
        [1, 3, 6, 6],
        domains=[("", 17), (_MICROSOFT, 1)],
    )
    function = helper.make_function(
        "own",
        "Act",
        ["i"],
        ["o"],
        [node("Sigmoid", ["i"], ["t"]), node("Mul", ["i", "t"], ["o"])],
        [helper.make_opsetid("", 17)],
    )
    with_function = whole(
        [node("Act", ["x"], ["a"], domain="own"), node("Flatten", ["a"], ["y"])],
        [],
        [1, 3, 4, 4],
        domains=[("", 17), ("own", 1)],
        functions=[function],
    )
    old = whole(
        [
            node("Dropout", ["x"], ["a"]),
            node("Upsample", ["a"], ["b"], scales=[1.0, 1.0, 2.0, 2.0], mode="nearest"),
            node("Pad", ["b"], ["c"], pads=[0, 0, 1, 1, 0, 0, 1, 1]),
            node("Squeeze", ["c"], ["d"], axes=[0]),
            node("Unsqueeze", ["d"], ["e"], axes=[0]),
            node("Clip", ["e"], ["f"], min=0.0, max=6.0),
            node("Reshape", ["f", "shape"], ["y"]),
        ],
        weights(shape=ints([0, -1])),
        [1, 2, 3, 3],
        domains=[("", 8)],
    )
    outside = whole([node("Conv", ["x", "w"], ["y"])], weights(w=(64, 64, 3, 3)), [1, 64, 6, 6])
    tensor = outside.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, said in (("location", "w.bin"), ("offset", "0"), ("length", "147456")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, said
    return [classic, shaped, attention, quantized, with_function, old, outside]


_MICROSOFT = "com.microsoft"


def onnx_seeds() -> Sequence[bytes]:
    return [model.SerializeToString() for model in onnx_models()]


def small_graphs() -> Iterable[Any]:
    """Graphs as frontends make them."""
    from zoodiff.frontends.onnx_file import graph_from_model

    for model in onnx_models()[:4]:
        copied = type(model)()
        copied.CopyFrom(model)
        yield graph_from_model(copied, "test")


def onnx(data: bytes) -> None:
    """An ONNX file: its graph and its own counts."""
    from zoodiff.zoos.files.onnx import OnnxFiles

    path = str(placed("onnx/model.onnx", data))
    backend = OnnxFiles()
    graph = backend.describe(path + "?size=32", None)
    backend.facts(path, None)
    _counted(graph)


def onnx_run(data: bytes) -> None:
    """An ONNX file in ONNX Runtime, as it is and with random weights, and its weights."""
    from zoodiff.zoos.files.onnx import OnnxFiles

    path = str(placed("onnx/model.onnx", data))
    for weights in ("file", "random"):
        network: Any = OnnxFiles().load(path, weights, seed=0, threads=1)
        held = network.weights()
        for name in list(held)[:3]:
            assert held[name].nbytes >= 0


# TFLite


def tflite_seeds() -> Sequence[bytes]:
    """One small network, written with the schema's own builders."""
    import flatbuffers
    import numpy as np
    import tflite

    builder = flatbuffers.Builder(1024)

    def vector(start: Any, items: Sequence[int]) -> int:
        start(builder, len(items))
        for item in reversed(items):
            builder.PrependUOffsetTRelative(item)
        return int(builder.EndVector())

    def numbers(values: Sequence[int]) -> int:
        return int(builder.CreateNumpyVector(np.array(values, dtype=np.int32)))

    contents = [
        None,
        np.ones((4, 3, 3, 3), np.float32),
        np.ones(4, np.float32),
        np.array([1, 4 * 16], np.int32),
        np.ones((5, 64), np.float32),
        np.ones((1, 3, 3, 4), np.float32),
        np.array([1, 2], np.int32),
    ]
    buffers = []
    for content in contents:
        data = None if content is None else builder.CreateByteVector(content.tobytes())
        tflite.BufferStart(builder)
        if data is not None:
            tflite.BufferAddData(builder, data)
        buffers.append(tflite.BufferEnd(builder))
    shapes = [
        ((1, 8, 8, 3), 0, 0),
        ((4, 3, 3, 3), 1, 0),
        ((4,), 2, 0),
        ((1, 4, 4, 4), 0, 0),
        ((1, 3, 3, 4), 5, 0),
        ((1, 4, 4, 4), 0, 0),
        ((2,), 3, 2),
        ((1, 64), 0, 0),
        ((5, 64), 4, 0),
        ((1, 5), 0, 0),
        ((1, 5), 0, 0),
    ]
    tensors = []
    for number, (shape, buffer, kind) in enumerate(shapes):
        name, extents = builder.CreateString(f"t{number}"), numbers(shape)
        scale = builder.CreateNumpyVector(np.array([0.5], np.float32))
        zero = builder.CreateNumpyVector(np.array([0], np.int64))
        tflite.QuantizationParametersStart(builder)
        tflite.QuantizationParametersAddScale(builder, scale)
        tflite.QuantizationParametersAddZeroPoint(builder, zero)
        quantization = tflite.QuantizationParametersEnd(builder)
        tflite.TensorStart(builder)
        tflite.TensorAddShape(builder, extents)
        tflite.TensorAddType(builder, kind)
        tflite.TensorAddBuffer(builder, buffer)
        tflite.TensorAddName(builder, name)
        if number % 2:
            tflite.TensorAddQuantization(builder, quantization)
        tensors.append(tflite.TensorEnd(builder))
    kinds = tflite.BuiltinOptions
    tflite.Conv2DOptionsStart(builder)
    tflite.Conv2DOptionsAddStrideW(builder, 2)
    tflite.Conv2DOptionsAddStrideH(builder, 2)
    tflite.Conv2DOptionsAddFusedActivationFunction(builder, 3)
    conv = tflite.Conv2DOptionsEnd(builder)
    tflite.DepthwiseConv2DOptionsStart(builder)
    tflite.DepthwiseConv2DOptionsAddStrideW(builder, 1)
    tflite.DepthwiseConv2DOptionsAddStrideH(builder, 1)
    tflite.DepthwiseConv2DOptionsAddDepthMultiplier(builder, 1)
    depthwise = tflite.DepthwiseConv2DOptionsEnd(builder)
    tflite.ReshapeOptionsStart(builder)
    reshape = tflite.ReshapeOptionsEnd(builder)
    tflite.FullyConnectedOptionsStart(builder)
    linear = tflite.FullyConnectedOptionsEnd(builder)
    tflite.SoftmaxOptionsStart(builder)
    tflite.SoftmaxOptionsAddBeta(builder, 1.0)
    softmax = tflite.SoftmaxOptionsEnd(builder)
    codes, operators = [], []
    for number, (code, given, made, options, kind) in enumerate(
        (
            (3, [0, 1, 2], 3, conv, kinds.Conv2DOptions),
            (4, [3, 4, 2], 5, depthwise, kinds.DepthwiseConv2DOptions),
            (22, [5, 6], 7, reshape, kinds.ReshapeOptions),
            (9, [7, 8, -1], 9, linear, kinds.FullyConnectedOptions),
            (25, [9], 10, softmax, kinds.SoftmaxOptions),
        )
    ):
        inputs, outputs = numbers(given), numbers([made])
        tflite.OperatorCodeStart(builder)
        tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, code)
        tflite.OperatorCodeAddBuiltinCode(builder, code)
        tflite.OperatorCodeAddVersion(builder, 1)
        codes.append(tflite.OperatorCodeEnd(builder))
        tflite.OperatorStart(builder)
        tflite.OperatorAddOpcodeIndex(builder, number)
        tflite.OperatorAddInputs(builder, inputs)
        tflite.OperatorAddOutputs(builder, outputs)
        tflite.OperatorAddBuiltinOptionsType(builder, kind)
        tflite.OperatorAddBuiltinOptions(builder, options)
        operators.append(tflite.OperatorEnd(builder))
    given, made = numbers([0]), numbers([10])
    held = vector(tflite.SubGraphStartTensorsVector, tensors)
    steps = vector(tflite.SubGraphStartOperatorsVector, operators)
    tflite.SubGraphStart(builder)
    tflite.SubGraphAddTensors(builder, held)
    tflite.SubGraphAddInputs(builder, given)
    tflite.SubGraphAddOutputs(builder, made)
    tflite.SubGraphAddOperators(builder, steps)
    graphs = vector(tflite.ModelStartSubgraphsVector, [tflite.SubGraphEnd(builder)])
    known = vector(tflite.ModelStartOperatorCodesVector, codes)
    stored = vector(tflite.ModelStartBuffersVector, buffers)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    tflite.ModelAddOperatorCodes(builder, known)
    tflite.ModelAddSubgraphs(builder, graphs)
    tflite.ModelAddBuffers(builder, stored)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    return [bytes(builder.Output())]


def tflite_real() -> Sequence[bytes]:
    """Real files, where there are any, and a converted network with more kinds of layers."""
    folder = SHARED / "real" / "models"
    found = [p.read_bytes() for p in folder.glob("resnet8*.tflite")] if folder.is_dir() else []
    try:
        found += _converted()
    except Exception as error:  # TensorFlow's converter is not everywhere
        print(f"no converted TFLite file ({error})")
    return found


def _converted() -> Sequence[bytes]:
    from zoodiff.zoos.keras_backend import import_keras

    keras, tf = import_keras()
    layers = keras.layers
    image = keras.Input((9, 9, 3), batch_size=1)
    x = layers.Conv2D(4, 3, padding="same")(image)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    x = layers.Activation("hard_swish")(layers.DepthwiseConv2D(3)(x))
    x = layers.Concatenate()([x, layers.MaxPooling2D(3, 1, "same")(x)])
    x = layers.LayerNormalization()(layers.ZeroPadding2D(1)(x))
    x = layers.UpSampling2D()(layers.Conv2DTranspose(4, 2)(x))
    x = layers.LeakyReLU(0.1)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, layers.Dense(5, activation="softmax")(x))
    plain = tf.lite.TFLiteConverter.from_keras_model(model)
    small = tf.lite.TFLiteConverter.from_keras_model(model)
    small.optimizations = [tf.lite.Optimize.DEFAULT]
    return [plain.convert(), small.convert()]


def tflite(data: bytes) -> None:
    """A TFLite file: its graph, its own counts and its weights."""
    from zoodiff.zoos.files.tflite import TFLiteFiles, held

    path = placed("tflite/model.tflite", data)
    backend = TFLiteFiles()
    graph = backend.describe(str(path), None)
    backend.facts(str(path), None)
    weights = held(path)
    for name in list(weights)[:4]:
        assert weights[name].nbytes >= 0
    _counted(graph)


def tflite_run(data: bytes) -> None:
    """A TFLite file in LiteRT's interpreter; nothing is run."""
    from zoodiff.zoos.files.tflite import TFLiteFiles

    path = placed("tflite/model.tflite", data)
    assert TFLiteFiles().load(str(path), "file", seed=0, threads=1).input_shape


# Keras and TensorFlow


@functools.cache
def _keras_files() -> Any:
    from zoodiff.zoos.files.keras import KerasFiles

    return KerasFiles()


def keras(data: bytes) -> None:
    """A Keras file: its graph and its own counts."""
    path = str(placed("keras/model.keras", data))
    graph = _keras_files().describe(path + "?size=16", None)
    _keras_files().facts(path + "?size=16", None)
    _counted(graph)


@functools.cache
def keras_seeds() -> Sequence[bytes]:
    from zoodiff.zoos.keras_backend import import_keras

    library, _ = import_keras()
    layers = library.layers
    image = library.Input((8, 8, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    x = layers.Add()([layers.BatchNormalization()(x), x])
    x = layers.DepthwiseConv2D(3, strides=2)(layers.ZeroPadding2D(1)(x))
    x = layers.GlobalAveragePooling2D()(x)
    functional = library.Model(image, layers.Dense(3, activation="softmax")(x))
    sequential = library.Sequential(
        [layers.Input((None, None, 3)), layers.Conv2D(2, 1), layers.GlobalMaxPooling2D()]
    )
    made = []
    for number, model in enumerate((functional, sequential)):
        path = fresh("keras-seeds") / f"{number}.keras"
        model.save(path)
        made.append(path.read_bytes())
    return made


@functools.cache
def _tensorflow_files() -> Any:
    from zoodiff.zoos.files.tensorflow import TensorFlowFiles

    return TensorFlowFiles()


def frozen(data: bytes) -> None:
    """A frozen graph: its graph, its own counts and its constants."""
    path = str(placed("tensorflow/model.pb", data))
    backend = _tensorflow_files()
    graph = backend.describe(path + "?size=16", None)
    backend.facts(path + "?size=16", None)
    held = backend.load(path, "file", seed=0, threads=1).weights()
    for name in list(held)[:3]:
        assert held[name].nbytes >= 0
    _counted(graph)


def frozen_seeds() -> Sequence[bytes]:
    import numpy as np

    tf = _tensorflow_files()._tf
    made = []
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [None, 8, 8, 3], "image")
        x = tf.nn.conv2d(image, np.ones((3, 3, 3, 2), np.float32), 2, "SAME")
        x = tf.nn.bias_add(x, np.ones(2, np.float32))
        x = tf.nn.relu6(x)
        x = tf.nn.max_pool2d(x, 2, 1, "VALID")
        x = tf.reduce_mean(x, [1, 2])
        x = tf.matmul(x, np.ones((2, 4), np.float32))
        tf.nn.softmax(x, name="out")
        made.append(graph.as_graph_def().SerializeToString())
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [1, 6, 6, 2], "image")
        x = tf.pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]])
        x = tf.nn.depthwise_conv2d(x, np.ones((3, 3, 2, 1), np.float32), [1] * 4, "VALID")
        ones = np.ones(2, np.float32)
        x, *_ = tf.compat.v1.nn.fused_batch_norm(x, ones, ones, ones, ones, is_training=False)
        x = tf.concat([x, image], 3)
        x = tf.reshape(x, [tf.shape(x)[0], -1])
        tf.identity(x * 2.0 + 1.0, name="out")
        made.append(graph.as_graph_def().SerializeToString())
    return made


@functools.cache
def _saved() -> Path:
    """A SavedModel, whose variables stay as they are."""
    import numpy as np

    tf = _tensorflow_files()._tf

    class Module(tf.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable(np.ones((3, 3, 3, 2), np.float32), name="kernel")

        @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3], tf.float32)])
        def __call__(self, image: Any) -> Any:
            return {
                "out": tf.reduce_mean(
                    tf.nn.relu(tf.nn.conv2d(image, self.kernel, 1, "SAME")), [1, 2]
                )
            }

    folder = fresh("saved-seed")
    module = Module()
    tf.saved_model.save(module, os.fspath(folder), signatures=module.__call__)
    return folder


def saved(data: bytes) -> None:
    """A SavedModel: its graph and its own counts."""
    folder = _saved()
    (folder / "saved_model.pb").write_bytes(data)
    backend = _tensorflow_files()
    graph = backend.describe(str(folder) + "?size=16", None)
    backend.facts(str(folder) + "?size=16", None)
    _counted(graph)


@functools.cache
def saved_seeds() -> Sequence[bytes]:
    return [(_saved() / "saved_model.pb").read_bytes()]


# PyTorch


def _torch() -> Any:
    from zoodiff.torch_compat import import_torchvision

    import_torchvision()
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    return torch


def _module(torch: Any) -> Any:
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(3, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(50, 4)
    ).eval()


def checkpoint(data: bytes) -> None:
    """A PyTorch checkpoint, held against a module."""
    from zoodiff.zoos.checkpoints import check, read

    torch = _torch()
    path = placed("torch/weights.pth", data)
    check(path, read(path), _module(torch).state_dict(), "a module")


@functools.cache
def checkpoint_seeds() -> Sequence[bytes]:
    torch = _torch()
    state = _module(torch).state_dict()
    made = []
    for value, new in ((state, True), ({"state_dict": state, "epoch": 3}, True), (state, False)):
        buffer = io.BytesIO()
        torch.save(value, buffer, _use_new_zipfile_serialization=new)
        made.append(buffer.getvalue())
    return made


def safetensors(data: bytes) -> None:
    """A safetensors file, held against a module."""
    from zoodiff.zoos.checkpoints import check, read

    torch = _torch()
    path = placed("torch/weights.safetensors", data)
    check(path, read(path), _module(torch).state_dict(), "a module")


def safetensors_seeds() -> Sequence[bytes]:
    from safetensors.torch import save

    return [save(_module(_torch()).state_dict())]


def header(data: bytes, random: Any) -> bytes:
    """One change of the JSON in a safetensors file, whose length is written anew."""
    size = int.from_bytes(data[:8], "little")
    if random.random() < 0.2 or size > len(data):
        return bytes_(data, random)
    changed = json_(data[8 : 8 + size], random)
    return len(changed).to_bytes(8, "little") + changed + data[8 + size :]


def exported(data: bytes) -> None:
    """A program of ``torch.export``: its graph and its own counts."""
    from zoodiff.zoos.files.torch import TorchFiles

    _torch()
    path = str(placed("torch/program.pt2", data))
    backend = TorchFiles()
    graph = backend.describe(path + "?size=5", None)
    backend.facts(path + "?size=5", None)
    _counted(graph)


@functools.cache
def exported_seeds() -> Sequence[bytes]:
    torch = _torch()
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(_module(torch), (torch.zeros(1, 3, 5, 5),)), buffer)
    return [buffer.getvalue()]


def scripted(data: bytes) -> None:
    """A TorchScript file: its graph and its own counts."""
    from zoodiff.zoos.files.torchscript import TorchScriptFiles

    _torch()
    path = str(placed("torch/module.pt", data))
    backend = TorchScriptFiles()
    graph = backend.describe(path + "?size=5", None)
    backend.facts(path + "?size=5", None)
    _counted(graph)


@functools.cache
def scripted_seeds() -> Sequence[bytes]:
    torch = _torch()
    made = []
    for build in (lambda m: torch.jit.trace(m, torch.zeros(1, 3, 5, 5)), torch.jit.script):
        buffer = io.BytesIO()
        torch.jit.save(build(_module(torch)), buffer)
        made.append(buffer.getvalue())
    return made


_TENSORFLOW = ("keras", "tensorflow")
_CODE = archive({".py": bytes_, ".pkl": bytes_, "version": bytes_})
_PROGRAM = archive({".json": json_, "version": bytes_, ".pt": bytes_, "weight_0": bytes_})
_KERAS = archive({"config.json": json_, "metadata.json": json_, ".h5": bytes_})
_STATE = archive({".pkl": bytes_, "version": bytes_, "byteorder": bytes_})

TARGETS = (
    Target("recognised", recognised, recognised_seeds),
    Target("onnx", onnx, onnx_seeds, protobuf, ("onnx",)),
    Target(
        *("onnx_run", onnx_run, onnx_seeds, protobuf, ("onnx", "onnxruntime")),
        contained="ONNX Runtime",
    ),
    Target("tflite", tflite, tflite_seeds, words, ("tflite", "flatbuffers"), tflite_real),
    Target(
        *("tflite_run", tflite_run, tflite_seeds, words),
        *(("tflite", "flatbuffers", "ai_edge_litert"), tflite_real),
        contained="LiteRT",
    ),
    Target(
        "keras", keras, keras_seeds, _KERAS, _TENSORFLOW, contained="HDF5, TensorFlow", examples=8
    ),
    Target(
        "frozen", frozen, frozen_seeds, protobuf, _TENSORFLOW, contained="TensorFlow", examples=12
    ),
    Target("saved", saved, saved_seeds, protobuf, _TENSORFLOW, contained="TensorFlow", examples=5),
    Target("checkpoint", checkpoint, checkpoint_seeds, _STATE, ("torchvision",), contained="torch"),
    Target("safetensors", safetensors, safetensors_seeds, header, ("torchvision", "safetensors")),
    Target(
        "exported",
        exported,
        exported_seeds,
        _PROGRAM,
        ("torchvision",),
        contained="torch",
        examples=3,
    ),
    Target(
        "scripted", scripted, scripted_seeds, _CODE, ("torchvision",), contained="torch", examples=3
    ),
)
