"""Repositories of GitHub: resolved to a commit, fetched once, and untrusted."""

from __future__ import annotations

import contextlib
import http.server
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoodiff.errors import MeasurementError, UnknownNameError, WeightsUnavailableError
from zoodiff.zoos import registry
from zoodiff.zoos.stored.revisions import RevisionWarning
from zoodiff.zoos.torchhub import repositories

FIRST, SECOND = "a" * 40, "b" * 40


class FakeGitHub:
    """Answers of GitHub by path."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.url = ""

    def publish(self, commit: str, files: dict[str, str]) -> None:
        self.answers["/repos/owner/nets/commits/HEAD"] = commit.encode()
        self.answers["/repos/owner/nets/commits/main"] = commit.encode()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(f"nets-{commit}/{name}")
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
        self.answers[f"/owner/nets/tar.gz/{commit}"] = packed.getvalue()


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeGitHub]:
    fake = FakeGitHub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fake.asked.append(self.path)
            answer = fake.answers.get(self.path)
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(answer or b"")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(repositories, "API", fake.url)
        monkeypatch.setattr(repositories, "ARCHIVES", fake.url)
        monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))
        yield fake
        server.shutdown()
        thread.join()


def test_a_branch_is_a_commit_and_is_fetched_once(github: FakeGitHub) -> None:
    github.publish(FIRST, {"hubconf.py": "x = 1", "nets/a.py": "", "weights.pth": "w" * 99})
    entry = registry.resolve("torchhub:owner/nets/small")
    assert str(entry) == f"torchhub:owner/nets/small@{FIRST}"
    folder = Path(entry.model.name).parent
    kept = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert kept == ["hubconf.py", "nets/a.py"]
    github.asked.clear()
    assert registry.resolve(str(entry)) == entry
    assert github.asked == []


def test_a_branch_that_moved_is_said_and_offline_the_last_commit_is_taken(
    github: FakeGitHub,
) -> None:
    github.publish(FIRST, {"hubconf.py": ""})
    registry.resolve("torchhub:owner/nets/small@main")
    github.publish(SECOND, {"hubconf.py": ""})
    with pytest.warns(RevisionWarning, match=f"main of owner/nets moved from {FIRST} to {SECOND}"):
        entry = registry.resolve("torchhub:owner/nets/small@main")
    github.answers.clear()
    with pytest.warns(RevisionWarning, match=f"the commit {SECOND} of last time is taken"):
        assert registry.resolve("torchhub:owner/nets/small@main") == entry


def test_offline_one_sentence_says_what_was_to_be_fetched(github: FakeGitHub) -> None:
    with pytest.raises(
        WeightsUnavailableError,
        match=r"torchhub:owner/nets/small@main needs the code of https://github\.com/owner/nets at "
        r"main, which cannot be fetched \(.*404.*\); clone it .* torchhub:\./nets/ENTRY$",
    ):
        registry.resolve("torchhub:owner/nets/small@main")


@pytest.mark.parametrize("name", ["../../evil.py", "a/../../evil.py"])
def test_an_archive_that_climbs_out_is_refused(github, tmp_path: Path, name: str) -> None:
    github.publish(FIRST, {"hubconf.py": "", name: "x"})
    with pytest.raises(MeasurementError, match="outside its folder"):
        registry.resolve("torchhub:owner/nets/small")
    assert not list(tmp_path.rglob("evil.py"))
    assert not list(tmp_path.rglob("hubconf.py"))


@pytest.mark.parametrize("damage", ["cut", "html", "bomb"])
def test_a_damaged_archive_is_one_sentence(github, monkeypatch, damage: str) -> None:
    github.publish(FIRST, {"hubconf.py": "x" * 5000, "b.py": "y" * 200_000})
    path = f"/owner/nets/tar.gz/{FIRST}"
    if damage == "bomb":
        monkeypatch.setattr(repositories, "_LARGEST_ARCHIVE", 100_000)
    github.answers[path] = {
        "cut": github.answers[path][:200],
        "html": b"<html>",
        "bomb": github.answers[path],
    }[damage]
    with pytest.raises(WeightsUnavailableError, match="cannot be fetched"):
        registry.resolve("torchhub:owner/nets/small")


def test_a_repository_without_hubconf_is_one_sentence(github: FakeGitHub) -> None:
    github.publish(FIRST, {"setup.py": ""})
    with pytest.raises(UnknownNameError, match=r"nets at a{40} has no hubconf\.py"):
        registry.resolve("torchhub:owner/nets/small")
