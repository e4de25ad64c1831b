"""The chart of candidates: where points are, what shapes say, and what is left out."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

import zoodiff
from zoodiff.claims.candidates import Candidate, Figure
from zoodiff.claims.front import ranked
from zoodiff.report.charts.scatter import Point, chart
from zoodiff.report.sections import choice


def candidate(name: str, top1: float | None, macs: float, origin: str = "claim") -> Candidate:
    def figure(value: float) -> Figure:
        return Figure(value, origin, "a source")  # type: ignore[arg-type]

    return Candidate(
        name=name,
        is_entry=True,
        zoo="z",
        model=name,
        architecture="a",
        precision="fp32",
        input_size=224,
        extra_data=None,
        top1_percent=None if top1 is None else figure(top1),
        macs=figure(macs),
        bytes=figure(1e6),
    )


def part(*candidates: Candidate) -> choice.ChoicePart:
    columns = ("top1", "macs", "size")
    return choice.part(ranked(candidates, columns), columns, None)


def marks(svg: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    return [e for e in root.iter() if "dot" in e.get("class", "").split()]


def test_each_ranked_candidate_is_a_mark_with_its_name_and_its_origin() -> None:
    shown = part(
        candidate("best", 80.0, 1e9),
        candidate("worse", 70.0, 2e9),
        candidate("seen", 75.0, 1e9, "measured"),
        candidate("unknown", None, 1e9),
    )
    macs = next(c for c in shown.charts if "MACs" in c.caption)
    titles = {mark.findtext("title") or "": mark for mark in marks(str(macs.svg))}
    assert len(titles) == 3
    by_name = {title.partition(":")[0]: mark for title, mark in titles.items()}
    assert [by_name[n].tag for n in ("best", "worse", "seen")] == ["circle", "circle", "rect"]
    hollow = {name for name, mark in by_name.items() if "hollow" in mark.get("class", "")}
    assert hollow == {"worse"}
    assert any("(measured)" in title for title in titles)
    assert [line.origin for line in shown.lines] == ["claim", "claim", "measured", "claim"]
    assert [line.standing for line in shown.lines] == ["front", "", "front", "not ranked"]


def test_a_better_network_is_higher_and_a_dearer_one_is_further_right() -> None:
    points = [Point(1e9, 70.0, "a", True, False), Point(1e10, 80.0, "b", True, False)]
    first, second = marks(str(chart(points, cost="MACs", unit=1e9, title="t")))
    x, y = ([float(mark.get(key, "")) for mark in (first, second)] for key in ("cx", "cy"))
    assert x[0] < x[1] and y[0] > y[1]


def test_fronts_of_claims_and_of_measurements_are_not_joined() -> None:
    claimed = [Point(cost, 60 + cost, "c", True, False) for cost in (1.0, 2.0)]
    measured = [Point(cost, 80 + cost, "m", True, True) for cost in (1.0, 2.0)]
    svg = str(chart([*claimed, *measured], cost="ms", unit=1.0, title="t"))
    assert len(re.findall('class="front"', svg)) == 2


@pytest.mark.parametrize("cost", [1e-3, 1.0, 1e12])
def test_equal_networks_are_drawn_inside_the_chart(cost: float) -> None:
    points = [Point(cost, 70.0, str(k), True, False) for k in range(3)]
    for mark in marks(str(chart(points, cost="ms", unit=1.0, title="t"))):
        assert 0 < float(mark.get("cx", "")) < 560
        assert 0 < float(mark.get("cy", "")) < 300


def test_one_candidate_has_no_chart() -> None:
    assert part(candidate("only", 80.0, 1e9)).charts == ()


def test_the_page_has_every_candidate_and_loads_nothing() -> None:
    report = zoodiff.which("resnet50", machine="i7-12700H")
    page = report.to_html()
    assert page.count("<tr>") == 1 + len(report.rows)
    assert page.count("<figure>") == 3
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["'](?!#)""", page)


def test_hostile_names_are_escaped() -> None:
    shown = part(candidate("<script>a", 80.0, 1e9), candidate('"><b>', 81.0, 2e9))
    for svg in (str(drawn.svg) for drawn in shown.charts):
        assert "<script" not in svg and "<b>" not in svg
        ElementTree.fromstring(svg)
