"""How long a run will take, and the limits of its time."""

from __future__ import annotations

import pytest

from zoodiff.errors import StudyError
from zoodiff.study import config
from zoodiff.study.expected_time import expected_time, published_macs, seconds_of
from zoodiff.study.plan import plan
from zoodiff.study.time_limits import TimeLimits

STUDY = """\
name = "timed"
title = "Timed"
[architecture]
compare = "by architecture"
entries = [{entries}]
[latency]
entries = "described"
min_zoos = 2
rounds = 10
block_seconds = 0.1
{more}
"""
SMALL = '"torchvision:squeezenet1_1", "onnx:light_squeezenet"'
LAYERS = "why = true\nlayers = true"
LARGE = '"torchvision:vgg19", "onnx:light_vgg19"'


def latency_seconds(entries: str, more: str = "") -> float:
    planned = plan(config.parse(STUDY.format(entries=entries, more=more)))
    macs = published_macs()
    return sum(seconds_of(task, macs) for task in planned.tasks if task.kind == "latency")


def test_larger_networks_references_and_more_processes_take_longer() -> None:
    small = latency_seconds(SMALL)
    assert latency_seconds(LARGE) > small
    assert latency_seconds(SMALL, "why = true") > small
    assert latency_seconds(LARGE, LAYERS) > latency_seconds(LARGE, "why = true") + 1
    assert latency_seconds(SMALL, "processes = 9") > small
    assert latency_seconds(LARGE, "least_rounds = 4") <= latency_seconds(LARGE)
    assert latency_seconds(LARGE, "least_processes = 2") < latency_seconds(LARGE)


def test_the_sentence_names_the_parts_and_obeys_the_limit() -> None:
    planned = plan(config.parse(STUDY.format(entries=LARGE, more="max_minutes = 0.1")))
    said = expected_time(planned.tasks, planned.max_seconds)
    assert said.startswith("this will take ")
    assert "latency less than a minute" in said
    assert expected_time([], {}) == ""


def test_recipes_take_time_per_weights_and_described_graphs_are_not_built_again() -> None:
    tables = '[names]\nzoos = ["torchvision", "timm"]\nnames = ["resnet50"]\n'
    alone = plan(config.parse(f'name = "n"\ntitle = "t"\n{tables}')).tasks
    audit = tables.replace("names]\n", "recipes]\n", 1)
    (few,) = plan(config.parse(f'name = "n"\ntitle = "t"\n{audit}')).tasks
    (many,) = plan(
        config.parse(f'name = "n"\ntitle = "t"\n{audit.replace("resnet50", "vgg11")}')
    ).tasks
    assert seconds_of(few, {}) > seconds_of(many, {}) > 0
    assert "minute" in expected_time([few], {})
    assert sum(seconds_of(task, {}) for task in alone) > 0
    entries = ", ".join(f'"{task.entries[0].ref}"' for task in alone)
    described = plan(
        config.parse(f'name = "n"\ntitle = "t"\n[architecture]\nentries = [{entries}]\n{tables}')
    ).tasks
    parts = expected_time(described * 40, {})
    assert "describing 1 minute" in parts
    assert "fingerprinting for the table of names less than a minute" in parts


def test_fse2026_says_how_long_its_parts_take() -> None:
    planned = plan(config.load_study("fse2026"))
    said = expected_time(planned.tasks, planned.max_seconds, 2)
    for kind in ("describing", "comparing graphs", "table of names", "recipes", "latency 15 min"):
        assert kind in said


def test_fse2022_times_what_two_zoos_can_build_in_at_most_75_minutes() -> None:
    planned = plan(config.load_study("fse2022"))
    timed = [task for task in planned.tasks if task.kind == "latency"]
    assert len(timed) == 29
    assert all(len({entry.zoo.name for entry in task.entries}) > 1 for task in timed)
    macs = published_macs()
    assert sum(seconds_of(task, macs) for task in planned.tasks) < 75 * 60


def test_no_task_starts_once_the_time_of_its_kind_is_spent() -> None:
    now = [0.0]
    limits = TimeLimits({"latency": 60.0}, lambda: now[0])
    assert limits.reason("latency") is None
    limits.start("latency")
    now[0] = 59.0
    assert limits.reason("latency") is None
    limits.start("latency")  # a later task does not begin the minute anew
    now[0] = 60.0
    assert "1 minutes for latency were spent" in str(limits.reason("latency"))
    assert limits.reason("architecture") is None


@pytest.mark.parametrize("key", ["max_minutes = 0", "least_processes = 1", "least_rounds = 1"])
def test_limits_are_checked(key: str) -> None:
    with pytest.raises(StudyError, match="is not valid"):
        config.parse(STUDY.format(entries=SMALL, more=key))


def test_layers_without_reference_runs_are_refused() -> None:
    wrong = STUDY.format(entries=SMALL, more="layers = true")
    with pytest.raises(StudyError, match=r"line 6: \[latency\] is not valid \(layers = true needs"):
        config.parse(wrong)
