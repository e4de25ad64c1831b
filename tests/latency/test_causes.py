"""Which factors of a ratio are named, and on whose side."""

from __future__ import annotations

import math

import pytest

from support.records import a_record
from zoodiff.latency.attribution.decomposition import RatioParts
from zoodiff.latency.causes import causes_of, factors_of
from zoodiff.latency.records.keys import WHOLE
from zoodiff.latency.verdicts import compare
from zoodiff.results import Interval
from zoodiff.stats.intervals import Estimate
from zoodiff.store.records import LatencyValues, Record

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


def test_all_factors_are_kept_with_their_intervals() -> None:
    whole = parts(within(2.0), within(0.5), within(1.0, 0.5))
    kept = [(f.code, f.what, f.ratio.value, f.ratio.low) for f in factors_of(whole)]
    assert kept == [
        ("LAT110", "framework", 2.0, 1.98),
        ("LAT111", "layers", 0.5, 0.495),
        ("LAT112", "inside", 1.0, 0.5),
    ]
    assert factors_of(RatioParts(within(1.5), reason="none")) == []


def test_networks_without_processing_inside_have_no_such_factor() -> None:
    bare = RatioParts(within(1.5), within(1.5), within(1.0), within(1.0))
    assert [factor.what for factor in factors_of(bare)] == ["framework", "layers"]


def test_without_reference_runs_there_is_no_factor() -> None:
    assert causes_of(RatioParts(within(1.5), reason="none"), _FLOOR, "a", "b") == []


def timed(entry: str, ms: float, repeat: int = 0, **conditions: object) -> Record:
    """A run of three processes of four rounds each, of which each round takes the same time."""
    rounds = [ms * (1 + 0.001 * (k % 3)) for k in range(12)]
    centre = Interval(value=ms, low=ms, high=ms)
    values = LatencyValues(
        median_ms=centre,
        p10_ms=ms,
        p90_ms=ms,
        calls=12,
        round_medians_ms=rounds,
        process_rounds=[4, 4, 4],
        group="one run",
        repeat=repeat,
    )
    return a_record(entry, values=values, conditions=conditions)


def test_a_decomposed_discrepancy_keeps_its_factors() -> None:
    a, b = "fake:a@w", "fake:b@w"
    records = [timed(a, 30.0), timed(b, 10.0), timed(b, 10.0, repeat=1)]
    (plain,), _ = compare(records)
    assert (plain.high_entry, plain.verdict, plain.factors) == (a, "discrepancy", [])
    references = [timed(a, 12.0, WHOLE, inside=[]), timed(b, 8.0, WHOLE, inside=[])]
    (pair,), _ = compare([*records, *references])
    sizes = {factor.what: factor.ratio.value for factor in pair.factors}
    # 30 / 10 is 12 / 8 in the reference runtime, and the rest in the frameworks.
    assert sizes == {"layers": pytest.approx(1.5), "framework": pytest.approx(2.0)}
    missing = timed(a, 30.0, no_reference="it has no file")
    (lost,), _ = compare([missing, *records[1:], references[1]])
    assert lost.factors == []
    assert lost.note == "not decomposed: it has no file"
