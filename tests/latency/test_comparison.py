"""What is said of latencies that are known."""

from __future__ import annotations

import numpy as np
import pytest

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.latency import findings, session
from zoodiff.latency import verdicts as latencies
from zoodiff.latency.benchmark import Budget, Measured, Samples
from zoodiff.latency.comparison import read, unsettled
from zoodiff.latency.conditions import Conditions, MeasuredConditions
from zoodiff.latency.subject import Loaded, TimedEntry
from zoodiff.latency.verdicts import judge
from zoodiff.store.folder import Store
from zoodiff.zoos import registry

RNG = np.random.default_rng(5)


def rounds(speed: float, spread: float = 0.002, processes: int = 8) -> list[np.ndarray]:
    return [speed * np.exp(spread * RNG.standard_normal(12)) for _ in range(processes)]


@pytest.mark.parametrize(
    ("first", "second", "spread", "verdict"),
    [
        (1.10, 1.00, 0.002, "slower"),
        (1.00, 1.10, 0.002, "faster"),
        (1.00, 1.00, 0.002, "the same"),
        (1.00, 1.03, 0.5, "no difference shown"),
    ],
)
def test_verdicts(first: float, second: float, spread: float, verdict: str) -> None:
    assert judge(rounds(first, spread), rounds(second, spread), 0.01).verdict == verdict


def test_below_the_floor_nothing_counts_however_sure_it_is() -> None:
    slow, fast = rounds(1.02), rounds(1.0)
    assert judge(slow, fast, 0.005).verdict == "slower"
    assert judge(slow, fast, 0.03).verdict != "slower"
    assert judge(slow, fast, float("inf")).verdict != "slower", "there was no control"


def test_equal_things_raise_at_most_one_false_alarm_in_a_hundred() -> None:
    rng = np.random.default_rng(1)
    runs = 600

    def made() -> list[np.ndarray]:
        return [
            np.exp(0.01 * rng.standard_normal() + 0.01 * rng.standard_normal(15)) for _ in range(5)
        ]

    alarms = sum(judge(made(), made(), 0.005).verdict in {"slower", "faster"} for _ in range(runs))
    assert alarms <= 0.015 * runs


def samples(
    name: str, values: list[np.ndarray], copy: int = 0, of: str = "", **conditions: str
) -> Samples:
    entry = registry.resolve("torchvision:resnet18@random")
    one = TimedEntry(name, entry, copy=copy, of=of, conditions=Conditions(batch=4))
    loaded = Loaded(
        "random",
        None,
        (3, 8, 8),
        MeasuredConditions(name, "torchvision", "", conditions),
        {},
        1,
        {},
    )
    return Samples(one, loaded, values, values, values, [3.0], 0.001, 7)


def measured(*samples: Samples, system_noise: tuple[str, ...] = ()) -> Measured:
    return Measured(samples, (), "time spent", 8, 1.0, 1.0, 12.0, system_noise)


def test_a_run_is_read_with_its_controls() -> None:
    fast, slow = rounds(1.0), rounds(1.2)
    copy = [one * 1.001 for one in fast]
    found = read(
        measured(samples("a", fast), samples("b", slow), samples("c", copy, copy=1, of="a"))
    )
    assert [row.name for row in found.rows] == ["a", "b"]
    assert found.rows[0].images_per_second == pytest.approx(4000, rel=0.01)
    (pair,) = found.pairs
    assert pair.verdict == "faster" and pair.ratio.value == pytest.approx(1 / 1.2, rel=0.01)
    assert [one.entry for one in found.controls] == ["a"] and found.covered is not None


def test_findings_name_pauses_threads_and_disturbances() -> None:
    one = samples("a", rounds(1.0))
    pool = {"internal_api": "openmp", "num_threads": 4096}
    one.runtime_info = {"threading": [pool]}
    run = measured(one, system_noise=("the machine was swapping",))
    found = findings.find(read(run), run, {}, {})
    assert [(f.code, f.sentence) for f in found] == [
        ("LAT104", "a: torchvision: openmp uses 4096 threads, 1 are asked for"),
        ("LAT107", found[1].sentence),
        ("LAT109", "the machine was swapping"),
    ]
    assert found[1].sentence.startswith("a takes 3 ms after 10 ms of idle time")


def test_fewer_multiply_accumulates_and_slower_is_out_of_step() -> None:
    copy = samples("c", rounds(1.0), copy=1, of="b")
    run = measured(samples("a", rounds(1.5)), samples("b", rounds(1.0)), copy)
    macs = {"a": 10**8, "b": 10**9}
    found = findings.find(read(run), run, {}, macs)
    codes = [f.code for f in found if f.code in {"LAT101", "LAT103"}]
    assert codes == ["LAT101", "LAT103"]
    turned = findings.find(read(run), run, {}, {"a": 10**9, "b": 10**8})
    assert "LAT103" not in {f.code for f in turned}


