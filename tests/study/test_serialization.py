"""Tasks, entries and records as plain data: what comes back is what was sent."""

import pickle
from pathlib import Path

import pytest

from zoodiff import tasks
from zoodiff.accuracy import sharding, subject
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.errors import MeasurementError
from zoodiff.study import serialization
from zoodiff.tasks import Task
from zoodiff.zoos import registry


def sent(plain: object) -> object:
    """As another process gets it."""
    return pickle.loads(pickle.dumps(plain))


@pytest.mark.parametrize(
    "name",
    ["torchvision:resnet50", "torchvision:resnet50@random", "keras:VGG16", "file:{}", "{}@random"],
)
def test_an_entry_comes_back(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.onnx").write_bytes(b"\x08\x08")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    entry = registry.resolve(name.format("./a.onnx"))
    task = Task("architecture", (entry,), (("batch", 3),))
    plain, key = serialization.of_task(task), task.key(entry)
    monkeypatch.chdir(tmp_path / "elsewhere")  # a worker of a cluster may be anywhere
    again = serialization.task_of(sent(plain))
    assert again == task
    assert str(again.entries[0].ref) == str(entry.ref)
    assert again.key(again.entries[0]) == key


def test_an_evaluated_entry_comes_back() -> None:
    entry = registry.resolve("torchvision:resnet50")
    one = EvaluatedEntry(entry, entry.preprocessing, ("library",), entry.model.labels)
    assert subject.from_plain(sent(subject.to_plain(one))) == one


def test_a_machine_with_another_version_is_refused_by_name() -> None:
    plain = tasks.of_entry(registry.resolve("torchvision:resnet50"))
    plain["installed"]["torch"] = "1.0"
    with pytest.raises(MeasurementError, match=r"has torch .*, this one 1.0; install the same"):
        tasks.entry_of(plain)


def test_a_data_set_that_is_another_one_elsewhere_is_refused(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / "0").mkdir(exist_ok=True)
        (tmp_path / "0" / f"{name}.png").write_bytes(name.encode())
    asked = {"data": str(tmp_path), "truth": None, "data_labels": None, "split": None}
    data = {"images": asked, "stamp": "of another machine"}
    with pytest.raises(MeasurementError, match="is not the same on all machines"):
        sharding.do_shard(None, data, print)  # type: ignore[arg-type]


def test_parts_of_an_interrupted_pass_are_completed_not_replaced() -> None:
    import numpy as np

    from zoodiff.accuracy.checkpoints import Part
    from zoodiff.accuracy.predictions import predictions

    def part(*names: str, hashes: tuple[bytes, ...] = (b"1", b"2")) -> Part:
        found = predictions(np.eye(2, 3), np.arange(2), np.arange(3))
        facts = {name: {"loaded": {}} for name in names}
        return Part(4, [0, 1], np.arange(2), hashes, {}, dict.fromkeys(names, found), facts=facts)

    both = sharding.merged(part("a"), part("b"))
    assert both.predictions.keys() == both.facts.keys() == {"a", "b"}
    assert sharding.merged(part("a", hashes=(b"1", b"3")), part("b")).predictions.keys() == {"b"}
