"""Operators that move numbers about or sum them up: shapes, slices, joins, pads, reductions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from zoodiff.frontends.operations.operation import Operation, whole, without_unset
from zoodiff.graph.ir import AttributeValue


def reshape(shape: Iterable[int]) -> Operation:
    """Another shape."""
    return Operation("Reshape", {"shape": whole(shape)})


def flatten(axis: int = 1) -> Operation:
    """A matrix."""
    return Operation("Flatten", {"axis": int(axis)})


def squeeze(axes: Iterable[int]) -> Operation:
    """Axes of extent 1 go."""
    return Operation("Squeeze", {"axes": whole(axes)})


def unsqueeze(axes: Iterable[int]) -> Operation:
    """Axes of extent 1 come."""
    return Operation("Unsqueeze", {"axes": whole(axes)})


def transpose(perm: Iterable[int]) -> Operation:
    """The axes in another order."""
    return Operation("Transpose", {"perm": whole(perm)})


def expand(shape: Iterable[int]) -> Operation:
    """Axes of extent 1 repeated."""
    return Operation("Expand", {"shape": whole(shape)})


def concat(axis: int, parameters_at: Iterable[int] = ()) -> Operation:
    """Parts behind each other; ``parameters_at`` are the places of weights among them."""
    places = whole(parameters_at)
    return Operation("Concat", {"axis": int(axis), **without_unset(parameters_at=places or None)})


@dataclass(frozen=True)
class Cut:
    """What a slice takes of one axis."""

    axis: int
    start: int
    end: int
    step: int = 1


def sliced(cuts: Iterable[Cut]) -> Operation:
    """Part of some axes."""
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
    """Pieces along an axis."""
    return Operation("Split", {"axis": int(axis), "split": whole(sizes)})


def select(axis: int, index: int) -> Operation:
    """One element of an axis, which goes."""
    return Operation("Gather", {"axis": int(axis), "index": int(index)})


def gather(axis: int, indices: Iterable[int], shape: Sequence[int] | None = None) -> Operation:
    """Elements of an axis by constant indices; ``shape`` is that of a table of them."""
    table = None if shape is None else whole(shape)
    return Operation(
        "Gather",
        {"axis": int(axis), "indices": whole(indices), **without_unset(indices_shape=table)},
    )


def pad(
    pads: Iterable[int], axes: Iterable[int], *, mode: str = "constant", value: float | None = 0.0
) -> Operation:
    """Elements added at the edges; ``value`` is None where none is used."""
    filler: dict[str, AttributeValue] = {} if value is None else {"value": float(value)}
    return Operation("Pad", {"pads": whole(pads), "axes": whole(axes), "mode": mode, **filler})


def reduced(op: str, axes: Iterable[int], *, keepdims: bool) -> Operation:
    """A reduction over axes: ``ReduceMean`` and the like."""
    return Operation(op, {"axes": whole(axes), "keepdims": bool(keepdims)})


def resized(
    mode: str, sizes: Iterable[int], *, align_corners: bool, half_pixel_centers: bool
) -> Operation:
    """An image at another resolution, by TensorFlow's rules of coordinates."""
    return Operation(
        "Resize",
        {
            "mode": mode,
            "sizes": whole(sizes),
            "align_corners": bool(align_corners),
            "half_pixel_centers": bool(half_pixel_centers),
        },
    )
