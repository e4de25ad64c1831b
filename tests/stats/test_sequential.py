"""Confidence sequences: simulated, since what they promise is about every time at once."""

from __future__ import annotations

import numpy as np
import pytest

from zoodiff.stats.sequential import decided, mean_sequence

RUNS, IMAGES, MARGIN = 200, 8_000, 0.02


def drawn(rng: np.random.Generator, disagree: float, difference: float) -> np.ndarray:
    shares = [(disagree + difference) / 2, (disagree - difference) / 2, 1 - disagree]
    return rng.choice([1.0, -1.0, 0.0], p=shares, size=IMAGES)


@pytest.mark.parametrize("disagree", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("difference", [0.0, 0.0199, 0.02, 0.0201])
def test_wrong_in_at_most_5_percent(disagree: float, difference: float) -> None:
    """At the margin itself every decision is wrong, so that is where errors are made."""
    rng = np.random.default_rng(int(1e6 * (disagree + difference)))
    if difference > disagree:
        pytest.skip("they cannot differ by more than they disagree")
    wrong = missed = 0
    for _ in range(RUNS):
        values = drawn(rng, disagree, difference)
        verdict, *_ = decided(values, MARGIN)
        truth = "less" if difference < MARGIN else "more" if difference > MARGIN else "neither"
        wrong += verdict is not None and verdict != truth
        low, high = mean_sequence(values, -1.0, 1.0)
        missed += not low.max() <= difference <= high.min()
    assert wrong <= 0.05 * RUNS
    assert missed <= 0.05 * RUNS


@pytest.mark.parametrize(
    ("difference", "verdict"), [(0.08, "more"), (-0.08, "more"), (0.0, "less")]
)
def test_clear_cases_are_decided(difference: float, verdict: str) -> None:
    values = drawn(np.random.default_rng(1), 0.1, abs(difference)) * (-1 if difference < 0 else 1)
    found, images, low, high = decided(values, MARGIN)
    assert found == verdict
    assert images < IMAGES
    assert low < difference < high


def test_few_values_and_none() -> None:
    assert decided(np.array([]), 0.1) == (None, 0, -1.0, 1.0)
    assert decided(np.array([1.0, 1.0]), 0.1)[0] is None


def test_ends_never_widen() -> None:
    low, high = mean_sequence(drawn(np.random.default_rng(2), 0.2, 0.1), -1.0, 1.0)
    assert (np.diff(low) >= 0).all()
    assert (np.diff(high) <= 0).all()
