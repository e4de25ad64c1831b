"""The answers about graphs on the page: what is listed, linked, bounded and counted."""

from __future__ import annotations

import re

from zoodiff.report import render
from zoodiff.report.page import page
from zoodiff.report.sections import graphs, mismatches, summary
from zoodiff.study.result import StudyResult


def test_codes_link_to_their_meaning_on_the_page(result: StudyResult) -> None:
    html = render.to_html(page(result))
    links = set(re.findall(r'href="#(rule-\w+)"', html))
    meanings = set(re.findall(r'id="(rule-\w+)"', html))
    assert links and links <= meanings
    # The script links the codes of pairs.
    assert {"rule-ARC101", "rule-ARC107", "rule-ARC111"} <= meanings
    # A code of a later version has no meaning here.
    assert "rule-ZZZ999" not in html


def test_every_pair_has_its_answer_and_marks_what_has_an_effect(result: StudyResult) -> None:
    answers = graphs.answers(result)
    assert list(answers) == ["resnet50", "digits", "squeezenet1_1", "mobilenetv2"]
    first, second = answers["resnet50"].pairs
    assert (first.answer, first.has_effect) == ("different architectures", True)
    assert [row.has_effect for row in first.findings] == [True, True, True, False]
    assert second.findings[1].anchor is None
    (harmless,) = answers["digits"].pairs
    assert harmless.answer == "the same architecture up to differences without effect"
    assert not harmless.has_effect


def test_long_lists_are_cut_and_their_rest_is_counted(result: StudyResult) -> None:
    first = result.differences[0]
    values = first.values.model_copy(
        update={"findings": first.values.findings * 10, "more_findings": 5}
    )
    many = [first.model_copy(update={"values": values})] * 40
    answer = graphs.answers(result.model_copy(update={"differences": many}))["resnet50"]
    assert (len(answer.pairs), answer.more) == (30, 10)
    assert (len(answer.pairs[0].findings), answer.pairs[0].more) == (12, 33)
    text = render.to_markdown(page(result.model_copy(update={"differences": many})))
    assert "10 more pairs are in [discrepancies.json]" in text
    assert "and 33 more" in text


def test_counts_of_equal_graphs_are_how_they_are_written(result: StudyResult) -> None:
    same = result.graphs[2].model_copy(update={"comparison": "vgg19"})
    changed = result.model_copy(update={"graphs": [same], "differences": []})
    table = next(t for t in mismatches.tables(changed) if t.architecture == "vgg19")
    assert table.because.startswith("The graphs are equal once they are brought to one form")
    printed = page(changed)
    assert table.because in render.to_markdown(printed)
    facts = next(each for each in printed.document.architectures if each.name == "vgg19")
    assert facts.because == table.because


def test_the_summary_counts_by_graphs_and_says_what_is_not_decided(
    result: StudyResult,
) -> None:
    said = " ".join(summary.sentences(result))
    # resnet50 by its graph; alexnet, inceptionv3 and vgg19 by counts.
    assert mismatches.tally(result) == mismatches.Tally(4, 1, 1)
    assert (
        "4 are not the same network in every zoo, 1 differs only in ways that change no function, "
        "and 1 was not decided." in said
    )


def test_architectures_of_one_graph_are_named_and_have_no_table(result: StudyResult) -> None:
    assert mismatches.of_one_graph(result) == ("squeezenet1_1",)
    assert "squeezenet1_1" not in {table.architecture for table in mismatches.tables(result)}
    assert "One graph for all entries: squeezenet1\\_1." in render.to_markdown(page(result))


def test_equal_graphs_alone_leave_nothing_to_show(result: StudyResult) -> None:
    only = result.model_copy(
        update={"graphs": [result.graphs[2]], "differences": [], "mismatches": []}
    )
    assert mismatches.tables(only) == ()
    assert "equal graphs do not prove equal functions" in mismatches.empty_reason(only)
    assert "all graphs agree." in " ".join(summary.sentences(only))
