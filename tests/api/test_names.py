"""The table of names from Python: rows, groups, recipes, claims, and its two formats."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

import zoodiff
from zoodiff.api import NameRow, NamesReport
from zoodiff.architecture import structures
from zoodiff.architecture.structures import Fingerprints
from zoodiff.claims import catalogue
from zoodiff.errors import UnknownNameError, UsageError
from zoodiff.zoos import registry
from zoodiff.zoos.registry import Entry


@pytest.fixture(autouse=True)
def nothing_built(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """No network is built but those that a test sets, by model."""
    networks: dict[str, str] = {}

    def known(entries: list[Entry], **_: object) -> dict[str, Fingerprints]:
        return {
            str(entry.ref): Fingerprints(*[networks[str(entry.ref).partition("@")[0]]] * 2)
            for entry in entries
            if str(entry.ref).partition("@")[0] in networks
        }

    monkeypatch.setattr(structures, "known", known)
    return networks.update


def test_names_are_understood_in_any_spelling_and_listed_once() -> None:
    report = zoodiff.names(["RegNetX_400MF", "regnetx_004", "resnet-50-pytorch"])
    assert [row.name for row in report.rows] == ["regnetx_400mf", "resnet50"]


def test_without_names_those_of_two_zoos_are_listed() -> None:
    report = zoodiff.names(zoos=["torchvision", "timm"])
    assert len(report.rows) > 50
    assert all(row.zoos == ["timm", "torchvision"] for row in report.rows)
    everything = zoodiff.names(zoos=["torchvision", "timm"], all_names=True)
    assert {row.name for row in report.rows} < {row.name for row in everything.rows}


def test_what_no_zoo_has_is_an_error() -> None:
    with pytest.raises(UnknownNameError, match='no network is called "resnet5"; did you mean'):
        zoodiff.names(["resnet5"])
    with pytest.raises(UnknownNameError, match="means regnetx_400mf, which none of these zoos"):
        zoodiff.names(["regnetx_004"], zoos=["keras"])
    with pytest.raises(UnknownNameError, match="did you mean keras"):
        zoodiff.names(zoos=["kears"])


def test_what_is_not_built_has_no_letter() -> None:
    (row,) = zoodiff.names(["resnet50"]).rows
    assert row.networks == 0
    assert row.not_built == len(row.entries) > 10


def test_equal_networks_share_a_letter(
    nothing_built: Callable[[dict[str, str]], None],
) -> None:
    nothing_built({"torchvision:resnet50": "zs1:1", "timm:resnet50": "zs1:1"})
    nothing_built({"keras:ResNet50": "zs1:2"})
    report = zoodiff.names(["resnet50"], zoos=["torchvision", "timm", "keras"])
    letters = {entry.zoo: entry.letter for entry in report.rows[0].entries}
    assert letters == {"torchvision": "A", "timm": "A", "keras": "B"}
    assert [entry.zoo for entry in report.rows[0].entries if entry.odd] == ["keras"]
    assert "NAM101" not in {finding.code for finding in report.findings}, "a known variant"


def test_recipes_are_counted_as_specifications() -> None:
    """torchvision has one recipe for V1 and one for V2, which resizes to 232."""
    (row,) = zoodiff.names(["resnet50"], zoos=["torchvision"]).rows
    weights = registry.find_model("torchvision", "resnet50").weights
    resizes = {w.preprocessing.resize for w in weights if w.preprocessing is not None}
    assert row.recipes == len(resizes) == 2


def test_the_range_of_claims_is_that_of_the_zoos() -> None:
    (row,) = zoodiff.names(["resnet50"], zoos=["torchvision"]).rows
    claimed = [
        claim.top1_percent
        for claim in catalogue.claims_for("resnet50", "torchvision")
        if claim.precision == "fp32" and claim.top1_percent is not None
    ]
    assert (row.top1_lowest_percent, row.top1_highest_percent) == (min(claimed), max(claimed))


def test_json_and_csv_have_every_entry() -> None:
    report = zoodiff.names(["vgg16", "resnet50"])
    entries = [entry.entry for row in report.rows for entry in row.entries]
    values = json.loads(json.dumps(report.to_dict()))
    assert [e["entry"] for name in values["names"] for e in name["entries"]] == entries
    lines = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert [line["entry"] for line in lines] == entries
    assert {line["group"] for line in lines} == {"not built"}


def test_a_name_shared_with_a_zoo_of_the_table_alone_counts_with_all_zoos() -> None:
    here = {row.name for row in zoodiff.names().rows}
    everywhere = zoodiff.names(all_zoos=True).rows
    assert len(everywhere) >= 400
    assert here < {row.name for row in everywhere}
    assert all(len(row.zoos) + len(row.elsewhere) > 1 for row in everywhere)
    assert not any(row.elsewhere for row in zoodiff.names(["resnet50"]).rows)


def test_names_are_filtered_sorted_and_limited(
    nothing_built: Callable[[dict[str, str]], None],
) -> None:
    nothing_built({"torchvision:resnet50": "zs1:1", "timm:resnet50": "zs1:1"})
    nothing_built({"keras:ResNet50": "zs1:2", "torchvision:vgg16": "zs1:3"})
    report = zoodiff.names(
        ["vgg16", "resnet50", "densenet121"], zoos=["torchvision", "timm", "keras"]
    )
    assert [row.name for row in report.selected(only="several").rows] == ["resnet50"]
    assert [row.name for row in report.selected(only="odd").rows] == ["resnet50"]
    assert {row.name for row in report.selected(only="unbuilt").rows} == {"vgg16", "densenet121"}
    untold = report.selected(finding="nam103")
    assert {finding.name for finding in untold.findings} == {row.name for row in untold.rows}
    by_name = report.selected(sort="name", limit=2)
    assert [row.name for row in by_name.rows] == ["densenet121", "resnet50"]
    spread = [
        (row.top1_highest_percent or 0) - (row.top1_lowest_percent or 0)
        for row in report.selected(sort="top1").rows
    ]
    assert spread == sorted(spread, reverse=True)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"only": "od"}, '--only "od" is not valid; did you mean odd'),
        ({"sort": "size"}, '--sort "size" is not valid; there are name, networks'),
        ({"finding": "NAM999"}, '--finding "NAM999" is not valid'),
        ({"limit": 0}, "--limit 0 is not valid"),
    ],
)
def test_an_unknown_choice_names_the_known_ones(choice: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        zoodiff.names(["vgg16"]).selected(**choice)


def test_the_page_loads_nothing_and_escapes_what_it_shows(
    nothing_built: Callable[[dict[str, str]], None],
) -> None:
    nothing_built(
        {"torchvision:resnet50": "zs1:1", "timm:resnet50": "zs1:1", "keras:ResNet50": "2"}
    )
    page = zoodiff.names(["resnet50"], zoos=["torchvision", "timm", "keras"]).to_html()
    assert "default-src 'none'" in page
    assert not re.search(r"""(src|href)=["'](?!#)""", page)
    assert "<mark>B*</mark>" in page
    hostile = NameRow("<script>x</script>", (), 0, 0, None, None)
    shown = NamesReport(("<b>",), (hostile,), (), {}).to_html()
    assert "<script>x" not in shown and "<b>" not in shown.partition("</style>")[2].partition(
        "<main>"
    )[0].replace("<body", "")
