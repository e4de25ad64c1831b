r"""Turn computations on weights alone into weights.

A subgraph that does not depend on the data is a constant of the network: a class token expanded to
the batch, a table of position biases indexed and transposed. It becomes an operand of its readers.
Where it only moves the numbers of one weight, that weight's view says how. Where it computes, the
view is ``computed``, and the weight names the tensor of the graph before the passes that holds its
numbers; weights cannot be transferred to it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from math import prod

from zoodiff.graph.ir import Parameter
from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.onnx_nodes import usual_places
from zoodiff.graph.operators import OPERATORS
from zoodiff.graph.passes.weights.parameters import reshaped, transposed

NOTE = "weights"
_READERS = frozenset({"Add", "Concat", "Div", "MatMul", "Mul", "Sub"})
_MOVES = frozenset({"Expand", "Flatten", "Reshape", "Squeeze", "Unsqueeze"})
_WEIGHTED = frozenset({"Conv", "Gemm"})
"""Layers whose second operand may be a computed weight."""
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
    return Parameter(
        f"{first.origin} ({node.output})",
        shape,
        first.trainable,
        first.dtype,
        "constant",
        view=(COMPUTED,),
        whole=first.stored,
        result=node.output,
    )


def _consecutive_rows(node: MutableNode) -> tuple[int, int] | None:
    """Return the first and the end of the rows that a node takes of a weight; None for others."""
    indices = node.attributes.get("indices")
    if node.op != "Gather" or node.attributes.get("axis") != 0 or not isinstance(indices, list):
        return None
    first = indices[0] if indices else 0
    if "indices_shape" in node.attributes or indices != list(range(first, first + len(indices))):
        return None
    return int(first), int(first) + len(indices)


def _as_weight(graph: MutableGraph, user: MutableNode, weight: Parameter) -> None:
    """Make a computed kernel the weight of the layer that reads it."""
    kinds = {p.role for p in user.parameters}
    if "weight" in kinds or len(user.inputs) != 2:
        return
    user.parameters = [replace(weight, role="weight"), *user.parameters]
    user.notes.add(NOTE)
    graph.read(user, user.inputs[:1])


def _as_operand(
    graph: MutableGraph, node: MutableNode, user: MutableNode, weight: Parameter
) -> None:
    """Make a computed operand of an operator of ONNX a weight, at the same position."""
    constants = {int(k[5:]): 0 for k in user.attributes if re.fullmatch(r"input\d+", k)}
    usual = usual_places(constants, len(user.inputs), len(user.parameters))
    places = str(user.attributes.get("operands") or usual)
    if user.inputs.count(node.output) != 1 or not set(places) <= set("cwx-"):
        return
    order = [k for k, letter in enumerate(places) if letter == "x"]
    position = order[user.inputs.index(node.output)]
    before = places[:position].count("w")
    places = f"{places[:position]}w{places[position + 1 :]}"
    user.attributes.pop("operands", None)
    if places != usual_places(constants, places.count("x"), places.count("w")):
        user.attributes["operands"] = places
    user.parameters = [*user.parameters[:before], weight, *user.parameters[before:]]
    user.notes.add(NOTE)
    graph.read(user, [tensor for tensor in user.inputs if tensor != node.output])


def _hand_over(
    graph: MutableGraph, node: MutableNode, user: MutableNode, weight: Parameter
) -> None:
    """Replace the node's output among the inputs of a reader by the weight."""
    computed = [tensor for tensor in user.inputs if tensor != node.output]
    if user.op in _WEIGHTED and user.inputs[1:2] == [node.output]:
        _as_weight(graph, user, weight)
        return
    if user.op not in OPERATORS and user.op.rpartition("::")[0] in {"", "onnx"}:
        _as_operand(graph, node, user, weight)
        return
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
