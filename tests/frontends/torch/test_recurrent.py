"""Recurrent layers of PyTorch: the interpreter against PyTorch, and what stays opaque."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from zoodiff.frontends.torch.export import graph_of_call  # noqa: E402
from zoodiff.graph.canonical import canonical  # noqa: E402
from zoodiff.graph.cost import count  # noqa: E402
from zoodiff.graph.interpreter.run import evaluate  # noqa: E402
from zoodiff.graph.ir import Graph  # noqa: E402

pytestmark = pytest.mark.torch


class Recurrent(torch.nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, kind: str, returned: str, **settings: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn = getattr(torch.nn, kind)(5, 4, **settings)
        self.returned = returned

    def forward(self, x: Any, *states: Any) -> Any:
        state = (states if len(states) > 1 else states[0]) if states else None
        sequence, last = self.rnn(x, state)
        last = last if isinstance(last, tuple) else (last,)
        return {"sequence": (sequence,), "all": (sequence, *last), "last": last}[self.returned]


def case(kind: str, returned: str = "sequence", *, states: bool = False, **settings: Any) -> Any:
    module = Recurrent(kind, returned, **settings).eval()
    shape = (3, 7, 5) if settings.get("batch_first") else (7, 3, 5)
    several = settings.get("num_layers", 1) * (2 if settings.get("bidirectional") else 1)
    inputs = [torch.randn(*shape)]
    if states:
        inputs += [torch.randn(several, 3, 4) for _ in range(2 if kind == "LSTM" else 1)]
    return module, tuple(inputs)


def check(graph: Graph, module: Any, inputs: Any) -> None:
    weights = {name: value.numpy() for name, value in module.state_dict().items()}
    feeds = {t.name: x.numpy() for t, x in zip(graph.inputs, inputs, strict=True)}
    outputs = evaluate(graph, feeds, weights)
    with torch.no_grad():
        expected = module(*inputs)
    for tensor, value in zip(graph.outputs, expected, strict=True):
        result = outputs[tensor.name].reshape(value.shape)
        np.testing.assert_allclose(result, value.numpy(), rtol=0, atol=2e-6)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_first": True, "bidirectional": True, "states": True},
        {"returned": "all", "num_layers": 2, "bidirectional": True, "states": True},
        {"returned": "last", "num_layers": 2, "batch_first": True, "bias": False},
    ],
    ids=["plain", "bidirectional", "stacked", "last"],
)
def test_the_interpreter_computes_what_pytorch_does(kind: str, settings: dict[str, Any]) -> None:
    module, inputs = case(kind, **settings)
    graph = graph_of_call(module, inputs, {}, "test")
    check(graph, module, inputs)
    check(canonical(graph), module, inputs)


def test_an_rnn_with_rectifiers_is_one() -> None:
    module, inputs = case("RNN", nonlinearity="relu")
    graph = graph_of_call(module, inputs, {}, "test")
    assert [n.attributes["activations"] for n in graph.nodes if n.op == "RNN"] == ["Relu"]
    check(graph, module, inputs)


def test_a_layer_has_the_name_of_its_module() -> None:
    module, inputs = case("LSTM")
    graph = graph_of_call(module, inputs, {}, "test")
    assert [n.name for n in graph.nodes if n.op == "LSTM"] == ["rnn"]


def test_projections_and_other_initial_states_stay_opaque() -> None:
    module, inputs = case("LSTM", proj_size=2)
    ops = [node.op for node in graph_of_call(module, inputs, {}, "test").nodes]
    assert "aten::lstm" in ops and "LSTM" not in ops

    class Started(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.rnn = torch.nn.GRU(5, 4)

        def forward(self, x: Any) -> Any:
            return self.rnn(x, torch.ones(1, 3, 4))[0]

    ops = [node.op for node in graph_of_call(Started().eval(), inputs[:1], {}, "test").nodes]
    assert "aten::gru" in ops


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_macs_are_half_of_what_pytorchs_counter_says(kind: str) -> None:
    """PyTorch counts two operations per multiply-accumulate, in the products inside the layer."""
    from torch.utils.flop_counter import FlopCounterMode

    module, inputs = case(kind, num_layers=2, bidirectional=True)
    counter = FlopCounterMode(display=False)
    with torch.backends.mkldnn.flags(enabled=False), torch.no_grad(), counter:
        module(*inputs)
    graph = canonical(graph_of_call(module, inputs, {}, "test"))
    assert 2 * count(graph).macs == counter.get_total_flops() > 0
