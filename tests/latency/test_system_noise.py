"""What is said of the machine, from made-up and from missing counters."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoodiff.latency import system_noise
from zoodiff.latency.system_noise import Reading, between

QUIET = Reading(
    seconds=0, stolen=0, busy=0, own=0, swapped=0, throttled=0, megahertz=2000, waited=0
)


def later(**changes: float) -> Reading:
    values = {"seconds": 10, "stolen": 0, "busy": 10, "own": 10, "swapped": 0, "throttled": 0}
    return Reading(**{**values, "megahertz": 2000, "waited": 0, **changes})  # type: ignore[arg-type]


def test_a_quiet_machine_is_not_complained_of() -> None:
    assert between(QUIET, later(), 2) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"stolen": 5}, "the hypervisor took 0.50 cores"),
        ({"busy": 17}, "other programs kept 0.7 of 2 cores busy"),
        ({"swapped": 5000}, "swapping"),
        ({"throttled": 3}, "throttled"),
        ({"waited": 2}, "quota"),
        ({"megahertz": 1200}, "from 2,000 to 1,200 MHz"),
    ],
)
def test_each_disturbance_is_named(changes: dict[str, float], said: str) -> None:
    (found,) = between(QUIET, later(**changes), 2)
    assert said in found


def test_without_proc_and_sys_nothing_is_told_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(system_noise, "_PROC", tmp_path)
    monkeypatch.setattr(system_noise, "_SYS", tmp_path)
    reading = system_noise.read()
    assert (reading.stolen, reading.busy, reading.swapped, reading.megahertz) == (None,) * 4
    assert between(reading, system_noise.read(), 1) == []


def test_real_counters_do_not_go_backwards() -> None:
    before = system_noise.read()
    sum(range(200_000))
    after = system_noise.read()
    assert after.seconds > before.seconds and after.own >= before.own
