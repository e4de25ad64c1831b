"""Converts TensorFlow graphs, functions and frozen graphs to canonical graphs.

Only operations that the outputs depend on are converted. Reading variables, passing values on and
arithmetic on shapes leave no nodes; a node has the name of TensorFlow's operation. Nothing is
computed, so variables need no values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.frontends.tensorflow.builder import SOURCE, Builder, own_shape
from zoodiff.frontends.tensorflow.layout import Layouts
from zoodiff.frontends.tensorflow.ops import translate
from zoodiff.frontends.tensorflow.protobuf import GraphDef
from zoodiff.frontends.tensorflow.protocols import (
    TfFunction,
    TfGraph,
    TfOperation,
    TfTensor,
    TfVariable,
)
from zoodiff.graph.ir import Graph, Parameter

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
_SHAPE_ONLY = {"Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"}
"""Operations that need their input's shape, not its values."""


def graph_from_tensors(
    inputs: Sequence[TfTensor],
    outputs: Sequence[TfTensor],
    parameters: Mapping[str, Parameter],
    *,
    owned: Iterable[Parameter] = (),
    source: str = SOURCE,
) -> Graph:
    """Return the canonical graph between symbolic tensors of one TensorFlow graph.

    ``parameters`` are the parameters by tensor name: of a variable's handle, a reference variable,
    or a constant of a frozen graph. ``owned`` are all parameters of the network; those that the
    outputs do not depend on become ``unused_parameters``. Shapes should be those of batch size 1.
    Raises MeasurementError where an output does not depend on the inputs.
    """
    operations = _reachable(inputs, outputs)
    builder = Builder(operations, inputs, outputs, parameters)
    for operation in operations:
        translate(builder, operation)
    for tensor in outputs:
        if not builder.computed(tensor):
            raise MeasurementError(
                f"the output {tensor.name} of the TensorFlow graph does not depend on the inputs "
                f"{', '.join(t.name for t in inputs)}; name other inputs or outputs"
            )
    return builder.graph(source, owned)


def variable_parameters(variables: Iterable[TfVariable]) -> list[Parameter]:
    """Return one parameter per variable, in order; repeated names get a number.

    Keras numbers layers within their block only, so several variables may have one name.
    """
    counts: dict[str, int] = {}
    parameters = []
    for variable in variables:
        name = variable.name.removesuffix(":0")
        count = counts[name] = counts.get(name, 0) + 1
        shape = tuple(int(extent) for extent in variable.shape)
        label = name if count == 1 else f"{name}:{count}"
        dtype = variable.dtype.base_dtype.name
        parameters.append(Parameter(label, shape, bool(variable.trainable), dtype))
    return parameters


def graph_from_concrete_function(
    function: TfFunction, *, variables: Sequence[TfVariable] | None = None, source: str = SOURCE
) -> Graph:
    """Return the canonical graph of a concrete function, such as a SavedModel's signature.

    Trace it at batch size 1. ``variables`` are all variables of the network, by default those that
    the function captures.
    """
    parameters, by_tensor = _captured(function, variables)
    inputs, outputs = _flat(function, by_tensor)
    return graph_from_tensors(inputs, outputs, by_tensor, owned=parameters, source=source)


def images_of(
    function: TfFunction, variables: Sequence[TfVariable] | None = None
) -> tuple[bool, ...]:
    """Return for each input of a concrete function whether it is an image with channels last.

    The canonical graph has these channels first.
    """
    inputs, outputs = _flat(function, _captured(function, variables)[1])
    layouts = Layouts(_reachable(inputs, outputs), inputs)
    return tuple(map(layouts.channels_last, inputs))


def _captured(
    function: TfFunction, variables: Sequence[TfVariable] | None
) -> tuple[list[Parameter], dict[str, Parameter]]:
    """Return the parameters of all variables, and those that a function captures by tensor name."""
    owners = list(function.graph.variables if variables is None else variables)
    parameters = variable_parameters(owners)
    by_handle = {id(v.handle): p for v, p in zip(owners, parameters, strict=True)}
    by_tensor = {
        inner.name: by_handle[id(outer)]
        for outer, inner in function.graph.captures
        if id(outer) in by_handle
    }
    return parameters, by_tensor


def _flat(
    function: TfFunction, parameters: Mapping[str, Parameter]
) -> tuple[list[TfTensor], list[TfTensor]]:
    """Return the inputs and outputs of a function in a graph without calls of functions."""
    captured = {inner.name for _, inner in function.graph.captures}
    inputs = [tensor for tensor in function.inputs if tensor.name not in captured]
    outputs = list(function.outputs)
    if any(operation.type in _CALLS for operation in function.graph.get_operations()):
        return _inlined(function.graph, inputs, outputs, parameters)
    return inputs, outputs


