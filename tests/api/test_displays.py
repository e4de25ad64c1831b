"""Every public result shows itself: short at a prompt, small and harmless in a notebook."""

from __future__ import annotations

import html.parser
import inspect
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

import zoodiff
from support import pictures
from support.report_examples import example
from support.text import harmless, hostile_texts
from zoodiff.accuracy.comparison import Comparison, Row
from zoodiff.accuracy.pairs import Pair
from zoodiff.api.zoos import ZooState
from zoodiff.architecture.names_table import NameRow
from zoodiff.architecture.naming import EntryUnderName, NameFinding
from zoodiff.display import LARGEST, Displayed, Rows, Shown, brief, frame, to_html
from zoodiff.equivalence.unrun import NOTHING_COMPARED, from_graphs
from zoodiff.errors import MissingPackageError
from zoodiff.latency import comparison as timed
from zoodiff.latency.attribution.explain import Attribution
from zoodiff.latency.extras import ExtraResults
from zoodiff.latency.findings import LatencyFinding
from zoodiff.recipes.findings import RecipeFinding
from zoodiff.results import Control, Discrepancy, Interval, Mismatch
from zoodiff.stats.intervals import Estimate
from zoodiff.store.records import Failure

BAD = " ".join(
    text for name, text in hostile_texts.TEXTS.items() if "million" not in name and "\0" not in text
)
"""Every trick in one text of thousands of characters."""
SCRIPT = "<script>alert(1)</script>"


class Images:
    """What a report says of a data set."""

    name, layout = BAD, "folder"

    def __len__(self) -> int:
        return 1000


def interval(value: float) -> Interval:
    return Interval(value=value, low=value - 1, high=value + 1)


def comparison() -> Comparison:
    rows = tuple(
        Row(
            entry=f"{BAD}{k}",
            weights="file",
            images=1000,
            top1=interval(70.0 + k),
            top5=interval(90.0),
            calibration_error=None,
            claimed=71.0,
            claim="within noise",  # type: ignore[arg-type]
            preprocessing=BAD,
            defaulted=(BAD,),
            failed_checks=(BAD,),
        )
        for k in range(60)
    )
    pair = Pair(
        first=BAD,
        second=SCRIPT,
        images=1000,
        difference=interval(1.0),
        bootstrap=interval(1.0),
        only_first=3,
        only_second=1,
        p_value=0.5,
        mid_p=0.5,
        holm=1.0,
        benjamini_hochberg=1.0,
        agreement=99.0,
        detectable=1.0,
        sequence=None,
        verdict="not decided",  # type: ignore[arg-type]
        flips=(),
        classes=(),
    )
    return Comparison(rows, (pair,) * 60, 0.5, (BAD,) * 60)


def timings() -> timed.Timings:
    estimate = Estimate(2.0, 1.9, 2.1)
    row = timed.Row(BAD, BAD, "file", estimate, 2.0, 3.0, 1, 500.0, 80, None, 0.0, 10, {BAD: BAD})
    return timed.Timings(
        rows=(row,) * 60,
        pairs=(timed.Pair(BAD, SCRIPT, estimate, "faster"),) * 60,
        controls=(Control(entry=BAD, ratio=interval(1.0), noise_percent=2.0),),
        floor_percent=2.0,
        covered=True,
        within_percent=5.0,
        processes=5,
        stopped="time spent",
        needed_seconds=None,
        seconds=1.0,
        loading_seconds=1.0,
        system_noise=(BAD,),
        failures={BAD: BAD},
    )


def names_row() -> NameRow:
    entry = EntryUnderName(BAD, SCRIPT, 1, (3, 8, 8), 10, difference=BAD, letter="A", network="zs1")
    return NameRow(BAD, (entry,) * 60, 1, 0, 70.0, 80.0, elsewhere=(BAD,))


def study() -> zoodiff.StudyResult:
    row = Discrepancy(
        metric="latency",
        architecture=BAD,
        high_entry=BAD,
        low_entry=SCRIPT,
        high=2.0,
        low=1.0,
        unit="ms",
        difference=100.0,
        difference_unit="%",
        interval=interval(100.0),
        verdict="discrepancy",
        high_weights="random",
        low_weights="random",
    )
    changes = {"title": BAD, "question": BAD, "latency": [row] * 200, "notes": [BAD] * 60}
    return example().model_copy(update=changes)


