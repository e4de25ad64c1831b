import json
import zlib

import numpy as np
import psutil
import pytest

from zoodiff.engines.pool import usable
from zoodiff.latency.conditions import Conditions
from zoodiff.latency.subject import TimedEntry
from zoodiff.latency.sweep import Grid, batches_up_to, measure
from zoodiff.latency.sweep_result import Cell, Sweep
from zoodiff.workers.limits import Limits
from zoodiff.zoos import registry
from zoodiff.zoos.base import Entry, Model
from zoodiff.zoos.mini.catalogue import ONNX, TORCH


def fake(zoo, model: str) -> TimedEntry:
    return TimedEntry(model, Entry(zoo, Model(model, model), None), Conditions())


def test_every_cell_is_measured_in_every_process(fake_zoo) -> None:
    grid = Grid(batches=(1, 2, 4), threads=(1, 2), processes=2, rounds=4, block_ms=0.1)
    found = measure([fake(fake_zoo, "small"), fake(fake_zoo, "wide")], grid)
    assert found.left_out == ()
    assert {cell.place for cell in found.cells} == {
        (name, threads, batch)
        for name in ("small", "wide")
        for threads in (1, 2)
        for batch in (1, 2, 4)
    }
    for cell in found.cells:
        assert [len(series) for series in cell.rounds] == [4, 4]
        assert cell.images_per_second.value == pytest.approx(
            1000 * cell.batch / cell.latency_ms.value
        )
        assert cell.images_per_second.low <= cell.images_per_second.high
    assert found.needed_seconds is None
    best = found.best("small")
    assert best is not None
    assert best.images_per_second.value == max(
        cell.images_per_second.value for cell in found.cells if cell.name == "small"
    )
    assert len(json.loads(json.dumps(found.to_dict()))["cells"]) == 12


def test_a_batch_that_does_not_fit_is_left_out_with_those_above_it(fake_zoo) -> None:
    grid = Grid(batches=(1, 2, 4), processes=1, rounds=1)
    found = measure([fake(fake_zoo, "refuses-two"), fake(fake_zoo, "small")], grid)
    assert [cell.place for cell in found.cells] == [
        ("refuses-two", 1, 1),
        ("small", 1, 1),
        ("small", 1, 2),
        ("small", 1, 4),
    ]
    reasons = {(one.name, one.batch): one.reason for one in found.left_out}
    assert reasons.keys() == {("refuses-two", 2), ("refuses-two", 4)}
    assert "MemoryError: no room for two" in reasons["refuses-two", 2]
    assert reasons["refuses-two", 4].startswith("not tried, since a smaller batch did not work")


def test_a_worker_that_grows_too_large_leaves_its_batch_out(fake_zoo) -> None:
    grid = Grid(batches=(1, 8), processes=1, rounds=1, block_ms=0.1)
    found = measure(
        [fake(fake_zoo, "hungry")], grid, limits=Limits(seconds=60, memory_bytes=400_000_000)
    )
    assert [cell.batch for cell in found.cells] == [1]
    (left,) = found.left_out
    assert left.batch == 8
    assert "more than 0.4 GB of memory while timing hungry at batch 8" in left.reason


def test_a_batch_that_would_not_fit_is_not_even_tried(fake_zoo) -> None:
    """80 MB an image: 1 and 2 show the slope, by which 64 would take some 5 GB."""
    grid = Grid(batches=(1, 2, 64), processes=1, rounds=1, block_ms=0.1)
    found = measure(
        [fake(fake_zoo, "hungry")], grid, limits=Limits(seconds=60, memory_bytes=2_000_000_000)
    )
    assert [cell.batch for cell in found.cells] == [1, 2]
    (left,) = found.left_out
    assert "batch 64 would take about 5." in left.reason
    assert "more than the 2.0 GB that are allowed" in left.reason


def test_a_worker_that_hangs_costs_its_batch(fake_zoo) -> None:
    grid = Grid(batches=(1, 2), processes=1, rounds=1, block_ms=0.1)
    found = measure([fake(fake_zoo, "sticks")], grid, limits=Limits(seconds=6))
    assert [cell.batch for cell in found.cells] == [1]
    assert "ran out of its time while timing sticks at batch 2" in found.left_out[0].reason


def test_a_network_that_cannot_be_loaded_leaves_out_everything_of_it(fake_zoo) -> None:
    found = measure([fake(fake_zoo, "crashes")], Grid(batches=(1, 2), processes=1, rounds=1))
    assert found.cells == ()
    assert [one.batch for one in found.left_out] == [1, 2]
    assert found.best("crashes") is None


