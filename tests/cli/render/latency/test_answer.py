"""The first line of ``zoodiff latency`` is its answer, and it says what was shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from zoodiff.cli.render.entry_names import EntryNames, named_entries, shortest_ends
from zoodiff.cli.render.latency.answer import answer, print_answer
from zoodiff.errors import UsageError
from zoodiff.latency.comparison import Pair, Row, Timings
from zoodiff.latency.verdicts import PairVerdict
from zoodiff.stats.intervals import Estimate

Ratio = tuple[Estimate, PairVerdict]


def timings(latencies: Mapping[str, Estimate], pairs: Mapping[tuple[str, str], Ratio]) -> Timings:
    rows = tuple(
        Row(name, name, "file", median, 2.0, 3.0, 1, 1000.0, 80_000_000, None, 0.0, 10, {"b": "1"})
        for name, median in latencies.items()
    )
    return Timings(
        rows=rows,
        pairs=tuple(Pair(*names, *ratio) for names, ratio in pairs.items()),
        controls=(),
        floor_percent=None,
        covered=None,
        within_percent=5.0,
        processes=5,
        stopped="time spent",
        needed_seconds=None,
        seconds=1.0,
        loading_seconds=1.0,
        system_noise=(),
        failures={},
    )


def narrow(value: float) -> Estimate:
    return Estimate(value, value * 0.99, value * 1.01)


def test_one_network_has_its_time() -> None:
    said = answer(timings({"zoo:a": Estimate(2.0, 1.9, 2.1)}, {}), EntryNames())
    assert said == "zoo:a takes 2 ms (95 %: 1.9 to 2.1) a batch of 1"


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        ("faster", "b takes 2.00 times (95 %: 1.96 to 2.04) as long as a"),
        ("the same", "a and b take the same time within 5 %: ratio 2.00 (1.96 to 2.04)"),
        (
            "no difference shown",
            "no difference between a and b was shown: ratio 2.00 (1.96 to 2.04)",
        ),
    ],
)
def test_two_networks_are_compared_by_their_verdict(verdict: PairVerdict, expected: str) -> None:
    half = Estimate(0.5, 0.49, 0.51)
    run = timings({"a": narrow(1.0), "b": narrow(2.0)}, {("a", "b"): (half, verdict)})
    assert answer(run, EntryNames()) == expected


def test_of_many_the_fastest_and_the_slowest_are_named() -> None:
    latencies = {"c": narrow(4.0), "a": narrow(1.0), "b": narrow(1.01)}
    pairs: dict[tuple[str, str], Ratio] = {
        ("c", "a"): (narrow(4.0), "slower"),
        ("c", "b"): (narrow(3.96), "slower"),
        ("a", "b"): (narrow(0.99), "no difference shown"),
    }
    said = answer(timings(latencies, pairs), EntryNames())
    assert said.startswith("a and b are fastest, without a difference shown; c takes 4.00 times")
    pairs["a", "b"] = (narrow(0.99), "faster")
    assert answer(timings(latencies, pairs), EntryNames()).startswith("a is fastest; c takes 4.00")


def test_an_interval_wider_than_its_value_is_no_answer() -> None:
    run = timings({"a": Estimate(1.0, 0.5, 1.6)}, {})
    assert "not usable here: the machine was too busy (a: 1 ms" in answer(run, EntryNames())
    pair: dict[tuple[str, str], Ratio] = {("a", "b"): (Estimate(0.5, 0.3, 1.2), "the same")}
    run = timings({"a": narrow(1.0), "b": narrow(2.0)}, pair)
    said = answer(run, EntryNames())
    assert said.startswith("not usable here") and "--seconds" in said


@pytest.mark.parametrize("columns", ["80", "100", "160"])
def test_the_table_fits_the_width(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    latencies = {f"file:/models/{'x' * 60}/{name}.onnx": narrow(1.2345) for name in "abc"}
    names = list(latencies)
    pairs: dict[tuple[str, str], Ratio] = {
        (first, second): (narrow(1.0), "the same")
        for first in names
        for second in names
        if first < second
    }
    run = timings(latencies, pairs)
    print_answer(run, EntryNames().known(latencies))
    table = capsys.readouterr().out.splitlines()[1:]
    assert max(map(len, table)) <= int(columns)
    assert any("a.onnx" in line for line in table)
    assert sum("1.23" in line for line in table) == 3


def test_a_name_is_given_before_an_entry(tmp_path: Path) -> None:
    (tmp_path / "x=y.onnx").touch()
    as_it_stands = str(tmp_path / "x=y.onnx")
    entries, names = named_entries(["int8=a/model.onnx", "b/model.onnx", as_it_stands])
    assert entries == ("a/model.onnx", "b/model.onnx", as_it_stands)
    here = Path.cwd()
    known = names.known([f"file:{here}/a/model.onnx", f"file:{here}/b/model.onnx"])
    assert known.of(f"file:{here}/a/model.onnx") == "int8"
    assert known.in_text(f"file:{here}/b/model.onnx is slow") == "b/model.onnx is slow"
    assert names.of_given("int8=compiled") == "a/model.onnx=compiled"
    assert names.of_given("keras=compiled") == "keras=compiled"
    zoo = named_entries(["mine=keras:ResNet50"])[1].known(["keras:ResNet50@imagenet", "keras:x"])
    assert zoo.of("keras:ResNet50@imagenet") == "mine"
    assert zoo.of("keras:x") == "keras:x"
    with pytest.raises(UsageError, match="int8 is given twice"):
        named_entries(["int8=a.onnx", "int8=b.onnx"])


def test_paths_are_shortened_from_the_left_as_far_as_they_differ() -> None:
    assert shortest_ends(["/a/b/m.onnx", "/a/c/m.onnx", "/n.onnx"]) == {
        "/a/b/m.onnx": "b/m.onnx",
        "/a/c/m.onnx": "c/m.onnx",
        "/n.onnx": "n.onnx",
    }
    assert shortest_ends(["/m.onnx", "/a/m.onnx"])["/m.onnx"] == "/m.onnx"
