"""How the weights of two recurrent layers differ: gates exchanged, or rows changed."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from zoodiff.equivalence.symmetries.residue import Residue, residue_of
from zoodiff.equivalence.weights.weight_diff import recurrent_weights
from zoodiff.graph.layers import Layer
from zoodiff.graph.recurrent import GATES
from zoodiff.graph.weights import Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EXCHANGED = "gates exchanged"
_NEAR = 2e-5
"""Largest difference of equal weights, relative to the largest of the layer."""
_NAMES = {
    "GRU": ("update", "reset", "candidate"),
    "LSTM": ("input", "output", "forget", "cell"),
    "RNN": ("input",),
}


def difference_of(a: Layer, b: Layer, weights: tuple[Weights, Weights]) -> Residue | None:
    """Return how the weights of two recurrent layers differ; None where they act alike.

    Raises ValueError for layers that are not both recurrent layers of one kind and size.
    """
    mine, theirs = recurrent_weights(a, weights[0]), recurrent_weights(b, weights[1])
    if a.op != b.op or mine is None or theirs is None:
        raise ValueError("they are no recurrent layers of one kind")
    if [x.shape for x in mine] != [y.shape for y in theirs]:
        raise ValueError("they have other sizes")
    if bool(a.node.attributes.get("bias")) != bool(b.node.attributes.get("bias")):
        # That one has biases is a finding of its own.
        mine, theirs = ([x if x.ndim == 2 else 0 * x for x in side] for side in (mine, theirs))
    x, y = _rows(mine), _rows(theirs)
    if _near(x, y):
        return None
    count = len(GATES[a.op])
    for order in permutations(range(count)):
        if _near([part[_rows_of(order, len(part))] for part in x], y):
            return Residue(EXCHANGED, f"{_listed(a.op, order)} exchanged")
    return residue_of(np.concatenate(x), np.concatenate(y), "row")


def _rows(arrays: list[Floats]) -> list[Floats]:
    """Return what belongs to each row of the gates of each direction: kernels and bias."""
    rows = []
    starts = [k for k, array in enumerate(arrays) if array.ndim == 2][::2]
    for start, end in zip(starts, [*starts[1:], len(arrays)], strict=True):
        weight, recurrence, bias, *inner = arrays[start:end]
        second = np.zeros((len(bias), 1))
        if inner:  # of the last gate alone
            second[-len(inner[0]) :, 0] = inner[0]
        rows.append(np.concatenate([weight, recurrence, bias[:, None], second], axis=1))
    return rows


def _near(x: list[Floats], y: list[Floats]) -> bool:
    return all(
        bool((np.abs(p - q) <= _NEAR * np.abs(p).max(initial=0.0)).all())
        for p, q in zip(x, y, strict=True)
    )


def _rows_of(order: tuple[int, ...], rows: int) -> NDArray[np.int64]:
    """Return the rows of gates in another order."""
    return np.arange(rows).reshape(len(order), -1)[list(order)].reshape(-1)


def _listed(op: str, order: tuple[int, ...]) -> str:
    moved = [_NAMES[op][k] for k, source in enumerate(order) if k != source]
    return f"the gates {', '.join(moved[:-1])} and {moved[-1]}"
