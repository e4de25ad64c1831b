"""TFLite files, read as in their worker, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from support.fuzzing.mutations import words
from support.fuzzing.network import counted
from support.fuzzing.target import SHARED, Target, placed


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
    from zoodiff.zoos.keras.backend import import_keras

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
    from zoodiff.zoos.files.tflite import TFLiteFiles, weights_access

    path = placed("tflite/model.tflite", data)
    backend = TFLiteFiles()
    graph = backend.describe(str(path), None)
    backend.facts(str(path), None)
    weights = weights_access(path)
    for name in list(weights)[:4]:
        assert weights[name].nbytes >= 0
    counted(graph)


def tflite_run(data: bytes) -> None:
    """A TFLite file in LiteRT's interpreter; nothing is run."""
    from zoodiff.zoos.files.tflite import TFLiteFiles

    path = placed("tflite/model.tflite", data)
    assert TFLiteFiles().load(str(path), "file", seed=0, threads=1).input_shape


TARGETS = (
    Target("tflite", tflite, tflite_seeds, words, ("tflite", "flatbuffers"), tflite_real),
    Target(
        *("tflite_run", tflite_run, tflite_seeds, words),
        *(("tflite", "flatbuffers", "ai_edge_litert"), tflite_real),
        contained="LiteRT",
    ),
)
