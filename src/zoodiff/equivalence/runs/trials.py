"""The inputs on which the proof runs two networks, and which of their outputs it compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.runs.named_outputs import pair_outputs
from zoodiff.equivalence.runs.named_probes import NamedProbe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoodiff.architecture.diff import Diff
    from zoodiff.graph.ir import Graph

_MOST = 4
"""Sets of named inputs that are tried."""
_LARGE = 1_000_000_000
"""Multiply-accumulates above which only one is."""


@dataclass(frozen=True)
class Trial:
    """One set of inputs of both networks."""

    feeds: tuple[Mapping[str, NDArray[Any]], Mapping[str, NDArray[Any]]]
    """By the names of each graph, for the interpreter."""
    own: tuple[Any, Any]
    """What each network is given: an image, or arrays by name."""
    hides: bool = False
    """Whether a mask is not the same everywhere, so that positions may be hidden."""


@dataclass(frozen=True)
class Trials:
    """Sets of inputs, and the outputs that are compared."""

    each: tuple[Trial, ...]
    outputs: tuple[tuple[int, int], ...]
    """Positions of the outputs that belong together."""
    inputs: tuple[str, ...] = ()
    """What named inputs are given, one sentence each; empty for images."""


def image_trial(diff: Diff, seed: int) -> Trials:
    """Return one image of normal values, of which the first output is compared."""
    (a, b) = (side.canonical.inputs[0] for side in (diff.a, diff.b))
    image = np.random.default_rng(seed).standard_normal(a.shape)
    return Trials((Trial(({a.name: image}, {b.name: image}), (image, image)),), ((0, 0),))


def named_trials(diff: Diff, probes: Sequence[NamedProbe]) -> Trials:
    """Return generated inputs that both networks answer alike if they are one function.

    Masks hide nothing, or an end alone: what is answered at a position that looks at nothing but
    hidden ones is left to the runtime. All outputs that can be paired are compared.
    """
    fitting = [p for p in probes if p.mask_start == 1 or not _has_masks(p)]
    fitting.sort(key=lambda p: not p.masks_alike)  # what hides nothing comes first
    most = 1 if max(diff.a.counts.macs, diff.b.counts.macs) > _LARGE else _MOST
    chosen = tuple(
        Trial(p.feeds(diff), (p.own(0), p.own(1)), _has_masks(p) and not p.masks_alike)
        for p in fitting[:most]
    )
    paired = pair_outputs(_blanks(diff.a.canonical), _blanks(diff.b.canonical))
    sentences = tuple(each.sentence for each in probes[0].inputs) if probes else ()
    return Trials(chosen, () if paired.unpaired else paired.pairs, sentences)


def _has_masks(probe: NamedProbe) -> bool:
    return any(each.kind == "mask" for each in probe.inputs)


def _blanks(graph: Graph) -> dict[str, NDArray[Any]]:
    """Arrays with the shapes of a graph's outputs, which take no memory."""
    blank = np.zeros(())
    return {
        t.name: np.broadcast_to(blank, tuple(max(extent, 1) for extent in t.shape))
        for t in graph.outputs
    }
