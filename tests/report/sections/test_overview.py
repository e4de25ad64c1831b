"""Reports of hundreds of names: one answer per pair, and the commonest findings first."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

from zoodiff.report import render
from zoodiff.report.page import page
from zoodiff.report.sections.overview import overview
from zoodiff.study.result import ComparedGraphs, StudyResult

_NAMES = 400
_ZOOS = ("torchvision", "timm", "keras")
_STRIDE = (
    "ARC101",
    "stride placement",
    "function",
    "first",
    "second",
    4,
    "layers",
    "layer2.0.conv1",
)
_BIAS = ("ARC111", "bias", "parametrisation", "none", "zeros", 53, "layers", "conv1")


def of_many_names(examples: ModuleType, result: StudyResult, names: int) -> StudyResult:
    """Each name in three zoos: two share a graph, the third differs; every other one harmlessly."""
    differences, graphs, records = [], [], []
    template = next(record for record in result.records if record.kind == "architecture")
    for number in range(names):
        name = f"network{number:03}"
        entries = [f"{zoo}:{name}@default" for zoo in _ZOOS]
        rows = [_STRIDE, _BIAS] if number % 2 else [_BIAS]
        differences.append(examples.difference(name, entries[0], entries[2], rows))
        graphs.append(
            ComparedGraphs(
                comparison=name,
                graphs=[entries[:2], entries[2:]],
                verdict="mismatch" if number % 2 else "harmless",
                same=f"{entries[0]} and {entries[1]}: the same architecture",
                not_compared=[],
            )
        )
        changes: dict[str, Any] = {"architecture": name, "model": name}
        records += [
            template.model_copy(update={"entry": entry, "zoo": zoo, **changes})
            for entry, zoo in zip(entries, _ZOOS, strict=True)
        ]
    return result.model_copy(
        update={
            "differences": differences,
            "graphs": graphs,
            "records": records,
            "mismatches": [],
            "comparisons": [],
        }
    )


def test_a_few_comparisons_need_no_overview(result: StudyResult) -> None:
    assert overview(result) is None
    assert 'id="common"' not in render.to_html(page(result))


def test_names_with_an_effect_come_first_and_findings_are_counted(
    examples: ModuleType, result: StudyResult
) -> None:
    shown = overview(of_many_names(examples, result, 10))
    assert shown is not None
    assert [row.comparison for row in shown.rows[:10:2]] == [
        f"network{number:03}" for number in (1, 3, 5, 7, 9)
    ]
    assert [
        (row.code.code, row.comparisons, row.pairs, row.code.has_effect) for row in shown.common
    ] == [
        ("ARC111", 10, 10, False),
        ("ARC101", 5, 5, True),
    ]
    first, second = shown.rows[:2]
    assert [code.code for code in first.codes] == ["ARC101", "ARC111"]
    assert (second.answer, second.codes) == ("the same architecture", ())
    assert second.others == ("timm:network001@default",)


def test_hundreds_of_names_are_one_readable_page_in_seconds(
    examples: ModuleType, result: StudyResult
) -> None:
    many = of_many_names(examples, result, _NAMES)
    began = time.process_time()
    written = render.to_html(page(many))
    assert time.process_time() - began < 20  # some 2 s on a quiet machine
    assert len(written) < 4_000_000
    assert written.index('id="networks"') < written.index('id="common"')
    assert 'href="#rule-ARC101"' in written
    assert 'id="rule-ARC101"' in written
    assert "network399" in render.to_markdown(page(many))


def test_what_waits_for_a_download_or_a_later_run_has_not_failed(result: StudyResult) -> None:
    failure = result.failures[0]
    declined = failure.model_copy(update={"declined": True})
    waiting = result.model_copy(update={"failures": [failure, declined, declined]})
    shown = page(waiting)
    assert "1 measurement could not be made" in " ".join(shown.summary)
    assert "2 measurements wait for a download or a later run" in " ".join(shown.summary)
