r"""One form for linear layers and 1x1 convolutions, and for linear layers of transposed maps.

* Along the channels of a map, :math:`y_{o,h,w} = \sum_c W_{oc} x_{c,h,w}` is a 1x1 convolution
  with stride 1 and no padding; on a map of one pixel it is a linear layer. So a linear layer along
  axis 1 of a larger map becomes ``Conv``, and a ``Conv`` on a map of one pixel becomes ``Gemm``;
  a convolution whose window is the whole map is a linear layer of the flattened map.
* :math:`W\,\mathrm{vec}(x^{\pi}) = (W P_{\pi})\,\mathrm{vec}(x)`: a linear layer of a flattened
  transposed map is a linear layer of the flattened map with its columns permuted; the permutation
  goes into the weight's view.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

from zoodiff.graph.ir import Parameter
from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.passes.weights.parameters import reshaped, transposed

NOTE = "linear"


def run(graph: MutableGraph) -> None:
    """Rewrite between Conv and Gemm, and move transpositions into weights."""
    for node in graph.of("Reshape"):
        _flattened(graph, node)
    for node in graph.of("Gemm"):
        if node.inputs:
            _to_conv(graph, node)
    for node in graph.of("Conv"):
        _to_linear(graph, node)


def _weight(node: MutableNode) -> tuple[int, Parameter] | None:
    for position, parameter in enumerate(node.parameters):
        if parameter.role == "weight":
            return position, parameter
    return None


def _to_conv(graph: MutableGraph, node: MutableNode) -> None:
    shape, weight_at = graph.shape(node.inputs[0]), _weight(node)
    if len(shape) != 4 or node.attributes.get("axis") != 1 or shape[2:] == (1, 1):
        return
    if weight_at is None or len(weight_at[1].shape) != 2 or not _plain(node):
        return
    position, weight = weight_at
    node.parameters[position] = replace(reshaped(weight, (*weight.shape, 1, 1)), layout="OIHW")
    graph.become(
        node,
        "Conv",
        {
            "kernel_shape": [1, 1],
            "strides": [1, 1],
            "dilations": [1, 1],
            "group": 1,
            "pads": [0, 0, 0, 0],
            "out_channels": node.attributes["out_features"],
            "bias": node.attributes.get("bias", False),
            **_integers(node),
        },
        NOTE,
    )


def _to_linear(graph: MutableGraph, node: MutableNode) -> None:
    a, shape = node.attributes, graph.shape(node.inputs[0])
    weight_at = _weight(node)
    if len(shape) != 4 or a["group"] != 1 or weight_at is None:
        return
    position, weight = weight_at
    if len(weight.shape) != 4 or graph.shape(node.output)[2:] != (1, 1) or any(a["pads"]):
        return
    if list(a["kernel_shape"]) != list(shape[2:]) or set(a["dilations"]) != {1}:
        return
    inside, outside = prod(shape[1:]), a["out_channels"]
    node.parameters[position] = replace(reshaped(weight, (outside, inside)), layout="OI")
    if shape[2:] != (1, 1):
        flat = graph.add(
            "Reshape",
            f"{node.name}/flatten",
            node.inputs,
            (shape[0], inside, 1, 1),
            {"shape": [shape[0], inside, 1, 1]},
            order=node.order - 0.25,
        ).noted(NOTE)
        graph.read(node, [flat.output])
    graph.become(
        node,
        "Gemm",
        {
            "in_features": inside,
            "out_features": outside,
            "bias": a["bias"],
            "axis": 1,
            **_integers(node),
        },
        NOTE,
    )


def _plain(node: MutableNode) -> bool:
    return not {"equation", "transA", "alpha", "beta"} & set(node.attributes)


def _integers(node: MutableNode) -> dict[str, Any]:
    """Return the attribute ``quantized`` of a layer, which its new form keeps."""
    quantized = node.attributes.get("quantized")
    return {"quantized": quantized} if quantized else {}


def _flattened(graph: MutableGraph, node: MutableNode) -> None:
    """Replace the transposition in ``Transpose, Reshape to (1, n), Gemm`` by permuted columns."""
    turn = graph.before(node)
    output = graph.shape(node.output)
    if turn is None or turn.op != "Transpose" or len(output) < 2 or output[0] != 1:
        return
    base, perm = graph.shape(turn.inputs[0]), turn.attributes["perm"]
    if output[1] != prod(base) or node.output in graph.outputs:
        return
    users = list(dict.fromkeys(graph.users.get(node.output, [])))
    if not all(_takes_columns(user, prod(base)) for user in users) or not users:
        return
    extents = [base[axis] for axis in perm]
    back = [perm.index(axis) + 1 for axis in range(len(perm))]
    for user in users:
        position, weight = _weight(user)  # type: ignore[misc]
        rows = weight.shape[0]
        moved = transposed(reshaped(weight, (rows, *extents)), [0, *back])
        user.parameters[position] = reshaped(moved, (rows, prod(base)))
        user.notes.add(NOTE)
    divided = graph.before(turn)
    # A reshape right before is dropped too: a reshape of a reshape is one reshape.
    ahead = [turn, divided] if divided is not None and divided.op == "Reshape" else [turn]
    graph.read(node, ahead[-1].inputs)
    for movement in ahead:
        if not graph.users.get(movement.output) and movement.output not in graph.outputs:
            graph.remove(movement)


def _takes_columns(node: MutableNode, columns: int) -> bool:
    weight_at = _weight(node)
    return (
        node.op == "Gemm"
        and node.attributes.get("axis", 1) == 1
        and _plain(node)
        and weight_at is not None
        and len(weight_at[1].shape) == 2
        and weight_at[1].shape[1] == columns
    )
