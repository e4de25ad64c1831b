"""Links between the pages of the documentation, and the files that the pages name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoodiff.graph.passes import PASSES

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_TOP = ("src", "tests", "docs", "tools", "benchmarks")
_LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(_TOP)})/[\w/.*-]*\w")
_MODULE = re.compile(r"[a-z_]+(?:/[a-z_*]+)+\.(?:py|toml)")


def anchors(page: Path) -> set[str]:
    """Returns the anchors of a page's headings, spelled as GitHub spells them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(page: Path) -> Iterator[str]:
    """Yields each link of a page to a file or a heading that does not exist."""
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def missing_files(page: Path) -> Iterator[str]:
    """Yields each path of this repository that a page has in code and that does not exist.

    A path of a module may be relative to any folder of ``src``.
    """
    for code in _CODE.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if _MODULE.fullmatch(code) and not code.startswith(_TOP):
            if not any((ROOT / "src").rglob(code)):
                yield code
            continue
        for path in _PATH.findall(code):
            if not any(ROOT.glob(path)):
                yield path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_to_a_page_and_a_heading(page: Path) -> None:
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    assert list(missing_files(page)) == []


def test_a_broken_link_and_a_missing_file_are_reported(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A heading\n[here](#a-heading) [there](#another) [away](other.md)\n"
        "[outside](https://example.org) `pytest tests/docs` `pytest tests/nowhere.py`\n"
        "`graph/ir.py` `graph/nothing.py`\n"
    )
    assert list(broken_links(page)) == ["#another", "other.md"]
    assert list(missing_files(page)) == ["tests/nowhere.py", "graph/nothing.py"]


def test_the_architecture_page_lists_every_pass_in_order() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", page.partition("| pass |")[2], re.MULTILINE)
    assert rows == [(each.name, each.title) for each in PASSES]
