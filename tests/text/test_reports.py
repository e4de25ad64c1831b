"""A report whose every text is untrusted: manifest, records, names, reasons, notes, versions."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pydantic import BaseModel

from support import report_examples
from support.text import harmless, hostile_texts
from zoodiff.report import render, write
from zoodiff.report.exports import discrepancies
from zoodiff.report.page import page
from zoodiff.study.result import StudyResult
from zoodiff.text import html as make_html

_KEPT = {
    *("metric", "verdict", "kind", "state", "unit", "difference_unit", "published", "key"),
    *("relation", "sameness"),
    *("started", "finished", "updated", "high_weights", "low_weights", "predictions_file"),
}
"""Fields that hold one of a few words, or a time, wherever they come from."""
ROUNDS = 12


EXAMPLE: StudyResult = report_examples.example()


def poisoned(value: Any, texts: Iterator[str]) -> Any:
    """The value with another text in the place of every text; a text stays the same everywhere."""
    seen: dict[str, str] = {}

    def replaced(value: Any) -> Any:
        if isinstance(value, BaseModel):
            fields = {
                name: field if name in _KEPT else replaced(field)
                for name, field in ((n, getattr(value, n)) for n in type(value).model_fields)
            }
            return type(value).model_construct(**fields)
        if isinstance(value, str):
            if value not in seen:
                seen[value] = next(texts)
            return seen[value]
        if isinstance(value, dict):
            return {replaced(key): replaced(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(replaced(item) for item in value)
        return value

    return replaced(value)


def hostile(offset: int) -> StudyResult:
    texts = list(hostile_texts.TEXTS.values())
    cycle = itertools.cycle(texts[offset:] + texts[:offset])
    result = poisoned(EXAMPLE, cycle)
    # A sensitivity's numbers are told from their names by the keys.
    claimed = result.claimed.model_copy(
        update={
            "sensitivity": [
                {"rules": next(cycle), "first": 1.0, "last": next(cycle), "top": [[next(cycle), 2]]}
            ]
        }
    )
    return result.model_copy(update={"claimed": claimed})


@dataclass(frozen=True)
class Report:
    """A study's result and the files of its report."""

    result: StudyResult
    html: str
    markdown: str
    csv: str
    json: str
    tables: dict[str, str]


def report(result: StudyResult, folder: Path) -> Report:
    files = write(result, folder)
    written = (files.html, files.markdown, files.csv, files.json)
    tables = {path.name: path.read_bytes().decode("utf-8") for path in files.tables.iterdir()}
    return Report(result, *(path.read_bytes().decode("utf-8") for path in written), tables)


@pytest.fixture(scope="module", params=range(ROUNDS))
def hostile_report(request: pytest.FixtureRequest, tmp_path_factory) -> Report:
    result = hostile(request.param * len(hostile_texts.TEXTS) // ROUNDS)
    return report(result, tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="module")
def own_report(tmp_path_factory) -> Report:
    return report(EXAMPLE, tmp_path_factory.mktemp("own"))


def test_markdown_holds_no_markup_from_untrusted_texts(
    hostile_report: Report, own_report: Report
) -> None:
    text = hostile_report.markdown
    assert not harmless.problems(text, allowed="\n\t")
    blocks = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    inline = [c for b in blocks for c in b.children or ()]
    kinds = {b.type for b in blocks} | {c.type for c in inline}
    assert not kinds & {"image", "blockquote_open", "hr", "code_block", "strong_link"}
    assert {c.content for c in inline if c.type == "html_inline"} <= {"<br>"}
    details = [b.content for b in blocks if b.type == "html_block"]
    assert details == ["<details><summary>The study file</summary>\n", "</details>\n"]
    links = [c.attrs["href"] for c in inline if c.type == "link_open"]
    for address in links:
        assert re.fullmatch(r"discrepancies\.csv|https?://[!-~]+", str(address)), address
    headings = [b for b in blocks if b.type == "heading_open"]
    own = MarkdownIt("commonmark", {"html": True}).enable("table")
    expected = own.parse(own_report.markdown)
    assert len(headings) == sum(b.type == "heading_open" for b in expected)


def test_rows_of_markdown_have_the_cells_of_their_header(hostile_report: Report) -> None:
    blocks = MarkdownIt("commonmark").enable("table").parse(hostile_report.markdown)
    width, cells = 0, 0
    for block in blocks:
        if block.type == "thead_open":
            width = 0
        elif block.type == "tr_open":
            cells = 0
        elif block.type in ("th_open", "td_open"):
            cells += 1
        elif block.type == "tr_close":
            width = width or cells
            assert cells == width


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, frozenset[str]]] = []
        self.links: list[str] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, frozenset(name for name, _ in attrs)))
        if tag == "script":
            self.scripts.append("")
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data


