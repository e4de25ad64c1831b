r"""Rewrite Einstein sums as plain matrix products.

:math:`Y_{b,o} = \sum_k X_{b,k} W_{o,k}` is a linear layer whether b, o and k are one index each or
several. So a reshape joins the indices of one kind, after a transposition where their order
differs; for a weight, both go into its view. A product of two computed tensors becomes
:math:`Q K^T` for each value of the indices that both share.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from zoodiff.graph.ir import Parameter
from zoodiff.graph.mutable import MutableGraph, MutableNode
from zoodiff.graph.passes.weights.parameters import reshaped, transposed

NOTE = "einsums"


def run(graph: MutableGraph) -> None:
    """Rewrite every linear layer and every product that has an equation."""
    for node in graph.of("Gemm", "MatMul"):
        terms = _terms(node)
        if terms is None:
            continue
        if node.op == "Gemm" and len(node.inputs) == 1 and node.parameters:
            _linear(graph, node, *terms)
        elif node.op == "MatMul" and len(node.inputs) == 2 and not node.parameters:
            _product(graph, node, *terms)


def _terms(node: MutableNode) -> tuple[str, str, str] | None:
    equation = node.attributes.get("equation")
    if not isinstance(equation, str) or "." in equation:
        return None
    operands, _, result = equation.replace(" ", "").partition("->")
    first, _, second = operands.partition(",")
    single_letters = all(
        term.isalpha() and len(set(term)) == len(term) for term in (first, second, result)
    )
    return (first, second, result) if single_letters else None


def _linear(graph: MutableGraph, node: MutableNode, data: str, weight: str, result: str) -> None:
    inner = [i for i in data if i in weight and i not in result]
    outer = [i for i in result if i in weight and i not in data]
    outside = [i for i in data if i not in weight]
    extents = dict(zip(data, graph.shape(node.inputs[0]), strict=False))
    first, *vectors = node.parameters
    fits = len(extents) == len(data) and len(first.shape) == len(weight) and first.role == "weight"
    if not fits or list(data) != [*outside, *inner] or list(result) != [*outside, *outer]:
        return
    if set(weight) != {*inner, *outer} or not inner or not outer:
        return
    sizes = dict(zip(weight, first.shape, strict=True))
    width = prod(sizes[i] for i in outer)
    if any(p.size != width for p in vectors):
        return
    depth = prod(sizes[i] for i in inner)
    rows = [extents[i] for i in outside]
    if len(inner) > 1:
        flat = [*rows, depth]
        joined = _step(graph, node, "Reshape", node.inputs[0], flat, {"shape": flat}, -0.3)
        graph.read(node, [joined])
    moved = transposed(first, [weight.index(i) for i in (*outer, *inner)])
    node.parameters = [
        replace(reshaped(moved, (width, depth)), layout="OI"),
        *(_vector(p, width) for p in vectors),
    ]
    attributes = {k: v for k, v in node.attributes.items() if k != "equation"}
    graph.become(node, "Gemm", {**attributes, "axis": len(rows)}, NOTE)
    _restore_output(graph, node, [*rows, width], None)


def _vector(parameter: Parameter, width: int) -> Parameter:
    return reshaped(parameter, (width,))


def _product(graph: MutableGraph, node: MutableNode, left: str, right: str, result: str) -> None:
    shared = [i for i in result if i in left and i in right]
    inner = [i for i in left if i in right and i not in result]
    unshared = [[i for i in result if i in term and i not in shared] for term in (left, right)]
    covered = all(
        set(term) == {*shared, *inner, *unshared[k]} for k, term in enumerate((left, right))
    )
    if not (covered and inner and all(unshared)):
        return
    terms, inputs = [left, right], list(node.inputs)
    if result.index(unshared[0][0]) > result.index(unshared[1][0]):
        terms, inputs, unshared = terms[::-1], inputs[::-1], unshared[::-1]
    extents: dict[str, int] = {}
    for term, tensor in zip(terms, inputs, strict=True):
        if len(graph.shape(tensor)) != len(term):
            return
        extents |= dict(zip(term, graph.shape(tensor), strict=True))
    batch, depth = [extents[i] for i in shared], prod(extents[i] for i in inner)
    wide = [prod(extents[i] for i in letters) for letters in unshared]
    read, turned = [], []
    for k, (term, tensor) in enumerate(zip(terms, inputs, strict=True)):
        orders = [
            [term.index(i) for i in (*shared, *order_of_term)]
            for order_of_term in _index_orders(unshared[k], inner)
        ]
        perm, depth_last = min(zip(orders, (True, False), strict=True))
        # Without transposition, the summed index is last on the left and first on the right.
        turned.append(depth_last if k else not depth_last)
        shape = [graph.shape(tensor)[axis] for axis in perm]
        operand = _step(graph, node, "Transpose", tensor, shape, {"perm": perm}, -0.4)
        flat = [*batch, *((wide[k], depth) if depth_last else (depth, wide[k]))]
        if flat != shape:
            operand = _step(graph, node, "Reshape", operand, flat, {"shape": flat}, -0.3)
        read.append(operand)
    graph.read(node, read)
    attributes: dict[str, object] = {"batch": prod(batch), "m": wide[0], "k": depth, "n": wide[1]}
    attributes |= {
        key: True for key, flag in zip(("transA", "transB"), turned, strict=True) if flag
    }
    graph.become(node, "MatMul", attributes, NOTE)
    order = [*shared, *unshared[0], *unshared[1]]
    perm = [order.index(i) for i in result]
    _restore_output(graph, node, [*batch, *wide], ([extents[i] for i in order], perm))


def _index_orders(unshared: list[str], inner: list[str]) -> tuple[list[str], list[str]]:
    """Return the two orders of a factor's indices: summed indices last, and first."""
    return [*unshared, *inner], [*inner, *unshared]


def _restore_output(
    graph: MutableGraph,
    node: MutableNode,
    shape: list[int],
    turned: tuple[list[int], list[int]] | None,
) -> None:
    """Restore the former shape and order of axes for the readers of a node."""
    output, former = node.output, list(graph.shape(node.output))
    if shape == former and turned is None:
        return
    tensor = graph.rename(node, output, shape)
    if turned is not None:
        apart, perm = turned
        if apart != shape:
            tensor = _step(graph, node, "Reshape", tensor, apart, {"shape": apart}, 0.1)
        shape = [apart[axis] for axis in perm]
        tensor = _step(graph, node, "Transpose", tensor, shape, {"perm": perm}, 0.2)
    if shape != former:
        tensor = _step(graph, node, "Reshape", tensor, former, {"shape": former}, 0.3)
    graph.redirect(output, tensor)


def _step(
    graph: MutableGraph,
    node: MutableNode,
    op: str,
    tensor: str,
    shape: list[int],
    attributes: dict[str, object],
    at: float,
) -> str:
    step = graph.add(
        op,
        f"{node.name}/{op.lower()}",
        [tensor],
        shape,
        attributes,
        order=node.order + at,
    ).noted(NOTE)
    return step.output
