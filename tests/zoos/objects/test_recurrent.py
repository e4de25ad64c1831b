"""Recurrent networks against their exports, Keras layers and planted changes: the answers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoodiff

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.torch, pytest.mark.onnx]

KINDS = ("LSTM", "GRU", "RNN")
GATES = {"LSTM": "ifco", "GRU": "rzh", "RNN": "i"}
HIDDEN = 4


class Reader(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A linear layer, a recurrent layer over seven steps, and a linear layer."""

    def __init__(self, kind: str, **settings: Any) -> None:
        super().__init__()
        self.embed = torch.nn.Linear(6, 5)
        self.memory = getattr(torch.nn, kind)(5, HIDDEN, batch_first=True, **settings)
        self.head = torch.nn.Linear(HIDDEN * (1 + self.memory.bidirectional), 3)

    def forward(self, x: Any) -> Any:
        sequence, _ = self.memory(torch.relu(self.embed(x)))
        return self.head(sequence)


def network(kind: str, **settings: Any) -> Any:
    torch.manual_seed(0)
    return Reader(kind, **settings).eval()


@pytest.fixture(scope="module")
def example() -> Any:
    torch.manual_seed(1)
    return (torch.randn(1, 7, 6),)


def exported(module: Any, example: Any, path: Path, **settings: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, example, path, **settings)
    return path


