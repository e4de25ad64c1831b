"""Converts quantised ONNX operators to operators on the real numbers that their integers stand for.

An integer :math:`q` stands for :math:`s (q - z)`. Operators such as ``QLinearConv`` have scale and
zero point of every operand and of the result; ``MatMulInteger`` and ``ConvInteger`` have zero
points only, and a later ``Mul`` applies the scales. An operator with a scale of its result becomes
the operator and a ``QuantizeLinear``, since the bounds of the integers may replace a rectifier.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from zoodiff.frontends import operations
from zoodiff.frontends.onnx.call import Call, Handler, NodeRequest, Value, Weight
from zoodiff.frontends.onnx.protobuf import GraphProto, ModelProto, NodeProto

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class StoredOperand:
    """The positions of an operand, its scale and its zero point; None where there is none."""

    at: int
    scale: int | None
    zero_point: int | None
    axis: int | Literal["columns"] = 0
    """The axis of the channels, for one scale per channel."""
    factor: int | None = None
    """The position of a second scale, which multiplies the first."""


_PAIR = (StoredOperand(0, 1, 2), StoredOperand(3, 4, 5))
OPERANDS: dict[str, tuple[StoredOperand, ...]] = {
    "ConvInteger": (StoredOperand(1, 4, 3),),
    "MatMulInteger": (StoredOperand(1, 4, 3, -1),),
    "QGemm": (
        StoredOperand(0, 1, 2),
        StoredOperand(3, 4, 5, "columns"),
        StoredOperand(6, 4, None, 0, factor=1),
    ),
    "QLinearAdd": _PAIR,
    "QLinearConv": (StoredOperand(3, 4, 5), StoredOperand(8, 4, None, 0, factor=1)),
    "QLinearMatMul": (StoredOperand(0, 1, 2, -2), StoredOperand(3, 4, 5, -1)),
    "QLinearMul": _PAIR,
}
_RESULTS = {"QGemm": 7, "QLinearAdd": 6, "QLinearConv": 6, "QLinearMatMul": 6, "QLinearMul": 6}
"""The position of the scale of each operator's result; the zero point follows it."""
ONE_BY_ONE = frozenset({"ConvInteger", "MatMulInteger"})
"""Operators whose results are sums of integers, without a scale."""


def real_values(
    weight: Weight, scale: Weight | None, zero: Weight | None, axis: int
) -> NDArray[np.float64] | None:
    """Return the real numbers that integers stand for; None where a value is unknown."""
    import numpy as np

    offset = np.zeros(()) if zero is None else zero.array
    if weight.array is None or scale is None or scale.array is None or offset is None:
        return None
    if weight.array.dtype.kind not in "iu":
        return None

    def along(values: NDArray[np.generic]) -> NDArray[np.float64]:
        shape = [1] * len(weight.shape)
        if values.size > 1:
            shape[axis] = -1
        return values.astype(np.float64).reshape(shape)

    shifted: NDArray[np.float64] = weight.array.astype(np.float64) - along(offset)
    return shifted * along(scale.array)


def operands_of(op: str, count: int) -> tuple[StoredOperand, ...]:
    """Return the quantised operands of an operator with ``count`` inputs."""
    if op == "QLinearConcat":
        return tuple(StoredOperand(p, p + 1, p + 2) for p in range(2, count - 2, 3))
    return OPERANDS.get(op, ())


def in_real_numbers(call: Call) -> Call:
    """Return the call with its constants as real numbers with known steps."""
    inputs = list(call.inputs)
    for operand in operands_of(call.op, len(inputs)):
        weight = call.weight(operand.at)
        if weight is not None:
            inputs[operand.at] = _real(call, operand, weight)
    return replace(call, inputs=inputs)


