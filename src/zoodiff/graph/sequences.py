"""Alignment of two sequences: pairs that keep the order of both."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest subsequence of pairs in which both indices increase."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for k, (_, j) in enumerate(pairs):
        low, high = 0, len(tails)
        while low < high:
            middle = (low + high) // 2
            if tails[middle] < j:
                low = middle + 1
            else:
                high = middle
        before.append(ends[low - 1] if low else -1)
        if low == len(tails):
            tails.append(j)
            ends.append(k)
        else:
            tails[low], ends[low] = j, k
    chain: list[tuple[int, int]] = []
    k = ends[-1] if ends else -1
    while k >= 0:
        chain.append(pairs[k])
        k = before[k]
    return chain[::-1]


def needleman_wunsch(
    left: Sequence[int],
    right: Sequence[int],
    worth: Callable[[int, int], float],
    *,
    floor: float,
) -> list[tuple[int, int]]:
    """Return the pairs of the best global alignment; gaps cost nothing.

    ``worth`` is the score of a pair; pairs below ``floor`` are not considered.
    """
    rows, columns = len(left), len(right)
    table = [[0.0] * (columns + 1)]
    gains: list[list[float]] = []
    for i in left:
        above, row, gain = table[-1], [0.0], []
        for k, j in enumerate(right):
            value = worth(i, j)
            value = value if value >= floor else 0.0
            gain.append(value)
            row.append(max(above[k] + value, above[k + 1], row[k]))
        table.append(row)
        gains.append(gain)
    pairs = []
    r, c = rows, columns
    while r and c:
        value = gains[r - 1][c - 1]
        if value and table[r][c] == table[r - 1][c - 1] + value:
            pairs.append((left[r - 1], right[c - 1]))
            r, c = r - 1, c - 1
        elif table[r][c] == table[r - 1][c]:
            r -= 1
        else:
            c -= 1
    return pairs[::-1]
