"""Converts a functional Keras model to a canonical graph.

Works on a built ``keras.Model`` that has a graph (Functional, Sequential, nested in any way), with
or without values in its variables: nothing is computed. Nested models are flattened; a layer inside
one is named ``outer/inner``. Further steps of a layer, such as an activation among its arguments,
become nodes named ``layer/step``. ``zoodiff.frontends.keras.layers`` converts each layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from zoodiff.errors import MeasurementError
from zoodiff.frontends.builder import GraphBuilder
from zoodiff.frontends.keras.call import Call, Value
from zoodiff.frontends.keras.layers import translate
from zoodiff.frontends.keras.protocols import KerasTensor, LayerGraph, Model, Node, Variable
from zoodiff.frontends.operations import Operation
from zoodiff.graph.ir import Graph, Parameter, Tensor

SOURCE = "keras"
Shapes = Sequence[int] | Mapping[str, Sequence[int]] | None
"""Of one input, or by the name of each; without batch, in the framework's own order."""


def to_graph(model: Model, input_shape: Shapes = None) -> Graph:
    """Return the canonical graph of a Keras model at batch size 1.

    ``input_shape`` is the framework's own, without batch, e.g. ``(224, 224, 3)``, or such shapes by
    the name of the input; it is needed only where the model leaves an extent open. Raises
    MeasurementError for a model without a graph (subclassed), and for an open extent without
    ``input_shape``.
    """
    return _Builder(model).build(input_shape)


def named_variables(model: Model, input_shape: Shapes = None) -> dict[str, Variable]:
    """Return the variables of a model by their names in its graph; ``input_shape`` as there."""
    builder = _Builder(model)
    builder.build(input_shape)
    by_id = {id(variable): variable for variable in model.weights}
    return {p.name: by_id[i] for i, p in builder.parameters.items() if i in by_id}


class _Builder:
    """Collects the nodes of one model, and the canonical tensor of each symbolic tensor."""

    def __init__(self, model: Model) -> None:
        import keras

        self._model = model
        self._channels_last = keras.config.image_data_format() == "channels_last"
        self._values: dict[int, Value] = {}
        self._builder = GraphBuilder("HWIO", "IO")
        self._names: set[str] = set()
        self.parameters: dict[int, Parameter] = {}
        self._parameter_names: set[str] = set()

    def build(self, input_shape: Shapes) -> Graph:
        graph = _graph_of(self._model)
        if graph is None:
            raise MeasurementError(
                f'the Keras model "{self._model.name}" is subclassed and has no layer graph; '
                "give a Functional or Sequential model"
            )
        inputs = []
        for tensor in graph.inputs:
            shape = self._input_shape(tensor, input_shape)
            value = Value(self._unique(_input_name(tensor)), shape, tensor.dtype)
            self._values[id(tensor)] = value
            inputs.append(self._builder.declare(value.name, self.canonical(shape), value.dtype))
        self._walk(graph, prefix="")
        outputs = [self._builder.tensors[self._values[id(t)].name] for t in graph.outputs]
        owned = [self.parameter(variable) for variable in self._model.weights]
        return self._builder.graph(SOURCE, inputs, outputs, owned)

    def canonical(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return an image-like shape channels first, any other shape unchanged."""
        if len(shape) == 4 and self._channels_last:
            return (shape[0], shape[3], shape[1], shape[2])
        return tuple(shape)

    def axis(self, axis: int, rank: int) -> int:
        """Return the canonical position of an axis of the framework's layout."""
        positive = axis % rank
        if rank == 4 and self._channels_last:
            return (0, 2, 3, 1)[positive]
        return positive

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
        return parameter

    def emit(
        self,
        operation: Operation,
        name: str,
        *,
        inputs: Sequence[str],
        shapes: Sequence[tuple[int, ...]],
        dtypes: Sequence[str],
        variables: Iterable[Variable],
        roles: Sequence[str] = (),
        layouts: Sequence[str] = (),
    ) -> list[str]:
        """Add a node; ``shapes`` are canonical. Returns the names of its outputs."""
        unique = self._unique(name)
        outputs = [unique] if len(shapes) == 1 else [f"{unique}:{i}" for i in range(len(shapes))]
        parameters = [self.parameter(variable) for variable in variables]
        for position, role in enumerate(roles):
            parameters[position] = replace(parameters[position], role=role)
        for position, layout in enumerate(layouts):
            parameters[position] = replace(parameters[position], layout=layout)
        self._builder.add(
            operation,
            unique,
            inputs=inputs,
            outputs=map(Tensor, outputs, shapes, dtypes),
            parameters=parameters,
        )
        return outputs

    def _walk(self, graph: LayerGraph, prefix: str) -> None:
        for node in _nodes(graph):
            operation = node.operation
            inner = _graph_of(operation)
            arguments = [self._value(tensor) for tensor in node.arguments.keras_tensors]
            if inner is not None:
                for tensor, value in zip(inner.inputs, arguments, strict=True):
                    self._values[id(tensor)] = value
                self._walk(inner, prefix=f"{prefix}{operation.name}/")
                for tensor, source in zip(node.outputs, inner.outputs, strict=True):
                    self._values[id(tensor)] = self._values[id(source)]
                continue
            shapes = self._output_shapes(node, arguments)
            dtypes = tuple(str(tensor.dtype) for tensor in node.outputs)
            args, kwargs = self._filled(node)
            call = Call(
                operation=operation,
                name=prefix + operation.name,
                inputs=tuple(arguments),
                args=args,
                kwargs=kwargs,
                shapes=shapes,
                dtypes=dtypes,
                builder=self,
            )
            names = translate(call)
            for tensor, name, shape, dtype in zip(node.outputs, names, shapes, dtypes, strict=True):
                self._values[id(tensor)] = Value(name, shape, dtype)

    def _value(self, tensor: KerasTensor) -> Value:
        return self._values[id(tensor)]

    def _filled(self, node: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the call's arguments with values in place of symbolic tensors."""
        values = {id(tensor): self._value(tensor) for tensor in node.arguments.keras_tensors}
        args, kwargs = node.arguments.fill_in(values)
        return tuple(args), dict(kwargs)

    def _output_shapes(self, node: Node, inputs: Sequence[Value]) -> tuple[tuple[int, ...], ...]:
        """Return output shapes at batch 1, computed anew where the model leaves extents open."""
        declared = [tuple(tensor.shape) for tensor in node.outputs]
        if all(None not in shape[1:] for shape in declared):
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

    def _unique(self, name: str) -> str:
        unique, copy = name, 1
        while unique in self._names:
            unique, copy = f"{name}:{copy}", copy + 1
        self._names.add(unique)
        return unique


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
    return str(tensor._keras_history.operation.name)