def _real(call: Call, operand: StoredOperand, weight: Weight) -> Weight:
    import numpy as np

    scale, zero, factor = (
        None if place is None else call.weight(place)
        for place in (operand.scale, operand.zero_point, operand.factor)
    )
    if call.op in ONE_BY_ONE and call.given(4) is None:
        scale = Weight("", (), "float32", "", np.ones(()))
    times = 1.0
    if operand.factor is not None:
        if factor is None or factor.scalar is None:
            return replace(weight, array=None)
        times = factor.scalar
    axis = operand.axis
    if axis == "columns":
        axis = 0 if call.attributes.get("transB", 0) else 1
    values = real_values(weight, scale, zero, axis)
    values = None if values is None else (values * times).astype(np.float32)
    return replace(weight.stepped(scale, axis, times), array=values)


def in_products(model: ModelProto) -> None:
    """Merge sums of integers and the multiplication by their scale into one node, in place.

    A dynamic quantisation computes the scale of the data; the unquantised data has the same
    product: (x / s) (s W) = x W. So the scale of the weights becomes the fifth input of
    ``MatMulInteger`` and ``ConvInteger``, and the multiplication is removed.
    """
    graph = model.graph
    scaled = scales_behind(graph)
    gone: set[str] = set()
    for node in graph.node:
        if node.op_type in ONE_BY_ONE and node.output[0] in scaled:
            chain = scaled[node.output[0]]
            node.input.extend([""] * (4 - len(node.input)) + [chain.scale])
            del node.output[:]
            node.output.append(chain.output)
            gone.update(chain.between)
    remaining = [
        node
        for node in graph.node
        if not node.output or node.output[0] not in gone or node.op_type in ONE_BY_ONE
    ]
    del graph.node[:]
    graph.node.extend(remaining)


@dataclass(frozen=True)
class ScaledSum:
    """A sum of integers, cast to real numbers and multiplied by its scale."""

    scale: str
    """The name of the scale of the weights."""
    output: str
    between: tuple[str, ...]
    """The outputs of the cast and the multiplication."""


def scales_behind(graph: GraphProto) -> dict[str, ScaledSum]:
    """Return the sums of integers whose data is quantised dynamically, by their output."""
    users: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    dynamic = {n.output[1] for n in graph.node if n.op_type == "DynamicQuantizeLinear"}
    products: dict[str, str] = {}
    for node in (n for n in graph.node if n.op_type == "Mul"):
        scales_of_weights = [name for name in node.input if name not in dynamic]
        if len(node.input) == 2 and len(scales_of_weights) == 1:
            products[node.output[0]] = scales_of_weights[0]
    sums = {}
    ends = {output.name for output in graph.output}
    for node in (n for n in graph.node if n.op_type in ONE_BY_ONE):
        casts = users.get(node.output[0], [])
        if len(casts) != 1 or casts[0].op_type != "Cast":
            continue
        last = users.get(casts[0].output[0], [])
        if len(last) != 1 or last[0].op_type != "Mul":
            continue
        scales = [products[name] for name in last[0].input if name in products]
        if len(scales) == 1 and ends.isdisjoint({node.output[0], casts[0].output[0]}):
            output = last[0].output[0]
            sums[node.output[0]] = ScaledSum(scales[0], output, (casts[0].output[0], output))
    return sums


def with_result(call: Call, handler: Handler) -> Value | list[Value] | None:
    """Return the result of a handler, followed by the quantisation of the call's result."""
    at = _RESULTS.get(call.op)
    scale = None if at is None else call.weight(at)
    if at is None or scale is None or scale.scalar is None:
        return handler(call)
    zero = call.weight(at + 1)
    shapes, emit = [call.outputs[0]], call.emit

    def inner(request: NodeRequest) -> list[Value]:
        return emit(replace(request, shapes=request.shapes or shapes, last=False))

    result = handler(replace(call, emit=inner))
    if not isinstance(result, Value):
        return result
    stored = operations.quantisation(
        "QuantizeLinear", scale.scalar, 0.0 if zero is None else zero.scalar
    )
    return emit(NodeRequest(stored, [result], (), "quantize", shapes, last=True))
