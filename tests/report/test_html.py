from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import ModuleType

import pytest

from zoodiff.report import render
from zoodiff.report.page import page
from zoodiff.study.result import StudyResult

_VOID = {"meta", "br", "wbr", "input", "img", "link", "hr"}
_SECTIONS = (
    *("claimed", "accuracy", "latency", "control", "rules", "sensitivity", "mismatches"),
    *("entries", "not-measured", "failures", "left-out", "versions", "repeat"),
)


@dataclass
class _Node:
    tag: str
    attributes: dict[str, str | None]
    parent: _Node | None
    children: list[_Node] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str) -> list[_Node]:
        found = [self] if self.tag == tag else []
        return found + [node for child in self.children for node in child.all(tag)]

    def words(self) -> str:
        return self.text + " ".join(child.words() for child in self.children)


class _Tree(HTMLParser):
    """Builds a tree and refuses markup that does not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.root = _Node("", {}, None)
        self._at = self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = _Node(tag, dict(attrs), self._at)
        self._at.children.append(node)
        if tag not in _VOID:
            self._at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._at.children.append(_Node(tag, dict(attrs), self._at))

    def handle_endtag(self, tag: str) -> None:
        assert self._at.tag == tag, f"</{tag}> closes <{self._at.tag}>"
        assert self._at.parent is not None
        self._at = self._at.parent

    def handle_data(self, data: str) -> None:
        self._at.text += data


def _tree(html: str) -> _Node:
    parser = _Tree()
    parser.feed(html)
    parser.close()
    assert parser._at is parser.root, "an element is not closed"
    return parser.root


@pytest.fixture(scope="module")
def html(result: StudyResult) -> str:
    return render.to_html(page(result))


@pytest.fixture(scope="module")
def tree(html: str) -> _Node:
    return _tree(html)


@pytest.fixture(scope="module")
def empty_tree(empty: StudyResult) -> _Node:
    return _tree(render.to_html(page(empty)))


def _nodes(node: _Node) -> list[_Node]:
    return [node, *(found for child in node.children for found in _nodes(child))]


def test_every_table_has_headers_and_a_place_to_scroll(tree: _Node, empty_tree: _Node) -> None:
    tables = [*tree.all("table"), *empty_tree.all("table")]
    assert len(tables) > 12
    for table in tables:
        heads = table.all("thead")[0].all("th")
        assert heads and all(head.attributes.get("scope") == "col" for head in heads)
        assert table.parent is not None and table.parent.attributes.get("class") == "scroll"
        for body in table.all("tbody"):
            assert any(th.attributes.get("scope") in ("row", "rowgroup") for th in body.all("th"))


def test_every_row_is_as_wide_as_its_header(tree: _Node) -> None:
    for table in tree.all("table"):
        width = len(table.all("thead")[0].all("th"))
        for body in table.all("tbody"):
            reaching: list[int] = []
            for row in body.all("tr"):
                cells = [c for c in row.children if c.tag in ("td", "th")]
                taken = sum(int(c.attributes.get("colspan") or 1) for c in cells)
                assert taken + len(reaching) == width
                reaching += [int(c.attributes.get("rowspan") or 1) for c in cells]
                reaching = [left - 1 for left in reaching if left > 1]
            assert not reaching


def test_nothing_is_loaded_from_anywhere(tree: _Node, html: str) -> None:
    for node in _nodes(tree):
        assert node.tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        for name, value in node.attributes.items():
            if name in ("src", "href", "xlink:href", "action", "srcset", "data", "poster"):
                assert node.tag == "a" and name == "href", (node.tag, name, value)
            assert not name.startswith("on") and name != "style"
    styles = tree.all("style")[0].text
    assert "url(" not in styles and "@import" not in styles


def test_links_lead_to_https_to_the_page_or_beside_it(tree: _Node) -> None:
    targets = [a.attributes["href"] or "" for a in tree.all("a")]
    ids = {node.attributes.get("id") for node in _nodes(tree)}
    assert any(target.startswith("https://github.com/onnx/models/blob/") for target in targets)
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in ids
        else:
            beside = ("discrepancies.csv", "discrepancies.json", "report.md")
            assert target.startswith("https://github.com/") or target in beside


def test_ids_are_unique_and_sections_in_order(tree: _Node, empty_tree: _Node) -> None:
    for found in (tree, empty_tree):
        ids = [i for node in _nodes(found) if (i := node.attributes.get("id"))]
        assert [i for i, times in Counter(ids).items() if times > 1] == []
        assert [i for i in ids if i in _SECTIONS] == list(_SECTIONS)


def test_hostile_names_are_text(tree: _Node, html: str, examples: ModuleType) -> None:
    assert len(tree.all("script")) == 1
    assert tree.all("img") == []
    assert "<script>alert" not in html
    cells = [code.words().replace(" ", "") for code in tree.all("code")]
    assert examples.HOSTILE in cells


def test_the_policy_allows_this_style_and_script_alone(tree: _Node) -> None:
    metas = {m.attributes.get("http-equiv"): m.attributes.get("content") for m in tree.all("meta")}
    policy = metas["Content-Security-Policy"] or ""
    assert policy.startswith("default-src 'none'")
    for tag in ("style", "script"):
        text = tree.all(tag)[0].text
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_charts_have_a_text_for_those_who_do_not_see_them(tree: _Node) -> None:
    charts = tree.all("svg")
    assert len(charts) > 20
    assert all(svg.attributes["role"] == "img" and svg.all("title")[0].text for svg in charts)


def test_differing_cells_are_marked_by_more_than_colour(tree: _Node) -> None:
    differing = [td for td in tree.all("td") if td.attributes.get("class") == "differs"]
    assert differing
    for cell in differing:
        assert cell.all("mark")
        assert any(s.attributes.get("class") == "letter" for s in cell.all("span"))


def test_unpublished_weights_carry_a_sign(tree: _Node) -> None:
    spans = [s for s in tree.all("span") if "weights" in (s.attributes.get("class") or "").split()]
    for span in spans:
        marked = span.text.split()[0] in ("random", "placeholder")
        assert ("†" in span.text) == marked
        assert ("unpublished" in (span.attributes["class"] or "")) == marked
    assert any("†" in span.text for span in spans)


def test_empty_sections_stay_and_say_why(empty_tree: _Node) -> None:
    reasons = [p for p in empty_tree.all("p") if p.attributes.get("class") == "empty"]
    assert len(reasons) == 10
    assert all(reason.words().strip() for reason in reasons)


def test_an_incomplete_run_says_so_at_the_top(result: StudyResult, html: str) -> None:
    assert "not complete" not in html
    incomplete = render.to_html(page(result.model_copy(update={"complete": False})))
    header = incomplete[: incomplete.index("<main>")]
    assert "This run is not complete" in header


def test_the_study_and_its_hash_are_there(tree: _Node, examples: ModuleType) -> None:
    assert tree.all("pre")[0].words() == examples.STUDY_TEXT
    assert any(code.text == hashlib.sha256(examples.STUDY_TEXT.encode()).hexdigest()
               for code in tree.all("code"))  # fmt: skip


def test_the_same_result_gives_the_same_page(result: StudyResult, html: str) -> None:
    assert render.to_html(page(result)) == html
    assert not re.search(r"0x[0-9a-f]{8,}", html)
