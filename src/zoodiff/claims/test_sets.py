"""Accuracies on other test sets, of quantised networks and on devices: ``AccuracyClaim``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from zoodiff.claims import columns
from zoodiff.claims.columns import Row, number, stated, whole


@dataclass(frozen=True, slots=True)
class AccuracyClaim:
    """A published accuracy, and the protocol of its measurement.

    None means that the zoo does not state the value.
    """

    architecture: str
    zoo: str
    model: str
    weights: str
    test_set: str
    top1_percent: float | None
    top5_percent: float | None
    metric_form: str
    images: int | None
    """Images of the test set; fewer than it has where a zoo ran a part of it."""
    image_size: str | None
    crop_fraction: float | None
    interpolation: str | None
    precision: str | None
    machine: str | None
    runtime: str | None
    runtime_version: str | None
    top1_difference_points: float | None
    """The zoo's own comparison: with ImageNet-1k, its 200 classes, or the float network."""
    top5_difference_points: float | None
    rank_difference: int | None
    parameters_millions: float | None
    date: str | None
    doubtful: str | None
    equal_to: str | None
    """Where the same number stands, to the last digit."""
    source: str
    note: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


def accuracy_claims(architecture: str | None = None) -> list[AccuracyClaim]:
    """Return the accuracies of an architecture, or of all, on further test sets and devices.

    Raises UnknownNameError if none are published about an architecture of that name.
    """
    return [_claim(row) for row in columns.rows("accuracy", architecture)]


def _claim(row: Row) -> AccuracyClaim:
    rank = number(row["rank_diff"])
    return AccuracyClaim(
        architecture=row["architecture"],
        zoo=row["claimed_by"],
        model=row["model"],
        weights=row["weights"],
        test_set=row["dataset"],
        top1_percent=number(row["top1"]),
        top5_percent=number(row["top5"]),
        metric_form=row["metric_form"],
        images=whole(row["n_images"]),
        image_size=stated(row["image_size"]),
        crop_fraction=number(row["crop_pct"]),
        interpolation=stated(row["interpolation"]),
        precision=stated(row["precision"]),
        machine=stated(row["device"]),
        runtime=stated(row["runtime"]),
        runtime_version=stated(row["runtime_version"]),
        top1_difference_points=number(row["top1_diff"]),
        top5_difference_points=number(row["top5_diff"]),
        rank_difference=None if rank is None else int(rank),
        parameters_millions=number(row["params_m"]),
        date=stated(row["date"]),
        doubtful=stated(row["doubtful"]),
        equal_to=stated(row["equal_to"]),
        source=columns.source(row),
        note=stated(row["note"]),
    )
