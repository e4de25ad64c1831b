"""The Pareto front: what nothing else is at least as good as in everything and better in one."""

from __future__ import annotations

from collections.abc import Sequence


def front(rows: Sequence[Sequence[float]], larger_is_better: Sequence[bool]) -> list[bool]:
    """Return per row whether no other row dominates it. Equal rows do not dominate each other.

    >>> front([(70, 4), (80, 9), (75, 9), (70, 5)], [True, False])
    [True, True, False, False]
    """
    signed = [
        tuple(
            -value if larger else value for value, larger in zip(row, larger_is_better, strict=True)
        )
        for row in rows
    ]
    # Sorted, only what comes before a row can dominate it; only the front so far is compared.
    order = sorted(range(len(signed)), key=lambda index: signed[index])
    best: list[int] = []
    on_front = [False] * len(signed)
    for index in order:
        row = signed[index]
        if any(_dominates(signed[other], row) for other in best):
            continue
        on_front[index] = True
        best.append(index)
    return on_front


def _dominates(first: Sequence[float], second: Sequence[float]) -> bool:
    return first != second and all(a <= b for a, b in zip(first, second, strict=True))
