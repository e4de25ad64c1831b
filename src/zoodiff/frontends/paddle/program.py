"""Traces a layer of Paddle into its static program (PIR), and converts the program.

Paddle makes the program itself (``paddle.jit.to_static``), in evaluation mode, for one image. An
operator without a handler, and one with a setting that its handler does not know, becomes an opaque
node ``paddle::name``. A bias, which Paddle adds in a step of its own, is the layer's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.frontends import operations
from zoodiff.frontends.builder import GraphBuilder
from zoodiff.frontends.paddle import elementwise, layers, reshaping
from zoodiff.frontends.paddle.call import (
    Call,
    Handler,
    Known,
    NodeRequest,
    Operand,
    Shape,
    Value,
    Weight,
)
from zoodiff.frontends.paddle.protocols import Layer, PaddleTensor, PirOperation, PirValue
from zoodiff.graph.ir import AttributeValue, Graph, Parameter, Tensor

_BATCH_NORM = frozenset({"is_test", "momentum", "epsilon", "data_format", "use_global_stats"})
_POOL = frozenset({"pooling_type", "ceil_mode", "exclusive", "global_pooling", "adaptive"})
_HANDLERS: dict[str, tuple[Handler, frozenset[str]]] = {
    **elementwise.HANDLERS,
    **reshaping.HANDLERS,
    "batch_norm_": (layers.batch_norm, _BATCH_NORM | {"trainable_statistics"}),
    "conv2d": (layers.conv, layers.CONV),
    "conv2d_transpose": (layers.conv_transpose, layers.CONV | {"output_padding"}),
    "depthwise_conv2d": (layers.conv, layers.CONV),
    "layer_norm": (layers.layer_norm, frozenset({"epsilon", "begin_norm_axis"})),
    "matmul": (layers.matmul, frozenset({"transpose_x", "transpose_y"})),
    "pool2d": (layers.pool, layers.WINDOW | _POOL),
    "softmax": (layers.softmax, frozenset({"axis"})),
}
_BIASED = frozenset({"conv2d", "depthwise_conv2d", "conv2d_transpose", "matmul"})
_ABOUT = frozenset({"op_callstack", "stop_gradient", "struct_name", "place", "op_role"})
"""Attributes that say where an operation comes from and where it runs, not what it computes."""


def to_graph(layer: Layer, input_shape: Sequence[int], source: str) -> Graph:
    """Return the graph that a layer computes in evaluation mode; its weights need no values.

    ``input_shape`` is (batch, channels, height, width). Raises MeasurementError where Paddle cannot
    make a static program of it, or the program has control flow.
    """
    import paddle

    layer.eval()
    spec = paddle.static.InputSpec(list(input_shape), "float32", "image")
    try:
        static = paddle.jit.to_static(layer, input_spec=[spec], full_graph=True)
        program = static.forward.concrete_program
    except Exception as error:  # Paddle raises many kinds
        reason = _stated(str(error))
        raise MeasurementError(f"Paddle cannot make a program of {source} ({reason})") from error
    finally:
        restore = getattr(layer.__class__, "forward", None)
        if restore is not None:  # to_static replaces the method of the instance
            vars(layer).pop("forward", None)
    outputs = [value for value in program.outputs if value is not None]
    return _Walk(layer, source, outputs).graph(program.main_program.global_block().ops)


def owned(layer: Layer) -> dict[str, tuple[str, PaddleTensor]]:
    """Return parameters and real buffers by Paddle's own name, each with its name in the layer."""
    named = [*layer.named_parameters(), *layer.named_buffers()]
    return {tensor.name: (name, tensor) for name, tensor in named}


