"""The canonical graph under construction; every frontend adds its nodes here.

``operations`` defines the name and attributes of each operator, ``roles`` the roles of its weights.
A node that violates the schema of its operator is refused where it is added, so that no frontend
writes a form of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from zoodiff.frontends.operations import Operation
from zoodiff.frontends.roles import Store, assigned
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor
from zoodiff.graph.operators import problem_of

LinearOrder = Literal["OI", "IO"]
WeightViews = Mapping[str, tuple[tuple[int, ...], tuple[int, ...] | None]]


class GraphBuilder:
    """Collects nodes and tensors of one network.

    ``kernels`` and ``matrices`` are the framework's orders of axes for the weights of convolutions
    and of linear layers.
    """

    def __init__(self, kernels: Store, matrices: LinearOrder) -> None:
        self._kernels: Store = kernels
        self._matrices: LinearOrder = matrices
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}

    def declare(self, name: str, shape: Iterable[int], dtype: str = "float32") -> Tensor:
        """Add the description of a tensor and return it."""
        self.tensors[name] = Tensor(name, tuple(int(extent) for extent in shape), dtype)
        return self.tensors[name]

    def add(
        self,
        operation: Operation,
        name: str,
        *,
        inputs: Iterable[str],
        outputs: Iterable[Tensor],
        parameters: Sequence[Parameter] = (),
        matrices: LinearOrder | None = None,
        views: WeightViews | None = None,
    ) -> Node:
        """Add a node and return it; raise ValueError for one that violates its operator's schema.

        ``matrices`` is the order of this node's matrix, where it is not the framework's; ``views``
        is passed to ``roles.assigned``.
        """
        declared = tuple(outputs)
        self.tensors.update((tensor.name, tensor) for tensor in declared)
        node = Node(
            op=operation.op,
            name=name,
            inputs=tuple(inputs),
            outputs=tuple(tensor.name for tensor in declared),
            attributes=dict(operation.attributes),
            parameters=assigned(
                operation.op,
                operation.attributes,
                parameters,
                self._kernels,
                matrices or self._matrices,
                views=views,
            ),
        )
        problem = problem_of(node)
        if problem:
            raise ValueError(f"{node.op} {node.name!r:.40} {problem}")
        self.nodes.append(node)
        return node

    def graph(
        self,
        source: str,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        owned: Iterable[Parameter] = (),
    ) -> Graph:
        """Return the graph that the outputs depend on; other ``owned`` weights count as unused."""
        needed, nodes = {tensor.name for tensor in outputs}, []
        for node in reversed(self.nodes):
            if not needed.isdisjoint(node.outputs):
                needed.update(node.inputs)
                nodes.append(node)
        nodes.reverse()
        named = needed | {name for node in nodes for name in node.outputs}
        named.update(tensor.name for tensor in inputs)
        used = {parameter.name for node in nodes for parameter in node.parameters}
        unused = {p.name: p for p in owned if p.name not in used}
        return Graph(
            source=source,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            nodes=tuple(nodes),
            tensors={name: tensor for name, tensor in self.tensors.items() if name in named},
            unused_parameters=tuple(unused.values()),
        )
