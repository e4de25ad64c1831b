"""The report of an audit: letters, pairs, CSV, exit codes, and what is shown of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import zoodiff
from support import schemas
from support.planted_recipes import BASE, PLANTED
from zoodiff.api import RecipesReport
from zoodiff.claims.recipes import RecipeClaim, recipe_claims
from zoodiff.cli.render.recipes import print_recipes
from zoodiff.errors import UnknownNameError, UsageError
from zoodiff.recipes import audit as auditing
from zoodiff.recipes.attribution import Ask, Attribution, attribution
from zoodiff.recipes.audit import Audit, PairResult
from zoodiff.recipes.by_name import NameRecipes
from zoodiff.recipes.difference import Difference
from zoodiff.recipes.findings import claim_findings
from zoodiff.recipes.options import AuditOptions
from zoodiff.recipes.own_code import Correction, OwnCheck
from zoodiff.recipes.published import Published, Recipe
from zoodiff.recipes.unstated import comparable
from zoodiff.zoos.registry import Entry

SAME = Difference(45, 0.0, 0.0, 0.0)
LARGE = Difference(45, 33.0, 1.6, 8.1)
PLAIN = Recipe("timm", BASE, "words", "file")
ALIKE = Recipe("torchvision", BASE, "other words", "file")
BICUBIC = Recipe("torchvision", PLANTED["bicubic"].spec, "bicubic", "file")
SMALLER = Recipe("onnx", PLANTED["input size"].spec)
SILENT = Recipe("keras", replace(BASE, library=None, interpolation=None), "f", "pixels")
RECIPES = (PLAIN, ALIKE, BICUBIC, SMALLER, SILENT)


def attributed(first: Recipe, second: Recipe) -> PairResult:
    """What is found if every other word makes a difference of one size."""
    pair = comparable(first.spec, second.spec)
    assert pair is not None
    search = attribution(pair.first, pair.second)
    answers: dict[Ask, Difference | None] = {}
    asks: Sequence[Ask] = next(search)
    while True:
        for ask in asks:
            sizes = ask.first.input_size == ask.second.input_size
            answers[ask] = (SAME if ask.first == ask.second else LARGE) if sizes else None
        try:
            asks = search.send(answers)
        except StopIteration as end:
            return PairResult(end.value, pair.unstated)


def audited(by_name: Mapping[str, Sequence[Entry]], options: AuditOptions) -> Audit:
    """An audit of two names that runs nothing."""
    published = Published(
        names={name: {} for name in by_name},
        unpublished=dict.fromkeys(by_name, 2),
    )
    first = next(iter(by_name))
    published.names[first] = {
        PLAIN: ["timm:a@x"],
        ALIKE: ["torchvision:a@V1", "torchvision:a@V2"],
        BICUBIC: ["torchvision:a@V3"],
        SMALLER: ["onnx:a@x"],
        SILENT: ["keras:A@imagenet"],
    }
    corrected = Correction("interpolation", "bilinear", "bicubic", PLANTED["bicubic"].spec)
    checks = {
        PLAIN: OwnCheck(45, SAME),
        ALIKE: OwnCheck(45, SAME, {"1x1.png": "too small"}),
        BICUBIC: OwnCheck(45, LARGE, {}, corrected),
        SILENT: OwnCheck(45, LARGE),
    }
    pairs = {(a, b): attributed(a, b) for k, a in enumerate(RECIPES) for b in RECIPES[k + 1 :]}
    options.step("pairs", len(pairs), len(pairs))
    return Audit(published, checks, pairs, {"tfmg": "it is not there"})


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> RecipesReport:
    monkeypatch.setattr(auditing, "audit", audited)
    return zoodiff.audit_recipes(["resnet50", "vgg16"], zoos=["torchvision", "timm", "keras"])


def name_of(report: RecipesReport) -> NameRecipes:
    return report.names[0]


def test_recipes_of_equal_pixels_share_a_letter_and_the_most_frequent_is_a(
    report: RecipesReport,
) -> None:
    recipes = [(r.letter, r.zoo, r.own_code, r.partial) for r in name_of(report).recipes]
    assert recipes == [
        ("A", "timm", "same", False),
        ("A", "torchvision", "same", False),
        ("B", "torchvision", "other step", False),
        ("C", "onnx", "words only", False),
        ("D", "keras", "other pixels", True),
    ]
    assert name_of(report).letters == ("A", "B", "C", "D")
    assert name_of(report).different == 3  # Keras agrees in what it states
    assert name_of(report).codes == ("PRE104", "PRE106")
    assert len(name_of(report).pairs) == 10


def test_findings_say_what_is_stated_and_what_is_done(report: RecipesReport) -> None:
    first, second = report.findings
    assert first.sentence.startswith(
        "torchvision:a@V3: interpolation is stated as bilinear, its code does bicubic (mean 1.6"
    )
    assert "no cause is named" in second.sentence
    assert {finding.code for finding in report.findings} == {"PRE112"}


def test_the_exit_code_is_three_for_failures_and_one_only_where_it_was_asked(
    report: RecipesReport,
) -> None:
    assert report.exit_code() == 3
    assert report.exit_code("different") == 1
    assert report.exit_code("stated") == 1
    quiet = replace(report, failures={}, findings=(), names=(report.names[1],))
    assert [quiet.exit_code(what) for what in (None, "different", "stated")] == [0, 0, 0]


def test_csv_has_a_line_per_pair_and_step(report: RecipesReport) -> None:
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    steps = sum(len(pair.attribution.causes) or 1 for pair in name_of(report).pairs)
    assert len(rows) == steps
    (row,) = (
        row
        for row in rows
        if (row["first"], row["second"]) == ("A", "B")
        and row["codes"]
        and row["first_entries"].startswith("timm")
    )
    assert (row["steps"], row["first_value"], row["second_value"]) == (
        "interpolation",
        "bilinear",
        "bicubic",
    )
    assert float(row["mean_levels"]) == 1.6


def test_json_is_as_its_schema_says(report: RecipesReport) -> None:
    document = {"schema": "zoodiff/audit-recipes/1", **report.to_dict()}
    assert not schemas.problems("audit-recipes", json.loads(json.dumps(document)))


def test_json_can_be_written(report: RecipesReport) -> None:
    values = json.loads(json.dumps(report.to_dict()))
    assert values["images"] == 45
    assert values["names"][0]["pairs"][0]["same"] is True


@pytest.mark.parametrize("every_recipe", [True, False])
def test_every_line_fits_80_columns(
    report: RecipesReport, capsys: pytest.CaptureFixture[str], every_recipe: bool
) -> None:
    print_recipes(replace(report, findings=()), every_recipe=every_recipe)
    printed = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in printed.splitlines()) <= 80
    words = " ".join(printed.split())
    assert "2 names, 5 recipes of" in words
    assert "4 by the zoo's own code, 2 of them as specified. 10 pairs" in words


def test_what_differs_from_the_first_recipe_is_shown_per_letter(
    report: RecipesReport, capsys: pytest.CaptureFixture[str]
) -> None:
    print_recipes(report, every_recipe=True)
    words = " ".join(capsys.readouterr().out.split())
    assert "PRE104 interpolation 1.6 8.1 33 0 % bicubic, not bilinear" in words
    assert "PRE106 input size - 24x24, not 32x32" in words
    assert "D* nothing that both state" in words
    assert "vgg16: no recipe is published with its 2 weights" in words


def test_unknown_names_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="none of these zoos"):
        zoodiff.audit_recipes(["no such network"], zoos=["keras"])
    with pytest.raises(UsageError, match="has no images"):
        zoodiff.audit_recipes(["vgg16"], zoos=["keras"], images=tmp_path)
    with pytest.raises(UsageError, match="no folder"):
        zoodiff.audit_recipes(["vgg16"], zoos=["keras"], images=tmp_path / "none")


def claim(**fields: str) -> RecipeClaim:
    timm = next(one for one in recipe_claims() if one.zoo == "timm")
    usual = {
        "model": "a",
        "weights": "x",
        "resize_size": "40",
        "input_size": "3x32x32",
        "interpolation": "bilinear",
        "mean": "0.485 0.456 0.406",
        "std": "0.229 0.224 0.225",
    }
    return replace(timm, **{**usual, **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, []),
        ({"resize_size": "36"}, ["resize is collected as 36, the installed code does 40"]),
        ({"resize_size": "40x40"}, []),
        ({"interpolation": "bicubic (antialiased)"}, ["interpolation is collected as bicubic"]),
        ({"mean": "0.5 0.5 0.5"}, ["mean is collected as 0.5 0.5 0.5"]),
        ({"std": "none applied"}, []),
        ({"input_size": "3x24x24"}, ["input size is collected as 24x24"]),
        ({"weights": "of another name"}, []),
    ],
)
def test_collected_words_are_held_against_the_package(
    fields: dict[str, str], said: list[str]
) -> None:
    findings = claim_findings({PLAIN: ["timm:a@x"]}, {PLAIN: OwnCheck(45, SAME)}, [claim(**fields)])
    assert len(findings) == len(said)
    for finding, part in zip(findings, said, strict=True):
        assert f"timm:a@x: {part}" in finding.sentence


def test_words_are_not_held_against_a_specification_that_misses_the_code() -> None:
    checks = {PLAIN: OwnCheck(45, LARGE)}
    assert claim_findings({PLAIN: ["timm:a@x"]}, checks, [claim(resize_size="36")]) == []


def test_no_words_of_an_empty_attribution() -> None:
    assert Attribution.from_dict(Attribution(None, (), ()).to_dict()).same is False