@cache
def drawn() -> zoodiff.Picture:
    a, b = map(pictures.graph, ("torchvision__resnet50", "keras__ResNet50"))
    return pictures.picture(a, pictures.renamed(b, SCRIPT), (BAD, SCRIPT))


def diffed() -> zoodiff.DiffReport:
    graphs = drawn().subject.evident.graphs
    request = zoodiff.DiffRequest(BAD, SCRIPT)
    return zoodiff.DiffReport(request, from_graphs(graphs, NOTHING_COMPARED), graphs, notes=(BAD,))


def findings() -> Rows[RecipeFinding]:
    return Rows([RecipeFinding("PRE109", (BAD,), SCRIPT)] * 60)


def zoo() -> ZooState:
    return ZooState(BAD, SCRIPT, 3, True, BAD, None, {BAD: BAD})


RESULTS: dict[str, Callable[[], Any]] = {
    "AccuracyReport": lambda: zoodiff.AccuracyReport(
        Images(),  # type: ignore[arg-type]
        comparison=comparison(),
        unopened=(Failure(kind="accuracy", entry=BAD, architecture=None, reason=BAD),),
    ),
    "Answer": lambda: replace(diffed().answer, sentence=BAD, because=(BAD,) * 60),
    "Claim": lambda: replace(zoodiff.claims_for("resnet50")[0], model=BAD, note=SCRIPT),
    "ClaimSpread": lambda: replace(zoodiff.claim_spreads()[0], architecture=BAD, zoos=(BAD,) * 60),
    "ClaimsReport": lambda: replace(zoodiff.claims("resnet50"), architecture=BAD),
    "Comparison": comparison,
    "DiffReport": diffed,
    "Discrepancy": lambda: study().latency[0],
    "Entry": lambda: zoodiff.resolve("timm:resnet50"),
    "EntryFacts": lambda: zoodiff.entry_facts("torchvision:resnet50", catalogue_only=True),
    "FingerprintGroups": lambda: zoodiff.FingerprintGroups({BAD: (BAD, SCRIPT) * 60}, {BAD: BAD}),
    "Graph": lambda: pictures.renamed(pictures.graph("torchvision__resnet50"), BAD),
    "LatencyReport": lambda: zoodiff.LatencyReport(
        type("Outcome", (), {"timings": timings()})(),
        Attribution(),
        ExtraResults(),
        Rows([LatencyFinding("LAT101", (BAD,), BAD)]),
        {BAD: BAD},
    ),
    "Mismatch": lambda: Mismatch(
        architecture=BAD, property=SCRIPT, values={f"{BAD}{k}": BAD for k in range(60)}, groups=2
    ),
    "NameRow": names_row,
    "NamesReport": lambda: zoodiff.NamesReport(
        (BAD, SCRIPT), (names_row(),) * 60, Rows([NameFinding("NAM101", BAD, (BAD,), BAD)]), {}
    ),
    "Picture": drawn,
    "Preprocessing": lambda: zoodiff.Preprocessing(source=BAD, interpolation=SCRIPT),  # type: ignore[arg-type]
    "RecipesReport": lambda: zoodiff.RecipesReport((BAD,), 45, (), findings(), {BAD: BAD}),
    "Record": lambda: example().records[0].model_copy(update={"entry": BAD, "labels": SCRIPT}),
    "SelectedClaims": lambda: zoodiff.select_claims("resnet50"),
    "StoredRun": lambda: zoodiff.StoredRun(BAD, study(), (BAD,)),
    "StudyResult": study,
    "StudyRun": lambda: zoodiff.StudyRun(study(), 1, 2, (), (BAD,)),
    "Timings": timings,
    "WhichReport": lambda: zoodiff.which("resnet50"),
    "ZoosReport": lambda: zoodiff.ZoosReport((zoo(),) * 60, {BAD: BAD}, BAD, ()),
}
NO_RESULTS = {"Limits", "ModelRef", "ProgressBar", "Store", "ZoodiffError"}


def test_every_public_type_of_a_result_is_here() -> None:
    public = {name: getattr(zoodiff, name) for name in zoodiff.__all__}
    types = {name for name, each in public.items() if inspect.isclass(each)}
    types -= NO_RESULTS | {name for name in types if name.endswith("Request")}
    assert types == set(RESULTS)
    assert all(issubclass(public[name], Displayed) for name in types)


