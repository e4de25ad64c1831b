"""Mark accuracies on further test sets that can hardly be right. Nothing is repaired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from claims_build.doubts import ROUNDING_POINTS

Row = dict[str, str]


def mark(rows: Sequence[Row]) -> dict[int, str]:
    """Return by index of a row why it is doubtful, sentences with ``; `` between them."""
    doubts: dict[int, list[str]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row["top1"] and row["top5"] and float(row["top5"]) < float(row["top1"]):
            doubts[index].append(f"top-5 of {row['top5']} is below top-1 of {row['top1']}")
        if "(assumed)" in row["dataset"]:
            doubts[index].append("the source does not name the test set")
    for index, others in _contradictions(rows).items():
        doubts[index].append(
            f"the same source says {', '.join(others)} for the same weights and conditions"
        )
    return {index: "; ".join(texts) for index, texts in doubts.items()}


def _contradictions(rows: Sequence[Row]) -> dict[int, list[str]]:
    names = ("zoo", "model", "weights", "dataset", "precision", "device", "runtime", "n_images")
    where = ("runtime_version", "image_size", "crop_pct", "interpolation", "source_path", "note")
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row["top1"]:
            groups[tuple(row[name] for name in names + where)].append(index)
    contradictions = {}
    for members in groups.values():
        for index in members:
            top1 = float(rows[index]["top1"])
            others = {
                rows[other]["top1"]
                for other in members
                if abs(float(rows[other]["top1"]) - top1) > ROUNDING_POINTS
            }
            if others:
                contradictions[index] = sorted(others)
    return contradictions
