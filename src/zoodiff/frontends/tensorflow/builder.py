"""The canonical graph under construction, from the operations of one TensorFlow graph.

The builder knows for every tensor whether it is image-like and in which layout, whether it is a
parameter, a constant or computed, and its name in the canonical graph.
``zoodiff.frontends.tensorflow.ops`` converts each operation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from zoodiff.frontends import operations
from zoodiff.frontends.builder import GraphBuilder, LinearOrder
from zoodiff.frontends.operations import Operation
from zoodiff.frontends.tensorflow.layout import Layouts
from zoodiff.frontends.tensorflow.protocols import TfOperation, TfTensor
from zoodiff.graph.ir import Graph, Parameter, Tensor

if TYPE_CHECKING:
    from zoodiff.frontends.tensorflow.protocols import Array

SOURCE = "tensorflow"
Handler = Callable[["Builder", TfOperation], bool]
"""Adds the nodes of one operation; returns False for one that it cannot express exactly."""

PASSING = frozenset(
    {
        "CheckNumerics",
        "EnsureShape",
        "Identity",
        "IdentityN",
        "PlaceholderWithDefault",
        "PreventGradient",
        "Snapshot",
        "StopGradient",
    }
)
"""Operations whose outputs are their inputs."""
_RESHAPING = frozenset({"Cast", "ExpandDims", "Reshape", "Squeeze"})
"""Operations whose result is still the same parameter."""
_FOLDED_ELEMENTS = 4096
"""The largest constant expression that is computed, in elements."""


class Builder:
    """Collects nodes; ``parameters`` are weights by tensor name (handles, frozen constants)."""

    def __init__(
        self,
        operations: Sequence[TfOperation],
        inputs: Sequence[TfTensor],
        outputs: Sequence[TfTensor],
        parameters: Mapping[str, Parameter],
    ) -> None:
        self.operations = operations
        self._given = parameters
        self._outputs = {tensor.name for tensor in outputs}
        self._layouts = Layouts(operations, inputs)
        self._consumers: dict[str, list[TfOperation]] = {}
        for operation in operations:
            for tensor in operation.inputs:
                self._consumers.setdefault(tensor.name, []).append(operation)
        self._names: dict[str, str] = {}
        self._constants: dict[str, Array | None] = {}
        self._builder = GraphBuilder("HWIO", "IO")
        self._inputs = tuple(self._declare(t, self.shape(t)) for t in inputs)
        self._graph_outputs = outputs

    # Properties of a tensor

    def source(self, tensor: TfTensor) -> TfTensor:
        """Return the tensor before operations that only pass it on."""
        while tensor.op.type in PASSING and tensor.name not in self._names:
            tensor = tensor.op.inputs[tensor.value_index]
        return tensor

    def parameter(self, tensor: TfTensor) -> Parameter | None:
        """Return the parameter that a tensor is, perhaps reshaped, or None."""
        tensor = self.source(tensor)
        if tensor.op.type == "ReadVariableOp":
            tensor = self.source(tensor.op.inputs[0])
        parameter = self._given.get(tensor.name)
        if parameter is not None or tensor.name in self._names:
            return parameter
        if tensor.op.type in _RESHAPING:
            return self.parameter(tensor.op.inputs[0])
        if tensor.op.type == "AddV2":
            # The broadcast of a parameter, such as ViT's class token, is ``parameter + zeros``.
            first, second = tensor.op.inputs
            for operand, addend in ((first, second), (second, first)):
                value = self.constant(addend)
                if value is not None and not value.any():
                    return self.parameter(operand)
        return None

    def constant(self, tensor: TfTensor) -> Array | None:
        """Return the value of a tensor if it is known before the network runs, or None."""
        tensor = self.source(tensor)
        if tensor.name not in self._constants:
            from zoodiff.frontends.tensorflow.constants import fold

            not_constant = tensor.name in self._names or tensor.name in self._given
            self._constants[tensor.name] = (
                None if not_constant else fold(tensor, self.constant, _FOLDED_ELEMENTS)
            )
        return self._constants[tensor.name]

    def computed(self, tensor: TfTensor) -> bool:
        """Whether a tensor depends on the network's input."""
        return self.source(tensor).name in self._names

    def name(self, tensor: TfTensor) -> str:
        """Return the canonical name of a computed tensor."""
        return self._names[self.source(tensor).name]

    def image(self, tensor: TfTensor) -> bool:
        """Whether a tensor is image-like with channels last."""
        return self._layouts.channels_last(self.source(tensor))

    def shape(self, tensor: TfTensor) -> tuple[int, ...]:
        """Return the canonical shape of a tensor, -1 for an unknown extent."""
        tf_shape = own_shape(tensor)
        return (
            (tf_shape[0], tf_shape[3], tf_shape[1], tf_shape[2]) if self.image(tensor) else tf_shape
        )

    def axis(self, tensor: TfTensor, axis: int) -> int:
        """Return the canonical position of an axis in TensorFlow's order."""
        positive = axis % len(own_shape(tensor))
        return (0, 2, 3, 1)[positive] if self.image(tensor) else positive

    def only_consumer(self, tensor: TfTensor) -> TfOperation | None:
        """Return the only operation that reads a tensor; None for several or for an output."""
        readers = self._consumers.get(tensor.name, [])
        while len(readers) == 1 and readers[0].type in PASSING - {"IdentityN"}:
            if tensor.name in self._outputs:
                return None
            tensor = readers[0].outputs[0]
            readers = self._consumers.get(tensor.name, [])
        return readers[0] if len(readers) == 1 and tensor.name not in self._outputs else None

    # Adding nodes

    def emit(
        self,
        operation: Operation,
        name: str,
        *,
        inputs: Iterable[str],
        outputs: Iterable[tuple[str, tuple[int, ...], str]],
        parameters: Iterable[Parameter | None] = (),
        matrices: LinearOrder | None = None,
    ) -> None:
        """Add a node; ``outputs`` are name, canonical shape and dtype."""
        self._builder.add(
            operation,
            name,
            inputs=inputs,
            outputs=[Tensor(*output) for output in outputs],
            parameters=[p for p in parameters if p is not None],
            matrices=matrices,
        )

    def node(
        self,
        meaning: Operation,
        operation: TfOperation,
        *,
        inputs: Sequence[TfTensor] | None = None,
        outputs: Sequence[TfTensor] | None = None,
        parameters: Iterable[Parameter | None] = (),
    ) -> bool:
        """Add the canonical ``meaning`` of an operation on canonical tensors; return True.

        ``inputs`` default to the operation's first input, ``outputs`` to all its outputs.
        """
        sources = operation.inputs[:1] if inputs is None else inputs
        results = operation.outputs if outputs is None else outputs
        names = [self.name(tensor) for tensor in sources]
        declared = [self._declare(tensor, self.shape(tensor)) for tensor in results]
        self.emit(
            meaning,
            operation.name,
            inputs=names,
            outputs=[(t.name, t.shape, t.dtype) for t in declared],
            parameters=parameters,
        )
        return True

    def own_order(self, tensor: TfTensor) -> str:
        """Return the name of a computed tensor in TensorFlow's own order of elements.

        A Transpose is added where this differs from the canonical order.
        """
        name, tf_shape = self.name(tensor), own_shape(tensor)
        if not (self.image(tensor) and order_matters(tf_shape)):
            return name
        moved = f"{name}/channels_last"
        if moved not in self._builder.tensors:
            output = (moved, tf_shape, self._builder.tensors[name].dtype)
            turn = operations.transpose((0, 2, 3, 1))
            self.emit(turn, moved, inputs=[name], outputs=[output])
        return moved

    def own_order_node(
        self,
        meaning: Operation,
        operation: TfOperation,
        *,
        inputs: Sequence[TfTensor] | None = None,
        parameters: Iterable[Parameter | None] = (),
    ) -> bool:
        """Add the ``meaning`` of an operation on tensors in TensorFlow's order; return True."""
        sources = operation.inputs[:1] if inputs is None else inputs
        names = [self.own_order(tensor) for tensor in sources]
        outputs, moves = [], []
        for tensor in operation.outputs:
            declared = self._declare(tensor, self.shape(tensor))
            tf_shape = own_shape(tensor)
            if self.image(tensor) and order_matters(tf_shape):
                before = (f"{declared.name}/channels_last", tf_shape, declared.dtype)
                outputs.append(before)
                moves.append((before[0], declared))
            else:
                outputs.append((declared.name, declared.shape, declared.dtype))
        self.emit(meaning, operation.name, inputs=names, outputs=outputs, parameters=parameters)
        for before_name, after in moves:
            self.emit(
                operations.transpose((0, 3, 1, 2)),
                f"{after.name}/channels_first",
                inputs=[before_name],
                outputs=[(after.name, after.shape, after.dtype)],
            )
        return True

    def bind(self, tensor: TfTensor, name: str) -> None:
        """Record that a tensor is the canonical tensor ``name``, the output of another node."""
        self._names[tensor.name] = name

    def bound(self, operation: TfOperation) -> bool:
        """Whether an earlier node already computes an operation's outputs."""
        return bool(operation.outputs) and operation.outputs[0].name in self._names

    def _declare(self, tensor: TfTensor, shape: tuple[int, ...]) -> Tensor:
        name = tensor.name.removesuffix(":0")
        self._names[tensor.name] = name
        return self._builder.declare(name, shape, tensor.dtype.base_dtype.name)

    # The finished graph

    def graph(self, source: str, owned: Iterable[Parameter]) -> Graph:
        """Return the graph that the outputs depend on; other ``owned`` weights count as unused."""
        outputs = [self._builder.tensors[self.name(tensor)] for tensor in self._graph_outputs]
        return self._builder.graph(source, self._inputs, outputs, owned)


def own_shape(tensor: TfTensor) -> tuple[int, ...]:
    """Return a tensor's shape in TensorFlow's own order, -1 for an unknown extent."""
    if tensor.shape.rank is None:
        return ()
    return tuple(-1 if extent is None else int(extent) for extent in tensor.shape.as_list())


def order_matters(shape: tuple[int, ...]) -> bool:
    """Whether channels first and channels last order the elements of this shape differently."""
    return len(shape) == 4 and shape[3] != 1 and shape[1:3] != (1, 1)
