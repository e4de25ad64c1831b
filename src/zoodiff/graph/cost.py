"""Counts and cost of a canonical graph: parameters, MACs, layers.

A MAC is one multiply-accumulate of a convolution, a linear layer or a matrix product; biases,
normalisation, activations and pooling count nothing, as in the figures that torchvision
publishes (``weights.meta["_ops"]``) and in fvcore's ``FlopCountAnalysis``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NewType

from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.operators import of_family
from zoodiff.graph.recurrent import GATES, directions_of

Macs = NewType("Macs", int)
Bytes = NewType("Bytes", int)


@dataclass(frozen=True)
class Counts:
    """Counts of a graph; sizes are numbers of scalars."""

    parameters: int
    """Learned weights, including those that inference does not touch."""
    statistics: int
    """Non-trainable state, such as moving means and variances."""
    unused_parameters: int
    """The part of ``parameters`` that inference does not touch, such as auxiliary heads."""
    macs: Macs
    convolutions: int
    normalisations: int
    linear_layers: int
    softmax_inside: bool
    """The network ends in a softmax (or sigmoid) instead of logits."""
    preprocessing_inside: bool
    """Rescaling or normalisation of pixels happens between the input and the first layer."""
    preprocessing_ops: tuple[str, ...]
    """These operators, in order, under their source's names."""


_CONVOLUTIONS = of_family("convolution")
_LINEAR = of_family("linear")
_PRODUCTS = of_family("product")
_RECURRENT = of_family("recurrent")
_NORMALISATIONS = of_family("normalisation")
_PREPROCESSING = frozenset({"Add", "Sub", "Mul", "Div", "Sqrt", "Pad", "Resize", "Cast", "Concat"})
"""Operators that may stand between the input and the first layer with weights."""
_PASSING = frozenset(
    {"Transpose", "Identity", "Slice", "Gather", "Squeeze", "Unsqueeze", "Reshape", "Cast"}
)
"""Operators that move values without changing them."""
_SCALING = frozenset({"Add", "Sub", "Mul", "Div"})


