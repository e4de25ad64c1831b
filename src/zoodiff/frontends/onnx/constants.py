"""Constants of an ONNX file, stored or computed from others; with values where they are small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite, prod
from typing import TYPE_CHECKING, Any

from zoodiff.frontends.onnx import integers
from zoodiff.frontends.onnx.call import Value, Weight
from zoodiff.frontends.onnx.protobuf import NodeProto, TensorProto
from zoodiff.frontends.onnx.runtime_operators.blocked import is_blocked, weight_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SMALL = 4096
"""The largest constant, in elements, that keeps its values: shapes, axes and pads are read."""
_SETTINGS = 8
"""The largest constant, in elements, that is named as a setting of an operation."""
_SHAPE_KEEPERS = frozenset(
    {
        "Cast",
        "DequantizeLinear",
        "Flatten",
        "Identity",
        "QuantizeLinear",
        "Reshape",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)
"""Operators whose result is still the same weight."""
_LARGEST_MASK = 2**18
"""Elements; constants of truth values up to this keep their values, since masks are read."""
_MASKING = frozenset({"And", "Cast", "ConstantOfShape", "Expand", "Not", "Or", "Trilu", "Where"})
"""Operators that make masks, of more elements than other constants."""
_EVALUATED = frozenset(
    {
        "Abs",
        "Add",
        "And",
        "Cast",
        "Ceil",
        "Concat",
        "ConstantOfShape",
        "Div",
        "Equal",
        "Expand",
        "Flatten",
        "Floor",
        "Gather",
        "Greater",
        "GreaterOrEqual",
        "Identity",
        "Less",
        "LessOrEqual",
        "Max",
        "Min",
        "Mod",
        "Mul",
        "Neg",
        "Not",
        "Or",
        "Pow",
        "Range",
        "Reciprocal",
        "ReduceMax",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "Reshape",
        "Round",
        "Shape",
        "Sign",
        "Size",
        "Slice",
        "Sqrt",
        "Squeeze",
        "Sub",
        "Transpose",
        "Trilu",
        "Unsqueeze",
        "Where",
        "Xor",
    }
)
"""Operators that are computed on small constants. The output of none is much larger than its input,
or its size is checked first."""


def initialiser(tensor: TensorProto) -> Weight:
    """Return a tensor that the file stores, with its values if they are few and in the file."""
    from onnx import numpy_helper

    array = None
    if prod(tensor.dims) <= SMALL and not tensor.external_data:
        try:
            array = numpy_helper.to_array(tensor)
        except Exception:
            array = None  # its values are damaged; its shape is still known
    return Weight(tensor.name, tuple(tensor.dims), dtype(tensor.data_type), tensor.name, array)


def shape_of(node: NodeProto, value: Value, opset: int) -> Weight | None:
    """Return the output of ``Shape`` or ``Size``; None where an extent is unknown."""
    import numpy as np

    if not value.shape or min(value.shape) < 0:
        return None
    settings = attributes(node)
    if node.op_type == "Size":
        array = np.asarray(prod(value.shape), dtype=np.int64)
    else:
        part = slice(settings.get("start"), settings.get("end")) if opset >= 15 else slice(None)
        array = np.asarray(value.shape[part], dtype=np.int64)
    name = node.output[0]
    return Weight(name, tuple(array.shape), "int64", name, array, of_shape=True)


def of_dynamic_quantisation(node: NodeProto) -> list[Weight]:
    """Return scale 1 and zero point 0 for a ``DynamicQuantizeLinear``, which becomes the identity.

    Later products by the scale are unchanged, since (x / s) (s W) = x W.
    """
    import numpy as np

    values: list[NDArray[np.generic]] = [np.ones((), np.float32), np.zeros((), np.uint8)]
    return [
        Weight(name, (), str(array.dtype), name, array)
        for name, array in zip(node.output[1:], values, strict=False)
        if name
    ]


def _keeps(node: NodeProto, weight: Weight, shape: tuple[int, ...]) -> bool:
    """Whether a node's result is the same weight, as of an expansion that repeats nothing."""
    repeats = prod(shape) != prod(weight.shape)
    return node.op_type in _SHAPE_KEEPERS or (node.op_type == "Expand" and not repeats)


