"""Each rule on both sides: what it lets in and what it keeps out, on claims made by hand."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from zoodiff.claims import catalogue, discrepancies
from zoodiff.claims.catalogue import Claim
from zoodiff.claims.selection import OPTIONS, ClaimsError, Selection, selection
from zoodiff.errors import UsageError


def claim(zoo: str = "torchvision", top1: float | None = 70.0, **changed: Any) -> Claim:
    """A claim about vgg16 that every rule lets in, but for what is changed."""
    empty = dict.fromkeys((field.name for field in dataclasses.fields(Claim)), None)
    plain: dict[str, Any] = {
        "architecture": "vgg16",
        "zoo": zoo,
        "model": "vgg16",
        "weights": "w1",
        "zoo_default": True,
        "precision": "fp32",
        "top1_percent": top1,
        "metric_form": None if top1 is None else "percent",
        "input_height": 224,
        "input_width": 224,
        "preprocessing": "yes",
        "source": "a/b c@0123456789ab",
    }
    return Claim(**{**empty, **plain, **changed})


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


KEPT: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # (options, what the claim is like that stays, and the one that goes)
    ({"zoos": ["keras"]}, {"zoo": "keras"}, {"zoo": "onnx"}),
    ({"architectures": ["vgg16"]}, {}, {"architecture": "vgg19"}),
    (
        {"collections": {"tfmg": ["slim"]}},
        {"zoo": "tfmg", "collection": "slim"},
        {"zoo": "tfmg", "collection": "official"},
    ),
    ({"weights": {"torchvision": ["V1"]}}, {"weights": "V1"}, {"weights": "V2"}),
    ({"weights": {"onnx": ["published"]}}, {"weights": "x"}, {"zoo": "onnx", "weights": "x"}),
    (
        {"weights": {"onnx": ["published"]}},
        {"zoo": "onnx", "weights": "vgg16-7.onnx", "entry_weights": "published"},
        {"zoo": "onnx", "weights": "vgg16-7.onnx"},
    ),
    ({"precision": "fp32"}, {}, {"precision": "int8"}),
    ({"precision": "int8"}, {"precision": "int8"}, {}),
    ({"extra_data": "exclude"}, {}, {"extra_data": "ImageNet-21k"}),
    ({"extra_data": "only"}, {"extra_data": "ImageNet-21k"}, {}),
    ({"input_size": 224}, {}, {"input_height": 192}),
    ({"variants": "nominal"}, {}, {"variant": "width 0.5"}),
    (
        {"as_of": "2022-03-31"},
        {"published_on": day("2022-03-31")},
        {"published_on": day("2022-04-01")},
    ),
    (
        {"as_of": "2022-03-31", "undated": "exclude"},
        {"published_on": day("2020-01-01")},
        {"published_on": None},
    ),
    (
        {"as_of": "2022-03-31"},
        {"published_on": day("2019-01-01"), "withdrawn_on": day("2022-04-01")},
        {"published_on": day("2019-01-01"), "withdrawn_on": day("2022-03-31")},
    ),
    ({}, {}, {"withdrawn_on": day("2022-03-31")}),
]


@pytest.mark.parametrize(("options", "stays", "goes"), KEPT)
def test_a_rule_keeps_and_drops(
    options: dict[str, Any], stays: dict[str, Any], goes: dict[str, Any]
) -> None:
    rules = selection(options)
    assert rules.offers(claim(**stays))
    assert not rules.offers(claim(**goes))


OPEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"zoos": "all"}, {"zoo": "timm"}),
    ({"precision": "any"}, {"precision": "int8"}),
    ({"extra_data": "include"}, {"extra_data": "JFT"}),
    ({"variants": "all"}, {"variant": "minimal"}),
    ({"as_of": "2022-03-31"}, {"published_on": None}),
    (
        {"as_of": "2022-03-31", "withdrawn": "include"},
        {"published_on": day("2019-01-01"), "withdrawn_on": day("2022-01-01")},
    ),
]


@pytest.mark.parametrize(("options", "stays"), OPEN)
def test_a_rule_can_be_opened(options: dict[str, Any], stays: dict[str, Any]) -> None:
    assert selection(options).offers(claim(**stays))


def test_the_largest_size_is_taken_per_architecture_and_zoo() -> None:
    large, small, other = claim(), claim(input_height=128), claim("keras", input_height=128)
    assert selection({}).claimed([large, small, other]) == [large, other]
    assert selection({"input_size": "any"}).claimed([large, small]) == [large, small]


def test_first_and_latest_choose_by_date_and_keep_what_has_none() -> None:
    old = claim(published_on=day("2020-01-01"))
    new = claim(published_on=day("2021-01-01"))
    undated = claim(weights="w2")
    every = [old, new, undated]
    assert selection({"which": "any"}).claimed(every) == every
    assert selection({"which": "first"}).claimed(every) == [old, undated]
    assert selection({"which": "latest"}).claimed(every) == [new, undated]


def test_a_claim_without_accuracy_is_offered_and_not_claimed() -> None:
    bare = claim(top1=None)
    assert selection({}).offers(bare)
    assert selection({}).claimed([bare]) == []


def test_error_rates_are_ranked_unless_only_accuracies_are() -> None:
    rate = claim(metric_form="error")
    assert selection({}).ranks(rate)
    assert not selection({"metric_form": "accuracy"}).ranks(rate)
    assert selection({"metric_form": "accuracy"}).ranks(claim(metric_form="fraction"))


def test_the_largest_difference_is_between_two_zoos_not_within_one() -> None:
    claims = [
        claim(top1=60.0),
        claim(top1=80.0),
        claim("keras", 75.0),
        claim("onnx", 71.0),
    ]
    (row,) = discrepancies.rank(Selection(), claims).rows
    # 80 - 60 would be torchvision against itself; 75 - 60 = 15 is the largest between two.
    assert (row.high.zoo, row.low.zoo, row.difference) == ("keras", "torchvision", 15.0)


def test_ranking_counts_entries_with_and_without_a_number() -> None:
    claims = [
        claim(top1=70.0),
        claim("keras", 71.5),
        claim("onnx", None),
        claim(architecture="vgg19"),
        claim("onnx", None, architecture="vgg19"),
    ]
    ranking = discrepancies.rank(Selection(), claims)
    # vgg19 has only one zoo with a number; vgg16 has two with one, and a third without.
    assert (ranking.architectures, ranking.entries) == (1, 3)
    assert [(row.architecture, row.difference) for row in ranking.rows] == [("vgg16", 1.5)]


def test_what_is_printed_as_an_error_rate_only_is_counted_not_ranked() -> None:
    claims = [claim(top1=70.0), claim("onnx", 66.0, metric_form="error")]
    ranking = discrepancies.rank(selection({"metric_form": "accuracy"}), claims)
    assert (ranking.architectures, ranking.rows) == (1, ())
    assert "error rate" in ranking.unranked["vgg16"]
    assert [row.difference for row in discrepancies.rank(Selection(), claims).rows] == [4.0]


def test_equal_differences_are_in_the_order_of_names() -> None:
    claims = [
        claim(zoo, top1, architecture=name)
        for name in ("b_net", "c_net", "a_net")
        for zoo, top1 in (("keras", 71.0), ("onnx", 70.0))
    ]
    rows = discrepancies.rank(Selection(), claims).rows
    assert [row.architecture for row in rows] == ["a_net", "b_net", "c_net"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"as_off": "2022-03-31"}, r'unknown key "claims\.as_off".*did you mean as_of'),
        ({"zoos": ["torchvison"]}, r"did you mean torchvision"),
        ({"zoos": "torchvision"}, r"must be a list of names"),
        ({"as_of": "31.3.2022"}, r"YYYY-MM-DD"),
        ({"precision": "fp16"}, r"fp32, int8, any"),
        ({"input_size": "huge"}, r"largest, any or a number of pixels"),
        ({"input_size": True}, r"number of pixels"),
        ({"weights": ["IMAGENET1K_V1"]}, r"must be a table of zoo"),
        ({"collections": {"tfmgg": ["slim"]}}, r"did you mean tfmg"),
        ({"extra_data": True}, r"exclude, include, only"),
    ],
)
def test_an_option_that_is_not_valid_names_its_key_and_the_way_out(
    table: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClaimsError, match=message) as caught:
        selection(table)
    assert isinstance(caught.value, UsageError)
    assert caught.value.key[:2] == ("claims", next(iter(table)))


def test_a_date_of_toml_reads_like_its_text() -> None:
    text, date = selection({"as_of": "2022-03-31"}), selection({"as_of": day("2022-03-31")})
    assert text == date


def test_every_rule_that_leaves_something_out_has_a_sentence() -> None:
    strict = selection(
        {
            "zoos": ["keras", "onnx"],
            "architectures": ["vgg16"],
            "collections": {"keras": ["documentation"]},
            "weights": {"onnx": ["published"]},
            "precision": "fp32",
            "extra_data": "exclude",
            "input_size": "largest",
            "variants": "nominal",
            "as_of": "2022-03-31",
            "undated": "exclude",
            "withdrawn": "exclude",
            "metric_form": "accuracy",
            "which": "first",
        }
    )
    sentences = strict.rules()
    assert set(sentences) == set(OPTIONS)
    assert all(text.endswith(".") for text in sentences.values()), sentences


def test_the_defaults_compare_like_with_like_on_the_whole_catalogue() -> None:
    kept = [c for c in catalogue.load() if Selection().offers(c)]
    assert {c.zoo for c in kept} == {"torchvision", "keras", "tfmg", "onnx"}
    assert not any(c.extra_data or c.precision != "fp32" for c in kept)
