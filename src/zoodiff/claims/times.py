"""Published times of networks: ``LatencyClaim``, one per row of a zoo's benchmark."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from zoodiff.claims import columns, provided
from zoodiff.claims.columns import Row, number, stated, whole
from zoodiff.entry import meant

WHOLE_BATCH = ("batch step", "inference")
"""Measures whose milliseconds are those of one forward pass of the whole batch."""


@dataclass(frozen=True, slots=True)
class LatencyClaim:
    """A published time, and the protocol of its measurement.

    Times of different ``measure`` or ``batch`` are not comparable. None means that the zoo does
    not state the value.
    """

    architecture: str
    zoo: str
    model: str
    weights: str
    measure: str
    """What the milliseconds are for: ``batch step``, ``inference``, ``per inference step``, or
    ``speed-up int8 over fp32`` (no milliseconds)."""
    milliseconds: float | None
    images_per_second: float | None
    """As published."""
    speedup_ratio: float | None
    batch: int | None
    image_size: int | None
    """Pixels."""
    precision: str | None
    layout: str | None
    compile_mode: str | None
    machine: str | None
    compute_unit: str | None
    threads: int | None
    runtime: str | None
    runtime_version: str | None
    parameters_millions: float | None
    macs_giga: float | None
    activations_millions: float | None
    """Elements of the outputs of layers, for one image."""
    peak_memory_mb: str | None
    date: str | None
    doubtful: str | None
    """What can hardly be right, and why. It is not corrected."""
    equal_to: str | None
    """Where the same number stands, to the last digit."""
    source: str
    note: str | None

    @property
    def computed_images_per_second(self) -> float | None:
        """The published rate, or else batch over time; None if neither is known."""
        if self.images_per_second is not None:
            return self.images_per_second
        if self.milliseconds and self.batch and self.measure in WHOLE_BATCH:
            return 1000 * self.batch / self.milliseconds
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self) | {"computed_images_per_second": self.computed_images_per_second}


def latency_claims(architecture: str | None = None) -> list[LatencyClaim]:
    """Return the published times of an architecture, or of all.

    Raises UnknownNameError if none are published about an architecture of that name.
    """
    more: list[LatencyClaim] = provided.times()
    if architecture is None:
        return [_claim(row) for row in columns.rows("latency")] + more
    name = meant(architecture, {*columns.architectures("latency"), *(t.architecture for t in more)})
    more = [time for time in more if time.architecture == name]
    if more and name not in columns.architectures("latency"):
        return more
    return [_claim(row) for row in columns.rows("latency", architecture)] + more


def _claim(row: Row) -> LatencyClaim:
    return LatencyClaim(
        architecture=row["architecture"],
        zoo=row["claimed_by"],
        model=row["model"],
        weights=row["weights"],
        measure=row["measure"],
        milliseconds=number(row["latency_ms"]),
        images_per_second=number(row["throughput_img_s"]),
        speedup_ratio=number(row["speedup_ratio"]),
        batch=whole(row["batch"]),
        image_size=whole(row["image_size"]),
        precision=stated(row["precision"]),
        layout=stated(row["layout"]),
        compile_mode=stated(row["compile_mode"]),
        machine=stated(row["device"]),
        compute_unit=stated(row["compute_unit"]),
        threads=whole(row["threads"]),
        runtime=stated(row["runtime"]),
        runtime_version=stated(row["runtime_version"]),
        parameters_millions=number(row["params_m"]),
        macs_giga=number(row["gmacs"]),
        activations_millions=number(row["mactivations"]),
        peak_memory_mb=stated(row["peak_memory_mb"]),
        date=stated(row["date"]),
        doubtful=stated(row["doubtful"]),
        equal_to=stated(row["equal_to"]),
        source=columns.source(row),
        note=stated(row["note"]),
    )