def computed(
    node: NodeProto,
    operands: Sequence[Weight | None],
    inferred: Mapping[str, tuple[int, ...]],
    opset: int,
) -> list[Weight]:
    """Return the named outputs of a node that computes from constants alone."""
    import numpy as np

    if node.op_type == "Constant":
        return [_constant(node)]
    if is_blocked(node):
        return [weight_of(node, operands)]
    weights = [weight for weight in operands if weight is not None]
    outputs = []
    for name in (n for n in node.output if n):
        array = _evaluated(node, operands, opset) if name == node.output[0] else None
        shape = inferred.get(name, ()) if array is None else tuple(array.shape)
        kind = "float32" if array is None else str(array.dtype)
        origin, stored, axes = name, None, None
        stepped: Weight | None = None
        if node.op_type == "ConstantOfShape" and weights and weights[0].array is not None:
            shape = tuple(int(n) for n in weights[0].array)
            fill = [a for a in node.attribute if a.name == "value"]
            kind = dtype(fill[0].t.data_type) if fill else "float32"
        elif weights and _keeps(node, weights[0], tuple(shape)):
            # For a shape or a list of axes, which may be cast too, only the values matter.
            origin, stored = weights[0].origin, weights[0].stored or weights[0].shape
            kind = weights[0].dtype
            axes = _moved(node, weights[0], tuple(shape))
            stepped = weights[0]
            if node.op_type == "DequantizeLinear" and len(weights) > 1:
                axis = attributes(node).get("axis", 1)
                stepped = weights[0].stepped(weights[1], axis)
                zero = weights[2] if len(weights) > 2 else None
                values = integers.real_values(weights[0], weights[1], zero, axis)
                array = None if values is None else np.asarray(values, dtype=np.float32)
        weight = Weight(name, shape, kind, origin, array, stored, axes)
        if stored is None and weights:
            weight = replace(weight, computed_by=_computation(node, operands))
        elif stored is not None:
            weight = replace(weight, computed_by=weights[0].computed_by)
        if any(w.of_shape for w in weights) and not any(_learned(w) for w in weights):
            weight = replace(weight, of_shape=True)
        if stepped is not None:
            weight = replace(
                weight,
                steps=stepped.steps,
                steps_axis=stepped.steps_axis,
                steps_in=stepped.steps_in,
                steps_block=stepped.steps_block,
            )
        outputs.append(weight)
    return outputs


def _computation(node: NodeProto, operands: Sequence[Weight | None]) -> tuple[str, str]:
    """The name of an operation on constants, and its operator with attributes and settings."""
    settings = [f"{key} {value}" for key, value in sorted(attributes(node).items())]
    for weight in operands[1:]:
        if weight is not None and weight.array is not None and weight.array.size <= _SETTINGS:
            settings.append(", ".join(f"{value:.6g}" for value in weight.array.reshape(-1)))
    more = f" ({'; '.join(settings)})" if settings else ""
    return node.name or node.output[0], f"{node.op_type}{more}"


