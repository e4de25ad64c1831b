"""The report as a browser shows it, opened from disk."""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from support import drawn_reports, report_examples
from zoodiff.data.layouts import open_images
from zoodiff.report import write
from zoodiff.report.serve import ReportServer
from zoodiff.report.stored import StoreReader
from zoodiff.store.folder import Store

pytestmark = pytest.mark.browser


ROWS = "[...document.querySelectorAll('#app tbody tr')]"
FRAME = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
AXE = """axe.run(document, {resultTypes: ['violations']}).then((result) =>
    result.violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 160)}`))"""
PAIR = "#/pair/resnet50/torchvision%3Aresnet50%40default/keras%3AResNet50%40default"
TURNED = "#/pair/resnet50/keras%3AResNet50%40default/torchvision%3Aresnet50%40default"
MEASURED = "#/pair/digits/mini-torch%3Adigits%40v1/mini-tfmg%3Adigits%40v1"
HOSTILE_PAIR = (
    f"#/pair/resnet50/torchvision%3Aresnet50%40default/{quote(report_examples.HOSTILE, safe='')}"
)
TIMED = "#/pair/alexnet/onnx%3Abvlcalexnet-12%40placeholder/torchvision%3Aalexnet%40random"
UNTIMED = "#/pair/vgg19/keras%3AVGG19%40random/torchvision%3Avgg19%40random"
WHOLE = "#/pair/mobilenetv2/keras%3AMobileNetV2%40random/torchvision%3Amobilenet_v2%40random"
STRANGE = "main img:not(.picture img):not(.thumbnail)"
AGREEMENT = '[aria-label="Same answers of each two entries, percent"]'
VIEWS = {
    "overview": "",
    "architectures": "#/architectures",
    "architecture": "#/architecture/resnet50",
    "claims": "#/architecture/alexnet",
    "agreement": "#/architecture/digits",
    "pair": PAIR,
    "measured pair": MEASURED,
    "timed pair": TIMED,
    "pairs": "#/pairs",
    "entries": "#/entries",
    "method": "#method",
}


def column(number: int) -> str:
    return f"{ROWS}.map((row) => row.cells[{number}].innerText)"


def awaited(tab: Any, expression: str) -> Any:
    answer = tab.call(
        "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
    )
    assert "exceptionDetails" not in answer, answer
    return answer["result"].get("value")


def settled(tab: Any) -> Any:
    """The tab after the next frame, in which what was asked for is drawn."""
    awaited(tab, FRAME)
    return tab


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report with a space")
    store = Store(tmp_path_factory.mktemp("results"))
    return write(drawn_reports.example(store), folder, store).html.as_uri()


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


@pytest.mark.parametrize(("order", "reverse"), [("asc", False), ("desc", True)])
@pytest.mark.parametrize("form", ["#/entries?sort=latency&order={}", "#sort=latency&order={}"])
def test_a_link_sorts_by_latency_and_puts_what_is_missing_last(
    browser: Any, address: str, form: str, order: str, reverse: bool
) -> None:
    tab = browser.open(address + form.format(order))
    cells = [text.split()[0] for text in tab.run(column(7))]
    numbers = [float(text) for text in cells if text[0].isdigit()]
    assert len(numbers) == 10
    assert numbers == sorted(numbers, reverse=reverse)
    assert set(cells[10:]) == {"–", "failed"}  # noqa: RUF001 - the page's sign
    heads = tab.run("[...document.querySelectorAll('[aria-sort]')].map((h) => h.dataset.sort)")
    assert heads == ["latency"]


def test_a_link_filters_by_all_of_its_words(browser: Any, address: str) -> None:
    tab = browser.open(f"{address}#/entries?filter=resnet50%20keras")
    assert [text.split()[0] for text in tab.run(column(0))] == ["keras:ResNet50@random"]
    assert tab.run("document.getElementById('entries-filter').value") == "resnet50 keras"
    assert "1 of 21" in tab.run("document.querySelector('#app [role=status]').textContent")


