"""Allow saving and restoring in TensorFlow graphs only if nothing runs it.

Every SavedModel has functions and nodes that save and restore its own variables. The loader of
TensorFlow 2 reads the variables itself and calls none of them. The loader of TensorFlow 1 runs the
node that the saver names, which may restore from the file name that the loader passes.
Nodes and functions that save are found by their operators, with everything that depends on them. A
file is refused if anything that is run could reach them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from zoodiff.errors import RefusedError
from zoodiff.frontends.tensorflow.protobuf import (
    FunctionDef,
    FunctionLibrary,
    GraphDef,
    MetaGraphDef,
    NodeDef,
    SavedObjectGraph,
    SaverDef,
)
from zoodiff.rules.security import refusal
from zoodiff.zoos.scan.graph_nodes import SAVING, functions_of

_RESTORING = frozenset({"Restore", "RestoreSlice", "RestoreV2"})
_SCOPE = re.compile(r"save(_\d+)?/.*")
"""Names of the nodes of TensorFlow 1's savers."""
_SAVERS = "savers"
"""The collection of savers, which nothing runs; their messages look like those of variables."""
_VARIABLES = ("variable_name", "initializer_name", "snapshot_name", "initial_value_name")


def check_meta_graph(meta: MetaGraphDef, path: Path) -> None:
    """Raise RefusedError (SEC104) if a signature, an object or a start could save or restore."""
    graph = meta.graph_def
    functions = saving_functions(graph.library, path)
    for name in _called_by_objects(meta.object_graph_def):
        if name in functions:
            raise _refused(f"an object calls the function {name!r}", functions[name], path)
    nodes = _Nodes(graph.node)
    saving = _saving_nodes(graph.node, functions)
    touched = nodes.after(saving)
    for name in _run_by_name(meta):
        if name in touched:
            raise _refused(f"a signature or a start runs the node {name!r}", touched[name], path)
    if not meta.HasField("object_graph_def"):
        _check_restoring(meta.saver_def, nodes, saving, path)


def check_frozen(definition: GraphDef, path: Path) -> None:
    """Raise RefusedError (SEC104) unless only leftover savers of TensorFlow 1 save or restore."""
    functions = saving_functions(definition.library, path)
    saving = _saving_nodes(definition.node, functions)
    for name, operator in sorted(_Nodes(definition.node).after(saving).items()):
        if not _SCOPE.fullmatch(name):
            raise _refused(f"the network has the node {name!r}", operator, path)


def saving_functions(library: FunctionLibrary, path: Path) -> dict[str, str]:
    """Return the functions that save or restore, directly or by calls, with the operator.

    Raises RefusedError if one of them may replace another function.
    """
    callers: dict[str, set[str]] = {}
    for function in library.function:
        for name in _called(function):
            callers.setdefault(name, set()).add(function.signature.name)
    saving = _closure(
        {
            function.signature.name: node.op
            for function in library.function
            for node in function.node_def
            if node.op in SAVING
        },
        callers,
    )
    for function in library.function:
        name = function.signature.name
        # Grappler replaces functions by others that implement the same (api_implements).
        if name in saving and any(not key.startswith("_") for key in function.attr):
            raise _refused(
                f"the function {name!r} may be put in the place of another", saving[name], path
            )
    for gradient in (*library.gradient, *library.registered_gradients):
        if gradient.gradient_func in saving:
            name = gradient.gradient_func
            raise _refused(f"a gradient is the function {name!r}", saving[name], path)
    return saving


