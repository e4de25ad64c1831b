"""No well-formed file is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from support.security import sound_keras, sound_onnx, sound_scripts, sound_tensorflow, sound_torch
from support.security.sound import SOUND, Sound
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.preprocessing.completed import completed
from zoodiff.preprocessing.geometry import geometry_of
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.workers import permissions
from zoodiff.zoos import registry
from zoodiff.zoos.decoding import decoding

assert sound_torch and sound_scripts and sound_keras and sound_onnx and sound_tensorflow
MARKS = {
    "checkpoint": pytest.mark.torch,
    "torch": pytest.mark.torch,
    "keras": pytest.mark.keras,
    "tensorflow": pytest.mark.keras,
    "tflite": pytest.mark.tflite,
    "onnx": pytest.mark.onnx,
    "images": pytest.mark.onnx,
}


def cases() -> Iterator[object]:
    # One kind of worker after the other, so that each framework starts once.
    for kind, mark in MARKS.items():
        for one in SOUND.values():
            if one.kind == kind:
                yield pytest.param(one, marks=mark, id=one.name)


@pytest.fixture(scope="module")
def paths(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, Path]]:
    """All files that are to be tried: permissions are read when a worker starts, so before any."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOODIFF_HOME", str(tmp_path_factory.mktemp("home")))
        for item in request.session.items:
            one = item.callspec.params.get("one") if hasattr(item, "callspec") else None
            if isinstance(one, Sound):
                made[one.name] = one.write(tmp_path_factory.mktemp("sound"))
                if one.allowed:
                    permissions.allow(made[one.name])
        yield made


@pytest.fixture(scope="module")
def engine(paths: dict[str, Path]) -> Iterator[WorkerPool]:
    with WorkerPool() as engine:
        yield engine


@pytest.mark.parametrize("one", cases())
def test_a_sound_file_is_opened_and_run(
    engine: WorkerPool, paths: dict[str, Path], one: Sound
) -> None:
    path = paths[one.name]
    if one.kind == "images":
        images = open_images(str(path))
        reader = engine.worker(decoding(("pillow",)), "decode")
        spec, _ = completed(Preprocessing(), (8, 8))
        data = np.frombuffer(images.read(0), np.uint8)
        answer = reader.call(
            "pixels",
            doing="decoding",
            data=reader.put_array(data),
            sizes=[len(data)],
            geometries=[geometry_of(spec).to_dict()],
        )
        assert images.layout.startswith("CIFAR") or not answer["failed"]
        return
    text = (
        f"torchvision:squeezenet1_1@{path}"
        if one.kind == "checkpoint"
        else f"{path}?size={one.size}"
    )
    entry = registry.resolve(text)
    worker = engine.worker(entry.worker, "run")
    given = {"model": entry.model.name, "weights": entry.weights_name}
    if not one.run:
        assert worker.call("describe", doing="describing it", **given)["graph"]["nodes"]
        return
    loaded = worker.call("load", doing="loading it", handle="h", seed=0, threads=1, **given)
    shape = loaded["input_shape"]
    if loaded["layout"] == "NHWC":
        shape = [shape[0], shape[3], *shape[1:3]]
    image = worker.put_array(np.zeros(shape, np.float32))
    outputs = worker.call("run", doing="running it", handle="h", image=image)["outputs"]
    assert worker.get_array(outputs).size % 3 == 0


def test_there_are_at_least_sixty_files() -> None:
    assert len(SOUND) >= 60
