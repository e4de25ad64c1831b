"""The weights of an ONNX file: identified by their operators, counted, randomised.

This works on the plain protobuf and shares no rule with the frontend, so that the two counts are
independent.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import TYPE_CHECKING, Any, cast

from zoodiff.frontends.onnx.protobuf import GraphProto, ModelProto, NodeProto, TensorProto

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LAYERS: dict[str, dict[int, str]] = {
    "Conv": {1: "kernel", 2: "shift"},
    "ConvTranspose": {1: "kernel", 2: "shift"},
    "ConvInteger": {1: "kernel"},
    "QLinearConv": {3: "kernel", 8: "shift"},
    "Gemm": {0: "kernel", 1: "kernel", 2: "shift"},
    "QGemm": {0: "kernel", 3: "kernel", 6: "shift"},
    "GatherBlockQuantized": {0: "kernel"},
    "MatMulNBits": {1: "kernel", 5: "shift"},
    "MatMul": {0: "kernel", 1: "kernel"},
    "MatMulInteger": {0: "kernel", 1: "kernel"},
    "QLinearMatMul": {0: "kernel", 3: "kernel"},
    "BatchNormalization": {1: "scale", 2: "shift", 3: "mean", 4: "variance"},
    "GroupNormalization": {1: "scale", 2: "shift"},
    "InstanceNormalization": {1: "scale", 2: "shift"},
    "LayerNormalization": {1: "scale", 2: "shift"},
    "RMSNormalization": {1: "scale"},
    "GRU": {1: "kernel", 2: "kernel", 3: "shift", 5: "other"},
    "LSTM": {1: "kernel", 2: "kernel", 3: "shift", 5: "other", 6: "other", 7: "other"},
    "RNN": {1: "kernel", 2: "kernel", 3: "shift", 5: "other"},
}
"""Role of each input position per operator; other positions are scales and zero points."""
_RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
_ELEMENTWISE = {"Add": "shift", "Sub": "shift", "Sum": "shift", "Mul": "scale", "Div": "scale"}
_NONE = frozenset({"Clip", "Pad", "Pow", "QuantizeLinear", "Resize", "Upsample"})
"""Operators whose inputs other than the first are settings."""
SAME_WEIGHT = frozenset(
    {
        "BlockedWeight",
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
"""Operators after which a weight is still the same weight."""


@dataclass(frozen=True)
class Weight:
    """A weight: shape and type in the file, and role in the operator that reads it."""

    shape: tuple[int, ...]
    dtype: int
    """An ``onnx.TensorProto.DataType``."""
    role: str
    fan_in: int
    """Number of terms that an output of the operator sums."""
    stored: tuple[int, ...] = ()
    """The shape in the file, where its bytes hold several numbers each."""


def weights(graph: GraphProto) -> dict[str, Weight]:
    """Return the weights among initialisers and constant nodes, by the name of the tensor."""
    tensors = constants(graph)
    root = {name: name for name in tensors}
    by_name: dict[str, Weight] = {}
    reshaped = {node.output[0] for node in graph.node if node.op_type == "Reshape" and node.output}
    states = {n for node in graph.node if node.op_type in _RECURRENT for n in node.input[5:7]}
    for node in graph.node:
        if node.op_type in SAME_WEIGHT and node.input and node.input[0] in root:
            root[node.output[0]] = root[node.input[0]]
            continue
        if _is_inner_norm(graph, node, reshaped):
            continue
        for position, input_name in enumerate(node.input):
            name = root.get(input_name)
            if name is None:
                continue
            shape, dtype = tensors[name]
            role = _role(node, position, shape, dtype)
            if node.op_type == "Add" and len(shape) > 1 and _is_mask(graph, node, name):
                continue
            if _is_state(node, position, states) and _filled(graph, name, 0.0):
                continue  # an initial state of zeros
            if role is not None and name not in by_name:
                extents = _unpacked(node, shape, dtype) if role == "kernel" else shape
                fan_in = _fan_in(node, position, extents)
                stored = shape if extents != shape else ()
                by_name[name] = Weight(extents, dtype, role, fan_in, stored)
    return by_name


def _unpacked(node: NodeProto, shape: tuple[int, ...], dtype: int) -> tuple[int, ...]:
    """Return the shape of a weight of which a byte may hold several numbers."""
    from onnx import TensorProto

    settings = {a.name: int(a.i) for a in node.attribute}
    if node.op_type == "MatMulNBits":
        return settings.get("N", 0), settings.get("K", 0)
    if node.op_type == "GatherBlockQuantized" and dtype == TensorProto.UINT8 and shape:
        return *shape[:-1], shape[-1] * 8 // settings.get("bits", 4)
    return shape


def counts(graph: GraphProto) -> dict[str, int]:
    """Return the numbers of scalars in learned weights, and in moving means and variances."""
    sizes = {"parameters": 0, "statistics": 0}
    for weight in weights(graph).values():
        kind = "statistics" if weight.role in {"mean", "variance"} else "parameters"
        sizes[kind] += prod(weight.shape)
    return sizes


def randomise(model: ModelProto, seed: int) -> None:
    """Replace every weight of a model by random values, in place.

    Kernels are normal with the deviation of K. He et al., "Delving deep into rectifiers", 2015;
    scales and variances lie between 0.5 and 1.5, shifts and means near 0. Quantised kernels are
    normal over the range of their type.
    """
    import numpy as np
    from onnx import TensorProto

    rng = np.random.default_rng(seed)

    def draw(weight: Weight) -> NDArray[np.generic]:
        if weight.stored:
            return rng.integers(0, 256, weight.stored, dtype=np.uint8)
        if weight.dtype in {TensorProto.INT4, TensorProto.UINT4}:
            least = -8 if weight.dtype == TensorProto.INT4 else 0
            return rng.integers(least, least + 16, weight.shape).astype(dtype_of(weight.dtype))
        normal = rng.standard_normal(weight.shape, dtype=np.float32)
        if weight.dtype == TensorProto.INT8:
            return np.clip(normal * 42, -127, 127).astype(np.int8)
        if weight.dtype == TensorProto.UINT8:
            return np.clip(normal * 42 + 128, 0, 255).astype(np.uint8)
        if weight.dtype == TensorProto.INT32:
            return (normal * 100).astype(np.int32)
        if weight.role in {"scale", "variance"}:
            normal = rng.random(weight.shape, dtype=np.float32) + 0.5
        else:
            normal *= sqrt(2 / max(weight.fan_in, 1)) if weight.role == "kernel" else 0.1
        kind = {TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}
        return normal.astype(kind.get(weight.dtype, np.float32), copy=False)

    targets = weights(model.graph)
    replace(model, {name: draw(weight) for name, weight in targets.items()})


def value(
    source: TensorProto | NodeProto, kind: tuple[tuple[int, ...], int]
) -> NDArray[np.generic]:
    """Return the values of an initialiser or of a constant node as a numpy array.

    ``kind`` is its shape and type, as ``constants`` returns them.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    if isinstance(source, onnx.TensorProto):
        return np.asarray(numpy_helper.to_array(source))
    node = cast("NodeProto", source)
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if "value_floats" in attributes:
        return np.asarray(attributes["value_floats"], dtype=np.float32)
    if node.op_type == "Constant":
        return np.asarray(numpy_helper.to_array(attributes["value"]))
    fill = numpy_helper.to_array(attributes["value"]).item() if "value" in attributes else 0
    return np.full(kind[0], fill, dtype=dtype_of(kind[1]))


