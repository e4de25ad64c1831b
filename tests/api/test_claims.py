"""Claims are selected as the catalogue's file and the zoos say, counted here without zoodiff."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import zoodiff
from zoodiff.api.claimed.claims_report import ClaimsError
from zoodiff.claims import provided
from zoodiff.errors import UnknownNameError, UsageError

FILE = Path(zoodiff.__file__).parent / "claims" / "data" / "claims.csv"
with FILE.open(encoding="utf-8", newline="") as lines:
    ROWS = list(csv.DictReader(lines))
# Claims that zoos bring themselves; tests/zoos/pytorchcv holds them against what the zoo states.
ROWS += [
    {
        **dict.fromkeys(ROWS[0], ""),
        **{"architecture": claim.architecture, "zoo": claim.zoo, "model": claim.model},
        **{"precision": claim.precision, "input_height": str(claim.input_height or "")},
        "top1_percent": "" if claim.top1_percent is None else str(claim.top1_percent),
    }
    for claim in provided.claims()
]


def rows(**wanted: str) -> list[dict[str, str]]:
    return [row for row in ROWS if all(row[key] == value for key, value in wanted.items())]


def test_a_name_alone_selects_all_claims_about_it() -> None:
    selected = zoodiff.select_claims("resnet50")
    assert len(selected.claims) == selected.known == len(rows(architecture="resnet50"))


def test_fields_leave_out_what_they_say() -> None:
    of_keras = zoodiff.ClaimsRequest(architecture="resnet50", zoos=("keras",))
    expected = rows(architecture="resnet50", zoo="keras")
    selected = zoodiff.select_claims(of_keras)
    assert [claim.model for claim in selected.claims] == [row["model"] for row in expected]
    assert selected.known == len(rows(architecture="resnet50"))
    small = zoodiff.ClaimsRequest(architecture="mobilenet_v1", input_size="192")
    claims = zoodiff.select_claims(small).claims
    assert len(claims) == len(rows(architecture="mobilenet_v1", input_height="192")) > 0
    assert (
        claims
        == zoodiff.select_claims(
            zoodiff.ClaimsRequest(architecture="mobilenet_v1", input_size=192)
        ).claims
    )


def test_the_largest_input_is_that_of_each_zoo_with_an_accuracy() -> None:
    request = zoodiff.ClaimsRequest(
        architecture="mobilenet_v1", zoos=("tfmg",), input_size="largest"
    )
    with_accuracy = [
        row for row in rows(architecture="mobilenet_v1", zoo="tfmg") if row["top1_percent"]
    ]
    largest = max(int(row["input_height"]) for row in with_accuracy)
    expected = [row for row in with_accuracy if row["input_height"] == str(largest)]
    assert len(zoodiff.select_claims(request).claims) == len(expected) < len(with_accuracy)


def test_without_an_architecture_all_claims_are_selected() -> None:
    selected = zoodiff.select_claims(zoodiff.ClaimsRequest(precision="int8"))
    assert len(selected.claims) == len(rows(precision="int8"))
    assert selected.known == len(ROWS)


def test_spreads_are_counted_for_each_architecture() -> None:
    spreads = {one.architecture: one for one in zoodiff.claim_spreads()}
    assert sum(one.claims for one in spreads.values()) == len(ROWS)
    claimed = rows(architecture="vgg19")
    numbers = [float(row["top1_percent"]) for row in claimed if row["top1_percent"]]
    vgg = spreads["vgg19"]
    assert set(vgg.zoos) == {row["zoo"] for row in claimed}
    assert (vgg.top1_lowest_percent, vgg.top1_highest_percent) == (min(numbers), max(numbers))
    one = zoodiff.claim_spreads(zoodiff.ClaimsRequest(architecture="vgg19"))
    assert one == [vgg]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"zoos": ("kers",)}, "zoos"),
        ({"as_of": "spring"}, "as_of"),
        ({"precision": "fp64"}, "precision"),
        ({"input_size": "big"}, "input_size"),
    ],
)
def test_a_field_that_is_not_valid_is_named(changes: dict[str, str], key: str) -> None:
    with pytest.raises(ClaimsError) as caught:
        zoodiff.select_claims(zoodiff.ClaimsRequest(architecture="resnet50", **changes))  # type: ignore[arg-type]
    assert caught.value.key == (key,)


def test_an_unknown_architecture_has_a_suggestion() -> None:
    with pytest.raises(UnknownNameError, match="did you mean resnet50"):
        zoodiff.select_claims("resnet5")


# All tables by one call


def test_one_call_gives_each_table() -> None:
    claimed = zoodiff.claims("resnet50")
    assert (
        len(claimed.claims) == claimed.known == claimed.left == len(rows(architecture="resnet50"))
    )
    assert len(zoodiff.claims().spreads) == len(zoodiff.claim_spreads())
    timed = zoodiff.claims("resnet50", latency=True, zoos=("keras",))
    assert {claim.zoo for claim in timed.times} == {"keras"}
    assert timed.left == len(timed.times) < timed.known
    sets = zoodiff.claims("resnet50", test_set="ImageNetV2")
    assert {claim.test_set for claim in sets.accuracies} == {"ImageNetV2 matched-frequency"}
    assert zoodiff.claims("resnet50", recipes=True).recipes
    request = zoodiff.ClaimsRequest(architecture="resnet50", latency=True, zoos=("keras",))
    assert zoodiff.claims(request) == timed
    with pytest.raises(UsageError, match="not both"):
        zoodiff.claims(request, limit=3)


def test_bounds_sorting_and_limits() -> None:
    report = zoodiff.claims("resnet50", minimum=76, maximum=79, sort="top1", limit=5)
    numbers = [claim.top1_percent for claim in report.claims]
    expected = sorted(
        (
            float(row["top1_percent"])
            for row in rows(architecture="resnet50")
            if row["top1_percent"] and 76 <= float(row["top1_percent"]) <= 79
        ),
        reverse=True,
    )
    assert numbers == expected[:5]
    assert report.left == len(expected)
    times = zoodiff.claims("resnet50", latency=True, batch=1, maximum=20, sort="ms").times
    milliseconds = [claim.milliseconds or 0.0 for claim in times]
    assert milliseconds == sorted(milliseconds)
    assert max(milliseconds) <= 20
    assert {claim.batch for claim in times} == {1}
    rates = [
        claim.computed_images_per_second
        for claim in zoodiff.claims("resnet50", latency=True, sort="images").times
    ]
    known = [rate for rate in rates if rate is not None]
    assert known == sorted(known, reverse=True)
    assert rates[len(known) :] == [None] * (len(rates) - len(known))


def test_an_assumed_precision_counts_as_that_precision() -> None:
    times = zoodiff.claims("lcnet_100", latency=True, precision="FP32").times
    assert {claim.precision for claim in times} == {"fp32", "fp32 (assumed)"}


def test_a_ranking_is_plain_values() -> None:
    plain = zoodiff.claims(rankings=("V100", "NVIDIA T4"), limit=2).to_json()
    assert isinstance(plain, dict)
    assert plain["conditions"]["zoo"] == "paddleclas"
    assert plain["first"]["machine"] == "NVIDIA V100"
    assert len(plain["exchanged"]) == 2
    assert plain["agreement"]["low"] < plain["agreement"]["tau"] < plain["agreement"]["high"]
    json.dumps(plain)
