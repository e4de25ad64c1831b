"""Fused recurrent layers of TFLite: the interpreter against LiteRT, and what stays opaque."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tflite")
litert = pytest.importorskip("ai_edge_litert.interpreter")
fb = pytest.importorskip("ai_edge_litert.schema_py_generated")
flatbuffers = pytest.importorskip("flatbuffers")

from zoodiff.frontends.tflite.file import graph_from_file, weights_of  # noqa: E402
from zoodiff.graph.canonical import canonical  # noqa: E402
from zoodiff.graph.cost import count  # noqa: E402
from zoodiff.graph.fingerprint import fingerprint  # noqa: E402
from zoodiff.graph.interpreter.run import evaluate  # noqa: E402
from zoodiff.graph.onnx_export.model import to_model  # noqa: E402
from zoodiff.graph.weights import viewed  # noqa: E402

pytestmark = pytest.mark.tflite
STEPS, FEATURES, HIDDEN = 5, 3, 4
TANH, RELU = 4, 1


class File:
    """A file of one operator, put together operand by operand."""

    def __init__(self) -> None:
        self.graph = fb.SubGraphT()
        self.graph.tensors, self.buffers = [], [fb.BufferT()]
        self.random = np.random.default_rng(0)

    def tensor(self, shape: tuple[int, ...], *, constant: bool = False, state: bool = False) -> int:
        """Add a tensor and return its index; a constant is drawn."""
        tensor = fb.TensorT()
        tensor.name, tensor.shape = f"t{len(self.graph.tensors)}".encode(), list(shape)
        tensor.type, tensor.isVariable, tensor.buffer = fb.TensorType.FLOAT32, state, 0
        if constant:
            buffer = fb.BufferT()
            values = (self.random.standard_normal(shape) * 0.7).astype(np.float32)
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def write(
        self, code: int, operands: list[int], result: int, options: Any, kind: int, path: Path
    ) -> Path:
        """Write the file of one operator."""
        operator, model, codes = fb.OperatorT(), fb.ModelT(), fb.OperatorCodeT()
        operator.inputs, operator.outputs = operands, [result]
        operator.builtinOptions, operator.builtinOptionsType = options, kind
        codes.builtinCode, codes.deprecatedBuiltinCode, codes.version = code, min(code, 127), 1
        self.graph.inputs, self.graph.outputs, self.graph.operators = [0], [result], [operator]
        model.version, model.subgraphs, model.operatorCodes = 3, [self.graph], [codes]
        model.buffers = self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        path.write_bytes(bytes(builder.Output()))
        return path


def kernels(file: File, gates: int = 4) -> list[list[int]]:
    """Kernels of the data, of the hidden state, and biases, per gate."""
    shapes = ((HIDDEN, FEATURES), (HIDDEN, HIDDEN), (HIDDEN,))
    return [[file.tensor(shape, constant=True) for _ in range(gates)] for shape in shapes]


def data_of(file: File, time_major: bool) -> int:
    return file.tensor((STEPS, 1, FEATURES) if time_major else (1, STEPS, FEATURES))


def result_of(file: File, time_major: bool, width: int) -> int:
    return file.tensor((STEPS, 1, width) if time_major else (1, STEPS, width))


def lstm(
    path: Path, *, time_major: bool = False, function: int = TANH, spoiled: str = "", **more: Any
) -> Path:
    """UNIDIRECTIONAL_SEQUENCE_LSTM; ``spoiled`` is a setting that stays opaque."""
    file = File()
    operands = [data_of(file, time_major), *[-1] * 23]
    operands[1:5], operands[5:9], operands[12:16] = kernels(file)
    if spoiled == "peephole":
        operands[9:12] = [file.tensor((HIDDEN,), constant=True) for _ in range(3)]
    if spoiled == "coupled":
        operands[1] = operands[5] = operands[12] = -1
    if spoiled == "norm":
        operands[20:24] = [file.tensor((HIDDEN,), constant=True) for _ in range(4)]
    operands[18:20] = [file.tensor((1, HIDDEN), state=True) for _ in range(2)]
    options = fb.UnidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction, options.timeMajor = function, time_major
    options.cellClip = 0.5 if spoiled == "clip" else 0.0
    if spoiled == "exchanged":
        operands[1], operands[2] = operands[2], operands[1]
    kind = fb.BuiltinOptions.UnidirectionalSequenceLSTMOptions
    code = fb.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    return file.write(code, operands, result_of(file, time_major, HIDDEN), options, kind, path)


def both(path: Path, *, time_major: bool = False, **more: Any) -> Path:
    """BIDIRECTIONAL_SEQUENCE_LSTM with joined results."""
    file = File()
    operands = [data_of(file, time_major), *[-1] * 47]
    operands[1:5], operands[5:9], operands[12:16] = kernels(file)
    operands[18:22], operands[22:26], operands[29:33] = kernels(file)
    operands[35:39] = [file.tensor((1, HIDDEN), state=True) for _ in range(4)]
    options = fb.BidirectionalSequenceLSTMOptionsT()
    options.fusedActivationFunction, options.timeMajor = TANH, time_major
    options.mergeOutputs = True
    kind = fb.BuiltinOptions.BidirectionalSequenceLSTMOptions
    code = fb.BuiltinOperator.BIDIRECTIONAL_SEQUENCE_LSTM
    result = result_of(file, time_major, 2 * HIDDEN)
    return file.write(code, operands, result, options, kind, path)


def rnn(path: Path, *, time_major: bool = False, function: int = TANH, **more: Any) -> Path:
    """UNIDIRECTIONAL_SEQUENCE_RNN."""
    file = File()
    operands = [data_of(file, time_major), *[k for (k,) in kernels(file, 1)]]
    operands.append(file.tensor((1, HIDDEN), state=True))
    options = fb.SequenceRNNOptionsT()
    options.fusedActivationFunction, options.timeMajor = function, time_major
    kind = fb.BuiltinOptions.SequenceRNNOptions
    code = fb.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_RNN
    return file.write(code, operands, result_of(file, time_major, HIDDEN), options, kind, path)


def run(path: Path, data: Any) -> Any:
    interpreter = litert.Interpreter(
        str(path),
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], data)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


FILES = {
    "lstm": (lstm, {}, "LSTM"),
    "lstm time major": (lstm, {"time_major": True}, "LSTM"),
    "lstm relu": (lstm, {"function": RELU}, "LSTM"),
    "both": (both, {}, "LSTM"),
    "both time major": (both, {"time_major": True}, "LSTM"),
    "rnn": (rnn, {}, "RNN"),
    "rnn relu": (rnn, {"function": RELU, "time_major": True}, "RNN"),
}


@pytest.mark.parametrize("kind", FILES)
def test_the_interpreter_computes_what_litert_does(kind: str, tmp_path: Path) -> None:
    write, settings, op = FILES[kind]
    path = write(tmp_path / "r.tflite", **settings)
    graph = graph_from_file(path)
    assert [node.op for node in graph.nodes].count(op) == 1
    assert not [node.op for node in graph.nodes if "::" in node.op]
    shape = graph.inputs[0].shape
    data = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    expected = run(path, data)
    weights = {name: weight.read() for name, weight in weights_of(path).items()}
    for each in (graph, canonical(graph)):
        found = evaluate(each, {graph.inputs[0].name: data}, weights)[graph.outputs[0].name]
        np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=3e-6)
    gates, directions = (4 if op == "LSTM" else 1), (2 if write is both else 1)
    rows = gates * directions * HIDDEN
    for each in (graph, canonical(graph)):
        assert count(each).parameters == rows * (FEATURES + HIDDEN + 1)
        assert count(each).macs == STEPS * rows * (FEATURES + HIDDEN)


@pytest.mark.parametrize("spoiled", ["peephole", "coupled", "norm", "clip"])
def test_what_is_not_understood_stays_opaque(spoiled: str, tmp_path: Path) -> None:
    graph = graph_from_file(lstm(tmp_path / "r.tflite", spoiled=spoiled))
    (node,) = graph.nodes
    assert node.op == "tflite::UNIDIRECTIONAL_SEQUENCE_LSTM"
    assert node.attributes["FusedActivationFunction"] == TANH
    assert node.attributes["CellClip"] == (0.5 if spoiled == "clip" else 0.0)
    assert len(node.parameters) == {"peephole": 15, "coupled": 9, "norm": 16, "clip": 12}[spoiled]


def test_planted_changes_are_seen(tmp_path: Path) -> None:
    plain = graph_from_file(lstm(tmp_path / "a.tflite"))
    other = graph_from_file(lstm(tmp_path / "b.tflite", function=RELU))
    assert fingerprint(plain) != fingerprint(other)
    first, second = (
        canonical(graph_from_file(lstm(tmp_path / f"{k}.tflite", spoiled=spoiled)))
        for k, spoiled in enumerate(("", "exchanged"))
    )
    names = [[p.name for n in each.nodes for p in n.parameters] for each in (first, second)]
    assert names[0] != names[1]
    assert sorted(names[0]) == sorted(names[1])


def test_the_layer_is_that_of_keras(tmp_path: Path) -> None:
    """Four tensors of one gate each and one tensor of four gates are one kind of layer."""
    keras = pytest.importorskip("keras")
    from zoodiff.frontends.keras.functional import to_graph

    data = keras.Input((STEPS, FEATURES))
    layer = keras.layers.LSTM(HIDDEN, return_sequences=True)
    assert fingerprint(to_graph(keras.Model(data, layer(data)))) == fingerprint(
        graph_from_file(lstm(tmp_path / "r.tflite"))
    )


def test_a_file_with_states_begins_every_run_anew(tmp_path: Path) -> None:
    from zoodiff.zoos.files.tflite import TFLiteFiles

    path = lstm(tmp_path / "r.tflite")
    network = TFLiteFiles().load(str(path), None, seed=0, threads=1)
    batch = np.random.default_rng(1).standard_normal((1, STEPS, FEATURES)).astype(np.float32)
    np.testing.assert_array_equal(network.run(batch), network.run(batch))


def test_the_onnx_export_computes_the_same(tmp_path: Path) -> None:
    ort = pytest.importorskip("onnxruntime")
    path = both(tmp_path / "r.tflite")
    graph = graph_from_file(path)
    weights = {name: weight.read() for name, weight in weights_of(path).items()}
    data = np.random.default_rng(1).standard_normal(graph.inputs[0].shape).astype(np.float32)
    clean = canonical(graph)
    arrays = {p.name: viewed(p, weights[p.stored]) for node in clean.nodes for p in node.parameters}
    session = ort.InferenceSession(to_model(clean, arrays), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: data})
    np.testing.assert_allclose(found.reshape(-1), run(path, data).reshape(-1), atol=3e-6)