def test_heads_sort_by_click_and_the_address_remembers(browser: Any, address: str) -> None:
    tab = browser.open(f"{address}#/entries")
    press = "document.querySelector('[data-sort=macs] button').click()"
    tab.run(press)
    assert tab.run("location.hash") == "#/entries?sort=macs"
    assert tab.run(column(5))[0] == "153 k"
    tab.run(press)
    assert tab.run("location.hash") == "#/entries?sort=macs&order=desc"
    assert tab.run(column(5))[0] == "19.6 G"
    assert tab.complaints() == []


@pytest.mark.parametrize(
    "hash_",
    [
        "#sort=%3Cscript%3E&order=up",
        "#/architecture/%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
        "#/pair/resnet50/%E0%A4%A/x",
        "#/pair/__proto__/constructor/toString",
        "#/constructor",
        "#%",
    ],
)
def test_a_link_with_nonsense_does_no_harm(browser: Any, address: str, hash_: str) -> None:
    tab = browser.open(address + hash_)
    assert tab.complaints() == []
    script = f"document.querySelectorAll('{STRANGE}, main script').length"
    assert tab.run(script) == 0
    assert tab.run("document.querySelectorAll('.view.current').length") == 1


def test_hostile_names_are_text_in_every_view(browser: Any, address: str) -> None:
    for view in ("#/entries", "#/pairs", "#/architecture/resnet50", HOSTILE_PAIR):
        tab = settled(browser.open(address + view))
        script = f"document.querySelectorAll('{STRANGE}, main b script').length"
        assert tab.run(script) == 0
        assert "<script>alert(document.cookie)</script>" in tab.run(
            "document.getElementById('app').textContent"
        )
        assert tab.complaints() == []


def test_cells_of_the_matrix_lead_to_the_answer_they_give(browser: Any, address: str) -> None:
    tab = browser.open(address)
    letter = tab.run("""(() => { const cell = [...document.querySelectorAll('.matrix td a')]
      .find((a) => a.hash.startsWith('#/pair/')); cell.click();
      return cell.querySelector('b').innerText; })()""")
    settled(tab)
    assert tab.run("location.hash").startswith("#/pair/")
    assert tab.run("document.querySelector('#app .verdict-line .chip').innerText") == letter
    assert tab.run("document.activeElement.tagName") == "H2"


def test_a_pair_shows_findings_turned_to_its_order(browser: Any, address: str) -> None:
    tab = browser.open(address + PAIR)
    how = "document.querySelector('#app .findings li p:nth-child(2)').innerText"
    assert " ".join(tab.run(how).split()) == "A stride 1 and 2 B 2 and 1"
    tab = browser.open(address + TURNED)
    assert " ".join(tab.run(how).split()) == "A 2 and 1 B stride 1 and 2"
    command = tab.run("document.querySelector('#app .command').innerText")
    assert command.startswith("zoodiff diff keras:ResNet50@default torchvision:resnet50@default ")


def test_a_pair_shows_its_picture_and_leads_to_the_whole_one(browser: Any, address: str) -> None:
    tab = settled(browser.open(address + PAIR))
    image = "document.querySelector('#app .picture img')"
    awaited(tab, f"{image}.decode()")
    assert tab.run(f"[{image}.naturalWidth, {image}.naturalHeight > 400]") == [336, True]
    assert tab.run(f"{image}.alt").startswith(
        "torchvision:resnet50@default on the left and keras:ResNet50@default on the right"
    )
    caption = "document.querySelector('#app .picture figcaption').textContent"
    assert "Here A is" not in tab.run(caption)
    whole = tab.run("document.querySelector('#app .picture a').href")
    assert whole.endswith("/pictures/0000000000000000.html")
    assert Path(whole.removeprefix("file://").replace("%20", " ")).is_file()
    tab = settled(browser.open(address + TURNED))
    assert "Here A is torchvision:resnet50@default and B is keras" in tab.run(caption)
    tab = settled(browser.open(address + MEASURED))
    assert tab.run("document.querySelectorAll('#app .picture').length") == 0


