"""A study compares the graphs of its entries: planned, recorded, found again, assembled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.onnx_networks import network
from zoodiff.api.studies import RunRequest, compare, read_run, write_report
from zoodiff.api.studies import run as run_study
from zoodiff.architecture import describe, graph_cache
from zoodiff.cli.render.studies import print_result
from zoodiff.errors import MeasurementError, StoreError
from zoodiff.report.sections import graphs as report_graphs
from zoodiff.report.sections import mismatches, summary
from zoodiff.store import bundle
from zoodiff.store.bundle import read_bundle, write_bundle
from zoodiff.store.files import LocalFiles
from zoodiff.store.folder import Store
from zoodiff.store.records import DifferenceValues, Record
from zoodiff.store.verify import verify
from zoodiff.study import assemble, config, graph_answers
from zoodiff.study.jobs import differences
from zoodiff.study.plan import plan
from zoodiff.study.result import StudyResult

ENTRIES = ["fake:small", "fake:wide", "other:small", "other:wide"]
STUDY = 'name = "graphs"\ntitle = "t"\n[architecture]\n'


def study(entries: list[str] = ENTRIES, more: str = "") -> config.LoadedStudy:
    return config.parse(f"{STUDY}{more}entries = {entries}\n")


def result_of(folder: Path, entries: list[str] = ENTRIES, more: str = "") -> StudyResult:
    return run_study(RunRequest(study=study(entries, more), results=folder)).result


def stored(folder: Path) -> list[Record]:
    return [record for record in Store(folder) if record.kind == "difference"]


def test_each_comparison_of_two_entries_is_one_task(fake_zoo) -> None:
    kinds = [task.kind for task in plan(study()).tasks]
    assert kinds == [*["architecture"] * 4, "difference"]
    sorted_by_name = plan(study(more='compare = "by architecture"\n')).tasks
    assert [t.kind for t in sorted_by_name] == [*["architecture"] * 4, *["difference"] * 2]
    assert [task.kind for task in plan(study(ENTRIES[:1])).tasks] == ["architecture"]


def test_one_pair_of_distinct_graphs_is_one_record(fake_zoo, tmp_path: Path) -> None:
    result = result_of(tmp_path)
    (difference,) = result.differences
    assert (difference.first, difference.second) == ("fake:small@w1", "fake:wide@w1")
    (graphs,) = result.graphs
    assert graphs.graphs == [
        ["fake:small@w1", "other:small@w1"],
        ["fake:wide@w1", "other:wide@w1"],
    ]
    assert graphs.verdict == "mismatch"
    (record,) = stored(tmp_path)
    assert isinstance(record.values, DifferenceValues)
    assert record.digest == difference.record
    assert record.fingerprint is not None
    assert record.values.fingerprints[0] == record.fingerprint
    manifest = Store(tmp_path).read_manifest("graphs")
    assert manifest is not None
    assert f"difference/{record.file_name}" in manifest.records


def test_the_compared_graphs_are_kept_and_readable_without_the_cache(
    fake_zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = result_of(tmp_path)
    (difference,) = result.differences
    monkeypatch.setattr(describe, "describe", None)
    monkeypatch.setattr(graph_cache, "load", None)
    store = Store(tmp_path)
    first, second = (store.read_graph(digest) for digest in difference.values.graphs)
    found = {record.entry: record.fingerprint for record in store}
    assert [describe.fingerprint_of(each) for each in (first, second)] == [
        found[difference.first],
        found[difference.second],
    ]


def test_graphs_are_stored_once_for_all_pairs(fake_zoo, tmp_path: Path) -> None:
    result_of(tmp_path, more='compare = "by architecture"\n')
    result_of(tmp_path)
    named = {digest for record in stored(tmp_path) for digest in record.graphs}
    assert len(list((tmp_path / "graphs").iterdir())) == len(named)


@pytest.mark.parametrize("harm", ["damaged", "missing"])
def test_a_pair_whose_graph_is_lost_is_compared_again(fake_zoo, tmp_path: Path, harm: str) -> None:
    first = result_of(tmp_path)
    file = next((tmp_path / "graphs").iterdir())
    file.write_bytes(b"") if harm == "damaged" else file.unlink()
    again = run_study(RunRequest(study=study(), results=tmp_path))
    assert (again.measured, again.reused) == (1, 4)
    assert again.result.differences[0].values.graphs == first.differences[0].values.graphs
    assert verify(Store(tmp_path).files).problems == ()


def test_pairs_with_a_graph_that_is_too_large_keep_none(
    fake_zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoodiff.store.graphs.LARGEST", 10)
    (difference,) = result_of(tmp_path).differences
    assert difference.values.graphs == []
    assert difference.has_effect
    assert not (tmp_path / "graphs").exists()


def test_equal_graphs_need_no_diff(fake_zoo, tmp_path: Path) -> None:
    result = result_of(tmp_path, ["fake:small", "other:small"])
    assert result.differences == []
    assert [graphs.verdict for graphs in result.graphs] == ["same"]
    assert stored(tmp_path) == []


def test_a_record_is_found_again_and_nothing_is_described(
    fake_zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = result_of(tmp_path)
    monkeypatch.setattr(describe, "describe", None)
    monkeypatch.setattr("zoodiff.study.scheduler.open_engine", None)
    again = run_study(RunRequest(study=study(), results=tmp_path))
    assert (again.measured, again.reused) == (0, 5)
    assert again.result.differences == first.differences


def test_a_record_of_an_older_version_is_measured_again(
    fake_zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        for module in ("zoodiff.tasks", "zoodiff.equivalence.graph_difference"):
            patched.setattr(f"{module}.__version__", "0.0.1")
        result_of(tmp_path)
    again = run_study(RunRequest(study=study(), results=tmp_path))
    assert (again.measured, again.reused) == (5, 0)
    assert len(stored(tmp_path)) == 2


@pytest.mark.onnx
def test_what_was_compared_before_an_interruption_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for kernel in (1, 3, 5):
        network(tmp_path / f"{kernel}.onnx", kernel=kernel)
    names = ["1.onnx", "3.onnx", "5.onnx"]
    original, taken = differences.DifferenceTask.take, []

    def interrupted(self: differences.DifferenceTask, data: dict[str, object]) -> tuple[int, int]:
        if taken:
            raise KeyboardInterrupt
        taken.append(data)
        return original(self, data)

    with monkeypatch.context() as patched:
        patched.setattr(differences.DifferenceTask, "take", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compare(names, tmp_path / "r")
    assert len(stored(tmp_path / "r")) == 1
    again = compare(names, tmp_path / "r")
    assert (again.measured, again.reused) == (2, 4)
    assert [(one.first[5:], one.second[5:]) for one in again.result.differences] == [
        ("1.onnx", "3.onnx"),
        ("1.onnx", "5.onnx"),
        ("3.onnx", "5.onnx"),
    ]


def test_a_pair_that_cannot_be_compared_is_a_failure_and_not_decided(
    fake_zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: object) -> None:
        raise MeasurementError("it ended")

    monkeypatch.setattr(differences, "graph_of", failing)
    outcome = run_study(RunRequest(study=study(), results=tmp_path))
    (failure,) = outcome.failures
    assert (failure.kind, failure.entry) == ("difference", "fake:small@w1")
    assert failure.reason == "its graph was not compared with that of fake:wide@w1: it ended"
    (graphs,) = outcome.result.graphs
    assert (graphs.verdict, graphs.not_compared) == (
        "not decided",
        [["fake:small@w1", "fake:wide@w1"]],
    )
    assert not outcome.complete
    assert "1 was not decided" in " ".join(summary.sentences(outcome.result))


def test_a_lost_job_that_sends_a_record_again_stores_it_once(fake_zoo, tmp_path: Path) -> None:
    result_of(tmp_path)
    (record,) = stored(tmp_path)
    store = Store(tmp_path)
    described = [one for one in store if one.kind == "architecture"]
    (task,) = [one for one in plan(study()).tasks if one.kind == "difference"]
    comparison = differences.DifferenceTask(task, described, store, fresh=True)
    again = record.model_copy(update={"finished": "2027-01-01T00:00:00+00:00"})
    for sent in (again, again.model_copy(update={"finished": "2028-01-01T00:00:00+00:00"})):
        assert comparison.take({"record": sent.model_dump_json()}) == (1, 1)
    assert comparison.finish().measured == 1
    assert len(stored(tmp_path)) == 2


def test_a_bundle_carries_the_records_and_verify_reads_them(fake_zoo, tmp_path: Path) -> None:
    result = result_of(tmp_path / "r")
    store = Store(tmp_path / "r")
    bundle.write_bundle(store, tmp_path / "b.tar.zst")
    bundle.read_bundle(Store(tmp_path / "other"), tmp_path / "b.tar.zst")
    assert read_run("graphs", tmp_path / "other").result.differences == result.differences
    (path,) = (tmp_path / "r" / "records" / "difference").glob("*.json")
    assert verify(LocalFiles(tmp_path / "r")).problems == ()
    path.write_text(path.read_text().replace("ARC", "ARX"))
    (problem,) = verify(LocalFiles(tmp_path / "r")).problems
    assert (problem.name, problem.fault) == (f"records/difference/{path.name}", "damaged")


def test_a_run_without_fingerprints_is_read_by_its_counts(fake_zoo, tmp_path: Path) -> None:
    result = result_of(tmp_path)
    store = Store(tmp_path)
    old = [
        store.put(record.model_copy(update={"fingerprint": None}))
        for record in store
        if record.kind == "architecture"
    ]
    manifest = store.read_manifest("graphs")
    assert manifest is not None
    read = assemble.assemble(store, manifest.model_copy(update={"records": old}))
    assert (read.graphs, read.differences) == ([], [])
    assert [one.property for one in read.mismatches] == [one.property for one in result.mismatches]
    assert mismatches.tally(read).with_effect == 1


def test_more_pairs_than_a_report_holds_are_an_error(
    fake_zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assemble, "_MOST_GRAPH_PAIRS", 0)
    with pytest.raises(StoreError, match="1 pairs of entries to compare in architecture"):
        result_of(tmp_path)


def test_a_pair_in_many_comparisons_fills_no_memory(
    fake_zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result_of(tmp_path)
    store = Store(tmp_path)
    manifest = store.read_manifest("graphs")
    assert manifest is not None
    assert manifest.comparisons is not None
    many = manifest.model_copy(update={"comparisons": manifest.comparisons * 100})
    assert len(assemble.assemble(store, many).differences) == 100
    monkeypatch.setattr(graph_answers, "_LARGEST", 50_000)
    with pytest.raises(StoreError, match="more than 50,000 characters"):
        assemble.assemble(store, many)


def test_at_most_ten_answers_are_printed(
    fake_zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = result_of(tmp_path)
    many = result.model_copy(update={"differences": result.differences * 12})
    print_result(many)
    printed = capsys.readouterr().out
    assert printed.count("fake:small@w1 and fake:wide@w1: ") == 10
    assert "... and 3 more, with --json" in printed


@pytest.mark.onnx
def test_a_folded_norm_is_harmless_by_its_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from study.test_groups import normed

    monkeypatch.chdir(tmp_path)
    normed(tmp_path / "plain.onnx")
    normed(tmp_path / "folded.onnx", folded=True)
    result = compare(["plain.onnx", "folded.onnx"], tmp_path / "r").result
    assert [graphs.verdict for graphs in result.graphs] == ["harmless"]
    (difference,) = result.differences
    assert not difference.has_effect
    assert difference.answer == "the same architecture up to ARC112 batch norm folded (conv)"
    print_result(result)
    assert f"file:plain.onnx and file:folded.onnx: {difference.answer}\n" in capsys.readouterr().out
    said = " ".join(summary.sentences(result))
    assert "1 differs only in ways that change no function" in said
    assert mismatches.tally(result) == mismatches.Tally(0, 1, 0)
    (table,) = mismatches.tables(result)
    assert table.because == (
        "The counts below differ because of ARC112 batch norm folded, which change no function."
    )
    assert not any(mismatch.has_effect for mismatch in result.mismatches)
    answers = [table.answers] if table.answers else []
    (meaning,) = report_graphs.meanings(report_graphs.codes(answers))
    assert meaning.code == "ARC112"


@pytest.mark.onnx
def test_a_file_that_changed_since_it_was_described_is_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    network(tmp_path / "one.onnx")
    network(tmp_path / "wide.onnx", kernel=5)
    original = differences.DifferenceTask.jobs

    def changing(self: differences.DifferenceTask, *args: object) -> object:
        network(tmp_path / "wide.onnx", kernel=3)
        return original(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(differences.DifferenceTask, "jobs", changing)
    outcome = compare(["one.onnx", "wide.onnx"], tmp_path / "r")
    (failure,) = outcome.failures
    assert failure.reason.endswith("file:wide.onnx has changed since it was described")


def test_the_json_of_a_report_holds_the_answers(fake_zoo, tmp_path: Path) -> None:
    from zoodiff.report import write

    result = result_of(tmp_path / "r")
    document = json.loads(write(result, tmp_path / "report").json.read_text())
    (difference,) = document["differences"]
    assert difference["values"]["relation"] == result.differences[0].values.relation
    assert document["graphs"][0]["verdict"] == "mismatch"


def test_a_report_of_the_results_folder_has_pictures_that_need_nothing_else(
    fake_zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result_of(tmp_path / "r")
    write_bundle(Store(tmp_path / "r"), tmp_path / "x.tar")
    read_bundle(Store(tmp_path / "elsewhere"), tmp_path / "x.tar")
    monkeypatch.setattr(describe, "describe", None)
    monkeypatch.setattr(graph_cache, "load", None)
    stored_run = read_run(None, tmp_path / "elsewhere")
    files = write_report(stored_run.result, tmp_path / "report", tmp_path / "elsewhere")
    (picture,) = (tmp_path / "report" / "pictures").iterdir()
    assert "fake:small@w1" in picture.read_text()
    assert f'"{picture.stem}":"\\u003csvg' in files.html.read_text()
    again = write_report(stored_run.result, tmp_path / "report")
    assert 'id="pictures"' not in again.html.read_text()
