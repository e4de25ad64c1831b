"""A graph that passes rewrite in place: the content of ``ir.Graph`` with an index of its edges.

Passes work on a ``MutableGraph``, since rebuilding a frozen graph after every rewrite costs more
than the rewrite. ``freeze`` returns the frozen graph, in topological order.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph, Node, Parameter, Tensor


class MutableNode:
    """A mutable node; see ``ir.Node`` for the fields."""

    __slots__ = (
        "age",
        "attributes",
        "inputs",
        "name",
        "notes",
        "op",
        "order",
        "outputs",
        "parameters",
    )

    def __init__(self, node: Node, order: float, age: int) -> None:
        self.op = node.op
        self.name = node.name
        self.inputs = list(node.inputs)
        self.outputs = list(node.outputs)
        self.attributes: dict[str, Any] = dict(node.attributes)
        self.parameters = list(node.parameters)
        self.order = order
        """The position in the source; new nodes take the position of the node that they replace."""
        self.age = age
        """How many nodes its graph took before: which of two nodes at one position comes first."""
        self.notes = set(node.notes)

    def noted(self, *notes: str) -> MutableNode:
        """Add the names of passes that rewrote the node, and return the node."""
        self.notes.update(notes)
        return self

    @property
    def output(self) -> str:
        """The first output."""
        return self.outputs[0]

    def __repr__(self) -> str:
        return f"{self.op}({self.name})"


class MutableGraph:
    """Nodes with the edges between them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.inputs = [tensor.name for tensor in graph.inputs]
        self.outputs = [tensor.name for tensor in graph.outputs]
        self.tensors: dict[str, Tensor] = dict(graph.tensors)
        for tensor in (*graph.inputs, *graph.outputs):
            self.tensors.setdefault(tensor.name, tensor)
        self.nodes: dict[int, MutableNode] = {}
        """Nodes by age."""
        self.producer: dict[str, MutableNode] = {}
        self.users: dict[str, list[MutableNode]] = {}
        self.kinds: dict[str, int] = {}
        """An upper bound of the number of nodes per operator; removed nodes still count."""
        self._loose: list[MutableNode] | None = None
        """Nodes that may have lost their last reader; None before ``prune`` has run."""
        self._ends: list[str] = []
        """The outputs when ``prune`` ran last."""
        self._taken = 0
        for order, node in enumerate(graph.nodes):
            self._take(node, order)
        self._fresh = 0

    def __iter__(self) -> Iterator[MutableNode]:
        """Iterate over the nodes in the source's order; the graph may be rewritten meanwhile."""
        for node in sorted(self.nodes.values(), key=_order):
            if node in self:
                yield node

    def __contains__(self, node: MutableNode) -> bool:
        """Whether a node belongs to the graph and was not removed."""
        return self.nodes.get(node.age) is node

    def of(self, *ops: str) -> list[MutableNode]:
        """Return the nodes of some operators, in order."""
        if not any(op in self.kinds for op in ops):
            return []
        wanted = frozenset(ops)
        return sorted([n for n in self.nodes.values() if n.op in wanted], key=_order)

    def shape(self, tensor: str) -> tuple[int, ...]:
        """Return the shape of a tensor; empty if unknown."""
        described = self.tensors.get(tensor)
        return described.shape if described else ()

    def before(self, node: MutableNode) -> MutableNode | None:
        """Return the producer of a node's first input; None for network inputs and weights."""
        return self.producer.get(node.inputs[0]) if node.inputs else None

    def sole_user(self, tensor: str) -> MutableNode | None:
        """Return the only reader of a tensor; None for an output or any other number of readers."""
        users = self.users.get(tensor, [])
        return users[0] if len(users) == 1 and tensor not in self.outputs else None

    def add(
        self,
        op: str,
        name: str,
        inputs: Sequence[str],
        shape: Sequence[int],
        attributes: Mapping[str, Any],
        *,
        parameters: Iterable[Parameter] = (),
        order: float,
    ) -> MutableNode:
        """Add a node with one new output and return it."""
        output = self._unused(name)
        first = self.tensors.get(inputs[0]) if inputs else None
        self.tensors[output] = Tensor(output, tuple(shape), first.dtype if first else "float32")
        frozen = Node(op, name, tuple(inputs), (output,), attributes, tuple(parameters))
        return self._take(frozen, order)

    def become(self, node: MutableNode, op: str, attributes: Mapping[str, Any], note: str) -> None:
        """Replace the operator and attributes of a node; inputs and outputs stay."""
        node.op = op
        node.attributes = dict(attributes)
        node.notes.add(note)
        self.kinds[op] = self.kinds.get(op, 0) + 1

    def read(self, node: MutableNode, inputs: Sequence[str]) -> None:
        """Replace the inputs of a node."""
        for tensor in node.inputs:
            users = self.users[tensor]
            users.remove(node)  # the first of them, as passes visit readers in order
            if not users and self._loose is not None and tensor in self.producer:
                self._loose.append(self.producer[tensor])
        node.inputs = list(inputs)
        for tensor in inputs:
            self.users.setdefault(tensor, []).append(node)

    def redirect(self, old: str, new: str) -> None:
        """Let every reader of ``old``, outputs of the network included, read ``new``."""
        for user in list(dict.fromkeys(self.users.get(old, []))):
            self.read(user, [new if tensor == old else tensor for tensor in user.inputs])
        self.outputs = [new if tensor == old else tensor for tensor in self.outputs]

    def rename(self, node: MutableNode, output: str, shape: Sequence[int]) -> str:
        """Give an output a new name and shape and return the name; readers keep the old name."""
        name = self._unused(output)
        self.tensors[name] = replace(self.tensors[output], name=name, shape=tuple(shape))
        node.outputs = [name if tensor == output else tensor for tensor in node.outputs]
        self.producer[name] = self.producer.pop(output)
        if self._loose is not None:
            self._loose.append(node)
        return name

    def _unused(self, name: str) -> str:
        """Return a tensor name that is not in use."""
        while True:
            self._fresh += 1
            fresh = f"{name}~{self._fresh}"
            if fresh not in self.tensors:
                return fresh

    def bypass(self, node: MutableNode) -> None:
        """Remove a node whose output equals its first input."""
        self.redirect(node.output, node.inputs[0])
        self.remove(node)

    def remove(self, node: MutableNode) -> None:
        """Remove a node without readers."""
        self.read(node, [])
        del self.nodes[node.age]
        for tensor in node.outputs:
            self.producer.pop(tensor, None)

    def prune(self) -> None:
        """Remove every node that no output depends on."""
        if self._loose is None:
            self._remove_unneeded()
        self._loose = self._loose or []
        ends = set(self.outputs)
        self._loose += [self.producer[t] for t in self._ends if t in self.producer]
        while self._loose:
            node = self._loose.pop()
            if node in self and not any(t in ends or self.users.get(t) for t in node.outputs):
                self.remove(node)
        self._ends = list(self.outputs)

    def _remove_unneeded(self) -> None:
        needed: set[int] = set()
        waiting = [self.producer[t] for t in self.outputs if t in self.producer]
        while waiting:
            node = waiting.pop()
            if node.age not in needed:
                needed.add(node.age)
                waiting += [self.producer[t] for t in node.inputs if t in self.producer]
        for node in list(self.nodes.values()):
            if node.age not in needed:
                self.remove(node)

    def _take(self, frozen: Node, order: float) -> MutableNode:
        node = MutableNode(frozen, order, self._taken)
        self._taken += 1
        self.nodes[node.age] = node
        if self._loose is not None:
            self._loose.append(node)
        self.kinds[node.op] = self.kinds.get(node.op, 0) + 1
        for tensor in node.outputs:
            self.producer[tensor] = node
        for tensor in node.inputs:
            self.users.setdefault(tensor, []).append(node)
        return node

    def freeze(self) -> Graph:
        """Return the frozen graph, in topological order; raise MeasurementError for a cycle."""
        self.prune()
        nodes = [
            Node(
                node.op,
                node.name,
                tuple(node.inputs),
                tuple(node.outputs),
                node.attributes,
                tuple(node.parameters),
                tuple(sorted(node.notes)),
            )
            for node in self.in_order()
        ]
        names = {name for node in nodes for name in (*node.inputs, *node.outputs)}
        names.update(self.inputs, self.outputs)
        return replace(
            self.graph,
            nodes=tuple(nodes),
            outputs=tuple(self.tensors[name] for name in self.outputs),
            tensors={name: t for name, t in self.tensors.items() if name in names},
        )

    def in_order(self) -> list[MutableNode]:
        """Return the nodes in topological order, else in the source's order, else by age."""
        ordered = sorted(self.nodes.values(), key=_order)  # they are by age already
        return ordered if self._is_topological(ordered) else self._scheduled()

    def _is_topological(self, ordered: Iterable[MutableNode]) -> bool:
        """Whether each node comes behind the nodes that it reads."""
        producer, computed = self.producer, set[str]()
        for node in ordered:
            for tensor in node.inputs:
                if tensor not in computed and tensor in producer:
                    return False
            computed.update(node.outputs)
        return True

    def _scheduled(self) -> list[MutableNode]:
        """Return the nodes as ``in_order`` does, where that is not the source's order."""
        waits = {
            age: sum(1 for t in set(node.inputs) if t in self.producer)
            for age, node in self.nodes.items()
        }
        ready = [(node.order, age) for age, node in self.nodes.items() if not waits[age]]
        heapq.heapify(ready)
        ordered: list[MutableNode] = []
        while ready:
            node = self.nodes[heapq.heappop(ready)[1]]
            ordered.append(node)
            for tensor in node.outputs:
                for user in dict.fromkeys(self.users.get(tensor, ())):
                    waits[user.age] -= 1
                    if not waits[user.age]:
                        heapq.heappush(ready, (user.order, user.age))
        if len(ordered) != len(self.nodes):
            stuck = next(node for age, node in self.nodes.items() if waits[age] > 0)
            raise MeasurementError(
                f"the graph of {self.graph.source} runs in a circle at {stuck.name}; "
                "a network must be acyclic"
            )
        return ordered


_order = attrgetter("order")
