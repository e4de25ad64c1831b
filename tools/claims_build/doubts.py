"""Mark what can hardly be right. Nothing is repaired.

The rules compare a claim with the other claims about the same architecture; which of two that
disagree is wrong is not known, so with only two both are marked.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable

Cells = dict[str, str]

PARAMETERS_FACTOR = 1.3
"""Beyond batch statistics (about 1.002 to 1.1) and rounding."""
MACS_FACTOR = 1.1
"""Beyond what counts biases, pooling and activations as operations."""
TOP1_POINTS = 10.0
TOP5_POINTS = 3.0
ROUNDING_POINTS = 0.1

IMAGENET_STD = ("58.395 57.12 57.375", "57.375 57.12 58.395")


def mark(rows: Iterable[Cells]) -> None:
    """Fill ``doubtful`` with sentences, ``; `` between them."""
    rows = list(rows)
    doubts: dict[int, list[str]] = defaultdict(list)
    # Without the classifier, or with one of 21,000 classes, it is another quantity.
    whole = [row for row in rows if not row["parameters_count"].endswith("_classifier")]
    _ratio(doubts, whole, "parameters", lambda row: (row["architecture"],), PARAMETERS_FACTOR)
    _ratio(
        doubts, rows, "macs", lambda row: (row["architecture"], row["input_height"]), MACS_FACTOR
    )
    _top1(doubts, rows)
    _top5(doubts, rows)
    _contradictions(doubts, rows)
    for row in rows:
        _normalisation(doubts[id(row)], row)
        row["doubtful"] = "; ".join(doubts[id(row)])


def _size_key(row: Cells) -> tuple[str, ...]:
    return row["architecture"], row["input_height"]


def _ratio(
    doubts: dict[int, list[str]],
    rows: list[Cells],
    column: str,
    key: Callable[[Cells], tuple[str, ...]],
    factor: float,
) -> None:
    groups: dict[tuple[str, ...], list[Cells]] = defaultdict(list)
    for row in rows:
        if row[column] and "" not in key(row):
            groups[key(row)].append(row)
    for members in groups.values():
        median = statistics.median(int(row[column]) for row in members)
        for row in members:
            ratio = int(row[column]) / median
            if not 1 / factor <= ratio <= factor:
                doubts[id(row)].append(
                    f"{column} are {ratio:.2f} times the median of {len(members)} claims about "
                    f"{' at '.join(key(row))}"
                )


def _comparable(rows: list[Cells]) -> dict[tuple[str, str], list[Cells]]:
    groups: dict[tuple[str, str], list[Cells]] = defaultdict(list)
    for row in rows:
        if row["top1_percent"] and not row["extra_data"]:
            groups[row["architecture"], row["input_height"]].append(row)
    return groups


def _top1(doubts: dict[int, list[str]], rows: list[Cells]) -> None:
    for (architecture, size), members in _comparable(rows).items():
        median = statistics.median(float(row["top1_percent"]) for row in members)
        for row in members:
            off = float(row["top1_percent"]) - median
            if abs(off) > TOP1_POINTS and len(members) > 2:
                doubts[id(row)].append(
                    f"top1_percent is {off:+.1f} points from the median of {len(members)} claims "
                    f"about {architecture} at {size}"
                )


def _top5(doubts: dict[int, list[str]], rows: list[Cells]) -> None:
    """Top-5 follows top-1: where the one is equal and the other far off, one is misprinted."""
    for (architecture, _), members in _comparable(rows).items():
        both = [row for row in members if row["top5_percent"]]
        for row in both:
            others = [
                float(other["top5_percent"])
                for other in both
                if other is not row
                and abs(float(other["top1_percent"]) - float(row["top1_percent"])) <= 1
            ]
            off = [float(row["top5_percent"]) - other for other in others]
            if off and min(map(abs, off)) > TOP5_POINTS:
                doubts[id(row)].append(
                    f"top5_percent is {min(off, key=abs):+.1f} points from the nearest claim about "
                    f"{architecture} with the same top-1"
                )


def _contradictions(doubts: dict[int, list[str]], rows: list[Cells]) -> None:
    """One source, one set of weights, one input size, two accuracies (beyond rounding)."""
    groups: dict[tuple[str, ...], list[Cells]] = defaultdict(list)
    for row in rows:
        if row["top1_percent"]:
            key = (row["zoo"], row["model"], row["weights"], row["input_height"], row["source"])
            groups[key].append(row)
    for members in groups.values():
        for row in members:
            for other in members:
                if abs(float(row["top1_percent"]) - float(other["top1_percent"])) > ROUNDING_POINTS:
                    doubts[id(row)].append(
                        f"top1_percent is {other['top1_percent']} in another row of the same "
                        "source about the same weights"
                    )


def _normalisation(doubts: list[str], row: Cells) -> None:
    mean, std = row["mean"].split(), row["std"].split()
    if mean and row["value_range"] == "0 1" and float(mean[0]) > 1:
        doubts.append("mean is on [0, 255] but the pixels are said to be in [0, 1]")
    near = [known for known in IMAGENET_STD if std and _near(std, known.split())]
    if near and row["std"] not in IMAGENET_STD:
        doubts.append(f"std {row['std']} is nearly, not quite, the usual {near[0]}")


def _near(one: list[str], other: list[str]) -> bool:
    return all(abs(float(a) / float(b) - 1) < 0.02 for a, b in zip(one, other, strict=True))
