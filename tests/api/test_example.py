"""The files of ``zoodiff example`` are what they are said to be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoodiff
from zoodiff.errors import UsageError

REPOSITORY = Path(__file__).parents[2]


def test_the_files_are_written_once_and_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "new folder"
    paths = zoodiff.write_example(folder)
    assert [path.name for path in paths] == ["a.onnx", "b.onnx", "c.onnx"]
    assert sum(path.stat().st_size for path in paths) < 30_000
    assert zoodiff.write_example(folder) == paths
    paths[1].write_bytes(b"mine")
    paths[0].unlink()
    with pytest.raises(UsageError, match=r"another file .*b\.onnx; name an empty folder"):
        zoodiff.write_example(folder)
    assert paths[1].read_bytes() == b"mine"
    assert not paths[0].exists()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="another file"):
        zoodiff.write_example(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.onnx
def test_onnx_runtime_agrees_with_what_is_said_of_them(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    images = np.random.default_rng(0).normal(size=(4, 3, 32, 32)).astype(np.float32)
    outputs = []
    for path in zoodiff.write_example(tmp_path):
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        outputs.append(session.run(None, {"image": images})[0])
    a, b, c = outputs
    np.testing.assert_allclose(a, c, rtol=1e-4, atol=1e-5)
    assert np.abs(a - b).max() > 0.05 * a.std()


@pytest.mark.onnx
def test_the_tool_builds_the_files_that_ship(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    tool = REPOSITORY / "tools" / "build_example.py"
    subprocess.run([sys.executable, str(tool), str(tmp_path / "built")], check=True, timeout=300)
    for path in zoodiff.write_example(tmp_path / "shipped"):
        assert (tmp_path / "built" / path.name).read_bytes() == path.read_bytes()
