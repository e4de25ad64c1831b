"""Converts a functional Keras model to a canonical graph.

Works on a built ``keras.Model`` that has a graph (Functional, Sequential, nested in any way), with
or without values in its variables: nothing is computed. Nested models are flattened; a layer inside
one is named ``outer/inner``, and so is a step of a layer whose ``call`` is traced. Further steps of
a layer, such as an activation among its arguments, become nodes named ``layer/step``.
``zoodiff.frontends.keras.layers`` converts each layer, ``zoodiff.frontends.keras.functions`` each
function of ``keras.ops``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from zoodiff.errors import MeasurementError
from zoodiff.frontends.keras import tracing
from zoodiff.frontends.keras.call import Call, Shape, Value, outputs_of
from zoodiff.frontends.keras.nodes import Nodes
from zoodiff.frontends.keras.protocols import KerasTensor, Layer, LayerGraph, Model, Node, Variable
from zoodiff.frontends.keras.translation import (
    is_builtin,
    is_function,
    is_known,
    opaque,
    translated,
)
from zoodiff.graph.ir import Graph

SOURCE = "keras"
Shapes = Sequence[int] | Mapping[str, Sequence[int]] | None
"""Of one input, or by the name of each; without batch, in the framework's own order."""
_DEEPEST = 8
"""Layers within layers whose calls are traced."""


def to_graph(model: Model, input_shape: Shapes = None) -> Graph:
    """Return the canonical graph of a Keras model at batch size 1.

    ``input_shape`` is the framework's own, without batch, e.g. ``(224, 224, 3)``, or such shapes by
    the name of the input; it is needed only where the model leaves an extent open. Raises
    MeasurementError for a model without a graph (subclassed), and for an open extent without
    ``input_shape``.
    """
    return _Walk(model).build(input_shape)


def named_variables(model: Model, input_shape: Shapes = None) -> dict[str, Variable]:
    """Return the variables of a model by their names in its graph; ``input_shape`` as there."""
    walk = _Walk(model)
    walk.build(input_shape)
    by_id = {id(variable): variable for variable in model.weights}
    return {p.name: by_id[i] for i, p in walk.nodes.parameters.items() if i in by_id}


