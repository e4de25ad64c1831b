"""Pictures of pairs in a report, from the graphs that the study kept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support import drawn_reports, report_examples
from zoodiff.report import pictures, write
from zoodiff.report.pictures import PairPictures
from zoodiff.store.folder import Store
from zoodiff.study.result import StudyResult

_DATA = re.compile(r'<script type="application/json" id="(\w+)">(.*?)</script>')


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def drawn(store: Store) -> StudyResult:
    return drawn_reports.example(store)


def documents(html: str) -> dict[str, object]:
    return {name: json.loads(text) for name, text in _DATA.findall(html)}


def test_pairs_whose_functions_may_differ_are_drawn(
    drawn: StudyResult, store: Store, tmp_path: Path
) -> None:
    files = write(drawn, tmp_path, store)
    names = [f"{number:016x}" for number in (0, 1)]
    html = documents(files.html.read_text())
    drawings = html["pictures"]
    assert isinstance(drawings, dict)
    assert sorted(drawings) == names
    for svg in drawings.values():
        texts = "".join(ElementTree.fromstring(svg).itertext())
        assert "layer2.0" in texts
        assert "conv3_block1" in texts
    assert sorted(path.stem for path in (tmp_path / "pictures").iterdir()) == names
    named = [
        (each.get("picture"), each.get("page"))
        for architecture in html["data"]["architectures"]  # type: ignore[index]
        for each in architecture.get("differences", ())
    ]
    assert named == [(None, None), *((name, f"pictures/{name}.html") for name in names)]


def test_names_in_pictures_are_text(drawn: StudyResult, store: Store, tmp_path: Path) -> None:
    files = write(drawn, tmp_path, store)
    page = (tmp_path / "pictures" / f"{1:016x}.html").read_text()
    for html in (files.html.read_text(), page):
        assert "<script>alert" not in html
        assert "alert(document.cookie)" in html


def test_results_without_graphs_have_a_report_without_pictures(
    result: StudyResult, store: Store, tmp_path: Path
) -> None:
    for folder, where in (("a", store), ("b", None)):
        html = write(result, tmp_path / folder, where).html.read_text()
        assert "pictures" not in documents(html)
        assert not (tmp_path / folder / "pictures").exists()


def test_a_graph_that_is_lost_damaged_or_no_graph_costs_its_picture_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    good = drawn_reports.example(store)
    first, second = good.differences[0].values.graphs
    for digests in ([first, "0" * 64], [first, store.put_graph(b"no graph")], [first], []):
        spoiled = good.differences[0].model_copy(
            update={
                "values": good.differences[0].values.model_copy(update={"graphs": digests}),
            }
        )
        result = good.model_copy(update={"differences": [spoiled, *good.differences[1:]]})
        assert list(PairPictures(store).of(result)) == [f"{1:016x}"]
    (tmp_path / "graphs" / f"{second}.json.gz").write_bytes(b"")
    assert PairPictures(store).of(good) == {}


@pytest.mark.parametrize(
    ("limit", "value", "drawn_pairs", "pages"),
    [
        ("MOST", 1, 1, 1),
        ("MOST_CHARACTERS", 10, 0, 0),
        ("MOST_IN_PAGES", 10, 2, 0),
        ("MOST_NODES", 10, 0, 0),
    ],
)
def test_the_size_of_a_report_is_bounded(
    drawn: StudyResult,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
    drawn_pairs: int,
    pages: int,
) -> None:
    monkeypatch.setattr(pictures, limit, value)
    found = PairPictures(store).of(drawn)
    assert len(found) == drawn_pairs
    assert sum(each.html is not None for each in found.values()) == pages


def test_a_pair_is_drawn_once_while_a_study_goes_on(
    drawn: StudyResult, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_pairs = PairPictures(store)
    first = of_pairs.of(drawn)
    monkeypatch.setattr(pictures, "diff", None)
    assert of_pairs.of(drawn) == first


def test_a_new_report_replaces_the_pictures_of_an_earlier_one_and_nothing_else(
    drawn: StudyResult, store: Store, tmp_path: Path
) -> None:
    write(drawn, tmp_path, store)
    (tmp_path / "pictures" / "mine.html").write_text("mine")
    fewer = drawn.model_copy(update={"differences": drawn.differences[:1]})
    write(fewer, tmp_path, store)
    left = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert left == [f"{0:016x}.html", "mine.html"]
    write(report_examples.example(), tmp_path)
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == ["mine.html"]
