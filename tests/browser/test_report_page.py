"""The report as a browser shows it, opened from disk."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import chromium, report_examples
from zoodiff.report import write

pytestmark = pytest.mark.browser


ENTRIES = "[...document.querySelectorAll('#entries-table tbody tr')]"
VISIBLE = f"{ENTRIES}.filter((row) => row.offsetParent !== null)"


def column(number: int) -> str:
    return f"{VISIBLE}.map((row) => row.cells[{number}].innerText)"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report with a space")
    return write(report_examples.example(), folder).html.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    executable = chromium.find()
    if executable is None:
        pytest.skip(f"no Chromium on the path under any name of {', '.join(chromium.NAMES)}")
    with chromium.Browser(executable, tmp_path_factory.mktemp("profile")) as running:
        yield running


def pixels(png: bytes) -> tuple[int, list[bytes]]:
    """Bytes a pixel and the rows of a PNG of 8 bits a channel (ISO/IEC 15948, clause 9)."""
    at, packed, width, channels = 8, b"", 0, 0
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width, _, depth, colour = struct.unpack(">IIBB", body[:10])
            assert depth == 8
            channels = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            packed += body
        at += 12 + length
    raw, stride, rows = zlib.decompress(packed), width * channels, []
    above = bytearray(stride)
    for start in range(0, len(raw), stride + 1):
        row = bytearray(raw[start + 1 : start + 1 + stride])
        unfilter(raw[start], row, above, channels)
        rows.append(bytes(row))
        above = row
    return channels, rows


def unfilter(kind: int, row: bytearray, above: bytearray, step: int) -> None:
    for i in range(len(row) if kind else 0):
        left = row[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = above[i]
        elif kind == 3:
            guess = (left + above[i]) // 2
        else:
            estimate = left + above[i] - corner
            guess = min((left, above[i], corner), key=lambda v, e=estimate: abs(e - v))
        row[i] = (row[i] + guess) & 255


def test_the_page_complains_of_nothing_and_asks_for_nothing(browser: Any, address: str) -> None:
    tab = browser.open(address)
    assert tab.complaints() == []
    assert tab.requests() == [address]
    assert tab.run("document.title") == "Quick study over four zoos · zoodiff"


def test_complaints_would_be_heard(browser: Any, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text("<!doctype html><script>throw new Error('on purpose')</script>")
    assert browser.open(page.as_uri()).complaints() != []


def test_an_injected_script_is_stopped_by_the_policy(
    browser: Any, address: str, tmp_path: Path
) -> None:
    html = Path(tmp_path / "injected.html")
    original = Path(address.removeprefix("file://").replace("%20", " ")).read_text()
    html.write_text(original.replace("</main>", "<script>window.hostile = 1</script></main>"))
    tab = browser.open(html.as_uri())
    assert tab.run("typeof window.hostile") == "undefined"
    assert any("Content Security Policy" in text for text in tab.complaints())


def test_long_tables_are_folded_and_unfold(browser: Any, address: str) -> None:
    tab = browser.open(address)
    assert tab.run(f"[{VISIBLE}.length, {ENTRIES}.length]") == [15, 21]
    tab.run("document.getElementById('entries-all').click()")
    assert tab.run(f"{VISIBLE}.length") == 21


@pytest.mark.parametrize(("order", "reverse"), [("asc", False), ("desc", True)])
def test_a_link_sorts_by_latency_and_puts_what_is_missing_last(
    browser: Any, address: str, order: str, reverse: bool
) -> None:
    tab = browser.open(f"{address}#sort=latency&order={order}")
    tab.run("document.getElementById('entries-all').click()")
    cells = [text.split()[0] for text in tab.run(column(7))]
    numbers = [float(text) for text in cells if text[0].isdigit()]
    assert len(numbers) == 10
    assert numbers == sorted(numbers, reverse=reverse)
    assert set(cells[10:]) == {"–", "failed"}  # noqa: RUF001 - the page's sign
    heads = tab.run("[...document.querySelectorAll('[aria-sort]')].map((h) => h.dataset.sort)")
    assert heads == ["latency"]


def test_a_link_filters_by_all_of_its_words(browser: Any, address: str) -> None:
    tab = browser.open(f"{address}#filter=resnet50%20keras")
    assert [text.split()[0] for text in tab.run(column(1))] == ["keras:ResNet50@random"]
    assert tab.run("document.getElementById('entries-filter').value") == "resnet50 keras"
    assert "1 of 21" in tab.run("document.getElementById('entries-shown').textContent")


def test_heads_sort_by_click_and_the_address_remembers(browser: Any, address: str) -> None:
    tab = browser.open(address)
    press = "document.querySelector('[data-sort=macs] button').click()"
    tab.run(press)
    assert tab.run("location.hash") == "#sort=macs"
    assert tab.run(column(5))[0] == "153 k"
    tab.run(press)
    assert tab.run("location.hash") == "#sort=macs&order=desc"
    assert tab.run(column(5))[0] == "19.6 G"
    assert tab.complaints() == []


def test_a_link_with_nonsense_does_no_harm(browser: Any, address: str) -> None:
    tab = browser.open(f"{address}#sort=%3Cscript%3E&order=up")
    assert tab.run(f"{VISIBLE}.length") == 15
    assert tab.complaints() == []


def test_without_scripts_everything_is_there(browser: Any, address: str) -> None:
    tab = browser.open(address, script=False)
    root = tab.call("DOM.getDocument", depth=0)["root"]["nodeId"]

    def boxes(selector: str) -> list[bool]:
        nodes = tab.call("DOM.querySelectorAll", nodeId=root, selector=selector)["nodeIds"]
        return [_has_box(tab, node) for node in nodes]

    assert boxes("#entries-table tbody tr") == [True] * 21
    assert boxes("#entries-tools") == [False]


def _has_box(tab: Any, node: int) -> bool:
    try:
        tab.call("DOM.getBoxModel", nodeId=node)
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_tables_scroll_and_the_page_does_not(browser: Any, address: str, width: int) -> None:
    tab = browser.open(address, width=width)
    assert tab.run("document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.run("window.innerWidth") == width


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_shows_something_in_light_and_dark(browser: Any, address: str, dark: bool) -> None:
    tab = browser.open(address, width=800, height=500, dark=dark)
    channels, rows = pixels(tab.screenshot(whole=False))
    colours = {row[i : i + 3] for row in rows for i in range(0, len(row), channels)}
    assert len(colours) > 50
    assert (sum(rows[0][:3]) < 3 * 60) == dark


def test_text_stands_out_from_its_ground(browser: Any, address: str) -> None:
    """Contrast of at least 4.5 : 1 (WCAG 2.2, 1.4.3) for each colour of text, light and dark."""
    script = """(() => {
      const parse = (c) => c.match(/[\\d.]+/g).map(Number);
      const light = (c) => parse(c).slice(0, 3).map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const ground = (e) => {
        for (; e; e = e.parentElement) {
          const c = getComputedStyle(e).backgroundColor;
          if ((parse(c)[3] ?? 1) > 0) return c;
        }
        return "rgb(255, 255, 255)";
      };
      return [...document.querySelectorAll("body *:not(svg *):not(script)")]
        .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
        .map((e) => {
          const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
          return (a + 0.05) / (b + 0.05);
        });
    })()"""
    for dark in (False, True):
        ratios = browser.open(address, dark=dark).run(script)
        assert len(ratios) > 200
        assert min(ratios) >= 4.5
