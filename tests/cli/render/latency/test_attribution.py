"""What is printed says the numbers, and what is missing."""

from __future__ import annotations

import pytest

from zoodiff.cli.render.entry_names import EntryNames
from zoodiff.cli.render.latency.attribution import (
    print_environment,
    print_parts,
    print_profile,
    print_roofline,
)
from zoodiff.host.environment import Environment, RuntimeInfo
from zoodiff.host.machine import Machine
from zoodiff.host.peaks import Peaks
from zoodiff.latency.attribution.decomposition import RatioParts
from zoodiff.latency.attribution.layer_profile import LatencyProfile, Row
from zoodiff.latency.attribution.roofline import LayerRoof, Roofline
from zoodiff.stats.intervals import Estimate


def test_parts(capsys: pytest.CaptureFixture[str]) -> None:
    one = Estimate(1.0, 1.0, 1.0)
    found = RatioParts(
        Estimate(2.0, 1.9, 2.1),
        Estimate(1.25, 1.2, 1.3),
        Estimate(1.6, 1.5, 1.7),
        one,
        (),
        ("softmax at the end",),
    )
    print_parts(found, "zoo:a", "zoo:b")
    said = capsys.readouterr().out
    assert "zoo:a takes 2.000 times as long as zoo:b" in said
    assert "1.250   [1.200, 1.300]" in said and "32 %" in said
    assert "only in B: softmax at the end" in said
    assert "medians" not in said  # 1.25 * 1.6 * 1.0 is the ratio


def test_parts_that_are_missing_have_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    print_parts(RatioParts(Estimate(2.0, 1.9, 2.1), reason="it rolls"), "a", "b")
    said = capsys.readouterr().out
    assert "not taken apart: it rolls" in said and "framework" not in said


def test_profiles_add_up_on_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    rows = (
        Row("both", "conv1", "stem", "Conv", 4.0, 1.0, 2_000_000_000, 500_000_000, ("ARC101",)),
        Row("only b", "", "softmax", "Softmax", 0.0, 0.5),
        Row("other", "between operators", "between operators", "", 0.25, 0.25),
    )
    print_profile(LatencyProfile("zoo:a", "zoo:b", rows, 30), "zoo:a", "zoo:b", top=1)
    said = capsys.readouterr().out
    assert "A zoo:a | B zoo:b" in said and "medians of 30 runs" in said
    assert "all                 4.250   1.750   +2.500   100 %" in said
    assert "ARC101" in said and "2.000 G" in said
    assert "2 more" in said and "-0.500" in said


def test_roofs(capsys: pytest.CaptureFixture[str]) -> None:
    layers = (LayerRoof("fc", "Gemm", 1_000_000, 4_000_000, 100, 4.0, "memory"),)
    found = Roofline("zoo:a", 1, layers, 1e9, 8.0, None)
    peaks = Peaks(2, {"numpy": 1e9}, {"copy": 1e9}, 1)
    print_roofline([found], peaks, EntryNames(), layers=1)
    said = capsys.readouterr().out
    assert "2 thread(s)" in said and "below 1.0 MACs/byte" in said
    assert "50 % (12 % of peak)" in said and "memory" in said


def test_environments_leave_out_what_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    print_environment(Environment(Machine(processor="X"), {"keras": RuntimeInfo("3.12")}))
    said = capsys.readouterr().out
    assert "processor" in said and "python 3.12" in said
    assert "governor" not in said and "quota" not in said
