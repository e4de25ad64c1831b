"""Every hostile file is refused or contained, and none does what it was made for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from support.security import (
    hostile_archives,
    hostile_data,
    hostile_keras,
    hostile_onnx,
    hostile_openvino,
    hostile_pickles,
    hostile_programs,
    hostile_saved_models,
    hostile_scripts,
    hostile_tensorflow,
)
from support.security.hostile import TRICKS, Trick
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import RefusedError, ZoodiffError
from zoodiff.preprocessing.completed import completed
from zoodiff.preprocessing.geometry import geometry_of
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.rules.catalogue import find
from zoodiff.workers import permissions
from zoodiff.workers.limits import Limits
from zoodiff.workers.sandbox import bubblewrap
from zoodiff.workers.sandbox.available import protections
from zoodiff.zoos import registry
from zoodiff.zoos.decoding import decoding

NETWORK = "torchvision:squeezenet1_1"
MARKS = {
    hostile_pickles: pytest.mark.torch,
    hostile_archives: pytest.mark.torch,
    hostile_programs: pytest.mark.torch,
    hostile_scripts: pytest.mark.torch,
    hostile_keras: pytest.mark.keras,
    hostile_tensorflow: pytest.mark.keras,
    hostile_saved_models: pytest.mark.keras,
    hostile_onnx: pytest.mark.onnx,
    hostile_openvino: pytest.mark.openvino,
    hostile_data: pytest.mark.onnx,
}
"""By the module that holds a trick, what must be installed to try it."""


def cases() -> Iterator[object]:
    # One kind of worker after the other, so that each framework starts once.
    for module, mark in MARKS.items():
        for one in TRICKS.values():
            if one.place[0] == module.__file__:
                yield pytest.param(one, marks=mark, id=one.name)


@dataclass(frozen=True)
class Written:
    """A hostile file, written and not yet opened."""

    path: Path
    mark: Path
    around: Path
    """The folder that holds the file's folder and would hold the mark, and nothing else."""
    before: frozenset[str]


