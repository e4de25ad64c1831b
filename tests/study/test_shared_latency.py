"""A study and ``zoodiff latency`` find each other's records of the same measurement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from zoodiff import api
from zoodiff.api import LatencyReport
from zoodiff.errors import UsageError
from zoodiff.latency.benchmark import Budget
from zoodiff.latency.conditions import Conditions
from zoodiff.latency.records.keys import (
    budget_of,
    conditions_of,
    fixed_budget,
    settings_of,
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
        assert (row.batch, row.conditions) == (2, values.conditions)
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


CONDITIONS = Conditions(batch=2)
BUDGET = fixed_budget(processes=2, rounds=4, block_ms=1, seconds=30, seed=3)


@pytest.mark.parametrize(
    ("conditions", "budget"),
    [
        (replace(CONDITIONS, batch=1), BUDGET),
        (replace(CONDITIONS, threads=2), BUDGET),
        (replace(CONDITIONS, mode="eager"), BUDGET),
        (replace(CONDITIONS, pause_ms=1), BUDGET),
        (CONDITIONS, replace(BUDGET, rounds=5)),
        (CONDITIONS, replace(BUDGET, rounds=None)),
        (CONDITIONS, replace(BUDGET, most_processes=3)),
        (CONDITIONS, replace(BUDGET, processes=1)),
        (CONDITIONS, replace(BUDGET, block_ms=2)),
        (CONDITIONS, replace(BUDGET, seconds=20)),
        (CONDITIONS, replace(BUDGET, seed=0)),
    ],
)
def test_another_measurement_has_another_key(conditions: Conditions, budget: Budget) -> None:
    entries = [registry.resolve(name) for name in ENTRIES]
    task = task_of(entries, conditions, budget)
    assert task.key(entries[0]) != task_of(entries, CONDITIONS, BUDGET).key(entries[0])
    assert (conditions_of(task.settings), budget_of(task.settings)) == (conditions, budget)


def test_the_target_of_a_stated_number_of_rounds_does_not_matter() -> None:
    assert settings_of(CONDITIONS, replace(BUDGET, target_percent=5)) == settings_of(
        CONDITIONS, BUDGET
    )
    adaptive = replace(BUDGET, rounds=None)
    assert settings_of(CONDITIONS, replace(adaptive, target_percent=5)) != settings_of(
        CONDITIONS, adaptive
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
