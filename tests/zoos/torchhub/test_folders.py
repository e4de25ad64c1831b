"""Folders with a hubconf.py: nothing runs unless it is allowed, and what runs is confined."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import (
    MeasurementError,
    RefusedError,
    UnknownNameError,
    UsageError,
    ZoodiffError,
)
from zoodiff.graph.ir import Graph
from zoodiff.host.provenance import identity
from zoodiff.workers import permissions
from zoodiff.zoos import registry

pytestmark = pytest.mark.torch

HUBCONF = """\
dependencies = ["torch"]
from nets.small import Small


def small(pretrained=False, **options):
    if pretrained:
        raise OSError("wanted to fetch weights")
    return Small(**options)


def wide(*, weights="DEFAULT", progress=True):
    if weights is not None:
        raise OSError("wanted to fetch weights")
    return Small(8)


def processor():
    return len


def _hidden():
    return Small()
"""
NETS = """\
import torch


class Small(torch.nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, width, 3, stride=16)
        self.head = torch.nn.Linear(width, 10)

    def forward(self, x):
        return self.head(self.conv(x).relu().mean((2, 3)))
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "nets").mkdir(parents=True)
    (folder / "hubconf.py").write_text(HUBCONF)
    (folder / "nets" / "small.py").write_text(NETS)
    return folder


@pytest.fixture
def workers() -> Iterator[WorkerPool]:
    with WorkerPool() as pool:
        yield pool


def parameters(workers: WorkerPool, reference: str) -> int:
    """The parameters of the graph that a fresh worker describes, equal to torch's own count."""
    entry = registry.resolve(reference)
    doing = f"describing {reference}"
    described = workers.worker(entry.worker).describe(entry.worker_model, "random", doing=doing)
    nodes = Graph.from_dict(described.graph).nodes
    counted = sum(p.size for node in nodes for p in node.parameters if p.trainable)
    assert counted == described.facts.parameters
    return counted


def test_allowed_code_is_built_without_weights_and_refused_once_it_changes(
    repository: Path, workers: WorkerPool
) -> None:
    reference = f"torchhub:{repository}/small"
    with pytest.raises(RefusedError, match=f"SEC103: .*--allow-code {repository} "):
        parameters(workers, reference)
    permissions.allow(repository)
    pool = WorkerPool()  # permissions are given to a worker when it starts
    with pool:
        assert parameters(pool, reference) == 4 * 27 + 4 + 50
        assert parameters(pool, f"torchhub:{repository}/wide") == 8 * 27 + 8 + 90
        for name, words in (
            ("processor", "returns a builtin_function_or_method, not a network"),
            ("smal", "has no function smal; did you mean small"),
            ("_hidden", "names no function"),
        ):
            with pytest.raises(ZoodiffError, match=words):
                parameters(pool, f"torchhub:{repository}/{name}")
        (repository / "nets" / "small.py").write_text(NETS.replace("width=4", "width=5"))
        with pytest.raises(RefusedError, match="SEC103"):
            parameters(pool, reference)
        (repository / "nets" / "small.py").write_text(NETS)
        assert parameters(pool, reference) == 4 * 27 + 4 + 50


def test_two_repositories_with_modules_of_one_name_are_not_mixed(
    repository: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    (other / "nets").mkdir(parents=True)
    (other / "hubconf.py").write_text(HUBCONF)
    (other / "nets" / "small.py").write_text(NETS.replace("width=4", "width=6"))
    permissions.allow(repository)
    permissions.allow(other)
    with WorkerPool() as pool:
        assert parameters(pool, f"torchhub:{repository}/small") == 4 * 27 + 4 + 50
        assert parameters(pool, f"torchhub:{other}/small") == 6 * 27 + 6 + 70
        assert parameters(pool, f"torchhub:{repository}/small") == 4 * 27 + 4 + 50


@pytest.mark.parametrize(
    "attack",
    [
        "open({trace!r}, 'w').write('x')",
        "import os; assert not os.system('touch ' + {trace!r})",
        "import subprocess; subprocess.run(['touch', {trace!r}], check=True)",
        "import socket; socket.create_connection(('127.0.0.1', {port}), 2); open({trace!r}, 'w')",
        "import os; os.remove({victim!r})",
        "raise SystemExit(0)",
    ],
)
def test_hostile_code_that_is_allowed_is_contained(
    repository: Path, tmp_path: Path, attack: str
) -> None:
    import socket

    trace, victim = tmp_path / "trace", tmp_path / "victim"
    victim.write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        port = server.getsockname()[1]
        code = attack.format(trace=str(trace), victim=str(victim), port=port)
        (repository / "hubconf.py").write_text(f"{code}\n{HUBCONF}")
        permissions.allow(repository)
        with WorkerPool() as pool, pytest.raises(MeasurementError):
            parameters(pool, f"torchhub:{repository}/small")
        with pytest.raises(TimeoutError):
            server.accept()
    assert not trace.exists()
    assert victim.exists()


def test_the_hash_is_that_of_all_code_and_settings(repository: Path, home: Path) -> None:
    (repository / "__pycache__").mkdir()
    (repository / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"left out")
    (repository / "weights.pth").write_bytes(b"left out")
    (repository / "link.py").symlink_to("/etc/hostname")
    lines = "".join(
        f"{hashlib.sha256((repository / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("hubconf.py", "nets/small.py")
    )
    expected = hashlib.sha256(lines.encode()).hexdigest()
    assert permissions.allow(repository) == expected
    assert permissions.allowed() == {expected}
    for name in ("extra.so", "nets/extra.py", "settings.yaml"):
        (repository / name).write_text("x")
        assert permissions.allow(repository) != expected
        (repository / name).unlink()


def test_a_folder_that_changes_is_another_version(repository: Path) -> None:
    before = identity(registry.resolve(f"torchhub:{repository}/small"))
    (repository / "nets" / "small.py").write_text(NETS + "\n")
    assert identity(registry.resolve(f"torchhub:{repository}/small")) != before


def test_an_entry_survives_as_plain_data(repository: Path, monkeypatch) -> None:
    from zoodiff.tasks import entry_of, of_entry

    monkeypatch.chdir(repository.parent)
    entry = registry.resolve("torchhub:./repository/small")
    plain = json.loads(json.dumps(of_entry(entry)))
    monkeypatch.chdir("/")
    assert entry_of(plain) == entry
    assert str(entry) == "torchhub:./repository/small"
    assert entry.weights_name == "random"
    assert entry.worker.confined


@pytest.mark.parametrize(
    ("reference", "kind", "words"),
    [
        ("torchhub:./nowhere/small", UnknownNameError, "there is no folder ./nowhere"),
        ("torchhub:./repository", UnknownNameError, "has no hubconf.py"),
        ("torchhub:./repository/small@main", UsageError, "has no revisions"),
        ("torchhub:owner/small", UsageError, "is no repository of GitHub"),
        ("torchhub:small", UsageError, "names no function"),
        ("torchhub:a/../small", UsageError, "is no repository of GitHub"),
        ("torchhub:owner/repo/small@../x", UsageError, "is no revision"),
    ],
)
def test_what_is_no_reference_is_one_sentence(
    repository: Path, monkeypatch, reference: str, kind: type, words: str
) -> None:
    monkeypatch.chdir(repository.parent)
    with pytest.raises(kind, match=words):
        registry.resolve(reference)
