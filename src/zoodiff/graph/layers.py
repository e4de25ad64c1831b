"""The layers of a canonical graph: the units of comparison, alignment and fingerprint.

A layer is a node together with the per-channel arithmetic that follows it: a convolution, its bias,
its batch norm and its scale are one layer, because they are one affine function, which frameworks
divide differently. Every node belongs to a layer, except nodes that only move axes of extent 1.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.recurrent import GATES, whole_parameters

_ANCHORS = frozenset({"BatchNormalization", "Conv", "ConvTranspose", "Gemm"})
_COMMUTATIVE = frozenset({"Add", "Max", "Mean", "Min", "Mul"})
_OF_ELEMENTS = frozenset({"LayerNormalization", "RMSNormalization"})
_IGNORED = frozenset({"in_features", "momentum", "out_features", "scale", "center", "training"})
"""Attributes that follow from the weights or that inference ignores."""

Item = tuple[Any, ...]


class Layer:
    """A layer: a node with the per-channel arithmetic that follows it."""

    __slots__ = ("chain", "core", "index", "inputs", "label", "node", "users")

    def __init__(self, index: int, node: Node) -> None:
        self.index = index
        self.node = node
        self.chain: list[Node] = []
        """The per-channel arithmetic after the node, in order."""
        self.inputs: list[int] = []
        """Indices of layers; ``-1 - k`` is the network's input k."""
        self.users: list[tuple[int, int]] = []
        """(layer, position among its inputs) for each reader of the result."""
        self.label: Hashable = None
        """Everything that determines the layer's function, except its weights."""
        self.core: Hashable = None
        """What identifies the layer in spite of small changes: operator, kernel, channels."""

    @property
    def op(self) -> str:
        """The name of the operator."""
        return self.node.op

    @property
    def name(self) -> str:
        """The source's name of the layer."""
        return self.node.name

    @property
    def affine(self) -> bool:
        """Whether the layer itself is per-channel arithmetic: a norm, a scale, a shift."""
        return self.node.op == "BatchNormalization" or _vector(self.node)

    @property
    def commutative(self) -> bool:
        """Whether the order of the inputs does not matter."""
        return self.node.op in _COMMUTATIVE and not self.node.attributes.get("constant_first")

    @property
    def output(self) -> str:
        """The name of the tensor that the layer computes."""
        return (self.chain[-1] if self.chain else self.node).outputs[0]

    @property
    def pixels(self) -> bool:
        """Whether it is arithmetic with constants or weights right after the network's input."""
        return self.core == "Pixels"

    @property
    def items(self) -> tuple[Item, ...]:
        """The affine chain: ``("bias",)``, ``("norm", epsilon, ...)``, ``("scale",)``..."""
        items: list[Item] = [("bias",)] if self.node.attributes.get("bias") else []
        if self.affine:
            items.append(_item(self.node))
        return (*items, *map(_item, self.chain))

    def __repr__(self) -> str:
        return f"{self.op}({self.name})"


class LayerGraph:
    """The layers of one canonical graph, in topological order."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.layers: list[Layer] = []
        self.inputs = [tensor.shape for tensor in graph.inputs]
        self._where: dict[str, int] = {t.name: -1 - k for k, t in enumerate(graph.inputs)}
        self._pixels: set[int] = set()
        """Layers that are arithmetic right after the input."""
        self._open: set[int] = set()
        """Layers whose chain may still grow."""
        readers: dict[str, int] = {}
        for tensor in (t for node in graph.nodes for t in node.inputs):
            readers[tensor] = readers.get(tensor, 0) + 1
        for output in graph.outputs:
            readers[output.name] = readers.get(output.name, 0) + 1
        for node in graph.nodes:
            alone = bool(node.inputs) and readers[node.inputs[0]] == 1
            if not self._absorbed(node, alone):
                self._add(node)
        self.outputs = [self._where[output.name] for output in graph.outputs]
        for layer in self.layers:
            if layer.index in self._pixels:
                steps = tuple(_step(node) for node in (layer.node, *layer.chain))
                layer.label, layer.core = ("Pixels", steps), "Pixels"
            else:
                layer.label, layer.core = _label(graph, layer)

    def _absorbed(self, node: Node, alone: bool) -> bool:
        """Merge a node into the preceding layer, unless it is a layer itself."""
        first = self._where.get(node.inputs[0]) if node.inputs else None
        if first is None:
            return False
        if _transparent(self.graph, node):
            self._where[node.outputs[0]] = first
            if not alone:
                self._open.discard(first)
            return True
        of_pixels = first in self._pixels and _arithmetic(node)
        if alone and (of_pixels or (first in self._open and _extends(self.layers[first], node))):
            self.layers[first].chain.append(node)
            for tensor in node.outputs:  # a batch norm in training also returns its statistics
                self._where[tensor] = first
            return True
        return False

    def _add(self, node: Node) -> None:
        layer = Layer(len(self.layers), node)
        self.layers.append(layer)
        for position, tensor in enumerate(node.inputs):
            source = self._where.get(tensor)
            if source is None:
                continue
            layer.inputs.append(source)
            if source >= 0:
                self.layers[source].users.append((layer.index, position))
        for tensor in node.outputs:
            self._where[tensor] = layer.index
        if _arithmetic(node) and layer.inputs and layer.inputs[0] < 0:
            self._pixels.add(layer.index)
        elif node.op in _ANCHORS or _vector(node):
            self._open.add(layer.index)

    def layer_of(self, tensor: str) -> int | None:
        """Return the index of the layer that computes a tensor, also through reshapes.

        The index is negative for inputs of the network, None for an unknown tensor.
        """
        return self._where.get(tensor)

    def shape(self, layer: Layer) -> tuple[int, ...]:
        """Return the shape of a layer's result."""
        tensor = self.graph.tensors.get(layer.output)
        return tensor.shape if tensor else ()


