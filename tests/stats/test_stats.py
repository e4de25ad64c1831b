"""Each formula against a hand calculation, a published figure or a simulation."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoodiff.stats import intervals, paired


def test_wilson_interval_by_hand() -> None:
    # Wilson 1927 with z = 1.959964, 81 of 100, worked out by its closed form.
    z, p, n = 1.959963984540054, 0.81, 100
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    found = intervals.proportion(81, 100)
    assert found.value == 0.81
    assert found.low == pytest.approx(centre - reach, abs=1e-12)
    assert found.high == pytest.approx(centre + reach, abs=1e-12)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_proportion_lies_in_its_interval(counts: tuple[int, int]) -> None:
    found = intervals.proportion(*counts)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value <= found.high + 1e-12 <= 1 + 1e-9


def test_a_proportion_without_trials_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        intervals.proportion(0, 0)


def test_equal_values_have_an_interval_of_no_width() -> None:
    assert intervals.median([2.0, 2.0, 2.0]) == intervals.Estimate(2.0, 2.0, 2.0)


def test_mcnemar_by_hand() -> None:
    # 10 discordant, 2 on one side: 2 * (C(10,0)+C(10,1)+C(10,2)) / 2**10 = 112/1024.
    assert paired.mcnemar(2, 8) == pytest.approx(112 / 1024)
    assert paired.mcnemar(0, 0) == 1.0
    assert paired.mcnemar(3, 9) == paired.mcnemar(9, 3)


def test_agresti_min_by_hand() -> None:
    # The closed form of Agresti and Min 2005 with half a count in each cell.
    n12, n21, n = 12, 2, 50
    a, b, total = n12 + 0.5, n21 + 0.5, n + 2
    centre = (a - b) / total
    reach = 1.959963984540054 * sqrt((a + b) - (a - b) ** 2 / total) / total
    found = paired.difference(n12, n21, n)
    assert found.value == pytest.approx(0.2)
    assert found.low == pytest.approx(centre - reach)
    assert found.high == pytest.approx(centre + reach)


def test_the_paired_interval_covers() -> None:
    rng = np.random.default_rng(2)
    covered = 0
    trials = 400
    for _ in range(trials):
        cells = rng.multinomial(300, [0.85, 0.07, 0.03, 0.05])
        found = paired.difference(int(cells[1]), int(cells[2]), 300)
        covered += found.low <= 0.04 <= found.high
    assert 0.92 <= covered / trials <= 0.985


def test_holm_by_hand_and_nothing_for_nothing() -> None:
    # sorted 0.01*3, max(0.03, 0.02*2), max(0.04, 0.5*1)
    assert paired.holm([0.5, 0.01, 0.02]) == pytest.approx([0.5, 0.03, 0.04])
    assert paired.holm([]) == []


P_VALUES = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0, 0.01, 0.03, 1])), max_size=12)


@given(P_VALUES)
def test_corrections_are_those_of_statsmodels(p_values: list[float]) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    for corrected, method in (
        (paired.holm(p_values), "holm"),
        (paired.benjamini_hochberg(p_values), "fdr_bh"),
    ):
        expected = multitest.multipletests(p_values, method=method)[1] if p_values else []
        assert corrected == pytest.approx(list(expected), abs=1e-12)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_proportions_interval_is_that_of_statsmodels(counts: tuple[int, int]) -> None:
    proportions = pytest.importorskip("statsmodels.stats.proportion")
    estimate = intervals.proportion(*counts, level=0.9)
    low, high = proportions.proportion_confint(*counts, alpha=0.1, method="wilson")
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-12)


# More of paired tests, against other implementations and published figures


def test_mid_p_as_published() -> None:
    """M. W. Fagerland et al., 2013, table 1: 1 and 7 discordant pairs; exact 0.070, mid-p 0.039."""
    from zoodiff.stats.paired import mcnemar, mcnemar_mid_p

    assert mcnemar(1, 7) == pytest.approx(0.070, abs=5e-4)
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.039, abs=5e-4)
    assert mcnemar_mid_p(4, 4) <= 1.0
    assert mcnemar_mid_p(0, 0) == 1.0


def test_the_bootstrap_of_counts_is_the_bootstrap_of_images() -> None:
    from scipy.stats import bootstrap

    from zoodiff.stats.paired import bootstrap_difference

    values = np.repeat([1.0, -1.0, 0.0], [40, 20, 340])
    other = bootstrap(
        (values,), np.mean, method="percentile", n_resamples=9999, rng=np.random.default_rng(5)
    ).confidence_interval
    found = bootstrap_difference(40, 20, 400)
    assert found.value == 0.05
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.003)


def test_equivalence_and_what_can_be_detected() -> None:
    from zoodiff.stats.paired import detectable, equivalent

    assert equivalent(50, 50, 50_000, 0.005)
    assert not equivalent(5, 5, 100, 0.005)
    assert not equivalent(600, 100, 50_000, 0.005)
    # (1.95996 + 0.84162) sqrt(0.1 / 50000)
    assert detectable(5_000, 50_000) == pytest.approx(0.0039620, abs=1e-6)


def test_calibration_error_by_hand() -> None:
    from zoodiff.stats.calibration import expected_calibration_error

    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.3, 0.3])
    right = np.array([True, True, True, False, False, False])
    # 4/6 of |0.9 - 0.75| and 2/6 of |0.3 - 0|
    assert expected_calibration_error(confidence, right) == pytest.approx(0.1 + 0.1)
