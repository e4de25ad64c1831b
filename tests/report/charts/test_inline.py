from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoodiff.report.charts import inline
from zoodiff.results import Interval


@given(st.lists(st.floats(min_value=-500, max_value=5000), min_size=1, max_size=20))
def test_an_axis_holds_its_values_and_zero_on_few_ticks(values: list[float]) -> None:
    axis = inline.axis_over(values)
    assert axis.low <= min([0.0, *values]) and axis.high >= max([0.0, *values]) - 1e-6
    assert 1 <= len(axis.ticks) <= 5
    assert any(math.isclose(tick, 0, abs_tol=1e-9) for tick in axis.ticks)


def test_values_lie_on_the_axis_in_proportion() -> None:
    axis = inline.axis_over([3.0])
    middle = (axis.x(0.0) + axis.x(axis.high)) / 2
    assert axis.x(axis.high / 2) == pytest.approx(middle)


def test_a_chart_says_in_words_what_it_shows() -> None:
    axis = inline.axis_over([10.0])
    interval = Interval(value=5, low=4, high=6)
    svg = inline.dot(axis, 5, interval, "a < b", filled=True, noise=(-1, 1))
    root = ElementTree.fromstring(svg)
    assert root.attrib["role"] == "img"
    assert root.findtext("title") == "a < b"
    assert "95 % interval" in (root.findtext("desc") or "")
    assert root.find("rect[@class='noise']") is not None


def test_values_that_are_not_finite_do_not_break_the_axis() -> None:
    axis = inline.axis_over([math.inf, math.nan, 2.0])
    assert math.isfinite(axis.high)
    ElementTree.fromstring(inline.bar(axis, math.inf, "endless"))
