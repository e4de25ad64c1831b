"""The canonical graph under construction, from the operators of one TFLite file.

TFLite has channels last. The graph has every image-like tensor channels first, last, or both: a
convolution reads it channels first, a reshape channels last. A ``Transpose`` is added where a form
is needed that does not exist yet, so the graph always computes what the file computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from zoodiff.errors import MeasurementError
from zoodiff.frontends import operations
from zoodiff.frontends.builder import GraphBuilder, LinearOrder
from zoodiff.frontends.operations import Operation
from zoodiff.frontends.tflite.reader import QUANTIZED, FileNetwork, FileOperator, FileTensor
from zoodiff.graph.ir import Graph, Parameter, Tensor
from zoodiff.graph.passes.weights.quantisation import rectifier

SOURCE = "tflite"
_TO_FIRST, _TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


@dataclass
class Value:
    """A computed tensor: its name in the file's own order, channels first, or both."""

    tensor: FileTensor
    last: str | None = None
    first: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape in the file's own order."""
        return self.tensor.shape

    @property
    def quantized(self) -> bool:
        """Whether it is stored as integers that stand for real numbers."""
        return self.tensor.dtype in QUANTIZED and self.tensor.quantization is not None


def names_of_inputs(network: FileNetwork) -> dict[int, str]:
    """Return the names of inputs by index: of several those of the file's signature, if it has one.

    What a converter calls their tensors would not say which input of another network is meant.
    """
    known = network.signature.inputs if len(network.inputs) > 1 else {}
    return {index: known.get(index, network.tensors[index].name) for index in network.inputs}


def channels_first(shape: Sequence[int]) -> tuple[int, ...]:
    """Return (batch, channels, height, width) for (batch, height, width, channels)."""
    return (shape[0], shape[3], shape[1], shape[2])


