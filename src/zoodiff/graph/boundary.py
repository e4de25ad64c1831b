"""Pre- and post-processing at the ends of a network that could run outside it.

It is arithmetic on pixels right after the input, a transposition of the image, and a softmax or
sigmoid right before the output. Zoos put it inside the network or leave it to the user, so of two
networks of one architecture only one may have it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from zoodiff.graph.input_stage import input_stage_nodes
from zoodiff.graph.ir import Graph, Node, Tensor
from zoodiff.graph.mutable import MutableGraph

Kind = Literal["preprocessing", "output activation", "layout"]

_ACTIVATIONS = frozenset({"LogSoftmax", "Sigmoid", "Softmax"})
_PASSING = frozenset({"Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze"})
_LAST_TO_FIRST = [0, 3, 1, 2]


@dataclass(frozen=True)
class Part:
    """One step of pre- or post-processing inside a network."""

    kind: Kind
    nodes: tuple[Node, ...]

    def __str__(self) -> str:
        if self.kind == "layout":
            return "a transposition of the image"
        if self.kind == "output activation":
            return f"{self.nodes[-1].op.lower()} at the end"
        names = dict.fromkeys(node.name for node in self.nodes)
        return f"preprocessing ({', '.join(names)})"


def with_layout(graph: Graph, source: Graph) -> Graph:
    """Return a canonical graph with the transposition of the image that its source has.

    ``source`` is the frontend's graph. Only a transposition that the source spells out is put
    back; frameworks that compute channels last have none.
    """
    if len(source.inputs) != 1 or len(graph.inputs) != 1:
        return graph
    canonical_input, source_input = graph.inputs[0], source.inputs[0]
    spelt = any(
        n.op == "Transpose" and n.attributes.get("perm") == _LAST_TO_FIRST for n in source.nodes
    )
    if not (
        source_input.channels_last
        and spelt
        and source_input.channels_first == canonical_input.shape
    ):
        return graph
    image = Tensor(
        f"{canonical_input.name}/channels_last", source_input.shape, canonical_input.dtype
    )
    turned = Node(
        "Transpose",
        f"{canonical_input.name}/transposed",
        (image.name,),
        (canonical_input.name,),
        {"perm": _LAST_TO_FIRST},
    )
    return replace(
        graph,
        inputs=(image,),
        nodes=(turned, *graph.nodes),
        tensors={**graph.tensors, image.name: image, canonical_input.name: canonical_input},
    )


def parts_inside(graph: Graph) -> tuple[Part, ...]:
    """Return the pre- and post-processing in a canonical graph, or in one ``with_layout``."""
    parts = []
    begin = graph
    first = graph.nodes[0] if graph.nodes else None
    if first is not None and _turns_the_image(graph, first):
        parts.append(Part("layout", (first,)))
        begin = without(graph, [parts[0]])
    pixels = input_stage_nodes(begin)
    if pixels:
        parts.append(Part("preprocessing", pixels))
    last = _last_activation(graph)
    if last is not None:
        parts.append(Part("output activation", (last,)))
    return tuple(parts)


def without(graph: Graph, parts: Collection[Part]) -> Graph:
    """Return the graph without these parts; an image without "layout" is channels first."""
    mutable = MutableGraph(graph)
    gone = {node.outputs[0] for part in parts for node in part.nodes}
    for node in list(mutable):
        if node.output in gone and node.op != "Transpose":
            mutable.bypass(node)
    trimmed = mutable.freeze()
    turned = next((n for n in trimmed.nodes if n.outputs[0] in gone), None)
    if turned is None:
        return trimmed
    image = trimmed.tensors[turned.outputs[0]]
    nodes = tuple(node for node in trimmed.nodes if node is not turned)
    tensors = {name: t for name, t in trimmed.tensors.items() if name != turned.inputs[0]}
    return replace(trimmed, inputs=(image,), nodes=nodes, tensors=tensors)


def _turns_the_image(graph: Graph, node: Node) -> bool:
    return (
        len(graph.inputs) == 1
        and node.op == "Transpose"
        and node.inputs == (graph.inputs[0].name,)
        and node.attributes.get("perm") == _LAST_TO_FIRST
        and graph.inputs[0].channels_last
    )


def _last_activation(graph: Graph) -> Node | None:
    producers = {name: node for node in graph.nodes for name in node.outputs}
    node = producers.get(graph.outputs[0].name) if graph.outputs else None
    while node is not None and node.op in _PASSING and len(node.inputs) == 1:
        node = producers.get(node.inputs[0])
    return node if node is not None and node.op in _ACTIVATIONS else None
