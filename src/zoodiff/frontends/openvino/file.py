"""Converts an OpenVINO IR file to the canonical graph; the values of large weights are not read."""

from __future__ import annotations

from pathlib import Path

from zoodiff.bounded.files import open_regular
from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx.file import graph_from_model
from zoodiff.frontends.openvino.layers import write
from zoodiff.frontends.openvino.reader import FileNetwork, Layer, read, weights_path
from zoodiff.frontends.openvino.writer import Writer
from zoodiff.graph.ir import Graph

_CONTROL_FLOW = frozenset({"If", "Loop", "TensorIterator"})
_STATE = frozenset({"Assign", "ReadValue"})
_NO_NODE = frozenset({"Const", "Parameter", "Result"})


def graph_from_file(path: Path, source: str | None = None, *, extent: int = 224) -> Graph:
    """Return the graph of an IR file; ``extent`` is used for spatial extents that it leaves open.

    Raises MeasurementError for a file without a valid network, RefusedError as ``reader.read``.
    """
    name = source or path.name
    return graph_from_network(read(path), path, name, extent=extent)


def graph_from_network(
    network: FileNetwork, path: Path, source: str, *, extent: int = 224
) -> Graph:
    """Return the graph of a network that was read from ``path``."""
    inputs = [layer for layer in network.of_type("Parameter") if len(layer.outputs) == 1]
    outputs = [layer for layer in network.of_type("Result") if len(layer.inputs) == 1]
    if not inputs or not outputs:
        raise MeasurementError(f"{source} has no input or no output")
    writer = Writer(network, source, lambda layer: values_of(layer, path))
    for layer in network.layers:
        _check_layer(layer, source)
        if layer.type == "Const":
            writer.initializers.append(writer.constant(layer))
    for layer in sorted(network.layers, key=lambda layer: layer.type == "Add"):
        if layer.type not in _NO_NODE and layer.id not in writer.merged:
            _write(writer, layer, source)
    closed = all(min(shape, default=0) >= 0 for shape, _ in writer.shapes.values())
    model = writer.model(inputs, outputs)
    declared = writer.shapes if closed else None
    return graph_from_model(model, source, extent=extent, declared=declared)


def _check_layer(layer: Layer, source: str) -> None:
    if layer.type in _CONTROL_FLOW | _STATE:
        kind = "control flow" if layer.type in _CONTROL_FLOW else "a state between calls"
        raise MeasurementError(
            f"the layer {layer.name!r:.60} of {source} is {kind} ({layer.type}), which no graph of "
            "layers can hold; convert the network without it"
        )


def _write(writer: Writer, layer: Layer, source: str) -> None:
    try:
        write(writer, layer)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError) as error:
        raise MeasurementError(
            f"the layer {layer.name!r:.60} ({layer.type[:40]}) of {source} is malformed "
            f"({type(error).__name__}: {' '.join(str(error).split())[:80]})"
        ) from None


def values_of(layer: Layer, path: Path) -> bytes:
    """Return the bytes of a constant of an IR file; raise MeasurementError if they are missing."""
    assert layer.blob is not None
    try:
        with open_regular(weights_path(path)) as file:
            file.seek(layer.blob.offset)
            content = file.read(layer.blob.size)
    except OSError as error:
        raise MeasurementError(f"cannot read {weights_path(path)} ({error.strerror})") from None
    if len(content) != layer.blob.size:
        raise MeasurementError(f"{weights_path(path).name} was cut while it was read")
    return content
