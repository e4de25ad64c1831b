"""The nodes of a Keras model's graph under construction, and the orders of axes of its tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from zoodiff.frontends import operations
from zoodiff.frontends.builder import GraphBuilder
from zoodiff.frontends.keras.call import NodeRequest, Shape, Value
from zoodiff.frontends.keras.protocols import Variable
from zoodiff.graph.ir import Graph, Parameter, Tensor

_TO_FIRST, _TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
_MOST_NUMBERS = 2**20
"""Numbers in tables that one graph may hold."""


class Nodes:
    """Collects the nodes of one model; see ``zoodiff.frontends.keras.call.Builder``."""

    def __init__(self, channels_last: bool) -> None:
        self.channels_last = channels_last
        self.parameters: dict[int, Parameter] = {}
        """The parameter of each variable, by the variable's identity."""
        self._variables: list[Variable] = []
        self._builder = GraphBuilder("HWIO", "IO")
        self._names: set[str] = set()
        self._named: list[str] = []
        self._parameter_names: set[str] = set()
        self._other_order: dict[str, Value] = {}
        """By a tensor's name, the same tensor in the other order of axes."""
        self._read: dict[int, Value] = {}
        """By a variable's identity, the node that reads it as a tensor."""
        self._written = 0

    def declare(self, name: str, shape: Shape, dtype: str) -> tuple[Value, Tensor]:
        """Add an input of the network; one with four axes is an image."""
        image = self.channels_last and len(shape) == 4
        value = Value(self._unique(name), shape, dtype, image=image)
        stored = (shape[0], shape[3], shape[1], shape[2]) if image else shape
        return value, self._builder.declare(value.name, stored, dtype)

    def parameter(self, variable: Variable) -> Parameter:
        """Return the parameter of a variable; a shared variable has one parameter."""
        parameter = self.parameters.get(id(variable))
        if parameter is None:
            name, copy = variable.path, 1
            while name in self._parameter_names:
                name, copy = f"{variable.path}:{copy}", copy + 1
            self._parameter_names.add(name)
            parameter = Parameter(
                name,
                tuple(int(extent) for extent in variable.shape),
                bool(variable.trainable),
                str(variable.dtype),
            )
            self.parameters[id(variable)] = parameter
            self._variables.append(variable)
        return parameter

    def weight(self, variable: Variable) -> Value:
        """Return a variable as an operand of a function."""
        shape = tuple(int(extent) for extent in variable.shape)
        return Value("", shape, str(variable.dtype), variable=variable)

    def held(self, value: Value, *, image: bool) -> Value:
        """Return a tensor in an order of axes; see ``Builder.held``."""
        if value.variable is not None and not value.name:
            value = self._as_tensor(value, value.variable)
        if len(value.shape) != 4 or value.image == image or not self.channels_last:
            return value
        if value.name not in self._other_order:
            turned = self._turned(value, image)
            self._other_order[value.name] = turned
            self._other_order[turned.name] = value
        return self._other_order[value.name]

    def _turned(self, value: Value, image: bool) -> Value:
        batch, height, width, channels = value.shape
        stored = (batch, channels, height, width) if image else value.shape
        moves = operations.transpose(_TO_FIRST if image else _TO_LAST)
        if channels == 1 or height * width == 1:
            moves = operations.reshape(stored)  # no element changes its place
        step = "to_channels_first" if image else "to_channels_last"
        request = NodeRequest(moves, f"{value.name}/{step}", [value.name], [stored], [value.dtype])
        return replace(value, name=self.emit(request)[0], image=image, variable=None)

    def _as_tensor(self, value: Value, variable: Variable) -> Value:
        if id(variable) not in self._read:
            name = self._unique(f"{self.parameter(variable).name}/read")
            output = Tensor(name, value.shape, value.dtype)
            self._builder.add(
                operations.reshape(value.shape),
                name,
                inputs=[],
                outputs=[output],
                parameters=[self.parameter(variable)],
            )
            self._read[id(variable)] = replace(value, name=name)
        return self._read[id(variable)]

    def emit(self, request: NodeRequest) -> list[str]:
        """Add a node and return the names of its outputs."""
        unique, count = self._unique(request.name), len(request.shapes)
        outputs = [unique] if count == 1 else [f"{unique}:{i}" for i in range(count)]
        parameters = []
        for weight in request.weights:
            parameter = self.parameter(weight.variable)
            role, layout = weight.role or parameter.role, weight.layout or parameter.layout
            parameters.append(replace(parameter, role=role, layout=layout))
        self._builder.add(
            request.operation,
            unique,
            inputs=request.inputs,
            outputs=map(Tensor, outputs, request.shapes, request.dtypes),
            parameters=parameters,
        )
        return outputs

    def afford(self, count: int) -> bool:
        """Whether a table of so many numbers may be written; those that are written add up."""
        if self._written + count > _MOST_NUMBERS:
            return False
        self._written += count
        return True

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Drop the nodes that are added meanwhile, unless ``keep`` is called."""
        attempt = Attempt(self._builder, len(self._builder.nodes))
        names, written = len(self._named), self._written
        yield attempt
        if not attempt.kept and len(self._builder.nodes) > attempt.start:
            self._drop(attempt.start, names)
            self._written = written

    def _drop(self, start: int, named: int) -> None:
        """Drop the nodes from a position on, and the names given since."""
        dropped = {name for node in self._builder.nodes[start:] for name in node.outputs}
        del self._builder.nodes[start:]
        for name in dropped:
            self._builder.tensors.pop(name, None)
        self._names.difference_update(self._named[named:])
        del self._named[named:]
        self._other_order = {
            name: value
            for name, value in self._other_order.items()
            if dropped.isdisjoint((name, value.name))
        }
        self._read = {key: v for key, v in self._read.items() if v.name not in dropped}

    def graph(
        self,
        source: str,
        inputs: Sequence[Tensor],
        outputs: Sequence[Value],
        owned: Sequence[Parameter],
    ) -> Graph:
        """Return the finished graph; outputs with four axes are channels first."""
        held = [self.held(value, image=self.channels_last) for value in outputs]
        tensors = [self._builder.tensors[value.name] for value in held]
        return self._builder.graph(source, inputs, tensors, owned)

    def _unique(self, name: str) -> str:
        unique, copy = name, 1
        while unique in self._names:
            unique, copy = f"{name}:{copy}", copy + 1
        self._names.add(unique)
        self._named.append(unique)
        return unique


@dataclass
class Attempt:
    """Nodes that may be dropped again."""

    builder: GraphBuilder
    start: int
    kept: bool = False

    def keep(self) -> None:
        """Keep the nodes."""
        self.kept = True

    def opaque(self) -> bool:
        """Whether one of the nodes is opaque."""
        return any("::" in node.op for node in self.builder.nodes[self.start :])
