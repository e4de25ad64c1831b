from __future__ import annotations

import re
from types import ModuleType

from syrupy.assertion import SnapshotAssertion

from zoodiff.report import render
from zoodiff.report.page import page
from zoodiff.study.result import StudyResult

_CODE = re.compile(r"(`+).*?\1", re.DOTALL)


def _markdown(result: StudyResult) -> str:
    return render.to_markdown(page(result))


def test_markdown_as_read_by_people(result: StudyResult, snapshot: SnapshotAssertion) -> None:
    assert _markdown(result) == snapshot


def test_an_empty_report_says_why(empty: StudyResult, snapshot: SnapshotAssertion) -> None:
    assert _markdown(empty) == snapshot


def test_rows_have_the_cells_of_their_header(result: StudyResult) -> None:
    width = 0
    for line in _markdown(result).splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        width = width or cells
        assert cells == width, line


def test_names_cannot_smuggle_markup(result: StudyResult) -> None:
    outside_code = _CODE.sub("", _markdown(result))
    assert set(re.findall(r"<(\w+)", outside_code)) <= {"br", "details", "summary"}


def test_the_study_is_quoted_to_the_letter(result: StudyResult, examples: ModuleType) -> None:
    text = _markdown(result)
    assert f"```toml\n{examples.STUDY_TEXT}```\n" in text
    fenced = result.model_copy(update={"study_text": "# ```\n"})
    assert "````toml\n# ```\n````\n" in _markdown(fenced)
