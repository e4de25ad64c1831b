"""Checks that the external data of an ONNX file lies in the file's own folder."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from zoodiff.frontends.onnx.protobuf import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
)
from zoodiff.rules.security import climbs, refusal

_DEPTH = 64
"""The largest depth of graphs within graphs."""
_MEMORY = "*/_ORT_MEM_ADDR_/"
"""ONNX Runtime's mark of a tensor in its process's memory; some versions accept it in a file."""


def check(model: ModelProto, path: Path) -> None:
    """Raise RefusedError (SEC110, SEC111) for a tensor with data outside the model's folder.

    No file is opened: only names and the file system's information about them are checked.
    """
    for tensor in tensors(model):
        place = {entry.key: entry.value for entry in tensor.external_data}
        if len(place) < len(tensor.external_data):
            raise refusal("SEC110", f"{path} says twice where the weight {tensor.name!r} lies")
        if place:
            _check_place(place, tensor, path)


def tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Yield every tensor of a model: of its graph, subgraphs, functions and training."""
    for graph in _graphs(model):
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for attribute in _attributes(graph):
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)


def nodes(model: ModelProto) -> Iterator[NodeProto]:
    """Yield every node of a model: of its graph, subgraphs, functions and training."""
    for graph in _graphs(model):
        yield from graph.node


def _graphs(model: ModelProto) -> Iterator[GraphProto | FunctionProto]:
    """Yield every graph and function; raise RefusedError (SEC122) for too deep nesting."""
    waiting: list[tuple[GraphProto | FunctionProto, int]] = [(model.graph, 0)]
    for training in model.training_info:
        waiting += [(training.initialization, 0), (training.algorithm, 0)]
    waiting += [(function, 0) for function in model.functions]
    while waiting:
        graph, depth = waiting.pop()
        if depth > _DEPTH:
            raise refusal("SEC122", f"graphs are nested more than {_DEPTH} deep")
        yield graph
        for attribute in _attributes(graph):
            waiting += [
                (g, depth + 1) for g in (attribute.g, *attribute.graphs) if g.node or g.initializer
            ]


def _attributes(graph: GraphProto | FunctionProto) -> Iterator[AttributeProto]:
    """Yield the attributes of a graph's nodes, and the default attributes of a function."""
    for node in graph.node:
        yield from node.attribute
    yield from getattr(graph, "attribute_proto", ())


def _check_place(entries: dict[str, str], tensor: TensorProto, path: Path) -> None:
    location = entries.get("location", "")
    subject = f"{path} keeps the weight {tensor.name!r} in {location!r}"
    plain = unicodedata.normalize("NFKC", location)
    if climbs(location) or climbs(plain):
        raise refusal("SEC110", f"{subject}, outside its own folder; such files are refused")
    if location.startswith(_MEMORY):
        raise refusal("SEC110", f"{subject}, a place in memory")
    if not location or any(unicodedata.category(letter) in {"Cc", "Cf"} for letter in location):
        raise refusal("SEC110", f"{subject}, a name with letters that cannot be seen")
    folder, place = path.parent, path.parent / location
    for step in (place, *place.parents):
        if step == folder:
            break
        if step.is_symlink():
            raise refusal("SEC110", f"{subject}, which is a link; copy the data there instead")
    if not place.exists():
        return  # the reader reports missing files
    if not place.is_file():
        raise refusal("SEC110", f"{subject}, which is no plain file")
    _check_span(entries, subject, place.stat().st_size)


def _check_span(entries: dict[str, str], subject: str, size: int) -> None:
    try:
        offset = int(entries.get("offset") or 0)
        length = int(entries["length"]) if entries.get("length") else max(0, size - offset)
    except ValueError:
        raise refusal("SEC111", f"{subject}, at a place that is no number") from None
    if offset < 0 or length < 0 or offset + length > size:
        raise refusal(
            "SEC111", f"{subject} at bytes {offset:,} to {offset + length:,}, which has {size:,}"
        )
