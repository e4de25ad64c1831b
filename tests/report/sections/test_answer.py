"""The answer and the matrix of a study, and that nothing doubtful is a headline."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import pytest

from zoodiff.report import render
from zoodiff.report.app.encode import script_json
from zoodiff.report.exports import papers
from zoodiff.report.page import page
from zoodiff.report.sections import rankings
from zoodiff.report.sections.answer import answer
from zoodiff.report.sections.matrix import matrix
from zoodiff.report.sections.standing import Standing, level_of, standings, worst
from zoodiff.study.result import StudyResult

DOUBT = "onnx:vgg19: top1_percent is <b>14</b> points from the median"


def doubting(result: StudyResult) -> StudyResult:
    """The result with a doubt about its largest claim and its largest measured difference."""
    assert result.claimed is not None
    claimed = result.claimed.rows[0].model_copy(update={"doubtful": DOUBT})
    measured = result.measured_accuracy[0].model_copy(update={"doubtful": "a check failed"})
    return result.model_copy(
        update={
            "claimed": result.claimed.model_copy(
                update={"rows": [claimed, *result.claimed.rows[1:]]}
            ),
            "measured_accuracy": [measured, *result.measured_accuracy[1:]],
        }
    )


def said(result: StudyResult) -> dict[str, str]:
    return {sentence.subject: sentence.text for sentence in answer(result)}


def test_the_answer_has_a_sentence_per_subject(result: StudyResult) -> None:
    sentences = said(result)
    assert list(sentences) == ["Networks", "Accuracy", "Latency"]
    assert "1 is not one architecture (by stride placement (ARC101))" in sentences["Networks"]
    assert "2.62 points (vgg19: 74.00 % at onnx:vgg19" in sentences["Accuracy"]
    assert "better than mini-tfmg:digits@v1 by 5.28 points [2.90, 7.80]" in sentences["Accuracy"]
    assert "takes 2.31 times as long as torchvision:alexnet@random" in sentences["Latency"]
    assert "mostly by slower framework (LAT110)" in sentences["Latency"]


def test_what_is_doubtful_is_no_headline(result: StudyResult) -> None:
    doubted = doubting(result)
    text = said(doubted)["Accuracy"]
    assert "vgg19" not in text
    assert "2.10 points (densenet121" in text
    assert "mini-onnx:digits@v1 is better than mini-tfmg:digits@v1 by 5.00" in text
    assert "vgg19" not in " ".join(page(doubted).summary)


def test_doubtful_rows_are_listed_apart_with_the_reason_and_keep_their_rank(
    result: StudyResult,
) -> None:
    doubted = doubting(result)
    claimed, measured, _ = rankings.rankings(doubted)
    assert [row.rank for row in claimed.first] == [2, 3, 4, 5, 6]
    assert [row.rank for row in claimed.doubted] == [1]
    assert [row.rank for row in claimed.rows] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.rank for row in measured.doubted] == [1]
    html = render.to_html(page(doubted)).replace("<wbr>", "")
    assert "&lt;b&gt;14&lt;/b&gt; points from the median" in html
    assert "1 larger difference rests on a doubtful number" in html
    assert "Doubtful: onnx:vgg19" in render.to_markdown(page(doubted)).replace("\\", "")


def test_a_part_of_a_difference_is_named_where_it_was_decomposed(result: StudyResult) -> None:
    explained = result.explanations[0]
    row = result.measured_accuracy[0].model_copy(
        update={"high_entry": explained.entry, "low_entry": explained.values.other}
    )
    changed = result.model_copy(update={"measured_accuracy": [row]})
    assert ", of which channel order (PRE101) makes 9.00" in said(changed)["Accuracy"]


def test_a_study_without_a_control_says_that_no_latency_counts(result: StudyResult) -> None:
    text = said(result.model_copy(update={"controls": []}))["Latency"]
    assert "none counts, because no control shows its noise" in text


def test_a_study_that_compared_nothing_says_why(empty: StudyResult) -> None:
    reason = "Nothing was compared: the study names one entry."
    (only,) = answer(empty.model_copy(update={"not_compared": reason}))
    assert only.text == reason


def test_cells_are_the_worst_answer_of_a_zoo(result: StudyResult) -> None:
    shown = matrix(result)
    assert shown is not None
    letters = {
        row.name: "".join(cell.letter if cell else "." for cell in row.cells) for row in shown.rows
    }
    assert shown.zoos == ("extra", "keras", "mini-onnx", "mini-torch", "onnx", "torchvision")
    assert letters == {
        "resnet50": "OO..OO",
        "mobilenetv2": ".?...?",
        "digits": "..BB..",
        "squeezenet1_1": "....SS",
    }
    assert list(letters) == ["resnet50", "mobilenetv2", "digits", "squeezenet1_1"]


def test_a_cell_leads_to_its_pair_or_to_the_architecture(result: StudyResult) -> None:
    shown = matrix(result)
    assert shown is not None
    digits = next(row for row in shown.rows if row.name == "digits")
    cells = [cell for cell in digits.cells if cell is not None]
    assert {c.href for c in cells} == {"#/pair/digits/mini-torch%3Adigits/mini-onnx%3Adigits"}
    assert cells[0].words == "digits, mini-onnx: same but for what its codes name (ARC112, ARC111)"
    same = next(row for row in shown.rows if row.name == "squeezenet1_1")
    assert {c.href for c in same.cells if c} == {"#/architecture/squeezenet1_1"}


@pytest.mark.parametrize(
    ("sameness", "relation", "findings", "level"),
    [
        ("same", "same function", 0, "same"),
        ("same up to", "same function", 1, "but"),
        ("same up to", "not decided", 1, "but"),
        ("same up to", "different functions", 1, "other"),
        ("different", "not decided", 1, "other"),
        ("same", "different functions", 0, "other"),
    ],
)
def test_levels_follow_from_the_answer(
    result: StudyResult, sameness: str, relation: str, findings: int, level: str
) -> None:
    first = result.differences[0]
    values = first.values.model_copy(
        update={
            "sameness": sameness,
            "relation": relation,
            "findings": first.values.findings[:findings],
        }
    )
    assert level_of(first.model_copy(update={"values": values})) == level


def test_other_is_worse_than_unknown_and_unknown_than_but() -> None:
    assert worst(["same", "unknown", "but"]) == "unknown"
    assert worst(["unknown", "other"]) == "other"
    assert worst([]) is None


def test_an_entry_without_a_graph_is_not_known(result: StudyResult) -> None:
    standing = Standing("n", (("a:m@v",),), ("b:m",), {})
    assert standing.level(standing.graph_of("a:m@other"), standing.graph_of("b:m")) == "unknown"
    # Weights of one model with two graphs do not say which graph it is.
    two = Standing("n", (("a:m@v",), ("a:m@w",)), (), {})
    assert two.graph_of("a:m@x") is None
    assert two.graph_of("a:m@w") == 1


def test_runs_of_older_versions_group_by_fingerprint(result: StudyResult) -> None:
    prints = ["zd4:1", "zd4:1", None]
    records = [
        r.model_copy(update={"fingerprint": prints[k % 3]}) for k, r in enumerate(result.records)
    ]
    old = result.model_copy(update={"records": records, "graphs": [], "differences": []})
    found = standings(old)
    assert found
    assert {level for each in found.values() for level in _levels(each)} <= {"same", "unknown"}


def _levels(standing: Standing) -> Sequence[str]:
    graphs = standing.numbers
    return [standing.level(one, two) for k, one in enumerate(graphs) for two in graphs[k + 1 :]]


def test_the_document_has_every_entry_pair_and_finding(result: StudyResult) -> None:
    document = page(result).document
    by_name = {each.name: each for each in document.architectures}
    resnet = by_name["resnet50"]
    assert len({entry.name for each in document.architectures for entry in each.entries}) == 21
    assert [f.code for f in resnet.differences[0].findings] == [
        *("ARC101", "ARC120", "ARC140", "ARC113"),
    ]
    measured = by_name["digits"].rows[0]
    assert (measured.contingency, measured.numbers) == ((328, 22, 3, 7), (5.28, 2.9, 7.8))
    timed = next(row for row in resnet.rows if row.metric == "latency")
    assert timed.noise_percent == 3.2
    failed = [e.name for each in document.architectures for e in each.entries if e.failed]
    assert "tfmg:slim/resnet_v1_50@default" in failed
    assert "PRE101" in document.rules
    assert script_json(document) == script_json(page(result).document)


def test_claims_come_with_sources_and_doubts(result: StudyResult) -> None:
    document = page(result).document
    densenet = next(each for each in document.architectures if each.name == "densenet121")
    assert len(densenet.claims) > 10
    assert all(claim.source is not None for claim in densenet.claims)
    doubts = [claim.doubtful for claim in densenet.claims if claim.doubtful]
    assert doubts and all("top1" in doubt for doubt in doubts)


def test_tables_for_papers_have_all_rows(result: StudyResult) -> None:
    printed = page(result)
    ranked = (printed.claimed, printed.accuracy, printed.latency)
    tables = {table.name: table for table in papers.tables(ranked, printed.document)}
    assert tuple(tables) == papers.NAMES
    assert [len(tables[name].rows) for name in papers.NAMES] == [7, 6, 7, 3, 21]
    for table in tables.values():
        assert {len(row) for row in table.rows} == {len(table.columns)}
        read: list[Any] = list(csv.reader(io.StringIO(papers.to_csv(table))))
        assert len(read) == len(table.rows) + 1
        assert papers.to_latex(table).count("\\\\\n") == len(table.rows) + 1
        assert papers.to_markdown(table).count("\n") == len(table.rows) + 2
