"""Functions of ``keras.ops`` over drawn shapes, axes and settings, also in sequences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

keras = pytest.importorskip("keras")

from support.keras_networks import assert_computes_what_keras_does, network  # noqa: E402

pytestmark = pytest.mark.keras
ops, layers = keras.ops, keras.layers
Step = Callable[[Any], Any]
Draw = st.DataObject


def axis_of(draw: Draw, rank: int) -> int:
    """An axis behind the batch, counted from either end."""
    axis = draw.draw(st.integers(1, rank - 1))
    return draw.draw(st.sampled_from([axis, axis - rank]))


def axes_of(draw: Draw, rank: int) -> tuple[int, ...]:
    """Some axes behind the batch."""
    axes = draw.draw(st.lists(st.integers(1, rank - 1), min_size=1, unique=True))
    return tuple(draw.draw(st.sampled_from([axis, axis - rank])) for axis in axes)


def transposed(draw: Draw, x: Any) -> Any:
    order = draw.draw(st.permutations(range(1, len(x.shape))))
    return ops.transpose(x, (0, *order))


def swapped(draw: Draw, x: Any) -> Any:
    rank = len(x.shape)
    return ops.swapaxes(x, axis_of(draw, rank), axis_of(draw, rank))


def moved(draw: Draw, x: Any) -> Any:
    rank = len(x.shape)
    return ops.moveaxis(x, axis_of(draw, rank), axis_of(draw, rank))


def reshaped(draw: Draw, x: Any) -> Any:
    extents = [n for n in x.shape[1:] if n > 1]
    cut = draw.draw(st.integers(0, len(extents)))
    first = int(np.prod(extents[:cut]))
    shape = draw.draw(
        st.permutations([first, int(np.prod(extents[cut:])), *[1] * draw.draw(st.integers(0, 2))])
    )
    return ops.reshape(x, (-1, *shape))


def reduced(draw: Draw, x: Any) -> Any:
    name = draw.draw(st.sampled_from(["mean", "sum", "max", "min", "var", "std", "amax"]))
    axes = axes_of(draw, len(x.shape))
    return getattr(ops, name)(x, axis=axes, keepdims=draw.draw(st.booleans()))


def normed(draw: Draw, x: Any) -> Any:
    axis = axis_of(draw, len(x.shape))
    return draw.draw(
        st.sampled_from(
            [
                lambda: ops.softmax(x, axis=axis),
                lambda: ops.log_softmax(x, axis=axis),
                lambda: ops.normalize(x, axis=axis, epsilon=0.3),
                lambda: ops.rms_normalization(x, axis=axis, epsilon=0.1),
                lambda: ops.layer_normalization(x, axis=axis, epsilon=0.1),
                lambda: layers.LayerNormalization(axis=list(axes_of(draw, len(x.shape))))(x),
                lambda: layers.BatchNormalization(axis=axis)(x),
            ]
        )
    )()


def cut(draw: Draw, x: Any) -> Any:
    """Slices with steps of either sign, single elements, new axes and an ellipsis."""
    key: list[Any] = [slice(None)]
    for extent in x.shape[1:]:
        start, end = draw.draw(st.integers(0, extent - 1)), draw.draw(st.integers(1, extent))
        part: Any = slice(min(start, end - 1), max(start + 1, end), draw.draw(st.integers(1, 2)))
        kinds = [part, slice(None), draw.draw(st.integers(-extent, extent - 1))]
        kinds += [slice(None, None, -1), slice(-1, None)]
        key.append(draw.draw(st.sampled_from(kinds)))
        if len(x.shape) < 5 and draw.draw(st.integers(0, 5)) == 0:
            key.append(None)
    if draw.draw(st.booleans()):
        key = [*key[: draw.draw(st.integers(1, len(key)))], ...]
    return x[tuple(key)]


def joined(draw: Draw, x: Any) -> Any:
    rank = len(x.shape)
    if rank < 5 and draw.draw(st.booleans()):
        axis = draw.draw(st.integers(1, rank))
        return ops.stack(
            [x, ops.abs(x), x + 1.0], axis=draw.draw(st.sampled_from([axis, axis - rank - 1]))
        )
    return ops.concatenate([x, ops.exp(-ops.abs(x))], axis=axis_of(draw, rank))


def divided(draw: Draw, x: Any) -> Any:
    axis = axis_of(draw, len(x.shape))
    extent = x.shape[axis]
    counts = [n for n in range(1, extent + 1) if extent % n == 0]
    places = sorted(draw.draw(st.sets(st.integers(1, extent), min_size=1, max_size=3)))
    pieces = ops.split(x, draw.draw(st.sampled_from([*counts, places])), axis=axis)
    filled = [piece for piece in pieces if 0 not in piece.shape]
    return filled[draw.draw(st.integers(0, len(filled) - 1))]


def turned(draw: Draw, x: Any) -> Any:
    axes = axes_of(draw, len(x.shape))
    if draw.draw(st.booleans()):
        return ops.flip(x, axis=axes)
    return ops.roll(x, tuple(draw.draw(st.integers(-5, 5)) for _ in axes), axis=axes)


def repeated(draw: Draw, x: Any) -> Any:
    rank = len(x.shape)
    if draw.draw(st.booleans()):
        return ops.repeat(x, draw.draw(st.integers(1, 3)), axis=axis_of(draw, rank))
    return ops.tile(x, (1, *(draw.draw(st.integers(1, 2)) for _ in range(rank - 1))))


def padded(draw: Draw, x: Any) -> Any:
    pairs = [[draw.draw(st.integers(0, 2)) for _ in range(2)] for _ in x.shape[1:]]
    return ops.pad(x, [[0, 0], *pairs], constant_values=draw.draw(st.sampled_from([0.0, -1.5])))


def multiplied(draw: Draw, x: Any) -> Any:
    if len(x.shape) < 3:
        return x * 2.0
    order = [*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2]
    pair = [x, ops.transpose(x, order)]
    return ops.matmul(*pair[:: draw.draw(st.sampled_from([1, -1]))])


def with_numbers(draw: Draw, x: Any) -> Any:
    """Arithmetic with a number, a vector, a table, or reduced data, in either order."""
    shape = [n if draw.draw(st.booleans()) else 1 for n in x.shape[1:]]
    table = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape) / 7
    other = draw.draw(
        st.sampled_from([2.5, table, table[0], ops.mean(x, axis=-1, keepdims=True) + 0.01, x])
    )
    operands = [x, other][:: draw.draw(st.sampled_from([1, -1]))]
    name = draw.draw(st.sampled_from(["add", "subtract", "multiply", "maximum", "minimum"]))
    return getattr(ops, name)(*operands)


def layered(draw: Draw, x: Any) -> Any:
    """A layer that reads images channels first, or features along the last axis."""
    if len(x.shape) == 4 and draw.draw(st.booleans()):
        return layers.Conv2D(draw.draw(st.integers(1, 3)), 1)(x)
    return layers.Dense(draw.draw(st.integers(1, 3)))(x)


STEPS = (
    *(transposed, swapped, moved, reshaped, reduced, normed, cut, joined, divided, turned),
    *(repeated, padded, multiplied, with_numbers, layered),
)


def small(x: Any) -> bool:
    """Whether a tensor can be used further: two to five axes, not too large."""
    return 2 <= len(x.shape) <= 5 and np.prod(x.shape[1:]) <= 300


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(draw=st.data())
@pytest.mark.parametrize("first", STEPS)
def test_drawn_functions_are_what_keras_computes(first: Any, draw: Draw) -> None:
    rank = draw.draw(st.sampled_from([2, 3, 4, 4, 5]))
    shape = tuple(draw.draw(st.integers(1, 4)) for _ in range(rank - 1))

    def build(x: Any) -> Any:
        if rank == 4 and draw.draw(st.booleans()):
            x = layers.Conv2D(draw.draw(st.integers(1, 4)), 1)(x)
        x = first(draw, x)
        for step in draw.draw(st.lists(st.sampled_from(STEPS), max_size=3)):
            if small(x):
                x = step(draw, x)
        return x

    model = network(build, shape)
    assert_computes_what_keras_does(model, one_by_one=True)
