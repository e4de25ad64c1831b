"""Every hostile file is refused or contained, and none does what it was made for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hostile_archives
import hostile_data
import hostile_keras
import hostile_onnx
import hostile_pickles
import hostile_programs
import hostile_tensorflow
import pytest
from hostile import TRICKS, Trick

from zoodiff.data.layouts import open_images
from zoodiff.engines.local import LocalEngine
from zoodiff.errors import RefusedError, ZoodiffError
from zoodiff.rules.base import find
from zoodiff.workers import permissions
from zoodiff.workers.process import Limits
from zoodiff.zoos import registry
from zoodiff.zoos.decoding import decoding

NETWORK = "torchvision:squeezenet1_1"
MARKS = {
    hostile_pickles: pytest.mark.torch,
    hostile_archives: pytest.mark.torch,
    hostile_programs: pytest.mark.torch,
    hostile_keras: pytest.mark.keras,
    hostile_tensorflow: pytest.mark.keras,
    hostile_onnx: pytest.mark.onnx,
    hostile_data: pytest.mark.onnx,
}
"""By the module that holds a trick, what must be installed to try it."""


def cases() -> Iterator[object]:
    # One kind of worker after the other, so that each framework starts once.
    for module, mark in MARKS.items():
        for one in TRICKS.values():
            if one.write.__module__ == module.__name__:
                yield pytest.param(one, marks=mark, id=one.name)


@pytest.fixture(scope="module")
def engine() -> Iterator[LocalEngine]:
    with LocalEngine(Limits(seconds=120, memory_bytes=3 * 10**9)) as engine:
        yield engine


def opened(engine: LocalEngine, one: Trick, path: Path) -> None:
    """Do with a file what a command does; raise what the command would print."""
    if one.opened == "images":
        images = open_images(str(path))
        reader = engine.worker(decoding(("pillow",)), "decode")
        for number in range(len(images.samples)):
            import numpy as np

            data = np.frombuffer(images.read(number) or b"\0", np.uint8)
            answer = reader.call(
                "pixels",
                doing="decoding",
                data=reader.put_array(data),
                sizes=[len(data)],
                geometries=[{}],
            )
            for reason in answer["failed"].values():
                raise RefusedError(reason) if reason.startswith("SEC") else ZoodiffError(reason)
        return
    text = f"{NETWORK}@{path}" if one.opened == "checkpoint" else str(path)
    entry = registry.resolve(text)
    worker = engine.worker(entry.zoo, "run")
    given = {"model": entry.model.name, "weights": entry.weights_name}
    worker.call("load", doing="loading it", handle="h", seed=0, threads=1, **given)
    if one.expected == "contained":
        worker.call("time", doing="running it", handle="h", batch=1, seconds=0.01)


@pytest.mark.parametrize("one", cases())
def test_a_hostile_file_does_nothing(
    engine: LocalEngine, one: Trick, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))
    folder, mark = tmp_path / "files", tmp_path / "mark"
    folder.mkdir()
    path = one.write(folder, mark)
    assert not mark.exists(), "writing the file must not be what sets it off"
    before = sorted(p.name for p in tmp_path.iterdir())
    if one.allowed:
        permissions.allow(path)
        engine.release(registry.resolve(str(path)).zoo, "run")  # permissions are read at the start
        before = sorted({*before, "home"})
    if one.expected == "contained":
        try:
            opened(engine, one, path)
        except ZoodiffError as error:
            assert "\n" not in str(error)
    else:
        with pytest.raises(RefusedError) as caught:
            opened(engine, one, path)
        assert caught.value.code == one.expected, str(caught.value)
        assert find(caught.value.code).effect == "safety"
        assert "\n" not in str(caught.value)
    assert not mark.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_there_are_at_least_sixty_tricks() -> None:
    assert len(TRICKS) >= 60