def dtype_of(kind: int) -> np.dtype[np.generic]:
    """Return the numpy type of an ``onnx.TensorProto.DataType``."""
    from onnx import helper

    dtype: np.dtype[np.generic] = helper.tensor_dtype_to_np_dtype(kind)
    return dtype


def replace(model: ModelProto, arrays: Mapping[str, Any]) -> None:
    """Replace initialisers and constant nodes of a model by values, in place."""
    from onnx import numpy_helper

    graph = model.graph
    present = set()
    for tensor in graph.initializer:
        if tensor.name in arrays:
            present.add(tensor.name)
            tensor.CopyFrom(numpy_helper.from_array(arrays[tensor.name], tensor.name))
    remaining = [node for node in graph.node if not arrays.keys() & set(node.output)]
    del graph.node[:]
    graph.node.extend(remaining)
    added = [numpy_helper.from_array(a, n) for n, a in arrays.items() if n not in present]
    graph.initializer.extend(added)
    # Before IR version 4 an initialiser had to be an input too.
    model.ir_version = max(model.ir_version, 4)


def constants(graph: GraphProto) -> dict[str, tuple[tuple[int, ...], int]]:
    """Return shape and type of all initialisers and constants by name, weights or not."""
    from onnx import TensorProto, numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    kinds = {name: (tuple(t.dims), t.data_type) for name, t in tensors.items()}
    for node in graph.node:
        value = next((a.t for a in node.attribute if a.name == "value"), None)
        listed = next((a.floats for a in node.attribute if a.name == "value_floats"), None)
        if node.op_type == "Constant" and value is not None:
            tensors[node.output[0]] = value
            kinds[node.output[0]] = (tuple(value.dims), value.data_type)
        elif node.op_type == "Constant" and listed is not None:
            kinds[node.output[0]] = ((len(listed),), TensorProto.FLOAT)
        elif node.op_type == "ConstantOfShape" and node.input[0] in tensors:
            shape = numpy_helper.to_array(tensors[node.input[0]])
            kind = value.data_type if value is not None else TensorProto.FLOAT
            kinds[node.output[0]] = (tuple(int(n) for n in shape), kind)
    return kinds


