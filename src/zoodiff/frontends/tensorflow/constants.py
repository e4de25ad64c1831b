"""Values of a TensorFlow graph that are known before the network runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from zoodiff.frontends.tensorflow.protocols import TfOperation, TfTensor

if TYPE_CHECKING:
    from zoodiff.frontends.tensorflow.protocols import Array

if TYPE_CHECKING:
    pass

Lookup = Callable[[TfTensor], "Array | None"]
Compute = Callable[..., "Array | None"]


def fold(tensor: TfTensor, constant: Lookup, limit: int) -> Array | None:
    """Return the value of a tensor, or None; ``constant`` returns the values of its operands.

    Expressions over constants are computed up to ``limit`` elements; a stored constant is returned
    whatever its size. The shape of a tensor is constant where it is known.
    """
    import numpy as np
    import tensorflow as tf

    operation = tensor.op
    if operation.type == "Shape":
        shape = operation.inputs[0].shape
        return np.array(shape.as_list()) if shape.is_fully_defined() else None
    if operation.type == "Const":
        value = tf.get_static_value(tensor)
        return None if value is None else np.asarray(value)
    compute = _NUMPY.get(operation.type)
    if compute is None or not tensor.shape.is_fully_defined():
        return None
    if tensor.shape.num_elements() > limit:
        return None
    operands = [constant(operand) for operand in operation.inputs]
    if any(operand is None for operand in operands):
        return None
    result = compute(operation, *operands)
    return None if result is None else np.asarray(result)


def _strided_slice(
    operation: TfOperation, data: Array, begin: Array, end: Array, strides: Array
) -> Array | None:
    if operation.get_attr("ellipsis_mask") or operation.get_attr("new_axis_mask"):
        return None
    index: list[int | slice] = []
    for axis in range(len(begin)):
        bit = 1 << axis
        if operation.get_attr("shrink_axis_mask") & bit:
            index.append(int(begin[axis]))
            continue
        start = None if operation.get_attr("begin_mask") & bit else int(begin[axis])
        stop = None if operation.get_attr("end_mask") & bit else int(end[axis])
        index.append(slice(start, stop, int(strides[axis])))
    return data[tuple(index)]


def _cast(operation: TfOperation, data: Array) -> Array | None:
    return data.astype(operation.get_attr("DstT").as_numpy_dtype)


def _pack(operation: TfOperation, *parts: Array) -> Array | None:
    import numpy as np

    return np.stack(parts, axis=operation.get_attr("axis"))


def _product(operation: TfOperation, data: Array, axes: Array) -> Array | None:
    import numpy as np

    axis = tuple(int(a) for a in np.atleast_1d(axes))
    return np.asarray(
        np.prod(data, axis=axis, keepdims=operation.get_attr("keep_dims"), dtype=data.dtype)
    )


def _elementwise(name: str) -> Compute:
    def compute(operation: TfOperation, *operands: Array) -> Array | None:
        import numpy as np

        del operation
        return np.asarray(getattr(np, name)(*operands))

    return compute


def _rsqrt(operation: TfOperation, data: Array) -> Array | None:
    import numpy as np

    del operation
    return 1.0 / np.sqrt(data)


def _fill(operation: TfOperation, dims: Array, value: Array) -> Array | None:
    import numpy as np

    del operation
    return np.full(dims, value)


_NUMPY: dict[str, Compute] = {
    "Add": _elementwise("add"),
    "AddV2": _elementwise("add"),
    "Cast": _cast,
    "Fill": _fill,
    "Mul": _elementwise("multiply"),
    "Neg": _elementwise("negative"),
    "OnesLike": _elementwise("ones_like"),
    "Pack": _pack,
    "Prod": _product,
    "RealDiv": _elementwise("divide"),
    "Reshape": _elementwise("reshape"),
    "Rsqrt": _rsqrt,
    "Sqrt": _elementwise("sqrt"),
    "StridedSlice": _strided_slice,
    "Sub": _elementwise("subtract"),
    "ZerosLike": _elementwise("zeros_like"),
}
