"""Permutations by their names, rows matched, rounding recognised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoodiff.equivalence.symmetries.arrays import closeness as near
from zoodiff.equivalence.symmetries.arrays import integers, matching, permutations

SEEDS = st.integers(0, 2**32 - 1)


@given(st.lists(st.integers(2, 6), min_size=2, max_size=4), SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_transposition_of_axes_is_recovered(extents: list[int], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(extents))
    p = np.arange(np.prod(extents)).reshape(extents).transpose(order).reshape(-1)
    named = permutations.transposed_axes(p)
    if named is None:
        assert permutations.is_identity(p)
    else:
        again = np.arange(p.size).reshape(named[0]).transpose(named[1]).reshape(-1)
        assert np.array_equal(again, p)


@given(st.integers(2, 60), SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_random_permutation_has_no_false_name(size: int, seed: int) -> None:
    p = np.random.default_rng(seed).permutation(size)
    places = np.arange(size)
    swap, shift = permutations.swap_of(p), permutations.rotation_of(p)
    blocks, axes = permutations.exchanged_blocks(p), permutations.transposed_axes(p)
    if swap:
        places[list(swap)] = places[list(swap)[::-1]]
        assert np.array_equal(p, places)
    if shift:
        assert np.array_equal(p, np.roll(np.arange(size), shift))
    if blocks:
        (a, b), (c, d) = blocks
        whole = np.arange(size)
        parts = [whole[:a], whole[c : d + 1], whole[b + 1 : c], whole[a : b + 1], whole[d + 1 :]]
        assert np.array_equal(p, np.concatenate(parts))
    if axes:
        assert np.array_equal(p, np.arange(size).reshape(axes[0]).transpose(axes[1]).reshape(-1))
    assert np.array_equal(p[permutations.inverse(p)], np.arange(size))
    assert permutations.described(p)


@given(st.integers(2, 6), st.integers(2, 6), SEEDS)
@settings(max_examples=40, deadline=None)
def test_blocks_and_the_order_inside_them(count: int, width: int, seed: int) -> None:
    r = np.random.default_rng(seed)
    order, inner = r.permutation(count), r.permutation(width)
    p = (order[:, None] * width + inner).reshape(-1)
    assert np.array_equal(permutations.block_order(p, width), order)
    kept = permutations.keeps_inner_order(p, width)
    assert kept == permutations.is_identity(inner)


def test_blocks_that_mix_have_no_order() -> None:
    assert permutations.block_order(np.array([0, 2, 1, 3]), 2) is None
    assert permutations.block_order(np.arange(5), 2) is None


@given(st.integers(2, 80), st.integers(1, 40), SEEDS)
@settings(max_examples=40, deadline=None)
def test_rows_are_found_in_any_order_and_with_factors(rows: int, columns: int, seed: int) -> None:
    r = np.random.default_rng(seed)
    x, p = r.standard_normal((rows, columns)), r.permutation(rows)
    assert np.array_equal(matching.same_columns(x, x[p]), p)
    f = r.uniform(0.2, 5, rows) * r.choice([-1, 1], rows)
    if columns > 2:
        found = matching.same_up_to_factors(x, x[p] * f[:, None])
        assert found is not None and np.array_equal(found[0], p)
        assert np.allclose(found[1], f)


@given(st.integers(4, 40), st.integers(4, 40), SEEDS)
@settings(max_examples=40, deadline=None)
def test_both_orders_are_found(rows: int, columns: int, seed: int) -> None:
    r = np.random.default_rng(seed)
    x = r.standard_normal((rows, columns, 3))
    p, q = r.permutation(rows), r.permutation(columns)
    y = x[p][:, q]
    found = matching.any_columns(x, y)
    assert found is not None and np.array_equal(x[found[0]][:, found[1]], y)
    assert matching.same_columns(x[:, 0], r.standard_normal((rows, 3))) is None or rows < 5


def test_equal_rows_are_dealt_out_once() -> None:
    x = np.zeros((6, 4))
    x[1], x[4] = 1.0, 2.0
    p = matching.same_columns(x, x[[4, 0, 1, 2, 3, 5]])
    assert p is not None and permutations.is_permutation(p, 6)
    assert np.array_equal(x[p], x[[4, 0, 1, 2, 3, 5]])
    assert matching.equal_rows(x, np.zeros((6, 1))).tolist() == [0, 1, 0, 0, 4, 0]
    assert matching.equal_rows(-x, np.arange(6.0)[:, None]).tolist() == [0, 1, 2, 3, 4, 5]


def test_matching_large_layers_is_near_linear() -> None:
    r = np.random.default_rng(0)
    x, p = r.standard_normal((20_000, 16)), r.permutation(20_000)
    assert np.array_equal(matching.same_columns(x, x[p]), p)


@pytest.mark.parametrize("seed", range(20))
def test_nothing_random_is_called_rounded_or_quantised(seed: int) -> None:
    r = np.random.default_rng(seed)
    x = r.standard_normal((5, 7))
    for y in (r.standard_normal((5, 7)), x * (1 + 1e-3 * r.standard_normal((5, 7))), x * 1.001):
        assert near.closeness(x, y, (x, y)) is None
        half = y.astype(np.float16).astype(np.float64)
        assert near.closeness(x, half, (x, half)) is None
        levels = np.round(y / np.abs(y).max() * 127) * np.abs(y).max() / 127
        moved = levels + np.abs(y).max() / 127
        assert near.closeness(x, moved, (x, moved)) is None


def test_rounding_needs_a_side_that_is_rounded() -> None:
    x = np.random.default_rng(0).standard_normal((4, 9)).astype(np.float32)
    half = x.astype(np.float16).astype(np.float64)
    assert near.closeness(x, half, (x, half)) == "rounded to half precision"
    between = half + (x - half) / 2
    assert near.closeness(x, between, (x, between)) is None
    assert near.closeness(half, half, (half, half)) == "equal"
    assert near.closeness(np.full((1, 2), np.nan), np.full((1, 2), np.nan), (x, x)) == "equal"


@pytest.mark.parametrize("seed", range(10))
def test_integers_are_weights_in_even_steps_or_not(seed: int) -> None:
    """Steps and zero points as quantisers choose them, which the comparison does not know."""
    r = np.random.default_rng(seed)
    x = r.standard_normal((6, 30)) * r.uniform(0.1, 5) + r.uniform(-0.2, 0.2)
    step = np.abs(x).max() / 127
    signed = np.clip(np.round(x / step), -128, 127).astype(np.int8)
    assert integers.integer_closeness(x, signed) == "quantised per tensor"
    step = (x.max() - x.min()) / 255
    zero = np.round(-x.min() / step)
    unsigned = np.clip(np.round(x / step) + zero, 0, 255).astype(np.uint8)
    assert integers.integer_closeness(x, unsigned) == "quantised per tensor"
    steps = np.abs(x).max(axis=1, keepdims=True) / r.uniform(90, 127, (6, 1))
    rows = np.clip(np.round(x / steps), -128, 127).astype(np.int8)
    assert integers.integer_closeness(x, rows) == "quantised per channel"
    worse = signed.copy()
    worse[2, 3] = np.clip(int(worse[2, 3]) - 3 * np.sign(int(worse[2, 3]) or 1), -128, 127)
    assert integers.integer_closeness(x, worse) is None
    other = r.integers(-127, 127, x.shape).astype(np.int8)
    assert integers.integer_closeness(x, other) is None
    assert integers.integer_closeness(x * 0, other) is None
