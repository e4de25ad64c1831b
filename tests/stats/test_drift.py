import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zoodiff.stats.drift import LEAST_VALUES, drift


def test_a_network_that_keeps_getting_faster_is_drifting() -> None:
    rng = np.random.default_rng(0)
    found = drift(list(10 * 0.99 ** np.arange(24) * np.exp(rng.normal(0, 0.003, 24))))
    assert found is not None
    assert found.drifting
    # Of the last 12 values: 0.99 ** 11 - 1.
    assert abs(found.share - (0.99**11 - 1)) < 0.02


def test_what_settled_before_the_last_half_does_not_drift() -> None:
    values = [20, 18, 16, 14, 13, 12, 10, 10.1, 10, 9.9, 10, 10.1, 10, 9.9, 10.1, 10, 10, 10.1]
    found = drift(values)
    assert found is not None
    assert not found.drifting


def test_a_steady_trend_below_the_least_share_does_not_count() -> None:
    found = drift([10.0 + 0.01 * k for k in range(10)])
    assert found is not None
    assert found.p_value < 0.01
    assert not found.drifting


def test_outliers_make_no_drift() -> None:
    values = [10.0, 10.1, 9.9, 10.0, 90.0, 10.1, 9.9, 10.0, 80.0, 10.1]
    found = drift(values)
    assert found is not None
    assert not found.drifting


def test_a_few_values_show_nothing() -> None:
    assert drift([1.0] * (LEAST_VALUES - 1)) is None


def test_noise_alone_is_rarely_called_drift() -> None:
    """By construction at most 1 in 100; 400 series of independent noise, from a fixed seed."""
    rng = np.random.default_rng(1)
    found = [drift(list(np.exp(rng.normal(0, 0.1, 12)))) for _ in range(400)]
    assert sum(one is not None and one.drifting for one in found) <= 8


@given(
    st.lists(st.floats(0.1, 100), min_size=LEAST_VALUES, max_size=40),
    st.floats(0.01, 100),
)
def test_the_unit_does_not_matter(values: list[float], unit: float) -> None:
    found, scaled = drift(values), drift([value * unit for value in values])
    assert found is not None
    assert scaled is not None
    assert abs(found.share - scaled.share) < 1e-6 * (1 + abs(found.share))
