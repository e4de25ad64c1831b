from pathlib import Path

import pytest

from zoodiff.architecture import describe as architecture
from zoodiff.architecture import mismatches as architectures
from zoodiff.errors import StoreError
from zoodiff.latency import verdicts as latencies
from zoodiff.store.folder import Store
from zoodiff.store.records import LatencyValues
from zoodiff.study import config
from zoodiff.study.run import run
from zoodiff.workers.limits import Limits

STUDY = """\
name = "fakes"
title = "Fakes"
[architecture]
entries = ["fake:small", "fake:wide", "other:small", "fake:crashes", "fake:refuses"]
[latency]
entries = ["fake:small", "other:small", "fake:crashes"]
processes = 2
rounds = 4
block_seconds = 0.001
"""


class Watcher:
    """Remembers what a run says, and can interrupt it as Ctrl-C would."""

    def __init__(self, interrupt_before: str | None = None) -> None:
        self.labels: list[str] = []
        self.found = 0
        self.interrupt_before = interrupt_before

    def expects(self, sentence: str) -> None: ...

    def begin(self, tasks: int, finished: int) -> None:
        self.found = finished

    def task(self, label: str) -> None:
        if self.interrupt_before and self.interrupt_before in label:
            raise KeyboardInterrupt
        self.labels.append(label)

    def step(self, label: str, done: int, of: int) -> None:
        assert 0 < done <= of

    def waits(self, label: str, holder: str) -> None: ...

    def done(self, label: str, failures: int) -> None:
        pass


def test_a_run_measures_what_it_can_and_lists_what_it_cannot(fake_zoo, tmp_path: Path) -> None:
    store = Store(tmp_path)
    outcome = run(config.parse(STUDY), store, Watcher())
    assert outcome.manifest.complete
    records = [store.get(name) for name in outcome.manifest.records]
    assert all(record is not None for record in records)
    kinds = sorted((r.kind, r.entry) for r in records if r is not None)
    assert kinds == [
        ("architecture", "fake:small@w1"),
        ("architecture", "fake:wide@w1"),
        ("architecture", "other:small@w1"),
        ("difference", "fake:small@w1"),  # from fake:wide: other:small has the same graph
        ("latency", "fake:small@w1"),
        ("latency", "fake:small@w1"),  # the A/A control
        ("latency", "other:small@w1"),
    ]
    reasons = {(f.kind, f.entry): f.reason for f in outcome.manifest.failures}
    assert "SIGSEGV" in reasons["architecture", "fake:crashes@w1"]
    assert "not published" in reasons["architecture", "fake:refuses@w1"]
    assert "exit code 7" in reasons["latency", "fake:crashes@w1"]


def test_a_second_run_measures_only_what_failed(fake_zoo, tmp_path: Path) -> None:
    text = STUDY.replace(', "fake:crashes"]\nprocesses', "]\nprocesses")
    store = Store(tmp_path)
    first = run(config.parse(text), store, Watcher())
    watcher = Watcher()
    second = run(config.parse(text), store, watcher)
    assert watcher.labels == [
        "architecture fake:crashes@w1",
        "architecture fake:refuses@w1",
        "difference of the graphs of fake:small@w1 and 4 more",
    ]
    assert sorted(second.manifest.records) == sorted(first.manifest.records)
    assert second.measured == 0
    assert second.reused == len(first.manifest.records)
    assert second.manifest.started == first.manifest.started


def test_fresh_measures_everything_again(fake_zoo, tmp_path: Path) -> None:
    text = STUDY.partition("[latency]")[0]
    run(config.parse(text), Store(tmp_path), Watcher())
    watcher = Watcher()
    run(config.parse(text), Store(tmp_path), watcher, fresh=True)
    assert len(watcher.labels) == 6


