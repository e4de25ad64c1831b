"""Passes: rewrites of the graph that unify equivalent forms of a function.

The list of passes defines which networks have the same architecture. Each pass is a module that
rewrites a ``MutableGraph`` in place; its docstring gives the mathematics. A node records the passes
that rewrote it, so that a comparison can name the passes that it needed. To add a pass, write a
module with ``run`` and an entry in ``PASSES``, which says what it requires and ensures.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from zoodiff.errors import MeasurementError
from zoodiff.graph.mutable import MutableGraph
from zoodiff.graph.passes import properties
from zoodiff.graph.passes.operators import (
    activations,
    arithmetic,
    einsums,
    groups,
    linear,
    norms,
    padding,
    pooling,
    preprocessing,
    products,
)
from zoodiff.graph.passes.properties import (
    CHANNELS_FIRST,
    LINEAR_AXES,
    NO_NEGATIONS,
    NO_SPLITS,
    NO_STORED_INTEGERS,
    ONE_RESHAPE,
    SLICES_IN_ORDER,
    SUMS_AND_PRODUCTS,
    TRUE_FLAGS,
    WEIGHTS_IN_ORDER,
    Property,
)
from zoodiff.graph.passes.removal import duplicates, noops
from zoodiff.graph.passes.reshaping import concats, layout, movements, shapes
from zoodiff.graph.passes.weights import computed, fused, parameters, parts, quantisation


@dataclass(frozen=True)
class Pass:
    """A pass: name, short description, function.

    ``requires`` are the properties of the graph before the pass, ``ensures`` those after it.
    """

    name: str
    title: str
    run: Callable[[MutableGraph], None]
    requires: tuple[Property, ...] = ()
    ensures: tuple[Property, ...] = ()

    @property
    def mathematics(self) -> str:
        """Why the rewritten network is the same function."""
        import sys

        return (sys.modules[self.run.__module__].__doc__ or "").strip()


PASSES: tuple[Pass, ...] = (
    Pass(
        "parameters",
        "weights in one order of axes",
        parameters.run,
        ensures=(WEIGHTS_IN_ORDER, LINEAR_AXES),
    ),
    Pass("weights", "nodes that compute on weights alone become weights", computed.run),
    Pass(
        "quantisation",
        "integers become the real numbers that they stand for",
        quantisation.run,
        ensures=(NO_STORED_INTEGERS,),
    ),
    Pass("noops", "nodes without effect are dropped", noops.run),
    Pass(
        "arithmetic",
        "one form for arithmetic with constants",
        arithmetic.run,
        ensures=(SUMS_AND_PRODUCTS, NO_NEGATIONS),
    ),
    Pass(
        "einsums",
        "products with indices become matrix products",
        einsums.run,
        requires=(WEIGHTS_IN_ORDER,),
    ),
    Pass(
        "norms",
        "norms that are written out become one node",
        norms.run,
        requires=(SUMS_AND_PRODUCTS, NO_NEGATIONS),
    ),
    Pass(
        "shapes",
        "one form for reshapes, slices and splits",
        shapes.run,
        ensures=(SLICES_IN_ORDER, NO_SPLITS, ONE_RESHAPE),
    ),
    Pass(
        "groups",
        "group norms that are written as instance norms",
        groups.run,
        requires=(ONE_RESHAPE,),
    ),
    Pass(
        "layout",
        "channels first everywhere",
        layout.run,
        requires=(NO_SPLITS, ONE_RESHAPE),
        ensures=(CHANNELS_FIRST,),
    ),
    Pass(
        "reshapes",
        "reshapes left over by `layout` are dropped",
        shapes.after_layout,
        requires=(CHANNELS_FIRST,),
        ensures=(SLICES_IN_ORDER, ONE_RESHAPE),
    ),
    Pass("pooling", "one form for global pooling", pooling.run, requires=(CHANNELS_FIRST,)),
    Pass("flat", "reshapes behind global pooling are dropped", shapes.run, ensures=(ONE_RESHAPE,)),
    Pass(
        "scales",
        "a number that multiplies a factor multiplies the product instead",
        products.scales,
        requires=(SUMS_AND_PRODUCTS,),
    ),
    Pass(
        "fused",
        "rows of a weight that several layers share are sorted by layer",
        fused.run,
        requires=(WEIGHTS_IN_ORDER, LINEAR_AXES, SLICES_IN_ORDER, NO_SPLITS),
        ensures=(WEIGHTS_IN_ORDER, LINEAR_AXES),
    ),
    Pass(
        "movements",
        "reshapes, transpositions and slices in their shortest form",
        movements.run,
        requires=(ONE_RESHAPE, NO_SPLITS, SLICES_IN_ORDER),
        ensures=(SLICES_IN_ORDER,),
    ),
    Pass(
        "parts",
        "a linear layer whose output is split becomes several layers",
        parts.run,
        requires=(WEIGHTS_IN_ORDER, LINEAR_AXES, SLICES_IN_ORDER),
        ensures=(WEIGHTS_IN_ORDER, LINEAR_AXES),
    ),
    Pass(
        "activations",
        "one form for every activation",
        activations.run,
        requires=(SUMS_AND_PRODUCTS, NO_NEGATIONS),
    ),
    Pass(
        "padding",
        "explicit padding merged into layers; pads without effect dropped",
        padding.run,
        requires=(CHANNELS_FIRST,),
    ),
    Pass(
        "linear",
        "one form for linear layers and 1x1 convolutions",
        linear.run,
        requires=(WEIGHTS_IN_ORDER, LINEAR_AXES, CHANNELS_FIRST, ONE_RESHAPE),
        ensures=(WEIGHTS_IN_ORDER, LINEAR_AXES),
    ),
    Pass(
        "products",
        "one form for products and their scale",
        products.run,
        requires=(SUMS_AND_PRODUCTS,),
        ensures=(TRUE_FLAGS,),
    ),
    Pass(
        "preprocessing",
        "declared input preprocessing",
        preprocessing.run,
        requires=(CHANNELS_FIRST, SUMS_AND_PRODUCTS, SLICES_IN_ORDER),
        ensures=(CHANNELS_FIRST,),
    ),
    Pass("concatenations", "nested concatenations flattened", concats.run),
    Pass("duplicates", "equal computations are merged", duplicates.run),
    Pass("leftovers", "nodes that other passes left without effect are dropped", noops.run),
)


def apply(graph: MutableGraph, without: Collection[str] = ()) -> None:
    """Run all passes in order, except those named in ``without``.

    Raises MeasurementError, which names the pass and the network, where a pass fails because the
    graph contradicts itself, or where a valid graph is malformed after a pass.
    """
    source = graph.graph
    sound = properties.malformed(graph) is None
    _run(graph, without, look=False)
    if sound and properties.malformed(graph):
        _run(MutableGraph(source), without, look=True)


def _run(graph: MutableGraph, without: Collection[str], *, look: bool) -> None:
    for rewrite in PASSES:
        if rewrite.name in without:
            continue
        try:
            rewrite.run(graph)
            graph.prune()
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # Passes rely on shapes and attributes as ONNX defines them. Graphs may come from
            # untrusted files, and checking all shapes first would be a second shape inference.
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise MeasurementError(
                f"the graph from {graph.graph.source} contradicts itself and has no canonical form "
                f'(the pass "{rewrite.name}" fails: {reason})'
            ) from error
        problem = properties.malformed(graph) if look else None
        if problem:
            raise MeasurementError(
                f'the pass "{rewrite.name}" leaves the graph from {graph.graph.source} malformed: '
                f"{problem}; please report this"
            )
