"""How a user allows code, and which workers are confined."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zoodiff.cli.app import app
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import StudyError
from zoodiff.study import config as studies
from zoodiff.study.run import _with_code
from zoodiff.workers import permissions
from zoodiff.workers.process import Limits
from zoodiff.zoos import registry

STUDY = 'name = "s"\ntitle = "s"\nallow_code = {}\n'


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))


def test_the_option_allows_a_content_for_good(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    file.write_bytes(b"code")
    arguments = ["show", "torchvision:resnet50", "--catalogue-only", "--allow-code", str(file)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert permissions.allowed() == {hashlib.sha256(b"code").hexdigest()}


def test_a_study_allows_hashes_and_nothing_else() -> None:
    digest = "ab" * 32
    loaded = studies.parse(STUDY.format([f"sha256:{digest}"]))
    assert _with_code(None, loaded).allowed_code == {digest}
    assert _with_code(Limits(seconds=5), loaded).seconds == 5
    for wrong in (["a.pt"], [digest], ["sha256:12"]):
        with pytest.raises(StudyError, match=r"line 3: allow_code .*sha256: and 64"):
            studies.parse(STUDY.format(wrong))


def test_a_list_that_was_damaged_allows_nothing(tmp_path: Path) -> None:
    permissions.place().parent.mkdir()
    permissions.place().write_bytes(b"\xff\xfe nonsense\n")
    assert permissions.allowed() == frozenset()
    permissions.place().write_text("short  a.pt\n\n" + "0" * 64 + "\n")
    assert permissions.allowed() == {"0" * 64}


def test_checkpoints_and_published_weights_share_no_worker(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"x")
    one = registry.resolve("torchvision:resnet18")
    other = registry.resolve(f"torchvision:resnet18@{tmp_path / 'a.pth'}")
    again = registry.resolve(f"torchvision:resnet18@{tmp_path / 'a.pth'}")
    assert other == again
    assert other.zoo.name == one.zoo.name == "torchvision"
    assert other.worker.confined
    assert not one.worker.confined
    with WorkerPool() as engine:
        assert engine.worker(one.worker) is not engine.worker(other.worker)
        assert engine.worker(other.worker) is engine.worker(again.worker)
