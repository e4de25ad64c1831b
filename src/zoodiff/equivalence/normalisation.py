"""Normalisation inside both networks with other numbers, where weights hold these numbers.

Exporters store the means and deviations of a normalisation as constants of the graph or as weights.
Constants are compared with the graphs; of weights only the values show whether both networks scale
their pixels alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.symmetries import WeightRelation
from zoodiff.equivalence.weights.weight_diff import WeightsDiff
from zoodiff.graph.ir import Node
from zoodiff.graph.layers import Layer
from zoodiff.graph.weights import Weights
from zoodiff.rules.architecture.ends.inputs import PREPROCESSING_INSIDE
from zoodiff.rules.context import Aspect, Difference, Undo
from zoodiff.rules.findings import Finding, grouped

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KIND = "normalisation changed"
"""The kind of the relation between the weights of two normalisations."""
_CHANNELS = 4
"""An image has at most so many channels."""
_NEAR = 2e-6
"""Relative difference of two numbers of single precision that are one."""
_SHORT = {"float16": 2e-3, "bfloat16": 2e-2}
"""The same for numbers of fewer bits, which may be inverted and multiplied with each other."""
_BYTES = 8.0
"""Deviations from here on are of pixels from 0 to 255."""


@dataclass(frozen=True)
class PixelScaling:
    """Arithmetic on pixels: ``scale[c] * x[c] + offset[c]`` for each channel c."""

    scale: Floats
    offset: Floats

    def in_words(self) -> str:
        """Mean and standard deviation: "mean 0.485, 0.456, 0.406; std 0.229, 0.224, 0.225"."""
        mean, std = 0.0 - self.offset / self.scale, 1 / self.scale
        unit = ""
        if float(np.min(std)) >= _BYTES:
            unit = " of pixels from 0 to 255"
        elif 0 < float(np.max(std)) < 1:
            unit = " of pixels from 0 to 1"
        return f"mean {_numbers(mean)}; std {_numbers(std)}{unit}"

    @property
    def by_channel(self) -> bool:
        """Whether channels are scaled or shifted differently."""
        return any(np.ptp(x) > _NEAR * np.abs(x).max() for x in (self.scale, self.offset))

    def near(self, other: PixelScaling, tolerance: float) -> bool:
        """Whether both are equal within a relative tolerance."""
        size = float(max(np.abs(self.offset).max(), np.abs(other.offset).max(), 1e-300))
        return bool(
            np.allclose(self.scale, other.scale, rtol=tolerance, atol=0)
            and np.allclose(self.offset, other.offset, rtol=0, atol=tolerance * size)
        )


@dataclass(frozen=True)
class ComparedNormalisation:
    """What is known of two networks once the numbers of their normalisations are compared."""

    diff: Diff
    compared: WeightsDiff
    relations: tuple[WeightRelation, ...]
    finding: Finding | None = None
    """About numbers that differ; it is among the findings of ``diff``."""


def compare_normalisation(
    diff: Diff, a: Weights, b: Weights, compared: WeightsDiff, relations: Sequence[WeightRelation]
) -> ComparedNormalisation:
    """Return diff, weights and relations with what the numbers of a normalisation show.

    ``a`` and ``b`` are canonical weights. Numbers that differ are one finding, with mean and
    standard deviation of each network; equal ones, written in other steps, are none. Where neither
    network keeps the numbers as weights, the rules of graphs have compared them.
    """
    known = ComparedNormalisation(diff, compared, tuple(relations))
    shape = diff.a.canonical.inputs[0].shape if diff.a.canonical.inputs else ()
    if len(shape) != 4 or not 1 <= shape[1] <= _CHANNELS:
        return known
    for i, j in diff.alignment.pairs:
        first, second = diff.alignment.a.layers[i], diff.alignment.b.layers[j]
        if not (first.pixels and second.pixels):
            continue
        left, right = (pixel_scaling(x, w, shape[1]) for x, w in ((first, a), (second, b)))
        if left is None or right is None:
            continue
        if not any(n.parameters for x in (first, second) for n in (x.node, *x.chain)):
            return _with_words(known, i, (left, right))
        if left.near(right, _tolerance(first, second)):
            return _with_equal_numbers(known, i)
        if left.in_words() != right.in_words():
            return _with_other_numbers(known, (i, j), (left, right), (a, b))
    return known


def _with_equal_numbers(known: ComparedNormalisation, i: int) -> ComparedNormalisation:
    """Without findings, relations and differing weights of a normalisation."""
    layer = known.diff.alignment.a.layers[i]
    names = {node.name for node in (layer.node, *layer.chain)}
    layers = tuple(
        replace(x, sameness="equal after folding", difference=0.0)
        if x.a in names and x.sameness == "differ"
        else x
        for x in known.compared.layers
    )
    relations = tuple(r for r in known.relations if not {a for a, _ in r.layers} <= names)
    diff = replace(known.diff, findings=_others(known.diff, i))
    return ComparedNormalisation(diff, replace(known.compared, layers=layers), relations)


def _with_words(
    known: ComparedNormalisation, i: int, sides: tuple[PixelScaling, PixelScaling]
) -> ComparedNormalisation:
    """With mean and standard deviation in the finding of the rules, for numbers per channel."""
    left, right = (side.in_words() for side in sides)
    if left == right or not any(side.by_channel for side in sides):
        return known
    others = _others(known.diff, i)
    findings = tuple(
        f if f in others else replace(f, left=left, right=right) for f in known.diff.findings
    )
    return replace(known, diff=replace(known.diff, findings=findings))


def _with_other_numbers(
    known: ComparedNormalisation,
    pair: tuple[int, int],
    sides: tuple[PixelScaling, PixelScaling],
    weights: tuple[Weights, Weights],
) -> ComparedNormalisation:
    """With one finding, and one relation, about the numbers of a normalisation."""
    diff, (i, j) = known.diff, pair
    left, right = (side.in_words() for side in sides)
    explains = (Aspect.PIXELS,)
    code = PREPROCESSING_INSIDE.code
    difference = Difference(code, left, right, (i,), (j,), Undo.PIXELS, explains, "places")
    (finding,) = grouped([difference], diff.alignment.a, diff.alignment.b)
    first, second = diff.alignment.a.layers[i], diff.alignment.b.layers[j]
    places = tuple(_differing_steps(first, second, weights))
    finding = replace(
        finding,
        count=len(places),
        places_a=tuple(a for a, _ in places),
        places_b=tuple(b for _, b in places),
    )
    names = {node.name for node in (first.node, *first.chain)}
    relations = tuple(r for r in known.relations if not {a for a, _ in r.layers} <= names)
    words = f"numbers of the normalisation inside ({', '.join(finding.places_a)}) differ"
    findings = tuple(sorted((*_others(diff, i), finding), key=lambda f: f.code))
    return ComparedNormalisation(
        replace(diff, findings=findings),
        known.compared,
        (*relations, WeightRelation(KIND, places, words, False)),
        finding,
    )


def _others(diff: Diff, i: int) -> tuple[Finding, ...]:
    """The findings but for the one about the arithmetic on pixels of a layer alone."""
    return tuple(
        f
        for f in diff.findings
        if f.code != PREPROCESSING_INSIDE.code or [d.a for d in f.differences] != [(i,)]
    )


def pixel_scaling(layer: Layer, weights: Weights, channels: int) -> PixelScaling | None:
    """Return what a layer of arithmetic on pixels computes per channel; None for any other."""
    scale, offset = np.ones(channels), np.zeros(channels)
    for node in (layer.node, *layer.chain):
        number = _number(node, weights)
        if number is None or number.size not in (1, channels):
            return None
        first = bool(node.attributes.get("constant_first"))
        if node.op == "Add":
            offset = offset + number
        elif node.op == "Sub":
            scale, offset = (-scale, number - offset) if first else (scale, offset - number)
        elif node.op == "Mul":
            scale, offset = scale * number, offset * number
        elif node.op == "Div" and not first and bool(number.all()):
            scale, offset = scale / number, offset / number
        else:
            return None
    known = np.isfinite(scale).all() and np.isfinite(offset).all() and scale.all()
    return PixelScaling(scale, offset) if known else None


def _tolerance(first: Layer, second: Layer) -> float:
    """Relative difference that the precision of the stored numbers explains."""
    nodes = (first.node, *first.chain, second.node, *second.chain)
    kinds = {p.dtype for node in nodes for p in node.parameters}
    return max((_NEAR, *(_SHORT[kind] for kind in kinds if kind in _SHORT)))


def _number(node: Node, weights: Weights) -> Floats | None:
    """The operand of a step, one number or one per channel along axis 1."""
    value: Any = node.attributes.get("value")
    if node.parameters:
        value = weights[node.parameters[0].name]
    if value is None or len(node.parameters) > 1:
        return None
    number = np.asarray(value, dtype=np.float64).reshape(-1)
    return number if number.size == 1 or node.attributes.get("axis", 1) == 1 else None


def _differing_steps(
    first: Layer, second: Layer, weights: tuple[Weights, Weights]
) -> list[tuple[str, str]]:
    """Names of the steps with other numbers; of all steps where the two have others."""
    sides = [(layer.node, *layer.chain) for layer in (first, second)]
    if [n.op for n in sides[0]] != [n.op for n in sides[1]]:
        names = [[node.name for node in side] for side in sides]
        places = zip_longest(names[0], names[1], fillvalue=names[1][-1])
        return list(places)[: len(names[0])]
    differing = []
    for left, right in zip(*sides, strict=True):
        number_a, number_b = (_number(n, w) for n, w in zip((left, right), weights, strict=True))
        if number_a is None or number_b is None or not np.allclose(number_a, number_b, _NEAR, 0):
            differing.append((left.name, right.name))
    return differing


def _numbers(values: Floats) -> str:
    """One number where all are equal, else all of them."""
    if np.allclose(values, values[0], rtol=_NEAR, atol=1e-9):
        values = values[:1]
    return ", ".join(f"{value:.4g}" for value in values)
