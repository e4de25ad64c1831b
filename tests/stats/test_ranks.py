"""Kendall's tau-b and exchanged pairs, against counting all pairs, and on orders of known tau."""

from __future__ import annotations

from itertools import combinations
from math import sqrt

import numpy as np
import pytest

from zoodiff.stats import log_linear
from zoodiff.stats.ranks import Agreement, agreement, exchanges


def counted_tau(first: list[float], second: list[float]) -> float:
    """Tau-b by its definition: concordant minus discordant pairs over pairs without ties."""
    concordant = discordant = ties_first = ties_second = 0
    for (a, b), (c, d) in combinations(zip(first, second, strict=True), 2):
        ties_first += a == c
        ties_second += b == d
        concordant += (a - c) * (b - d) > 0
        discordant += (a - c) * (b - d) < 0
    pairs = len(first) * (len(first) - 1) / 2
    return (concordant - discordant) / sqrt((pairs - ties_first) * (pairs - ties_second))


@pytest.mark.parametrize("seed", range(8))
def test_tau_is_what_counting_pairs_gives_with_ties(seed: int) -> None:
    random = np.random.default_rng(seed)
    first = random.integers(0, 12, 40).astype(float).tolist()
    second = (np.array(first) + random.integers(-6, 7, 40)).tolist()
    assert agreement(first, second, resamples=9).tau == pytest.approx(counted_tau(first, second))


def test_known_orders() -> None:
    up = [1.0, 2.0, 3.0, 4.0, 5.0]
    assert agreement(up, [x * x for x in up], resamples=9).tau == pytest.approx(1)
    assert agreement(up, up[::-1], resamples=9).tau == pytest.approx(-1)
    swapped = agreement(up, [2.0, 1.0, 3.0, 4.0, 5.0], resamples=9)
    assert swapped.tau == pytest.approx(0.8)  # 1 of 10 pairs: (9 - 1) / 10
    assert swapped.exchanged_share == pytest.approx(0.1)


def test_the_interval_covers_the_tau_of_the_population() -> None:
    """Normal pairs with correlation r have tau 2 / pi * asin(r); r = 0.8 gives 0.5903."""
    truth, covered = 2 / np.pi * np.arcsin(0.8), 0
    random = np.random.default_rng(5)
    for trial in range(60):
        x = random.normal(size=60)
        y = 0.8 * x + 0.6 * random.normal(size=60)
        found = agreement(x.tolist(), y.tolist(), resamples=199, seed=trial)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= truth <= found.high
    assert 50 <= covered <= 60


def test_clusters_are_drawn_together() -> None:
    """Copies of one item carry no information: the interval stays as wide as without them."""
    random = np.random.default_rng(2)
    x = random.normal(size=25)
    y = 0.6 * x + 0.8 * random.normal(size=25)
    shifts = np.arange(10) * 1e-7  # no ties within a copied item
    many_x, many_y = np.add.outer(x, shifts).ravel(), np.add.outer(y, shifts).ravel()
    clusters = np.repeat(np.arange(25), 10).tolist()
    alone = agreement(x.tolist(), y.tolist())
    together = agreement(many_x.tolist(), many_y.tolist(), clusters)
    naive = agreement(many_x.tolist(), many_y.tolist())
    assert together.clusters == 25
    assert width(together) > 0.7 * width(alone)
    assert width(naive) < 0.5 * width(alone)


def width(found: Agreement) -> float:
    assert found.low is not None
    assert found.high is not None
    return found.high - found.low


def test_there_is_no_interval_where_samples_cannot_show_one() -> None:
    up = [float(value) for value in range(12)]
    assert agreement(up, up).low is None
    assert agreement(up, up[::-1]).high is None
    few = agreement(up[:9], [1.0, 0.0, *up[2:9]])
    assert (few.low, few.high) == (None, None)
    enough = agreement(up, [1.0, 0.0, *up[2:]])
    assert width(enough) > 0


def test_too_few_or_equal_values_are_refused() -> None:
    with pytest.raises(ValueError, match="three or more"):
        agreement([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="equal"):
        agreement([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])


def test_the_clearest_exchange_comes_first_and_names_are_used_once() -> None:
    first = [1.0, 2.0, 4.0, 4.1]
    second = [3.0, 1.0, 9.0, 8.9]
    found = exchanges(first, second, 5)
    assert [(each.faster, each.slower) for each in found] == [(0, 1), (2, 3)]
    assert (found[0].first_factor, found[0].second_factor) == (pytest.approx(2), pytest.approx(3))
    assert found[0].strength == pytest.approx(2)
    assert len(exchanges(first, second, 1)) == 1
    assert [each.faster for each in exchanges(first, second, 5, ["a", "a", "b", "c"])] == [2]
    assert exchanges(first, first, 5) == []


def test_a_regression_finds_the_powers_that_times_were_made_of() -> None:
    random = np.random.default_rng(1)
    macs, moved = random.uniform(1, 100, 200), random.uniform(1, 100, 200)
    nhwc = random.random(200) < 0.5
    noise = np.exp(random.normal(scale=0.05, size=200))
    noise[7] = 3.0
    times = 0.2 * macs**0.3 * moved**0.6 * np.where(nhwc, 0.8, 1.0) * noise
    columns = {"MACs": macs.tolist(), "activations": moved.tolist(), "fixed": [2.0] * 200}
    fit = log_linear.fit(times.tolist(), columns, {"nhwc": nhwc.tolist()})
    assert fit is not None
    assert fit.exponents == {
        "MACs": pytest.approx(0.3, abs=0.03),
        "activations": pytest.approx(0.6, abs=0.03),
    }
    assert fit.factors["nhwc"] == pytest.approx(0.8, abs=0.03)
    assert int(np.argmax(fit.residual_factors)) == 7
    assert fit.residual_factors[7] == pytest.approx(3.0, rel=0.1)
    assert 0.9 < fit.r_squared < 1


def test_columns_that_repeat_each_other_and_few_rows_have_no_regression() -> None:
    x = [1.0, 2.0, 4.0, 8.0, 16.0]
    assert log_linear.fit(x, {"a": x, "b": [2 * value for value in x]}) is None
    assert log_linear.fit(x[:2], {"a": x[:2]}) is None
