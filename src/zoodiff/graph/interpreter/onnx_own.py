"""ONNX operators of which ONNX's reference lacks or misreads a version or a value.

The reference runs some old versions as the newest one; where their meanings differ, the node is
rewritten here. (Of other operators it has the old versions, or these differ by defaults only.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zoodiff.graph.interpreter import reference
from zoodiff.graph.interpreter.call import along
from zoodiff.graph.ir import Node
from zoodiff.graph.onnx_forms import domain_of
from zoodiff.graph.values import widened

Runner = Callable[[Node, Sequence[Any]], list[Any]]
_PER_GROUP = 18
"""The version of GroupNormalization with a scale per group."""
_WITHOUT_REGIONS = _ONE_SCALE = 10
"""The versions of Resize without regions, and of DequantizeLinear with one scale."""


def runner(node: Node) -> Runner | None:
    """Return the function that runs a node; None for one that the reference runs."""
    domain, op = domain_of(node.op)
    return None if domain else _RUNNERS.get(op)


def _cast_like(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Cast to the type of the second operand."""
    from onnx import TensorProto, helper

    kind = np.asarray(operands[1]).dtype
    is_text = kind.kind in "OSU"
    to = int(TensorProto.STRING) if is_text else int(helper.np_dtype_to_tensor_dtype(kind))
    attributes = {k: v for k, v in node.attributes.items() if k in {"round_mode", "saturate"}}
    cast = replace(node, op="onnx::Cast", attributes={**attributes, "to": to})
    return reference.run(cast, [operands[0]])


def _optional(node: Node, operands: Sequence[Any]) -> list[Any]:
    return [operands[0] if operands else None]


def _has_element(node: Node, operands: Sequence[Any]) -> list[Any]:
    return [np.asarray(bool(operands) and operands[0] is not None)]


def _get_element(node: Node, operands: Sequence[Any]) -> list[Any]:
    if not operands or operands[0] is None:
        raise ValueError("an optional value is missing")
    return [operands[0]]


def _space_to_depth(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Move blocks of pixels to channels: of all channels by block, or of all blocks by channel."""
    data, a = np.asarray(operands[0]), node.attributes
    size = a["blocksize"]
    assert isinstance(size, int)
    n, channels, rows, columns = data.shape
    blocks = data.reshape(n, channels, rows // size, size, columns // size, size)
    by_channel = a.get("mode", "DCR") == "CRD"
    order = (0, 1, 3, 5, 2, 4) if by_channel else (0, 3, 5, 1, 2, 4)
    return [blocks.transpose(order).reshape(n, -1, rows // size, columns // size)]


def _group_norm(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Norm groups of channels; version 18 has a scale and a shift per group."""
    data, scale, shift = (np.asarray(value) for value in operands)
    groups, epsilon = node.attributes["num_groups"], node.attributes["epsilon"]
    assert isinstance(groups, int) and isinstance(epsilon, float)
    if node.attributes.get("form") == _PER_GROUP:
        scale, shift = (np.repeat(v, data.shape[1] // groups) for v in (scale, shift))
    grouped = widened(data, None).reshape(data.shape[0], groups, -1)
    centred = grouped - grouped.mean(axis=2, keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(axis=2, keepdims=True) + epsilon)
    normed = (centred / deviation).reshape(data.shape)
    rank = data.ndim
    result = normed * along(widened(scale, None), 1, rank) + along(widened(shift, None), 1, rank)
    return [result.astype(data.dtype)]


def _flattened(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Run Hardmax and softmaxes; until opset 12 all axes from the first one on are joined."""
    if node.attributes.get("form") is None:
        return reference.run(node, operands)
    data, axis = np.asarray(operands[0]), node.attributes.get("axis")
    assert isinstance(axis, int)
    lead = data.shape[: axis + data.ndim if axis < 0 else axis]
    rows = data.reshape(int(np.prod(lead)), -1)
    newer = replace(node, attributes={"axis": 1})
    return [np.asarray(value).reshape(data.shape) for value in reference.run(newer, [rows])]


def _gather_elements(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Choose an element per index along an axis; the reference fails on some shapes."""
    data, indices = (np.asarray(value) for value in operands)
    axis = node.attributes.get("axis", 0)
    assert isinstance(axis, int)
    axis %= data.ndim
    near = tuple(
        slice(None) if k == axis else slice(extent) for k, extent in enumerate(indices.shape)
    )
    extent = data.shape[axis]
    if ((indices < -extent) | (indices >= extent)).any():
        raise ValueError(f"an index is not within the {extent} elements of axis {axis}")
    counted = np.where(indices < 0, indices + extent, indices)
    return [np.take_along_axis(data[near], counted, axis)]


def _grid_sample(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Run GridSample; version 16 has other names for the modes."""
    names = {"bicubic": "cubic", "bilinear": "linear"}
    attributes = {k: v for k, v in node.attributes.items() if k != "form"}
    mode = str(attributes.get("mode", "linear"))
    return reference.run(
        replace(node, attributes={**attributes, "mode": names.get(mode, mode)}), operands
    )


def _resize(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Run Resize; version 10 has no regions and begins at the corner."""
    if node.attributes.get("form") != _WITHOUT_REGIONS:
        return reference.run(node, operands)
    attributes: dict[str, Any] = {k: v for k, v in node.attributes.items() if k != "form"}
    attributes |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    data, scales = operands
    return reference.run(replace(node, attributes=attributes), [data, None, scales])


def _roi_align(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Run RoiAlign; version 10 does not shift regions by half a pixel."""
    attributes: dict[str, Any] = {k: v for k, v in node.attributes.items() if k != "form"}
    if node.attributes.get("form") is not None:
        attributes["coordinate_transformation_mode"] = "output_half_pixel"
    return reference.run(replace(node, attributes=attributes), operands)


def _dequantise(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Run DequantizeLinear; version 10 has one scale."""
    if node.attributes.get("form") != _ONE_SCALE:
        return reference.run(node, operands)
    if np.size(operands[1]) != 1:
        raise ValueError("version 10 has one scale")
    return reference.run(replace(node, attributes={}), operands)


def _scatter(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Run the old name of ScatterElements."""
    attributes: Mapping[str, Any] = {"axis": node.attributes.get("axis", 0)}
    return reference.run(replace(node, op="ScatterElements", attributes=attributes), operands)


_RUNNERS: Mapping[str, Runner] = {
    "CastLike": _cast_like,
    "DequantizeLinear": _dequantise,
    "GatherElements": _gather_elements,
    "GridSample": _grid_sample,
    "GroupNormalization": _group_norm,
    "Hardmax": _flattened,
    "LogSoftmax": _flattened,
    "Optional": _optional,
    "OptionalGetElement": _get_element,
    "OptionalHasElement": _has_element,
    "Resize": _resize,
    "RoiAlign": _roi_align,
    "Scatter": _scatter,
    "Softmax": _flattened,
    "SpaceToDepth": _space_to_depth,
}
