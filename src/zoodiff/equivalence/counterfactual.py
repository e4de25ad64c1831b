"""A network with some of its differences from another undone.

Starts from the second network. At the places of the chosen differences it takes over attributes,
operators, connections, or whole layers with their weights from the first network.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import prod
from typing import Any

from zoodiff.graph.align import Alignment
from zoodiff.graph.ir import Graph, Parameter
from zoodiff.graph.layers import Layer
from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.rules.context import Difference, Undo

_SHAPING = frozenset({"group", "kernel_shape", "out_channels", "out_features"})
"""Attributes that set the shape of a layer's weights."""
_SIZING = frozenset({"ceil_mode", "dilations", "kernel_shape", "pads", "strides"})
"""Attributes that set the height and width of later maps."""
_TURNED = frozenset({"axis", "shape"})
"""Attributes that follow from the order of a map's axes."""
FROM_A = "first:"
"""Stands before the names of parameters that are the first network's."""


def undone(
    alignment: Alignment, differences: Iterable[Difference], everything: Iterable[Difference] = ()
) -> Graph:
    """The second network with some of all differences undone.

    Parameters of the first network are marked. Layers whose width follows from another layer's
    get the first network's weights, unless a difference of their own is left.
    """
    chosen, everything = _with_parts(differences), _with_parts(everything)
    work = _Work(alignment, {i for e in chosen if e.undo is Undo.EPSILON for i in e.a})
    left = {i for e in everything if e not in chosen and _reshapes(e) for i in e.a}
    for difference in chosen:
        if difference.undo is not Undo.LAYERS:
            work.layer_by_layer(difference)
    for difference in chosen:
        if difference.undo is Undo.LAYERS:
            work.layers(difference)
            work.turn(difference)
    work.follow(left)
    work.follow_sizes(chosen, [e for e in everything if e not in chosen])
    return work.net.freeze()


def _with_parts(differences: Iterable[Difference]) -> list[Difference]:
    return [part for difference in differences for part in (difference, *difference.parts)]


