from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoodiff.report.words import numbers
from zoodiff.results import Interval


@pytest.mark.parametrize(
    ("value", "printed"),
    [(0.01234, "0.0123"), (9.996, "10.0"), (99.96, "100"), (12.34, "12.3"), (1234.5, "1234")],
)
def test_milliseconds_have_three_significant_digits(value: float, printed: str) -> None:
    assert numbers.milliseconds(value) == printed


@pytest.mark.parametrize(
    ("value", "printed"),
    [(0, "0"), (999, "999"), (1000, "1.00 k"), (999_500, "1.00 M"), (4_089_184_256, "4.09 G")],
)
def test_counts_carry_a_magnitude(value: int, printed: str) -> None:
    assert numbers.scaled(value) == printed


def test_an_interval_has_the_decimals_of_its_value() -> None:
    interval = Interval(value=12.34, low=11.888, high=12.8)
    assert numbers.with_interval(interval, 1) == "12.3 [11.9, 12.8]"


def test_there_is_no_minus_zero() -> None:
    assert numbers.fixed(-0.001, 2) == "0.00"


def test_what_is_not_finite_is_named() -> None:
    assert numbers.fixed(math.inf, 1) == "∞"
    assert numbers.fixed(math.nan, 1) == "undefined"


def test_a_time_that_is_none_is_printed_as_it_is() -> None:
    assert numbers.moment("yesterday") == "yesterday"
    assert numbers.elapsed("yesterday", "today") is None


@given(st.floats(min_value=1e-4, max_value=1e9))
def test_printing_keeps_three_digits(value: float) -> None:
    assert float(numbers.significant(value)) == pytest.approx(value, rel=0.0051)


def test_the_noise_of_several_groups_is_not_that_of_the_noisiest() -> None:
    assert numbers.noise_in_words([3.21]) == "the noise of the run (3.2 %)"
    several = numbers.noise_in_words([1.0, 2.0, 366.0])
    assert several == "the noise of their group (median 2.0 %, at most 366 %)"
    assert numbers.noise_in_words([13.0, 13.1]) == "the noise of their group (13 % each)"
