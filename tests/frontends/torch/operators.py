"""What ATen functions compute, against the interpreter on the graph of the frontend.

Run by test_operators.py in a process of its own: torch and TensorFlow must not share one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from zoodiff.equivalence.weights.computed_weights import results
from zoodiff.frontends.torch.export import to_graph
from zoodiff.graph.canonical import canonical
from zoodiff.graph.cost import count
from zoodiff.graph.interpreter.run import evaluate
from zoodiff.graph.validate import check

pytestmark = pytest.mark.torch


class Function(nn.Module):
    """A function of the data and of some weights."""

    def __init__(self, function: Callable[..., Any], *shapes: tuple[int, ...]) -> None:
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(*shape)) for shape in shapes])

    def forward(self, x: Any) -> Any:
        return self.function(x, *self.weights)


def agree(module: nn.Module, *shape: int, positive: bool = False) -> Any:
    """Return the graph of a module, of which nothing is opaque and which gives the same."""
    torch.manual_seed(0)
    module = module.double().eval()
    x = torch.randn(*shape, dtype=torch.float64)
    x = x.abs() + 0.5 if positive else x
    with torch.no_grad():
        expected = module(x.clone())
    graph = to_graph(module.float(), shape, "test")
    check(graph)
    assert not [n.op for n in graph.nodes if "::" in n.op]
    state = {k: v.double().numpy() for k, v in module.double().state_dict().items()}
    (found,) = evaluate(graph, {graph.inputs[0].name: x.numpy()}, state).values()
    assert found.shape == tuple(expected.shape)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-6, atol=1e-6)
    counts = count(graph)
    assert counts.parameters == sum(p.numel() for p in module.parameters())
    return graph


SINGLE: dict[str, Callable[[Any], Any]] = {
    "abs": torch.abs,
    "addcmul": lambda x: torch.addcmul(x, x, x),
    "ceil": torch.ceil,
    "clamp_max": lambda x: x.clamp_max(0.3),
    "clamp below": lambda x: x.clamp(min=-0.2),
    "clamp above": lambda x: torch.clamp(x, max=0.2),
    "cos": torch.cos,
    "erf": torch.erf,
    "floor": torch.floor,
    "leaky_relu": lambda x: F.leaky_relu(x, 0.2),
    "leaky_relu by default": F.leaky_relu,
    "log_softmax": lambda x: x.log_softmax(1),
    "maximum": lambda x: torch.maximum(x, x * 0.5),
    "minimum": lambda x: torch.minimum(x, x * 0.5),
    "mish": F.mish,
    "neg": torch.neg,
    "pow of a number": lambda x: 2.0**x,
    "power": lambda x: x**3,
    "rsub": lambda x: 1.0 - x,
    "selu": F.selu,
    "sin": torch.sin,
    "softplus": F.softplus,
    "square": torch.square,
}


@pytest.mark.parametrize("shape", [(1, 3, 4, 5), (1, 6)])
@pytest.mark.parametrize("name", SINGLE)
def test_functions_of_single_elements(name: str, shape: tuple[int, ...]) -> None:
    agree(Function(SINGLE[name]), *shape)


@pytest.mark.parametrize("function", [torch.log, torch.rsqrt, torch.sqrt, torch.reciprocal])
def test_functions_of_positive_elements(function: Callable[[Any], Any]) -> None:
    agree(Function(function), 1, 3, 4, 5, positive=True)


REDUCED: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: x.sum(-1),
    "sum of several": lambda x: x.sum((1, 3), keepdim=True),
    "amax": lambda x: x.amax(1, keepdim=True),
    "amin": lambda x: x.amin((2, 3)),
    "max": lambda x: x.max(1).values,
    "max with its axis": lambda x: x.max(-1, keepdim=True)[0],
    "min": lambda x: x.min(dim=2)[0],
    "adaptive mean": lambda x: F.adaptive_avg_pool1d(x.flatten(2), 1),
    "adaptive mean of all": lambda x: F.adaptive_avg_pool1d(x.flatten(2), 20),
    "mean": lambda x: x.mean(1),
    "var": lambda x: x.var(1),
    "var of several": lambda x: x.var((2, 3), keepdim=True),
    "var of all elements": lambda x: x.var((2, 3), unbiased=False),
    "var with a correction": lambda x: torch.var(x, dim=(1, 3), correction=2, keepdim=True),
}


@pytest.mark.parametrize("name", REDUCED)
def test_reductions(name: str) -> None:
    agree(Function(REDUCED[name]), 1, 3, 4, 5)


TABLE = torch.tensor([[0, 3, 2], [-1, 1, 1]])


def _places() -> Any:
    """The index of each of 20 places, as networks with relative positions compute it."""
    rows, columns = torch.meshgrid(torch.arange(4), torch.arange(5), indexing="ij")
    return torch.flatten(torch.stack([rows * 5, columns]), 1).sum(0)


MOVED: dict[str, Callable[[Any], Any]] = {
    "stack": lambda x: torch.stack([x, x * 2, x], 0),
    "stack at the end": lambda x: torch.stack([x, -x], -1),
    "squeeze": lambda x: x[:, :1].squeeze(),
    "squeeze of one axis": lambda x: x[:, :1].squeeze(1),
    "squeeze of several": lambda x: x[:, :1, None].squeeze((0, 2)),
    "squeeze of an axis of several": lambda x: x.squeeze(1),
    "squeeze of nothing": lambda x: x[0].squeeze(),
    "repeat": lambda x: x.repeat(1, 2, 1, 3),
    "repeat with a new axis": lambda x: x.repeat(2, 1, 1, 1, 1),
    "repeat of one": lambda x: x[:, :1].repeat(1, 4, 1, 1),
    "tile": lambda x: x.tile((2, 1)),
    "repeat_interleave": lambda x: x.repeat_interleave(3, dim=2),
    "repeat_interleave of the last": lambda x: x.repeat_interleave(2, dim=-1),
    "unfold": lambda x: x.unfold(2, 3, 1),
    "unfold with steps": lambda x: x.unfold(3, 2, 3).unfold(1, 2, 1),
    "index": lambda x: x[:, :, torch.tensor([3, 0, 0, -1])],
    "index by a list": lambda x: x[:, [2, 0]],
    "index by a table": lambda x: x[:, :, TABLE],
    "index by two": lambda x: x[:, torch.tensor([0, 2]), torch.tensor([3, -1])],
    "index by a grid": lambda x: x[:, torch.tensor([[0], [2]]), torch.tensor([[3, -1]])],
    "index by a grid of places": lambda x: x[:, 0].flatten(1)[:, _places()],
    "index_select": lambda x: x.index_select(3, torch.tensor([4, 4, 0])),
    "index by differences": lambda x: x[:, 0, torch.arange(4)[:, None] - torch.arange(4)[None]],
}


@pytest.mark.parametrize("name", MOVED)
def test_movements(name: str) -> None:
    agree(Function(MOVED[name]), 1, 3, 4, 5)


WEIGHTED: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]]]] = {
    "conv1d": (lambda x, w: F.conv1d(x, w, stride=2, padding=1), [(4, 3, 3)]),
    "conv1d in groups": (
        lambda x, w, b: F.conv1d(x, w, b, dilation=2, groups=3),
        [(6, 1, 3), (6,)],
    ),
    "conv1d, same": (lambda x, w: F.conv1d(x, w, padding="same"), [(4, 3, 4)]),
    "rms_norm": (lambda x, w: F.rms_norm(x, (9,), w, 1e-5), [(9,)]),
    "rms_norm of two axes": (lambda x, w: F.rms_norm(x, (3, 9), w, 1e-3), [(3, 9)]),
    "rms_norm alone": (lambda x: F.rms_norm(x, (9,), eps=1e-5), []),
    "addcmul": (torch.addcmul, [(3, 9), (3, 1)]),
    "addcmul, weights first": (lambda x, a, b: torch.addcmul(a, b, x), [(9,), (9,)]),
    "cat": (lambda x, w: torch.cat([w[None], x, w[None] * 2], 1), [(2, 9)]),
    "cat, weight first": (lambda x, w: torch.cat([w, x], 2), [(1, 3, 2)]),
    "cat of weights": (lambda x, a, b: x * torch.cat([a, b]), [(4,), (5,)]),
    "stack of weights": (lambda x, a, b, c: x * torch.stack([a, b, c]), [(9,)] * 3),
    "index of a weight": (lambda x, w: x + w[torch.tensor([0, 2, 2])], [(4, 9)]),
    "embedding": (lambda x, w: x + F.embedding(torch.tensor([[2, 0, 3]]), w), [(4, 9)]),
    "embedding of all rows": (lambda x, w: x + F.embedding(torch.arange(3)[None], w), [(3, 9)]),
    "index of columns": (lambda x, w: x + w[:, torch.tensor([8, 0] * 4 + [1])], [(3, 9)]),
    "arithmetic of weights": (lambda x, a, b: x * (a - b), [(9,), (3, 1)]),
}


@pytest.mark.parametrize("name", WEIGHTED)
def test_functions_with_weights(name: str) -> None:
    function, shapes = WEIGHTED[name]
    agree(Function(function, *shapes), 1, 3, 9)


class Standardised(nn.Conv2d):
    """A convolution whose kernels have mean 0 and a learned deviation."""

    def __init__(self, *arguments: Any, scaled: bool, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.gain = nn.Parameter(torch.rand(self.out_channels, 1, 1, 1)) if scaled else None

    def forward(self, x: Any) -> Any:
        flat = self.weight.reshape(1, self.out_channels, -1)
        gain = None if self.gain is None else (self.gain * 0.1).view(-1)
        w = F.batch_norm(flat, None, None, weight=gain, training=True, momentum=0.0, eps=1e-4)
        return F.conv2d(
            x, w.reshape_as(self.weight), self.bias, self.stride, self.padding, 1, self.groups
        )


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(
    "settings", [{}, {"groups": 2, "stride": 2}, {"padding": 1, "bias": False}]
)
def test_standardised_weights_stay_readable(scaled: bool, settings: dict[str, Any]) -> None:
    graph = agree(Standardised(4, 6, 3, scaled=scaled, **settings), 1, 4, 8, 9)
    (conv,) = (n for n in graph.nodes if n.op == "Conv")
    first = [p.name for n in graph.nodes[:3] for p in n.parameters]
    assert "weight" in first
    group = settings.get("groups", 1)
    height, width = graph.tensors[conv.outputs[0]].shape[2:]
    assert count(graph).macs == 6 * height * width * (4 // group) * 9


RESIZED: dict[str, dict[str, Any]] = {
    "nearest, twice": {"scale_factor": 2},
    "nearest to a size": {"size": (7, 11)},
    "nearest to less": {"size": (3, 2)},
    "bilinear": {"size": (9, 4), "mode": "bilinear"},
    "bilinear by factors": {"scale_factor": (1.5, 0.7), "mode": "bilinear"},
    "bilinear by corners": {"size": (9, 4), "mode": "bilinear", "align_corners": True},
    "bilinear to one": {"size": (1, 1), "mode": "bilinear"},
    "bicubic": {"size": (9, 8), "mode": "bicubic"},
    "bicubic by corners": {"size": (4, 8), "mode": "bicubic", "align_corners": True},
}


@pytest.mark.parametrize("name", RESIZED)
def test_resampling(name: str) -> None:
    agree(Function(lambda x: F.interpolate(x, **RESIZED[name])), 1, 2, 6, 5)


@pytest.mark.parametrize("size", [4, 5, 64])
def test_an_average_over_more_than_all_is_a_global_one(size: int) -> None:
    found = agree(nn.AvgPool2d(size, ceil_mode=True), 1, 2, 4, 4)
    assert found.nodes[0].op == "GlobalAveragePool"


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 3), (4, 6)])
def test_adaptive_maxima_of_equal_windows(size: tuple[int, int]) -> None:
    agree(Function(lambda x: F.adaptive_max_pool2d(x, size)), 1, 2, 4, 6)


def _written(x: Any) -> Any:
    y = x * 2
    y[:, :, 1:] = y[:, :, 1:] + 3
    y[:, 0] += 1
    y.reshape(1, -1).add_(1)
    return y - 1


def _viewed_before(x: Any) -> Any:
    y = x * 2
    flat = y.view(1, -1)
    y.add_(1)
    return flat * 3


def test_writing_into_a_part_changes_the_whole() -> None:
    agree(Function(_written), 1, 3, 4, 5)
    agree(Function(_viewed_before), 1, 3, 4, 5)


def test_a_weight_under_two_names_is_one() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(4, 4)
            self.b = nn.ModuleList([self.a, nn.Linear(4, 4)])

        def forward(self, x: Any) -> Any:
            return self.b[1](self.b[0](x)) + self.a(x)

    graph = agree(Shared(), 1, 3, 4)
    assert {p.name for n in graph.nodes for p in n.parameters} == {
        *("a.weight", "a.bias", "b.1.weight", "b.1.bias")
    }


def test_an_index_that_is_computed_or_unknown_stays_opaque() -> None:
    def ops(function: Callable[[Any], Any], device: str = "cpu") -> list[str]:
        module = Function(function).to(device)
        return [n.op for n in to_graph(module, (1, 3, 4, 5), "test").nodes]

    assert "aten::index" in ops(lambda x: x[:, x.argmax(1).flatten()[:2]])
    apart = torch.tensor([0, 1])
    assert "aten::index" in ops(lambda x: x[apart, :, apart * 2][:, :1])
    assert "aten::pow" not in ops(lambda x: x**2)
    assert "aten::max" in ops(lambda x: x.max(1)[0] + x.max(1)[1])


def test_an_index_without_values_stays_opaque_and_with_them_is_read() -> None:
    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias = nn.Parameter(torch.empty(5, device="meta"))
            self.register_buffer("places", torch.empty(3, dtype=torch.long, device="meta"))

        def forward(self, x: Any) -> Any:
            return x + self.bias[self.places]

    opaque = to_graph(Table(), (1, 3), "test").nodes[0]
    assert opaque.op == "aten::index"
    places = np.array([4, 0, -2])
    read = to_graph(Table(), (1, 3), "test", {"places": places}).nodes[0]
    assert read.op == "Gather" and read.attributes == {"axis": 0, "indices": [4, 0, 3]}


def run(module: nn.Module, *shape: int) -> Any:
    """Return the graph of a module of which nothing is ATen's and which gives the same."""
    torch.manual_seed(0)
    module = module.eval()
    x = torch.randn(*shape)
    with torch.no_grad():
        expected = module(x).numpy()
    graph = to_graph(module, shape, "test")
    check(graph)
    assert not [n.op for n in graph.nodes if n.op.startswith("aten::")]
    state = {k: v.numpy() for k, v in module.state_dict().items()}
    (given,) = evaluate(graph, {graph.inputs[0].name: x.numpy()}, state, None, opaque=True).values()
    assert given.shape == expected.shape
    np.testing.assert_allclose(given, expected, rtol=1e-5, atol=1e-5)
    return graph


