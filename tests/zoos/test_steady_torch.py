"""A file's hash is that of what was loaded, or there is none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from zoodiff.errors import MeasurementError, RefusedError
from zoodiff.zoos.base import ALLOWED_CODE
from zoodiff.zoos.steady import steady


def _replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"other")
    other.rename(path)


def _replaced_and_back(path: Path) -> None:
    path.rename(path.with_name("aside"))
    path.write_bytes(b"other")
    path.with_name("aside").rename(path)


def _written_under_the_same_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(b"other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: list[Callable[[Path], object]] = [
    _replaced,
    _replaced_and_back,
    _written_under_the_same_time,
    Path.unlink,
    lambda path: path.write_bytes(b"longer than before"),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.pt"
    path.write_bytes(b"first")
    os.utime(path, ns=(10**18, 10**18))
    return path


def test_the_hash_is_taken_before_the_file_is_read(path: Path) -> None:
    with steady(path) as file:
        assert file.path == path
        assert file.digest == hashlib.sha256(b"first").hexdigest()
        assert path.read_bytes() == b"first"


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_is_one_sentence(
    path: Path, change: Callable[[Path], object]
) -> None:
    with pytest.raises(MeasurementError, match=r"a\.pt changed while it was read"), steady(path):
        change(path)


def test_an_error_of_the_body_is_kept(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), steady(path):
        path.unlink()
        raise ZeroDivisionError


@pytest.mark.torch
@pytest.mark.parametrize("ending", ["pt", "pt2"])
def test_a_network_that_is_swapped_while_it_is_loaded_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    """The file is looked at and loaded, and then another lies there."""
    import torch

    from zoodiff.zoos.files.torch import TorchFiles
    from zoodiff.zoos.files.torchscript import TorchScriptFiles

    module, image = torch.nn.Flatten().eval(), torch.zeros(1, 3, 4, 4)
    path = tmp_path / f"a.{ending}"
    torch.jit.save(torch.jit.trace(module, image), tmp_path / "a.pt")
    torch.export.save(torch.export.export(module, (image,)), tmp_path / "a.pt2")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setenv(ALLOWED_CODE, digest)
    backend = TorchScriptFiles() if ending == "pt" else TorchFiles()
    name = f"{path}?size=4"
    assert backend.load(name, "file", seed=0, threads=1).weights_sha256 == digest
    assert backend.facts(name, "file")["sha256"] == digest

    library = torch.jit if ending == "pt" else torch.export
    load = library.load

    def swap(*arguments: object, **options: object) -> object:
        found = load(*arguments, **options)
        _replaced(path)
        return found

    monkeypatch.setattr(library, "load", swap)
    with pytest.raises(MeasurementError, match="changed while it was read"):
        backend.load(name, "file", seed=0, threads=1)
    with pytest.raises(MeasurementError):
        backend.facts(name, "file")


@pytest.mark.torch
def test_a_permission_is_for_what_was_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from zoodiff.zoos.files.torchscript import TorchScriptFiles

    path = tmp_path / "a.pt"
    torch.jit.save(torch.jit.trace(torch.nn.Flatten(), torch.zeros(1, 3, 4, 4)), path)
    monkeypatch.setenv(ALLOWED_CODE, hashlib.sha256(b"another").hexdigest())
    with pytest.raises(RefusedError, match=hashlib.sha256(path.read_bytes()).hexdigest()):
        TorchScriptFiles().facts(str(path), "file")
