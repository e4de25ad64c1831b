"""Studies from Python: what was measured, taken from the folder, damaged, and read again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import zoodiff
from support.records import filled
from zoodiff.api.studies import Silent, report_folder
from zoodiff.errors import StudyError, UnknownNameError, UsageError

STUDY = 'name = "small"\ntitle = "Two files"\n[architecture]\nentries = [{}]\n'


class Watcher(Silent):
    def __init__(self) -> None:
        self.tasks: tuple[int, int] | None = None
        self.ended = False

    def expects(self, sentence: str) -> None: ...

    def begin(self, tasks: int, finished: int) -> None:
        self.tasks = (tasks, finished)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two networks with other numbers of outputs, and the study that describes both."""
    pytest.importorskip("onnx", reason="the onnx extra")
    from support.text.hostile_world import network

    monkeypatch.chdir(tmp_path)
    names = ["three.onnx", "five.onnx"]
    for name, outputs in zip(names, (3, 5), strict=True):
        network(tmp_path / name, outputs=outputs)
    listed = ", ".join(f'"file:{name}"' for name in names)
    (tmp_path / "small.toml").write_text(STUDY.format(listed))
    return names


@pytest.mark.onnx
def test_a_run_says_what_was_measured_and_what_was_known(files: list[str]) -> None:
    watchers: dict[str, Watcher] = {}

    @contextmanager
    def observe(title: str) -> Iterator[Watcher]:
        watchers[title] = Watcher()
        yield watchers[title]
        watchers[title].ended = True

    first = zoodiff.run("small.toml", "results", observe=observe)
    assert (first.measured, first.reused, first.failures, first.damaged) == (3, 0, (), ())
    assert first.complete
    assert watchers["Two files"].tasks == (3, 0)
    assert watchers["Two files"].ended
    again = zoodiff.run(zoodiff.RunRequest(study="small.toml"))
    assert (again.measured, again.reused) == (0, 3)
    assert again.result.records == first.result.records
    fresh = zoodiff.run("small.toml", fresh=True, jobs=2)
    assert (fresh.measured, fresh.reused) == (3, 0)
    last = zoodiff.run_study("small.toml")
    assert last.records == fresh.result.records
    stored = zoodiff.read_run("small")
    assert (stored.name, stored.result, stored.damaged) == ("small", last, ())
    assert stored.result.study_text == Path("small.toml").read_text()


@pytest.mark.onnx
def test_a_comparison_takes_records_of_the_same_folder(files: list[str]) -> None:
    zoodiff.run("small.toml")
    compared = zoodiff.compare(files)
    assert (compared.measured, compared.reused) == (0, 3)
    request = zoodiff.CompareRequest(names=tuple(files))
    assert zoodiff.compare(request).result.records == compared.result.records
    assert zoodiff.compare_entries(files).mismatches == compared.result.mismatches
    (difference,) = compared.result.differences
    assert difference.values.because == ["ARC141"]
    counted = {record.entry: record.values for record in compared.result.records}
    assert {entry: getattr(values, "parameters", None) for entry, values in counted.items()} == {
        "file:three.onnx": 3 * 3 + 3 * 3,
        "file:five.onnx": 3 * 3 + 3 * 5,
    }


@pytest.mark.onnx
def test_a_damaged_record_is_measured_again_and_named(files: list[str]) -> None:
    zoodiff.run("small.toml")
    record = sorted(Path("results/records/architecture").glob("*.json"))[0]
    record.write_bytes(b"{")
    again = zoodiff.run("small.toml")
    assert (again.measured, again.reused) == (1, 2)
    (sentence,) = again.damaged
    assert record.name in sentence


def test_a_request_is_complete() -> None:
    with pytest.raises(UsageError, match="a request is complete"):
        zoodiff.run(zoodiff.RunRequest(study="quick"), fresh=True)
    with pytest.raises(UsageError, match="a request is complete"):
        zoodiff.compare(zoodiff.CompareRequest(names=("resnet50",)), "results")
    with pytest.raises(TypeError, match="nonsense"):
        zoodiff.run("quick", nonsense=1)


def test_errors_come_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="did you mean quick"):
        zoodiff.run("quik", tmp_path / "results")
    with pytest.raises(UnknownNameError, match='no architecture "resnet5"'):
        zoodiff.compare(["resnet5"], tmp_path / "results")
    with pytest.raises(StudyError, match=r"latency\.rounds = 2 is not valid"):
        zoodiff.compare("resnet50", tmp_path / "results", latency=True, rounds=2)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_not_there_is_an_error_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="there is no run in"):
        zoodiff.read_run(results=tmp_path / "nowhere")
    filled(tmp_path / "results")
    with pytest.raises(UnknownNameError, match=r'no run "small" in .*; there are s'):
        zoodiff.read_run("small", tmp_path / "results")


@pytest.mark.parametrize(
    ("results", "folder"),
    [
        ("results", "results/report/s"),
        (Path("/a/b"), "/a/b/report/s"),
        ("s3://bucket/study", "report/s"),
    ],
)
def test_a_report_goes_beside_results_in_a_folder(results: str | Path, folder: str) -> None:
    assert report_folder("s", results) == Path(folder)