class _Walk:
    """Visits the nodes of one model in order, with the value of each symbolic tensor."""

    def __init__(self, model: Model) -> None:
        import keras

        self._model = model
        self._values: dict[int, Value] = {}
        self._symbols: list[object] = []
        """Symbolic tensors of traces, which are known by their identity."""
        self.nodes = Nodes(keras.config.image_data_format() == "channels_last")

    def build(self, input_shape: Shapes) -> Graph:
        graph = _graph_of(self._model)
        if graph is None:
            raise MeasurementError(
                f'the Keras model "{self._model.name}" is subclassed and has no layer graph; '
                "give a Functional or Sequential model"
            )
        # Names of weights follow the model's own order, whatever can be traced.
        owned = [self.nodes.parameter(variable) for variable in self._model.weights]
        inputs = []
        for tensor in graph.inputs:
            shape = self._input_shape(tensor, input_shape)
            value, declared = self.nodes.declare(_input_name(tensor), shape, tensor.dtype)
            self._values[id(tensor)] = value
            inputs.append(declared)
        self._visit(_nodes(graph), prefix="", depth=0)
        outputs = [self._values[id(tensor)] for tensor in graph.outputs]
        return self.nodes.graph(SOURCE, inputs, outputs, owned)

    def _visit(self, nodes: Iterable[Node], prefix: str, depth: int) -> None:
        for node in nodes:
            inner = _graph_of(node.operation)
            arguments = [self._values[id(t)] for t in node.arguments.keras_tensors]
            if inner is None:
                results = self._applied(node, arguments, prefix, depth)
            else:
                for tensor, value in zip(inner.inputs, arguments, strict=True):
                    self._values[id(tensor)] = value
                self._visit(_nodes(inner), f"{prefix}{node.operation.name}/", depth)
                results = [self._values[id(tensor)] for tensor in inner.outputs]
            for tensor, value in zip(node.outputs, results, strict=True):
                self._values[id(tensor)] = value

    def _applied(
        self, node: Node, arguments: Sequence[Value], prefix: str, depth: int
    ) -> list[Value]:
        """Return the results of one layer or function, whose nodes are added."""
        operation = node.operation
        name = tracing.step_name(operation) if depth and is_function(operation) else operation.name
        args, kwargs, inputs = self._filled(node, arguments)
        call = Call(
            operation=operation,
            name=prefix + name,
            inputs=tuple(inputs),
            args=args,
            kwargs=kwargs,
            shapes=(),
            dtypes=tuple(str(tensor.dtype) for tensor in node.outputs),
            builder=self.nodes,
        )
        if is_known(operation):
            call = replace(call, shapes=self._output_shapes(node, arguments))
            with self.nodes.attempt() as attempt:
                results = outputs_of(call, translated(call))
                if results is not None:
                    attempt.keep()
                    return results
        traced = self._traced(node, call, depth)
        if traced is not None:
            return traced
        # Keras may have to run a layer of others to say what shapes it returns.
        shapes = call.shapes or self._output_shapes(node, arguments)
        return opaque(replace(call, shapes=shapes))

    def _traced(self, node: Node, call: Call, depth: int) -> list[Value] | None:
        """Return the results of a layer from its traced ``call``; None where it is not exact.

        A layer of Keras's own stays one opaque node unless all of its steps are known; of any other
        layer, whose settings need not say what it computes, the known steps are kept.
        """
        if depth >= _DEEPEST or is_function(call.operation):
            return None
        trace = tracing.trace(node, call)
        if trace is None:
            return None
        with self.nodes.attempt() as attempt:
            for symbol, value in trace.inputs:
                self._values[id(symbol)] = value
            self._symbols.append(trace)
            self._visit(trace.nodes, f"{call.name}/", depth + 1)
            results = [self._values[id(tensor)] for tensor in trace.outputs]
            open_extent = any(n < 0 for value in results for n in value.shape)
            if open_extent or (attempt.opaque() and is_builtin(call.operation)):
                return None
            attempt.keep()
            return results

    def _filled(
        self, node: Node, arguments: Sequence[Value]
    ) -> tuple[tuple[Any, ...], dict[str, Any], list[Value]]:
        """Return the call's arguments with values in place of symbolic tensors and of variables."""
        tensors = node.arguments.keras_tensors
        values = {id(tensor): value for tensor, value in zip(tensors, arguments, strict=True)}
        args, kwargs = node.arguments.fill_in(values)
        inputs = list(arguments)
        if not is_function(node.operation):
            return tuple(args), dict(kwargs), inputs
        # A function may read variables as they are; its operands are in the order of arguments.
        inputs = []

        def read(argument: Any) -> Any:
            if tracing.is_variable(argument):
                argument = self.nodes.weight(argument)
            if isinstance(argument, Value):
                inputs.append(argument)
            elif isinstance(argument, list | tuple):
                return type(argument)([read(part) for part in argument])
            return argument

        return tuple(map(read, args)), {key: read(kwargs[key]) for key in kwargs}, inputs

    def _output_shapes(self, node: Node, inputs: Sequence[Value]) -> tuple[Shape, ...]:
        """Return output shapes at batch 1, computed anew where the model leaves extents open.

        A layer keeps the batch, a function may fold other axes into it.
        """
        declared = [tuple(tensor.shape) for tensor in node.outputs]
        keeps_batch = not is_function(node.operation) and all(v.shape[:1] == (1,) for v in inputs)
        if all(None not in shape[int(keeps_batch) :] for shape in declared):
            return tuple(tuple(1 if n is None else int(n) for n in shape) for shape in declared)
        import keras

        symbols = {
            id(tensor): keras.KerasTensor(value.shape, dtype=value.dtype)
            for tensor, value in zip(node.arguments.keras_tensors, inputs, strict=True)
        }
        args, kwargs = node.arguments.fill_in(symbols)
        specs = keras.tree.flatten(node.operation.compute_output_spec(*args, **kwargs))
        return tuple(tuple(-1 if n is None else int(n) for n in spec.shape) for spec in specs)

    def _input_shape(self, tensor: KerasTensor, requested: Shapes) -> tuple[int, ...]:
        declared = tuple(tensor.shape)[1:]
        if isinstance(requested, Mapping):
            requested = requested.get(_input_name(tensor))
        if None not in declared:
            return (1, *(int(n) for n in declared if n is not None))
        if requested is None or len(requested) != len(declared):
            raise MeasurementError(
                f'the Keras model "{self._model.name}" leaves its input size open '
                f"{declared}; give an input shape such as (224, 224, 3)"
            )
        return (1, *(int(n) for n in requested))


def declared_shapes(model: object) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of a model's inputs by name, without batch; None for an open extent.

    Empty for a model without a layer graph.
    """
    graph = _graph_of(model)
    tensors = () if graph is None else graph.inputs
    return {_input_name(tensor): tuple(tensor.shape)[1:] for tensor in tensors}


def input_structure(model: object) -> Any:
    """Return how a model with a layer graph takes its inputs: one, several, or by name."""
    graph: Any = _graph_of(model)
    return graph.input


def has_layer_graph(model: object) -> bool:
    """Return whether Keras knows the layers of a model; of a subclassed one it does not."""
    return _graph_of(model) is not None


def _graph_of(operation: object) -> LayerGraph | None:
    """Return the layer graph of a model, or None for a plain layer or a subclassed model."""
    graph: Any = getattr(operation, "_functional", None) or operation
    return cast("LayerGraph", graph) if hasattr(graph, "_nodes_by_depth") else None


def _nodes(graph: LayerGraph) -> Iterator[Node]:
    """Yield applications of layers in topological order; Keras sorts them by depth."""
    for depth in sorted(graph._nodes_by_depth, reverse=True):
        for node in graph._nodes_by_depth[depth]:
            if not node.is_input:
                yield node


def _input_name(tensor: KerasTensor) -> str:
    operation: Layer = tensor._keras_history.operation
    return str(operation.name)
