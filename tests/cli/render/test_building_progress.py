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
    # The clock is read at the start, at each network, and again where a line is printed: at 0, 4,
    # 8, 12 and 16 seconds for the third network, and then at 20, 24, 28 and 32 for the sixth.
    assert [line.strip() for line in lines if line] == [
        "3 of 1,234 networks",
        "6 of 1,234 networks",
    ]


def test_nothing_is_said_where_nothing_is_to_be_built(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.building_progress() as (begin, done):
        begin(0)
        done("cached", None)
    assert capsys.readouterr().err == ""
