"""A study and ``zoodiff latency`` find each other's records of the same measurement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from zoodiff import api
from zoodiff.api import LatencyReport
from zoodiff.errors import UsageError
from zoodiff.latency.benchmark import Effort
from zoodiff.latency.conditions import Scope
from zoodiff.latency.record_keys import (
    conditions_of,
    effort_of,
    fixed_effort,
    scope_of,
    task_of,
)
from zoodiff.results import Control
from zoodiff.store.folder import Store
from zoodiff.study import config
from zoodiff.study.run import Outcome, run
from zoodiff.zoos import registry

pytestmark = pytest.mark.usefixtures("fake_zoo")
ENTRIES = ("fake:small", "other:small")
STUDY = """\
name = "fakes"
title = "Fakes"
seed = 3
[latency]
entries = ["fake:small", "other:small"]
batch = 2
processes = 2
rounds = 4
block_seconds = 0.001
max_seconds = 30
"""


def study(results: Path, text: str = STUDY) -> Outcome:
    return run(config.parse(text), Store(results), api.Silent())


def command(results: Path, *entries: str, **changes: object) -> LatencyReport:
    options: dict[str, object] = {
        "batch": 2,
        "processes": 2,
        "rounds": 4,
        "block_ms": 1,
        "seconds": 30,
        "seed": 3,
        "why": False,
        **changes,
    }
    return api.latency(entries or ENTRIES, results, **options)


def records(results: Path) -> set[str]:
    return {path.name for path in (results / "records" / "latency").glob("*.json")}


def test_a_study_takes_what_the_command_measured(tmp_path: Path) -> None:
    report = command(tmp_path)
    assert report.timings.recorded is None
    written = records(tmp_path)
    assert len(written) == 3  # two entries and the control
    outcome = study(tmp_path)
    assert (outcome.reused, outcome.measured) == (3, 0)
    assert records(tmp_path) == written
    assert {name.partition("/")[2] for name in outcome.manifest.records} == written


def test_the_command_takes_what_a_study_measured(tmp_path: Path) -> None:
    assert study(tmp_path).measured == 3
    written = records(tmp_path)
    report = command(tmp_path)
    assert records(tmp_path) == written
    assert report.timings.recorded is not None
    # It says what it would have said had it measured the same times itself.
    kept = {record.entry: record.values for record in Store(tmp_path) if not record.values.repeat}
    assert {row.entry: row.median.value for row in report.timings.rows} == {
        entry: values.median_ms.value for entry, values in kept.items()
    }
    for row in report.timings.rows:
        values = kept[row.entry]
        assert (row.p90, row.p99, row.calls) == (values.p90_ms, values.p99_ms, values.calls)
        assert (row.batch, row.aspects) == (2, values.scope)
    (control,) = report.timings.controls
    assert isinstance(control, Control)
    assert len(report.pairs) == 1


def test_what_the_command_reads_back_is_what_it_measured(tmp_path: Path) -> None:
    first, again = command(tmp_path).timings, command(tmp_path).timings
    assert again.recorded is not None
    assert again.rows == first.rows
    assert again.pairs == first.pairs
    assert again.controls == first.controls
    assert (again.stopped, again.floor_percent) == (first.stopped, first.floor_percent)


def test_entries_may_be_named_in_any_order(tmp_path: Path) -> None:
    command(tmp_path, *reversed(ENTRIES))
    assert study(tmp_path).measured == 0


SCOPE = Scope(batch=2)
EFFORT = fixed_effort(processes=2, rounds=4, block_ms=1, seconds=30, seed=3)


@pytest.mark.parametrize(
    ("scope", "effort"),
    [
        (replace(SCOPE, batch=1), EFFORT),
        (replace(SCOPE, threads=2), EFFORT),
        (replace(SCOPE, mode="eager"), EFFORT),
        (replace(SCOPE, pause_ms=1), EFFORT),
        (SCOPE, replace(EFFORT, rounds=5)),
        (SCOPE, replace(EFFORT, rounds=None)),
        (SCOPE, replace(EFFORT, most_processes=3)),
        (SCOPE, replace(EFFORT, processes=1)),
        (SCOPE, replace(EFFORT, block_ms=2)),
        (SCOPE, replace(EFFORT, seconds=20)),
        (SCOPE, replace(EFFORT, seed=0)),
    ],
)
def test_another_measurement_has_another_key(scope: Scope, effort: Effort) -> None:
    entries = [registry.resolve(name) for name in ENTRIES]
    task = task_of(entries, scope, effort)
    assert task.key(entries[0]) != task_of(entries, SCOPE, EFFORT).key(entries[0])
    assert (scope_of(task.settings), effort_of(task.settings)) == (scope, effort)


def test_the_target_of_a_stated_number_of_rounds_does_not_matter() -> None:
    assert conditions_of(SCOPE, replace(EFFORT, target_percent=5)) == conditions_of(SCOPE, EFFORT)
    adaptive = replace(EFFORT, rounds=None)
    assert conditions_of(SCOPE, replace(adaptive, target_percent=5)) != conditions_of(
        SCOPE, adaptive
    )


def test_another_measurement_is_not_taken(tmp_path: Path) -> None:
    command(tmp_path, batch=1)
    assert study(tmp_path).measured == 3


def test_other_neighbours_are_another_measurement(tmp_path: Path) -> None:
    command(tmp_path, "fake:small")
    assert study(tmp_path).measured == 3


def test_fresh_measures_again(tmp_path: Path) -> None:
    command(tmp_path)
    assert command(tmp_path, fresh=True).timings.recorded is None
    assert len(records(tmp_path)) == 6


def test_a_run_without_its_control_is_measured_again(tmp_path: Path) -> None:
    study(tmp_path)
    store = Store(tmp_path)
    (control,) = [record for record in store if record.values.repeat]
    (tmp_path / "records" / store.name_of(control)).unlink()
    assert command(tmp_path).timings.recorded is None


def test_records_do_not_escape_the_check_of_conditions(tmp_path: Path) -> None:
    study(tmp_path)
    with pytest.raises(UsageError, match="can be allowed to differ"):
        command(tmp_path, allow=("nothing",))
