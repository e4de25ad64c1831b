r"""Turn computations on weights alone into weights.

A subgraph that does not depend on the data is a constant of the network: a class token expanded to
the batch, a table of position biases indexed and transposed. It becomes an operand of its readers.
Where it only moves the numbers of one weight, that weight's view says how; where it computes, the
view is ``computed``, and weights cannot be transferred to it.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from zoodiff.graph.ir import Parameter
from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.passes.weights.parameters import reshaped, transposed

NOTE = "weights"
_READERS = frozenset({"Add", "Concat", "Div", "MatMul", "Mul", "Sub"})
_MOVES = frozenset({"Expand", "Flatten", "Reshape", "Squeeze", "Unsqueeze"})
COMPUTED = ("computed", ())


def run(graph: MutableGraph) -> None:
    """Fold subgraphs of weights into weights."""
    if all(node.inputs for node in graph.nodes.values()):
        return
    for node in graph.in_order():
        if node.inputs or len(node.outputs) != 1 or not node.parameters:
            continue
        weight = _result(graph, node)
        for user in list(dict.fromkeys(graph.users.get(node.output, []))):
            _hand_over(graph, node, user, weight)
        if not graph.users.get(node.output) and node.output not in graph.outputs:
            graph.remove(node)


def _result(graph: MutableGraph, node: MutableNode) -> Parameter:
    """Return the result of a node on weights alone, as a weight."""
    first, shape = node.parameters[0], graph.shape(node.output)
    plain = len(node.parameters) == 1 and first.view[-1:] != (COMPUTED,)
    if plain and node.op in _MOVES and prod(shape) == first.size:
        return replace(reshaped(first, shape), role="constant")
    if plain and node.op == "Transpose":
        return replace(transposed(first, node.attributes["perm"]), role="constant")
    rows = _consecutive_rows(node) if plain else None
    if rows is not None:
        return replace(
            first,
            name=f"{first.name}[{rows[0]}:{rows[1]}]",
            whole=first.stored,
            shape=shape,
            role="constant",
            view=(*first.view, ("part", rows)),
        )
    return Parameter(first.name, shape, first.trainable, first.dtype, "constant", "", (COMPUTED,))


def _consecutive_rows(node: MutableNode) -> tuple[int, int] | None:
    """Return the first and the end of the rows that a node takes of a weight; None for others."""
    indices = node.attributes.get("indices")
    if node.op != "Gather" or node.attributes.get("axis") != 0 or not isinstance(indices, list):
        return None
    first = indices[0] if indices else 0
    if "indices_shape" in node.attributes or indices != list(range(first, first + len(indices))):
        return None
    return int(first), int(first) + len(indices)


def _hand_over(
    graph: MutableGraph, node: MutableNode, user: MutableNode, weight: Parameter
) -> None:
    """Replace the node's output among the inputs of a reader by the weight."""
    computed = [tensor for tensor in user.inputs if tensor != node.output]
    if user.op in _READERS and computed and user.parameters:
        return  # it has a weight already
    if user.op not in _READERS and computed:
        return
    position = user.inputs.index(node.output)
    if user.op == "Concat":
        user.attributes["parameters_at"] = [position]
    elif position == 0 and computed and user.op in {"Sub", "Div", "MatMul"}:
        user.attributes["constant_first"] = True
    user.parameters = [*user.parameters, weight]
    user.notes.add(NOTE)
    graph.read(user, computed)
