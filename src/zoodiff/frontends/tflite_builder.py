"""The canonical graph under construction, from the operators of one TFLite file.

TFLite keeps channels last. Every image-like tensor is held channels first, last, or both: a
convolution asks for the first, a reshape for the last, and a ``Transpose`` is added only where the
form that is asked for is not there yet. So the graph always means what the file computes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.frontends.roles import assigned
from zoodiff.frontends.tflite_reader import QUANTIZED, FileNetwork, FileOperator, FileTensor
from zoodiff.graph.ir import AttributeValue, Graph, Node, Parameter, Tensor
from zoodiff.graph.passes.quantisation import rectifier

SOURCE = "tflite"
_TO_FIRST, _TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


@dataclass
class Value:
    """A computed tensor: its name in the file's own order, channels first, or both."""

    tensor: FileTensor
    last: str | None = None
    first: str | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """In the file's own order."""
        return self.tensor.shape

    @property
    def quantized(self) -> bool:
        """Whether it is stored as integers that stand for real numbers."""
        return self.tensor.dtype in QUANTIZED and self.tensor.quantization is not None


def channels_first(shape: Sequence[int]) -> tuple[int, ...]:
    """(batch, height, width, channels) -> (batch, channels, height, width)."""
    return (shape[0], shape[3], shape[1], shape[2])


