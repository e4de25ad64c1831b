"""What differs between two aligned layers, before any rule has named it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoodiff.graph.layers import Item, Layer, axes_of_operands, in_half, rounded
from zoodiff.rules.context import Aspect, Key

Differing = dict[Key, tuple[Any, Any]]
"""Key -> values of the first layer and of the second."""


def compared(a: Layer, b: Layer) -> Differing:
    """Return what differs between two aligned layers; empty where they are the same."""
    if a.label == b.label:
        return {}
    mine, theirs = a.node.attributes, b.node.attributes
    if {a.op, b.op} == {"Conv", "Gemm"}:
        mine, theirs = _as_convolution(mine), _as_convolution(theirs)
        replaced = mine["kernel_shape"] != theirs["kernel_shape"]
    elif a.pixels and b.pixels:
        return {Aspect.PIXELS: (a, b)}
    elif a.affine and b.affine:
        return _affine(a.items, b.items) or _along(a, b)
    else:
        replaced = a.op != b.op
    if replaced:
        return {Aspect.OPERATOR: (a, b)}
    differing = _attributes(a.op, mine, theirs)
    if (
        a.op != "LRN"
        and a.items != b.items
        and (a.chain or b.chain or "bias" in mine or "bias" in theirs)
    ):
        return differing | _affine(a.items, b.items)
    shapes = [
        [p.shape for p in layer.node.parameters if p.role != "recurrent_bias"] for layer in (a, b)
    ]
    if not differing and shapes[0] != shapes[1]:
        differing[Aspect.PARAMETERS] = (shapes[0], shapes[1])
    axes = [axes_of_operands(layer) for layer in (a, b)]
    # Operands of another shape follow from what is before them.
    same_extents = [len(operand) for operand in axes[0]] == [len(operand) for operand in axes[1]]
    if not differing and axes[0] != axes[1] and same_extents:
        differing[Aspect.BROADCAST] = (axes[0], axes[1])
    return differing


def _attributes(op: str, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> Differing:
    differing: Differing = {}
    for key in sorted(set(mine) | set(theirs)):
        if key in _CHAIN - _OWN.get(op, _TERMS):
            continue
        left, right = rounded(mine.get(key)), rounded(theirs.get(key))
        if key in _STORED and _rounded_to_half(mine.get(key), theirs.get(key)):
            continue
        if left != right and not (key in _FLAGS and bool(left) == bool(right)):
            differing[key] = (mine.get(key), theirs.get(key))
    return differing


def numbers_in_half(a: Layer, b: Layer) -> tuple[str, ...]:
    """Return the numbers of two aligned layers of which one side has the other's in half."""
    mine, theirs = a.node.attributes, b.node.attributes
    return tuple(
        key
        for key in _STORED
        if key in mine
        and key in theirs
        and mine[key] != theirs[key]
        and rounded(mine[key]) != rounded(theirs[key])
        and _rounded_to_half(mine[key], theirs[key])
    )


_STORED = ("epsilon", "scale", "value")
"""Numbers that files of half precision keep in half precision."""


def _rounded_to_half(a: object, b: object) -> bool:
    """Whether one number is the other in half precision, as a network in that has it."""
    if not (isinstance(a, int | float) and isinstance(b, int | float)):
        return False
    return float(a) == in_half(float(b)) or in_half(float(a)) == float(b)


def _along(a: Layer, b: Layer) -> Differing:
    """The axes of two scales or shifts that stand alone."""
    return {"axis": (a.node.attributes.get("axis"), b.node.attributes.get("axis"))}


def _affine(left: Sequence[Item], right: Sequence[Item]) -> Differing:
    """Return what differs between two affine chains, a batch norm apart from what is around it."""
    norms = [next((item for item in chain if item[0] == "norm"), None) for chain in (left, right)]
    if left == right:
        return {}
    if norms[0] is None and norms[1] is None:
        return {Aspect.TERMS: (left, right)}
    if norms[0] is None or norms[1] is None:
        return {Aspect.NORM: (left, right)}
    places = [chain.index(norm) for chain, norm in zip((left, right), norms, strict=True)]
    biased = left[0] == ("bias",), right[0] == ("bias",)
    values: Differing = {
        Aspect.BIAS_BEFORE_NORM: biased,
        Aspect.BEFORE_NORM: (left[biased[0] : places[0]], right[biased[1] : places[1]]),
        Aspect.NORM_EPSILON: (norms[0][1], norms[1][1]),
        Aspect.NORM_TERMS: (norms[0][2:], norms[1][2:]),
        Aspect.AFTER_NORM: (left[places[0] + 1 :], right[places[1] + 1 :]),
    }
    return {aspect: both for aspect, both in values.items() if both[0] != both[1]}


def _as_convolution(a: Mapping[str, Any]) -> Mapping[str, Any]:
    """A linear layer as the 1x1 convolution of a map of one pixel; a convolution as it is."""
    if "out_features" not in a:
        return {**a, "out_features": None}
    return {
        "kernel_shape": [1, 1],
        "strides": [1, 1],
        "dilations": [1, 1],
        "group": 1,
        "pads": [0, 0, 0, 0],
        "out_channels": a["out_features"],
        "out_features": None,
        "bias": a.get("bias"),
    }


_CHAIN = frozenset({"bias", "center", "epsilon", "in_features", "momentum", "scale", "training"})
"""Attributes that are compared as part of the affine chain, or follow from others."""
_TERMS = frozenset({"center", "epsilon", "scale"})
"""Those that operators other than batch norms have by themselves."""
_OWN = {"BatchNormalization": frozenset[str](), "LRN": _TERMS | {"bias"}}
"""The bias of a local response norm is the number that it adds to its sum of squares."""
_FLAGS = frozenset({"ceil_mode", "count_include_pad", "transA", "transB"})
