"""Converts normalisation layers, as one operation or spelled out as arithmetic.

TensorFlow has one operation for batch normalisation. Layer normalisation and, at times, batch
normalisation are spelled out by ``tf.nn.batch_normalization``:
``x * inv + (beta - mean * inv)`` with ``inv = gamma / sqrt(variance + epsilon)``
(https://www.tensorflow.org/api_docs/python/tf/nn/batch_normalization). With stored mean and
variance that is batch normalisation; with moments of ``x`` over its last axes it is layer
normalisation (Ba et al., 2016, https://arxiv.org/abs/1607.06450).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from zoodiff.frontends import operations
from zoodiff.frontends.tensorflow.builder import Builder, own_shape
from zoodiff.frontends.tensorflow.protocols import TfOperation, TfTensor
from zoodiff.graph.ir import Parameter

_SUMS = frozenset({"Add", "AddV2"})


def fused_batch_norm(builder: Builder, operation: TfOperation) -> bool:
    """Convert FusedBatchNorm at inference, with stored mean and variance."""
    if operation.get_attr("is_training"):
        return False
    data, *terms = operation.inputs
    gamma, beta, mean, variance = (builder.parameter(tensor) for tensor in terms)
    if mean is None or variance is None:
        return False
    if (gamma is None and not _is(builder, terms[0], 1.0)) or (
        beta is None and not _is(builder, terms[1], 0.0)
    ):
        return False
    return builder.node(
        operations.batch_norm(
            epsilon=_epsilon(operation.get_attr("epsilon")),
            axis=1,
            scale=gamma is not None,
            center=beta is not None,
        ),
        operation,
        inputs=[data],
        outputs=operation.outputs[:1],
        parameters=[gamma, beta, mean, variance],
    )


def spelled_out(builder: Builder, operation: TfOperation) -> bool:
    """Add a normalisation that ends with this operation as one node; return whether it is one."""
    return _moments(builder, operation) or _fused_layer_norm(builder, operation)


@dataclass(frozen=True)
class _Affine:
    """The parts of ``data * inverse + (offset - mean * inverse)``."""

    data: TfTensor
    mean: TfTensor
    inverse: TfTensor
    offset: TfTensor | None


def _moments(builder: Builder, operation: TfOperation) -> bool:
    """Convert the arithmetic of ``tf.nn.batch_normalization``."""
    affine = _affine(builder, operation)
    inverse = None if affine is None else _inverse(builder, affine.inverse)
    if affine is None or inverse is None:
        return False
    beta = None if affine.offset is None else builder.parameter(affine.offset)
    if affine.offset is not None and beta is None:
        return False
    stored = builder.parameter(affine.mean), builder.parameter(inverse.variance)
    if stored[0] is not None and stored[1] is not None:
        return builder.node(
            operations.batch_norm(
                epsilon=inverse.epsilon,
                axis=builder.axis(operation.outputs[0], -1),
                scale=inverse.gamma is not None,
                center=beta is not None,
            ),
            operation,
            inputs=[affine.data],
            parameters=[inverse.gamma, beta, *stored],
        )
    axes = _moment_axes(builder, affine, inverse.variance)
    rank = len(own_shape(affine.data))
    if axes is None or axes != tuple(range(rank - len(axes), rank)):
        return False
    affine_weights = inverse.gamma, beta
    return _layer_norm(builder, operation, affine.data, axes, inverse.epsilon, affine_weights)


@dataclass(frozen=True)
class _Inverse:
    """The parts of ``gamma / sqrt(variance + epsilon)``."""

    gamma: Parameter | None
    variance: TfTensor
    epsilon: float


def _inverse(builder: Builder, tensor: TfTensor) -> _Inverse | None:
    root, gamma = builder.source(tensor), None
    if root.op.type == "Mul":
        gamma, root = _split(builder, root.op)
    if root.op.type != "Rsqrt":
        return None
    total = builder.source(root.op.inputs[0]).op
    if total.type not in _SUMS:
        return None
    for position, operand in enumerate(total.inputs):
        epsilon = builder.constant(operand)
        if epsilon is not None and epsilon.size == 1:
            variance = total.inputs[1 - position]
            return _Inverse(gamma, variance, _epsilon(float(epsilon.reshape(()))))
    return None


def _affine(builder: Builder, operation: TfOperation) -> _Affine | None:
    if operation.type not in _SUMS:
        return None
    product, shift = (builder.source(tensor) for tensor in operation.inputs)
    if product.op.type != "Mul":
        return None
    offset = None
    if shift.op.type == "Sub":
        offset, shift = shift.op.inputs[0], builder.source(shift.op.inputs[1])
    if shift.op.type != "Mul":
        return None
    scaled = [builder.source(tensor) for tensor in product.op.inputs]
    moved = [builder.source(tensor) for tensor in shift.op.inputs]
    for position, inverse in enumerate(scaled):
        for moved_position, candidate in enumerate(moved):
            if inverse.name != candidate.name:
                continue
            mean = moved[1 - moved_position]
            if offset is None:
                # Without an offset the shift is (-mean) * inverse.
                if mean.op.type != "Neg":
                    return None
                mean = builder.source(mean.op.inputs[0])
            return _Affine(scaled[1 - position], mean, inverse, offset)
    return None


def _moment_axes(builder: Builder, affine: _Affine, variance: TfTensor) -> tuple[int, ...] | None:
    """Return the axes over which mean and variance are moments of the data, or None."""
    mean, spread = builder.source(affine.mean).op, builder.source(variance).op
    if mean.type != "Mean" or spread.type != "Mean":
        return None
    squares = builder.source(spread.inputs[0]).op
    data = builder.source(affine.data).name
    if squares.type != "SquaredDifference" or builder.source(mean.inputs[0]).name != data:
        return None
    operands = {builder.source(tensor).name for tensor in squares.inputs}
    if operands != {data, mean.outputs[0].name}:
        return None
    axes = [builder.constant(op.inputs[1]) for op in (mean, spread)]
    if axes[0] is None or axes[1] is None or axes[0].tolist() != axes[1].tolist():
        return None
    rank = len(own_shape(affine.data))
    return tuple(sorted(int(axis) % rank for axis in axes[0].reshape(-1)))


def _fused_layer_norm(builder: Builder, operation: TfOperation) -> bool:
    """Convert Keras's layer normalisation by FusedBatchNorm.

    Keras reshapes ``x`` to ``(1, rows, features, 1)``, normalises each row as if it were a
    channel in training, reshapes back, and then scales and shifts.
    """
    result = operation.outputs[0]
    beta: Parameter | None = None
    gamma: Parameter | None = None
    if result.op.type in _SUMS:
        beta, result = _split(builder, result.op)
    if result.op.type == "Mul":
        gamma, result = _split(builder, result.op)
    if result.op.type != "Reshape":
        return False
    fused = builder.source(result.op.inputs[0]).op
    if not fused.type.startswith("FusedBatchNorm") or not fused.get_attr("is_training"):
        return False
    before = builder.source(fused.inputs[0]).op
    rows = own_shape(fused.inputs[0])
    if before.type != "Reshape" or fused.get_attr("data_format") != b"NCHW":
        return False
    if not (_is(builder, fused.inputs[1], 1.0) and _is(builder, fused.inputs[2], 0.0)):
        return False
    data = before.inputs[0]
    shape = own_shape(data)
    first = next((i for i in range(len(shape)) if prod(shape[i:]) == rows[2]), None)
    if first is None or own_shape(result) != shape or rows[0] != 1 or rows[3] != 1:
        return False
    axes = tuple(range(first, len(shape)))
    epsilon = _epsilon(fused.get_attr("epsilon"))
    return _layer_norm(builder, operation, data, axes, epsilon, (gamma, beta))


def _layer_norm(
    builder: Builder,
    operation: TfOperation,
    data: TfTensor,
    axes: tuple[int, ...],
    epsilon: float,
    affine: tuple[Parameter | None, Parameter | None],
) -> bool:
    gamma, beta = affine
    norm = operations.layer_norm(
        [builder.axis(data, axis) for axis in axes],
        epsilon=epsilon,
        scale=gamma is not None,
        center=beta is not None,
    )
    return builder.node(norm, operation, inputs=[data], parameters=affine)


def _split(builder: Builder, operation: TfOperation) -> tuple[Parameter | None, TfTensor]:
    """Return the parameter among two operands and the other operand; else None and the output."""
    for position, operand in enumerate(operation.inputs):
        parameter = builder.parameter(operand)
        if parameter is not None:
            return parameter, builder.source(operation.inputs[1 - position])
    return None, operation.outputs[0]


def _is(builder: Builder, tensor: TfTensor, value: float) -> bool:
    values = builder.constant(tensor)
    return values is not None and bool((values == value).all())


def _epsilon(value: float) -> float:
    """Return an epsilon as it was written: a float32 of 0.001 reads 0.0010000000474974513."""
    return float(f"{value:.6g}")
