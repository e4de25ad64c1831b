"""The picture of a diff as a browser shows it, opened from disk."""

from __future__ import annotations

from typing import Any

import pytest

from support.pictures import graph, picture
from zoodiff.equivalence.layer_outputs import LayerOutputs

pytestmark = pytest.mark.browser

PRESS = """document.querySelector('.view').dispatchEvent(
    new KeyboardEvent('keydown', {key: %r, bubbles: true}))"""
PANEL = "document.querySelector('.panel').innerText"
TIMES = "\N{MULTIPLICATION SIGN}"
ROWS = "document.querySelector('.view').getAttribute('aria-rowcount')"
ACTIVE = """document.getElementById(document.querySelector('.view')
    .getAttribute('aria-activedescendant'))"""
AXE = """axe.run(document, {resultTypes: ['violations']}).then((result) =>
    result.violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 120)}`))"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    a, b = graph("torchvision__resnet50"), graph("keras__ResNet50")
    apart = LayerOutputs(
        tuple((k, k, 0.0 if k < 30 else 0.5) for k in range(120)), 1e-5, "p", "", (30, 30)
    )
    drawing = picture(a, b, ("torchvision:resnet50", "keras:ResNet50"), apart)
    folder = tmp_path_factory.mktemp("picture with a space")
    return drawing.save(folder / "diff.html").as_uri()


def settled(tab: Any) -> Any:
    """The tab after the next frame, in which what was asked for is drawn."""
    awaited(tab, "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return tab


def awaited(tab: Any, expression: str) -> Any:
    answer = tab.call(
        "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
    )
    assert "exceptionDetails" not in answer, answer
    return answer["result"].get("value")


def press(tab: Any, *keys: str) -> None:
    for key in keys:
        tab.run(PRESS % key)
    settled(tab)


def test_the_page_complains_of_nothing_and_asks_for_nothing(browser: Any, page: str) -> None:
    tab = settled(browser.open(page))
    assert tab.complaints() == []
    assert tab.requests() == [page]
    assert tab.run("document.querySelector('h1').innerText").startswith("not decided")


def test_only_what_is_near_the_screen_is_drawn(browser: Any, page: str) -> None:
    tab = settled(browser.open(page))
    tab.run("document.querySelector('[aria-label^=Unfold]').click()")
    settled(tab)
    assert int(tab.run(ROWS)) > 140
    assert 10 < tab.run("document.querySelectorAll('.item').length") < 50


def test_the_cause_is_open_and_the_line_is_where_outputs_part(browser: Any, page: str) -> None:
    tab = settled(browser.open(page))
    names = tab.run("[...document.querySelectorAll('.side-0 .name')].map((n) => n.innerText)")
    assert "layer2.0.conv1" in names
    assert "layer2.1.conv1" not in names
    before = "document.querySelector('.mark').nextElementSibling"
    assert tab.run("document.querySelector('.mark').innerText") == "outputs differ from here on"
    assert tab.run(f"{before}.querySelector('.name').innerText") == "layer2.0.downsample.0"


def test_the_keyboard_goes_to_differences_and_opens_both_layers(browser: Any, page: str) -> None:
    tab = settled(browser.open(page))
    press(tab, "Home", "n")
    assert "layer2.0.conv1" in tab.run(f"{ACTIVE}.innerText")
    assert tab.run(f"{ACTIVE}.getAttribute('aria-selected')") == "true"
    panel = tab.run(PANEL)
    assert "ARC101 stride placement: 2 on the 3x3 | 2 on the 1x1" in panel
    assert "strides\t(1, 1)\t(2, 2)" in panel
    assert "BatchNormalization: epsilon\t1e-05\t1.001e-05" in panel
    assert "multiply-accumulates\t102,760,448\t25,690,112" in panel
    assert "weight\t128x256x1x1 float32\t128x256x1x1 float32" in panel.replace(TIMES, "x")
    press(tab, "p")
    assert "Softmax" in tab.run(f"{ACTIVE}.innerText")
    press(tab, "Escape")
    assert "Choose a row" in tab.run(PANEL)
    assert tab.complaints() == []


def test_the_keyboard_folds_and_unfolds(browser: Any, page: str) -> None:
    tab = settled(browser.open(page))
    rows = int(tab.run(ROWS))
    press(tab, "Home", *["ArrowDown"] * 4)
    assert "layer1" in tab.run(f"{ACTIVE}.innerText")
    assert tab.run(f"{ACTIVE}.getAttribute('aria-expanded')") == "false"
    press(tab, "ArrowRight")
    assert int(tab.run(ROWS)) == rows + 3
    press(tab, "Enter")
    assert int(tab.run(ROWS)) == rows


def test_outputs_of_layers_are_in_the_panel(browser: Any, page: str) -> None:
    tab = settled(browser.open(page))
    tab.run("document.querySelector('.mark').nextElementSibling.querySelector('.box').click()")
    assert "outputs apart by\t0.50 of their spread" in tab.run(PANEL)


def test_a_place_of_a_finding_leads_to_its_row(browser: Any, page: str) -> None:
    tab = settled(browser.open(page))
    tab.run(
        "[...document.querySelectorAll('a[data-row]')].find("
        "(a) => a.innerText === 'predictions/softmax').click()"
    )
    settled(tab)
    assert "Softmax" in tab.run(f"{ACTIVE}.innerText")
    assert "ARC140" in tab.run(PANEL)


def test_search_finds_rows_in_folded_blocks(browser: Any, page: str) -> None:
    tab = settled(browser.open(page))
    tab.run(
        "const box = document.querySelector('.search'); box.value = 'layer3.5 conv2';"
        "box.dispatchEvent(new Event('input'));"
        "box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}))"
    )
    settled(tab)
    assert tab.run("document.querySelector('.matches').innerText").startswith("1 of ")
    assert "layer3.5.conv2" in tab.run(f"{ACTIVE}.innerText")


def test_zoom_changes_what_fits(browser: Any, page: str) -> None:
    tab = settled(browser.open(page))
    tab.run("document.querySelector('[aria-label^=Unfold]').click()")
    tall = "document.querySelector('.item').offsetHeight"
    before = tab.run(tall)
    press(tab, "-", "-", "-", "-")
    assert tab.run(tall) < before / 2
    press(tab, "0")
    assert tab.run(tall) == before


def test_edges_are_drawn_and_those_of_the_chosen_row_are_marked(browser: Any, page: str) -> None:
    tab = settled(browser.open(page))
    press(tab, "Home", "n")
    paths = tab.run("[...document.querySelectorAll('.edges path')].map((p) => p.getAttribute('d'))")
    assert len(paths) == 4
    assert all(path.startswith("M") for path in paths)


@pytest.mark.parametrize("width", [360, 390, 768, 1600])
def test_the_page_fits_the_window(browser: Any, page: str, width: int) -> None:
    tab = settled(browser.open(page, width=width))
    assert tab.run("document.documentElement.scrollWidth <= window.innerWidth")
    assert tab.run("document.querySelector('.graph').getBoundingClientRect().height > 200")


def test_without_scripts_and_on_paper_there_is_the_drawing(browser: Any, page: str) -> None:
    tab = browser.open(page, script=False)
    root = tab.call("DOM.getDocument", depth=0)["root"]["nodeId"]
    for selector, seen in ((".static svg", True), (".app", False)):
        node = tab.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        try:
            shown = tab.call("DOM.getBoxModel", nodeId=node)["model"]["height"] > 100
        except RuntimeError:
            shown = False
        assert shown == seen, selector
    tab = settled(browser.open(page))
    assert tab.run("document.querySelector('.static').offsetHeight") == 0
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.run("document.querySelector('.static').offsetHeight") > 100
    assert tab.run("document.querySelector('.app').offsetHeight") == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1600])
def test_axe_finds_no_violation(browser: Any, page: str, axe: str, width: int, dark: bool) -> None:
    tab = settled(browser.open(page, width=width, dark=dark))
    tab.run(axe)
    assert awaited(tab, AXE) == []
    press(tab, "Home", "n")
    assert awaited(tab, AXE) == []
    assert tab.complaints() == []
