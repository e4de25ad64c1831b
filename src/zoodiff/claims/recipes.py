"""Published preprocessing of further zoos and of processor classes: ``RecipeClaim``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from zoodiff.claims import columns
from zoodiff.claims.columns import Row, number, stated


@dataclass(frozen=True, slots=True)
class RecipeClaim:
    """The preprocessing that a zoo publishes for one set of weights, or a class by default.

    None means that the zoo does not state the value.
    """

    architecture: str
    """Canonical name; of a processor class the name of its family."""
    zoo: str
    model: str
    weights: str
    processor: str
    backend: str
    resize_policy: str
    resize_size: str | None
    """Pixels."""
    crop_fraction: float | None
    crop_size: str | None
    """Pixels."""
    input_size: str | None
    interpolation: str | None
    antialias: str | None
    mean: str | None
    std: str | None
    channel_order: str | None
    value_range: str | None
    test_input_size: str | None
    """The larger evaluation setting behind many published accuracies."""
    test_crop_fraction: float | None
    has_imagenet1k_head: bool | None
    date: str | None
    source: str
    note: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


def recipe_claims(architecture: str | None = None) -> list[RecipeClaim]:
    """Return the published preprocessing of an architecture, or of all.

    Raises UnknownNameError if none is published about an architecture of that name.
    """
    return [_claim(row) for row in columns.rows("recipes", architecture)]


def _claim(row: Row) -> RecipeClaim:
    texts = ("resize_size", "crop_size", "input_size", "interpolation", "antialias", "mean", "std")
    more = ("channel_order", "value_range", "test_input_size", "date", "note")
    return RecipeClaim(
        architecture=row["architecture"],
        zoo=row["claimed_by"],
        model=row["model"],
        weights=row["weights"],
        processor=row["processor"],
        backend=row["backend"],
        resize_policy=row["resize_policy"],
        crop_fraction=number(row["crop_pct"]),
        test_crop_fraction=number(row["test_crop_pct"]),
        has_imagenet1k_head={"yes": True, "no": False}.get(row["has_imagenet1k_head"]),
        source=columns.source(row),
        **{name: stated(row[name]) for name in (*texts, *more)},
    )