def macs_of(graph: Graph, node: Node) -> Macs:
    """Return the MACs of one node at batch size 1; zero for operators without MACs.

    Convolution: output elements times ``in_channels / group`` times kernel area (Sze et al.,
    "Efficient Processing of Deep Neural Networks", 2020, section 2.2).

    Recurrent layer: per step and direction one product of each gate's kernels, (hidden, features)
    and (hidden, hidden), with data and hidden state (K. Greff et al., "LSTM: a search space
    odyssey", 2017, section II). Products of gates and states by element count nothing.
    """
    if node.op in _CONVOLUTIONS:
        kernel = node.attributes["kernel_shape"]
        group = node.attributes["group"]
        data = graph.tensors[node.inputs[0]]
        output = graph.tensors[node.outputs[0]]
        assert isinstance(kernel, list) and isinstance(group, int)
        if node.op == "ConvTranspose":
            out_channels = output.shape[1]
            return Macs(prod(data.shape) * (out_channels // group) * int(prod(kernel)))
        return Macs(prod(output.shape) * (data.shape[1] // group) * int(prod(kernel)))
    if node.op in _LINEAR:
        output = graph.tensors[node.outputs[0]]
        in_features = node.attributes["in_features"]
        assert isinstance(in_features, int)
        return Macs(prod(output.shape) * in_features)
    if node.op in _PRODUCTS:
        sizes = [node.attributes[key] for key in ("batch", "m", "k", "n")]
        return Macs(prod(int(size) for size in sizes if isinstance(size, int)))
    if node.op in _RECURRENT:
        return _recurrent_macs(graph, node)
    return Macs(0)


def _recurrent_macs(graph: Graph, node: Node) -> Macs:
    steps, batch, features = graph.tensors[node.inputs[0]].shape
    hidden = node.attributes["hidden_size"]
    assert isinstance(hidden, int)
    rows = directions_of(node.attributes) * len(GATES[node.op]) * hidden
    return Macs(steps * batch * rows * (features + hidden))


@dataclass(frozen=True)
class Traffic:
    """Bytes that a group of nodes reads from and writes to memory, without any cache."""

    weights: Bytes
    activations: Bytes

    @property
    def total(self) -> Bytes:
        """Weights and activations together."""
        return Bytes(self.weights + self.activations)


def traffic_of(
    graph: Graph, nodes: Sequence[Node], *, batch: int = 1, itemsize: int = 4
) -> Traffic:
    """Return the memory traffic of nodes that run as one kernel.

    Weights are read once, inputs are read and outputs written for each image. Tensors between the
    nodes do not count. Reshapes cause no traffic; slices read as many elements as they return.
    ``itemsize`` is the size of one number in bytes.
    """
    if all(node.op in _FREE for node in nodes):
        return Traffic(Bytes(0), Bytes(0))
    produced = {name for node in nodes for name in node.outputs}
    read: dict[str, int] = {}
    for node in nodes:
        for name in node.inputs:
            if name in produced or name not in graph.tensors:
                continue
            source = node.outputs if node.op in _PICKING else (name,)
            read[name] = sum(_elements(graph, tensor) for tensor in source)
    inner = {name for node in nodes for name in node.inputs}
    ends = {output.name for output in graph.outputs}
    written = [name for name in produced if name not in inner or name in ends]
    moved = sum(read.values()) + sum(_elements(graph, name) for name in written)
    weights = {p.name: p.size for node in nodes for p in node.parameters}
    return Traffic(Bytes(itemsize * sum(weights.values())), Bytes(itemsize * batch * moved))


_FREE = frozenset({"Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators that cause no traffic: at run time they change the shape at most."""
_PICKING = frozenset({"Gather", "Slice", "Split"})


def _elements(graph: Graph, name: str) -> int:
    tensor = graph.tensors.get(name)
    return max(0, prod(tensor.shape)) if tensor else 0


def count(graph: Graph) -> Counts:
    """Count parameters, MACs and layers of a graph.

    A parameter that several nodes share counts once.
    """
    used = {p.name: p for node in graph.nodes for p in node.parameters}
    unused = {p.name: p for p in graph.unused_parameters if p.name not in used}
    owned = [*used.values(), *unused.values()]
    kinds = Counter(node.op for node in graph.nodes)
    inside = _preprocessing(graph)
    return Counts(
        parameters=sum(p.size for p in owned if p.trainable),
        statistics=sum(p.size for p in owned if not p.trainable),
        unused_parameters=sum(p.size for p in unused.values() if p.trainable),
        macs=Macs(sum(macs_of(graph, node) for node in graph.nodes)),
        convolutions=sum(kinds[op] for op in _CONVOLUTIONS),
        normalisations=sum(kinds[op] for op in _NORMALISATIONS),
        linear_layers=sum(kinds[op] for op in _LINEAR),
        softmax_inside=_ends_in_softmax(graph),
        preprocessing_inside=bool(inside),
        preprocessing_ops=inside,
    )


def _ends_in_softmax(graph: Graph) -> bool:
    producers = {out: node for node in graph.nodes for out in node.outputs}
    for output in graph.outputs:
        name = output.name
        while (node := producers.get(name)) is not None:
            if node.op in {"Softmax", "Sigmoid"}:
                return True
            if node.op not in _PASSING or not node.inputs:
                break
            name = node.inputs[0]
    return False


def _preprocessing(graph: Graph) -> tuple[str, ...]:
    """Return the scaling operators between an input and the first other layer, in order."""
    reached = {tensor.name for tensor in graph.inputs}
    steps: list[Node] = []
    for node in graph.nodes:
        if not reached.intersection(node.inputs):
            continue
        if node.op in _PREPROCESSING | _PASSING and all(
            name in reached or name not in graph.tensors for name in node.inputs
        ):
            reached.update(node.outputs)
            if node.op in _PREPROCESSING:
                steps.append(node)
    if not any(node.op in _SCALING for node in steps):
        return ()
    return tuple(node.name for node in steps if node.op in _SCALING)
