"""Which factors of a ratio are named, and on whose side."""

from __future__ import annotations

import math

from zoodiff.latency.attribution.decomposition import RatioParts
from zoodiff.latency.causes import causes_of
from zoodiff.stats.intervals import Estimate

_FLOOR = math.log(1.05)


def within(value: float, share: float = 0.01) -> Estimate:
    return Estimate(value, value * (1 - share), value * (1 + share))


def parts(framework: Estimate, architecture: Estimate, inside: Estimate) -> RatioParts:
    total = within(framework.value * architecture.value * inside.value)
    return RatioParts(total, architecture, framework, inside, ("softmax",), ("rescaling",))


def test_the_largest_factor_comes_first_and_noise_is_not_named() -> None:
    causes = causes_of(parts(within(1.2), within(1.5), within(1.03)), _FLOOR, "a", "b")
    assert [cause.code for cause in causes] == ["LAT111", "LAT110"]
    assert causes[0].words.startswith("a: its layers take 1.50 [")


def test_a_wide_interval_names_nothing() -> None:
    assert causes_of(parts(within(1.5, 0.5), within(1.0), within(1.0)), _FLOOR, "a", "b") == []


def test_a_factor_below_one_is_on_the_side_of_the_other_entry() -> None:
    causes = causes_of(parts(within(2.0), within(0.5), within(0.8)), _FLOOR, "a", "b")
    by_code = {cause.code: cause.words for cause in causes}
    assert by_code["LAT110"].startswith("a: its framework takes 2.00")
    assert by_code["LAT110"].endswith("which makes the difference smaller")  # b is the slower one
    assert by_code["LAT111"].startswith("b: its layers take 2.00")
    assert by_code["LAT112"].startswith("b: what only it has inside (rescaling)")


def test_without_reference_runs_there_is_no_factor() -> None:
    assert causes_of(RatioParts(within(1.5), reason="none"), _FLOOR, "a", "b") == []