class Builder:
    """Collects nodes; ``value`` returns the canonical names of a tensor of the file."""

    def __init__(self, network: FileNetwork, source: str, images: Iterable[int]) -> None:
        self._network, self._source = network, source
        self._values: dict[int, Value] = {}
        self._fixed: set[int] = {t.index for t in network.tensors if t.constant}
        """Tensors that do not depend on the input."""
        self._origins: dict[int, FileTensor] = {}
        """The weights in the file by the tensors dequantised or reshaped from them."""
        self._builder = GraphBuilder("OHWI", "OI")
        self._names: dict[str, int] = {}
        self.weights: dict[int, str] = {}
        """Names of the weights that nodes read, by their index in the file."""
        self._inputs = []
        for index, given in names_of_inputs(network).items():
            tensor = network.tensors[index]
            first = index in set(images)
            name = self._unique(given)
            shape = channels_first(tensor.shape) if first else tensor.shape
            integers = tensor.dtype in QUANTIZED and tensor.quantization is not None
            kind = "float32" if integers else tensor.dtype  # the graph computes on real numbers
            self._inputs.append(self._builder.declare(name, shape, kind))
            self._values[index] = Value(tensor, first=name) if first else Value(tensor, last=name)

    # Properties of a tensor

    def tensor(self, index: int) -> FileTensor:
        """Return a tensor of the file."""
        return self._network.tensors[index]

    def value(self, index: int) -> Value | None:
        """Return the computed value of a tensor; None for a constant or an omitted operand."""
        return self._values.get(index)

    def fixed(self, index: int) -> bool:
        """Whether a tensor does not depend on the input."""
        return index in self._fixed

    def nothing(self, index: int) -> bool:
        """Whether a constant is all zeros, as the bias of a convolution without bias is."""
        values = self.origin(index).values
        return values is not None and not values.any()

    def origin(self, index: int) -> FileTensor:
        """Return the weight in the file from which a fixed tensor is computed."""
        return self._origins.get(index, self.tensor(index))

    def fix(self, operator: FileOperator) -> None:
        """Mark the outputs of an operator on constants alone as fixed, without computing them."""
        sources = [index for index in operator.inputs if index >= 0]
        for output in operator.outputs:
            self._fixed.add(output)
            from_constant = sources and self.tensor(sources[0]).constant
            if operator.name in {"DEQUANTIZE", "DENSIFY"} and from_constant:
                self._origins[output] = self.origin(sources[0])

    def parameter(self, index: int) -> Parameter:
        """Return the weight behind a fixed tensor as a parameter with a unique name."""
        tensor = self.origin(index)
        if tensor.index not in self.weights:
            self.weights[tensor.index] = self._unique(tensor.name)
        q = tensor.quantization
        return Parameter(
            self.weights[tensor.index],
            tensor.shape,
            tensor.dtype != "int32" or q is not None,
            tensor.dtype,
            steps=() if q is None else tuple(abs(scale) for scale in q.scale),
            steps_axis=0 if q is None else q.axis,
        )

    def first(self, value: Value) -> str:
        """Return the name of an image channels first, adding a Transpose where needed."""
        if value.first is None:
            assert value.last is not None
            value.first = self._moved(value.last, "channels_first", _TO_FIRST)
        return value.first

    def last(self, value: Value) -> str:
        """Return the name of a tensor in the file's own order, adding a Transpose where needed."""
        if value.last is None:
            assert value.first is not None
            value.last = self._moved(value.first, "channels_last", _TO_LAST)
        return value.last

    def _moved(self, name: str, suffix: str, perm: tuple[int, ...]) -> str:
        source = self._builder.tensors[name]
        moved = self._unique(f"{name}/{suffix}")
        shape = tuple(source.shape[axis] for axis in perm)
        turned = Tensor(moved, shape, source.dtype)
        self._builder.add(operations.transpose(perm), moved, inputs=[name], outputs=[turned])
        return moved

    # Adding nodes

    def node(
        self,
        operation: Operation,
        operator: FileOperator,
        *,
        values: Sequence[Value],
        parameters: Sequence[Parameter] = (),
        image: bool = False,
        quantized: bool | str = False,
        matrices: LinearOrder | None = None,
    ) -> None:
        """Add the node of an operator, and one for its fused activation.

        With ``image``, its tensors are channels first instead of in the file's order.
        """
        results = [self.tensor(index) for index in operator.outputs]
        name = self._unique(results[0].name)
        step = activation(operator, results[0])
        names = [self._unique(f"{t.name}/before" if step else f"{t.name}:0") for t in results]
        declared = [
            Tensor(n, channels_first(t.shape) if image else t.shape, t.dtype)
            for n, t in zip(names, results, strict=True)
        ]
        operands = [self.first(v) if image else self.last(v) for v in values]
        self._builder.add(
            operation.quantized(quantized),
            name,
            inputs=operands,
            outputs=declared,
            parameters=parameters,
            matrices=matrices,
        )
        if step:
            after = replace(declared[0], name=self._unique(f"{results[0].name}:0"))
            self._builder.add(step, f"{name}/{step.op.lower()}", inputs=[names[0]], outputs=[after])
            names[0] = after.name
        for tensor, output_name in zip(results, names, strict=True):
            self._values[tensor.index] = (
                Value(tensor, first=output_name) if image else Value(tensor, last=output_name)
            )

    def step(
        self,
        operation: Operation,
        name: str,
        inputs: Sequence[str],
        shape: tuple[int, ...],
        dtype: str,
        parameters: Sequence[Parameter] = (),
    ) -> str:
        """Add an intermediate node and return its output."""
        output = Tensor(self._unique(name), shape, dtype)
        self._builder.add(
            operation, output.name, inputs=inputs, outputs=[output], parameters=parameters
        )
        return output.name

    def bind(self, index: int, *, last: str | None = None, first: str | None = None) -> None:
        """Record that a tensor of the file is an existing canonical tensor."""
        self._values[index] = Value(self.tensor(index), last, first)

    def _unique(self, name: str) -> str:
        count = self._names[name] = self._names.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    # The finished graph

    def graph(self) -> Graph:
        """Return the graph; raise MeasurementError for an output that nothing computes."""
        outputs = []
        for index in self._network.outputs:
            value = self._values.get(index)
            if value is None:
                raise MeasurementError(
                    f"the output {self.tensor(index).name} of {self._source} is not computed from "
                    "its input"
                )
            name = value.last or value.first
            assert name is not None
            outputs.append(self._builder.tensors[name])
        return self._builder.graph(self._source, self._inputs, outputs)


def activation(operator: FileOperator, output: FileTensor) -> Operation | None:
    """Return the activation of an operator's result, by its setting or by saturation, or None.

    A quantised result cannot leave the range of its integers; see the pass ``quantisation``.
    """
    if operator.name in WITH_CELLS:
        return None
    fused = _FUSED.get(operator.options.get("FusedActivationFunction", 0))
    q, bounds = output.quantization, _BOUNDS.get(output.dtype)
    if fused is not None or operator.name not in _SATURATING or q is None or bounds is None:
        return fused
    clamp = rectifier(q.scale[0], q.zero_point[0], bounds) if len(q.scale) == 1 else None
    return None if clamp is None else Operation(*clamp)


WITH_CELLS = frozenset(
    {"BIDIRECTIONAL_SEQUENCE_LSTM", "BIDIRECTIONAL_SEQUENCE_RNN", "LSTM", "RNN"}
    | {"UNIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"}
)
"""Recurrent operators, whose activation is one of their cell and not of their result."""
_FUSED: dict[int, Operation] = {
    1: operations.RELU,
    2: operations.clip(-1.0, 1.0),
    3: operations.RELU6,
    4: operations.unary("Tanh"),
    5: operations.opaque("tflite::SIGN_BIT"),
}
"""Activations by their value of ``ActivationFunctionType`` in the schema."""
_SATURATING = frozenset({"ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SUB"})
_BOUNDS = {"int8": (-128, 127), "uint8": (0, 255)}
