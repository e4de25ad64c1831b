"""Convert weights from the framework's order of axes to the canonical one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter.call import Array
from zoodiff.graph.ir import Node, Parameter
from zoodiff.graph.values import FloatType
from zoodiff.graph.weights import viewed

_ORDERS = {"Conv": "OIHW", "ConvTranspose": "IOHW", "Gemm": "OI"}


def canonical_weights(
    node: Node, weights: Mapping[str, Any], dtype: FloatType | None
) -> list[Array]:
    """Return the weights of a node in their canonical order of axes.

    They have the given type, or, without it, the type in which they are stored.

    Raises MeasurementError for a weight that is missing, has another shape than its parameter, or
    has a parameter without the layout that its operator needs.
    """
    return [_canonical(node, parameter, weights, dtype) for parameter in node.parameters]


def _canonical(
    node: Node, parameter: Parameter, weights: Mapping[str, Any], dtype: FloatType | None
) -> Array:
    if parameter.stored not in weights:
        raise MeasurementError(
            f"{node.name} needs weights {parameter.stored}, which were not given"
        )
    array = np.asarray(weights[parameter.stored])
    array = array if dtype is None else array.astype(dtype, copy=False)
    if any(step not in {"order", "part", "reshape", "transpose"} for step, _ in parameter.view):
        raise MeasurementError(
            f"the graph does not say how {node.name} computes an operand of its weights "
            f"{parameter.name}"
        )
    try:
        array = viewed(parameter, array)
    except ValueError:
        array = np.empty(0)
    if array.shape != parameter.shape:
        raise MeasurementError(
            f"the weights {parameter.name} of {node.name} have another shape than its graph says, "
            f"{parameter.shape}"
        )
    if parameter.role != "weight" or node.op not in _ORDERS or "equation" in node.attributes:
        return array
    if not parameter.layout:
        if node.op != "Gemm" and len(parameter.shape) != 4:
            return array  # only PyTorch and ONNX have these, in the canonical order
        raise MeasurementError(
            f"the graph does not say how the weights {parameter.name} of {node.name} are stored"
        )
    target = "OIL" if "L" in parameter.layout else _ORDERS[node.op]
    return ordered(array, parameter.layout, target)


def ordered(array: Array, layout: str, target: str) -> Array:
    """Return an array with axes as in ``layout``, reordered to the axes of ``target``.

    ``1`` in a layout is an axis of extent 1, which is dropped; axes that only the target has are
    added with extent 1. ``HWIM`` are TensorFlow's depthwise kernels, with output channel
    ``i * M + m``; ``G`` before a layout is an axis for the groups.
    """
    if layout.startswith("G"):
        array, layout = array.reshape(-1, *array.shape[2:]), layout[1:]
    if "M" in layout:
        moved = array.transpose([layout.index(letter) for letter in "IMHW"])
        return moved.reshape(-1, 1, *moved.shape[2:])
    axes = layout.replace("1", "")
    plain = array.reshape(
        [n for n, letter in zip(array.shape, layout, strict=True) if letter != "1"]
    )
    plain = plain.transpose([axes.index(letter) for letter in target if letter in axes])
    extents = iter(plain.shape)
    return plain.reshape([next(extents) if letter in axes else 1 for letter in target])
