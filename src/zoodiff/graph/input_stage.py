"""The input stage of a network: one scale and one offset per channel before the first layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph, Node, Tensor

_TRIVIAL = frozenset({"Cast", "Identity", "Dropout"})


@dataclass(frozen=True)
class InputStage:
    """An affine input stage: channel c of the result is ``scale[c] * x[order[c]] + offset[c]``."""

    scale: tuple[float, ...]
    offset: tuple[float, ...]
    order: tuple[int, ...]
    steps: tuple[str, ...] = ()
    """The source's names of the steps that have an effect."""
    unread: tuple[str, ...] = ()
    """Steps that ``scale`` and ``offset`` leave out: the stored values of the first are unknown, or
    one of them does more than scale, shift and reorder channels."""


def read_input_stage(graph: Graph, weights: Mapping[str, Any] | None = None) -> InputStage | None:
    """Return the input stage of a canonical graph; None if its input is not one image.

    ``weights`` are the network's weights by their names in the graph, as the framework stores them.
    Steps that normalise with stored values can only be read with them.
    """
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
        return None
    channels = graph.inputs[0].shape[1]
    if not 1 <= channels <= 4:
        return None
    scale, offset, order = [1.0] * channels, [0.0] * channels, list(range(channels))
    steps: list[str] = []
    chain = _chain(graph)
    beyond = _beyond_affine(graph, chain, channels)
    if beyond is not None:
        # A part of the input stage would be misleading: it is read completely or not at all.
        step_names = [
            n.name for n in chain if n.op in _AFFINE or _permutation(n, channels) is not None
        ]
        identity = (1.0,) * channels, (0.0,) * channels, tuple(range(channels))
        return InputStage(*identity, (), tuple(dict.fromkeys((*step_names, beyond))))
    for node in chain:
        if node.op in _TRIVIAL:
            continue
        permuted = _permutation(node, channels)
        if permuted is not None:
            scale, offset = ([x[k] for k in permuted] for x in (scale, offset))
            order = [order[k] for k in permuted]
            steps.append(node.name)
            continue
        if node.op not in _AFFINE or (node.parameters and not _has_weights(node, weights)):
            unread = (node.name,) if node.op in _AFFINE else ()
            return InputStage(tuple(scale), tuple(offset), tuple(order), tuple(steps), unread)
        affine = _affine(graph, node, channels, weights)
        if affine is None:
            break
        scale = [a * b for a, b in zip(scale, affine[0], strict=True)]
        offset = [a * b + c for a, b, c in zip(offset, *affine, strict=True)]
        steps.append(node.name)
    return InputStage(tuple(scale), tuple(offset), tuple(order), tuple(steps))


def _beyond_affine(graph: Graph, chain: Sequence[Node], channels: int) -> str | None:
    """Return the name of a step that does more than scale, shift and reorder channels, or None."""
    last = graph.inputs[0].name
    for node in chain:
        readable = node.op in _TRIVIAL or (node.op in _AFFINE and not _inverts(node))
        if not readable and _permutation(node, channels) is None:
            return node.name if _of_pixels(node, channels) else None
        last = node.outputs[0]
    readers = [node for node in graph.nodes if last in node.inputs]
    if readers and all(_of_pixels(node, channels) or node.op in _AFFINE for node in readers):
        return readers[0].name
    return None


def _of_pixels(node: Node, channels: int) -> bool:
    """Whether a node is a function of single pixels but not an affine step."""
    if node.op == "Conv":
        a = node.attributes
        kernel = a.get("kernel_shape")
        single = isinstance(kernel, list) and set(kernel) == {1} and a.get("group", 1) == 1
        return single and channels > 1 and a.get("out_channels") == channels
    return node.op in _CURVES or _inverts(node)


def _inverts(node: Node) -> bool:
    return node.op == "Div" and bool(node.attributes.get("constant_first"))


def input_stage_nodes(graph: Graph) -> tuple[Node, ...]:
    """Return the nodes of the input stage of a canonical graph, whether or not values are known.

    They end with the last node that has an effect.
    """
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
        return ()
    channels = graph.inputs[0].shape[1]
    chain, last = _chain(graph) if 1 <= channels <= 4 else [], 0
    for place, node in enumerate(chain, start=1):
        if _permutation(node, channels) is not None or _per_channel(node, channels):
            last = place
        elif node.op not in _TRIVIAL:
            break
    return tuple(chain[:last])


def _per_channel(node: Node, channels: int) -> bool:
    """Whether a node is arithmetic with one number, or with one number per channel."""
    if node.op not in _AFFINE or node.attributes.get("axis", 1) != 1:
        return False
    value = node.attributes.get("value")
    sizes = [p.size for p in node.parameters]
    sizes += [len(value) if isinstance(value, list) else 1] if value is not None else []
    return bool(sizes) and all(size in (1, channels) for size in sizes)


_AFFINE = frozenset({"Add", "Sub", "Mul", "Div", "BatchNormalization"})
_CURVES = frozenset(
    {"Abs", "Ceil", "Clip", "Cos", "Exp", "Floor", "Log", "Max", "Min", "Pow", "Reciprocal"}
    | {"Round", "Sigmoid", "Sin", "Sqrt", "Tanh"}
)
"""Functions of single elements that are not affine."""


def _chain(graph: Graph) -> list[Node]:
    """Return the chain of nodes from the input on, up to the first tensor with several readers."""
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for tensor in node.inputs:
            readers.setdefault(tensor, []).append(node)
    chain: list[Node] = []
    tensor = graph.inputs[0].name
    while len(readers.get(tensor, ())) == 1:
        node = readers[tensor][0]
        if len(node.inputs) != 1 or len(node.outputs) != 1:
            break
        chain.append(node)
        tensor = node.outputs[0]
    return chain


def _permutation(node: Node, channels: int) -> Sequence[int] | None:
    """Return the channel order that a node produces, if it does nothing else."""
    a = node.attributes
    listed = a.get("indices")
    if node.op == "Gather" and a.get("axis") == 1 and isinstance(listed, list):
        indices = [int(k) for k in listed]
        return indices if sorted(indices) == list(range(channels)) else None
    covers_all = a.get("starts") == [channels - 1] and a.get("ends") == [-channels - 1]
    if node.op == "Slice" and a.get("axes") == [1] and a.get("steps") == [-1] and covers_all:
        return list(reversed(range(channels)))
    return None


def _has_weights(node: Node, weights: Mapping[str, Any] | None) -> bool:
    return weights is not None and all(p.stored in weights for p in node.parameters)


def _affine(
    graph: Graph, node: Node, channels: int, weights: Mapping[str, Any] | None
) -> tuple[list[float], list[float]] | None:
    """Return scale and offset per channel of a step, by running it; None if it is not affine."""
    import numpy as np

    from zoodiff.graph.interpreter.run import evaluate

    (name,), (result,) = node.inputs, node.outputs
    shape = (1, channels, 1, 1)
    source, target = (Tensor(tensor, (1, channels, -1, -1)) for tensor in (name, result))
    small = Graph(graph.source, (source,), (target,), (node,), {name: source, result: target})
    try:
        at_one, at_two, at_three = (
            evaluate(small, {name: np.full(shape, x)}, weights or {})[result]
            for x in (1.0, 2.0, 3.0)
        )
    except MeasurementError:
        return None
    scale = at_two - at_one
    if at_one.shape != shape or not np.allclose(at_three - at_two, scale):
        return None
    return scale.reshape(-1).tolist(), (at_one - scale).reshape(-1).tolist()
