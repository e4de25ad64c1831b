from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from types import ModuleType
from urllib.parse import unquote

import pytest

from zoodiff.report import render
from zoodiff.report.page import page
from zoodiff.study.result import StudyResult

_VOID = {"meta", "br", "wbr", "input", "img", "link", "hr"}
_SECTIONS = (
    *("overview", "networks", "claimed", "accuracy", "latency", "app", "method", "control"),
    *("rules", "sensitivity", "not-measured", "failures", "codes", "tables", "versions", "repeat"),
)
_EMPTY = ("overview", "method", "versions", "repeat")
"""What a report of a study without measurements has."""


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


def test_every_table_has_headers_and_a_name(tree: _Node, empty_tree: _Node) -> None:
    tables = [*tree.all("table"), *empty_tree.all("table")]
    assert len(tables) > 6
    for table in tables:
        heads = table.all("thead")[0].all("th")
        assert heads and all(head.attributes.get("scope") == "col" for head in heads)
        assert table.attributes.get("aria-label")
        for row in table.all("tbody")[0].all("tr"):
            assert any(th.attributes.get("scope") == "row" for th in row.all("th"))


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


def test_links_lead_to_https_to_the_page_or_beside_it(tree: _Node, result: StudyResult) -> None:
    routes = ("architectures", "architecture", "pairs", "pair", "entries")
    names = {each.name for each in page(result).document.architectures}
    targets = [a.attributes["href"] or "" for a in tree.all("a")]
    ids = {node.attributes.get("id") for node in _nodes(tree)}
    assert any(target.startswith("https://github.com/onnx/models/blob/") for target in targets)
    for target in targets:
        if target.startswith("#/"):
            kind, *parts = (unquote(part) for part in target[2:].partition("?")[0].split("/"))
            assert kind in routes, target
            assert not parts or parts[0] in names, target
        elif target.startswith("#"):
            assert target[1:] in ids
        else:
            beside = ("discrepancies.csv", "discrepancies.json", "report.md")
            table = re.fullmatch(r"tables/[a-z]+\.(csv|tex|md)", target)
            assert target.startswith("https://github.com/") or target in beside or table


def test_ids_are_unique_and_sections_in_order(tree: _Node, empty_tree: _Node) -> None:
    for found, sections in ((tree, _SECTIONS), (empty_tree, _EMPTY)):
        ids = [i for node in _nodes(found) if (i := node.attributes.get("id"))]
        assert [i for i, times in Counter(ids).items() if times > 1] == []
        assert [i for i in ids if i in _SECTIONS and i != "app"] == [
            i for i in sections if i != "app"
        ]


def test_hostile_names_are_text(tree: _Node, html: str, examples: ModuleType) -> None:
    assert len(tree.all("script")) == 6
    assert tree.all("img") == []
    assert "</script><" not in html.split('id="data">')[1].split("</script>", maxsplit=1)[0]
    assert "<script>alert" not in html
    cells = [code.words().replace(" ", "") for code in tree.all("code")]
    assert examples.HOSTILE in cells


def test_the_policy_allows_this_style_and_these_scripts_alone(tree: _Node) -> None:
    metas = {m.attributes.get("http-equiv"): m.attributes.get("content") for m in tree.all("meta")}
    directives = dict(
        directive.strip().split(" ", 1)
        for directive in (metas["Content-Security-Policy"] or "").split(";")
    )
    assert directives["default-src"] == "'none'"
    for tag, more in (("style", 1), ("script", 0)):
        texts = [
            node.text for node in tree.all(tag) if node.attributes.get("type") != "application/json"
        ]
        digests = {
            f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
            for text in texts
        }
        allowed = set(directives[f"{tag}-src"].split())
        # The chart library puts one more style into each chart.
        assert digests <= allowed
        assert len(allowed) == len(digests) + more
    assert directives["img-src"] == "data:"
    assert "unsafe" not in str(directives)


def test_scripts_make_elements_of_text_alone() -> None:
    """No way from text to markup or code in our own scripts."""
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function"
        r"|setTimeout\(\s*[\"'`]|createContextualFragment|DOMParser|\.srcdoc|javascript:"
    )
    names = [f"app/{name}" for name in (*render._APP, "first.js")]
    for name in (*names, "page.js"):
        assert not forbidden.search(render._asset(name)), name


def test_charts_have_a_text_for_those_who_do_not_see_them(tree: _Node) -> None:
    charts = tree.all("svg")
    assert len(charts) > 10
    assert all(svg.attributes["role"] == "img" and svg.all("title")[0].text for svg in charts)


def test_cells_of_the_matrix_have_a_letter_and_words(tree: _Node) -> None:
    (matrix,) = [t for t in tree.all("table") if t.attributes.get("class") == "matrix"]
    links = [link for cell in matrix.all("td") for link in cell.all("a")]
    assert len(links) > 8
    for link in links:
        letter = link.all("b")[0].text
        words = link.all("span")[0].text
        meant = {"S": "same network", "B": "same but for", "?": "not known", "O": "other network"}
        assert meant[letter] in words
        assert (link.attributes["href"] or "").startswith(("#/architecture/", "#/pair/"))


def test_unpublished_weights_carry_a_sign(tree: _Node) -> None:
    spans = [s for s in tree.all("span") if "weights" in (s.attributes.get("class") or "").split()]
    for span in spans:
        marked = span.text.split()[0] in ("random", "placeholder")
        assert ("†" in span.text) == marked
        assert ("unpublished" in (span.attributes["class"] or "")) == marked
    assert any("†" in span.text for span in spans)


def test_empty_sections_are_not_there(empty_tree: _Node) -> None:
    headings = [h.words().strip() for level in ("h2", "h3") for h in empty_tree.all(level)]
    assert headings == [
        *("Answer", "Method", "Versions and hardware", "Repeat this"),
    ]


def test_a_study_that_compared_nothing_says_so_first(empty_tree: _Node) -> None:
    (first,) = [d for d in empty_tree.all("dl") if d.parent and d.parent.tag == "section"][:1]
    assert first.words().strip().startswith("Nothing was compared")


def test_an_incomplete_run_says_so_at_the_top(result: StudyResult, html: str) -> None:
    assert "not complete" not in html
    incomplete = render.to_html(page(result.model_copy(update={"complete": False})))
    header = incomplete[: incomplete.index("<main ")]
    assert "This run is not complete" in header


def test_the_study_and_its_hash_are_there(tree: _Node, examples: ModuleType) -> None:
    assert tree.all("pre")[-1].words() == examples.STUDY_TEXT
    assert any(code.text == hashlib.sha256(examples.STUDY_TEXT.encode()).hexdigest()
               for code in tree.all("code"))  # fmt: skip


def test_the_same_result_gives_the_same_page(result: StudyResult, html: str) -> None:
    assert render.to_html(page(result)) == html
    assert not re.search(r"0x[0-9a-f]{8,}", html)
