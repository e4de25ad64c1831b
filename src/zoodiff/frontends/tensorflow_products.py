"""Linear layers and matrix products: MatMul, BatchMatMul, Einsum."""

from __future__ import annotations

from math import prod
from typing import Any

from zoodiff.frontends.tensorflow_builder import Builder, own_shape
from zoodiff.frontends.tensorflow_windows import added_bias
from zoodiff.graph.ir import AttributeValue, Parameter


def matmul(builder: Builder, operation: Any) -> bool:
    """MatMul of two matrices: a linear layer where one of them is a parameter."""
    flags = operation.get_attr("transpose_a"), operation.get_attr("transpose_b")
    return _product(builder, operation, flags)


def batch_matmul(builder: Builder, operation: Any) -> bool:
    """BatchMatMul, which may broadcast a parameter over the batch."""
    return _product(builder, operation, (operation.get_attr("adj_x"), operation.get_attr("adj_y")))


def _product(builder: Builder, operation: Any, transposed: tuple[bool, bool]) -> bool:
    left, right = operation.inputs
    shapes = [own_shape(left), own_shape(right)]
    rows, inner = shapes[0][-2:][::-1] if transposed[0] else shapes[0][-2:]
    columns = shapes[1][-2:][0] if transposed[1] else shapes[1][-1]
    weight = builder.parameter(right)
    if weight is not None and not transposed[0] and builder.computed(left):
        layout: dict[str, AttributeValue] = {"weight_transposed": True} if transposed[1] else {}
        return _linear(builder, operation, left, weight, inner, (columns,), layout)
    if not (builder.computed(left) and builder.computed(right)):
        return False
    output = own_shape(operation.outputs[0])
    attributes: dict[str, AttributeValue] = {
        "batch": prod(output[:-2]),
        "m": rows,
        "k": inner,
        "n": columns,
        "transposed": [int(flag) for flag in transposed],
    }
    return builder.own_order_node("MatMul", operation, attributes, inputs=[left, right])


def einsum(builder: Builder, operation: Any) -> bool:
    """Einsum of two operands: a linear layer where one is a parameter (Keras's EinsumDense).

    MACs are the product of the extents of all indices, each counted once.
    """
    equation: str = operation.get_attr("equation").decode()
    terms, _, result = equation.partition("->")
    operands = terms.split(",")
    repeated = any(len(set(term)) != len(term) for term in (*operands, result))
    if len(operands) != 2 or "..." in equation or not result or repeated:
        return False
    extents: dict[str, int] = {}
    for term, tensor in zip(operands, operation.inputs, strict=True):
        extents.update(zip(term, own_shape(tensor), strict=True))
    inner = prod(extents[i] for i in set(operands[0]) | set(operands[1]) if i not in result)
    weights = [builder.parameter(tensor) for tensor in operation.inputs]
    for position, weight in enumerate(weights):
        data = operation.inputs[1 - position]
        if weight is None or not builder.computed(data):
            continue
        made = [i for i in result if i not in operands[1 - position]]
        if not result.endswith("".join(made)):
            return False
        features = tuple(extents[i] for i in made)
        # The data's term comes first, whatever their order was.
        ordered = f"{operands[1 - position]},{operands[position]}->{result}"
        attributes: dict[str, AttributeValue] = {"equation": ordered}
        return _linear(builder, operation, data, weight, inner, features, attributes)
    if not all(builder.computed(tensor) for tensor in operation.inputs):
        return False
    first, second = (set(term) for term in operands)
    return builder.own_order_node(
        "MatMul",
        operation,
        {
            "batch": prod(extents[i] for i in result if i in first and i in second),
            "m": prod(extents[i] for i in result if i not in second),
            "k": inner,
            "n": prod(extents[i] for i in result if i not in first),
            "equation": equation,
        },
        inputs=list(operation.inputs),
    )


def _linear(
    builder: Builder,
    operation: Any,
    data: Any,
    weight: Parameter,
    in_features: int,
    out_features: tuple[int, ...],
    attributes: dict[str, AttributeValue],
) -> bool:
    """Add a linear layer with the bias that is added right after.

    Works on the last axes, which canonical tensors have elsewhere; image-like ones are moved.
    """
    bias, output = added_bias(builder, operation.outputs[0], out_features)
    name = output.name.removesuffix(":0")
    builder.emit(
        "Gemm",
        operation.name,
        {
            "in_features": in_features,
            "out_features": prod(out_features),
            "bias": bias is not None,
            **attributes,
        },
        inputs=[builder.own_order(data)],
        outputs=[(name, own_shape(output), output.dtype.base_dtype.name)],
        parameters=[weight, bias],
    )
    builder.bind(output, name)
    return True
