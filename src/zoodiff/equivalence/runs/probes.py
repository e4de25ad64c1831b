"""Generated inputs on which two networks are run, chosen to make differences visible.

One distribution hides differences: a clip at 6 that no value reaches, an epsilon beside a variance
of one, a square that overflows half precision. So inputs of several sizes are drawn, among them
smooth ones, since neighbouring pixels of images are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.architecture.diff import Diff
from zoodiff.equivalence.runs.named_inputs import StatedInput, in_shape
from zoodiff.errors import MeasurementError
from zoodiff.graph.ir import Graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SMALL_INTEGERS = {"int8": (-128.0, 127.0), "uint8": (0.0, 255.0)}
"""Ranges of types whose whole range is tried; the range of larger integers is not known."""
_INTEGERS = frozenset({*_SMALL_INTEGERS, "int16", "int32", "int64", "uint16", "uint32", "uint64"})
_LARGEST = 1 << 28
"""Elements of one generated input."""
_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_SMOOTH = 4
"""Grid points of a smooth image along each side."""


@dataclass(frozen=True)
class Probe:
    """One generated input, (1, ...), of single precision, images with channels first."""

    name: str
    values: NDArray[np.float32]
    whole: bool = False
    """Whether the network takes whole numbers."""

    def feeds(self, diff: Diff) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Return the input of each network by name, in double precision."""
        values = self.values.astype(np.float64)
        first, second = ({side.canonical.inputs[0].name: values} for side in (diff.a, diff.b))
        return first, second

    def resized(self, shape: Sequence[int], seed: int = 0) -> NDArray[np.float32]:
        """Return an input of another shape, of values that this one has."""
        random = np.random.default_rng([seed, 2])
        values: NDArray[np.float32] = random.choice(self.values.reshape(-1), tuple(shape))
        return values

    def moved(self, seed: int = 0) -> NDArray[np.float32]:
        """Return the input with every value moved by one unit in the last place, up or down.

        Whole numbers stay what they are.
        """
        if self.whole:
            return self.values
        return nudged(self.values, seed)


def nudged(values: NDArray[Any], seed: int = 0) -> NDArray[Any]:
    """Return real numbers, each moved by one unit in the last place, up or down."""
    up = np.random.default_rng([seed, 1]).random(values.shape) < 0.5
    toward = np.where(up, np.inf, -np.inf).astype(values.dtype)
    moved: NDArray[Any] = np.nextafter(values, toward).astype(values.dtype)
    return moved


def probes(
    graph: Graph, *, seed: int = 0, value_range: tuple[float, float] | None = None
) -> tuple[Probe, ...]:
    """Return the inputs for a network, the plainest first.

    ``value_range`` are the least and the largest value that the network takes; without, several
    ranges are tried. Raises MeasurementError for a network whose inputs cannot be generated.
    """
    shape = input_shape(graph)
    tensor = graph.inputs[0]
    if tensor.dtype in _FLOATS:
        return probes_of(shape, seed=seed, value_range=value_range)
    chosen = value_range or _SMALL_INTEGERS.get(tensor.dtype)
    if chosen is None:
        raise MeasurementError(
            f"the input {tensor.name} of {graph.source} holds {tensor.dtype}, of which any range "
            "may be meant; say which with --input-range"
        )
    return tuple(
        Probe(probe.name, np.rint(probe.values), whole=True)
        for probe in probes_of(shape, seed=seed, value_range=chosen)
    )


def examples(inputs: Sequence[StatedInput], shape: tuple[int, ...]) -> list[Probe]:
    """Return the images that came with the question, channels first."""
    arrays = [
        in_shape(each.example, shape, each.name) for each in inputs if each.example is not None
    ]
    return [Probe("example", np.ascontiguousarray(x, dtype=np.float32)) for x in arrays]


def input_shape(graph: Graph) -> tuple[int, ...]:
    """Return the shape of the one input, for one image; raise MeasurementError for any other."""
    if len(graph.inputs) != 1:
        raise MeasurementError(
            f"{graph.source} has {len(graph.inputs)} inputs; networks of one input can be run"
        )
    tensor = graph.inputs[0]
    if tensor.dtype not in _FLOATS | _INTEGERS:
        raise MeasurementError(
            f"the input {tensor.name} of {graph.source} holds {tensor.dtype}; inputs of numbers "
            "can be generated"
        )
    shape = tuple(tensor.shape)
    if not shape or any(extent < 1 for extent in shape[1:]):
        raise MeasurementError(
            f"the input {tensor.name} of {graph.source} leaves its shape {shape} open; say it with "
            "?size=N behind the file"
        )
    shape = (1, *shape[1:]) if shape[0] < 1 else shape
    if int(np.prod(shape, dtype=np.float64)) > _LARGEST:
        raise MeasurementError(f"the input {tensor.name} of {graph.source}, {shape}, is too large")
    return shape


def probes_of(
    shape: Sequence[int], *, seed: int = 0, value_range: tuple[float, float] | None = None
) -> tuple[Probe, ...]:
    """Return the inputs of a shape."""
    random = np.random.default_rng(seed)

    def normal(scale: float = 1.0) -> NDArray[Any]:
        return scale * random.standard_normal(shape)

    if value_range is not None:
        low, high = value_range
        values = [(f"range {k}", random.uniform(low, high, shape)) for k in (1, 2, 3, 4, 5)]
        soft = _smooth(random, shape)
        span = max(float(np.ptp(soft)), 1e-12)
        values += [
            ("smooth", low + (high - low) * (soft - soft.min()) / span),
            ("lowest", np.full(shape, low)),
            ("highest", np.full(shape, high)),
        ]
    else:
        values = [
            ("normal 1", normal()),
            ("normal 2", normal()),
            ("pixels 0 to 1", random.random(shape)),
            ("smooth", _smooth(random, shape)),
            ("small", normal(0.01)),
            ("pixels 0 to 255", np.floor(256 * random.random(shape))),
            ("large", normal(30.0)),
            ("negative", -np.abs(normal(3.0))),
        ]
    return tuple(Probe(name, array.astype(np.float32)) for name, array in values)


def other_size(shape: Sequence[int]) -> tuple[int, ...] | None:
    """Return the shape of an image of another size, odd and not square; None for no image."""
    if len(shape) != 4:
        return None
    rows = shape[2] + 1 if shape[2] % 2 == 0 else shape[2] + 2
    columns = shape[3] + 3 if shape[3] % 2 == 0 else shape[3] + 4
    return (shape[0], shape[1], rows, columns)


def _smooth(random: np.random.Generator, shape: Sequence[int]) -> NDArray[Any]:
    """Values that change slowly along the last two axes."""
    if len(shape) < 3:
        return 2.0 * random.standard_normal(shape)
    grid = random.standard_normal((*shape[:-2], _SMOOTH, _SMOOTH))
    for axis in (-2, -1):
        where = np.linspace(0, _SMOOTH - 1, shape[axis])
        low = np.minimum(where.astype(int), _SMOOTH - 2)
        part = (where - low).reshape((-1, 1) if axis == -2 else (-1,))
        grid = (1 - part) * np.take(grid, low, axis) + part * np.take(grid, low + 1, axis)
    return 2.0 * grid + 0.02 * random.standard_normal(shape)
