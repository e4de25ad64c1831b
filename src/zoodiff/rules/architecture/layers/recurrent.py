"""ARC168: direction, activations and place of the reset gate of a recurrent layer."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.operators import defaults_of, of_family
from zoodiff.graph.recurrent import GATES
from zoodiff.rules.context import AlignedPair, Difference, LayerPair, for_layers
from zoodiff.rules.example import TinyNetwork
from zoodiff.rules.rule import Example, Rule

_RECURRENT = of_family("recurrent")
_KEYS = ("activations", "direction", "linear_before_reset")


def _settings(pair: LayerPair, networks: AlignedPair) -> Iterable[Difference]:
    if pair.a.op not in _RECURRENT or pair.a.op != pair.b.op:
        return
    differing = [key for key in _KEYS if key in pair.unclaimed]
    if not differing:
        return
    sides = [[pair.unclaimed[key][k] for key in differing] for k in (0, 1)]
    pair.claim(*differing)
    left, right = (
        "; ".join(_words(pair.a.op, key, value) for key, value in zip(differing, side, strict=True))
        for side in sides
    )
    yield pair.difference("ARC168", left, right, *differing, noun=f"{pair.a.op} layers")


def _words(op: str, key: str, value: object) -> str:
    """A setting as a person says it."""
    value = defaults_of(op).get(key) if value is None else value
    if key == "linear_before_reset":
        return f"reset gate {'behind' if value else 'before'} the product"
    if key == "activations":
        return ", ".join(str(value).lower().split(","))
    return str(value)


def _recurrent(op: str, *, bias: bool = True, **attributes: Any) -> Graph:
    net = TinyNetwork()
    steps = net.add("Reshape", "image", (16, 1, 48))
    rows = len(GATES[op]) * 8
    shapes = {"weight": (rows, 48), "recurrence": (rows, 8)} | ({"bias": (rows,)} if bias else {})
    weights = [Parameter(role, shape, role=role) for role, shape in shapes.items()]
    sequence = net.add(
        op,
        steps,
        (16, 1, 1, 8),
        parameters=weights,
        name="memory",
        hidden_size=8,
        bias=bias,
        **attributes,
    )
    return net.graph(net.linear(net.add("Reshape", sequence, (1, prod((16, 8)))), 10))


RECURRENT_SETTINGS = Rule(
    code="ARC168",
    name="recurrent layer",
    effect="function",
    cause="A recurrent layer has other activations, reads its steps in another direction, or, a "
    "GRU, multiplies by the reset gate before instead of behind the product with the hidden state.",
    consequence="Outputs differ. Weights fit both networks, so nothing warns.",
    advice="Check what the weights were trained with: PyTorch's GRU and Keras's `reset_after=True` "
    "multiply behind the product; ONNX does so with `linear_before_reset=1`.",
    references=(
        "K. Cho et al., Learning phrase representations using RNN encoder-decoder, EMNLP 2014, "
        "arXiv:1406.1078 (the reset gate before the product)",
        "https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html",
        "https://keras.io/api/layers/recurrent_layers/gru/",
    ),
    check=for_layers(_settings),
    example=Example(
        networks=lambda: (_recurrent("GRU", linear_before_reset=True), _recurrent("GRU")),
        twin=lambda: (_recurrent("GRU"), _recurrent("GRU", bias=False)),
        twin_shows="Another rule describes a bias in one network only.",
    ),
)
