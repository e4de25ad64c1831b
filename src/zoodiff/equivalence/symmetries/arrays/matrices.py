"""The weights of a linear layer: a matrix for each place of the kernel, vectors beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.symmetries.arrays.matching import equal_rows
from zoodiff.equivalence.weights.weight_transfer import (
    AFFINE,
    AffineParts,
    folded,
    own_parameters,
    parts,
)
from zoodiff.graph.layers import Layer
from zoodiff.graph.weights import Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

NORMS = frozenset(
    {"GroupNormalization", "InstanceNormalization", "LayerNormalization", "RMSNormalization"}
)
"""Norms with one scale, and all but the RMS norm one shift, per channel."""
_OVER_AXES = frozenset({"LayerNormalization", "RMSNormalization"})


@dataclass(frozen=True)
class Matrix:
    """A linear layer: (out, in per group, places of the kernel), as stored and with all folded."""

    layer: Layer
    weight: NDArray[Any]
    """As stored, in its own precision."""
    vectors: tuple[tuple[str, Floats], ...]
    """Biases and statistics by their role, as stored."""
    scale: Floats
    shift: Floats
    group: int
    kernel: tuple[int, ...]
    parts: AffineParts

    @property
    def shape(self) -> tuple[int, ...]:
        """(out, in per group, places of the kernel)."""
        return self.weight.shape

    def stored(self) -> Floats:
        """In double precision."""
        return self.weight.astype(np.float64)

    def folded(self) -> Floats:
        """With the norm and all scales multiplied in."""
        return np.asarray(self.weight * self.scale[:, None, None])

    def equal_rows(self) -> NDArray[np.int64]:
        """For each output the first that is equal to it whatever is read; all zeros are."""
        gone = self.scale == 0
        beside = np.stack([np.where(gone, 0, self.scale), self.shift], axis=1)
        flat = self.weight.reshape(self.rows, -1)
        if bool(gone.any()):
            flat = np.where(gone[:, None], 0, flat)
        single = flat if flat.dtype in (np.float32, np.float64) else flat.astype(np.float64)
        return equal_rows(single, beside)

    @property
    def rows(self) -> int:
        """Number of outputs."""
        return int(self.weight.shape[0])

    @property
    def roles(self) -> tuple[str, ...]:
        """What the vectors are, in order."""
        return tuple(role for role, _ in self.vectors)


def matrix_of(layer: Layer, weights: Weights) -> Matrix | None:
    """A convolution or linear layer with its weights; None for anything else."""
    node = layer.node
    if node.op not in AFFINE or "equation" in node.attributes or node.attributes.get("transA"):
        return None
    if node.attributes.get("alpha", 1.0) != 1.0 or node.attributes.get("beta", 1.0) != 1.0:
        return None
    layer_parts = parts(layer)
    if layer_parts is None or layer_parts.weight is None:
        return None
    weight = weights[layer_parts.weight.name]
    group = int(node.attributes.get("group", 1))  # type: ignore[arg-type]
    if node.op == "ConvTranspose":
        if group != 1:
            return None
        weight = np.swapaxes(weight, 0, 1)
    out = weight.shape[0]
    kernel = tuple(weight.shape[2:])
    inside = weight.shape[1] if weight.ndim > 1 else 1
    others = [p for p in own_parameters(layer) if p is not layer_parts.weight]
    if any(p.size != out for p in others):
        return None
    vectors = tuple((p.role, weights[p.name].reshape(-1).astype(np.float64)) for p in others)
    scale, shift = (np.asarray(x, dtype=np.float64) for x in folded(layer_parts, weights, out))
    return Matrix(
        layer, weight.reshape(out, inside, -1), vectors, scale, shift, group, kernel, layer_parts
    )


def vectors_of(layer: Layer, weights: Weights) -> list[tuple[str, Floats]] | None:
    """The numbers per channel of a norm, a scale or a shift; None for anything else."""
    if not (layer.affine or layer.op in NORMS):
        return None
    owned = own_parameters(layer)
    if not owned or len({p.size for p in owned}) > 1:
        return None
    return [(p.role, weights[p.name].reshape(-1).astype(np.float64)) for p in owned]


def channel_axis(layer: Layer, rank: int) -> int | None:
    """The axis along which a layer's channels lie in what it reads."""
    a: Any = layer.node.attributes
    if layer.op in {"Conv", "ConvTranspose", "GroupNormalization", "InstanceNormalization"}:
        return 1
    if layer.op == "Gemm":
        return int(a.get("axis", rank - 1)) % rank
    if layer.op in _OVER_AXES:
        axes = [axis % rank for axis in a["axes"]]
        return axes[0] if len(axes) == 1 else None
    axis = a.get("axis", 1 if layer.op == "BatchNormalization" else None)
    return axis % rank if isinstance(axis, int) else None


_TURNS: dict[str, Any] = {
    "rotated by 180 degrees": lambda w: w[..., ::-1, ::-1],
    "flipped left to right": lambda w: w[..., ::-1],
    "flipped top to bottom": lambda w: w[..., ::-1, :],
    "transposed (height and width exchanged)": lambda w: np.swapaxes(w, -1, -2),
    "rotated by 90 degrees": lambda w: np.rot90(w, 1, axes=(-2, -1)),
    "rotated by 270 degrees": lambda w: np.rot90(w, 3, axes=(-2, -1)),
    "transposed along the other diagonal": lambda w: np.swapaxes(w[..., ::-1, ::-1], -1, -2),
}


def turned_kernels(x: Floats, kernel: tuple[int, ...]) -> dict[str, Floats]:
    """The same weights with their kernels rotated, flipped and transposed, where these differ."""
    if len(kernel) == 1 and kernel[0] > 1:
        return {"reversed": x[:, :, ::-1]}
    if len(kernel) != 2 or max(kernel) == 1:
        return {}
    square = x.reshape(*x.shape[:2], *kernel)
    turned: dict[str, Floats] = {}
    for name, turn in _TURNS.items():
        if kernel[0] != kernel[1] and ("transposed" in name or "90" in name or "270" in name):
            continue
        if min(kernel) == 1 and name != "rotated by 180 degrees":
            continue
        turned[name] = np.ascontiguousarray(turn(square)).reshape(x.shape)
    return turned
