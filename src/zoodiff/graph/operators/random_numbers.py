"""Which operators draw random numbers, so that a network answers one input in many ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from zoodiff.graph.ir import Graph, Node

ONNX = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform"}
    | {"RandomUniformLike"}
)
"""Operators of ONNX's default domain."""
TENSORFLOW = frozenset(
    {"Multinomial", "ParameterizedTruncatedNormal", "RandomGamma", "RandomPoisson"}
    | {"RandomPoissonV2", "RandomShuffle", "RandomStandardNormal", "RandomUniform"}
    | {"RandomUniformInt", "StatefulRandomBinomial", "StatefulStandardNormal"}
    | {"StatefulStandardNormalV2", "StatefulTruncatedNormal", "StatefulUniform"}
    | {"StatefulUniformFullInt", "StatefulUniformInt", "TruncatedNormal"}
)
"""Operations of TensorFlow with a state; those without one are given their numbers."""
TORCH = frozenset(
    {"bernoulli", "binomial", "cauchy", "exponential", "fractional_max_pool2d"}
    | {"fractional_max_pool3d", "geometric", "log_normal", "multinomial", "normal", "poisson"}
    | {"rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "random"}
    | {"randperm", "uniform"}
)
"""Functions of PyTorch, without the underscore of those that work in place."""
_DROPPING = frozenset(
    {"alpha_dropout", "dropout", "feature_alpha_dropout", "feature_dropout", "native_dropout"}
    | {"rrelu", "rrelu_with_noise"}
)
"""Functions of PyTorch that draw in training mode, which is one of their arguments."""
_ATTENTION = "scaled_dot_product_attention"
_NAMED = 2
"""Random operators that a reason names."""


class Operator(Protocol):
    """A node, as far as it says what it does."""

    @property
    def op(self) -> str:
        """The operator, with its source before ``::`` where it is opaque."""
        ...

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Its settings."""
        ...


def draws(node: Operator) -> bool:
    """Return whether the result of a node is random.

    A dropout of the canonical graph is not meant: its attribute ``training`` says what it does.
    """
    source, _, name = node.op.rpartition("::")
    if source in {"", "onnx"}:
        return name in ONNX
    if source == "tf":
        return name in TENSORFLOW
    if source != "aten":
        return False
    if name in _DROPPING:
        return any(value is True for value in node.attributes.values())
    if name == _ATTENTION:
        ratio = node.attributes.get("dropout_p", node.attributes.get("arg4", 0.0))
        return isinstance(ratio, int | float) and ratio > 0
    return name in TORCH


def drawing(graph: Graph) -> Iterator[Node]:
    """Yield the nodes that draw random numbers and that an output depends on, the last first."""
    needed = {tensor.name for tensor in graph.outputs}
    for node in reversed(graph.nodes):
        if needed.isdisjoint(node.outputs):
            continue
        needed.update(node.inputs)
        if draws(node):
            yield node


def chance(graph: Graph) -> str:
    """Return why outputs depend on chance; empty where nothing in the graph shows that they do."""
    if any(map(drops, graph.nodes)):
        return "active dropout"
    operators = list(dict.fromkeys(node.op for node in drawing(graph)))
    return f"random numbers: {', '.join(operators[:_NAMED])}" if operators else ""


def drops(node: Node) -> bool:
    """Return whether a node is a dropout that is active at inference."""
    return node.op == "Dropout" and bool(node.attributes.get("training"))
