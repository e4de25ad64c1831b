"""Infers the shapes of all tensors of an ONNX file at batch size 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx import constants, old
from zoodiff.frontends.onnx.call import Value, Weight
from zoodiff.frontends.onnx.constants import SMALL
from zoodiff.frontends.onnx.protobuf import (
    Dimension,
    GraphProto,
    ModelProto,
    NodeProto,
    Repeated,
    TypeProto,
    ValueInfoProto,
)
from zoodiff.frontends.onnx.runtime_operators.blocked import declare

Shape = tuple[int, ...]
STANDARD: dict[str, tuple[str, Sequence[int] | None]] = {
    "DequantizeLinear": ("DequantizeLinear", (0, 1, 2)),
    "QGemm": ("Gemm", (0, 3, 6)),
    "QLinearAdd": ("Add", (0, 3)),
    "QLinearAveragePool": ("AveragePool", (0,)),
    "QLinearConcat": ("Concat", None),
    "QLinearGlobalAveragePool": ("GlobalAveragePool", (0,)),
    "QLinearLeakyRelu": ("LeakyRelu", (0,)),
    "QLinearMul": ("Mul", (0, 3)),
    "QLinearSigmoid": ("Sigmoid", (0,)),
    "QLinearSoftmax": ("Softmax", (0,)),
    "QuantizeLinear": ("QuantizeLinear", (0, 1, 2)),
}
"""Quantised operators of ONNX Runtime (domain ``com.microsoft``), each with ONNX's operator on real
numbers and the positions of the inputs that are not scales or zero points
(https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md)."""

_ROUNDS = 100
"""The largest number of inferences over the whole graph; real files need a handful."""
_UNKNOWN_TO_ONNX = frozenset({"GroupNormalization", "MeanVarianceNormalization"})
"""Standard operators for which ``onnx`` infers no shape; the shape is that of their input."""


_LATER = {"Gelu": 20, "LayerNormalization": 17, "RMSNormalization": 23}
"""Operators that ONNX Runtime writes into files of any opset, each with the opset that has it; the
shape is that of their input."""


def _keeps_shape(node: NodeProto, opset: int) -> bool:
    """Whether the output has the shape of the input, and ``onnx`` does not say so."""
    if node.domain:
        return False
    return node.op_type in _UNKNOWN_TO_ONNX or opset < _LATER.get(node.op_type, 0)


def operands(op: str, count: int) -> list[int]:
    """Return the positions of the operands of an operator of ``STANDARD`` with ``count`` inputs."""
    positions = STANDARD[op][1]
    return list(range(2, count, 3)) if positions is None else [p for p in positions if p < count]


def is_standard(node: NodeProto) -> bool:
    """Whether a node is an operator of ``STANDARD`` with channels first."""
    last = any(a.name == "channels_last" and a.i for a in node.attribute)
    return node.domain == "com.microsoft" and node.op_type in STANDARD and not last


def inferred(
    model: ModelProto, source: str, extent: int, stated: Mapping[str, Shape] | None = None
) -> ModelProto:
    """Return the model with batch size 1, open extents closed, large values dropped, and shapes.

    ``stated`` has shapes of inputs by name. The argument is changed. Raises MeasurementError where
    the inference fails, and for stated shapes that the file does not take.
    """
    from onnx import shape_inference
    from onnx.helper import make_tensor_type_proto

    stored = {t.name: (t.data_type, list(t.dims)) for t in model.graph.initializer}
    for tensor in model.graph.initializer:
        if prod(tensor.dims) > SMALL:
            name, kind, dims = tensor.name, tensor.data_type, list(tensor.dims)
            tensor.Clear()
            tensor.name, tensor.data_type = name, kind
            tensor.dims.extend(dims)
    inputs = [value for value in model.graph.input if value.name not in stored]
    _close_stated(inputs, stated or {}, source)
    for value in inputs:
        _close(value.type.tensor_type.shape.dim, extent)
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")  # it may name the open batch size
        if value.name in stored:  # the shape of a constant is inferred by nothing
            value.type.CopyFrom(make_tensor_type_proto(*stored[value.name]))
    del model.graph.value_info[:]
    opset = next((domain.version for domain in model.opset_import if not domain.domain), 1)
    stand_in = type(model)()
    stand_in.CopyFrom(model)
    declare(stand_in)
    for node in stand_in.graph.node:
        if is_standard(node):
            operand_names = [node.input[p] for p in operands(node.op_type, len(node.input))]
            op = STANDARD[node.op_type][0]
            del node.input[:]
            node.input.extend(operand_names)
            node.op_type, node.domain = op, ""
        elif _keeps_shape(node, opset):
            del node.input[1:], node.attribute[:], node.output[1:]
            node.op_type = "Identity"
    try:
        old.renew(stand_in)
        typed: ModelProto = shape_inference.infer_shapes(stand_in, data_prop=True)
        # onnx evaluates only some of the operators with which exporters compute shapes.
        for _ in range(_ROUNDS):
            if not _unknown(typed.graph) or not _fold(stand_in, shapes(typed.graph)):
                break
            typed = shape_inference.infer_shapes(stand_in, data_prop=True)
        return typed
    except Exception as error:
        raise MeasurementError(
            f"the shapes of {source} cannot be inferred ({' '.join(str(error).split())[:160]})"
        ) from None


def _unknown(graph: GraphProto) -> bool:
    """Whether an output of a node has no shape, or a shape with an open extent."""
    shape_of = shapes(graph)
    output_shapes = (
        shape_of.get(name, (None, 0))[0] for n in graph.node for name in n.output if name
    )
    return any(shape is None or -1 in shape for shape in output_shapes)


def _fold(model: ModelProto, types: Mapping[str, tuple[Shape | None, int]]) -> bool:
    """Replace nodes computable from constants and known shapes; return whether there were any."""
    from onnx import helper, numpy_helper

    opset = next((domain.version for domain in model.opset_import if not domain.domain), 1)
    extents = {name: shape or () for name, (shape, _) in types.items()}
    values = {t.name: constants.initialiser(t) for t in model.graph.initializer}
    changed = False
    for node in model.graph.node:
        inputs = [values.get(name) if name else None for name in node.input]
        results: Sequence[Weight] = ()
        if node.op_type in {"Shape", "Size"} and not node.domain:
            value = Value(node.input[0], extents.get(node.input[0], ()))
            shape = constants.shape_of(node, value, opset)
            results = [] if shape is None else [shape]
        elif node.op_type == "Constant" or (
            any(node.input) and all(name in values for name in node.input if name)
        ):
            results = constants.computed(node, inputs, extents, opset)
        values |= {domain.name: domain for domain in results}
        if node.op_type == "Constant" or len(results) != 1 or results[0].array is None:
            continue
        tensor = numpy_helper.from_array(results[0].array, results[0].name)
        node.CopyFrom(helper.make_node("Constant", [], [results[0].name], value=tensor))
        changed = True
    return changed


def _close_stated(
    inputs: Sequence[ValueInfoProto], stated: Mapping[str, Shape], source: str
) -> None:
    """Set the stated extents, and those of the same name in other inputs.

    Raises MeasurementError for an unknown input, and for extents that are fixed otherwise.
    """
    declared = {value.name: value.type.tensor_type.shape.dim for value in inputs}
    named: dict[str, int] = {}
    for name, shape in stated.items():
        if name not in declared:
            known = ", ".join(declared) or "none"
            raise MeasurementError(f"{source} has no input {name}; its inputs are {known}")
        dims = declared[name]
        fits = len(dims) == len(shape) and all(
            not dim.HasField("dim_value") or dim.dim_value == extent
            for dim, extent in zip(dims, shape, strict=True)
        )
        if not fits:
            words = ",".join(
                str(dim.dim_value) if dim.HasField("dim_value") else dim.dim_param or "?"
                for dim in dims
            )
            raise MeasurementError(
                f"the input {name} of {source} has the shape [{words}], not {list(shape)}"
            )
        for dim, extent in zip(dims, shape, strict=True):
            if not dim.HasField("dim_value") and dim.dim_param:
                named.setdefault(dim.dim_param, extent)
            dim.dim_value = extent
    for dims in declared.values():
        for dim in dims:
            if not dim.HasField("dim_value") and dim.dim_param in named:
                dim.dim_value = named[dim.dim_param]


def _close(dims: Repeated[Dimension], extent: int) -> None:
    """Set open extents: batch 1, three channels for an image, else ``extent``."""
    channels_last = len(dims) == 4 and dims[-1].dim_value in {1, 3}
    for position, dim in enumerate(dims):
        if dim.dim_value < 1 and not dim.HasField("dim_value"):
            image_channel = len(dims) == 4 and position == 1 and not channels_last
            dim.dim_value = 1 if position == 0 else 3 if image_channel else extent


def other_types(graph: GraphProto) -> dict[str, str]:
    """Return the types of what is no tensor, by name: ``seq(float32)``, ``optional(int64)``."""
    every = [*graph.value_info, *graph.output, *graph.input]
    names = {value.name: _type_name(value.type) for value in every}
    return {name: kind for name, kind in names.items() if "(" in kind}


def _type_name(kind: TypeProto) -> str:
    if kind.HasField("sequence_type"):
        return f"seq({_type_name(kind.sequence_type.elem_type)})"
    if kind.HasField("optional_type"):
        return f"optional({_type_name(kind.optional_type.elem_type)})"
    if kind.HasField("map_type"):
        return "map()"
    return constants.dtype(kind.tensor_type.elem_type)


def shapes(graph: GraphProto) -> dict[str, tuple[Shape | None, int]]:
    """Return shape and element type by name; None for an unknown rank, -1 for an open extent."""
    types: dict[str, tuple[Shape | None, int]] = {}
    for value in [*graph.value_info, *graph.output, *graph.input]:
        kind = value.type.tensor_type
        dims = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in kind.shape.dim)
        types[value.name] = (dims if kind.HasField("shape") else None, kind.elem_type)
    return types
