"""Name the causes of a latency ratio: the factors that exceed the noise of the run."""

from __future__ import annotations

from collections.abc import Iterator
from math import log

from zoodiff.latency.attribution.decomposition import RatioParts
from zoodiff.results import Cause, FactorName, Interval, RatioFactor
from zoodiff.stats.intervals import Estimate


def causes_of(parts: RatioParts, floor: float, first: str, second: str) -> list[Cause]:
    """Return the factors of the ratio of two entries that exceed the noise, the largest first.

    ``parts`` decompose the latency of ``first`` over that of ``second``; ``floor`` is the noise of
    the run, an absolute log ratio. A factor counts if its interval excludes 1 and it exceeds the
    noise. The words begin with the entry that the factor makes slower.
    """
    causes = sorted(_causes(parts, floor, first, second), key=lambda sized: -sized[0])
    return [cause for _, cause in causes]


def factors_of(parts: RatioParts) -> list[RatioFactor]:
    """Return the factors of a ratio with their intervals; none if it was not decomposed.

    Pre/post-processing is a factor where one of the two networks contains some.
    """
    inside = parts.inside if parts.inside_a or parts.inside_b else None
    factors: tuple[tuple[str, FactorName, Estimate | None], ...] = (
        ("LAT110", "framework", parts.framework),
        ("LAT111", "layers", parts.architecture),
        ("LAT112", "inside", inside),
    )
    return [
        RatioFactor(code=code, what=what, ratio=_interval(estimate))
        for code, what, estimate in factors
        if estimate is not None
    ]


def _interval(estimate: Estimate) -> Interval:
    return Interval(
        value=estimate.value, low=estimate.low, high=estimate.high, level=estimate.level
    )


def _causes(
    parts: RatioParts, floor: float, first: str, second: str
) -> Iterator[tuple[float, Cause]]:
    factors = (
        ("LAT110", parts.framework),
        ("LAT111", parts.architecture),
        ("LAT112", parts.inside),
    )
    for code, factor in factors:
        if factor is None or not _exceeds(factor, floor):
            continue
        slower, inside = (first, parts.inside_a) if factor.value > 1 else (second, parts.inside_b)
        words = _words(code, factor if factor.value > 1 else _inverse(factor), inside)
        against = (factor.value > 1) != (parts.total.value > 1)
        more = ", which makes the difference smaller" if against else ""
        yield abs(log(factor.value)), Cause(code=code, words=f"{slower}: {words}{more}")


def _exceeds(factor: Estimate, floor: float) -> bool:
    return not factor.low <= 1 <= factor.high and abs(log(factor.value)) > floor


def _inverse(factor: Estimate) -> Estimate:
    return Estimate(1 / factor.value, 1 / factor.high, 1 / factor.low, factor.level)


def _words(code: str, factor: Estimate, inside: tuple[str, ...]) -> str:
    size = f"{factor.value:.2f} [{factor.low:.2f}, {factor.high:.2f}]"
    if code == "LAT110":
        return f"its framework takes {size} times as long, relative to the reference runtime"
    if code == "LAT111":
        return f"its layers take {size} times as long in the reference runtime"
    held = f" ({', '.join(inside)})" if inside else ""
    return f"what only it has inside{held} makes it take {size} times as long"
