"""Pictures of pairs of graphs, without running anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.networks import NETWORKS, network
from zoodiff.architecture.diff import diff
from zoodiff.equivalence.evidence_lines import Evident, evidence_lines
from zoodiff.equivalence.layer_outputs import LayerOutputs
from zoodiff.equivalence.unrun import NOTHING_COMPARED, from_graphs
from zoodiff.graph.ir import Graph, Node
from zoodiff.picture import Picture, Subject

BY_NAME = {path.name.removesuffix(".json.gz"): path for path in NETWORKS}


def graph(name: str) -> Graph:
    """A kept network, such as ``torchvision__resnet50``."""
    return network(Path(BY_NAME[name]))


def picture(
    a: Graph, b: Graph, names: tuple[str, str] = ("A", "B"), layers: LayerOutputs | None = None
) -> Picture:
    graphs = diff(a, b, *names)
    evident = Evident(from_graphs(graphs, NOTHING_COMPARED), graphs)
    return Picture(Subject(evident, evidence_lines(evident), layers, names))


def renamed(original: Graph, name: str) -> Graph:
    """The same network with one text in the place of every name that a source chooses."""
    tensors = {tensor: f"{name}{k}" for k, tensor in enumerate(original.tensors)}

    def node(number: int, each: Node) -> Node:
        return replace(
            each,
            name=f"{name}{number}",
            inputs=tuple(tensors[t] for t in each.inputs),
            outputs=tuple(tensors[t] for t in each.outputs),
            parameters=tuple(replace(p, name=f"{name}{p.name}") for p in each.parameters),
        )

    moved = {
        tensors[key]: replace(value, name=tensors[key]) for key, value in original.tensors.items()
    }
    return replace(
        original,
        source=name,
        inputs=tuple(moved[tensors[t.name]] for t in original.inputs),
        outputs=tuple(moved[tensors[t.name]] for t in original.outputs),
        nodes=tuple(node(k, each) for k, each in enumerate(original.nodes)),
        tensors=moved,
    )
