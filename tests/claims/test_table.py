"""The ``[claims]`` table of a study, and what the rules of fse2022 rest on."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from zoodiff.claims import discrepancies, table
from zoodiff.claims.ranking import rank
from zoodiff.claims.selection import ClaimsError
from zoodiff.study.config import load_study

CLAIMS = load_study("fse2022").study.claims
assert CLAIMS is not None
STUDY = table.parse(CLAIMS)


@pytest.mark.parametrize(
    ("given", "key", "sentence"),
    [
        ({"weights": {"keras": "a"}}, ("claims", "weights", "keras"), "must be a list of names"),
        ({"inferred": ["as_off"]}, ("claims", "inferred", "as_off"), "did you mean as_of?"),
        ({"reasons": {"why": "x"}}, ("claims", "reasons", "why"), 'key "claims.reasons.why"'),
        ({"reasons": {"as_of": 1}}, ("claims", "reasons", "as_of"), "must be text"),
        ({"published": {"first": "2.6"}}, ("claims", "published", "first"), "must be a number"),
        ({"published": {"top": 2.5}}, ("claims", "published", "top"), "must be a whole number"),
        ({"published": {"top": 0}}, ("claims", "published", "top"), "must be at least 1"),
        ({"alternatives": [{"which": "first"}]}, ("claims", "alternatives"), "needs a name"),
        (
            {"alternatives": [{"name": "x", "which": "frist"}]},
            ("claims", "alternatives", "which"),
            "it must be one of any, first, latest",
        ),
        ({"notes": "one"}, ("claims", "notes"), "must be a list of texts"),
    ],
)
def test_what_is_not_valid_is_named(given: Any, key: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ClaimsError) as caught:
        table.parse(given)
    assert sentence in str(caught.value)
    assert caught.value.key == key


def test_only_the_rules_of_the_study_give_all_four_figures() -> None:
    """What the study's notes say of it."""
    assert CLAIMS is not None
    ranking = rank(CLAIMS)
    both = [
        row["rules"]
        for row in ranking.sensitivity
        if row["has_published_figures"] and row["has_published_counts"]
    ]
    assert both == ["the rules of this study"]
    assert len(ranking.sensitivity) == 1 + len(STUDY.alternatives) > 10


@pytest.mark.parametrize(
    ("day", "same"),
    [
        (date(2022, 3, 21), False),
        (date(2022, 3, 22), True),
        (date(2022, 5, 10), True),
        (date(2022, 5, 11), False),
    ],
)
def test_the_list_is_the_same_from_22_march_to_10_may(day: date, same: bool) -> None:
    own = discrepancies.rank(STUDY.selection)
    other = discrepancies.rank(replace(STUDY.selection, as_of=day))
    assert (own.rows[:10] == other.rows[:10]) is same


def test_the_day_alone_leaves_out_torchvisions_second_weights() -> None:
    without = discrepancies.rank(replace(STUDY.selection, weights={}))
    assert without.rows == discrepancies.rank(STUDY.selection).rows


def test_no_claim_of_that_day_is_left_out_for_its_data() -> None:
    everything = discrepancies.rank(replace(STUDY.selection, extra_data="include"))
    assert everything == discrepancies.rank(STUDY.selection)


def test_shufflenet_is_the_only_one_printed_as_an_error_rate() -> None:
    assert set(discrepancies.rank(STUDY.selection).unranked) == {"shufflenet_v2_x1.0"}