def test_a_measured_pair_shows_the_images_on_which_they_disagree(
    browser: Any, address: str
) -> None:
    tab = settled(browser.open(address + MEASURED))
    table = "document.querySelector('[aria-label=\"Images on which they disagree\"]')"
    heads = tab.run(f"[...{table}.tHead.rows[0].cells].map((c) => c.innerText)")
    assert heads == ["Image", "Its class", "mini-torch:digits@v1", "mini-tfmg:digits@v1"]
    rows = tab.run(f"[...{table}.tBodies[0].rows].map((r) => [...r.cells].map((c) => c.innerText))")
    assert [row[0] for row in rows] == ["image 0", "image 1", "image 4", "image 5"]
    assert rows[0][1:] == ["class 0", "class 0, 100.0 % right", "class 1, 100.0 %"]


def test_images_on_which_they_disagree_are_shown_small(
    browser: Any, axe: str, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    for number in range(6):
        Image.new("RGB", (120, 100), (40 * number, 99, 0)).save(tmp_path / f"data/{number}.png")
    images = open_images(str(tmp_path / "data"))
    hashes = [hashlib.sha256(images.read(number)).digest() for number in range(6)]
    store = Store(tmp_path / "results")
    result = drawn_reports.with_predictions(
        report_examples.example(), store, [int.from_bytes(each[:8], "big") for each in hashes]
    )
    text = f"""name = "s"\ntitle = "t"\n[accuracy]\ndata = "{tmp_path}/data"\nentries = ["a:b"]\n"""
    study = result.model_copy(update={"study_text": text})
    page = write(study, tmp_path / "r", StoreReader(store, thumbnails=3)).html.as_uri()
    for width in (360, 1600):
        tab = settled(browser.open(page + MEASURED, width=width))
        shown = "[...document.querySelectorAll('#app .thumbnail')]"
        awaited(tab, f"Promise.all({shown}.map((image) => image.decode()))")
        sizes = tab.run(
            f"{shown}.map((image) => [image.naturalWidth, image.offsetWidth, image.alt])"
        )
        assert sizes == [[96, 96, f"The image {name}.png"] for name in (0, 1, 4)]
        assert tab.run("document.documentElement.scrollWidth") <= width
        tab.run(axe)
        assert awaited(tab, AXE) == []
        assert tab.complaints() == []


def test_a_picture_is_saved(browser: Any, address: str) -> None:
    tab = settled(browser.open(address + PAIR))
    tab.call("Page.setDownloadBehavior", behavior="deny")
    tab.run("document.querySelector('#app .picture button').click()")
    name, media, size = tab.run("document.documentElement.dataset.saved").split()
    assert name == "torchvision_resnet50_default-keras_ResNet50_default.svg"
    assert media == "image/svg+xml"
    assert int(size) > 10_000


def test_measured_pairs_show_the_images_by_who_is_right(browser: Any, address: str) -> None:
    tab = browser.open(address + MEASURED)
    cells = "[...document.querySelectorAll('.contingency td.number')].map((c) => c.innerText)"
    assert tab.run(cells) == ["328", "22", "3", "7"]


def test_a_decomposed_ratio_has_its_factors_as_bars(browser: Any, address: str) -> None:
    tab = settled(browser.open(address + TIMED))
    figure = "document.querySelector('figure[aria-label=\"Where the ratio sits\"]')"
    assert tab.run(f"{figure}.querySelectorAll('[data-mark=bar] rect').length") == 4
    notes = tab.run(f"[...{figure}.nextElementSibling.children].map((n) => n.innerText)")
    assert notes == [
        "LAT110 framework: 2.20 [2.15, 2.25]",
        "LAT111 layers: 1.08 [1.05, 1.11]",
        "LAT112 processing inside: 0.97 [0.94, 1.01]",
    ]
    tab = settled(browser.open(address + PAIR))
    assert tab.run(f"{figure}") is None


def test_layers_that_were_timed_are_bars_and_numbers(browser: Any, address: str) -> None:
    tab = settled(browser.open(address + TIMED))
    figure = "document.querySelector('figure[aria-label=\"Where the layers differ\"]')"
    assert tab.run(f"{figure}.querySelectorAll('[data-mark=bar] rect').length") == 4
    notes = tab.run(f"[...{figure}.nextElementSibling.children].map((n) => n.innerText.trim())")
    assert notes == [
        "<b>conv2</b> (Conv): 4.00 | 2.00 ms ARC105",
        "fc6 (Gemm): 3.00 | 2.25 ms",
        "between operators: 0.500 | 1.00 ms",
        "noise: medians do not add up: 0.00 | 0.250 ms",
        "12 others: 4.50 | 4.25 ms",
    ]
    says = "document.getElementById('app').innerText.includes('not layer by layer')"
    assert not tab.run(says)
    tab = settled(browser.open(address + UNTIMED))
    assert tab.run(f"{figure}") is None
    assert not tab.run(says)
    assert "the profile <b>has no node</b> of its graph" in tab.run(
        "document.getElementById('app').innerText"
    )
    tab = settled(browser.open(address + WHOLE))
    assert tab.run(f"{figure}") is None
    assert tab.run(says)


def test_entries_show_how_often_they_answer_alike(browser: Any, address: str) -> None:
    tab = browser.open(f"{address}#/architecture/digits")
    rows = f"[...document.querySelectorAll('{AGREEMENT} tbody tr')]"
    cells = tab.run(
        f"{rows}.map((row) => [...row.cells].map((c) => parseFloat(c.innerText) || c.innerText))"
    )
    names = [row[0] for row in cells]
    assert names == [1, 2, 3, 4]
    shares = [row[1:] for row in cells]
    # The last: 328 right in both, and 5 of the 7 that both get wrong, of 360.
    assert shares[0] == ["itself", 98.6, 96.1, 92.5]
    assert [[row[k] for row in shares] for k in range(4)] == shares
    tab.run(f"document.querySelector('{AGREEMENT} td a').click()")
    settled(tab)
    assert tab.run("location.hash").startswith("#/pair/digits/mini-torch")
    assert "of 360 images (98.6 %)" in tab.run("document.getElementById('app').innerText")


def test_of_many_entries_those_that_agree_least_are_listed(browser: Any, tmp_path: Path) -> None:
    pairs = [
        each.model_copy(update={"high_entry": f"zoo:a{k}@w", "low_entry": f"zoo:b{k}@w"})
        for k, each in enumerate(report_examples.measured_accuracy() * 2)
    ]
    result = report_examples.example().model_copy(update={"measured_accuracy": pairs})
    page = write(result, tmp_path).html.as_uri()
    tab = browser.open(f"{page}#/architecture/digits")
    table = "document.querySelector('[aria-label=\"Pairs that agree least\"]')"
    shares = tab.run(
        f"[...{table}.tBodies[0].rows].map((row) => parseFloat(row.cells[1].innerText))"
    )
    assert len(shares) == 12
    assert shares == sorted(shares)
    assert tab.run(f"document.querySelectorAll('{AGREEMENT}').length") == 0


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_charts_are_saved(browser: Any, address: str, kind: str) -> None:
    tab = settled(browser.open(f"{address}#/architecture/resnet50"))
    tab.call("Page.setDownloadBehavior", behavior="deny")
    tab.run(
        "[...document.querySelectorAll('#app .save button')]"
        f".find((b) => b.innerText === '{kind.upper()}').click()"
    )
    saved = awaited(
        tab,
        "new Promise((done) => setTimeout("
        "() => done(document.documentElement.dataset.saved), 900))",
    )
    name, media, size = saved.split()
    assert name.endswith(f".{kind}")
    assert media.startswith(f"image/{kind}")
    assert int(size) > 1000
    assert [text for text in tab.complaints() if "download" not in text.lower()] == []


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(
    browser: Any, address: str
) -> None:
    tab = settled(browser.open(f"{address}#/entries"))
    reached = []
    for _ in range(14):
        for kind in ("keyDown", "keyUp"):
            tab.call(
                "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
            )
        reached.append(tab.run("document.activeElement.innerText || document.activeElement.id"))
    assert reached[:7] == [
        *("To the content", "Overview", "Architectures", "Pairs", "Entries", "Method"),
        "entries-filter",
    ]
    assert reached[7:10] == ["Entry", "Architecture", "Weights"]


@pytest.mark.parametrize("view", ["overview", "architecture", "entries"])
def test_nothing_moves_while_the_page_opens(browser: Any, address: str, view: str) -> None:
    tab = settled(browser.open(address + VIEWS[view]))
    shift = awaited(
        tab,
        """new Promise((done) => { let sum = 0;
        new PerformanceObserver((list) => list.getEntries().forEach((e) => { sum += e.value; }))
          .observe({type: 'layout-shift', buffered: true});
        setTimeout(() => done(sum), 400); })""",
    )
    assert shift < 0.1


def test_without_scripts_the_answer_and_the_method_are_there(browser: Any, address: str) -> None:
    tab = browser.open(address, script=False)
    root = tab.call("DOM.getDocument", depth=0)["root"]["nodeId"]

    def boxes(selector: str) -> list[bool]:
        nodes = tab.call("DOM.querySelectorAll", nodeId=root, selector=selector)["nodeIds"]
        return [_has_box(tab, node) for node in nodes]

    assert boxes(".view") == [True, False, True]
    assert boxes(".matrix tbody tr") == [True] * 4
    assert boxes(".ranking") == [True] * 3
    assert not any(boxes(".script-only"))


def _has_box(tab: Any, node: int) -> bool:
    try:
        tab.call("DOM.getBoxModel", nodeId=node)
    except RuntimeError:
        return False
    return True


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("width", [360, 390, 768, 1280, 1600])
def test_every_view_fits_the_window(browser: Any, address: str, width: int, view: str) -> None:
    tab = settled(browser.open(address + VIEWS[view], width=width))
    assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("window.innerWidth") == width
    assert tab.run("document.querySelector('.view.current').offsetHeight") > 150


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1600])
@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_no_violation(
    browser: Any, address: str, axe: str, view: str, width: int, dark: bool
) -> None:
    tab = settled(browser.open(address + VIEWS[view], width=width, dark=dark))
    tab.run(axe)
    assert awaited(tab, AXE) == []
    assert tab.complaints() == []
    assert tab.requests() == [address]


def test_on_paper_the_overview_is_whole(browser: Any, address: str) -> None:
    tab = settled(browser.open(address))
    tab.call("Emulation.setEmulatedMedia", media="print")
    assert tab.run("document.querySelector('nav').offsetHeight") == 0
    assert tab.run("document.querySelector('.matrix').offsetHeight") > 50


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
        assert len(ratios) > 100
        assert min(ratios) >= 4.5


def test_a_served_page_complains_of_nothing_and_asks_its_server_alone(
    browser: Any, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    result = drawn_reports.example(store).model_copy(update={"complete": False})
    with ReportServer(lambda: result, lambda: "1", reader=StoreReader(store)) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            tab = settled(browser.open(f"{server.address}#/entries"))
            assert tab.complaints() == []
            assert all(address.startswith(server.address) for address in tab.requests())
            assert len(tab.run(column(0))) == 21
            tab = settled(browser.open(f"{server.address}{PAIR}"))
            whole = tab.run("document.querySelector('#app .picture a').href")
            tab = browser.open(whole)
            assert tab.complaints() == []
            assert tab.requests() == [whole]
        finally:
            server.shutdown()
            thread.join()