def test_published_ratios_are_held_to_measured_ones() -> None:
    """Keras publishes 58.2 ms for ResNet50 and 45.6 for ResNet50V2, a ratio of 1.28."""
    entries = {
        "a": registry.resolve("keras:ResNet50@random"),
        "b": registry.resolve("keras:ResNet50V2@random"),
    }
    for ratio, met in ((1.28, True), (3.0, False), (0.8, False)):
        run = measured(samples("a", rounds(ratio)), samples("b", rounds(1.0)))
        found = findings.find(read(run), run, entries, {})
        assert ("LAT102" not in {f.code for f in found}) == met


def test_what_gets_steadily_slower_is_not_settled() -> None:
    growing = [np.linspace(1.0, 1.4, 30) for _ in range(4)]
    assert unsettled(samples("a", growing)) == pytest.approx(16, abs=4), "the later half of it"
    assert unsettled(samples("a", rounds(1.0))) is None
    once = [np.linspace(1.0, 1.4, 30), *rounds(1.0)]
    assert unsettled(samples("a", once)) is None, "one process of many shows nothing"


def test_a_mode_must_name_somebody(fake_zoo) -> None:
    entries = [registry.resolve("fake:small"), registry.resolve("other:small")]
    asked = session.BenchmarkSettings(modes=("fake=fast", "fake=slow"))
    names = [one.name for one in session.timed_entries(entries, asked)]
    assert names == ["fake:small@w1 [fast]", "fake:small@w1 [slow]", "other:small@w1"]
    with pytest.raises(UsageError, match="names none of the entries"):
        session.timed_entries(entries, session.BenchmarkSettings(modes=("kears=xla",)))


def test_weights_that_take_a_download_are_random_unless_named() -> None:
    assert str(session.entry_of("torchvision:resnet18").ref) == "torchvision:resnet18@random"
    named = "torchvision:resnet18@IMAGENET1K_V1"
    assert str(session.entry_of(named).ref) == named


BUDGET = Budget(seconds=0.2, processes=2, most_processes=2, block_ms=1.0)


def test_entries_are_timed_and_recorded(fake_zoo, tmp_path) -> None:
    entries = [registry.resolve(x) for x in ("fake:small", "other:small", "fake:crashes")]
    asked = session.BenchmarkSettings(budget=BUDGET)
    store = Store(tmp_path)
    store.prepare()
    with WorkerPool() as engine:
        outcome = session.run(engine, session.timed_entries(entries, asked), asked)
    session.record(outcome, asked, store)
    assert [row.entry for row in outcome.timings.rows] == ["fake:small@w1", "other:small@w1"]
    assert list(outcome.timings.failures) == ["fake:crashes@w1"]
    assert sorted(r.values.repeat for r in store if r.values.kind == "latency") == [0, 0, 1]
    record = next(iter(store))
    assert record.values.kind == "latency" and record.values.environment["machine"]["processors"]
    assert record.values.conditions["clock"].startswith("the network")
    assert outcome.timings.floor_percent is not None


def test_unequal_entries_are_refused_before_timing(fake_zoo) -> None:
    entries = [registry.resolve("fake:small"), registry.resolve("other:small")]
    subjects = [
        TimedEntry("a", entries[0]),
        TimedEntry("b", entries[1], Conditions(batch=4)),
    ]
    with WorkerPool() as engine, pytest.raises(UsageError, match=r"batch 1 \| 4"):
        session.run(engine, subjects, session.BenchmarkSettings(budget=BUDGET))


def test_nothing_to_time_is_an_error(fake_zoo) -> None:
    asked = session.BenchmarkSettings(budget=BUDGET)
    with WorkerPool() as engine, pytest.raises(MeasurementError, match="nothing could be timed"):
        session.run(engine, session.timed_entries([registry.resolve("fake:crashes")], asked), asked)


def test_latencies_of_two_machines_are_not_compared(fake_zoo, tmp_path) -> None:
    entries = [registry.resolve("fake:small"), registry.resolve("fake:small")]
    asked = session.BenchmarkSettings(budget=BUDGET)
    store = Store(tmp_path)
    store.prepare()
    with WorkerPool() as engine:
        outcome = session.run(engine, session.timed_entries(entries, asked), asked)
    session.record(outcome, asked, store)
    first, copy = sorted(store, key=lambda record: record.values.repeat)
    changed = copy.values.environment | {
        "machine": copy.values.environment["machine"] | {"processor": "another"}
    }
    elsewhere = copy.model_copy(
        update={"values": copy.values.model_copy(update={"repeat": 0, "environment": changed})}
    )
    (pair,), _ = latencies.compare([first, elsewhere])
    assert pair.verdict == "not comparable" and "processor" in (pair.note or "")
    here = copy.model_copy(update={"values": copy.values.model_copy(update={"repeat": 0})})
    (pair,), _ = latencies.compare([first, here])
    assert pair.verdict != "not comparable"
