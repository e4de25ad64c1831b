"""One study on all engines: the same records, also where a process of the cluster is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zoodiff.accuracy import sharding
from zoodiff.engines.choose import Choice
from zoodiff.store.comparable import comparable
from zoodiff.store.folder import Store
from zoodiff.store.records import AccuracyValues
from zoodiff.study import config
from zoodiff.study.run import run

pytestmark = pytest.mark.onnx
onnx = pytest.importorskip("onnx", reason="the onnx extra")
CLASSES, IMAGES = 5, 200

STUDY = """\
name = "engines"
title = "Engines"
[architecture]
entries = [{entries}]
[accuracy]
data = "{folder}/data"
entries = [{entries}]
batch = 8
[latency]
entries = [{entries}]
rounds = 3
processes = 1
block_seconds = 0.001
"""


class Watcher:
    """Calls something at the first step of accuracy."""

    def __init__(self, at_step: Any = lambda: None) -> None:
        self.at_step, self.done_tasks = at_step, 0

    def expects(self, sentence: str) -> None: ...

    def begin(self, tasks: int, finished: int) -> None:
        self.tasks, self.finished = tasks, finished

    def task(self, label: str) -> None: ...

    def step(self, label: str, done: int, of: int) -> None:
        assert 0 < done <= of
        if label.startswith("accuracy"):
            self.at_step()
            self.at_step = lambda: None

    def waits(self, label: str, holder: str) -> None: ...

    def done(self, label: str, failures: int) -> None:
        assert failures == 0
        self.done_tasks += 1


def network(path: Path, seed: int) -> str:
    """Pooling and a linear layer with weights of its own, and what its pixels are.

    The third network ends in a ReLU, so that its graph is another one.
    """
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(seed).standard_normal((CLASSES, 3)).astype(np.float32)
    nodes = [
        helper.make_node("GlobalAveragePool", ["x"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w"], ["linear" if seed == 2 else "y"], transB=1),
    ]
    if seed == 2:
        nodes.append(helper.make_node("Relu", ["linear"], ["y"]))
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])
    scores = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", CLASSES])
    weights = [numpy_helper.from_array(weight, "w")]
    graph = helper.make_graph(nodes, "tiny", [image], [scores], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    path.with_name(path.name + ".toml").write_text(
        'architecture = "tiny"\n[preprocessing]\nvalue_range = [0, 1]\n'
        "mean = [0, 0, 0]\nstd = [1, 1, 1]\n"
    )
    return str(path)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of three networks on 200 images, one of which is damaged."""
    folder = tmp_path_factory.mktemp("study")
    rng = np.random.default_rng(0)
    for k in range(IMAGES):
        place = folder / "data" / f"{k % CLASSES}" / f"{k}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 11, 3), dtype=np.uint8)).save(place)
    (folder / "data" / "2" / "77.png").write_bytes(b"no image")
    names = [network(folder / f"{k}.onnx", k) for k in range(3)]
    entries = ", ".join(f'"{name}"' for name in names)
    (folder / "study.toml").write_text(STUDY.format(entries=entries, folder=folder))
    return folder


def records(folder: Path, results: Path, choice: Choice, watcher: Watcher) -> dict[str, Any]:
    """What a run leaves, by key; times left out, predictions put in."""
    store = Store(results)
    outcome = run(config.load_study(str(folder / "study.toml")), store, watcher, engine=choice)
    assert outcome.manifest.failures == []
    assert watcher.done_tasks == watcher.tasks - watcher.finished == 6
    found = {}
    for name in outcome.manifest.records:
        record = store.get(name)
        assert record is not None
        found[record.key] = comparable(record)
        if isinstance(record.values, AccuracyValues):
            found[record.key]["predictions"] = store.read_attachment(record)
    assert len(found) == len(outcome.manifest.records)
    assert list((results / "unfinished").iterdir()) == []
    return found


@pytest.fixture(scope="module")
def undisturbed(material: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one slot finds: three architectures, a difference of two graphs, three accuracies,
    three latencies, and a control."""
    found = records(material, tmp_path_factory.mktemp("one"), Choice(), Watcher())
    assert len(found) == 11
    accuracies = [one for one in found.values() if one["values"]["kind"] == "accuracy"]
    assert all(one["values"]["images"] == IMAGES - 1 for one in accuracies)
    assert all(one["weights"]["state"] == "file" for one in accuracies)
    return found


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """One cluster for all tests of this file, which the engine joins."""
    ray = pytest.importorskip("ray", reason="the ray extra")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "SHARD", 1)


def test_two_slots_find_what_one_finds(
    material: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    assert records(material, tmp_path, Choice(jobs=2), Watcher()) == undisturbed


@pytest.mark.ray
def test_a_cluster_finds_what_one_slot_finds(
    material: Path, undisturbed: dict[str, Any], cluster: None, tmp_path: Path
) -> None:
    assert records(material, tmp_path, Choice("ray", jobs=2), Watcher()) == undisturbed


@pytest.mark.ray
def test_a_killed_process_of_the_cluster_changes_nothing(
    material: Path, undisturbed: dict[str, Any], cluster: None, tmp_path: Path
) -> None:
    import psutil

    killed: list[int] = []

    def kill() -> None:
        """End one slot's process as a lost node would, its workers with it."""
        mine = psutil.Process().children(recursive=True)
        slot = next(one for one in mine if "RemoteSlot" in " ".join(one.cmdline()))
        os.kill(slot.pid, signal.SIGKILL)
        killed.append(slot.pid)

    found = records(material, tmp_path, Choice("ray", jobs=2), Watcher(kill))
    assert len(killed) == 1
    assert found == undisturbed


def test_an_interrupted_pass_goes_on_with_what_its_parts_say(
    material: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    seen: list[int] = []

    class Interrupts(Watcher):
        def step(self, label: str, done: int, of: int) -> None:
            if label.startswith("accuracy"):
                seen.append(done)
                if len(seen) == 3:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        records(material, tmp_path, Choice(jobs=2), Interrupts())
    kept = list((tmp_path / "unfinished").glob("*/*.npz"))
    assert len(kept) == 3
    store = Store(tmp_path)
    outcome = run(config.load_study(str(material / "study.toml")), store, Watcher())
    found = [store.get(name) for name in outcome.manifest.records]
    again = {one.key: comparable(one) for one in found if one is not None}
    without_files = {
        key: {k: v for k, v in one.items() if k != "predictions"}
        for key, one in undisturbed.items()
    }
    assert again == without_files
