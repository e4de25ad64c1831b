"""Long tables are laid out without rich, and look the same."""

from __future__ import annotations

import pytest

from zoodiff.cli.render import console

COLUMNS = ["name", "what", ("number", "right")]


def printed(
    rows: list[list[str]], capsys: pytest.CaptureFixture[str], columns: object = COLUMNS
) -> list[str]:
    console.print_table(columns, rows)  # type: ignore[arg-type]
    return [line.rstrip() for line in capsys.readouterr().out.split("\n")]


def test_a_long_table_is_that_of_rich(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [[f"n{k}", "x" * (k % 7) + "字" * (k % 3), str(37 * k)] for k in range(300)]
    long = printed(rows, capsys)
    monkeypatch.setattr(console, "_LONG", 10**6)
    assert printed(rows, capsys) == long
    assert len(long) > 300


def test_cells_of_a_long_table_are_folded_and_lose_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [f"word{k}" for k in range(60)]
    rows = [[f"n{k}", " ".join(words), "y" * 300] for k in range(200)]
    lines = printed(rows, capsys, ["name", "words", "long"])
    assert max(map(len, lines)) <= 200
    body = lines[3:]
    assert sum(line.count("y") for line in body) == 200 * 300
    assert all(sum(word in line.split() for line in body) >= 200 for word in words)


def test_control_characters_are_escaped_in_long_tables(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed([["\x1b]0;t\x07", "a\nb", "1"]] * 200, capsys)
    assert "\x1b" not in "".join(lines)
    assert len(lines) == 200 + 5


def test_more_columns_than_fit_are_left_to_rich(capsys: pytest.CaptureFixture[str]) -> None:
    columns = [f"column{k}" for k in range(60)]
    assert printed([["value"] * 60] * 200, capsys, columns)
