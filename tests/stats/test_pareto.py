"""The Pareto front, against comparing every pair."""

from __future__ import annotations

import numpy as np
import pytest

from zoodiff.stats.pareto import front


def compared(rows: list[tuple[float, ...]], larger: list[bool]) -> list[bool]:
    """By the definition: no other is at least as good in everything and better in one."""

    def dominates(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
        signs = [1 if flag else -1 for flag in larger]
        gains = [sign * (a - b) for sign, a, b in zip(signs, first, second, strict=True)]
        return min(gains) >= 0 and max(gains) > 0

    return [not any(dominates(other, row) for other in rows) for row in rows]


@pytest.mark.parametrize("seed", range(20))
def test_the_front_is_that_of_all_pairs(seed: int) -> None:
    random = np.random.default_rng(seed)
    columns = int(random.integers(1, 5))
    larger = random.random(columns) < 0.5
    values = random.integers(0, 6, (60, columns))  # few values, so that rows tie and repeat
    rows = [tuple(map(float, row)) for row in values]
    assert front(rows, larger.tolist()) == compared(rows, larger.tolist())


def test_equal_rows_are_both_on_the_front_and_nothing_has_no_front() -> None:
    assert front([(1, 2), (1, 2), (1, 1)], [True, True]) == [True, True, False]
    assert front([], [True]) == []
