"""Networks that draw random numbers are never called the same, or different because of these."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import zoodiff
from zoodiff.equivalence.outputs import differs_each_time
from zoodiff.equivalence.runs.execution import Execution
from zoodiff.graph.ir import Graph, Node, Tensor
from zoodiff.graph.operators.random_numbers import chance, drawing, draws

X, Y, Z = (Tensor(name, (1, 4)) for name in "xyz")


def graph(*nodes: Node) -> Graph:
    return Graph("test", (X,), (Y,), nodes, {t.name: t for t in (X, Y, Z)})


def node(op: str, **attributes: Any) -> Node:
    return Node(op, op, ("x",), ("y",), attributes)


@pytest.mark.parametrize(
    ("each", "random"),
    [
        (node("RandomNormalLike", scale=1.0), True),
        (node("onnx::Bernoulli"), True),
        (node("aten::rand_like"), True),
        (node("aten::alpha_dropout", arg1=0.5, arg2=True), True),
        (node("aten::alpha_dropout", arg1=0.5, arg2=False), False),
        (node("aten::scaled_dot_product_attention", arg4=0.1), True),
        (node("aten::scaled_dot_product_attention", arg4=0.0, arg5=True), False),
        (node("tf::RandomUniform"), True),
        (node("tf::StatelessRandomUniformV2"), False),
        (node("custom::rand"), False),
        (node("Relu"), False),
    ],
)
def test_operators_that_draw_are_known(each: Node, random: bool) -> None:
    assert draws(each) is random
    assert bool(chance(graph(each))) is random


def test_what_no_output_depends_on_is_no_chance() -> None:
    unread = Node("aten::rand", "noise", (), ("z",))
    assert chance(graph(node("Relu"), unread)) == ""
    read = Node("Add", "sum", ("x", "z"), ("y",))
    assert [each.name for each in drawing(graph(unread, read))] == ["noise"]


def execution(*outputs: float) -> Execution:
    first, moved, again = (np.array([[0.0, 1.0, 2.0, value]]) for value in outputs)
    return Execution(((first,),), ((moved,),), ((again,),))


@pytest.mark.parametrize(
    ("outputs", "differs"),
    [
        ((3.0, 3.0, 3.0), False),
        ((3.0, 3.0001, 3.0001), False),  # a runtime that sums in any order, and amplifies rounding
        ((3.0, 3.5, 3.0), False),
        ((3.0, 3.5, 3.5), True),  # moved as much by chance as by one unit
        ((3.0, 3.0, 3.5), True),
    ],
)
def test_chance_shows_in_a_second_run(outputs: tuple[float, float, float], differs: bool) -> None:
    assert differs_each_time(execution(*outputs)) is differs


def _of_torch() -> dict[str, Callable[[Any], Any]]:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    return {
        "aten::rand": lambda x: x + torch.rand(1, 4),
        "aten::randn_like": lambda x: x + torch.randn_like(x) * 1e-4,
        "aten::bernoulli": lambda x: x * torch.bernoulli(torch.full_like(x, 0.5)),
        "active dropout": lambda x: functional.dropout(x, 0.5, training=True),
        "aten::alpha_dropout": lambda x: functional.alpha_dropout(x, 0.3, training=True),
        "aten::scaled_dot_product_attention": lambda x: functional.scaled_dot_product_attention(
            x[None], x[None], x[None], dropout_p=0.3
        ),
    }


@pytest.mark.torch
def test_a_network_of_pytorch_that_draws_is_not_decided() -> None:
    torch = pytest.importorskip("torch")

    class Noisy(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self, noise: Callable[[Any], Any]) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(4, 4)
            self.noise = noise

        def forward(self, x: Any) -> Any:
            return self.noise(self.linear(x))

    for said, noise in _of_torch().items():
        network = Noisy(noise).eval()
        report = zoodiff.diff(network, copy.deepcopy(network), example=torch.randn(1, 4))
        assert report.same_function is None, said
        assert "depend on chance" in report.answer.reason
        assert said in report.answer.reason
        unrun = zoodiff.diff(network, network, example=torch.randn(1, 4), no_run=True)
        assert unrun.same_function is None, said


@pytest.mark.onnx
@pytest.mark.parametrize("seed", [None, 1.0])
def test_a_file_that_draws_is_not_decided(seed: float | None) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, kind, [1, 4]) for name in "xy"]
    weight = onnx.numpy_helper.from_array(np.eye(4, dtype=np.float32) + 0.1, "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node(
            "RandomNormalLike", ["z"], ["r"], **({} if seed is None else {"seed": seed})
        ),
        helper.make_node("Add", ["z", "r"], ["y"]),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "noisy", ends[:1], ends[1:], [weight]),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    report = zoodiff.diff(model, model)
    assert report.same_function is None
    assert "(random numbers: RandomNormalLike)" in report.answer.reason