CHOOSING: dict[str, tuple[Callable[[Any], Any], str]] = {
    "and": (lambda x: ((x > 0) & (x < 1)).float(), "And"),
    "or": (lambda x: ((x < 0) | (x >= 1)).float(), "Or"),
    "not": (lambda x: (~(x <= 0)).float(), "Not"),
    "equal": (lambda x: (x.floor() == 0).float(), "Equal"),
    "unequal": (lambda x: (x.floor() != 0).float(), "Equal"),
    "where": (lambda x: torch.where(x > 0, x, -2.0 * x), "Where"),
    "masked fill": (lambda x: x.masked_fill(x > 0, -5.0), "Where"),
    "with a table": (lambda x: ((x > 0) & torch.ones(6, 6).tril().bool()).float(), "And"),
    "argmax": (lambda x: x.argmax(-1).float(), "ArgMax"),
    "running sum": (lambda x: x.cumsum(1), "CumSum"),
    "along an axis": (lambda x: x.gather(2, x.argmax(2, keepdim=True)), "GatherElements"),
    "one of each": (lambda x: x[torch.arange(3), x[:, :, 0].argmax(1)], "GatherND"),
}


@pytest.mark.parametrize("name", CHOOSING)
def test_masks_and_choices_are_nodes_of_onnx(name: str) -> None:
    function, op = CHOOSING[name]
    graph = run(Function(function), 3, 6, 6)
    assert op in [node.op for node in graph.nodes]


