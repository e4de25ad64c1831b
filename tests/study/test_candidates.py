"""The entries of a study as networks to choose from."""

from __future__ import annotations

from support import report_examples
from zoodiff.report import render
from zoodiff.report.page import page
from zoodiff.study.candidates import choice_of


def test_measured_entries_are_ranked_among_each_other() -> None:
    records = [*report_examples.architecture_records(), *report_examples.accuracy_records()]
    choice = choice_of(records)
    assert choice is not None
    assert {row.candidate.name for row in choice.rows} == {
        record.entry for record in report_examples.accuracy_records()
    }
    assert {row.origin for row in choice.rows} == {"measured"}
    standings = [row.standing for row in choice.rows]
    assert standings == sorted(standings, key=lambda standing: standing != "front")


def test_without_accuracy_there_is_nothing_to_choose() -> None:
    assert choice_of(report_examples.architecture_records()[-4:]) is None
    assert choice_of([]) is None


def test_the_report_has_the_chart_and_says_measured() -> None:
    records = [*report_examples.architecture_records(), *report_examples.accuracy_records()]
    result = report_examples.example().model_copy(update={"choice": choice_of(records)})
    html, markdown = render.to_html(page(result)), render.to_markdown(page(result))
    assert html.count('<svg class="scatter"') == 2
    assert "Which one to take" in html and "Which one to take" in markdown
    assert "| front |" in markdown and "| measured |" in markdown
    assert 'id="choice"' not in render.to_html(page(report_examples.example()))
