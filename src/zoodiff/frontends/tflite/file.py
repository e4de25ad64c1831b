"""Converts a TFLite file, float or quantised, to the canonical graph.

A quantised file computes on integers that stand for real numbers; the graph computes on the real
numbers, and its layers have the attribute ``quantized``. Nothing is run, and weights are not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoodiff.errors import MeasurementError
from zoodiff.frontends.tflite.builder import Builder, names_of_inputs
from zoodiff.frontends.tflite.ops import CONTROL_FLOW, translate
from zoodiff.frontends.tflite.reader import FileNetwork, FileOperator, FileTensor, read, read_weight
from zoodiff.frontends.tflite.shapes import with_shapes
from zoodiff.graph.ir import Graph


def graph_from_file(path: Path, source: str | None = None) -> Graph:
    """Return the graph of a file; raise MeasurementError for a file without a valid network.

    Raises MissingFrameworkError without the package ``tflite``.
    """
    return _built(path, source or path.name).graph()


def _built(path: Path, name: str) -> Builder:
    network = read(path)
    for index in network.inputs:
        if any(extent == -1 for extent in network.open_extents.get(index, ())[1:]):
            raise MeasurementError(
                f"{name} leaves the size of its input {network.tensors[index].name} open "
                f"{network.open_extents[index]}; convert it again with a fixed size"
            )
    control = next((o.name for o in network.operators if o.name in CONTROL_FLOW), None)
    if control is not None:
        raise MeasurementError(
            f"{name} has control flow ({control}), which no graph of layers can hold; convert it "
            "without"
        )
    try:
        return _translated(network, name)
    except UnfitShapesError:
        unknown = any(not t.shape and not t.constant for t in network.tensors)
        if not (unknown or network.open_extents):
            raise
        return _translated(with_shapes(network, path), name)


@dataclass(frozen=True)
class FileInput:
    """An input of a file: its tensor, and whether the graph has its channels first."""

    index: int
    turned: bool


def inputs_of(network: FileNetwork) -> dict[str, FileInput]:
    """Return the inputs of a file by their names in its graph."""
    images = set(_images(network))
    named = names_of_inputs(network)
    counts: dict[str, int] = {}
    inputs = {}
    for index, name in named.items():
        count = counts[name] = counts.get(name, 0) + 1
        unique = name if count == 1 else f"{name}#{count}"
        inputs[unique] = FileInput(index, index in images)
    return inputs


class UnfitShapesError(MeasurementError):
    """An operator and the shapes of its tensors contradict each other."""


def _translated(network: FileNetwork, name: str) -> Builder:
    builder = Builder(network, name, _images(network))
    available = set(network.inputs) | {t.index for t in network.tensors if t.constant}
    for operator in network.operators:
        _check(network, operator, available, name)
        try:
            translate(builder, operator)
        except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError) as error:
            raise UnfitShapesError(
                f"the operator {operator.name} of {name} is malformed "
                f"({' '.join(str(error).split())[:100]})"
            ) from None
        available.update(operator.outputs)
    return builder


@dataclass(frozen=True)
class FileWeight:
    """One weight of a file; ``read`` reads its values."""

    path: Path
    tensor: FileTensor

    @property
    def shape(self) -> tuple[int, ...]:
        """The stored shape."""
        return self.tensor.shape

    def read(self) -> Any:
        """Return its real numbers in single precision, in the stored shape."""
        return read_weight(self.path, self.tensor)


def weights_of(path: Path) -> dict[str, FileWeight]:
    """Return the weights of a file by their names in its graph; raise as ``graph_from_file``."""
    builder = _built(path, path.name)
    return {
        name: FileWeight(path, builder.tensor(index)) for index, name in builder.weights.items()
    }


def _check(network: FileNetwork, operator: FileOperator, available: set[int], name: str) -> None:
    for index in operator.inputs:
        if index >= 0 and index not in available and not network.tensors[index].variable:
            raise MeasurementError(
                f"the operator {operator.name} of {name} reads {network.tensors[index].name}, "
                "which nothing before it computes"
            )
    if not operator.outputs:
        raise MeasurementError(f"the operator {operator.name} of {name} computes nothing")
    for index in operator.outputs:
        if index in available:
            raise MeasurementError(
                f"{name} computes {network.tensors[index].name} twice; it is malformed"
            )


_SPATIAL = frozenset(
    {
        "AVERAGE_POOL_2D",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "DEPTH_TO_SPACE",
        "LOCAL_RESPONSE_NORMALIZATION",
        "MAX_POOL_2D",
        "RESIZE_BILINEAR",
        "RESIZE_NEAREST_NEIGHBOR",
        "SPACE_TO_DEPTH",
    }
)
"""Operators that work on images with channels last."""
_MIXING = frozenset({"EXPAND_DIMS", "FULLY_CONNECTED", "RESHAPE", "SQUEEZE", "TRANSPOSE"})


def _images(network: FileNetwork) -> Iterable[int]:
    """Return the inputs that reach an operator on images before an operator mixes their axes."""
    images = []
    readers: dict[int, list[FileOperator]] = {}
    for operator in network.operators:
        for index in operator.inputs:
            readers.setdefault(index, []).append(operator)
    for start in network.inputs:
        waiting, reached = [start], {start}
        while waiting:
            index = waiting.pop()
            if len(network.tensors[index].shape) != 4:
                continue
            for operator in readers.get(index, []):
                if operator.name in _SPATIAL:
                    images.append(start)
                    waiting = []
                    break
                if operator.name not in _MIXING:
                    fresh = [i for i in operator.outputs if i not in reached]
                    reached.update(fresh)
                    waiting += fresh
    return images
