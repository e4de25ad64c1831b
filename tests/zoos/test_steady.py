"""A file that changes while it is read is not loaded under the hash of another."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from zoodiff.errors import MeasurementError
from zoodiff.zoos.digest import sha256_of
from zoodiff.zoos.steady import Followed, steady


def _rewritten(path: Path) -> None:
    path.write_bytes(b"B" * 100)


def _rewritten_with_its_old_time(path: Path) -> None:
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(b"B" * 100)
    os.utime(path, ns=times)


def _replaced(path: Path) -> None:
    (path.parent / "other").write_bytes(b"A" * 100)
    (path.parent / "other").replace(path)


def _removed(path: Path) -> None:
    path.unlink()


def _linked(path: Path) -> None:
    path.rename(path.parent / "moved")
    path.symlink_to(path.parent / "moved")
    os.utime(path.parent / "moved")


CHANGES = (_rewritten, _rewritten_with_its_old_time, _replaced, _removed, _linked)


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_is_an_error(change: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"A" * 100)
    with pytest.raises(MeasurementError, match="changed while it was read"), steady(path):
        change(path)


def test_a_file_that_stays_has_its_hash(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"A" * 100)
    with steady(path) as file:
        path.read_bytes()
    assert (file.digest, file.path) == (sha256_of(path), path)
    file.check()
    _rewritten(path)
    with pytest.raises(MeasurementError, match=r"model\.onnx changed"):
        file.check()


@pytest.mark.parametrize("change", ["rewritten", "added", "removed"])
def test_a_folder_that_changes_is_an_error(change: str, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"a")
    (folder / "variables" / "v").write_bytes(b"b")
    with steady(folder) as file:
        assert file.digest == sha256_of(folder)
    with pytest.raises(MeasurementError, match="saved changed"), steady(folder):
        if change == "rewritten":
            (folder / "variables" / "v").write_bytes(b"c")
        elif change == "added":
            (folder / "variables" / "w").write_bytes(b"c")
        else:
            (folder / "variables" / "v").unlink()


def test_files_beside_it_count(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"a")
    (tmp_path / "weights.bin").write_bytes(b"b")
    with pytest.raises(MeasurementError, match="changed"), steady(path, beside=["weights.bin"]):
        (tmp_path / "weights.bin").write_bytes(b"c")
    with (
        pytest.raises(MeasurementError, match=r"cannot be read .*other\.bin"),
        steady(path, beside=["other.bin"]),
    ):
        pass


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.onnx")
    with pytest.raises(MeasurementError, match="a pipe"), steady(tmp_path / "model.onnx"):
        pass


def test_what_is_described_twice_is_one_and_the_same(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"a")
    followed = Followed()
    with followed.first(path) as file:
        pass
    with followed.again(path) as same:
        assert same is file
    path.write_bytes(b"b")
    with pytest.raises(MeasurementError, match="changed"), followed.again(path):
        pass
    with followed.first(path) as other:
        assert other.digest != file.digest
