"""Where and by how much two layers differ that are not related by any transformation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_EQUAL = 2e-5
"""Relative to the largest element."""
_FEW = 16
_SHARE = 0.02
_RELATED = 0.5
_NAMES = 4
_SAMPLE = 1024
_UNLIKE = 0.2


@dataclass(frozen=True)
class Residue:
    """A kind of ``relation.KINDS`` and its words."""

    kind: str
    words: str


def residue_of(x: Floats, y: Floats, row: str = "output channel") -> Residue:
    """How two arrays (out, ...) of equal shape differ; ``row`` is what their rows are called."""
    rows = x.reshape(x.shape[0], -1)
    other_rows = y.reshape(rows.shape)
    if not np.isfinite(other_rows).all() or not np.isfinite(rows).all():
        bad = "b" if not np.isfinite(other_rows).all() else "a"
        return Residue("changed", f"the weights in {bad} hold values that are no numbers")
    if _strangers(rows.reshape(-1), other_rows.reshape(-1)):
        return Residue("unrelated", "unrelated weights")
    size = max(float(np.abs(rows).max(initial=0.0)), float(np.abs(other_rows).max(initial=0.0)))
    apart = np.abs(rows - other_rows) > _EQUAL * size
    differ = np.flatnonzero(apart.any(axis=1))
    return (
        _zeroed(rows, other_rows, differ, row)
        or _zeros(rows, other_rows, apart)
        or _few(rows, other_rows, apart, x.shape)
        or _some(x.shape, apart, differ, row)
        or _correlated(rows, other_rows, size)
    )


def _few(x: Floats, y: Floats, apart: NDArray[np.bool_], shape: tuple[int, ...]) -> Residue | None:
    """Single elements."""
    few = int(apart.sum())
    if not (few <= max(1, _SHARE * apart.size) or (few <= _FEW and few * 4 <= apart.size)):
        return None
    size = max(float(np.abs(x).max()), float(np.abs(y).max()))
    largest = float(np.abs(x - y).max()) / size
    where = "" if few > 1 else f" at {_place(apart, shape)}"
    return Residue(
        "elements changed",
        f"{few} of {apart.size:,} elements changed{where}, by up to {largest:.2g} of the largest",
    )


def _some(
    shape: tuple[int, ...], apart: NDArray[np.bool_], differ: NDArray[np.int64], row: str
) -> Residue | None:
    """Some outputs or inputs."""
    if 2 * differ.size <= shape[0]:
        return Residue("rows changed", f"{_listed(differ, row)} of {shape[0]} differ")
    columns = np.flatnonzero(apart.reshape(shape).any(axis=(0, *range(2, len(shape)))))
    if len(shape) > 1 and 2 * columns.size <= shape[1]:
        return Residue("rows changed", f"{_listed(columns, 'input channel')} of {shape[1]} differ")
    return None


def _strangers(x: Floats, y: Floats) -> bool:
    """Whether a sample of elements shows that the two are neither equal nor correlated."""
    if x.size < 4 * _SAMPLE:
        return False
    chosen = np.random.default_rng(0).integers(0, x.size, _SAMPLE)
    x, y = x[chosen], y[chosen]
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    return bool((x != y).all()) and length > 0 and abs(float(np.dot(x, y))) < _UNLIKE * length


def _zeroed(x: Floats, y: Floats, differ: NDArray[np.int64], row: str) -> Residue | None:
    """Whole rows that are zero in one network only."""
    if not differ.size or differ.size == x.shape[0]:
        return None
    for side, values in (("b", y), ("a", x)):
        if not values[differ].any():
            return Residue("rows zeroed", f"{_listed(differ, row)} zero in {side}")
    return None


def _zeros(x: Floats, y: Floats, apart: NDArray[np.bool_]) -> Residue | None:
    """Single elements that are zero in one network only."""
    for side, values in (("b", y), ("a", x)):
        count = int(apart.sum())
        if count > 1 and not values[apart].any() and values.any():
            return Residue(
                "weights zeroed", f"{count} of {apart.size:,} weights are zero in {side}"
            )
    return None


def _correlated(x: Floats, y: Floats, size: float) -> Residue:
    """Whether they have anything in common, by the cosine of the angle between them."""
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    cosine = float(np.vdot(x, y)) / length if length else 0.0
    if cosine > _RELATED and cosine > 4 / np.sqrt(x.size):
        largest = float(np.abs(x - y).max()) / size
        return Residue(
            "changed", f"changed by up to {largest:.2g} of the largest (cosine {cosine:.4f})"
        )
    return Residue("unrelated", "unrelated weights")


def _place(apart: NDArray[np.bool_], shape: tuple[int, ...]) -> str:
    first = int(np.flatnonzero(apart.reshape(-1))[0])
    return str([int(k) for k in np.unravel_index(first, shape)])


def _listed(which: NDArray[np.int64], noun: str) -> str:
    shown = ", ".join(str(int(k)) for k in which[:_NAMES])
    if which.size == 1:
        return f"{noun} {shown}"
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}{'e' * noun.endswith('s')}s"
    if which.size > _NAMES:
        return f"{which.size} {plural} ({shown}, ...)"
    return f"{plural} {shown}"
