"""Whether the zoo measured a number or copied it, where that is known."""

from __future__ import annotations

from collections.abc import Iterable

Cells = dict[str, str]


def mark(rows: Iterable[Cells]) -> None:
    """Fill ``provenance``: measured, copied or unknown; empty where there is no accuracy."""
    rows = list(rows)
    authors = {
        (row["architecture"], row["top1_percent"])
        for row in rows
        if row["zoo"] == "tf_tpu_models" and row["weights"] == "AutoAugment (AA)"
    }
    measured = {
        (row["architecture"], round(float(row["top1_percent"]), 1))
        for row in rows
        if row["collection"] == "keras_applications" and _from_readme(row)
    }
    for row in rows:
        if row["top1_percent"]:
            row["provenance"] = _provenance(row, authors, measured)


def _from_readme(row: Cells) -> bool:
    return bool(row["top1_percent"]) and "docstring" not in row["path"]


def _provenance(row: Cells, authors: set[tuple[str, str]], measured: set[tuple[str, float]]) -> str:
    if "copied from" in row["note"] or "quoted from paper" in row["note"]:
        return "copied"
    if row["zoo"] in ("torchvision", "timm"):
        # torchvision's reference scripts, timm's validate.py: the zoo's own evaluation.
        return "measured"
    if row["zoo"] == "keras":
        return _keras(row, authors, measured)
    if row["zoo"] == "onnx" and row["weights"] == "shufflenet-v2-10.onnx":
        # 30.64 and 11.68 are torchvision's own figures for the weights that were exported.
        return "copied"
    return "unknown"


def _keras(row: Cells, authors: set[tuple[str, str]], measured: set[tuple[str, float]]) -> str:
    if row["collection"] == "keras_applications":
        return "measured"
    if (row["architecture"], row["top1_percent"]) in authors:
        # The EfficientNet row of the table is the authors' figure, not Keras's own measurement.
        return "copied"
    if (row["architecture"], round(float(row["top1_percent"]), 1)) in measured:
        # The table of 2018 replaced collected numbers by those measured in keras-applications.
        return "measured"
    return "unknown"
