"""What the building of many networks prints where no terminal shows a bar."""

import itertools

import pytest

from zoodiff.cli.render import progress


def test_the_number_of_networks_is_said_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(step=4)  # seconds
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with progress.building_progress() as (begin, done):
        done("cached", None)  # fingerprinted before the number is known
        begin(1234)
        for entry in range(8):
            done(entry, None)
    lines = capsys.readouterr().err.split("\n")
    assert [line.strip() for line in lines if line] == [
        f"{count} of 1,234 networks" for count in expected_counts()
    ]


def expected_counts() -> list[int]:
    """The clock is read once at the start, at each network, and once more where a line is printed.

    It starts at 0 and advances by 4 with each reading.
    """
    now, last, counts = 0, 0, []
    for network in range(1, 9):
        now += 4
        if now - last > 10:
            now += 4
            last = now
            counts.append(network)
    return counts


def test_nothing_is_said_where_nothing_is_to_be_built(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.building_progress() as (begin, done):
        begin(0)
        done("cached", None)
    assert capsys.readouterr().err == ""
