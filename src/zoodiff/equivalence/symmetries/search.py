"""All relations between the weights of two networks."""

from __future__ import annotations

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.symmetries.layerwise import of_layers
from zoodiff.equivalence.symmetries.naming import of_streams
from zoodiff.equivalence.symmetries.relation import WeightRelation
from zoodiff.equivalence.symmetries.walk import Walk
from zoodiff.equivalence.weights.weight_diff import WeightsDiff
from zoodiff.graph.weights import Weights


def relations(
    diff: Diff, a: Weights, b: Weights, compared: WeightsDiff
) -> tuple[WeightRelation, ...]:
    """Name how the weights of two networks are related, what spans several layers first.

    ``a`` and ``b`` are canonical weights (``weight_diff.canonical``), ``compared`` what comparing
    them gave. Layers with equal weights are in no relation, unless they undo another layer's, or
    fail to.
    """
    if not diff.findings and all(layer.sameness == "identical" for layer in compared.layers):
        return ()
    walk = Walk(diff.alignment, a, b)
    walk.run()
    return (*of_streams(walk.events.together()), *of_layers(walk, compared))