class _Nodes:
    """The nodes of a graph by name, and which nodes read them."""

    def __init__(self, nodes: Iterable[NodeDef]) -> None:
        self.by_name: dict[str, list[NodeDef]] = {}
        self._takers: dict[str, set[str]] = {}
        for node in nodes:
            self.by_name.setdefault(node.name, []).append(node)
            for source in node.input:
                self._takers.setdefault(_plain(source), set()).add(node.name)

    def after(self, operators: Mapping[str, str]) -> dict[str, str]:
        """Return the nodes and all that depend on them, with the operator of the first."""
        return _closure(operators, self._takers)

    def before(self, name: str) -> set[str]:
        """Return the names of the node and of all nodes that it depends on."""
        needed: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in needed:
                needed.add(current)
                for node in self.by_name.get(current, ()):
                    waiting += map(_plain, node.input)
        return needed


def _check_restoring(saver: SaverDef, nodes: _Nodes, saving: Mapping[str, str], path: Path) -> None:
    """Raise RefusedError unless TensorFlow 1's loader restores only from its own file name."""
    filename = _plain(saver.filename_tensor_name)
    for name in sorted(nodes.before(_plain(saver.restore_op_name)) & saving.keys()):
        for node in nodes.by_name[name]:
            source = _plain(node.input[0]) if node.input else ""
            if node.op not in _RESTORING or source != filename:
                raise _refused(f"its saver runs the node {name!r}", saving[name], path)


def _called_by_objects(objects: SavedObjectGraph) -> Iterator[str]:
    """Yield the functions that objects of a SavedModel call."""
    yield from sorted(objects.concrete_functions)
    for node in objects.nodes:
        yield from node.function.concrete_functions
        yield node.bare_concrete_function.concrete_function_name
        yield node.captured_tensor.concrete_function


def _run_by_name(meta: MetaGraphDef) -> Iterator[str]:
    """Yield the nodes that signatures, variables and collections name, for example starts."""
    for signature in meta.signature_def.values():
        for tensor in signature.outputs.values():
            yield _plain(tensor.name)
            coo = tensor.coo_sparse
            for name in (
                coo.values_tensor_name,
                coo.indices_tensor_name,
                coo.dense_shape_tensor_name,
            ):
                yield _plain(name)
            yield from (_plain(part.name) for part in tensor.composite_tensor.components)
    for key, collection in meta.collection_def.items():
        yield from map(_plain, collection.node_list.value)
        if key != _SAVERS:
            for content in collection.bytes_list.value:
                yield from _of_variable(content)


def _of_variable(content: bytes) -> Iterator[str]:
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework import variable_pb2

    try:
        variable = variable_pb2.VariableDef.FromString(content)
    except DecodeError:
        return  # text, or a message without a variable
    yield from (_plain(getattr(variable, field)) for field in _VARIABLES)


def _saving_nodes(nodes: Iterable[NodeDef], functions: Mapping[str, str]) -> dict[str, str]:
    """Return the nodes that save or restore, directly or by functions, with the operator."""
    saving = {}
    for node in nodes:
        if node.op in SAVING:
            saving[node.name] = node.op
        for name in (node.op, *functions_of(node.attr.values())):
            if name in functions:
                saving[node.name] = functions[name]
    return saving


def _called(function: FunctionDef) -> Iterator[str]:
    for node in function.node_def:
        yield node.op
        yield from functions_of(node.attr.values())
    yield from functions_of(function.attr.values())
    yield from functions_of(attribute.default_value for attribute in function.signature.attr)


def _closure(start: Mapping[str, str], following: Mapping[str, set[str]]) -> dict[str, str]:
    """Return the names in ``start`` and all that follow from them, with the value of the start."""
    reached, waiting = dict(start), list(start)
    while waiting:
        current = waiting.pop()
        for name in following.get(current, ()):
            if name not in reached:
                reached[name] = reached[current]
                waiting.append(name)
    return reached


def _plain(name: str) -> str:
    """Return the name of the node of a tensor or control input."""
    return name.removeprefix("^").split(":")[0]


def _refused(problem: str, operator: str, path: Path) -> RefusedError:
    return refusal(
        "SEC104",
        f"{path} is not loaded: it saves or restores more than its own variables, by {operator}; "
        + problem,
    )
