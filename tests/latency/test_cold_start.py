import json

import pytest

from zoodiff.engines.pool import usable
from zoodiff.latency import cold_start
from zoodiff.latency.conditions import Conditions
from zoodiff.latency.subject import TimedEntry
from zoodiff.workers.process import Limits
from zoodiff.zoos import registry
from zoodiff.zoos.base import Entry, Model
from zoodiff.zoos.mini.catalogue import KERAS, ONNX, TORCH


def fake(zoo, model: str, **conditions) -> TimedEntry:
    return TimedEntry(model, Entry(zoo, Model(model, model), None), Conditions(**conditions))


def test_stages_of_a_fresh_process_add_up_and_memory_grows(fake_zoo) -> None:
    steps: list[tuple[int, int]] = []
    found, failures = cold_start.measure(
        [fake(fake_zoo, "small", batch=2), fake(fake_zoo, "wide", mode="doubled")],
        processes=2,
        step=lambda done, of: steps.append((done, of)),
    )
    assert failures == []
    assert [one.name for one in found] == ["small", "wide"]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for one in found:
        assert len(one.runs) == 2
        for run in one.runs:
            assert tuple(run.seconds) == cold_start.STAGES
            assert all(value >= 0 for value in run.seconds.values())
            assert run.total == pytest.approx(sum(run.seconds.values()))
            assert run.seconds["process"] > 0
            assert run.peak_before_bytes <= run.peak_loaded_bytes <= run.peak_run_bytes
        assert one.weights_bytes == 48
        assert one.total.least <= one.total.median <= one.total.most
    assert found[1].conditions["mode"] == "doubled"
    told = json.loads(json.dumps(found[0].to_dict()))
    assert told["batch"] == 2
    assert told["stages_seconds"].keys() == set(cold_start.STAGES)


def test_what_fails_is_named_once_and_the_others_go_on(fake_zoo) -> None:
    found, failures = cold_start.measure(
        [fake(fake_zoo, "crashes"), fake(fake_zoo, "small")], processes=2
    )
    assert [(one.name, "exit code 7" in reason) for one, reason in failures] == [("crashes", True)]
    assert [(one.name, len(one.runs)) for one in found] == [("small", 2)]


@pytest.mark.slow
def test_a_worker_that_hangs_is_a_failure_with_its_reason(fake_zoo) -> None:
    found, failures = cold_start.measure(
        [fake(fake_zoo, "sticks", batch=2)], processes=3, limits=Limits(seconds=15)
    )
    assert found == []
    assert "ran out of its time while running sticks for the first time" in failures[0][1]


def test_time_that_is_spent_ends_the_measurement_after_a_whole_round(fake_zoo) -> None:
    found, _ = cold_start.measure(
        [fake(fake_zoo, "small"), fake(fake_zoo, "wide")], processes=50, seconds=0.0
    )
    assert [len(one.runs) for one in found] == [1, 1]


@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.onnx
def test_frameworks_tell_their_stages_apart() -> None:
    """Three real frameworks: importing takes time in each, compiling where there is something."""
    subjects = []
    for zoo in (TORCH, KERAS, ONNX):
        if reason := usable(zoo.worker):
            pytest.skip(reason)
        entry = registry.resolve(f"{zoo.name}:digits_cnn@random")
        subjects.append(TimedEntry(zoo.name, entry))
    found, failures = cold_start.measure(subjects, processes=1)
    assert failures == []
    stages = {one.name: one.runs[0].seconds for one in found}
    assert all(one["import"] > 0 for one in stages.values())
    assert stages["mini-torch"]["build"] > 0
    assert stages["mini-keras"]["compile"] > 0  # the tf.function is traced at its first call
    assert stages["mini-onnx"]["compile"] > 0  # the session
    sizes = {one.name: one.weights_bytes for one in found}
    # By hand: 3x3x1x16, 3x3x16x32 and 32x10 + 10 weights, batch norms of 16 and 32 channels with
    # four vectors each, and in Keras a bias before each; 4 bytes each.
    assert sizes["mini-torch"] == 4 * (144 + 4608 + 330 + 4 * 48)
    assert sizes["mini-keras"] == 4 * (144 + 4608 + 330 + 5 * 48)
    assert sizes["mini-onnx"] == 4 * (144 + 4608 + 330 + 48)