def attended(x: Any, **settings: Any) -> Any:
    return F.scaled_dot_product_attention(x, x * 0.5, x, **settings)


MASKS: dict[str, tuple[Callable[[Any], Any], set[str]]] = {
    "causal": (lambda x: attended(x, is_causal=True), {"Mask"}),
    "a constant table": (
        lambda x: attended(x, attn_mask=torch.ones(5, 5).triu(-1).bool()),
        {"Mask"},
    ),
    "numbers": (
        lambda x: attended(x, attn_mask=torch.zeros(5, 5).masked_fill(torch.eye(5).bool(), -1e9)),
        {"Mask"},
    ),
    "all shown": (lambda x: attended(x, attn_mask=torch.ones(5, 5).bool()), set()),
    "computed": (
        lambda x: attended(x, attn_mask=x[..., :1].transpose(-1, -2) > -2.0),
        {"Where", "Add"},
    ),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_of_an_attention(name: str) -> None:
    function, wanted = MASKS[name]
    ops = {node.op for node in run(Function(function), 2, 3, 5, 4).nodes}
    assert ops & {"Mask", "Where", "Add"} == wanted


def test_a_mask_that_hides_a_whole_row_stays_opaque() -> None:
    hiding = torch.ones(5, 5).bool()
    hiding[2] = False
    graph = to_graph(Function(lambda x: attended(x, attn_mask=hiding)), (2, 3, 5, 4), "test")
    assert [n.op for n in graph.nodes][-1] == "aten::scaled_dot_product_attention"


def test_a_linear_layer_with_its_bias_first() -> None:
    class First(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bias, self.weight = (nn.Parameter(torch.randn(*s)) for s in ((7,), (4, 7)))

        def forward(self, x: Any) -> Any:
            return torch.addmm(self.bias, x, self.weight)

    graph = run(First(), 5, 4)
    assert [node.op for node in graph.nodes] == ["Gemm"]
    assert graph.nodes[0].attributes["bias"] is True


def test_a_weight_norm_is_a_weight_of_its_convolution() -> None:
    module = nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 6, 3), dim=2)
    graph = run(module, 1, 4, 9)
    (layer,) = canonical(graph).nodes
    assert (layer.op, len(layer.inputs)) == ("Conv", 1)
    weight = layer.parameters[0]
    assert (weight.role, weight.shape) == ("weight", (6, 4, 3))
    state = {k: v.numpy() for k, v in module.state_dict().items()}
    made = results(graph, [weight.result], state)[weight.result]
    np.testing.assert_allclose(made, module.weight.detach().numpy(), rtol=1e-5)


def test_tables_that_a_program_computes_are_known() -> None:
    """Buckets of relative positions, as T5 has them."""

    def biased(x: Any, table: Any) -> Any:
        apart = torch.arange(6)[None, :] - torch.arange(6)[:, None]
        buckets = (apart > 0).long() * 4
        apart = apart.abs()
        far = 2 + (torch.log(apart.float() / 2) / 1.1 * 2).long()
        buckets += torch.where(apart < 2, apart, torch.min(far, torch.full_like(far, 3)))
        return x + F.embedding(buckets, table)[..., 0]

    run(Function(biased, (8, 1)), 1, 6, 6)