@pytest.fixture(scope="module")
def written(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[dict[str, Written]]:
    """All files that are to be tried: permissions are read when a worker starts, so before any."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOODIFF_HOME", str(tmp_path_factory.mktemp("home")))
        for item in request.session.items:
            one = item.callspec.params.get("one") if hasattr(item, "callspec") else None
            if not isinstance(one, Trick):
                continue
            around = tmp_path_factory.mktemp("hostile")
            (around / "files").mkdir()
            path = one.write(around / "files", around / "mark")
            if one.allowed:
                permissions.allow(path)
            before = frozenset(p.name for p in around.rglob("*"))
            made[one.name] = Written(path, around / "mark", around, before)
        yield made


@pytest.fixture(scope="module", params=["bubblewrap", "kernel"])
def engine(request: pytest.FixtureRequest, written: dict[str, Written]) -> Iterator[WorkerPool]:
    """Workers confined by all protections, and as where bubblewrap does not work."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "kernel":
            patch.setattr(bubblewrap, "missing", lambda: "not wanted here")
        with WorkerPool(Limits(seconds=300, memory_bytes=2 * 10**9)) as engine:
            yield engine


def opened(engine: WorkerPool, one: Trick, path: Path) -> None:
    """Do with a file what a command does; raise what the command would print."""
    if one.opened == "images":
        images = open_images(str(path))
        reader = engine.worker(decoding(("pillow",)), "decode")
        spec, _ = completed(Preprocessing(), (8, 8))
        for number in range(len(images)):
            try:
                data = np.frombuffer(images.read(number) or b"\0", np.uint8)
            except OSError:
                continue  # counted as damaged
            answer = reader.call(
                "pixels",
                doing="decoding",
                data=reader.put_array(data),
                sizes=[len(data)],
                geometries=[geometry_of(spec).to_dict()],
            )
            for reason in answer["failed"].values():
                raise RefusedError(reason) if reason.startswith("SEC") else ZoodiffError(reason)
        return
    text = f"{NETWORK}@{path}" if one.opened == "checkpoint" else str(path)
    entry = registry.resolve(text)
    worker = engine.worker(entry.worker, "run")
    given = {"model": entry.model.name, "weights": entry.weights_name}
    loaded = worker.call("load", doing="loading it", handle="h", seed=0, threads=1, **given)
    shape = loaded["input_shape"]
    if len(shape) != 4:  # a frozen graph is read, not run
        worker.call("describe", doing="reading it", **given)
        return
    if loaded["layout"] == "NHWC":
        shape = [shape[0], shape[3], *shape[1:3]]
    image = worker.put_array(np.zeros(shape, np.float32))
    worker.call("run", doing="running it", handle="h", image=image)


@cache
def _confining() -> bool:
    held = {one.name for one in protections() if one.in_force}
    return "bubblewrap" in held or {"landlock", "seccomp"} <= held


@pytest.mark.parametrize("one", cases())
def test_a_hostile_file_does_nothing(
    engine: WorkerPool, written: dict[str, Written], one: Trick
) -> None:
    if one.allowed and one.expected == "contained" and not _confining():
        pytest.skip("nothing on this machine would contain code that was allowed")
    file = written[one.name]
    assert not file.mark.exists(), "writing the file must not be what sets it off"
    if one.expected == "contained":
        try:
            opened(engine, one, file.path)
        except ZoodiffError as error:
            assert "\n" not in str(error)
    else:
        with pytest.raises(RefusedError) as caught:
            opened(engine, one, file.path)
        assert caught.value.code == one.expected, str(caught.value)
        assert find(caught.value.code).effect == "safety"
        assert "\n" not in str(caught.value)
    assert not file.mark.exists()
    assert {p.name for p in file.around.rglob("*")} == file.before


@pytest.mark.parametrize("name", [n for n in TRICKS if n.startswith("pickle_of_protocol")])
def test_a_payload_works_where_nothing_stops_it(name: str, tmp_path: Path) -> None:
    """What the tests above refuse is armed: Python's own unpickling runs it."""
    (tmp_path / "files").mkdir()
    path = TRICKS[name].write(tmp_path / "files", tmp_path / "mark")
    subprocess.run(
        [
            sys.executable,
            "-S",
            "-E",
            "-c",
            "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))",
            path,
        ],
        check=True,
        timeout=600,
    )
    assert (tmp_path / "mark").exists()


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize(
    "name",
    [
        "opaque_object_in_a_program",
        "symbolic_shape_that_is_code",
        "guard_that_is_code",
        "guard_that_breaks_out_of_its_quotes",
        "input_whose_name_is_code",
        "weight_whose_name_is_code",
    ],
)
def test_a_program_of_torch_runs_its_payload_where_nothing_stops_it(
    name: str, tmp_path: Path
) -> None:
    """If this fails, torch has become safer: the look may be needed no more."""
    (tmp_path / "files").mkdir()
    path = TRICKS[name].write(tmp_path / "files", tmp_path / "mark")
    code = "import sys, torch\ntorch.export.load(sys.argv[1]).module()(torch.zeros(2, 3, 8, 8))"
    subprocess.run(
        [sys.executable, "-c", code, path], check=False, capture_output=True, timeout=600
    )
    assert (tmp_path / "mark").exists()


@pytest.mark.slow
@pytest.mark.torch
def test_scripts_run_their_payloads_where_nothing_stops_them(tmp_path: Path) -> None:
    """What the tests above refuse is armed: PyTorch's own loader and interpreter run it."""
    arguments, marks = [], {}
    for name in hostile_scripts.ARMED:
        (tmp_path / name / "files").mkdir(parents=True)
        marks[name] = tmp_path / name / "mark"
        arguments.append(str(TRICKS[name].write(tmp_path / name / "files", marks[name])))
    code = "import sys, torch\nfor path in sys.argv[1:]:\n"
    code += "    torch.jit.load(path)(torch.zeros(1, 3, 8, 8))"
    subprocess.run([sys.executable, "-c", code, *arguments], check=True, timeout=600)
    assert not [name for name, mark in marks.items() if not mark.exists()]


def test_there_are_at_least_sixty_tricks() -> None:
    assert len(TRICKS) >= 60