def _role(node: NodeProto, position: int, shape: Sequence[int], dtype: int) -> str | None:
    """Return the role of a constant in the node that reads it; None if it is not a weight.

    A single number is a weight only if a layer reads it, otherwise a setting.
    """
    from onnx import TensorProto

    if node.op_type in _LAYERS:
        return _LAYERS[node.op_type].get(position)
    real = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}
    if dtype not in real or prod(shape) == 1 or node.op_type in _NONE:
        return None
    if node.domain == "com.microsoft" and node.op_type.startswith("QLinear"):
        return None
    return _ELEMENTWISE.get(node.op_type, "other")


def _is_mask(graph: GraphProto, node: NodeProto, name: str) -> bool:
    """Whether a constant only hides scores from a softmax: zeros and very negative numbers."""
    readers = [user.op_type for user in graph.node if node.output[0] in user.input]
    values = _values(graph, name) if set(readers) == {"Softmax"} else []
    return any(bool(((x == 0) | (x <= -1e4)).all() and (x < 0).any()) for x in values)


def _is_state(node: NodeProto, position: int, states: Container[str]) -> bool:
    """Whether a node reads the initial state of a recurrent layer, or repeats it for a batch."""
    repeated = node.op_type == "Expand" and position == 0 and node.output[0] in states
    return repeated or (node.op_type in _RECURRENT and position in {5, 6})


def _is_inner_norm(graph: GraphProto, node: NodeProto, reshaped: Container[str]) -> bool:
    """Whether a node is the norm inside a group norm, whose ones and zeros are no weights."""
    if node.op_type != "InstanceNormalization" or node.input[0] not in reshaped:
        return False
    return _filled(graph, node.input[1], 1.0) and _filled(graph, node.input[2], 0.0)


def _filled(graph: GraphProto, name: str, number: float) -> bool:
    """Whether a constant is this number everywhere."""
    return any(bool((values == number).all()) for values in _values(graph, name))


def _values(graph: GraphProto, name: str) -> list[NDArray[Any]]:
    """The values of a constant; none where the file makes it otherwise, or they were not read."""
    known = constants(graph).get(name)
    if known is None:
        return []
    sources: tuple[TensorProto | NodeProto, ...] = (
        *(t for t in graph.initializer if t.name == name and _is_read(t)),
        *(node for node in graph.node if name in node.output and _is_read(node)),
    )
    return [value(source, known) for source in sources]


def _is_read(source: TensorProto | NodeProto) -> bool:
    """Whether values are at hand: not those beside the file, nor large ones that were dropped."""
    import onnx

    if isinstance(source, onnx.NodeProto):
        return all(_is_read(a.t) for a in source.attribute if a.name == "value")
    tensor = cast("TensorProto", source)
    return not tensor.external_data and bool(tensor.raw_data or _listed(tensor))


def _listed(tensor: Any) -> bool:
    """Whether a tensor's values are listed one by one."""
    fields = (tensor.float_data, tensor.int32_data, tensor.int64_data, tensor.double_data)
    return any(map(len, fields))


def _fan_in(node: NodeProto, position: int, shape: Sequence[int]) -> int:
    if len(shape) < 2:
        return 1
    if node.op_type == "ConvTranspose":
        return prod(shape) // shape[1]
    if "Conv" in node.op_type:
        return prod(shape[1:])
    turned = any(a.name == "transB" and a.i for a in node.attribute)
    if position == 0 or turned or node.op_type in _RECURRENT:
        return int(shape[-1])
    return int(shape[-2])
