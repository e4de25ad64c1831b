"""Recurrent layers: weights of every framework in one order, a step by hand, and their cost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zoodiff.graph import validate
from zoodiff.graph.canonical import canonical
from zoodiff.graph.cost import count
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor
from zoodiff.graph.recurrent import GATES, canonical_parameters, directions
from zoodiff.graph.weights import as_stored, put, viewed

STEPS, FEATURES, HIDDEN = 3, 2, 2


def network(op: str, parameters: tuple[Parameter, ...], **attributes: Any) -> Graph:
    both = 2 if attributes.get("direction") == "bidirectional" else 1
    x, y = Tensor("x", (STEPS, 1, FEATURES)), Tensor("y", (STEPS, both, 1, HIDDEN))
    settings = {"hidden_size": HIDDEN, "bias": len(parameters) > 2, **attributes}
    node = Node(op, "memory", ("x",), ("y",), settings, parameters)
    return Graph("test", (x,), (y,), (node,), {"x": x, "y": y})


def of_torch(op: str, gates: str) -> tuple[Parameter, ...]:
    rows = len(gates) * HIDDEN
    return (
        Parameter("w_ih", (rows, FEATURES), role="weight", layout=f"OI:{gates}"),
        Parameter("w_hh", (rows, HIDDEN), role="recurrence", layout=f"OI:{gates}"),
        Parameter("b_ih", (rows,), role="bias", layout=f"O:{gates}"),
        Parameter("b_hh", (rows,), role="recurrent_bias", layout=f"O:{gates}"),
    )


def of_keras(op: str, gates: str, *, two: bool = False) -> tuple[Parameter, ...]:
    rows = len(gates) * HIDDEN
    bias = Parameter("bias", (rows,), role="bias", layout=f"O:{gates}")
    if two:
        bias = Parameter("bias", (2, rows), role="bias", layout=f"2O:{gates}")
    return (
        Parameter("kernel", (FEATURES, rows), role="weight", layout=f"IO:{gates}"),
        Parameter("recurrent_kernel", (HIDDEN, rows), role="recurrence", layout=f"IO:{gates}"),
        bias,
    )


def of_onnx(op: str, both: int = 1) -> tuple[Parameter, ...]:
    gates, rows = GATES[op], len(GATES[op]) * HIDDEN
    return (
        Parameter("W", (both, rows, FEATURES), role="weight", layout=f"DOI:{gates}"),
        Parameter("R", (both, rows, HIDDEN), role="recurrence", layout=f"DOI:{gates}"),
        Parameter("B", (both, 2 * rows), role="bias", layout=f"DB:{gates}"),
    )


def drawn(parameters: tuple[Parameter, ...], seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    return {p.name: random.standard_normal(p.shape).astype(np.float32) for p in parameters}


def blocks(array: Any, gates: str) -> dict[str, Any]:
    return dict(zip(gates, np.split(array, len(gates)), strict=True))


def test_gates_of_pytorch_come_in_the_order_of_onnx() -> None:
    stored = of_torch("LSTM", "ifco")
    weights = drawn(stored)
    weight = canonical_parameters("LSTM", {}, stored)[0]
    gates = blocks(weights["w_ih"], "ifco")
    expected = np.concatenate([gates[gate] for gate in "iofc"])
    np.testing.assert_array_equal(viewed(weight, weights["w_ih"]), expected)


def test_both_directions_and_both_biases_of_onnx_are_parameters_of_their_own() -> None:
    stored = of_onnx("GRU", both=2)
    weights = drawn(stored)
    settings = {"direction": "bidirectional"}
    parameters = canonical_parameters("GRU", settings, stored)
    assert [p.role for p in parameters] == ["weight", "recurrence", "bias", "recurrent_bias"] * 2
    assert len({p.name for p in parameters}) == 8
    np.testing.assert_array_equal(viewed(parameters[4], weights["W"]), weights["W"][1])
    np.testing.assert_array_equal(viewed(parameters[7], weights["B"]), weights["B"][1, 6:])


def test_a_weight_is_written_back_where_it_was_read() -> None:
    stored = of_torch("GRU", "rzh")
    weights = drawn(stored)
    for parameter in canonical_parameters("GRU", {}, stored):
        copy = np.zeros_like(weights[parameter.stored])
        put(parameter, viewed(parameter, weights[parameter.stored]), copy)
        np.testing.assert_array_equal(copy, weights[parameter.stored])


def test_all_parts_of_a_stored_weight_are_written_back() -> None:
    raw = network("LSTM", of_onnx("LSTM", both=2), direction="bidirectional")
    weights, graph = drawn(raw.nodes[0].parameters), canonical(raw)
    parts = {p.name: viewed(p, weights[p.stored]) for p in graph.nodes[0].parameters}
    for name, array in as_stored(raw, graph, parts).items():
        np.testing.assert_array_equal(array, weights[name])


@pytest.mark.parametrize(
    "wrong",
    [
        Parameter("w", (7, 2), role="weight", layout="OI:ifco"),
        Parameter("w", (8, 2), role="weight", layout="OI:ifc"),
        Parameter("w", (8, 2), role="weight", layout="OI:rzh"),
    ],
)
def test_shapes_and_gates_that_do_not_fit_are_refused(wrong: Parameter) -> None:
    with pytest.raises(ValueError, match="no rows for the gates"):
        canonical_parameters("LSTM", {}, [wrong])
    with pytest.raises(ValueError, match="too many"):
        canonical_parameters("LSTM", {}, of_torch("LSTM", "ifco") * 2)


def test_one_layer_has_one_fingerprint_however_it_is_stored() -> None:
    lstm = [of_torch("LSTM", "ifco"), of_keras("LSTM", "ifco"), of_onnx("LSTM")]
    assert len({fingerprint(network("LSTM", p)) for p in lstm}) == 1
    after = [of_torch("GRU", "rzh"), of_keras("GRU", "zrh", two=True), of_onnx("GRU")]
    assert len({fingerprint(network("GRU", p, linear_before_reset=True)) for p in after}) == 1
    assert fingerprint(network("GRU", after[0])) != fingerprint(
        network("GRU", after[0], linear_before_reset=True)
    )
    unbiased = network("LSTM", lstm[0][:2])
    assert fingerprint(unbiased) != fingerprint(network("LSTM", lstm[0]))


def test_two_biases_act_as_their_sum_unless_a_gate_multiplies_one() -> None:
    roles = ["weight", "recurrence", "bias", "recurrent_bias"]
    rows = 3 * HIDDEN
    arrays = [np.zeros((rows, 2)), np.zeros((rows, 2)), np.arange(6.0), 10 * np.ones(6)]
    (plain,) = directions("GRU", {}, roles, arrays)
    assert plain.bias.tolist() == [10, 11, 12, 13, 14, 15] and plain.inner_bias is None
    (behind,) = directions("GRU", {"linear_before_reset": True}, roles, arrays)
    assert behind.bias.tolist() == [10, 11, 12, 13, 4, 5]
    assert behind.inner_bias is not None and behind.inner_bias.tolist() == [10, 10]


def test_an_lstm_of_one_step_by_hand() -> None:
    """All kernels are zero, so that the biases are what the gates read."""
    bias = np.float32([0, 100, -100, 2])  # input, output, forget, cell
    parameters = tuple(
        Parameter(name, shape, role=name)
        for name, shape in (("weight", (4, 1)), ("recurrence", (4, 1)), ("bias", (4,)))
    )
    x, y = Tensor("x", (1, 1, 1)), Tensor("y", (1, 1, 1, 1))
    node = Node("LSTM", "n", ("x",), ("y",), {"hidden_size": 1, "bias": True}, parameters)
    graph = Graph("test", (x,), (y,), (node,), {"x": x, "y": y})
    weights = {"weight": np.zeros((4, 1)), "recurrence": np.zeros((4, 1)), "bias": bias}
    result = evaluate(graph, {"x": np.ones((1, 1, 1))}, weights)["y"]
    np.testing.assert_allclose(result.reshape(-1), [np.tanh(0.5 * np.tanh(2))])


def test_a_layer_read_backwards_is_the_layer_on_reversed_data_reversed() -> None:
    parameters = of_torch("RNN", "i")
    forward, reverse = network("RNN", parameters), network("RNN", parameters, direction="reverse")
    weights, data = drawn(parameters), np.random.default_rng(1).standard_normal((STEPS, 1, 2))
    turned = evaluate(forward, {"x": data[::-1]}, weights)["y"][::-1]
    np.testing.assert_allclose(evaluate(reverse, {"x": data}, weights)["y"], turned)


def test_an_unknown_function_of_a_cell_is_not_run() -> None:
    graph = network("RNN", of_torch("RNN", "i"), activations="Affine")
    assert unsupported(graph) == ["memory (RNN)"]


def test_macs_by_hand() -> None:
    """Three steps of four gates: 8 rows, each over 2 features and 2 hidden values."""
    graph = canonical(network("LSTM", of_torch("LSTM", "ifco")))
    assert count(graph).macs == 3 * 8 * (2 + 2)
    both = canonical(network("GRU", of_onnx("GRU", both=2), direction="bidirectional"))
    assert count(both).macs == 2 * 3 * 6 * (2 + 2)
    assert count(both).parameters == 2 * (6 * 2 + 6 * 2 + 12)


@pytest.mark.parametrize("shape", [(), (3, 2), (3, 1, 2, 2)])
def test_a_graph_whose_layer_reads_no_sequence_is_refused(shape: tuple[int, ...]) -> None:
    graph = network("LSTM", of_torch("LSTM", "ifco"))
    validate.check(graph)
    data = Tensor("x", shape)
    wrong = replace(graph, inputs=(data,), tensors={**graph.tensors, "x": data})
    with pytest.raises(ValueError, match="reads or gives no sequence"):
        validate.check(wrong)
