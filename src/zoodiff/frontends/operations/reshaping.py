"""Operators that move elements or reduce axes: shapes, slices, joins, pads, reductions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoodiff.frontends.operations.operation import Operation, whole, without_unset
from zoodiff.graph.ir import AttributeValue


def reshape(shape: Iterable[int]) -> Operation:
    """Return a reshape."""
    return Operation("Reshape", {"shape": whole(shape)})


def flatten(axis: int = 1) -> Operation:
    """Return a reshape to a matrix whose columns begin at ``axis``."""
    return Operation("Flatten", {"axis": int(axis)})


def squeeze(axes: Iterable[int]) -> Operation:
    """Return the removal of axes of extent 1."""
    return Operation("Squeeze", {"axes": whole(axes)})


def unsqueeze(axes: Iterable[int]) -> Operation:
    """Return the insertion of axes of extent 1."""
    return Operation("Unsqueeze", {"axes": whole(axes)})


def transpose(perm: Iterable[int]) -> Operation:
    """Return a transposition."""
    return Operation("Transpose", {"perm": whole(perm)})


def expand(shape: Iterable[int]) -> Operation:
    """Return the repetition of axes of extent 1."""
    return Operation("Expand", {"shape": whole(shape)})


def concat(axis: int, parameters_at: Iterable[int] = ()) -> Operation:
    """Return a concatenation; ``parameters_at`` are the positions of weights among the parts."""
    places = whole(parameters_at)
    return Operation("Concat", {"axis": int(axis), **without_unset(parameters_at=places or None)})


@dataclass(frozen=True)
class Cut:
    """The bounds of a slice along one axis."""

    axis: int
    start: int
    end: int
    step: int = 1


def sliced(cuts: Iterable[Cut]) -> Operation:
    """Return a slice along some axes."""
    rows = list(cuts)
    return Operation(
        "Slice",
        {
            "axes": [int(cut.axis) for cut in rows],
            "starts": [int(cut.start) for cut in rows],
            "ends": [int(cut.end) for cut in rows],
            "steps": [int(cut.step) for cut in rows],
        },
    )


def split(axis: int, sizes: Iterable[int]) -> Operation:
    """Return a split into pieces along an axis."""
    return Operation("Split", {"axis": int(axis), "split": whole(sizes)})


def select(axis: int, index: int) -> Operation:
    """Return the choice of one element of an axis, which removes the axis."""
    return Operation("Gather", {"axis": int(axis), "index": int(index)})


def rows_of_weight() -> Operation:
    """Return the rows of a weight that computed ids choose, as the ONNX frontend has them."""
    return Operation("onnx::Gather", {"axis": 0, "operands": "wx"})


def gather(axis: int, indices: Iterable[int], shape: Sequence[int] | None = None) -> Operation:
    """Return a choice of elements by constant indices; ``shape`` is that of a table of indices."""
    table = None if shape is None else whole(shape)
    return Operation(
        "Gather",
        {"axis": int(axis), "indices": whole(indices), **without_unset(indices_shape=table)},
    )


def pad(
    pads: Iterable[int], axes: Iterable[int], *, mode: str = "constant", value: float | None = 0.0
) -> Operation:
    """Return a padding; ``value`` is None where the mode uses none."""
    filler: dict[str, AttributeValue] = {} if value is None else {"value": float(value)}
    return Operation("Pad", {"pads": whole(pads), "axes": whole(axes), "mode": mode, **filler})


def reduced(op: str, axes: Iterable[int], *, keepdims: bool) -> Operation:
    """Return a reduction over axes, such as ``ReduceMean``."""
    return Operation(op, {"axes": whole(axes), "keepdims": bool(keepdims)})


def resized(
    mode: str, sizes: Iterable[int], *, align_corners: bool, half_pixel_centers: bool
) -> Operation:
    """Return a resize of an image, by TensorFlow's rules of coordinates."""
    return Operation(
        "Resize",
        {
            "mode": mode,
            "sizes": whole(sizes),
            "align_corners": bool(align_corners),
            "half_pixel_centers": bool(half_pixel_centers),
        },
    )


def resampled(
    mode: str,
    coordinates: str,
    *,
    sizes: Sequence[int] | None = None,
    scales: Sequence[float] | None = None,
) -> Operation:
    """Return a resize of an image, by ONNX's rules of coordinates; ``nearest`` rounds down.

    Either ``sizes`` or ``scales`` is given, with one entry for each axis of the data.
    """
    extents: dict[str, AttributeValue] = {
        "sizes": None if sizes is None else whole(sizes),
        "scales": None if scales is None else [float(scale) for scale in scales],
    }
    return Operation(
        "Resize",
        {
            "mode": mode,
            "coordinate_transformation_mode": coordinates,
            "nearest_mode": "floor",
            **without_unset(**extents),
        },
    )


def repeating_shapes(
    shape: Sequence[int], times: Sequence[int], *, each: bool
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shape with an axis of extent 1 beside each repeated axis, and that expanded.

    ``times`` has a count per axis. The new axis is behind its axis where ``each`` element is
    repeated, and in front of it where the axis is repeated as a whole. Reshaping the expanded
    tensor joins the two axes.
    """
    apart: list[int] = []
    expanded: list[int] = []
    for extent, count in zip(shape, times, strict=True):
        repeated = count > 1 and extent > 1
        if repeated and not each:
            apart, expanded = [*apart, 1, extent], [*expanded, count, extent]
        elif repeated:
            apart, expanded = [*apart, extent, 1], [*expanded, extent, count]
        else:
            apart, expanded = [*apart, extent], [*expanded, extent * count]
    return tuple(apart), tuple(expanded)
