"""Passes: rewrites that bring different spellings of one function to one form.

The list of passes *is* the definition of "the same architecture". Each pass is one module whose
docstring gives the mathematics; each takes a ``Net`` and rewrites it in place. A node remembers
the passes that made it what it is, so that a comparison can say what it needed. A new pass is a
module with ``run`` and a line in ``PASSES``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from zoodiff.graph.net import Net
from zoodiff.graph.passes import (
    activations,
    arithmetic,
    concats,
    duplicates,
    einsums,
    layout,
    linear,
    movements,
    noops,
    norms,
    padding,
    parameters,
    parts,
    pooling,
    preprocessing,
    products,
    quantisation,
    shapes,
    weights,
)


@dataclass(frozen=True)
class Pass:
    """A rewrite by its name, what it does in a few words, and the function."""

    name: str
    title: str
    run: Callable[[Net], None]

    @property
    def mathematics(self) -> str:
        """Why the rewritten network is the same function."""
        import sys

        return (sys.modules[self.run.__module__].__doc__ or "").strip()


PASSES: tuple[Pass, ...] = (
    Pass("parameters", "weights in one order of axes", parameters.run),
    Pass("weights", "what is computed from weights alone is a weight", weights.run),
    Pass("quantisation", "integers as the real numbers that they stand for", quantisation.run),
    Pass("noops", "what changes nothing is dropped", noops.run),
    Pass("arithmetic", "one spelling for arithmetic with constants", arithmetic.run),
    Pass("einsums", "products with indices as products of matrices", einsums.run),
    Pass("norms", "layer norms that are written out", norms.run),
    Pass("shapes", "one spelling for reshapes, slices and splits", shapes.run),
    Pass("layout", "channels first everywhere", layout.run),
    Pass("reshapes", "reshapes that the layout left", shapes.after_layout),
    Pass("pooling", "one spelling for global pooling", pooling.run),
    Pass("flat", "reshapes behind global pooling", shapes.run),
    Pass("scales", "numbers that multiply a factor multiply the product", products.scales),
    Pass("movements", "reshapes, transpositions and slices in their shortest form", movements.run),
    Pass("parts", "linear layers that are cut apart are several", parts.run),
    Pass("activations", "one spelling for every activation", activations.run),
    Pass("padding", "explicit padding merged, pads as they take effect", padding.run),
    Pass("linear", "linear layers and 1x1 convolutions are one", linear.run),
    Pass("products", "one spelling for products and their scale", products.run),
    Pass("preprocessing", "a stated preprocessing head", preprocessing.run),
    Pass("concatenations", "nested concatenations flattened", concats.run),
    Pass("duplicates", "what is computed twice is computed once", duplicates.run),
    Pass("leftovers", "what changes nothing any more is dropped", noops.run),
)


def apply(net: Net, without: Collection[str] = ()) -> None:
    """Run all passes in order, but for those named in ``without``."""
    for one in PASSES:
        if one.name not in without:
            one.run(net)
            net.prune()
