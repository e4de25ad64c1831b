"""Ratios of latencies: the interval holds the truth as often as it says."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from scipy import stats

from zoodiff.stats import ratios
from zoodiff.stats.intervals import Estimate


def test_interval_is_students_over_the_medians_of_processes() -> None:
    rounds = [np.array([1.0, 2.0, 9.0]), np.array([4.0, 4.0]), np.array([3.0])]
    found = ratios.interval(rounds)
    expected = stats.ttest_1samp([2.0, 4.0, 3.0], 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_of_many_processes_the_outermost_do_not_count() -> None:
    """Against scipy's trimmed mean; its error leaves out that of a winsorised deviation."""
    middles = np.array([0.3, 1.0, 0.2, -0.4, 40.0, 0.1, 0.5, -0.2, 0.0, 0.7, -30.0, 0.4])
    found = ratios.interval([np.array([one]) for one in middles])
    assert found.value == pytest.approx(stats.trim_mean(middles, 2 / 12))
    error = stats.mstats.trimmed_stde(middles, limits=(2 / 12, 2 / 12))
    error *= (8 / 12) * np.sqrt(12) * np.sqrt(11 / (8 * 7))
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 7) * error)
    assert found.value - found.low == pytest.approx(found.high - found.value)


def test_an_outlier_among_many_processes_changes_little() -> None:
    rng = np.random.default_rng(8)
    calm = [rng.normal(0, 0.01, 9) for _ in range(10)]
    hit = [*calm[:-1], calm[-1] + 0.5]
    assert abs(ratios.centre(hit) - ratios.centre(calm)) < 0.005


def test_undisturbed_is_the_lower_quartile() -> None:
    assert ratios.undisturbed([4.0]) == 4.0
    assert ratios.undisturbed(range(1, 102)) == 26.0


def test_a_ratio_and_its_inverse_agree() -> None:
    rng = np.random.default_rng(3)
    a = [rng.uniform(1, 2, 9) for _ in range(4)]
    b = [rng.uniform(1, 2, 9) for _ in range(4)]
    there, back = ratios.ratio(a, b), ratios.ratio(b, a)
    assert there.value == pytest.approx(1 / back.value)
    assert there.low == pytest.approx(1 / back.high)


def test_what_is_common_to_a_round_cancels() -> None:
    drift = [np.linspace(1, 50, 11), np.linspace(30, 2, 7)]
    found = ratios.ratio([1.3 * one for one in drift], drift)
    assert (found.low, found.value, found.high) == pytest.approx((1.3, 1.3, 1.3))


@pytest.mark.parametrize("processes", [3, 5, 8, 15])
@pytest.mark.parametrize("spread", [0.0, 1.0, 5.0])
def test_the_interval_holds_the_truth_in_95_of_100(processes: int, spread: float) -> None:
    """Processes that differ by nothing, by as much as rounds do, and by five times that."""
    rng = np.random.default_rng(11)
    runs = 1500
    hit = 0
    for _ in range(runs):
        effects = 0.01 * spread * rng.standard_normal((processes, 1))
        # Rounds have heavy tails: a neighbour that comes and goes.
        logs = effects + 0.01 * rng.standard_t(2, (processes, 15))
        found = ratios.interval(list(logs))
        hit += found.low <= 0 <= found.high
    assert 0.93 <= hit / runs <= 0.97


def test_one_process_gives_an_interval_over_its_rounds() -> None:
    found = ratios.interval([np.array([1.0, 2.0, 3.0, 4.0, 5.0])])
    assert found.value == 3.0 and 1 <= found.low < 3 < found.high <= 5


def test_the_floor_is_the_largest_of_what_controls_did_and_could_do() -> None:
    assert ratios.noise_floor([]) == float("inf")
    off = Estimate(1.02, 1.01, 1.03)
    wide = Estimate(1.0, 0.9, 1 / 0.9)
    assert ratios.noise_floor([off]) == pytest.approx(log(1.02))
    assert ratios.noise_floor([off, wide]) == pytest.approx(-log(0.9))


def test_unequal_rounds_are_refused() -> None:
    with pytest.raises(ValueError, match="as many rounds"):
        ratios.within_rounds([np.ones(3)], [np.ones(4)])
