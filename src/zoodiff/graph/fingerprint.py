"""A hash of a network's function without its weights: equal exactly for isomorphic graphs.

Layers are coloured by their ancestors and by their descendants; networks are acyclic, so one sweep
in each direction is enough. Where several layers share a colour, one of them is individualised and
the colours are refined; this is tried for each of them, and the smallest resulting text is hashed
(B. McKay and A. Piperno, "Practical graph isomorphism, II", 2014). The text lists every layer with
its label and its edges, so equal texts mean isomorphic graphs, not only equal colours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from dataclasses import replace

from zoodiff.errors import MeasurementError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.recurrent import GATES, whole_parameters

SCHEME = "zd4"
"""Version of the scheme (frontends, passes, labels and text), the prefix of every fingerprint.

Raise it when any network gets another fingerprint: fingerprints of different schemes cannot be
compared.
"""
STRUCTURE_SCHEME = "zs3"
"""Version of the scheme of structure fingerprints."""
_MOST_LEAVES = 4096
"""The largest number of refinements; real networks need from one to some dozens."""


def fingerprint(graph: Graph, *, is_canonical: bool = False) -> str:
    """Return the fingerprint of a graph: ``zd4:`` and 32 hexadecimal digits.

    It does not depend on names, the order of nodes, the framework or the weights. Raises
    MeasurementError for a graph with more symmetries than can be searched.
    """
    layers = LayerGraph(graph if is_canonical else canonical(graph))
    digest = hashlib.blake2b(
        _canonical_text(layers).encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()
    return f"{SCHEME}:{digest}"


def structure(graph: Graph, *, is_canonical: bool = False) -> str:
    """Return the structure fingerprint, equal for a network and its exports.

    It is ``zs3:`` and 32 hexadecimal digits. Exporters fold batch norms into weights and drop
    biases of zeros and factors of one. So per-channel arithmetic after a layer with weights is left
    out: biases, batch norms with their epsilon, scales and shifts. Any other finding that may
    change the function changes this fingerprint. Raises MeasurementError for a graph with more
    symmetries than can be searched.
    """
    layers = LayerGraph(graph if is_canonical else canonical(graph))
    for layer in layers.layers:
        layer.label = _without_terms(layer)
        layer.chain = []
        weights = [p for p in layer.node.parameters if p.role == "weight"]
        if weights or layer.affine:
            layer.node = replace(layer.node, parameters=tuple(weights))
    digest = hashlib.blake2b(
        _canonical_text(layers).encode("utf-8", "surrogatepass"), digest_size=16
    ).hexdigest()
    return f"{STRUCTURE_SCHEME}:{digest}"


def _without_terms(layer: Layer) -> Hashable:
    """Return a layer's label without the per-channel arithmetic after its weights."""
    if layer.pixels:
        return layer.label
    if layer.op in {"Conv", "ConvTranspose", "Gemm"}:
        assert isinstance(layer.label, tuple)
        return layer.label[:2]
    return "Affine" if layer.affine else layer.label


def _canonical_text(graph: LayerGraph) -> str:
    labels = [
        _digest(repr((layer.label, times)))
        for layer, times in zip(graph.layers, _sharing(graph), strict=True)
    ]
    return _Search(graph).smallest(_refined(graph, labels))[0]


class _Search:
    """Search for the smallest text over all orders of indistinguishable layers.

    Two branches that end in the same text differ by a symmetry of the graph, so only one of them is
    searched.
    """

    def __init__(self, graph: LayerGraph) -> None:
        self._graph = graph
        self._left = _MOST_LEAVES

    def smallest(self, colours: list[str]) -> tuple[str, str]:
        """Return the smallest text from these colours, and the text of always taking the first."""
        members = _alike(colours)
        if not members:
            text = _listing(self._graph, colours)
            return text, text
        best, first = self.smallest(self._individualised(colours, members[0]))
        for member in members[1:]:
            separated = self._individualised(colours, member)
            if self._first(separated) != first:
                best = min(best, self.smallest(separated)[0])
        return best, first

    def _first(self, colours: list[str]) -> str:
        while members := _alike(colours):
            colours = self._individualised(colours, members[0])
        return _listing(self._graph, colours)

    def _individualised(self, colours: Sequence[str], member: int) -> list[str]:
        self._left -= 1
        if self._left < 0:
            raise MeasurementError(
                f"the graph of {self._graph.graph.source} has too many parts that are alike to be "
                "fingerprinted; compare it with diff instead"
            )
        apart = list(colours)
        apart[member] = _digest(f"apart {apart[member]}")
        return _refined(self._graph, apart)


def _alike(colours: Sequence[str]) -> list[int]:
    """Return the layers of the smallest colour that several layers share."""
    classes: dict[str, list[int]] = {}
    for index, colour in enumerate(colours):
        classes.setdefault(colour, []).append(index)
    shared = min((c for c, members in classes.items() if len(members) > 1), default=None)
    return [] if shared is None else classes[shared]


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def _sharing(graph: LayerGraph) -> list[int]:
    """Return per layer the number of layers that share its weights; 1 without sharing."""
    counts: dict[str, int] = {}
    for layer in graph.layers:
        for node in (layer.node, *layer.chain):
            for parameter in node.parameters:
                counts[parameter.origin] = counts.get(parameter.origin, 0) + 1
    return [
        max(
            (counts[p.origin] for node in (layer.node, *layer.chain) for p in node.parameters),
            default=1,
        )
        for layer in graph.layers
    ]


def _refined(graph: LayerGraph, colours: Sequence[str]) -> list[str]:
    """Refine colours by ancestors and descendants until no class splits any more."""
    current = list(colours)
    classes = len(set(current))
    while True:
        forward: list[str] = []
        for layer in graph.layers:
            read = [forward[i] if i >= 0 else f"input {-1 - i}" for i in layer.inputs]
            if layer.commutative:
                read.sort()
            forward.append(_digest(f"{current[layer.index]}({','.join(read)})"))
        backward = [""] * len(graph.layers)
        ends: dict[int, list[str]] = {}
        for position, index in enumerate(graph.outputs):
            ends.setdefault(index, []).append(f"output {position}")
        for layer in reversed(graph.layers):
            used = [
                f"{backward[user]}@{'' if graph.layers[user].commutative else position}"
                for user, position in layer.users
            ]
            used = sorted(used) + ends.get(layer.index, [])
            backward[layer.index] = _digest(f"{forward[layer.index]}[{','.join(used)}]")
        count = len(set(backward))
        current = backward
        if count <= classes or count == len(backward):
            return current
        classes = count


def _listing(graph: LayerGraph, colours: Sequence[str]) -> str:
    """Return the graph as text, its layers in the order of their colours, which all differ."""
    order = sorted(range(len(colours)), key=lambda i: colours[i])
    place = {index: position for position, index in enumerate(order)}
    shared: dict[str, int] = {}
    lines = [f"inputs {[list(shape) for shape in graph.inputs]}"]
    for index in order:
        layer = graph.layers[index]
        read = [place[i] if i >= 0 else i for i in layer.inputs]
        if layer.commutative:
            read.sort()
        names = [
            shared.setdefault(parameter.origin, len(shared))
            for node in (layer.node, *layer.chain)
            for parameter in (whole_parameters if node.op in GATES else list)(node.parameters)
            if parameter.role != "recurrent_bias"  # which may be part of another bias
        ]
        lines.append(f"{layer.label!r} {read} {names}")
    lines.append(f"outputs {[place[i] if i >= 0 else i for i in graph.outputs]}")
    return "\n".join(lines)
