"""Converts linear layers and matrix products: MatMul, BatchMatMul, Einsum."""

from __future__ import annotations

from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.builder import LinearOrder
from zoodiff.frontends.operations import Extents
from zoodiff.frontends.tensorflow.builder import Builder, own_shape
from zoodiff.frontends.tensorflow.protocols import TfOperation, TfTensor
from zoodiff.frontends.tensorflow.windows import added_bias
from zoodiff.graph.ir import Parameter


def matmul(builder: Builder, operation: TfOperation) -> bool:
    """Convert MatMul of two matrices to a linear layer where one is a parameter, or a product."""
    flags = operation.get_attr("transpose_a"), operation.get_attr("transpose_b")
    return _product(builder, operation, flags)


def batch_matmul(builder: Builder, operation: TfOperation) -> bool:
    """Convert BatchMatMul, which may broadcast a parameter over the batch."""
    return _product(builder, operation, (operation.get_attr("adj_x"), operation.get_attr("adj_y")))


def _product(builder: Builder, operation: TfOperation, transposed: tuple[bool, bool]) -> bool:
    left, right = operation.inputs
    shapes = [own_shape(left), own_shape(right)]
    rows, inner = shapes[0][-2:][::-1] if transposed[0] else shapes[0][-2:]
    columns = shapes[1][-2:][0] if transposed[1] else shapes[1][-1]
    weight = builder.parameter(right)
    if weight is not None and not transposed[0] and builder.computed(left):
        order: LinearOrder = "OI" if transposed[1] else "IO"
        return _linear(builder, operation, left, weight, (inner, (columns,)), matrices=order)
    if not (builder.computed(left) and builder.computed(right)):
        return False
    product = operations.matmul(
        Extents(prod(own_shape(operation.outputs[0])[:-2]), rows, inner, columns),
        first_transposed=transposed[0],
        second_transposed=transposed[1],
    )
    return builder.own_order_node(product, operation, inputs=[left, right])


def einsum(builder: Builder, operation: TfOperation) -> bool:
    """Convert Einsum of two operands: a linear layer where one is a parameter, or a product.

    Keras's EinsumDense is such a layer. MACs are the product of the extents of all indices.
    """
    equation: str = operation.get_attr("equation").decode()
    terms, _, result = equation.partition("->")
    operands = terms.split(",")
    repeated = any(len(set(term)) != len(term) for term in (*operands, result))
    if len(operands) != 2 or "..." in equation or not result or repeated:
        return False
    extents_of: dict[str, int] = {}
    for term, tensor in zip(operands, operation.inputs, strict=True):
        extents_of.update(zip(term, own_shape(tensor), strict=True))
    inner = prod(extents_of[i] for i in set(operands[0]) | set(operands[1]) if i not in result)
    weights = [builder.parameter(tensor) for tensor in operation.inputs]
    for position, weight in enumerate(weights):
        data = operation.inputs[1 - position]
        if weight is None or not builder.computed(data):
            continue
        feature_indices = [i for i in result if i not in operands[1 - position]]
        if not result.endswith("".join(feature_indices)):
            return False
        features = tuple(extents_of[i] for i in feature_indices)
        # The data's term comes first, whatever their order was.
        ordered = f"{operands[1 - position]},{operands[position]}->{result}"
        return _linear(builder, operation, data, weight, (inner, features), equation=ordered)
    if not all(builder.computed(tensor) for tensor in operation.inputs):
        return False
    first, second = (set(term) for term in operands)
    extents = Extents(
        batch=prod(extents_of[i] for i in result if i in first and i in second),
        m=prod(extents_of[i] for i in result if i not in second),
        k=inner,
        n=prod(extents_of[i] for i in result if i not in first),
    )
    product = operations.matmul(extents, equation=equation)
    return builder.own_order_node(product, operation, inputs=list(operation.inputs))


def _linear(
    builder: Builder,
    operation: TfOperation,
    data: TfTensor,
    weight: Parameter,
    features: tuple[int, tuple[int, ...]],
    *,
    matrices: LinearOrder | None = None,
    equation: str | None = None,
) -> bool:
    """Add a linear layer with the bias that is added right after.

    ``features`` are the number of input features and the extents of the output features, which may
    have several axes. The layer works on the last axes in TensorFlow's order; image-like tensors
    are transposed to it.
    """
    inside, outside = features
    bias, output = added_bias(builder, operation.outputs[0], outside)
    name = output.name.removesuffix(":0")
    layer = operations.linear(inside, prod(outside), bias=bias is not None, equation=equation)
    builder.emit(
        layer,
        operation.name,
        inputs=[builder.own_order(data)],
        outputs=[(name, own_shape(output), output.dtype.base_dtype.name)],
        parameters=[weight, bias],
        matrices=matrices,
    )
    builder.bind(output, name)
    return True