def test_too_little_time_still_gives_a_round_and_says_what_it_would_take(fake_zoo) -> None:
    grid = Grid(batches=(1, 2), processes=3, seconds=0.0)
    found = measure([fake(fake_zoo, "small")], grid)
    assert [len(cell.rounds) for cell in found.cells] == [1, 1]
    assert found.needed_seconds is not None
    assert found.needed_seconds > 0


def test_no_process_is_left_behind(fake_zoo) -> None:
    before = psutil.Process().children()  # of other tests
    measure([fake(fake_zoo, "small")], Grid(batches=(1,), threads=(1, 2), processes=2, rounds=1))
    left = [one for one in psutil.Process().children() if one not in before]
    assert [one for one in left if one.status() != "zombie"] == []


def test_batches_double() -> None:
    assert batches_up_to(1) == (1,)
    assert batches_up_to(2) == (1, 2)
    assert batches_up_to(24) == (1, 2, 4, 8, 16, 24)


def cell(name: str, batch: int, milliseconds: float, noise: float = 0.01) -> Cell:
    rng = np.random.default_rng(zlib.crc32(f"{name} {batch}".encode()))
    rounds = tuple(milliseconds * np.exp(rng.normal(0, noise, 8)) for _ in range(4))
    return Cell(name, 1, batch, rounds)


def swept(cells: list[Cell]) -> Sweep:
    names = tuple(dict.fromkeys(one.name for one in cells))
    return Sweep(names, tuple(cells), (), 1.0, None)


def test_a_change_of_rank_is_found_between_two_batch_sizes() -> None:
    cells = [cell("flat", b, 10.0) for b in (1, 2, 4)] + [
        cell("steep", b, 4.0 * b) for b in (1, 2, 4)
    ]
    (found,) = swept(cells).crossings
    assert (found.first, found.second) == ("steep", "flat")
    assert (found.before, found.after) == (2, 4)
    assert found.ratio_before.value == pytest.approx(0.8, rel=0.03)
    assert found.ratio_after.value == pytest.approx(1.6, rel=0.03)


def test_ranks_within_the_noise_do_not_change() -> None:
    cells = [cell("one", 1, 10.0, 0.2), cell("other", 1, 10.1, 0.2)]
    cells += [cell("one", 2, 20.1, 0.2), cell("other", 2, 20.0, 0.2)]
    assert swept(cells).crossings == ()


def test_single_rounds_of_one_process_change_no_ranks() -> None:
    cells = [Cell("flat", 1, b, (np.array([10.0]),)) for b in (1, 4)]
    cells += [Cell("steep", 1, b, (np.array([4.0 * b]),)) for b in (1, 4)]
    found = swept(cells)
    assert found.crossings == ()
    assert not any(one.has_interval for one in found.cells)


def test_a_tie_between_does_not_hide_a_change() -> None:
    cells = [cell("flat", b, 8.0) for b in (1, 2, 4)]
    cells += [cell("steep", 1, 4.0), cell("steep", 2, 8.0, 0.2), cell("steep", 4, 16.0)]
    (found,) = swept(cells).crossings
    assert (found.before, found.after) == (1, 4)


def test_a_cell_that_keeps_getting_slower_is_flagged_and_a_slowing_machine_is_not() -> None:
    machine = 1.01 ** np.arange(20)
    rng = np.random.default_rng(0)

    def series(own: np.ndarray) -> tuple[np.ndarray, ...]:
        return (10 * own * machine * np.exp(rng.normal(0, 0.001, 20)),)

    steady = [Cell(f"steady{k}", 1, 1, series(np.ones(20))) for k in range(4)]
    slower = Cell("slower", 1, 1, series(1.02 ** np.arange(20)))
    found = swept([*steady, slower]).drifts
    assert found.keys() == {("slower", 1, 1)}
    assert found["slower", 1, 1].share == pytest.approx(1.02**9 - 1, abs=0.02)


@pytest.mark.torch
@pytest.mark.onnx
def test_real_frameworks_are_swept() -> None:
    subjects = []
    for zoo in (TORCH, ONNX):
        if reason := usable(zoo.worker):
            pytest.skip(reason)
        entry = registry.resolve(f"{zoo.name}:digits_cnn@random")
        subjects.append(TimedEntry(zoo.name, entry))
    grid = Grid(batches=(1, 3), threads=(1,), processes=1, rounds=2, block_ms=2)
    found = measure(subjects, grid)
    assert found.left_out == ()
    assert len(found.cells) == 4
    assert all(series.min() > 0 for one in found.cells for series in one.rounds)
