"""The first line of ``zoodiff accuracy``: which network is better, and by how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoodiff.cli.render.entry_names import EntryNames

if TYPE_CHECKING:
    from zoodiff.api.values.accuracy import Agreements, Comparison, Pair


def accuracy_answer(comparison: Comparison, names: EntryNames) -> str:
    """Return the answer of a comparison with labels in one sentence."""
    rows = sorted(comparison.rows, key=lambda row: -row.top1.value)
    best, worst = rows[0], rows[-1]
    stated = (
        f"{best.top1.value:.2f} % of {best.images:,} images "
        f"(95 %: {best.top1.low:.2f} to {best.top1.high:.2f})"
    )
    if len(rows) == 1:
        return f"{names.of(best.entry)} is right on {stated}"
    if len(rows) == 2:
        return _of_two(comparison.pairs[0], comparison.within, names)
    level = [
        names.of(row.entry)
        for row in rows[1:]
        if _pair(comparison, best.entry, row.entry).verdict != "different"
    ]
    if len(level) == len(rows) - 1:
        return f"no difference in accuracy was shown from {names.of(best.entry)}, right on {stated}"
    gap = abs(_pair(comparison, best.entry, worst.entry).difference.value)
    beside = f" ({', '.join(level)} not shown to differ from it)" if level else ""
    return (
        f"{names.of(best.entry)} is best, right on {stated}{beside}; {names.of(worst.entry)} is "
        f"right on {worst.top1.value:.2f} %, {gap:.2f} points less"
    )


def agreement_answer(agreements: Agreements, names: EntryNames) -> str | None:
    """Return the answer of a comparison without labels; None if no pair was compared."""
    if not agreements.pairs:
        return None
    pair = max(agreements.pairs, key=lambda pair: pair.changed.value)
    first, second = names.of(pair.first), names.of(pair.second)
    if not pair.changed.value:
        both = "both" if len(agreements.pairs) == 1 else "all"
        return f"{both} give the same class for each of {pair.images:,} images, without labels"
    most = "" if len(agreements.pairs) == 1 else "the most of all pairs, "
    return (
        f"{first} and {second} give different classes for {pair.changed.value:.2f} % of "
        f"{pair.images:,} images ({most}95 %: {pair.changed.low:.2f} to {pair.changed.high:.2f})"
    )


def _of_two(pair: Pair, within: float, names: EntryNames) -> str:
    interval = pair.sequence or pair.difference
    high, low, sign = (
        (pair.first, pair.second, 1)
        if pair.difference.value >= 0
        else (pair.second, pair.first, -1)
    )
    better, worse = names.of(high), names.of(low)
    limits = sorted((sign * interval.low, sign * interval.high))
    points = f"{abs(pair.difference.value):.2f} points (95 %: {limits[0]:.2f} to {limits[1]:.2f})"
    if pair.verdict == "different":
        return f"{better} is better than {worse} by {points} on {pair.images:,} images"
    if pair.verdict == "the same":
        return f"{better} and {worse} are equally accurate within {within:g} points: {points}"
    return (
        f"no difference between {better} and {worse} was shown by {pair.images:,} images: {points}"
    )


def _pair(comparison: Comparison, first: str, second: str) -> Pair:
    return next(pair for pair in comparison.pairs if {pair.first, pair.second} == {first, second})
