"""The page: nothing from outside, no markup in what names contain, numbers as in the diff."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from support.pictures import graph, picture, renamed
from support.small import Draft
from support.text import hostile_texts
from support.text.harmless import problems
from zoodiff.equivalence.layer_outputs import LayerOutputs
from zoodiff.errors import StoreError, UsageError
from zoodiff.graph.ir import Graph
from zoodiff.picture.page import script_json

HOSTILE = [
    "</script><script>window.hostile=1</script>",
    "<!--<script>",
    '"><img src=x onerror=window.hostile=1>',
    "]]></svg><svg onload=window.hostile=1>",
    "{{ 7 * 7 }}",
    "javascript:window.hostile=1",
    *hostile_texts.TERMINAL.values(),
    *hostile_texts.DIRECTION.values(),
    *hostile_texts.UNSEEN.values(),
]


def small(kernel: int = 3) -> Graph:
    draft = Draft()
    first = draft.norm(draft.conv("x"))
    second = draft.conv(draft.add("Relu", first), kernel=kernel)
    return draft.graph(draft.add("Add", [first, second]))


class _Collected(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in self.inside:
            self.inside[tag].append("")
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = "" if tag == self._open else self._open

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inside[self._open][-1] += data


def parsed(html: str) -> _Collected:
    collected = _Collected()
    collected.feed(html)
    return collected


@pytest.fixture(scope="module")
def drawing():
    return picture(
        graph("torchvision__resnet50"),
        graph("keras__ResNet50"),
        ("torchvision:resnet50", "keras:ResNet50"),
    )


@pytest.fixture(scope="module")
def html(drawing) -> str:
    return drawing.to_html()


def data_of(html: str) -> dict:
    return json.loads(parsed(html).inside["script"][0])


def test_the_page_names_nothing_outside(html: str) -> None:
    page = parsed(html)
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "object", "embed", "img", "base", "form"}
        assert not {"src", "srcset", "style", "xlink:href", "action"} & set(attributes), tag
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in page.inside["style"][0]
    assert "@import" not in page.inside["style"][0]
    outside = re.findall(r"https?://[^\s\"'<)]+", html)
    assert set(outside) == {"http://www.w3.org/2000/svg"}  # a name, not an address


def test_the_policy_allows_this_script_and_this_style_alone(html: str) -> None:
    page = parsed(html)
    (policy,) = [a["content"] for _, a in page.tags if a.get("http-equiv")]
    assert policy is not None
    (style,), (_, script) = page.inside["style"], page.inside["script"]
    for kind, content in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_the_answer_and_the_evidence_are_the_sentences_of_the_terminal(drawing, html: str) -> None:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html.partition("<script")[0]))
    assert drawing.subject.evident.answer.sentence in text
    assert len(drawing.subject.lines) > 5
    for line in drawing.subject.lines:
        assert line.text.replace("&", "&amp;") in text.replace("&#39;", "'")


def test_the_counts_in_the_page_are_those_of_the_diff(drawing, html: str) -> None:
    diff, data = drawing.subject.evident.graphs, data_of(html)
    layers = [row for row in data["rows"] if "k" not in row]
    assert sum("a" in row for row in layers) == diff.a.layers
    assert sum("b" in row for row in layers) == diff.b.layers
    assert sum("a" in row and "b" in row for row in layers) == len(diff.alignment.pairs)
    counted = {f["code"]: len(f["rows"]) for f in data["findings"]}
    assert counted["ARC120"] == counted["ARC110"] == 53
    for side, key in ((diff.a, "a"), (diff.b, "b")):
        assert sum(row[key][4] for row in layers if key in row) == side.counts.macs
    assert f"{len(diff.findings)} findings" in html
    assert f"{len(diff.alignment.pairs)} aligned layers" in html


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name)[:40])
def test_hostile_names_are_text(name: str) -> None:
    plain = small()
    drawing = picture(renamed(plain, name), small(kernel=5), (name, f"{name}2"))
    html = drawing.to_html()
    page = parsed(html)
    expected = parsed(picture(plain, plain, ("a", "b")).to_html())
    assert [tag for tag, _ in page.tags if tag in {"script", "img", "iframe"}] == ["script"] * 2
    assert page.inside["script"][1] == expected.inside["script"][1]
    assert problems(html) == []
    for text in (drawing.to_svg(), json.dumps(json.loads(page.inside["script"][0]))):
        assert problems(text) == []
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(drawing.to_svg()).iter()}
    assert tags <= {"svg", "title", "desc", "rect", "polyline", "text", "circle", "path", "polygon"}


def test_json_in_the_page_cannot_end_its_element() -> None:
    text = script_json({"a": "</script><!-- & ]]>\u2028"})
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text) == {"a": "</script><!-- & ]]>\u2028"}


def test_numbers_that_json_lacks_are_text() -> None:
    net = graph("torchvision__squeezenet1_1")
    layers = LayerOutputs(((0, 0, float("inf")), (1, 1, float("nan"))), 1e-5, "p")
    rows = data_of(picture(net, net, layers=layers).to_html())["rows"]
    assert [row["d"] for row in rows if "d" in row] == ["inf", "nan"]


def test_files_by_suffix(drawing, tmp_path) -> None:
    assert drawing.save(tmp_path / "a.html").read_bytes().startswith(b"<!doctype html>")
    assert drawing.save(tmp_path / "a.svg").read_bytes().startswith(b"<?xml")
    assert drawing.save(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert drawing.save(tmp_path / "page", "html").exists()
    with pytest.raises(UsageError, match=r"\.html, \.png, \.svg"):
        drawing.save(tmp_path / "a.pdf")
    with pytest.raises(StoreError, match="cannot be written"):
        drawing.save(tmp_path / "nowhere" / "a.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "a.png", "a.svg", "page"]
