"""The ranking of claims, and the list of the study fse2022 against a computation of its own."""

from __future__ import annotations

import csv
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from zoodiff.claims import catalogue, discrepancies
from zoodiff.claims import table as tables
from zoodiff.claims.ranking import rank
from zoodiff.errors import UsageError
from zoodiff.results import ClaimedRanking
from zoodiff.study import config as studies
from zoodiff.zoos import registry

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    text = (REPOSITORY / "studies" / "fse2022.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)["claims"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def ranking(table: dict[str, Any]) -> ClaimedRanking:
    return rank(table)


def test_fse2022_has_36_architectures_and_92_entries(ranking: ClaimedRanking) -> None:
    assert (ranking.architectures, ranking.entries) == (36, 92)


def test_the_top_ten_of_fse2022_goes_from_vgg19_to_resnet50(ranking: ClaimedRanking) -> None:
    """Differences worked out by hand from the zoos' pages."""
    assert [(row.architecture, row.difference) for row in ranking.rows[:10]] == [
        ("vgg19", 2.62),  # ONNX 73.72, TF-slim 71.1
        ("googlenet", 2.57),  # TF-slim 69.8, ONNX inception-v1-12 67.23
        ("mobilenet_v2", 2.42),  # TF-slim 71.9, ONNX opset 12 69.48
        ("squeezenet1_1", 1.838),  # torchvision 58.178, ONNX 56.34
        ("alexnet", 1.722),  # torchvision 56.522, ONNX 54.8
        ("resnet152", 1.712),  # torchvision 78.312, Keras 76.6
        ("mobilenet_v3_large", 1.558),  # Keras 75.6, torchvision 74.042
        ("vgg16", 1.32),  # ONNX 72.62, Keras 71.3
        ("squeezenet1_0", 1.242),  # torchvision 58.092, ONNX 56.85
        ("resnet50", 1.23),  # torchvision 76.13, Keras 74.9
    ]


def test_the_ends_of_the_list_name_entries_and_sources(ranking: ClaimedRanking) -> None:
    first, last = ranking.rows[0], ranking.rows[9]
    assert (first.high_entry, first.high) == ("onnx:vgg19-7@published", 73.72)
    assert (first.low_entry, first.low) == ("tfmg:slim/vgg_19@vgg_19_2016_08_28", 71.1)
    assert (last.high_entry, last.high) == ("torchvision:resnet50@IMAGENET1K_V1", 76.13)
    assert (last.low_entry, last.low) == ("keras:ResNet50@imagenet", 74.9)
    for row in ranking.rows:
        assert (row.metric, row.unit) == ("claimed_top1", "%")
        assert (row.high_weights, row.low_weights) == ("claim", "claim")
        assert row.high_source
        assert row.low_source
        assert row.high_entry.partition(":")[0] != row.low_entry.partition(":")[0]
        assert row.difference == pytest.approx(row.high - row.low, abs=1e-9)


def test_a_plain_loop_over_the_file_gives_the_same_differences(ranking: ClaimedRanking) -> None:
    """Independent of selection and ranking: the file's text, and conditions written out."""
    with (catalogue.DATA / "claims.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    best: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        if (
            row["zoo"] in ("torchvision", "keras", "onnx")
            or (row["zoo"] == "tfmg" and row["collection"] == "slim")
        ) and not (
            not row["top1_percent"]
            or row["metric_form"] == "error"
            or row["precision"] != "fp32"
            or row["extra_data"]
            or row["variant"]
            or (row["zoo"] == "torchvision" and row["weights"] != "IMAGENET1K_V1")
            or (row["published_on"] or "2000-01-01") > "2022-03-31"
            or (row["withdrawn_on"] or "2100-01-01") <= "2022-03-31"
        ):
            number = int(row["input_height"] or 0), float(row["top1_percent"])
            best[row["architecture"], row["zoo"]].append(number)
    spans: dict[str, list[list[float]]] = defaultdict(list)
    for (architecture, _), found in best.items():
        largest = max(size for size, _ in found)
        spans[architecture].append([value for size, value in found if size == largest])
    expected = {
        name: round(
            max(
                max(one) - min(two)
                for i, one in enumerate(zoos)
                for j, two in enumerate(zoos)
                if i != j
            ),
            6,
        )
        for name, zoos in spans.items()
        if len(zoos) > 1
    }
    assert {row.architecture: row.difference for row in ranking.rows} == expected


def test_rows_are_sorted_and_one_per_architecture(ranking: ClaimedRanking) -> None:
    differences = [row.difference for row in ranking.rows]
    assert differences == sorted(differences, reverse=True)
    assert len({row.architecture for row in ranking.rows}) == len(ranking.rows)


def test_the_rules_say_which_of_them_are_inferred(ranking: ClaimedRanking) -> None:
    inferred = [rule for rule in ranking.rules if "inferred" in rule.lower()]
    stated = [rule for rule in ranking.rules if rule not in inferred]
    assert any("error rate" in rule for rule in inferred)
    assert any("2022-03-31" in rule for rule in inferred)
    assert any("torchvision, keras, tfmg, onnx" in rule for rule in stated)


def test_the_notes_say_what_is_not_known(ranking: ClaimedRanking) -> None:
    notes = " ".join(ranking.notes)
    assert "own list of models was not available" in notes
    assert "ShuffleNetV2" in notes
    assert "3.01" in notes
    assert "shufflenet_v2_x1.0 is counted" in notes


def test_the_other_lists_are_shown(ranking: ClaimedRanking) -> None:
    lists = {row["rules"]: row for row in ranking.sensitivity}
    own = lists["the rules of this study"]
    assert own["has_published_figures"] is True
    assert own["has_published_counts"] is True
    rates = next(row for row in lists.values() if row["changed"] == {"metric_form": "any"})
    # 69.362 (torchvision) - 66.35 (ONNX prints an error rate of 33.65).
    assert rates["top"][0] == ("shufflenet_v2_x1.0", 3.012)
    assert rates["has_published_figures"] is False
    for row in lists.values():
        assert len(row["top"]) == 10
        assert (row["first"], row["last"]) == (row["top"][0][1], row["top"][-1][1])
        ends = [round(row["first"], 2), round(row["last"], 2)]
        assert row["has_published_figures"] == (ends == [2.62, 1.23])


def test_the_alternatives_vary_the_day_the_choice_and_the_form(ranking: ClaimedRanking) -> None:
    changed = [row["changed"] for row in ranking.sensitivity]
    assert {row.get("which") for row in changed} >= {"first", "latest"}
    days = {row["as_of"] for row in changed if "as_of" in row}
    assert min(days) < "2022-03-31" < max(days)
    assert any(set(row) >= {"which", "metric_form"} for row in changed)


def test_no_rule_names_a_model_or_depends_on_the_published_figures(
    table: dict[str, Any], ranking: ClaimedRanking
) -> None:
    # "published" is compared with the result and the texts are for the reader; the rest decides.
    deciding = {
        key: value
        for key, value in table.items()
        if key not in ("notes", "reasons", "inferred", "alternatives", "published")
    }
    assert "architectures" not in deciding
    assert rank(deciding).rows == ranking.rows
    other = rank({**table, "published": {"top": 10, "first": 9.99, "last": 9.99}})
    assert other.rows == ranking.rows
    assert not any(row["has_published_figures"] for row in other.sensitivity)


def test_the_study_describes_every_entry_of_its_networks_that_needs_no_download(
    table: dict[str, Any],
) -> None:
    loaded = studies.load_study("fse2022").study
    assert loaded.architecture is not None
    assert loaded.latency is not None
    described = [registry.resolve(name) for name in loaded.architecture.entries]
    offered = discrepancies.rank(tables.parse(table).selection).offered
    assert {entry.model.architecture for entry in described} == set(offered)
    assert not any(entry.model.needs_file for entry in described)
    assert len({str(entry.ref) for entry in described}) == len(described)
    for architecture, zoos in offered.items():
        for zoo in {"torchvision", "keras"} & set(zoos):
            assert any(
                (entry.zoo.name, entry.model.architecture) == (zoo, architecture)
                for entry in described
            ), (zoo, architecture)
    weights = {entry.weights_name for entry in described if entry.zoo.name == "torchvision"}
    assert weights == {"IMAGENET1K_V1"}
    assert loaded.latency.entries == "described"


def test_an_empty_table_ranks_todays_claims_of_the_four_zoos() -> None:
    today = rank({})
    assert today.sensitivity == []
    assert today.architectures > 30
    # torchvision's V2 weights take part: 80.858 against ONNX's lowest.
    resnet50 = next(row for row in today.rows if row.architecture == "resnet50")
    assert resnet50.high_entry == "torchvision:resnet50@IMAGENET1K_V2"


def test_one_architecture_is_enough() -> None:
    """What ``zoodiff compare resnet50`` asks."""
    found = rank({"architectures": ["resnet50"]})
    assert [row.architecture for row in found.rows] == ["resnet50"]
    assert found.architectures == 1


def test_an_architecture_without_claims_is_said_not_raised() -> None:
    found = rank({"architectures": ["digits_cnn"]})
    assert found.rows == []
    assert any("digits_cnn" in note for note in found.notes)


def test_a_typo_in_the_table_names_the_key() -> None:
    with pytest.raises(UsageError, match=r"claims\.as_off.*did you mean as_of"):
        rank({"as_off": "2022-03-31"})
    with pytest.raises(UsageError, match=r"which"):
        rank({"alternatives": [{"name": "x", "which": "newest"}]})


def test_numbers_that_are_not_plain_accuracies_are_said_in_the_row() -> None:
    rows = rank({"architectures": ["shufflenet_v2_x1.0", "resnet50"], "as_of": "2022-03-31"}).rows
    notes = {row.architecture: row.note or "" for row in rows}
    assert "error 33.65" in notes["shufflenet_v2_x1.0"]
    assert "fraction 0.749" in notes["resnet50"]