def _transparent(graph: Graph, node: Node) -> bool:
    if node.op != "Reshape" or node.parameters or len(node.inputs) != 1:
        return False
    before, after = graph.tensors.get(node.inputs[0]), graph.tensors.get(node.outputs[0])
    if before is None or after is None:
        return False
    return [n for n in before.shape if n != 1] == [n for n in after.shape if n != 1]


def _vector(node: Node) -> bool:
    """Whether a node adds or multiplies one learned number per channel."""
    if node.op not in {"Add", "Mul"} or len(node.inputs) != 1 or len(node.parameters) != 1:
        return False
    return isinstance(node.attributes.get("axis"), int) and node.parameters[0].size > 1


def _arithmetic(node: Node) -> bool:
    """Whether a node is arithmetic with constants or weights, one in all or one per channel."""
    if node.op not in {"Add", "Div", "Mul", "Sub"} or len(node.inputs) != 1:
        return False
    return "value" in node.attributes or isinstance(node.attributes.get("axis"), int)


def _step(node: Node) -> Item:
    """Return one step of arithmetic on pixels; its value is None if it is a weight."""
    kind = "scale" if node.op in {"Mul", "Div"} else "shift"
    first = bool(node.attributes.get("constant_first"))
    axis = node.attributes.get("axis")
    along = () if axis in {None, 1} else (axis,)
    return (kind, node.op if first else "", rounded(node.attributes.get("value")), *along)


def _extends(layer: Layer, node: Node) -> bool:
    """Whether a node is arithmetic along the channels of a layer, so that it joins the layer."""
    if len(node.inputs) != 1 or not (len(node.outputs) == 1 or node.attributes.get("training")):
        return False
    axis = layer.node.attributes.get("axis", 1)
    if node.op == "BatchNormalization":
        along = node.attributes.get("axis", 1) == axis
        return along and bool(node.attributes.get("spatial", True))
    if node.op not in {"Add", "Mul"} or len(node.parameters) != 1:
        return False
    return node.attributes.get("axis") == axis


def _item(node: Node) -> Item:
    if node.op == "BatchNormalization":
        a = node.attributes
        return ("norm", rounded(a.get("epsilon")), bool(a.get("scale")), bool(a.get("center")))
    return ("scale",) if node.op == "Mul" else ("shift",)


def in_half(value: float) -> float:
    """Return a number rounded to half precision (IEEE 754 binary16); infinite if too large."""
    try:
        return float(struct.unpack("<e", struct.pack("<e", value))[0])
    except OverflowError:
        return float("inf")


def _single(value: float) -> float:
    """A number in single precision; as it is where that cannot hold it."""
    try:
        single = float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:
        return value
    return single or value


def rounded(value: object) -> Any:
    """Return a number, or a list, to six digits, so that equal float32 and float64 values agree.

    It is rounded to float32 before, or a number and its float32 might be rounded to two sides.
    """
    if isinstance(value, float):
        return _rounded(value)
    if isinstance(value, list | tuple):
        return tuple([rounded(v) if isinstance(v, float | list | tuple) else v for v in value])
    return value


@lru_cache(maxsize=4096)
def _rounded(value: float) -> float:
    return float(f"{_single(value):.5e}") + 0.0


def _along_wide(a: Mapping[str, Any], shape: Sequence[int]) -> Mapping[str, Any]:
    """Return the attributes with axes counted among those of more than one element.

    So a norm of (1, 768) along axis 1 equals the norm of (1, 1, 1, 768) along axis 3.
    """
    if not shape or not ("axis" in a or "axes" in a):
        return a
    place = {axis: sum(extent != 1 for extent in shape[:axis]) for axis in range(len(shape))}
    changed = dict(a)
    if isinstance(a.get("axis"), int):
        changed["axis"] = place.get(a["axis"], a["axis"])
    if isinstance(a.get("axes"), list):
        # Axes that an operator adds may lie behind those that it reads.
        here = range(-len(shape), len(shape))
        changed["axes"] = [
            place.get(axis, axis) for axis in a["axes"] if axis not in here or shape[axis] != 1
        ]
    return changed


