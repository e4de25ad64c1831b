"""Parts of a ratio multiply to the ratio, whatever was measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoodiff.latency.attribution.decomposition import parts
from zoodiff.stats.intervals import Estimate

SHAPES = st.lists(st.integers(2, 6), min_size=2, max_size=4)


def mean(logs: list[np.ndarray]) -> Estimate:
    centre = float(np.mean([one.mean() for one in logs]))
    return Estimate(centre, centre - 0.1, centre + 0.1)


def drawn(rng: np.random.Generator, shapes: list[int], centre: float) -> list[np.ndarray]:
    return [centre * np.exp(0.2 * rng.standard_normal(n)) for n in shapes]


@given(shapes=SHAPES, seed=st.integers(0, 1000))
def test_the_product_of_the_parts_is_the_ratio(shapes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    native, common, stripped = (
        (drawn(rng, shapes, a), drawn(rng, shapes, b)) for a, b in ((9, 4), (5, 3), (4, 3))
    )
    found = parts(native, common, stripped, mean)
    assert found.architecture and found.framework and found.inside
    product = found.architecture.value * found.framework.value * found.inside.value
    assert product == pytest.approx(found.total.value)
    assert found.rest == pytest.approx(1.0)
    shares = [found.share(part) for part in (found.architecture, found.framework, found.inside)]
    assert sum(x for x in shares if x is not None) == pytest.approx(1.0)


def test_each_part_is_what_was_planted() -> None:
    rng = np.random.default_rng(0)
    shapes = [40] * 5
    drift = [np.exp(0.5 * rng.standard_normal(n)) for n in shapes]

    def side(centre: float) -> list[np.ndarray]:
        return [d * x for d, x in zip(drift, drawn(rng, shapes, centre), strict=True)]

    # A is twice as large, its framework 1.5 times as slow, and it does 10 % more inside.
    common = side(1.1 * 2.0), side(1.0)
    found = parts((side(1.5 * 1.1 * 2.0), side(1.0)), common, (side(2.0), common[1]))
    for part, planted in (
        (found.architecture, 2.0),
        (found.framework, 1.5),
        (found.inside, 1.1),
        (found.total, 3.3),
    ):
        assert part is not None
        assert part.low < planted < part.high
        assert part.value == pytest.approx(planted, rel=0.1)
    assert found.rest == pytest.approx(1.0, abs=0.05)


def test_nothing_inside_one_only_is_a_factor_of_exactly_one() -> None:
    rng = np.random.default_rng(1)
    common = drawn(rng, [6, 6], 3), drawn(rng, [6, 6], 2)
    found = parts((drawn(rng, [6, 6], 3), drawn(rng, [6, 6], 2)), common, None)
    assert found.inside == Estimate(1.0, 1.0, 1.0)


def test_without_a_reference_runtime_the_ratio_stands_alone() -> None:
    rng = np.random.default_rng(2)
    native = drawn(rng, [6, 6], 3), drawn(rng, [6, 6], 2)
    found = parts(native, None, None, reason="it rolls")
    assert found.architecture is found.framework is found.inside is None
    assert found.reason == "it rolls" and found.rest == 1.0
    assert found.total.low < 1.5 < found.total.high


def test_other_rounds_are_refused() -> None:
    rng = np.random.default_rng(3)
    native = drawn(rng, [6, 6], 3), drawn(rng, [6, 6], 2)
    with pytest.raises(ValueError, match="same rounds"):
        parts(native, (drawn(rng, [6, 5], 3), drawn(rng, [6, 5], 2)), None)