def _tags(html: str) -> _Tags:
    reader = _Tags()
    reader.feed(html)
    reader.close()
    return reader


def _own(html: str) -> str:
    """A page without the chart library, whose text is known."""
    for script in (render._asset(f"vendor/{name}").strip() for name in render._LIBRARY):
        assert script in html
        html = html.replace(script, "")
    return html


def test_html_has_no_element_or_attribute_from_untrusted_texts(
    hostile_report: Report, own_report: Report
) -> None:
    assert not harmless.problems(_own(hostile_report.html), allowed="\n\t")
    found, own = _tags(hostile_report.html), _tags(own_report.html)
    assert {tag for tag, _ in found.tags} <= {tag for tag, _ in own.tags}
    names = {name for _, attributes in own.tags for name in attributes}
    assert {name for _, attributes in found.tags for name in attributes} <= names
    for tag in ("script", "style", "svg", "section", "table", "title"):
        count = [sum(t == tag for t, _ in reader.tags) for reader in (found, own)]
        assert tag in ("svg", "table", "title", "section") or count[0] == count[1], tag
    # All scripts are the same; the data between them has texts of the study.
    assert len(found.scripts) == len(own.scripts) == 6
    assert [s for s in found.scripts if not s.startswith("{")] == [
        s for s in own.scripts if not s.startswith("{")
    ]
    ours = re.compile(r"#|https?://|discrepancies\.|report\.md$|tables/[a-z]+\.(csv|tex|md)$")
    assert all(ours.match(link) for link in found.links)


def test_csv_holds_no_formula_and_no_broken_row(hostile_report: Report) -> None:
    rows = list(csv.reader(io.StringIO(hostile_report.csv)))
    assert {len(row) for row in rows} == {len(discrepancies.COLUMNS)}
    assert len(rows) == 1 + len(list(discrepancies.rows(hostile_report.result)))
    for cell in (cell for row in rows for cell in row):
        assert not harmless.problems(cell, allowed="")
        formula = re.match(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell)
        assert not formula or re.fullmatch(r"-?[\d.]+(e-?\d+)?", cell), cell


def test_json_is_strict_and_visible(hostile_report: Report) -> None:
    assert not harmless.problems(hostile_report.json)
    json.loads(hostile_report.json, parse_constant=pytest.fail)


def test_all_four_files_are_written(hostile_report: Report) -> None:
    files = ("html", "markdown", "csv", "json")
    assert all(getattr(hostile_report, file) for file in files)
    for file in files:
        text = getattr(hostile_report, file)
        shown = _own(text) if file == "html" else text
        assert not harmless.problems(shown, allowed="\n\t")