class _Walk:
    """One pass over a program, in its order, which is topological."""

    def __init__(self, layer: Layer, source: str, outputs: Sequence[PirValue]) -> None:
        self._source = source
        self._outputs = outputs
        self._builder = GraphBuilder("OIHW", "IO")
        self._owned = {
            own: _parameter(name, tensor) for own, (name, tensor) in owned(layer).items()
        }
        self._operands: dict[str, Operand] = {}
        """What each value of the program is."""
        self._readers: dict[str, list[PirOperation]] = {}
        self._names: dict[str, int] = {}

    def graph(self, program: Sequence[PirOperation]) -> Graph:
        """Return the graph of a program."""
        for operation in program:
            for value in _sources(operation):
                if value is not None:
                    self._readers.setdefault(value.id, []).append(operation)
        inputs = []
        for operation in program:
            if operation.num_regions():
                raise MeasurementError(
                    f"{self._source} has control flow ({operation.name()[:40]}), which no graph of "
                    "layers can hold"
                )
            if operation.name() == "pd_op.data":
                result = operation.results()[0]
                tensor = self._builder.declare("image", _shape(result), _dtype(result))
                self._operands[result.id] = Value(tensor.name, tensor.shape)
                inputs.append(tensor)
            elif any(result.id not in self._operands for result in operation.results()):
                self._add(operation)
        results = [self._result(value) for value in self._outputs]
        return self._builder.graph(self._source, inputs, results, self._owned.values())

    def _result(self, value: PirValue) -> Tensor:
        operand = self._operands.get(value.id)
        if not isinstance(operand, Value):
            raise MeasurementError(f"{self._source} has an output that depends on no input")
        return self._builder.tensors[operand.name]

    def _add(self, operation: PirOperation) -> None:
        """Note what the results of an operation are, and add its nodes."""
        kind, results = operation.name(), operation.results()
        if kind in {"builtin.combine", "builtin.split"}:
            sources = [self._operands[value.id] for value in operation.operands_source()]
            parts: Any = sources[0] if kind == "builtin.split" else [sources]
            for result, part in zip(results, parts, strict=True):
                self._operands[result.id] = part
            return
        constant = self._constant(operation)
        if constant is not None:
            self._operands[results[0].id] = constant
            return
        self._convert(operation)

    def _constant(self, operation: PirOperation) -> Weight | Known | None:
        """Return the parameter or the numbers that an operation gives; None if it computes."""
        kind, attributes = operation.name(), operation.attrs()
        if kind == "builtin.parameter":
            parameter = self._owned[attributes["parameter_name"]]
            return Weight(parameter, parameter.shape)
        if kind == "pd_op.full_int_array":
            values = tuple(float(value) for value in attributes["value"])
            return Known((len(values),), values)
        if kind == "pd_op.full":
            return Known(_shape(operation.results()[0]), (float(attributes["value"]),))
        return None

    def _convert(self, operation: PirOperation) -> None:
        kind, results = operation.name().removeprefix("pd_op."), operation.results()
        names = list(operation.get_input_names())
        sources = [None if v is None else self._operands[v.id] for v in _sources(operation)]
        operands = dict(zip(names, sources, strict=True))
        handler, known = _HANDLERS.get(kind, (None, frozenset()))
        attributes = {k: v for k, v in operation.attrs().items() if k not in _ABOUT}
        addition = self._addition_behind(operation)
        more_are_read = any(self._is_read(result) for result in results[1:])
        call = Call(
            kind=kind,
            operands=operands,
            attributes=attributes,
            outputs=self._shapes(operation),
            bias=self._bias(addition, operation),
            emit=lambda request: self._emit(operation, request),
        )
        understood = handler is not None and set(attributes) <= known and not more_are_read
        result = handler(call) if handler is not None and understood else None
        if result is None:
            self._opaque(call, results)
            return
        is_list = not results[0].is_dense_tensor_type()
        if is_list != isinstance(result, list):
            raise MeasurementError(f"{self._source} has an operator {kind} of an unknown form")
        self._operands[results[0].id] = result
        if call.bias is not None and addition is not None:
            self._operands[addition.results()[0].id] = result

    def _opaque(self, call: Call, results: Sequence[PirValue]) -> None:
        """Add an operation as an opaque node with its plain attributes and known operands."""
        settings = {k: _plain(v) for k, v in sorted(call.attributes.items())}
        operands: list[Value | Weight] = []
        for name, operand in call.operands.items():
            parts = operand if isinstance(operand, list) else [operand]
            operands += [part for part in parts if isinstance(part, Value | Weight)]
            if isinstance(operand, Known):
                settings[name] = list(operand.values)
            if isinstance(operand, Weight) and not operand.is_plain:
                settings[f"{name}_shape"] = list(operand.shape)
        values = call.nodes(operations.opaque(f"paddle::{call.kind}", settings), operands)
        if not results[0].is_dense_tensor_type():
            self._operands[results[0].id] = list(values)
            return
        for result, value in zip(results, values, strict=True):
            self._operands[result.id] = value

    def _is_read(self, value: PirValue) -> bool:
        return value.id in self._readers or any(value.id == out.id for out in self._outputs)

    def _shapes(self, operation: PirOperation) -> tuple[Shape, ...]:
        """Return the shapes of the results; of a list, those of its elements."""
        results = operation.results()
        if results[0].is_dense_tensor_type():
            shapes = [_shape(result) for result in results]
            for result, shape in zip(results, shapes, strict=True):
                if min(shape, default=0) < 0 and self._is_read(result):
                    raise MeasurementError(
                        f"{self._source} has a tensor whose extents Paddle does not know "
                        f"({operation.name()[:40]})"
                    )
            return tuple(tuple(max(n, 0) for n in shape) for shape in shapes)
        for reader in self._readers.get(results[0].id, ()):
            if reader.name() == "builtin.split":
                return tuple(map(_shape, reader.results()))
        raise MeasurementError(
            f"{self._source} has a list of tensors ({operation.name()[:40]}) that nothing splits"
        )

    def _addition_behind(self, operation: PirOperation) -> PirOperation | None:
        """Return the addition that is the only reader of a layer's result."""
        result = operation.results()[0]
        readers = self._readers.get(result.id, [])
        named = operation.name().removeprefix("pd_op.") in _BIASED
        if not named or len(readers) != 1 or readers[0].name() != "pd_op.add":
            return None
        return None if any(result.id == out.id for out in self._outputs) else readers[0]

    def _bias(self, addition: PirOperation | None, operation: PirOperation) -> Weight | None:
        """Return the vector that an addition adds to the channels of a layer's result."""
        if addition is None:
            return None
        result = operation.results()[0]
        addends = [v for v in addition.operands_source() if v.id != result.id]
        weight = self._weight(addends[0]) if len(addends) == 1 else None
        if weight is None or len(weight.parameter.shape) != 1:
            return None
        shape = _shape(result)
        linear = operation.name() == "pd_op.matmul"
        wanted = (shape[-1],) if linear else (1, shape[1], *(1 for _ in shape[2:]))
        if linear and self._weight(operation.operands_source()[1]) is None:
            return None  # a product of two computed tensors has no bias
        return weight if weight.shape == wanted else None

    def _weight(self, value: PirValue) -> Weight | None:
        """Return a value if it is a parameter, perhaps in another shape."""
        operation = value.get_defining_op()
        if operation.name() == "builtin.parameter":
            constant = self._constant(operation)
            return constant if isinstance(constant, Weight) else None
        if operation.name() != "pd_op.reshape":
            return None
        source = self._weight(operation.operands_source()[0])
        return None if source is None else Weight(source.parameter, _shape(value))

    def _emit(self, operation: PirOperation, request: NodeRequest) -> list[Value]:
        """Add a node and return its outputs, one per shape."""
        weights = [o.parameter for o in request.operands if isinstance(o, Weight)]
        name = self._name(operation, weights, request.step)
        shapes = request.shapes
        names = [name] if len(shapes) == 1 else [f"{name}:{i}" for i in range(len(shapes))]
        first = operation.results()[0]
        dtype = _dtype(first) if first.is_dense_tensor_type() else "float32"
        outputs = [Tensor(n, tuple(shape), dtype) for n, shape in zip(names, shapes, strict=True)]
        self._builder.add(
            request.operation,
            name,
            inputs=[o.name for o in request.operands if isinstance(o, Value)],
            outputs=outputs,
            parameters=list({p.name: p for p in weights}.values()),
            matrices=request.matrices,
        )
        return [Value(tensor.name, tensor.shape) for tensor in outputs]

    def _name(self, operation: PirOperation, weights: Sequence[Parameter], step: str) -> str:
        """Return the path of the layer that owns the weights, else the operator's name."""
        kind = operation.name().removeprefix("pd_op.").strip("_")
        path = weights[0].name.rpartition(".")[0] if weights else ""
        name = path or kind
        if step:
            name = f"{name}/{step}"
        count = self._names[name] = self._names.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"


def _parameter(name: str, tensor: PaddleTensor) -> Parameter:
    shape = tuple(int(n) for n in tensor.shape)
    return Parameter(name, shape, not tensor.stop_gradient, _dtype(tensor))


def _sources(operation: PirOperation) -> list[PirValue | None]:
    """Return the operands of an operation; None for one that is left out."""
    return [v if v.initialized() else None for v in operation.operands_source()]


def _shape(value: PirValue) -> Shape:
    return tuple(int(n) for n in value.shape)


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("paddle.")


def _stated(text: str) -> str:
    """Return what a message of Paddle states, which is behind the traces of its own code."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    stated = [line for line in lines if re.match(r"\w*(Error|Exception): ", line)]
    return (stated[-1] if stated else " ".join(filter(None, lines)))[:200]


def _plain(value: Any) -> AttributeValue:
    """Return an attribute as a plain value, types and places as text."""
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(v, int | float | str) for v in value):
        return list(value)
    return str(value)
