"""Entries that a study selects by a rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoodiff import api
from zoodiff.errors import StudyError
from zoodiff.study import config, selection
from zoodiff.study.plan import Plan, plan
from zoodiff.zoos import registry

STUDY = """\
name = "ruled"
title = "Ruled"
[select]
zoos = ["torchvision", "keras", "onnx"]
{rule}
[architecture]
entries = "selected"
"""


def planned(rule: str = "", more: str = "") -> Plan:
    return plan(config.parse(STUDY.format(rule=rule) + more))


def chosen(rule: str = "", more: str = "") -> dict[str, list[str]]:
    return {
        comparison.name: comparison.entries
        for comparison in planned(rule, more).comparisons
        if comparison.kind == "architecture"
    }


def test_shared_names_are_those_of_at_least_two_zoos_in_the_order_of_zoos() -> None:
    by_name = chosen()
    assert by_name["resnet50"] == [
        "torchvision:resnet50@IMAGENET1K_V2",
        "keras:ResNet50@imagenet",
        "onnx:light_resnet50@placeholder",
    ]
    assert "nasnet_mobile" not in by_name
    assert "resnet34" in by_name  # the ONNX Model Zoo has it too, as a file
    assert all(
        len({name.partition(":")[0] for name in entries}) == len(entries)
        for entries in by_name.values()
    )


def test_the_rule_takes_more_zoos_more_entries_names_and_patterns() -> None:
    shared = chosen()
    assert set(chosen("min_zoos = 3")) < set(shared)
    assert set(chosen('names = ["vgg*", "ResNet-50"]')) == {
        name for name in shared if name.startswith("vgg")
    } & set(chosen()) | {"resnet50"}
    assert not set(chosen('without = ["resnet*"]')) & {"resnet50", "resnet101"}
    without_one = chosen('without = ["onnx:light_resnet50"]')["resnet50"]
    assert without_one == ["torchvision:resnet50@IMAGENET1K_V2", "keras:ResNet50@imagenet"]


def test_weights_are_taken_where_an_entry_has_them() -> None:
    by_name = chosen("", "[select.weights]\ntorchvision = 'IMAGENET1K_V1'\n")
    assert by_name["resnet50"][0] == "torchvision:resnet50@IMAGENET1K_V1"


def test_a_limit_draws_names_by_the_seed() -> None:
    first = chosen("limit = 5")
    assert len(first) == 5
    assert first == chosen("limit = 5")
    other = plan(config.parse("seed = 1\n" + STUDY.format(rule="limit = 5")))
    assert {comparison.name for comparison in other.comparisons} != set(first)


def test_what_needs_a_download_is_listed_once_with_the_option() -> None:
    left_out = planned("", '[latency]\nentries = "selected"\nper_name = 1\n').left_out
    needing = [failure for failure in left_out if failure.entry.startswith("onnx:resnet34")]
    assert len(needing) == 1
    assert "--download" in needing[0].reason
    assert needing[0].declined


def test_an_entry_that_needs_no_download_comes_before_those_that_do() -> None:
    assert "onnx:light_vgg19@placeholder" in chosen()["vgg19"]


def test_one_network_of_each_name_is_timed() -> None:
    tasks = planned("limit = 5", '[latency]\nentries = "selected"\nper_name = 1\n').tasks
    timed = [task for task in tasks if task.kind == "latency"]
    assert len(timed) == 5
    assert all(len(task.entries) == 1 for task in timed)


def test_a_zoo_that_is_not_installed_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def usable(spec: object) -> str | None:
        return "install keras" if getattr(spec, "name", "") == "keras" else None

    monkeypatch.setattr(selection, "usable", usable)
    whole = planned()
    (absent,) = [failure for failure in whole.left_out if failure.entry.startswith("keras")]
    assert (absent.entry, absent.reason, absent.declined) == (
        "keras: all entries",
        "install keras",
        True,
    )
    assert not any("keras:" in name for x in whole.comparisons for name in x.entries)


@pytest.mark.parametrize(
    ("rule", "more", "message"),
    [
        ('names = ["resnet51*"]', "", 'line 5: no architecture "resnet51*" in these zoos'),
        ('names = ["resnet5"]', "", 'line 5: no architecture "resnet5" in these zoos; did you'),
        ('names = "some"', "", "line 5: select.names = 'some' is not valid"),
        ("min_zoos = 4", "", "[select] selects nothing: no such name is in 4 of the zoos"),
        ("per_zoo = 0", "", "line 5: select.per_zoo = 0 is not valid"),
        ("limt = 3", "", 'unknown key "select.limt"; did you mean limit?'),
        ("", "[select.weights]\nkeras = 'imagnet'\n", 'no entry of keras has weights "imagnet"'),
        ("", "[select.weights]\nkears = 'imagenet'\n", 'no zoo "kears"; did you mean keras'),
    ],
)
def test_an_invalid_rule_is_one_sentence_with_its_line(rule: str, more: str, message: str) -> None:
    with pytest.raises(StudyError) as raised:
        planned(rule, more)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_unknown_zoo_is_an_error_and_no_absent_one() -> None:
    text = STUDY.format(rule="").replace('"keras"', '"kears"')
    with pytest.raises(StudyError, match='line 4: no zoo "kears"; did you mean keras'):
        plan(config.parse(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[latency]\nentries = "selected"\n', r"line 4: .* needs a table \[select\]"),
        ('[latency]\nentries = "described"\n', r"line 4: .* needs a table \[architecture\]"),
        ('[architecture]\nentries = "described"\n', r"line 4: .* needs a table"),
        ('[architecture]\nentries = "chosen"\n', "line 4: architecture.entries = 'chosen' is not"),
    ],
)
def test_a_section_takes_entries_of_a_table_that_is_there(text: str, message: str) -> None:
    with pytest.raises(StudyError, match=message):
        config.parse('name = "s"\ntitle = "t"\n' + text)


def test_described_entries_are_those_of_the_table_architecture() -> None:
    text = STUDY.format(rule='names = ["vgg19"]') + '[latency]\nentries = "described"\n'
    by_kind = {x.kind: x.entries for x in plan(config.parse(text)).comparisons}
    assert [name.partition("@")[0] for name in by_kind["latency"]] == [
        name.partition("@")[0] for name in by_kind["architecture"]
    ]


def test_fse2026_selects_every_shared_name_of_its_zoos(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whether tfmg's environment has been made here does not matter to the rule.
    monkeypatch.setattr(selection, "usable", lambda spec: None)
    loaded = config.load_study("fse2026")
    rule = loaded.study.select
    assert rule is not None
    names = registry.by_architecture(rule.zoos)
    shared = {
        name for name, entries in names.items() if len({entry.zoo.name for entry in entries}) > 1
    }
    compared = {x.name for x in plan(loaded).comparisons if x.kind == "architecture"}
    assert compared == shared
    assert len(compared) > 100


SMOKE = """\
name = "smoke"
title = "Smoke"
[select]
names = ["small_net", "wide_net"]
zoos = ["fake", "other"]
[architecture]
entries = "selected"
[latency]
entries = "selected"
per_name = 1
processes = 2
rounds = 4
block_seconds = 0.001
max_minutes = 0.0001
"""


@pytest.mark.usefixtures("fake_zoo")
def test_a_study_by_a_rule_runs_and_goes_on_where_its_minutes_ended(tmp_path: Path) -> None:
    first = api.run(config.parse(SMOKE), tmp_path)
    assert first.complete  # what its minutes did not suffice for has not failed
    assert {(g.comparison, g.verdict) for g in first.result.graphs} == {
        ("small_net", "same"),
        ("wide_net", "same"),
    }
    timed = {record.entry for record in first.result.records if record.kind == "latency"}
    assert timed == {"fake:small@w1"}
    (late,) = first.failures
    assert (late.kind, late.entry, late.declined) == ("latency", "fake:wide@w1", True)
    assert "run it again" in late.reason
    second = api.run(config.parse(SMOKE), tmp_path)
    assert second.failures == ()
    assert second.measured == 2  # the network and its control
    assert second.reused == first.measured