@pytest.mark.parametrize(
    "moment", ["architecture fake:small", "architecture other:small", "difference", "latency"]
)
def test_an_interrupted_run_loses_nothing_and_goes_on(
    fake_zoo, tmp_path: Path, moment: str
) -> None:
    text = STUDY.replace(', "fake:crashes", "fake:refuses"', "").replace(', "fake:crashes"', "")
    store = Store(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(config.parse(text), store, Watcher(interrupt_before=moment))
    manifest = store.read_manifest("fakes")
    assert manifest is not None
    assert not manifest.complete
    kept = list(store)
    watcher = Watcher()
    outcome = run(config.parse(text), Store(tmp_path), watcher)
    assert outcome.manifest.complete
    assert outcome.reused == len(kept)
    assert len(outcome.manifest.records) == 7
    assert len(watcher.labels) == outcome.manifest.planned - watcher.found


def test_a_damaged_record_is_measured_again(fake_zoo, tmp_path: Path) -> None:
    text = STUDY.partition("[latency]")[0].replace(', "fake:crashes", "fake:refuses"', "")
    store = Store(tmp_path)
    first = run(config.parse(text), store, Watcher())
    (store.records_folder / first.manifest.records[0]).write_text("{")
    watcher = Watcher()
    second = run(config.parse(text), Store(tmp_path), watcher)
    assert [label.split()[0] for label in watcher.labels] == ["architecture", "difference"]
    assert len(second.damaged) == 1
    assert second.measured == 1
    assert len(second.manifest.records) == 4


def test_a_full_disk_ends_the_run_and_keeps_what_was_finished(
    fake_zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = STUDY.partition("[latency]")[0].replace(', "fake:crashes", "fake:refuses"', "")
    original, puts = Store.put, []

    def filling(self: Store, *args: object) -> str:
        puts.append(1)
        if len(puts) > 2:
            raise StoreError("cannot write the results folder (No space left on device)")
        return original(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "put", filling)
    with pytest.raises(StoreError, match="No space"):
        run(config.parse(text), Store(tmp_path), Watcher())
    assert len(list(Store(tmp_path))) == 2


def test_a_worker_that_hangs_costs_its_own_measurement_only(fake_zoo, tmp_path: Path) -> None:
    text = """\
name = "hang"
title = "t"
[architecture]
entries = ["fake:hangs", "fake:small"]
"""
    outcome = run(config.parse(text), Store(tmp_path), Watcher(), limits=Limits(seconds=1.5))
    assert [f.entry for f in outcome.manifest.failures] == ["fake:hangs@w1"]
    assert len(outcome.manifest.records) == 1


def test_latency_is_interleaved_and_ratios_are_within_rounds(fake_zoo, tmp_path: Path) -> None:
    store = Store(tmp_path)
    run(config.parse(STUDY), store, Watcher())
    values = [r.values for r in store if isinstance(r.values, LatencyValues)]
    assert {tuple(v.process_rounds) for v in values} == {(4, 4)}
    assert {len(v.round_medians_ms) for v in values} == {8}
    assert len({v.group for v in values}) == 1
    pairs, controls = latencies.compare(store)
    assert len(pairs) == 1
    assert len(controls) == 1
    assert pairs[0].interval is not None
    assert pairs[0].interval.low <= pairs[0].difference <= pairs[0].interval.high
    assert pairs[0].difference >= 0


def test_mismatches_name_what_differs_and_only_that(fake_zoo, tmp_path: Path, monkeypatch) -> None:
    text = STUDY.partition("[latency]")[0].replace(', "fake:crashes", "fake:refuses"', "")
    store = Store(tmp_path)
    run(config.parse(text), store, Watcher())
    assert architectures.mismatches(store) == []
    changed = [
        r.model_copy(update={"values": r.values.model_copy(update={"macs": 99})})
        if r.entry == "other:small@w1"
        else r
        for r in store
    ]
    (found,) = architectures.mismatches(changed)
    assert (found.architecture, found.property, found.groups) == ("small_net", "MACs", 2)
    assert found.values == {"fake:small@w1": "12", "other:small@w1": "99"}


def test_a_worker_that_sends_no_graph_is_one_sentence(
    fake_zoo, tmp_path: Path, monkeypatch
) -> None:
    from zoodiff.engines.pool import WorkerPool
    from zoodiff.errors import WorkerError
    from zoodiff.workers.process import Worker
    from zoodiff.zoos import registry

    answer = {
        "graph": {"nodes": 3},
        "facts": {"parameters": 1, "statistics": 0},
        "seconds": 0.1,
        "peak_rss_bytes": 1,
    }
    monkeypatch.setattr(Worker, "ask", lambda *a, **k: lambda: answer)
    with WorkerPool() as engine, pytest.raises(WorkerError, match="sent no graph of small"):
        architecture.measure(engine, registry.resolve("fake:small"), "k")
