"""The pages of ``names`` and ``which`` as a browser shows them, opened from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import zoodiff

pytestmark = pytest.mark.browser

VISIBLE = (
    "[...document.querySelectorAll('table.sortable tbody tr')]"
    ".filter((row) => row.offsetParent !== null)"
)


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("pages")
    pages = {
        "names": zoodiff.names(zoos=["torchvision", "timm"]).to_html(),
        "choice": zoodiff.which("resnet50", machine="i7-12700H").to_html(),
    }
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: Path(folder / f"{name}.html").as_uri() for name in pages}


@pytest.mark.parametrize("name", ["names", "choice"])
@pytest.mark.parametrize("width", [360, 1600])
@pytest.mark.parametrize("dark", [False, True])
def test_a_page_fits_and_asks_for_nothing(
    browser: Any, addresses: dict[str, str], name: str, width: int, dark: bool
) -> None:
    tab = browser.open(addresses[name], width=width, dark=dark)
    assert tab.complaints() == []
    assert tab.requests() == [addresses[name]]
    assert tab.run("document.documentElement.scrollWidth") <= width


def test_names_are_filtered_and_sorted(browser: Any, addresses: dict[str, str]) -> None:
    tab = browser.open(addresses["names"])
    everything = tab.run(f"{VISIBLE}.length")
    assert everything > 50
    tab.run(
        "(() => { const f = document.getElementById('names-filter'); f.value = 'NAM104';"
        " f.dispatchEvent(new Event('input')); })()"
    )
    shown = tab.run(f"{VISIBLE}.map((row) => row.innerText)")
    assert 0 < len(shown) < everything
    assert all("NAM104" in text for text in shown)
    assert tab.run("location.hash") == "#table=names&filter=NAM104"
    orders = []
    for _ in range(2):
        tab.run("document.querySelector('[data-sort=name] button').click()")
        orders.append(tab.run(f"{VISIBLE}.map((row) => row.cells[0].innerText)"))
    rising, falling = orders
    assert falling == rising[::-1]
    assert rising.index("resnet50") < rising.index("resnet101") < rising.index("wide_resnet50_2")


def test_an_address_leads_to_a_filtered_table(browser: Any, addresses: dict[str, str]) -> None:
    tab = browser.open(addresses["choice"] + "#table=choice&sort=macs&filter=front")
    macs = tab.run(f"{VISIBLE}.map((row) => Number(row.cells[3].dataset.value))")
    assert macs == sorted(macs)
    assert len(macs) > 1


def test_a_page_is_whole_without_its_script(browser: Any, addresses: dict[str, str]) -> None:
    tab = browser.open(addresses["choice"], script=False)
    assert tab.complaints() == []