def test_the_data_of_the_page_is_visible_and_cannot_end_its_element(
    hostile_report: Report,
) -> None:
    (data,) = re.findall(
        r'<script type="application/json" id="data">(.*)</script>', hostile_report.html
    )
    assert not re.search("[<>&]", data)
    document = json.loads(data, parse_constant=pytest.fail)

    def texts(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            for key, item in value.items():
                yield key
                yield from texts(item)
        elif isinstance(value, list):
            for item in value:
                yield from texts(item)

    found = list(texts(document))
    assert len(found) > 500
    for text in found:
        assert not harmless.problems(text, allowed="")


def test_tables_for_papers_hold_no_command_and_no_broken_row(hostile_report: Report) -> None:
    for latex in (t for name, t in hostile_report.tables.items() if name.endswith(".tex")):
        assert not harmless.problems(latex, allowed="\n")
        rows = latex.split("\\midrule\n")[1].split("\n\\bottomrule")[0].splitlines()
        for row in rows:
            assert not re.search(
                r"(?<!\\)[%#$^~\[]|\\(?![\\{}$&#_%]|text|times|neq|infty|dag|ddag|ldots)",
                _maths(row),
            ), row
        cells = {len(re.findall(r"(?<!\\)&", row)) for row in rows}
        assert len(cells) <= 1
    for name in (name for name in hostile_report.tables if name.endswith(".csv")):
        read = list(csv.reader(io.StringIO(hostile_report.tables[name])))
        assert len({len(row) for row in read}) == 1
        for cell in (cell for row in read for cell in row):
            assert not re.match(r"\s*[=+\-@]", cell) or re.fullmatch(r"-?[\d.]+", cell), cell
    for name in (name for name in hostile_report.tables if name.endswith(".md")):
        assert not harmless.problems(hostile_report.tables[name], allowed="\n")
        tokens = (
            MarkdownIt("commonmark", {"html": True})
            .enable("table")
            .parse(hostile_report.tables[name])
        )
        kinds = {inner.type for token in tokens for inner in token.children or ()}
        assert kinds <= {"text"}, kinds


def _maths(row: str) -> str:
    """A row without what zoodiff itself writes in LaTeX."""
    assert row.endswith(r" \\")
    row = row.removesuffix(r" \\")
    return re.sub(r"\$-\$|\$\\(times|neq|infty)\$|\{\[\}|\{\*\}|(?<=\d)~|\\[{}]", "", row)


def test_the_command_to_copy_is_one_command() -> None:
    study = "a; touch owned `touch owned` $(touch owned)"
    result = EXAMPLE.model_copy(update={"study": study})
    assert "zoodiff run 'a; touch owned" in render.to_markdown(page(result)).replace("\\", "")
    assert "zoodiff run &#39;a; touch" in render.to_html(page(result)).replace("&#x27;", "&#39;")


def test_manifests_version_is_escaped() -> None:
    result = EXAMPLE.model_copy(update={"zoodiff_version": "<script>alert(1)</script>"})
    assert "<script>alert" not in render.to_markdown(page(result))
    assert "<script>alert" not in render.to_html(page(result))


def test_every_template_escapes_by_default() -> None:
    for environment in (render._html(), render._markdown()):
        assert environment.autoescape is True
        made = environment.from_string("{{ x }}").render(x="<b>\x1b\u202e")
        assert "<b>" not in made
        assert not harmless.problems(made)


def test_the_study_stays_inside_its_fence() -> None:
    study = "\n".join([*hostile_texts.unicode_texts(), "~~~", "````", "</pre></code>", "    "])
    result = EXAMPLE.model_copy(update={"study_text": study})
    text = render.to_markdown(page(result))
    assert not harmless.problems(text, allowed="\n\t")
    fences = [b for b in MarkdownIt("commonmark", {"html": True}).parse(text) if b.type == "fence"]
    assert len(fences) == 1
    assert text.endswith("\n</details>\n")
    html = render.to_html(page(result))
    assert _tags(html).tags == _tags(render.to_html(page(EXAMPLE))).tags
    assert not harmless.problems(_own(html), allowed="\n\t")


def test_the_texts_do_reach_the_report() -> None:
    """Else the tests above would test nothing."""
    shown = set()
    for offset in range(ROUNDS):
        result = hostile(offset * len(hostile_texts.TEXTS) // ROUNDS)
        html = render.to_html(page(result))
        shown |= {name for name, t in hostile_texts.TEXTS.items() if make_html(t)[:3000] in html}
    assert len(shown) > 0.95 * len(hostile_texts.TEXTS), set(hostile_texts.TEXTS) - shown
