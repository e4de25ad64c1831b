"""One spelling for every activation; the truth is the formula, in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import erf

from support.passes import changed, clean_ops, image_of, numbers, ops, same_numbers, untouched
from support.small import Draft
from zoodiff.graph.ir import Graph


def gated(gate: str, own: bool) -> Graph:
    d = Draft()
    other = "x" if own else d.add("Tanh", "x")
    attributes = {"alpha": 1 / 6, "beta": 0.5} if gate == "HardSigmoid" else {}
    return d.graph(d.add("Mul", [d.add(gate, "x", **attributes), other]))


@pytest.mark.parametrize(("gate", "op"), [("Sigmoid", "Swish"), ("HardSigmoid", "HardSwish")])
def test_a_gate_of_itself_is_one_activation(gate: str, op: str) -> None:
    assert clean_ops(gated(gate, True)) == [op]
    assert op not in clean_ops(gated(gate, False))
    same_numbers(gated(gate, True))
    same_numbers(gated(gate, False))


def test_a_gate_that_others_read_stays() -> None:
    d = Draft()
    gate = d.add("Sigmoid", "x")
    graph = d.graph(d.add("Mul", ["x", gate]), gate)
    assert "Sigmoid" in clean_ops(graph)
    same_numbers(graph)


def gelu(half: float) -> Graph:
    d = Draft()
    x = d.add("Erf", d.add("Mul", "x", value=math.sqrt(0.5)))
    x = d.add("Mul", [d.add("Add", x, value=1.0), "x"])
    return d.graph(d.add("Mul", x, value=half))


def test_gelu_by_its_formula_and_not_by_another() -> None:
    assert clean_ops(gelu(0.5)) == ["Gelu"]
    assert "Gelu" not in clean_ops(gelu(0.4))
    same_numbers(gelu(0.5))
    same_numbers(gelu(0.4))


def test_a_rectifier_is_dropped_only_where_nothing_is_negative() -> None:
    d = Draft()
    graph = d.graph(d.add("Relu", d.add("Sigmoid", "x")))
    assert clean_ops(graph) == ["Sigmoid"]
    d = Draft()
    assert clean_ops(d.graph(d.add("Relu", d.add("Tanh", "x")))) == ["Tanh", "Relu"]


def hard_sigmoid(offset: float) -> Graph:
    d = Draft()
    x = d.add("Clip", d.add("Add", "x", value=offset), min=0.0, max=6.0)
    return d.graph(d.add("Div", x, value=6.0))


def test_a_hard_sigmoid_that_is_written_out() -> None:
    after = changed("activations", hard_sigmoid(3.0))
    assert ops(after) == ["HardSigmoid"]
    wanted = np.clip(image_of(after) / 6 + 0.5, 0, 1).reshape(-1)
    np.testing.assert_allclose(numbers(after, {})[0], wanted, atol=1e-12)


def test_with_another_offset_it_is_computed_the_same() -> None:
    same_numbers(hard_sigmoid(2.0))
    assert "Swish" not in clean_ops(hard_sigmoid(2.0))


@pytest.mark.parametrize(
    ("op", "attributes", "after", "formula"),
    [
        ("Clip", {"min": 0.0, "max": None}, "Relu", lambda x: np.maximum(x, 0)),
        ("Max", {"value": 0.0}, "Relu", lambda x: np.maximum(x, 0)),
        ("Min", {"value": 0.5}, "Clip", lambda x: np.minimum(x, 0.5)),
        ("LeakyRelu", {"alpha": 0.0}, "Relu", lambda x: np.maximum(x, 0)),
    ],
)
def test_bounds_are_rectifiers_and_clips(op, attributes, after, formula) -> None:
    d = Draft()
    graph = changed("activations", d.graph(d.add(op, "x", **attributes)))
    assert ops(graph) == [after]
    np.testing.assert_array_equal(numbers(graph, {})[0], formula(image_of(graph)).reshape(-1))


@pytest.mark.parametrize(
    ("op", "attributes"),
    [("Clip", {"min": -1.0, "max": 1.0}), ("LeakyRelu", {"alpha": 0.1}), ("Tanh", {})],
)
def test_others_stay(op: str, attributes: dict) -> None:
    d = Draft()
    assert ops(untouched("activations", d.graph(d.add(op, "x", **attributes)))) == [op]


def test_gelu_is_its_formula() -> None:
    after = changed("activations", gelu(0.5))
    x = image_of(after)
    wanted = x / 2 * (1 + erf(x / math.sqrt(2)))
    np.testing.assert_allclose(numbers(after, {})[0], wanted.reshape(-1), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("first", [True, False])
def test_mish_is_x_times_tanh_of_softplus(first: bool) -> None:
    """D. Misra, arXiv:1908.08681, equation 1."""
    d = Draft()
    tanh = d.add("Tanh", d.add("Softplus", "x"))
    graph = d.graph(d.add("Mul", ["x", tanh] if first else [tanh, "x"]))
    after = changed("activations", graph)
    assert ops(after) == ["Mish"]
    x = image_of(graph)
    wanted = x * np.tanh(np.log1p(np.exp(x)))
    np.testing.assert_allclose(numbers(after, {})[0], wanted.reshape(-1))


@pytest.mark.parametrize(("beta", "divisor"), [(2.0, 2.0), (0.5, 0.5), (2.0, 3.0)])
def test_softplus_has_its_beta(beta: float, divisor: float) -> None:
    d = Draft()
    inner = d.add("Softplus", d.add("Mul", "x", value=beta))
    graph = d.graph(d.add("Mul", inner, value=1 / divisor))
    if beta != divisor:
        assert ops(untouched("activations", graph)) == ["Mul", "Softplus", "Mul"]
        return
    after = changed("activations", graph)
    assert [(n.op, n.attributes) for n in after.nodes] == [("Softplus", {"beta": beta})]
    x = image_of(graph)
    wanted = np.log(1 + np.exp(beta * x)) / beta
    np.testing.assert_allclose(numbers(after, {})[0], wanted.reshape(-1))


def test_tanh_of_a_softplus_of_another_beta_is_no_mish() -> None:
    d = Draft()
    inner = d.add("Mul", d.add("Softplus", d.add("Mul", "x", value=2.0)), value=0.5)
    graph = d.graph(d.add("Mul", ["x", d.add("Tanh", inner)]))
    assert ops(changed("activations", graph)) == ["Softplus", "Tanh", "Mul"]
