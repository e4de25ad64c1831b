"""The size of an image at which a file with open extents runs.

An exporter may leave height and width open and still freeze what it traced: a global pooling
becomes a window of the traced size, position embeddings keep their number. Such a file runs at the
traced size only. Whether a size fits is known from the shapes that ONNX infers: the first layer
that does not fit says whether the size is too small or too large, so a bisection finds the traced
one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any

from zoodiff.errors import MeasurementError
from zoodiff.frontends.onnx import constants
from zoodiff.frontends.onnx import shapes as onnx_shapes
from zoodiff.frontends.onnx.protobuf import ModelProto, NodeProto
from zoodiff.frontends.onnx.shapes import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LARGEST = 2048
"""The largest size that is tried."""
_USUAL = (16, 28, 32, 64, 96, 128, 160, 192, 224, 240, 256, 299, 320, 384, 448, 512)
"""Tried where a layer that does not fit says nothing of the direction."""
_WINDOWS = frozenset({"AveragePool", "Conv", "MaxPool"})
_PRODUCTS = frozenset({"Gemm", "MatMul"})
_JOINS = frozenset({"Add", "Concat", "Div", "Mul", "Sub"})
_FITS, _UNSAID = 0, 2
"""Of a size; 1 and -1 say that it is too large or too small."""

Shapes = Mapping[str, Shape | None]
Stored = Mapping[str, "NDArray[Any] | None"]
"""Constants by name; None for values that were not read."""


def fitting_extent(model: ModelProto, source: str, default: int) -> int:
    """Return the extent that open sizes of a file have to take; ``default`` where it fits.

    Of several a usual one is returned, else the one with the highest power of two. Where none fits,
    ``default`` is returned, so that whoever reads the file says what is wrong with it. The model
    stays as it is.
    """
    if not _is_open(model):
        return default

    @cache
    def direction(extent: int) -> int:
        copy = type(model)()
        copy.CopyFrom(model)
        try:
            return _direction(model, onnx_shapes.inferred(copy, source, extent))
        except (MeasurementError, LookupError, TypeError, ValueError):
            return _UNSAID  # whoever reads the file says what is malformed

    if direction(default) == _FITS:
        return default
    inside = _bisected(direction)
    if inside is None:
        return next((extent for extent in _USUAL if direction(extent) == _FITS), default)
    # All that fit lie together, since a map grows with the image.
    lowest, highest = (_edge(direction, inside, outside) for outside in (0, _LARGEST + 1))
    fitting = range(lowest, highest + 1)
    usual = (extent for extent in _USUAL if extent in fitting)
    return next(usual, max(fitting, key=lambda extent: extent & -extent))


def _bisected(direction: Callable[[int], int]) -> int | None:
    """An extent that fits."""
    low, high = 1, _LARGEST
    while low <= high:
        middle = (low + high) // 2
        where = direction(middle)
        if where == _FITS:
            return middle
        if where == _UNSAID:
            return None
        low, high = (low, middle - 1) if where > 0 else (middle + 1, high)
    return None


def _edge(direction: Callable[[int], int], inside: int, outside: int) -> int:
    """The extent nearest to ``outside`` that still fits."""
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        if direction(middle) == _FITS:
            inside = middle
        else:
            outside = middle
    return inside


def _is_open(model: ModelProto) -> bool:
    """Whether an input leaves more open than the batch."""
    held = {tensor.name for tensor in model.graph.initializer}
    return any(
        dim.dim_value < 1
        for value in model.graph.input
        if value.name not in held
        for dim in list(value.type.tensor_type.shape.dim)[1:]
    )


def _direction(model: ModelProto, inferred: ModelProto) -> int:
    """Whether the extents of the inferred shapes fit, or are too small or too large."""
    shapes = {name: shape for name, (shape, _) in onnx_shapes.shapes(inferred.graph).items()}
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    stored = {
        tensor.name: constants.initialiser(tensor).array for tensor in model.graph.initializer
    }
    for node in inferred.graph.node:
        if node.op_type == "Constant":
            stored |= {one.name: one.array for one in constants.computed(node, [], {}, 1)}
        elif where := _of_node(node, shapes, stored):
            return where
    batches = {
        value.type.tensor_type.shape.dim[0].dim_param
        for value in model.graph.input
        if value.type.tensor_type.shape.dim
    } - {""}
    for value in model.graph.output:
        dims = value.type.tensor_type.shape.dim
        shape = shapes.get(value.name)
        single = bool(dims) and (dims[0].dim_value == 1 or dims[0].dim_param in batches)
        if single and shape and shape[0] > 1:  # a map that is cut into images
            return 1
    return _FITS


def _of_node(node: NodeProto, shapes: Shapes, stored: Stored) -> int:
    """Whether what a node reads fits, or is too small or too large."""
    given = [shapes.get(name) for name in node.input if name][:2]
    known = [shape for shape in given if shape is not None and -1 not in shape]
    if not known or len(known) < len(given) or node.domain or not node.output:
        return _FITS  # nothing can be said, or an earlier node has said it
    out = shapes.get(node.output[0])
    if node.op_type in _WINDOWS:
        return _of_window(node, known, out)
    if node.op_type in _PRODUCTS and len(known) > 1:
        return _of_product(node, known)
    if node.op_type == "Reshape":
        return _of_reshape(known[0], out, stored.get(node.input[-1]))
    if node.op_type in _JOINS and out is None:
        ours = [shapes[name] or () for name in node.input if name not in stored]
        fixed = [shapes[name] or () for name in node.input if name in stored]
        single = len(ours) == len(fixed) == 1
        return (_sign(prod(ours[0]) - prod(fixed[0])) if single else _FITS) or _UNSAID
    return _FITS


def _of_reshape(given: Shape, out: Shape | None, target: NDArray[Any] | None) -> int:
    """Whether a map has as many numbers as the shape that it is brought to."""
    if out is not None and -1 not in out:
        return _sign(prod(given) - prod(out))
    if target is None or out is not None:
        return _FITS
    return _sign(prod(given) - abs(prod(int(n) for n in target))) or _UNSAID


def _of_product(node: NodeProto, given: Sequence[Shape]) -> int:
    """Whether what a linear layer reads has as many numbers as its weight takes."""
    turned = {a.name for a in node.attribute if a.i}
    left, right = given[0], given[1]
    if not left or not right:
        return _FITS
    have = left[0] if "transA" in turned else left[-1]
    want = right[-1] if "transB" in turned else right[-2] if len(right) > 1 else right[0]
    return _sign(have - want)


def _of_window(node: NodeProto, given: Sequence[Shape], out: Shape | None) -> int:
    """Whether a window fits a map, and one that pools to a pixel sees the whole map."""
    settings = {a.name: list(a.ints) for a in node.attribute}
    kernel = settings.get("kernel_shape") or given[-1][2:]
    extents = given[0][2:]
    if len(kernel) != len(extents) or any(
        a.name == "auto_pad" and a.s != b"NOTSET" for a in node.attribute
    ):
        return _FITS
    pads = settings.get("pads") or [0] * (2 * len(kernel))
    steps = settings.get("dilations") or [1] * len(kernel)
    for n, k, step, before, behind in zip(
        extents, kernel, steps, pads[: len(kernel)], pads[len(kernel) :], strict=True
    ):
        if n + before + behind < step * (k - 1) + 1:
            return -1
    if node.op_type != "AveragePool" or any(pads) or out is None or set(out[2:]) != {1}:
        return _FITS
    return int(any(n > k for n, k in zip(extents, kernel, strict=True)))


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)