class Builder:
    """Collects nodes; ``value`` says what is known about a tensor of the file."""

    def __init__(self, network: FileNetwork, source: str, images: Iterable[int]) -> None:
        self._network, self._source = network, source
        self._values: dict[int, Value] = {}
        self._fixed: set[int] = {t.index for t in network.tensors if t.constant}
        """Tensors that do not depend on the input."""
        self._origins: dict[int, FileTensor] = {}
        """A weight that was dequantised or reshaped -> the weight in the file."""
        self._tensors: dict[str, Tensor] = {}
        self._nodes: list[Node] = []
        self._names: dict[str, int] = {}
        self.weights: dict[int, str] = {}
        """Names of the weights that nodes read, by their place in the file."""
        self._inputs = []
        for index in network.inputs:
            tensor = network.tensors[index]
            first = index in set(images)
            name = self._unique(tensor.name)
            shape = channels_first(tensor.shape) if first else tensor.shape
            self._inputs.append(self._declare(name, shape, tensor.dtype))
            self._values[index] = Value(tensor, first=name) if first else Value(tensor, last=name)

    # What is known about a tensor

    def tensor(self, index: int) -> FileTensor:
        """A tensor of the file."""
        return self._network.tensors[index]

    def value(self, index: int) -> Value | None:
        """What was computed for a tensor, None for a constant or nothing."""
        return self._values.get(index)

    def fixed(self, index: int) -> bool:
        """Whether a tensor does not depend on the input."""
        return index in self._fixed

    def nothing(self, index: int) -> bool:
        """Whether a constant is all zeros: convolutions without a bias are written with that."""
        values = self.origin(index).values
        return values is not None and not values.any()

    def origin(self, index: int) -> FileTensor:
        """The weight in the file that a fixed tensor was made from."""
        return self._origins.get(index, self.tensor(index))

    def fix(self, operator: FileOperator) -> None:
        """Take in an operator that computes from constants alone; nothing is worked out."""
        sources = [index for index in operator.inputs if index >= 0]
        for output in operator.outputs:
            self._fixed.add(output)
            same = sources and self.tensor(sources[0]).constant
            if operator.name in {"DEQUANTIZE", "DENSIFY"} and same:
                self._origins[output] = self.origin(sources[0])

    def parameter(self, index: int) -> Parameter:
        """The weight behind a fixed tensor, with a name that is its own."""
        tensor = self.origin(index)
        if tensor.index not in self.weights:
            self.weights[tensor.index] = self._unique(tensor.name)
        return Parameter(
            self.weights[tensor.index],
            tensor.shape,
            tensor.dtype != "int32" or tensor.quantization is not None,
            tensor.dtype,
        )

    def first(self, value: Value) -> str:
        """The name of an image channels first, moved there where needed."""
        if value.first is None:
            assert value.last is not None
            value.first = self._moved(value.last, "channels_first", _TO_FIRST)
        return value.first

    def last(self, value: Value) -> str:
        """The name of a tensor in the file's own order, moved there where needed."""
        if value.last is None:
            assert value.first is not None
            value.last = self._moved(value.first, "channels_last", _TO_LAST)
        return value.last

    def _moved(self, name: str, suffix: str, perm: list[int]) -> str:
        held = self._tensors[name]
        moved = self._unique(f"{name}/{suffix}")
        shape = tuple(held.shape[axis] for axis in perm)
        self._add("Transpose", moved, {"perm": list(perm)}, [name], [(moved, shape, held.dtype)])
        return moved

    # Adding nodes

    def node(
        self,
        op: str,
        operator: FileOperator,
        attributes: Mapping[str, Any] | None = None,
        *,
        values: Sequence[Value],
        parameters: Sequence[Parameter] = (),
        image: bool = False,
        quantized: bool | str = False,
    ) -> None:
        """Add the node of an operator, and of the activation that it carries.

        ``image`` says that its tensors are wanted channels first, instead of in the file's order.
        """
        made = [self.tensor(index) for index in operator.outputs]
        name = self._unique(made[0].name)
        settings = dict(attributes or {})
        if quantized:
            settings["quantized"] = quantized
        step = activation(operator, made[0])
        names = [self._unique(f"{t.name}/before" if step else f"{t.name}:0") for t in made]
        held = [
            (n, channels_first(t.shape) if image else t.shape, t.dtype)
            for n, t in zip(names, made, strict=True)
        ]
        given = [self.first(v) if image else self.last(v) for v in values]
        self._add(op, name, settings, given, held, parameters)
        if step:
            after = self._unique(f"{made[0].name}:0")
            self._add(
                step[0], f"{name}/{step[0].lower()}", step[1], [names[0]], [(after, *held[0][1:])]
            )
            names[0] = after
        for tensor, own in zip(made, names, strict=True):
            self._values[tensor.index] = (
                Value(tensor, first=own) if image else Value(tensor, last=own)
            )

    def step(
        self,
        op: str,
        name: str,
        attributes: Mapping[str, Any],
        inputs: Sequence[str],
        shape: tuple[int, ...],
        dtype: str,
    ) -> str:
        """Add a node between operators and return its output."""
        made = self._unique(name)
        self._add(op, made, attributes, inputs, [(made, shape, dtype)])
        return made

    def bind(self, index: int, *, last: str | None = None, first: str | None = None) -> None:
        """Say that a tensor of the file is one that is there already."""
        self._values[index] = Value(self.tensor(index), last, first)

    def _add(
        self,
        op: str,
        name: str,
        attributes: Mapping[str, AttributeValue],
        inputs: Sequence[str],
        outputs: Sequence[tuple[str, tuple[int, ...], str]],
        parameters: Sequence[Parameter] = (),
    ) -> None:
        for output in outputs:
            self._declare(*output)
        self._nodes.append(
            Node(
                op,
                name,
                tuple(inputs),
                tuple(output[0] for output in outputs),
                dict(attributes),
                assigned(op, attributes, parameters, "OHWI", "OI"),
            )
        )

    def _declare(self, name: str, shape: tuple[int, ...], dtype: str) -> Tensor:
        self._tensors[name] = Tensor(name, tuple(shape), dtype)
        return self._tensors[name]

    def _unique(self, name: str) -> str:
        count = self._names[name] = self._names.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    # The finished graph

    def graph(self) -> Graph:
        """What the outputs depend on; raise MeasurementError for one that nothing computes."""
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
            outputs.append(self._tensors[name])
        wanted, kept = {tensor.name for tensor in outputs}, []
        for node in reversed(self._nodes):
            if wanted.intersection(node.outputs):
                wanted.update(node.inputs)
                kept.append(node)
        kept.reverse()
        made = wanted | {name for node in kept for name in node.outputs}
        return Graph(
            source=self._source,
            inputs=tuple(self._inputs),
            outputs=tuple(outputs),
            nodes=tuple(kept),
            tensors={n: t for n, t in self._tensors.items() if n in made},
        )


def activation(
    operator: FileOperator, output: FileTensor
) -> tuple[str, Mapping[str, AttributeValue]] | None:
    """The activation that an operator applies to its result, by its setting or by saturation.

    A quantised result cannot leave the range of its integers; see the pass ``quantisation``.
    """
    fused = _FUSED.get(operator.options.get("FusedActivationFunction", 0))
    q, bounds = output.quantization, _BOUNDS.get(output.dtype)
    if fused is not None or operator.name not in _SATURATING or q is None or bounds is None:
        return fused
    return rectifier(q.scale[0], q.zero_point[0], bounds) if len(q.scale) == 1 else None


_FUSED: dict[int, tuple[str, Mapping[str, AttributeValue]]] = {
    1: ("Relu", {}),
    2: ("Clip", {"min": -1.0, "max": 1.0}),
    3: ("Clip", {"min": 0.0, "max": 6.0}),
    4: ("Tanh", {}),
    5: ("tflite::SIGN_BIT", {}),
}
"""``ActivationFunctionType`` of the schema, by value."""
_SATURATING = frozenset({"ADD", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "SUB"})
_BOUNDS = {"int8": (-128, 127), "uint8": (0, 255)}
