"""Converts an ONNX file of any opset that the ``onnx`` package reads to the canonical graph.

The values of large weights are never read, so describing a large file is cheap. Weights are
initialisers and tensors computed from constants alone; a reshaped or dequantised weight is still
the weight that the file stores. ``load`` reads a file, ``walk`` converts its nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx import casts, external, reader
from zoodiff.frontends.onnx import shapes as onnx_shapes
from zoodiff.frontends.onnx.extents import fitting_extent
from zoodiff.frontends.onnx.integers import in_products
from zoodiff.frontends.onnx.order import put_in_order
from zoodiff.frontends.onnx.preparation import check_opset, expanded
from zoodiff.frontends.onnx.protobuf import ModelProto
from zoodiff.frontends.onnx.walk import Walk
from zoodiff.graph.ir import Graph

_MAX_NODES = 200_000
_DEFAULT_EXTENT = 224
"""The extent used for spatial axes that the file leaves open."""


def graph_from_file(
    path: Path, source: str | None = None, *, extent: int = _DEFAULT_EXTENT
) -> Graph:
    """Return the graph of a file; raise MeasurementError for a file without a valid network.

    External data is never read: weights are described by name and shape. ``extent`` is used for
    spatial extents that the file leaves open.
    """
    return graph_from_model(load(path), source or path.name, extent=extent)


def load(path: Path) -> ModelProto:
    """Return the model without large values, after checking where its external data lies.

    Only small tensors of integers are read from external data: indices, shapes, axes.
    Raises MeasurementError for a file that does not parse, and RefusedError for external data
    outside the file's own folder.
    """
    try:
        model = reader.read(path)
    except OSError as error:
        raise MeasurementError(f"cannot read {path} ({error.strerror})") from None
    except OverflowError as error:
        raise MeasurementError(f"{path} holds {error}; such files are refused") from None
    except Exception as error:
        raise MeasurementError(
            f"{path} is not an ONNX file ({' '.join(str(error).split())[:120]})"
        ) from None
    put_in_order(model.graph, path.name)
    external.check(model, path)
    for tensor in external.tensors(model):
        reader.take_integers(tensor, path.parent)
    return model


def external_files(model: ModelProto) -> list[str]:
    """Return the names of the external files with the weights of a model loaded by ``load``."""
    names = {
        entry.value
        for tensor in external.tensors(model)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return sorted(names)


def graph_from_model(
    model: ModelProto,
    source: str,
    *,
    extent: int = _DEFAULT_EXTENT,
    declared: Mapping[str, tuple[tuple[int, ...] | None, int]] | None = None,
    stated: Mapping[str, tuple[int, ...]] | None = None,
) -> Graph:
    """Return the graph of a model whose external data was not read; the model loses large values.

    ``stated`` has shapes of inputs by name, for extents that the model leaves open.

    ``declared`` has the shape and element type of every tensor; None to infer them. Control flow
    becomes opaque nodes that keep their nested graphs. Raises MeasurementError for a model that is
    not a valid network.
    """
    model = expanded(model, source)
    if not model.graph.node:
        raise MeasurementError(f"{source} holds no network: its graph has no nodes")
    for node in model.graph.node:
        if not any(node.output):
            raise MeasurementError(
                f"{source} is malformed: its node {node.name or node.op_type} has no output"
            )
    if len(model.graph.node) > _MAX_NODES:
        raise MeasurementError(
            f"{source} has {len(model.graph.node)} nodes, more than the {_MAX_NODES} allowed"
        )
    check_opset(model, source)
    put_in_order(model.graph, source)
    for node in model.graph.node:
        if node.domain == "ai.onnx":
            node.domain = ""  # two names of one domain, of which onnx infers shapes for this
    types, other_types = declared, {}
    if types is None:
        typed = onnx_shapes.inferred(model, source, extent, stated).graph
        types, other_types = onnx_shapes.shapes(typed), onnx_shapes.other_types(typed)
    in_products(model)
    casts.make_plain(model, types)
    return Walk(model, source, types, other_types).graph()


def extent_of(model: ModelProto, source: str, default: int = _DEFAULT_EXTENT) -> int:
    """Return what stands in for spatial extents that a file leaves open: ``default``, if it fits.

    Raises MeasurementError where the functions of the file cannot be expanded.
    """
    return fitting_extent(expanded(model, source), source, default)


def takes_images(model: ModelProto) -> bool:
    """Whether an input has four axes, as a batch of images has."""
    held = {tensor.name for tensor in model.graph.initializer}
    return any(
        len(value.type.tensor_type.shape.dim) == 4
        for value in model.graph.input
        if value.name not in held
    )
