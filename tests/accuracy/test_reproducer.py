"""The folder of evidence, repeated without zoodiff."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zoodiff.accuracy.comparison import compare
from zoodiff.accuracy.measure import Settings, measure
from zoodiff.accuracy.reproducer import write
from zoodiff.accuracy.subject import changes_of, evaluated_entry
from zoodiff.data.layouts import open_images
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import UsageError
from zoodiff.store.folder import Store
from zoodiff.zoos import registry

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"
FILES = (
    "mobilenet_v2_1.0_224_quant.edgetpu.tflite",
    "mobilenet_v2_1.0_224_int8.tflm.tflite",
)


@pytest.mark.tflite
@pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")
def test_two_real_files(tmp_path: Path) -> None:
    images = open_images(str(REAL / "images"))
    recipe = changes_of(["resize=256"])
    with WorkerPool() as engine:
        first, second = (
            evaluated_entry(engine, registry.resolve(str(REAL / "models" / name)), changes=recipe)
            for name in FILES
        )
        first = replace(first, spec=replace(first.spec, channel_order="BGR"))
        store = Store(tmp_path / "results")
        store.prepare()
        outcome = measure(engine, [first, second], images, store, Settings(2, limit=64))
        (pair,) = compare(outcome.records, store).pairs
        folder = write(tmp_path / "evidence", engine, (first, second), images, pair)
        (tmp_path / "full").write_text("")
        with pytest.raises(UsageError, match="cannot be written"):
            write(tmp_path / "full", engine, (first, second), images, pair)
    facts = json.loads((folder / "facts.json").read_text())
    assert facts["image"] == images.samples[pair.flips[0].image].name
    assert facts["entries"]["first"]["best"][0] == pair.flips[0].first
    assert facts["entries"]["second"]["best"][0] == pair.flips[0].second
    assert np.load(folder / "first_output.npy").shape == (1001,)
    assert images.read(pair.flips[0].image) == next(folder.glob("image.*")).read_bytes()
    assert "import zoodiff" not in (folder / "repeat.py").read_text()
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "repeat.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as stored" in done.stdout
    # And it says so where something is different.
    np.save(folder / "second_output.npy", np.zeros(1000, dtype=np.float32))
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "repeat.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=600,
    )
    assert done.returncode != 0
    assert "NOT as stored" in done.stdout


@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.skipif(not REAL.is_dir(), reason="the real files are not here")
def test_two_zoos_with_random_weights(tmp_path: Path) -> None:
    images = open_images(str(REAL / "images"))
    names = ("torchvision:resnet18@random", "keras:MobileNetV2@random")
    with WorkerPool() as engine:
        sides = [evaluated_entry(engine, registry.resolve(name)) for name in names]
        store = Store(tmp_path / "results")
        store.prepare()
        outcome = measure(engine, sides, images, store, Settings(1, limit=4))
        (pair,) = compare(outcome.records, store).pairs
        folder = write(tmp_path / "evidence", engine, (sides[0], sides[1]), images, pair)
    done = subprocess.run(
        [sys.executable, "-I", str(folder / "repeat.py")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "as stored" in done.stdout
