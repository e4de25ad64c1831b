"""A bar for every callback of the API, by tqdm."""

from __future__ import annotations

import io
import sys

import pytest

import zoodiff
from zoodiff.errors import MissingPackageError


def test_a_bar_takes_what_each_function_reports() -> None:
    pytest.importorskip("tqdm")
    screen = io.StringIO()
    with zoodiff.ProgressBar(file=screen, mininterval=0) as bar:
        bar(3, 10)  # accuracy
        bar("rounds", 2, 5)  # latency
        bar.trying("comparing \x1b[2J and b")  # diff
        with bar.observe("a study") as observer:
            observer.begin(4, 1)
            observer.task("describing a")
            observer.done("describing a", 0)
            assert bar._bar.n == 2
    shown = screen.getvalue()
    for part in ("3/10", "rounds", "2/5", "a study", "describing a", "2/4"):
        assert part in shown, shown
    assert "\x1b[2J" not in shown


def test_tqdm_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(MissingPackageError, match="pip install tqdm"):
        zoodiff.ProgressBar()