_BROADCASTING = frozenset(
    {"Add", "And", "Div", "Expand", "Max", "Min", "Mul", "Or", "Sub", "Where"}
)


def _broadcast(graph: Graph, layer: Layer) -> tuple[Item, ...]:
    """Return the axes along which inputs lie in the result, where their extents do not say it.

    Axes of extent 1 are no part of a graph of layers. They decide whether a vector of n elements
    is added to the rows or to the columns of an n x n matrix.
    """
    node = layer.node
    if node.op not in _BROADCASTING:
        return ()
    result = graph.tensors.get(node.outputs[0])
    tensors = [graph.tensors.get(name) for name in node.inputs]
    if result is None or not all(tensors):
        return ()
    placed = [_axes(t.shape, result.shape) for t in tensors if t is not None]
    if not any(placed):
        return ()
    return (("broadcast", *(sorted(placed) if layer.commutative else placed)),)


def axes_of_operands(layer: Layer) -> tuple[tuple[int, ...], ...]:
    """Return per operand the wide axes of the result that it has, if extents do not say them."""
    settings = layer.label[1] if isinstance(layer.label, tuple) and len(layer.label) > 1 else ()
    last = settings[-1] if isinstance(settings, tuple) and settings else ()
    return last[1:] if isinstance(last, tuple) and last[:1] == ("broadcast",) else ()


def _axes(shape: Sequence[int], result: Sequence[int]) -> tuple[int, ...]:
    """Return which of the wide axes of a result a tensor has; empty where its extents say it."""
    wide = [extent for extent in result if extent != 1]
    own = [extent for extent in shape if extent != 1]
    if own == wide or not own or len(shape) > len(result):
        return ()
    ways = [1] + [0] * len(own)  # how often each beginning of the extents fits
    for extent in wide:
        for k in range(len(own), 0, -1):
            ways[k] += ways[k - 1] if own[k - 1] == extent else 0
    if ways[-1] < 2:
        return ()
    padded = [1] * (len(result) - len(shape)) + list(shape)
    axes = [k for k, extent in enumerate(result) if extent != 1]
    return tuple(place for place, k in enumerate(axes) if padded[k] != 1)


def _label(graph: Graph, layer: Layer) -> tuple[Hashable, Hashable]:
    node = layer.node
    a: Mapping[str, Any] = node.attributes
    if node.op in {"Conv", "ConvTranspose"}:
        group = a.get("group", 1)
        data = graph.tensors.get(node.inputs[0]) if node.inputs else None
        depthwise = (
            data is not None and len(data.shape) > 1 and group == data.shape[1] and group > 1
        )
        kernel, out = tuple(a["kernel_shape"]), a["out_channels"]
        core: Hashable = (node.op, kernel, out, depthwise)
        settings = tuple(
            (key, rounded(a[key]))
            for key in sorted(a)
            if key not in {"bias", "kernel_shape", "out_channels"}
        )
        return (core, settings, layer.items), core
    data = graph.tensors.get(node.inputs[0]) if node.inputs else None
    a = _along_wide(a, data.shape if data else ())
    if node.op == "Gemm":
        out = a["out_features"]
        settings = tuple(
            (key, rounded(a[key])) for key in sorted(a) if key not in _IGNORED and key != "bias"
        )
        return (("Gemm", out), settings, layer.items), ("Gemm", out)
    if layer.affine:
        along = () if node.op == "BatchNormalization" else (a.get("axis"),)
        return ("Affine", layer.items, *along), "Affine"
    if node.op == "Reshape" and isinstance(a.get("shape"), list):
        a = {**a, "shape": [extent for extent in a["shape"] if extent != 1]}
    settings = tuple((key, rounded(a[key])) for key in sorted(a) if key not in _IGNORED)
    # For elementwise operators, the attributes say how the operand is broadcast.
    shapes: tuple[tuple[int, ...], ...] = ()
    if node.op not in {"Add", "Mul"}:  # two biases of a recurrent layer may be stored as their sum
        own = whole_parameters(node.parameters) if node.op in GATES else node.parameters
        shapes = tuple(p.shape for p in own if p.role != "recurrent_bias")
    settings = (*settings, *_broadcast(graph, layer))
    core = (node.op, rounded(a.get("kernel_shape"))) if "kernel_shape" in a else node.op
    scaling = bool(a.get("scale")) if node.op in _OF_ELEMENTS else a.get("scale")
    return (node.op, settings, rounded(scaling), shapes), core
