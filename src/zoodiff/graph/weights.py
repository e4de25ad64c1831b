"""Weights of a canonical graph: random ones that show differences, and conversions of layout.

Default initialisation hides differences: its batch-norm statistics are 0 and 1, and activations
vanish with depth. Arbitrary weights amplify rounding errors. So weights are drawn while the network
runs, each scaled to the data that reaches it: the outputs of every layer have a variance near one,
moving statistics are those of the data, changed by some tenths, and some channels have small
variances, which make an epsilon visible. Branches that end in an addition can be damped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph, Node, Parameter
from zoodiff.graph.layers import LayerGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

Weights = dict[str, "NDArray[Any]"]
"""Canonical arrays by the parameter's name."""

_SMALL = 0.1
"""Standard deviation of the channels with a small one. At a variance of 0.01, an epsilon of 1e-3
changes them by 5 %; one of 1.001e-5 instead of 1e-5 changes them no more than rounding does."""


class Drawn:
    """Provides random weights for a graph's nodes, drawn when a node is first run.

    ``damping`` is the gain of branches that end in an addition. ``fixed`` are canonical arrays by
    the parameter's name; only weights that are missing there are drawn, and they are added to it.
    """

    def __init__(
        self, graph: Graph, seed: int, damping: float, fixed: Weights | None = None
    ) -> None:
        self.weights: Weights = fixed if fixed is not None else {}
        self._seed = seed
        self._damped = dict.fromkeys(_ends_of_branches(graph), damping)
        self._normed = _normed(graph)

    def __call__(self, node: Node, data: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the parameters of a node, in the type of ``data``."""
        missing = [p for p in node.parameters if p.name not in self.weights]
        if missing:
            self._draw(node, data, missing)
        # Beside ids a weight is a real number as well.
        dtype = data.dtype if data.dtype.kind == "f" else np.float64
        return [self.weights[p.name].reshape(p.shape).astype(dtype) for p in node.parameters]

    def _draw(self, node: Node, data: NDArray[Any], missing: Iterable[Parameter]) -> None:
        # Seeded with the node's name, so that weights do not depend on those drawn before.
        generator = np.random.default_rng([self._seed, *node.name.encode("utf-8", "surrogatepass")])
        gain = self._damped.get(node.name, 1.0)
        ids = data.dtype.kind in "iu"
        data = np.asarray(data, dtype=np.float64)
        for parameter in missing:
            # Frameworks store weights in single precision.
            drawn = (
                generator.standard_normal(parameter.shape)  # rows of a table, whatever the ids
                if ids
                else self._drawn(node, parameter, data, gain, generator)
            )
            self.weights[parameter.name] = drawn.astype(np.float32)

    def _drawn(
        self, node: Node, p: Parameter, data: NDArray[Any], gain: float, r: np.random.Generator
    ) -> NDArray[Any]:
        if p.role == "recurrence":  # of states between -1 and 1
            inner: NDArray[Any] = gain * r.standard_normal(p.shape) / np.sqrt(p.shape[-1])
            return inner
        if p.role == "weight":
            fan_in = prod(p.shape[1:])
            deviation = gain / np.sqrt(fan_in * max(float(np.mean(data**2)), 1e-12))
            values: NDArray[Any] = r.standard_normal(p.shape, dtype=np.float32) * deviation
            if node.name in self._normed:
                small = r.random(p.shape[0]) < 0.1
                values[small] *= _SMALL
            return values
        if p.role in {"mean", "variance"}:
            axes = tuple(i for i in range(data.ndim) if i != node.attributes.get("axis", 1))
            mean = data.mean(axis=axes)
            variance = data.var(axis=axes)
            if data.size // p.size < 8:  # too few elements to have a variance
                variance = np.full(p.shape, float(np.mean(data**2)) + 1e-6)
            off = 0.1 * np.sqrt(variance).reshape(p.shape) * r.standard_normal(p.shape)
            values = mean.reshape(p.shape) + off
            if p.role == "variance":
                spread = variance.reshape(p.shape) * r.uniform(0.7, 1.4, p.shape)
                values = np.maximum(spread, 1e-7)
            return values
        if p.role in {"bias", "recurrent_bias", "shift"}:
            return 0.3 * r.standard_normal(p.shape)
        if p.role == "scale" or node.op in {"Mul", "Div"}:
            return gain * r.uniform(0.5, 1.5, p.shape)
        return 0.3 * r.standard_normal(p.shape)


def _ends_of_branches(graph: Graph) -> list[str]:
    """Return the names of nodes whose gain scales a branch that ends in an addition."""
    names = []
    layers = LayerGraph(graph)
    for layer in layers.layers:
        joined = any(
            layers.layers[user].op == "Add" and len(layers.layers[user].inputs) > 1
            for user, _ in layer.users
        )
        if not joined:
            continue
        gains = [
            node
            for node in (layer.node, *layer.chain)
            if any(p.role in {"scale", "weight"} for p in node.parameters)
            or (node.op == "Mul" and node.parameters)
        ]
        if gains:
            names.append(gains[-1].name)
    return names


def _normed(graph: Graph) -> set[str]:
    """Return the names of layers with a batch norm in their chain."""
    layers = LayerGraph(graph).layers
    return {
        layer.name for layer in layers if any(n.op == "BatchNormalization" for n in layer.chain)
    }


def viewed(parameter: Parameter, stored: NDArray[Any]) -> NDArray[Any]:
    """Return a stored tensor in its canonical order, or the part of it that the parameter is."""
    for step, numbers in parameter.view:
        if step == "part":
            stored = stored[slice(*numbers)]
        elif step == "order":
            stored = stored[list(numbers)]
        else:
            stored = stored.reshape(numbers) if step == "reshape" else stored.transpose(numbers)
    return stored


def step_sizes(
    parameter: Parameter, stored: Sequence[int], of_blocks: NDArray[Any] | None = None
) -> Any:
    """Return the quantisation step of each element of a canonical weight; None for real numbers.

    ``stored`` is the shape in which the framework stores the weight, ``of_blocks`` the tensor
    ``steps_in``. Raises MeasurementError where that has not one step per block.
    """
    steps = np.asarray(parameter.steps)
    if parameter.steps_in and of_blocks is not None:
        return viewed(parameter, _spread(parameter, tuple(stored), of_blocks))
    if not steps.size:
        return None
    along = [1] * len(stored)
    if steps.size > 1:
        along[parameter.steps_axis] = steps.size
    return viewed(parameter, np.broadcast_to(steps.reshape(along), tuple(stored)))


def _spread(parameter: Parameter, stored: tuple[int, ...], of_blocks: NDArray[Any]) -> NDArray[Any]:
    """The step of each element of a stored weight, given those of its blocks."""
    axis, size = parameter.steps_axis, parameter.steps_block
    if size < 1 or not 0 <= axis < len(stored):
        raise MeasurementError(f"the blocks of the weight {parameter.stored} are malformed")
    shape = [*stored]
    shape[axis] = -(-stored[axis] // size)
    if of_blocks.size != prod(shape):
        raise MeasurementError(
            f"{parameter.steps_in} has {of_blocks.size} steps for the {prod(shape)} blocks of "
            f"{parameter.stored}"
        )
    steps = np.abs(of_blocks.astype(np.float64)).reshape(shape)
    return np.repeat(steps, size, axis).take(range(stored[axis]), axis)


def put(parameter: Parameter, canonical: NDArray[Any], stored: NDArray[Any]) -> None:
    """Write a canonical tensor into the stored tensor, in place."""
    # numpy's views share memory; where a reshape copies, the copy is written back.
    steps = [stored]
    for step, numbers in parameter.view:
        last = steps[-1]
        if step == "part":
            steps.append(last[slice(*numbers)])
        elif step == "order":
            steps.append(last[list(numbers)])
        else:
            steps.append(last.reshape(numbers) if step == "reshape" else last.transpose(numbers))
    steps[-1][...] = np.asarray(canonical).reshape(steps[-1].shape)
    for before, after, (step, numbers) in zip(
        reversed(steps[:-1]), reversed(steps[1:]), reversed(parameter.view), strict=True
    ):
        if step == "order":
            before[list(numbers)] = after
        elif step == "reshape" and not np.shares_memory(before, after):
            before[...] = after.reshape(before.shape)


def as_stored(raw: Graph, canonical: Graph, weights: Mapping[str, Any]) -> Weights:
    """Return the weights of a canonical graph as the framework of the raw graph stores them."""
    shapes = {p.name: p.shape for node in raw.nodes for p in node.parameters}
    stored: Weights = {}
    for p in (p for node in canonical.nodes for p in node.parameters):
        if p.name in weights and p.stored in shapes:
            if p.stored not in stored:
                stored[p.stored] = np.zeros(shapes[p.stored], dtype=np.float32)
            put(p, weights[p.name], stored[p.stored])
    return stored