def _moved(node: NodeProto, source: Weight, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the axis of a node's result for each axis of the stored tensor; None if unknown."""
    before = tuple(range(len(source.shape))) if source.stored is None else source.axes
    if before is None:
        return None
    if node.op_type == "Transpose":
        order = attributes(node).get("perm") or range(len(source.shape))[::-1]
        places = [list(order).index(axis) for axis in range(len(source.shape))]
    elif source.shape == shape:
        places = list(range(len(shape)))
    else:
        axes_before = [axis for axis, extent in enumerate(source.shape) if extent != 1]
        axes_after = [axis for axis, extent in enumerate(shape) if extent != 1]
        if [source.shape[axis] for axis in axes_before] != [shape[axis] for axis in axes_after]:
            return None
        at = dict(zip(axes_before, axes_after, strict=True))
        places = [at.get(axis, -1) for axis in range(len(source.shape))]
    return tuple(places[axis] if axis >= 0 else -1 for axis in before)


def _constant(node: NodeProto) -> Weight:
    import numpy as np

    name = node.output[0]
    for attribute in node.attribute:
        if attribute.name == "value":
            tensor = initialiser(attribute.t)
            return Weight(name, tensor.shape, tensor.dtype, name, tensor.array)
        if attribute.name == "sparse_value":
            dims = tuple(attribute.sparse_tensor.dims)
            kind = dtype(attribute.sparse_tensor.values.data_type)
            return Weight(name, dims, kind, name)
    ((key, value),) = attributes(node).items()
    array = np.asarray(value, dtype=np.float32 if key.startswith("value_float") else None)
    return Weight(name, tuple(array.shape), str(array.dtype), name, array)


def _evaluated(
    node: NodeProto, operands: Sequence[Weight | None], opset: int
) -> NDArray[np.generic] | None:
    """Return the first output by ONNX's reference implementation; None where it is too costly."""
    if node.domain or node.op_type not in _EVALUATED:
        return None
    if any(weight is not None and weight.array is None for weight in operands):
        return None
    most = _LARGEST_MASK if node.op_type in _MASKING else SMALL
    sized = {"ConstantOfShape": 0, "Expand": 1}.get(node.op_type)
    shape = operands[sized] if sized is not None and sized < len(operands) else None
    if shape is not None and prod(shape.integers() or []) > most:
        return None
    if node.op_type == "Range" and not _is_short(operands, most):
        return None
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    feeds = {
        name: weight.array
        for name, weight in zip(node.input, operands, strict=True)
        if weight is not None
    }
    graph = helper.make_graph(
        [node],
        "constant",
        [helper.make_empty_tensor_value_info(name) for name in feeds],
        [helper.make_empty_tensor_value_info(node.output[0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    try:
        (array,) = ReferenceEvaluator(model).run(None, feeds)
    except Exception:
        return None  # an old form that the reference does not know
    return array if array.size <= most else None


def _learned(weight: Weight) -> bool:
    """Whether a constant may be a weight of the network, such as a token that is repeated."""
    real = weight.dtype.startswith(("float", "bfloat"))
    return real and not weight.of_shape and prod(weight.shape) != 1


def _is_short(operands: Sequence[Weight | None], most: int) -> bool:
    """Whether a ``Range`` (start, limit, step) has at most so many numbers."""
    bounds = [weight.scalar if weight is not None else None for weight in operands]
    if len(bounds) != 3 or any(bound is None or not isfinite(bound) for bound in bounds):
        return False
    start, limit, step = (bound for bound in bounds if bound is not None)
    return step != 0 and (limit - start) / step <= most


def attributes(node: NodeProto) -> dict[str, Any]:
    """Return the attributes that are numbers, texts or lists of them, floats by ``written``."""
    from onnx import AttributeProto, helper

    values: dict[str, Any] = {}
    for attribute in node.attribute:
        value = helper.get_attribute_value(attribute)
        if attribute.type == AttributeProto.FLOAT:
            value = written(value)
        elif attribute.type == AttributeProto.FLOATS:
            value = [written(v) for v in value]
        elif attribute.type == AttributeProto.STRING:
            value = value.decode(errors="replace")
        elif attribute.type == AttributeProto.STRINGS:
            value = [v.decode(errors="replace") for v in value]
        elif attribute.type == AttributeProto.INTS:
            value = list(value)
        elif attribute.type != AttributeProto.INT:
            continue
        values[attribute.name] = value
    return values


def written(value: float) -> float:
    """Return the shortest decimal with the same float32 value.

    >>> written(9.999999747378752e-06)
    1e-05
    """
    import numpy as np

    return float(str(np.float32(value)))


def type_code(element_type: int | str) -> int:
    """Return the code of an element type, which old opsets give by name; 0 if unknown."""
    from onnx import TensorProto

    if isinstance(element_type, int):
        return element_type
    return int(dict(TensorProto.DataType.items()).get(element_type.upper(), 0))


def dtype(code: int) -> str:
    """Return numpy's name of an element type; ``undefined`` for an unknown code."""
    from onnx import TensorProto

    is_defined = code in TensorProto.DataType.values()
    name = str(TensorProto.DataType.Name(code)).lower() if is_defined else "undefined"
    return {"float": "float32", "double": "float64"}.get(name, name)
