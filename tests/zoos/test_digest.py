"""Hashes of what holds weights, against the tools that everybody has."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from zoodiff.errors import WeightsUnavailableError
from zoodiff.zoos.digest import sha256_of, sha256_of_all


def a_folder(place: Path) -> Path:
    for name in ("saved_model.pb", "variables/variables.index", "variables/v 0.data", "Ä/ü.txt"):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 3)
    return place


def test_of_a_file_it_is_what_sha256sum_says(tmp_path: Path) -> None:
    path = tmp_path / "w.bin"
    path.write_bytes(b"weights")
    assert sha256_of(path) == hashlib.sha256(b"weights").hexdigest()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum")
def test_of_a_folder_it_is_what_the_documented_command_says(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    command = (
        "find . -type f -printf '%P\\n' | LC_ALL=C sort | xargs -d '\\n' sha256sum | sha256sum"
    )
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert sha256_of(folder) == done.stdout.split()[0]


def test_any_change_in_a_folder_changes_its_hash(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    seen = {sha256_of(folder)}
    (folder / "variables" / "v 0.data").write_bytes(b"other")
    seen.add(sha256_of(folder))
    (folder / "saved_model.pb").rename(folder / "saved.pb")
    seen.add(sha256_of(folder))
    (folder / "more").write_bytes(b"")
    seen.add(sha256_of(folder))
    assert len(seen) == 4


@pytest.mark.onnx
def test_onnx_weights_beside_the_file_count(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    from zoodiff.zoos.runtime.onnx_session import steady_model

    def sha256_of_model(path: Path) -> str:
        with steady_model(path) as file:
            return file.digest

    weight = np.ones((64, 64), np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 64])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph)
    one, spread = tmp_path / "one.onnx", tmp_path / "spread.onnx"
    onnx.save(model, str(one))
    assert sha256_of_model(one) == sha256_of(one)
    onnx.save(
        model, str(spread), save_as_external_data=True, location="spread.bin", size_threshold=0
    )
    before = sha256_of_model(spread)
    assert before == sha256_of_all(tmp_path, ["spread.onnx", "spread.bin"])
    (tmp_path / "spread.bin").write_bytes(bytes(64 * 64 * 4))
    assert sha256_of_model(spread) != before


@pytest.mark.torch
def test_a_cached_torchvision_file_that_is_another_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch hub itself never looks at it again."""
    from zoodiff.zoos.torchvision.backend import TorchvisionBackend

    backend = TorchvisionBackend()
    member = backend._enum("alexnet").DEFAULT
    path = tmp_path / "hub" / "checkpoints" / Path(member.url).name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(WeightsUnavailableError, match=r"does not begin with [0-9a-f]{8}; delete"):
        backend.load("alexnet", None, seed=0, threads=1)