class _Work:
    def __init__(self, alignment: Alignment, epsilons: set[int]) -> None:
        self._alignment = alignment
        self._epsilons = epsilons
        """Layers of the first network whose epsilon the second is to have."""
        self.net = MutableGraph(alignment.b.graph)
        self._to_b = alignment.to_b
        self._by_output = {node.output: node for node in self.net.nodes.values()}
        self._result = {-1 - k: t.name for k, t in enumerate(alignment.b.graph.inputs)}
        self._result |= {layer.index: layer.output for layer in alignment.b.layers}
        self._added: dict[int, str] = {}
        """Layers of the first network that were put in -> their result."""

    def layer_by_layer(self, difference: Difference) -> None:
        """Undo a difference of aligned layers."""
        for i, j in zip(difference.a, difference.b, strict=True):
            a, b = self._alignment.a.layers[i], self._alignment.b.layers[j]
            node = self._node(b)
            match difference.undo:
                case Undo.ATTRIBUTES:
                    self._copy(difference, a, node)
                case Undo.EPSILON:
                    self._epsilon(a, b)
                case Undo.CHAIN:
                    self._replace_chain(a, b)
                case Undo.OPERATOR:
                    node.op, node.attributes = a.op, dict(a.node.attributes)
                    node.parameters = _marked(a.node.parameters)
                    self._keep_shape(a, b, node)
                case Undo.PIXELS:
                    node.op, node.attributes = a.op, dict(a.node.attributes)
                    self._replace_chain(a, b)
                case Undo.INPUTS:
                    self._rewire(a, node)
                case Undo.NOTHING | Undo.LAYERS:
                    pass

    def _copy(self, difference: Difference, a: Layer, node: MutableNode) -> None:
        """Single attributes; weights of another shape come along."""
        for key in difference.attributes:
            if key in a.node.attributes:
                node.attributes[key] = a.node.attributes[key]
            else:
                node.attributes.pop(key, None)
        weight_a, weight_b = (
            next((p for p in ps if p.role == "weight"), None)
            for ps in (a.node.parameters, node.parameters)
        )
        fits = weight_a is None or weight_b is None or weight_a.shape == weight_b.shape
        shapes = [[p.shape for p in ps] for ps in (a.node.parameters, node.parameters)]
        if "axes" in difference.attributes and shapes[0] != shapes[1]:
            node.parameters = _marked(a.node.parameters)
        if _reshapes(difference) and not fits:
            self._replace_chain(a, self._alignment.b.layers[self._to_b[a.index]])

    def _keep_shape(self, a: Layer, b: Layer, node: MutableNode) -> None:
        """Let readers see the first network's result in the shape of the second's."""
        current, wanted = (
            graph.tensors[layer.node.outputs[0]].shape
            for graph, layer in ((self._alignment.a.graph, a), (self._alignment.b.graph, b))
        )
        if current == wanted or prod(current) != prod(wanted) or node.output in self.net.outputs:
            return
        readers = list(dict.fromkeys(self.net.users.get(node.output, [])))
        shape = {"shape": list(wanted)}
        reshaped = self.net.add(
            "Reshape", node.name, [node.output], wanted, shape, order=node.order + 1e-3
        )
        for reader in readers:
            read = [reshaped.output if t == node.output else t for t in reader.inputs]
            self.net.read(reader, read)

    def follow(self, left: set[int]) -> None:
        """Give the first network's weights to layers whose width follows from another's."""
        for i, j in self._alignment.pairs:
            if i in left:
                continue
            a, b = self._alignment.a.layers[i], self._alignment.b.layers[j]
            node = self._by_output.get(b.node.outputs[0])
            if node is None or node not in self.net or a.op != b.op:
                continue
            sizes = [[p.size for n in (x.node, *x.chain) for p in n.parameters] for x in (a, b)]
            marked = any(p.name.startswith(FROM_A) for p in node.parameters)
            if marked or len(sizes[0]) != len(sizes[1]) or sizes[0] == sizes[1]:
                continue
            self._replace_chain(a, b)
            for key in ("group", "out_channels", "in_features", "out_features"):
                if key in a.node.attributes:
                    node.attributes[key] = a.node.attributes[key]

    def follow_sizes(self, chosen: Iterable[Difference], left: Iterable[Difference]) -> None:
        """Pads that no difference names follow from the size of the map that comes in.

        They are the first network's again where everything before them that sets sizes is undone.
        """
        named = {j for e in (*chosen, *left) if "pads" in e.attributes for j in e.b}
        still = [j for e in left if _resizes(e) for j in e.b or (0,)]
        first = min(still, default=len(self._alignment.b.layers))
        for i, j in self._alignment.pairs:
            a, b = self._alignment.a.layers[i], self._alignment.b.layers[j]
            node = self._by_output.get(b.node.outputs[0])
            if node is None or j in named or j >= first or "pads" not in a.node.attributes:
                continue
            if node.op == a.op and "pads" in node.attributes:
                node.attributes["pads"] = a.node.attributes["pads"]

    def _epsilon(self, a: Layer, b: Layer) -> None:
        norms = [[n for n in (x.node, *x.chain) if n.op == "BatchNormalization"] for x in (a, b)]
        if norms[0] and norms[1]:
            norm = self._of(norms[1][0])
            if norm in self.net:
                norm.attributes["epsilon"] = norms[0][0].attributes["epsilon"]

    def _replace_chain(self, a: Layer, b: Layer) -> None:
        """The first network's weights with their whole chain, in the place of the second's."""
        node = self._node(b)
        if any(p.name.startswith(FROM_A) for p in node.parameters):
            return
        if "bias" in node.attributes:
            node.attributes["bias"] = a.node.attributes.get("bias", False)
        node.parameters = _marked(a.node.parameters)
        for after in b.chain:
            self.net.bypass(self._of(after))
        result, order = node.output, node.order
        readers = list(dict.fromkeys(self.net.users.get(result, [])))
        was_output = result in self.net.outputs
        own = [n.attributes["epsilon"] for n in b.chain if n.op == "BatchNormalization"]
        for step, copied in enumerate(a.chain, start=1):
            attributes = dict(copied.attributes)
            if copied.op == "BatchNormalization" and own and a.index not in self._epsilons:
                attributes["epsilon"] = own[0]
            added = self.net.add(
                copied.op,
                f"{FROM_A}{copied.name}",
                [result],
                self.net.shape(result),
                attributes,
                parameters=_marked(copied.parameters),
                order=order + step / 1000,
            )
            result = added.output
        for reader in readers:
            self.net.read(reader, [result if t == node.output else t for t in reader.inputs])
        if was_output:
            self.net.outputs = [result if t == node.output else t for t in self.net.outputs]
        self._result[b.index] = result

    def layers(self, difference: Difference) -> None:
        """Put in the first network's layers, and let readers read what they read there."""
        for i in difference.a:
            self._insert(i)
        region = set(difference.b)
        readers = {
            self._alignment.to_a[user]
            for j in region
            for user, _ in self._alignment.b.layers[j].users
            if user in self._alignment.to_a
        }
        readers |= {
            user
            for i in difference.a
            for user, _ in self._alignment.a.layers[i].users
            if user in self._to_b
        }
        for i in readers:
            layer = self._alignment.a.layers[i]
            self._rewire(layer, self._node(self._alignment.b.layers[self._to_b[i]]))
        ends = [self._source(i) for i in self._alignment.a.outputs]
        if None not in ends and (
            region & set(self._alignment.b.outputs)
            or set(difference.a) & set(self._alignment.a.outputs)
        ):
            self.net.outputs = [end for end in ends if end is not None]

    def turn(self, difference: Difference) -> None:
        """Give aligned layers among those of a difference the first network's axes or shape."""
        for i, j in difference.turned:
            a, b = self._alignment.a.layers[i], self._alignment.b.layers[j]
            for mine, theirs in zip((a.node, *a.chain), (b.node, *b.chain), strict=False):
                for key in _TURNED & set(mine.attributes):
                    self._of(theirs).attributes[key] = mine.attributes[key]

    def _insert(self, i: int) -> None:
        if i in self._added:
            return
        layer = self._alignment.a.layers[i]
        sources = [self._source(x) for x in layer.inputs]
        inputs = [s for s in sources if s is not None]
        order = max((self._order(t) for t in inputs), default=0.0) + 1e-4
        if len(inputs) == len(layer.node.inputs):
            shapes = [self._alignment.a.graph.tensors[t].shape for t in layer.node.inputs]
            named = f"{FROM_A}{layer.name}"
            pairs = zip(inputs, shapes, strict=True)
            inputs = [self._in_shape(s, shape, named, order - 1e-5) for s, shape in pairs]
        result = ""
        for step, node in enumerate((layer.node, *layer.chain)):
            shape = self._alignment.a.graph.tensors[node.outputs[0]].shape
            added = self.net.add(
                node.op,
                f"{FROM_A}{node.name}",
                inputs if step == 0 else [result],
                shape,
                node.attributes,
                parameters=_marked(node.parameters),
                order=order + step * 1e-6,
            )
            result = added.output
        self._added[i] = result

    def _source(self, i: int) -> str | None:
        """The tensor that stands for a result of the first network."""
        if i in self._to_b:
            return self._result[self._to_b[i]]
        return self._added.get(i)

    def _order(self, tensor: str) -> float:
        node = self.net.producer.get(tensor)
        return node.order if node is not None else -1.0

    def _rewire(self, layer: Layer, node: MutableNode) -> None:
        sources = [self._source(i) for i in layer.inputs]
        if None in sources:
            return
        read = [s for s in sources if s is not None]
        if len(read) == len(node.inputs):
            read = [self._fitted(*pair, node) for pair in zip(read, node.inputs, strict=True)]
        self.net.read(node, read)

    def _fitted(self, source: str, before: str, node: MutableNode) -> str:
        """A result in the shape of what a node read before, where axes of extent 1 tell them apart.

        Layers hand on results through reshapes of such axes, which are no layers.
        """
        return self._in_shape(source, self.net.shape(before), node.name, node.order - 1e-3)

    def _in_shape(self, source: str, wanted: tuple[int, ...], name: str, order: float) -> str:
        """A tensor in another shape, where axes of extent 1 tell the two apart."""
        current = self.net.shape(source)
        wide = [[extent for extent in shape if extent != 1] for shape in (current, wanted)]
        if current == wanted or not current or wide[0] != wide[1]:
            return source
        shape = {"shape": list(wanted)}
        return self.net.add("Reshape", name, [source], wanted, shape, order=order).output

    def _node(self, layer: Layer) -> MutableNode:
        return self._by_output[layer.node.outputs[0]]

    def _of(self, node: Any) -> MutableNode:
        return self._by_output[node.outputs[0]]


def _reshapes(difference: Difference) -> bool:
    """Whether weights have another shape for it."""
    return difference.undo is Undo.OPERATOR or bool(_SHAPING & set(difference.attributes))


def _resizes(difference: Difference) -> bool:
    """Whether later maps may have another height or width for it."""
    whole = difference.undo in {Undo.LAYERS, Undo.OPERATOR}
    return whole or bool(_SIZING & set(difference.attributes))


def _marked(parameters: Iterable[Parameter]) -> list[Parameter]:
    return [replace(p, name=FROM_A + p.name) for p in parameters]
