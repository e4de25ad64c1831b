"""Two networks run in zoodiff's interpreter with the weights that they hold, in double precision.

In double precision rounding is a billionth of what it is in the networks' runtimes, so what is left
of a deviation is a difference of functions. The networks are then run with findings undone: those
that must be undone for the outputs to agree are the causes.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.architecture.diff import Diff, Side
from zoodiff.equivalence.counterfactual import FROM_A, undone
from zoodiff.equivalence.tolerance import deviation, spread
from zoodiff.equivalence.weights.weight_transfer import transplant
from zoodiff.errors import MeasurementError
from zoodiff.graph.interpreter.run import evaluate, unsupported
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.values import FloatType
from zoodiff.graph.weights import Weights
from zoodiff.rules.context import Difference
from zoodiff.rules.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FAILURES = (ArithmeticError, IndexError, KeyError, MeasurementError, TypeError, ValueError)
"""Errors of graphs put together from two networks that do not fit each other."""


Inputs = Mapping[str, "NDArray[Any]"]
"""Of one network, by name."""
LARGEST_HALF = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Undone:
    """The deviation of outputs that is left when findings are undone."""

    deviation: float | None
    """Largest over the inputs, relative to the spread; None where the parts do not fit."""


def obstacle(side: Side, *, opaque: bool = False) -> str:
    """Return why the interpreter cannot run a network; empty where it can.

    With ``opaque`` ONNX's reference runs the operators that the interpreter lacks.
    """
    cannot = unsupported(in_real_numbers(side.canonical), opaque=opaque)
    if not cannot:
        return ""
    more = f" and {len(cannot) - 1} more" if len(cannot) > 1 else ""
    return f"{side.name} has layers that the interpreter cannot run: {cannot[0]}{more}"


def in_real_numbers(graph: Graph) -> Graph:
    """Return a network of integers as one of the real numbers that they stand for."""
    if not any(node.attributes.get("quantized") for node in graph.nodes):
        return graph
    nodes = tuple(
        replace(n, attributes={k: v for k, v in n.attributes.items() if k != "quantized"})
        for n in graph.nodes
    )
    return replace(graph, nodes=nodes)


def run_keeping(
    graph: Graph, weights: Weights, inputs: Inputs, keep: Container[str]
) -> dict[str, NDArray[Any]]:
    """Return the tensors in ``keep``, in double precision; raises as ``run`` does."""
    tensors = _evaluated(graph, weights, inputs, keep)
    return {name: value for name, value in tensors.items() if name in keep}


def run(
    graph: Graph, weights: Weights, inputs: Inputs, dtype: FloatType = np.float64
) -> list[NDArray[Any]]:
    """Return all outputs of a graph in double precision or another, for inputs by name.

    Raises MeasurementError where the graph, its weights and the input do not fit together.
    """
    tensors = _evaluated(graph, weights, inputs, (), dtype)
    return [tensors[tensor.name] for tensor in graph.outputs]


def _evaluated(
    graph: Graph,
    weights: Weights,
    inputs: Inputs,
    keep: Container[str],
    dtype: FloatType = np.float64,
) -> dict[str, NDArray[Any]]:
    def provide(node: Node, data: Any) -> list[Any]:
        # Beside ids and masks a weight is a real number as well.
        kind = data.dtype if data.dtype.kind == "f" else dtype
        return [weights[p.name].reshape(p.shape).astype(kind) for p in node.parameters]

    with np.errstate(all="ignore"):
        try:
            real = in_real_numbers(graph)
            return evaluate(real, inputs, provide, dtype, keep, opaque=True)
        except (KeyError, ValueError) as error:
            raise MeasurementError(f"{graph.source} does not fit its weights ({error})") from None


def overflows(
    graph: Graph, weights: Weights, inputs: Iterable[tuple[str, Inputs]]
) -> list[tuple[str, float, str]]:
    """Return the layers whose results do not fit the half precision that they are computed in.

    ``inputs`` are named. A layer is listed once: its name, the largest size of its results in
    double precision, and the input on which they have it.
    """
    halves = {t.name for t in graph.tensors.values() if t.dtype == "float16"}
    makers = {t: node.name for node in graph.nodes for t in node.outputs if t in halves}
    largest: dict[str, tuple[float, str]] = {}
    for label, feeds in inputs:
        try:
            results = run_keeping(graph, weights, feeds, makers)
        except MeasurementError:
            continue
        for tensor, result in results.items():
            size = float(np.max(np.abs(result), initial=0.0))
            if size > LARGEST_HALF and size > largest.get(makers[tensor], (0.0, ""))[0]:
                largest[makers[tensor]] = (size, label)
    return [(name, size, label) for name, (size, label) in largest.items()]


class Interpreted:
    """Both networks on the same inputs; ``a`` and ``b`` are their weights in canonical order.

    ``paired`` has the positions of the outputs that are compared; None compares all in order.
    """

    def __init__(
        self,
        diff: Diff,
        a: Weights,
        b: Weights,
        inputs: Sequence[tuple[Inputs, Inputs]],
        paired: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        self._diff, self._a, self._b, self._inputs = diff, a, b, tuple(inputs)
        self._chosen: tuple[list[int] | None, list[int] | None] = (None, None)
        if paired is not None:
            self._chosen = [i for i, _ in paired], [j for _, j in paired]
        self.outputs_a = [self._run(0, diff.a.canonical, a, x) for x, _ in self._inputs]
        self.outputs_b = [self._run(1, diff.b.canonical, b, y) for _, y in self._inputs]
        self._all = [e for f in diff.findings for e in f.differences]
        self._moved: tuple[Weights, list[list[NDArray[Any]]]] | None = None

    def in_single(self, side: int, place: int) -> list[NDArray[Any]] | None:
        """Return one network's outputs for an input in single precision; None where it fails."""
        graph = (self._diff.a, self._diff.b)[side].canonical
        weights = (self._a, self._b)[side]
        try:
            return self._run(side, graph, weights, self._inputs[place][side], np.float32)
        except _FAILURES:
            return None

    def _run(
        self,
        side: int,
        graph: Graph,
        weights: Weights,
        inputs: Inputs,
        dtype: FloatType = np.float64,
    ) -> list[NDArray[Any]]:
        outputs, chosen = run(graph, weights, inputs, dtype), self._chosen[side]
        if chosen is None:
            return outputs
        if max(chosen, default=-1) >= len(outputs):
            raise MeasurementError(f"the graph of {graph.source} lacks outputs of the network")
        return [outputs[k] for k in chosen]

    def only(self, places: Sequence[int]) -> Interpreted:
        """Return the same for some of the inputs, by their places."""
        part = copy(self)
        part._inputs = tuple(self._inputs[place] for place in places)
        part.outputs_a = [self.outputs_a[place] for place in places]
        part.outputs_b = [self.outputs_b[place] for place in places]
        part._moved = None
        return part

    def deviations(self) -> list[float]:
        """Return how far the two networks are apart, by input."""
        return [_apart(a, b) for a, b in zip(self.outputs_a, self.outputs_b, strict=True)]

    def own_weights(self, findings: Iterable[Finding]) -> Undone:
        """Return what is left with findings undone, each network with its own weights."""
        return self._undone(findings, self._b, self.outputs_a, self._a)

    def equal_weights(self, findings: Iterable[Finding]) -> Undone:
        """Return what is left with findings undone, the second network with the first's weights."""
        if self._moved is None:
            adjusted = dict(self._a)
            moved = transplant(self._diff.alignment, adjusted).weights
            reference = [self._run(0, self._diff.a.canonical, adjusted, x) for x, _ in self._inputs]
            # Layers that only the second network has keep their own.
            self._adjusted = adjusted
            self._moved = ({**self._b, **moved}, reference)
        weights, reference = self._moved
        return self._undone(findings, weights, reference, self._adjusted)

    def _undone(
        self,
        findings: Iterable[Finding],
        weights: Weights,
        reference: Sequence[Sequence[NDArray[Any]]],
        marked: Weights,
    ) -> Undone:
        chosen: list[Difference] = [e for f in findings for e in f.differences]
        values = {**weights, **{FROM_A + name: array for name, array in marked.items()}}
        try:
            graph = undone(self._diff.alignment, chosen, self._all)
            outputs = [self._run(1, graph, values, y) for _, y in self._inputs]
        except _FAILURES:
            return Undone(None)
        apart = [
            _apart(expected, output) for expected, output in zip(reference, outputs, strict=True)
        ]
        return Undone(max(apart))


def _apart(a: Sequence[NDArray[Any]], b: Sequence[NDArray[Any]]) -> float:
    """The largest deviation of several outputs, relative to the spread of each."""
    if len(a) != len(b):
        return float("inf")
    return max(deviation(x, y, spread(x)) for x, y in zip(a, b, strict=True))
