"""The weights of an ONNX file: identified by their operators, counted, randomised.

This works on the plain protobuf and shares no rule with the frontend, so that the two counts check
each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    "MatMul": {0: "kernel", 1: "kernel"},
    "MatMulInteger": {0: "kernel", 1: "kernel"},
    "QLinearMatMul": {0: "kernel", 3: "kernel"},
    "BatchNormalization": {1: "scale", 2: "shift", 3: "mean", 4: "variance"},
    "GroupNormalization": {1: "scale", 2: "shift"},
    "InstanceNormalization": {1: "scale", 2: "shift"},
    "LayerNormalization": {1: "scale", 2: "shift"},
    "RMSNormalization": {1: "scale"},
}
"""What each operator reads where; positions that are not named hold scales and zero points."""
_ELEMENTWISE = {"Add": "shift", "Sub": "shift", "Sum": "shift", "Mul": "scale", "Div": "scale"}
_NONE = frozenset({"Clip", "Pad", "Pow", "QuantizeLinear", "Resize", "Upsample"})
"""Operators whose further inputs are settings."""
_SAME = frozenset(
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
"""Operators that leave a weight the same weight."""


@dataclass(frozen=True)
class WeightsAccess:
    """A weight: its place in the file and its role in the operator that reads it."""

    shape: tuple[int, ...]
    dtype: int
    """An ``onnx.TensorProto.DataType``."""
    role: str
    fan_in: int
    """Numbers that one output of the operator is a sum of."""


def weights(graph: GraphProto) -> dict[str, WeightsAccess]:
    """Weights by the name of the tensor, of initialisers and of nodes that make a constant."""
    known = held(graph)
    root = {name: name for name in known}
    found: dict[str, WeightsAccess] = {}
    for node in graph.node:
        if node.op_type in _SAME and node.input and node.input[0] in root:
            root[node.output[0]] = root[node.input[0]]
            continue
        for position, given in enumerate(node.input):
            name = root.get(given)
            if name is None:
                continue
            shape, dtype = known[name]
            role = _role(node, position, shape, dtype)
            if role is not None and name not in found:
                found[name] = WeightsAccess(shape, dtype, role, _fan_in(node, position, shape))
    return found


def counts(graph: GraphProto) -> dict[str, int]:
    """Scalars in learned weights, and in moving means and variances."""
    sizes = {"parameters": 0, "statistics": 0}
    for one in weights(graph).values():
        kind = "statistics" if one.role in {"mean", "variance"} else "parameters"
        sizes[kind] += prod(one.shape)
    return sizes


def randomise(model: ModelProto, seed: int) -> None:
    """Draw every weight anew, in place.

    Kernels are normal with the deviation of K. He et al., "Delving deep into rectifiers", 2015;
    scales and variances lie between 0.5 and 1.5, shifts and means near 0. Quantised kernels are
    normal over the range of their type.
    """
    import numpy as np
    from onnx import TensorProto

    rng = np.random.default_rng(seed)

    def draw(one: WeightsAccess) -> NDArray[np.generic]:
        normal = rng.standard_normal(one.shape, dtype=np.float32)
        if one.dtype == TensorProto.INT8:
            return np.clip(normal * 42, -127, 127).astype(np.int8)
        if one.dtype == TensorProto.UINT8:
            return np.clip(normal * 42 + 128, 0, 255).astype(np.uint8)
        if one.dtype == TensorProto.INT32:
            return (normal * 100).astype(np.int32)
        if one.role in {"scale", "variance"}:
            normal = rng.random(one.shape, dtype=np.float32) + 0.5
        else:
            normal *= sqrt(2 / max(one.fan_in, 1)) if one.role == "kernel" else 0.1
        kind = {TensorProto.FLOAT16: np.float16, TensorProto.DOUBLE: np.float64}
        return normal.astype(kind.get(one.dtype, np.float32), copy=False)

    found = weights(model.graph)
    replace(model, {name: draw(one) for name, one in found.items()})


def value(made: TensorProto | NodeProto, kind: tuple[tuple[int, ...], int]) -> NDArray[np.generic]:
    """The values of an initialiser, or of what a node makes, as a numpy array.

    ``made`` is the ``TensorProto`` or the node, ``kind`` what ``held`` says of it.
    """
    import numpy as np
    import onnx
    from onnx import helper, numpy_helper

    if isinstance(made, onnx.TensorProto):
        return np.asarray(numpy_helper.to_array(made))
    node = cast("NodeProto", made)
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if "value_floats" in given:
        return np.asarray(given["value_floats"], dtype=np.float32)
    if node.op_type == "Constant":
        return np.asarray(numpy_helper.to_array(given["value"]))
    fill = numpy_helper.to_array(given["value"]).item() if "value" in given else 0
    return np.full(kind[0], fill, dtype=dtype_of(kind[1]))


def dtype_of(kind: int) -> np.dtype[np.generic]:
    """The numpy type of an ``onnx.TensorProto.DataType``."""
    from onnx import helper

    dtype: np.dtype[np.generic] = helper.tensor_dtype_to_np_dtype(kind)
    return dtype


def replace(model: ModelProto, arrays: Mapping[str, Any]) -> None:
    """Put values in place of initialisers and of nodes that make a constant, in place."""
    from onnx import numpy_helper

    graph = model.graph
    present = set()
    for tensor in graph.initializer:
        if tensor.name in arrays:
            present.add(tensor.name)
            tensor.CopyFrom(numpy_helper.from_array(arrays[tensor.name], tensor.name))
    kept = [node for node in graph.node if not arrays.keys() & set(node.output)]
    del graph.node[:]
    graph.node.extend(kept)
    made = [numpy_helper.from_array(a, n) for n, a in arrays.items() if n not in present]
    graph.initializer.extend(made)
    # Before IR version 4 an initialiser had to be an input too.
    model.ir_version = max(model.ir_version, 4)


def held(graph: GraphProto) -> dict[str, tuple[tuple[int, ...], int]]:
    """Shape and type of all initialisers and constants by name, weights or not."""
    from onnx import TensorProto, numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    found = {name: (tuple(t.dims), t.data_type) for name, t in tensors.items()}
    for node in graph.node:
        value = next((a.t for a in node.attribute if a.name == "value"), None)
        listed = next((a.floats for a in node.attribute if a.name == "value_floats"), None)
        if node.op_type == "Constant" and value is not None:
            tensors[node.output[0]] = value
            found[node.output[0]] = (tuple(value.dims), value.data_type)
        elif node.op_type == "Constant" and listed is not None:
            found[node.output[0]] = ((len(listed),), TensorProto.FLOAT)
        elif node.op_type == "ConstantOfShape" and node.input[0] in tensors:
            shape = numpy_helper.to_array(tensors[node.input[0]])
            kind = value.data_type if value is not None else TensorProto.FLOAT
            found[node.output[0]] = (tuple(int(n) for n in shape), kind)
    return found


def _role(node: NodeProto, position: int, shape: Sequence[int], dtype: int) -> str | None:
    """What a constant is to the node that reads it; None where it is no weight.

    A single number is a weight only where a layer reads it: elsewhere it is a setting.
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


