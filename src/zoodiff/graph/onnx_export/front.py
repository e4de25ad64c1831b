"""Gives every tensor of a graph the batch as its first axis, for export at batch sizes above 1.

Graphs have batch size 1, and canonical graphs drop unneeded axes of extent 1, the batch among them:
between the two reshapes of a channel shuffle, or of attention, no axis is the batch. Such tensors
get one more axis in front here, and the axes of the operators on them are shifted by one. At batch
size 1 only the number of axes changes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter.shapes import slices
from zoodiff.graph.ir import Graph, Node, Tensor
from zoodiff.graph.operators import of_family

_MOVING = frozenset({"Flatten", "Reshape", "Squeeze", "Unsqueeze"})
_ALONG = frozenset({"Concat", "Gather", "LogSoftmax", "Softmax", "Split"})
_REDUCING = of_family("reduction")
_ELEMENTWISE = of_family("elementwise", "arithmetic")
_BATCH_SECOND = of_family("recurrent") | {"CellState"}
_ONE_OF = frozenset({"BatchNormalization", "Gemm"})
"""Operators along one axis, by default the second or the last."""


@dataclass(frozen=True)
class Front:
    """A graph with the batch first."""

    graph: Graph
    origins: tuple[int, ...]
    """Per node, the index of its node in the original graph."""


def in_front(graph: Graph) -> Front:
    """Return the graph with the batch as the first axis of every tensor.

    Raises MeasurementError for an operator that mixes images or may do so.
    """
    work = _Work(graph)
    for index, node in enumerate(graph.nodes):
        work.visit(index, node)
    outputs = tuple(work.tensors[tensor.name] for tensor in graph.outputs)
    batched = replace(graph, nodes=tuple(work.nodes), tensors=work.tensors, outputs=outputs)
    return Front(batched, tuple(work.origins))


class _Work:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.tensors = dict(graph.tensors)
        self.nodes: list[Node] = []
        self.origins: list[int] = []
        self._wide: set[str] = set()
        """Names of the tensors that have got an axis in front."""
        self._widened: dict[str, str] = {}
        self._index = 0

    def visit(self, index: int, node: Node) -> None:
        self._index = index
        if not node.inputs or node.op in _BATCH_SECOND:
            raise self._mixes(node)
        if node.op in _MOVING and not node.parameters:
            self._move(node)
        elif not self._wide.intersection(node.inputs) and self._keeps(node):
            self._add(node)
        else:
            self._shift(node)

    def _add(self, node: Node) -> None:
        self.nodes.append(node)
        self.origins.append(self._index)

    def _mixes(self, node: Node) -> MeasurementError:
        return MeasurementError(
            f"{self._graph.source} can be lowered for batch size 1 only: {node.name}, a {node.op}, "
            "may mix the images of a batch"
        )

    def _shape(self, name: str, node: Node) -> tuple[int, ...]:
        tensor = self._graph.tensors.get(name)
        if tensor is None or any(extent < 1 for extent in tensor.shape):
            raise self._mixes(node)
        return tensor.shape

    def _move(self, node: Node) -> None:
        """Add a reshape with the batch as first axis."""
        name = node.outputs[0]
        shape = self._shape(name, node)
        if shape[:1] != (1,):
            shape = (1, *shape)
            self._wide.add(name)
        self.tensors[name] = replace(self._graph.tensors[name], shape=shape)
        self._add(replace(node, op="Reshape", attributes={"shape": list(shape)}))

    def _keeps(self, node: Node) -> bool:
        """Whether a node leaves the batch of its inputs in front."""
        a: Any = node.attributes
        rank = len(self._shape(node.inputs[0], node))
        axes: list[int] = []
        if node.op == "Transpose":
            return bool(a["perm"][0] == 0)
        if node.op in _ALONG:
            axes = [a.get("axis", 0)]
        elif node.op == "Slice":
            axes = [row[0] for row in slices(a, rank)]
        elif node.op in _REDUCING:
            axes = _axes(a, rank)
        elif node.op in {"LayerNormalization", "RMSNormalization"}:
            axes = list(a["axes"])
        elif node.op == "Pad":
            return not self._pads_first(a, rank)
        elif node.op in _ONE_OF:
            axes = [a.get("axis", 1)]
        return 0 not in {axis % rank for axis in axes} and not a.get("transA")

    def _pads_first(self, a: Any, rank: int) -> bool:
        half = len(a["pads"]) // 2
        axes = list(range(half)) if a.get("axes") is None else a["axes"]
        padded = [x for i, x in enumerate(axes) if a["pads"][i] or a["pads"][i + half]]
        return 0 in {axis % rank for axis in padded}

    def _shift(self, node: Node) -> None:
        """Add a node on inputs with a batch axis, adding that axis where an input has none."""
        rank = max(len(self._shape(name, node)) for name in node.inputs)
        if len(node.inputs) > 1 and "axis" in node.attributes and node.op not in _ALONG:
            raise self._mixes(node)
        shifted = self._shifted(node, rank)
        # These operators align their operands at the last axis.
        aligned = node.op in _ELEMENTWISE or node.op == "MatMul"
        inputs = [self._widen(name, node, rank if aligned else 0) for name in node.inputs]
        for name in node.outputs:
            self.tensors[name] = replace(
                self._graph.tensors[name], shape=(1, *self._shape(name, node))
            )
            self._wide.add(name)
        self._add(replace(shifted, inputs=tuple(inputs)))

    def _widen(self, name: str, node: Node, rank: int) -> str:
        shape = self._shape(name, node)
        shape = (1, *[1] * (rank - len(shape)), *shape)
        if name in self._wide and self.tensors[name].shape == shape:
            return name
        widened = f"{name}/in_front{len(shape)}"
        if widened not in self._widened:
            self._widened[widened] = name
            self.tensors[widened] = Tensor(widened, shape, self.tensors[name].dtype)
            self._add(
                Node(
                    "Reshape", f"{node.name}/in_front", (name,), (widened,), {"shape": list(shape)}
                )
            )
        return widened

    def _shifted(self, node: Node, rank: int) -> Node:
        """Return the node with its axes shifted by one; raise MeasurementError if unknown."""
        a: dict[str, Any] = dict(node.attributes)
        parameters = node.parameters
        if "equation" in a or a.get("flattened") or a.get("transA"):
            raise self._mixes(node)
        if node.op == "Transpose":
            a["perm"] = [0, *(axis + 1 for axis in a["perm"])]
        elif node.op in _ALONG:
            if node.op == "Gather" and len(node.inputs) > 1:
                raise self._mixes(node)
            a["axis"] = _further(a.get("axis", 0))
            if node.op == "Concat":
                parameters = tuple(replace(p, shape=(1, *p.shape)) for p in parameters)
        elif node.op in _ONE_OF:
            default = rank - 1 if node.op == "Gemm" else 1
            a["axis"] = a.get("axis", default) % rank + 1
        elif node.op in _OVER:
            a.update(_OVER[node.op](a, rank))
        elif node.op == "Expand" and len(a["shape"]) == rank:
            a["shape"] = [1, *a["shape"]]
        elif node.op in _ELEMENTWISE:
            if isinstance(a.get("axis"), int):
                a["axis"] = _further(a["axis"])
        elif node.op != "MatMul" or rank < 2:
            raise self._mixes(node)
        return replace(node, attributes=a, parameters=parameters)


def _further(axis: int) -> int:
    return axis + 1 if axis >= 0 else axis


def _sliced(a: Any, rank: int) -> dict[str, Any]:
    columns = zip(*slices(a, rank), strict=True)
    axes, starts, ends, steps = (list(column) for column in columns)
    return {"axes": [x + 1 for x in axes], "starts": starts, "ends": ends, "steps": steps}


def _padded(a: Any, rank: int) -> dict[str, Any]:
    axes = list(range(len(a["pads"]) // 2)) if a.get("axes") is None else a["axes"]
    return {"axes": [axis % rank + 1 for axis in axes]}


def _over(a: Any, rank: int) -> dict[str, Any]:
    return {"axes": [axis + 1 for axis in _axes(a, rank)]}


_OVER: dict[str, Callable[[Any, int], dict[str, Any]]] = {
    **dict.fromkeys(_REDUCING, _over),
    "LayerNormalization": _over,
    "Pad": _padded,
    "RMSNormalization": _over,
    "Slice": _sliced,
}
"""Operators over several axes, with a function that shifts the axes in their attributes."""


def _axes(a: Any, rank: int) -> list[int]:
    axes = a.get("axes")
    return list(range(rank)) if axes is None else [axis % rank for axis in axes]