def graph_from_graph_def(
    graph_def: GraphDef,
    inputs: Mapping[str, Sequence[int]],
    outputs: Sequence[str],
    *,
    source: str = SOURCE,
) -> Graph:
    """Return the canonical graph of a frozen graph, whose weights are constants.

    ``inputs`` are the shapes of the input operations in the graph's own layout, with batch size 1.
    A frozen graph does not say what was trainable: constants that a normalisation uses as mean
    and variance count as state, all other constants of more than one element as learned.
    """
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        placeholders = {
            f"{name}:0": tf.compat.v1.placeholder(_dtype(graph_def, name), list(shape), "input")
            for name, shape in inputs.items()
        }
        results = tf.import_graph_def(
            graph_def,
            input_map=placeholders,
            return_elements=[f"{name}:0" for name in outputs],
            name="",
        )
    operations = _reachable(list(placeholders.values()), results)
    weights = _frozen_weights(operations)
    return graph_from_tensors(
        list(placeholders.values()), results, weights, owned=weights.values(), source=source
    )


def _dtype(graph_def: GraphDef, name: str) -> Any:
    import tensorflow as tf

    for node in graph_def.node:
        if node.name == name:
            return tf.dtypes.as_dtype(node.attr["dtype"].type)
    input_names = ", ".join(n.name for n in graph_def.node if n.op == "Placeholder")
    raise MeasurementError(f'the frozen graph has no input "{name}"; its inputs are {input_names}')


def _frozen_weights(operations: Iterable[TfOperation]) -> dict[str, Parameter]:
    """Return the constants of a frozen graph that are weights, by tensor name."""
    import numpy as np
    import tensorflow as tf

    weights: dict[str, Parameter] = {}
    statistics: set[str] = set()
    for operation in operations:
        if operation.type.startswith("FusedBatchNorm"):
            statistics.update(_constant_behind(t).name for t in operation.inputs[3:5])
    for operation in operations:
        tensor = operation.outputs[0] if operation.type == "Const" else None
        if tensor is None or not tensor.dtype.is_floating or tensor.shape.num_elements() <= 1:
            continue
        values = np.asarray(tf.get_static_value(tensor))
        # A normalisation without scale or offset has a scale of ones or an offset of zeros.
        if tensor.shape.rank == 1 and (np.all(values == 1.0) or np.all(values == 0.0)):
            continue
        weights[tensor.name] = Parameter(
            operation.name,
            own_shape(tensor),
            tensor.name not in statistics,
            tensor.dtype.base_dtype.name,
        )
    return weights


def _constant_behind(tensor: TfTensor) -> TfTensor:
    while tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tensor


def _reachable(inputs: Sequence[TfTensor], outputs: Sequence[TfTensor]) -> list[TfOperation]:
    """Return the operations that the outputs depend on, in topological order."""
    stop = {tensor.op.name for tensor in inputs}
    ordered: list[TfOperation] = []
    visited: set[str] = set()
    stack = [(tensor.op, False) for tensor in reversed(outputs)]
    while stack:
        operation, ready = stack.pop()
        if ready:
            ordered.append(operation)
            continue
        if operation.name in visited:
            continue
        visited.add(operation.name)
        stack.append((operation, True))
        if operation.name not in stop and not _shape_known(operation):
            stack.extend((t.op, False) for t in reversed(operation.inputs))
    return ordered


def _shape_known(operation: TfOperation) -> bool:
    return operation.type in _SHAPE_ONLY and operation.inputs[0].shape.is_fully_defined()


def _inlined(
    graph: TfGraph,
    inputs: Sequence[TfTensor],
    outputs: Sequence[TfTensor],
    parameters: Mapping[str, Parameter],
) -> tuple[list[TfTensor], list[TfTensor]]:
    """Return the inputs and outputs in a graph with calls of functions inlined.

    TensorFlow's own optimiser inlines them; all its other optimisations are switched off.
    """
    import tensorflow as tf
    from tensorflow.core.protobuf import meta_graph_pb2
    from tensorflow.python.grappler import tf_optimizer

    definition = graph.as_graph_def()
    for node in definition.node:
        if node.op in _CALLS:
            # The optimiser does not inline calls with this mark.
            node.attr["_noinline"].b = False
    meta = tf.compat.v1.train.export_meta_graph(graph_def=definition, graph=graph)
    fetches = meta_graph_pb2.CollectionDef()
    for tensor in (*inputs, *outputs):
        fetches.node_list.value.append(tensor.name)
    fetches.node_list.value.extend(parameters)
    meta.collection_def["train_op"].CopyFrom(fetches)
    config = tf.compat.v1.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.min_graph_nodes = -1
    rewrite.optimizers.append("function")
    optimised = tf_optimizer.OptimizeGraph(config, meta)
    for node in optimised.node:
        # A captured handle lacks type and shape of its variable; the variable's operation has them.
        parameter = parameters.get(f"{node.name}:0")
        if parameter is not None:
            node.op = "VarHandleOp"
            node.attr["dtype"].type = tf.as_dtype(parameter.dtype).as_datatype_enum
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(parameter.shape).as_proto())
    flat = tf.Graph()
    with flat.as_default():
        names = [tensor.name for tensor in (*inputs, *outputs)]
        tensors = tf.import_graph_def(optimised, return_elements=names, name="")
    return list(tensors[: len(inputs)]), list(tensors[len(inputs) :])