@pytest.fixture(scope="module")
def files(example: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One network of each kind in one direction, by TorchScript's exporter."""
    folder = tmp_path_factory.mktemp("recurrent")
    return {
        kind: exported(
            network(kind), example, folder / f"{kind}.onnx", opset_version=17, dynamo=False
        )
        for kind in KINDS
    }


def check_alike(report: Any) -> None:
    assert report.same_function is True
    assert not report.findings


def check_one_finding(report: Any, code: str, name: str = "memory") -> None:
    assert report.same_function is False
    assert [f.code for f in report.findings] == [code]
    assert report.answer.because == (code,)
    assert report.findings[0].places_a == (name,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_module_and_its_exports_are_one_function(kind: str, example: Any, tmp_path: Path) -> None:
    module = network(kind, num_layers=2, bidirectional=True)
    program = tmp_path / "program.pt2"
    torch.export.save(torch.export.export(module, example), program)
    check_alike(zoodiff.diff(module, program, example=example))
    script = exported(module, example, tmp_path / "s.onnx", opset_version=17, dynamo=False)
    check_alike(zoodiff.diff(module, script, example=example))
    other = exported(module, example, tmp_path / "d.onnx", dynamo=True)
    report = zoodiff.diff(module, other, example=example)
    assert report.same_function is True
    # The newer exporter writes a recurrent layer without gates step by step.
    assert kind == "RNN" or not report.findings


def test_initial_states_are_inputs(tmp_path: Path) -> None:
    class Started(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.memory = torch.nn.LSTM(5, HIDDEN)

        def forward(self, x: Any, hidden: Any, cell: Any) -> Any:
            sequence, (hidden, cell) = self.memory(x, (hidden, cell))
            return sequence, hidden, cell

    torch.manual_seed(0)
    module = Started().eval()
    example = (torch.randn(7, 1, 5), torch.randn(1, 1, HIDDEN), torch.randn(1, 1, HIDDEN))
    path = exported(module, example, tmp_path / "s.onnx", opset_version=17, dynamo=False)
    check_alike(zoodiff.diff(module, path, example=example))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_exchanged_gates_are_another_function_and_named(
    kind: str, example: Any, files: dict[str, Path]
) -> None:
    changed = network(kind)
    order = [1, 0, *range(2, len(GATES[kind]))]
    rows = torch.tensor([gate * HIDDEN + k for gate in order for k in range(HIDDEN)])
    state = changed.state_dict()
    changed.load_state_dict({n: v[rows] if n.startswith("memory") else v for n, v in state.items()})
    report = zoodiff.diff(changed, files[kind], example=example)
    assert report.same_function is False and not report.findings
    assert report.answer.because == ("weights",)
    assert [relation.kind for relation in report.relations] == ["gates exchanged"]
    assert report.relations[0].sentence.endswith("exchanged in memory")


@pytest.mark.parametrize("kind", KINDS)
def test_swapped_rows_are_another_function_and_named(
    kind: str, example: Any, files: dict[str, Path]
) -> None:
    changed = network(kind)
    with torch.no_grad():
        changed.memory.weight_ih_l0[[1, 2]] = changed.memory.weight_ih_l0[[2, 1]]
    report = zoodiff.diff(changed, files[kind], example=example)
    assert report.same_function is False and not report.findings
    assert [relation.layers[0][0] for relation in report.relations] == ["memory"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_bias_is_one_finding(kind: str, example: Any, files: dict[str, Path]) -> None:
    changed = network(kind, bias=False)
    state = network(kind).state_dict()
    changed.load_state_dict({n: v for n, v in state.items() if not n.startswith("memory.bias")})
    report = zoodiff.diff(changed, files[kind], example=example)
    check_one_finding(report, "ARC111")
    assert not report.relations


def edited(path: Path, kind: str, edit: dict[str, Any]) -> Any:
    """The file with other attributes of its recurrent layer."""
    proto = onnx.load(path)
    node = next(n for n in proto.graph.node if n.op_type == kind)
    for name, value in edit.items():
        kept = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend([*kept, onnx.helper.make_attribute(name, value)])
    return proto


EDITS = [
    ("LSTM", {"direction": "reverse"}),
    ("LSTM", {"activations": ["Sigmoid", "Relu", "Tanh"]}),
    ("GRU", {"linear_before_reset": 0}),
    ("GRU", {"direction": "reverse"}),
    ("RNN", {"activations": ["Relu"]}),
]


@pytest.mark.parametrize(("kind", "edit"), EDITS, ids=[f"{k} {next(iter(e))}" for k, e in EDITS])
def test_another_setting_is_one_finding(
    kind: str, edit: dict[str, Any], example: Any, files: dict[str, Path]
) -> None:
    proto = edited(files[kind], kind, edit)
    check_one_finding(zoodiff.diff(network(kind), proto, example=example), "ARC168")


def test_the_proof_names_the_place_of_the_reset_gate(
    files: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "before.onnx"
    onnx.save(edited(files["GRU"], "GRU", {"linear_before_reset": 0}), path)
    proof = zoodiff.diff(files["GRU"], path, prove=True).proof
    assert proof is not None
    assert (proof.verdict, proof.responsible) == ("different function", ("ARC168",))
    same = tmp_path / "same.onnx"
    onnx.save(onnx.load(files["GRU"]), same)
    proof = zoodiff.diff(files["GRU"], same, prove=True).proof
    assert proof is not None and proof.verdict == "same function" and proof.native


@pytest.mark.keras
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("both", [False, True], ids=["forward", "bidirectional"])
def test_a_keras_layer_with_the_same_weights_is_one_function(
    kind: str, both: bool, example: Any
) -> None:
    keras = pytest.importorskip("keras")
    module = network(kind, bidirectional=both)
    data = keras.Input((7, 6))
    layer = getattr(keras.layers, "SimpleRNN" if kind == "RNN" else kind)
    layer = layer(HIDDEN, return_sequences=True)
    memory = keras.layers.Bidirectional(layer) if both else layer
    x = memory(keras.layers.Dense(5, activation="relu")(data))
    model = keras.Model(data, keras.layers.Dense(3)(x))
    model.set_weights(_keras_weights(module, kind))
    check_alike(zoodiff.diff(module, model, example=example))
    if kind == "GRU" and not both:
        weights = model.get_weights()
        weights[4][0], weights[4][1] = weights[4][1].copy(), weights[4][0].copy()
        model.set_weights(weights)
        report = zoodiff.diff(module, model, example=example)
        assert report.same_function is False  # the two biases of gate h act differently


def _keras_weights(module: Any, kind: str) -> list[Any]:
    """The weights of a module in Keras's order of layers, axes and gates."""
    state = {name: value.numpy() for name, value in module.state_dict().items()}
    order = {"LSTM": [0, 1, 2, 3], "GRU": [1, 0, 2], "RNN": [0]}[kind]

    def gates(array: Any) -> Any:
        parts = np.split(array, len(order))
        return np.concatenate([parts[k] for k in order])

    weights = [state["embed.weight"].T, state["embed.bias"]]
    for suffix in ("", "_reverse") if module.memory.bidirectional else ("",):
        kernel, recurrence, first, second = (
            gates(state[f"memory.{name}_l0{suffix}"])
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        bias = np.stack([first, second]) if kind == "GRU" else first + second
        weights += [kernel.T, recurrence.T, bias]
    return [*weights, state["head.weight"].T, state["head.bias"]]
