"""Scan the nodes of TensorFlow's graphs: operators, called functions, attributes, devices."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from pathlib import Path

from zoodiff.errors import RefusedError
from zoodiff.frontends.tensorflow.protobuf import (
    AttrValue,
    Function,
    GraphDef,
    NodeDef,
    TensorProto,
)
from zoodiff.rules.security import refusal
from zoodiff.zoos.scan.judged import judged, sentence

SAVING = frozenset(
    {
        *("Save", "SaveSlices", "SaveV2", "Restore", "RestoreSlice", "RestoreV2"),
        *("MergeV2Checkpoints", "ShardedFilename", "ShardedFilespec"),
    }
)
"""Operators that are refused unless nothing runs them; see ``graph_saving``."""
_RESOURCE = 20
_OPAQUE = frozenset({_RESOURCE, 21})
"""Types of tensors whose values are objects of the process: DT_RESOURCE and DT_VARIANT."""
_LISTS = "tensorflow::TensorList"
_REMOTE = re.compile(r"/job:(?!localhost(?:/|$))([^/]*)")
_CODEC = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_.:+-]*")
_CODECS = frozenset({"UnicodeDecode", "UnicodeDecodeWithOffsets", "UnicodeTranscode"})


def check_graph(definition: GraphDef, path: Path) -> None:
    """Raise RefusedError (SEC104) if a graph or its functions do more than compute.

    ``graph_saving`` checks saving and restoring.
    """
    functions = names_of_functions(definition, path)
    nodes = list(definition.node)
    for function in definition.library.function:
        nodes += function.node_def
        defaults = [attribute.default_value for attribute in function.signature.attr]
        where = f"the function {function.signature.name!r}"
        _check_values([*function.attr.values(), *defaults], functions, where, path)
    _check_operators({node.op for node in nodes}, functions, path)
    for node in nodes:
        _check_node(node, functions, path)
    check_devices({node.device for node in nodes}, path)


def names_of_functions(definition: GraphDef, path: Path) -> frozenset[str]:
    """Return the names of a graph's functions; raise RefusedError if two are the same."""
    names = Counter(function.signature.name for function in definition.library.function)
    if twice := [name for name, times in names.items() if times > 1]:
        raise _refused(f"it has two functions {twice[0]!r}", path)
    return frozenset(names)


def functions_of(attributes: Iterable[AttrValue]) -> list[str]:
    """Return the functions that attributes name, including those in attributes of functions."""
    names = []
    for attribute in _within(attributes):
        if attribute.WhichOneof("value") == "func":
            names.append(attribute.func.name)
        else:
            names += [function.name for function in attribute.list.func]
    return names


def check_devices(devices: Iterable[str], path: Path) -> None:
    """Raise RefusedError (SEC104) for a device of another process than TensorFlow's own."""
    for device in sorted(set(devices)):
        if match := _REMOTE.search(device):
            raise _refused(
                f"it places operators on the job {match[1]!r} of another process ({device!r}); "
                "export it without devices",
                path,
            )


def _check_operators(operators: set[str], functions: Container[str], path: Path) -> None:
    known = judged("tensorflow_operators")
    reasons = {}
    for name in operators - SAVING:
        if (why := known.why_not(name)) and (name in known.refused or name not in functions):
            reasons[name] = why
    if reasons:
        raise _refused(
            f"it has operators that do more than compute, or may: {sentence(reasons)}", path
        )


def _check_node(node: NodeDef, functions: frozenset[str], path: Path) -> None:
    _check_values(node.attr.values(), functions, f"the node {node.name!r}", path)
    if node.op in _CODECS and not _CODEC.fullmatch(node.attr["input_encoding"].s):
        encoding = node.attr["input_encoding"].s
        raise _refused(f"{node.op} takes the encoding {encoding!r}, which is no name of one", path)
    if node.op == "ParseTensor" and node.attr["out_type"].type in {0, *_OPAQUE}:
        raise _refused(f"the node {node.name!r} makes something other than numbers of text", path)


def _check_values(
    attributes: Iterable[AttrValue], functions: frozenset[str], where: str, path: Path
) -> None:
    for attribute in _within(attributes):
        kind = attribute.WhichOneof("value")
        if kind == "tensor":
            _check_tensor(attribute.tensor, where, path)
            continue
        if kind == "list":
            for tensor in attribute.list.tensor:
                _check_tensor(tensor, where, path)
        for function in [attribute.func] if kind == "func" else attribute.list.func:
            if function.name not in functions:
                problem = f"{where} calls the function {function.name!r}, which is not in the file"
                raise _refused(problem, path)


def _check_tensor(tensor: TensorProto, where: str, path: Path) -> None:
    waiting = [tensor]
    while waiting:
        current = waiting.pop()
        if current.dtype % 100 not in _OPAQUE:  # references count from 100
            continue
        for inner in current.variant_val:
            if inner.type_name != _LISTS:
                raise _refused(f"{where} holds an object of the kind {inner.type_name!r}", path)
            waiting += inner.tensors
        if current.dtype % 100 == _RESOURCE:
            raise _refused(f"{where} holds the handle of a resource", path)


def _within(attributes: Iterable[AttrValue]) -> list[AttrValue]:
    """Return the attributes with functions or tensors, including the attributes of functions."""
    matching, waiting = list[AttrValue](), list(attributes)
    while waiting:
        attribute = waiting.pop()
        kind = attribute.WhichOneof("value")
        if kind == "list":
            functions: Sequence[Function] = attribute.list.func
            if functions or attribute.list.tensor:
                matching.append(attribute)
        elif kind in {"func", "tensor"}:
            matching.append(attribute)
            functions = [attribute.func] if kind == "func" else ()
        else:
            continue
        for function in functions:
            waiting += function.attr.values()
    return matching


def _refused(problem: str, path: Path) -> RefusedError:
    return refusal("SEC104", f"{path} is not loaded: {problem}")