class Markup(html.parser.HTMLParser):
    """Elements and attributes of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


HTML_TAGS = {"div", "style", "p", "b", "table", "thead", "tbody", "tr", "th", "td"}
SVG_TAGS = {"svg", "title", "desc", "rect", "polyline", "text", "path", "circle", "polygon"}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_small_and_harmless_in_a_notebook(name: str) -> None:
    text = RESULTS[name]()._repr_html_()
    assert len(text.encode()) < LARGEST
    markup = Markup()
    markup.feed(text)
    assert not markup.open
    assert set(markup.tags) <= HTML_TAGS | (SVG_TAGS if "<svg" in text else set())
    assert not {each for each in markup.attributes if each[:2] == "on" or each in ("href", "src")}
    assert not harmless.problems(text, allowed="\n")


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_takes_the_colours_of_the_page(name: str) -> None:
    """Dark or light: only a picture has colours of its own, on a ground of its own."""
    text = RESULTS[name]()._repr_html_()
    own, _, svg = text.partition("<svg")
    style = re.search(r"<style>(.*?)</style>", own)
    assert style is not None
    assert not re.search(r"url|@import|http", style[1])
    colours = re.findall(r"(?:color|background)(?:-color)?:([^;}]+)", style[1])
    assert colours
    assert all(each in ("inherit", "transparent") or "currentColor" in each for each in colours)
    assert "style=" not in own.replace(style[0], "")
    if svg:
        assert re.search(r'<rect width="[\d.]+" height="[\d.]+" fill="#ffffff"/>', svg)


@pytest.mark.parametrize("name", sorted(set(RESULTS) - {"Preprocessing"}))  # all of its fields
def test_a_result_is_short_at_a_prompt(name: str) -> None:
    text = repr(RESULTS[name]())
    assert len(text) < 400
    assert "\n" not in text
    assert not harmless.problems(text)


@pytest.mark.parametrize("name", sorted(set(RESULTS) - {"AccuracyReport", "LatencyReport"}))
def test_a_result_is_plain_values(name: str) -> None:
    values = RESULTS[name]().to_dict()
    assert json.loads(json.dumps(values, default=str))


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_a_table_of_pandas(name: str) -> None:
    pytest.importorskip("pandas")
    table = RESULTS[name]().to_pandas()
    assert type(table).__name__ == "DataFrame"
    if name not in ("EntryFacts", "RecipesReport"):  # without a network, without a recipe
        assert len(table) and len(table.columns)


def test_findings_are_a_table() -> None:
    pytest.importorskip("pandas")
    report = diffed()
    table = report.findings.to_pandas()
    assert list(table["code"]) == [finding.code for finding in report.findings]
    assert {"effect", "left", "right", "count", "places_a"} <= set(table.columns)
    assert report.findings == report.graphs.findings
    assert repr(report.findings).startswith(f"<Rows: {len(report.findings)} Finding: ARC")
    assert list(findings().to_pandas()["sentence"]) == [SCRIPT] * 60


def test_intervals_are_three_columns() -> None:
    pytest.importorskip("pandas")
    table = comparison().to_pandas()
    assert {"top1", "top1_low", "top1_high"} <= set(table.columns)
    assert table["top1"][3] == 73.0


def test_the_picture_of_a_diff_is_in_it() -> None:
    for result in (diffed(), drawn()):
        assert result._repr_html_().count("<svg") == 1


def test_a_picture_that_is_too_large_is_left_out() -> None:
    text = to_html(Shown("head", figure="<svg>" + "x" * LARGEST + "</svg>"))
    assert "<svg" not in text
    assert "picture.save" in text


def test_rows_are_left_out_where_they_are_too_large() -> None:
    wide = [{f"{BAD}{k}": BAD for k in range(9)}] * 30
    text = to_html(Shown(BAD, [(BAD, BAD)] * 30, wide))
    assert len(text.encode()) < LARGEST
    assert "more rows" in text


def test_pandas_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingPackageError, match="pip install pandas"):
        frame([{"a": 1}])


def test_a_long_text_is_shortened_in_the_middle() -> None:
    assert len(brief("A", "x" * 5000)) < 400
