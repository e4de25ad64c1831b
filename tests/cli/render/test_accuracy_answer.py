"""The first line of ``zoodiff accuracy`` is its answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from zoodiff.cli.render.accuracy_answer import accuracy_answer, agreement_answer
from zoodiff.cli.render.entry_names import EntryNames
from zoodiff.results import Interval

NAMES = EntryNames({"b.onnx": "mine"}, ("b.onnx",))


def interval(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=low, high=high)


def row(entry: str, top1: float) -> Any:
    return SimpleNamespace(entry=entry, images=1000, top1=interval(top1, top1 - 1, top1 + 1))


def pair(first: str, second: str, points: float, verdict: str) -> Any:
    return SimpleNamespace(
        first=first,
        second=second,
        images=1000,
        difference=interval(points, points - 0.5, points + 0.5),
        sequence=None,
        verdict=verdict,
    )


def comparison(rows: list[Any], pairs: list[Any]) -> Any:
    return SimpleNamespace(rows=rows, pairs=pairs, within=1.0)


def test_one_network_has_its_accuracy() -> None:
    said = accuracy_answer(comparison([row("b.onnx", 75.0)], []), NAMES)
    assert said == "mine is right on 75.00 % of 1,000 images (95 %: 74.00 to 76.00)"


def test_of_two_the_better_is_named_whatever_their_order() -> None:
    rows = [row("a", 70.0), row("b.onnx", 72.0)]
    for pairs in (
        [pair("a", "b.onnx", -2.0, "different")],
        [pair("b.onnx", "a", 2.0, "different")],
    ):
        said = accuracy_answer(comparison(rows, pairs), NAMES)
        assert said == ("mine is better than a by 2.00 points (95 %: 1.50 to 2.50) on 1,000 images")


def test_what_is_not_shown_is_not_said() -> None:
    rows = [row("a", 70.0), row("b.onnx", 70.2)]
    same = accuracy_answer(comparison(rows, [pair("a", "b.onnx", -0.2, "the same")]), NAMES)
    assert same.startswith("mine and a are equally accurate within 1 points: 0.20 points")
    open_ = accuracy_answer(comparison(rows, [pair("a", "b.onnx", -0.2, "not decided")]), NAMES)
    assert open_.startswith("no difference between mine and a was shown by 1,000 images")


def test_of_many_the_best_and_the_worst_are_named() -> None:
    rows = [row("a", 70.0), row("b.onnx", 72.0), row("c", 71.9)]
    pairs = [
        pair("a", "b.onnx", -2.0, "different"),
        pair("a", "c", -1.9, "different"),
        pair("b.onnx", "c", 0.1, "not decided"),
    ]
    said = accuracy_answer(comparison(rows, pairs), NAMES)
    assert said == (
        "mine is best, right on 72.00 % of 1,000 images (95 %: 71.00 to 73.00) (c not shown to "
        "differ from it); a is right on 70.00 %, 2.00 points less"
    )
    for compared in pairs:
        compared.verdict = "not decided"
    assert accuracy_answer(comparison(rows, pairs), NAMES).startswith("no difference in accuracy")


def test_without_labels_the_answers_are_compared() -> None:
    changed = SimpleNamespace(
        first="a", second="b.onnx", images=250, changed=interval(1.2, 0.4, 2.8)
    )
    equal = SimpleNamespace(first="a", second="c", images=250, changed=interval(0.0, 0.0, 1.4))
    said = agreement_answer(SimpleNamespace(pairs=[changed, equal]), NAMES)  # type: ignore[arg-type]
    assert said == (
        "a and mine give different classes for 1.20 % of 250 images (the most of all pairs, "
        "95 %: 0.40 to 2.80)"
    )
    said = agreement_answer(SimpleNamespace(pairs=[equal]), NAMES)  # type: ignore[arg-type]
    assert said == "both give the same class for each of 250 images, without labels"
    assert agreement_answer(SimpleNamespace(pairs=[]), NAMES) is None  # type: ignore[arg-type]