def _fan_in(node: NodeProto, position: int, shape: Sequence[int]) -> int:
    if len(shape) < 2:
        return 1
    if node.op_type == "ConvTranspose":
        return prod(shape) // shape[1]
    if "Conv" in node.op_type:
        return prod(shape[1:])
    turned = any(a.name == "transB" and a.i for a in node.attribute)
    if position == 0 or turned:
        return int(shape[-1])
    return int(shape[-2])


def computed(model: ModelProto) -> dict[str, NDArray[Any]]:
    """The tensors that nodes compute from constants alone and other nodes read, by name.

    A graph names one as a weight where it cannot be said of which tensor it is a part: a table of
    position biases picked by index. Empty where ONNX's reference cannot compute them.
    """
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    graph = model.graph
    constant, inside, read = set(held(graph)), [], set()
    constant |= {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if any(a.HasField("g") or a.graphs for a in node.attribute):
            return {}
        given = [name for name in node.input if name]
        if node.op_type == "Constant" or (given and constant.issuperset(given)):
            constant.update(name for name in node.output if name)
            inside.append(node)
        else:
            read.update(given)
    made = {name for node in inside if node.op_type not in _SAME for name in node.output}
    wanted = sorted((made & read) - set(held(graph)))
    if not wanted:
        return {}
    outputs = [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in wanted]
    part = helper.make_graph(inside, "constants", [], outputs, list(graph.initializer))
    alone = helper.make_model(part, opset_imports=model.opset_import)
    try:
        values = ReferenceEvaluator(alone).run(None, {})
    except Exception:
        return {}
    return {n: v for n, v in zip(wanted, values, strict=True) if v.dtype.kind == "f"}
