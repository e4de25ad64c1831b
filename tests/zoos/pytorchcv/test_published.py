"""Weights of pytorchcv, fetched from a server on this machine and held against the checksums."""

from __future__ import annotations

import hashlib
import http.server
import io
import pickle
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from zoodiff.errors import RefusedError, WeightsUnavailableError
from zoodiff.zoos.pytorchcv import catalogue
from zoodiff.zoos.pytorchcv import published as door
from zoodiff.zoos.pytorchcv.catalogue import Published

KNOWN = catalogue.published()["resnet18"]
CONTENT = b"the weights"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the package keeps its files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".torch/models"


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """What a server in the place of the releases answers, by path; all that is asked."""
    answers: dict[str, bytes] = {}

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = answers.get(self.path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    monkeypatch.setattr(catalogue, "RELEASES", f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield answers
    server.shutdown()
    server.server_close()


def of(content: bytes) -> Published:
    """A model whose published file has this content."""
    return replace(KNOWN, sha1=hashlib.sha1(content).hexdigest())


def zipped(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target.getvalue()


def path_of(known: Published) -> str:
    return f"/{known.release}/{known.file}.zip"


def test_the_file_in_the_archive_is_kept_where_pytorchcv_keeps_it(served, home: Path) -> None:
    known = of(CONTENT)
    served[path_of(known)] = zipped({str(known.file): CONTENT})
    path = door.fetch(known)
    assert path == home / f"resnet18-0896-{known.sha1[:8]}.pth"
    assert path.read_bytes() == CONTENT
    assert [each.name for each in home.iterdir()] == [path.name]
    served.clear()
    assert door.fetch(known) == path  # nothing is asked any more


def test_a_file_that_is_not_the_published_one_is_not_kept(served, home: Path) -> None:
    known = of(CONTENT)
    served[path_of(known)] = zipped({str(known.file): b"other weights"})
    with pytest.raises(WeightsUnavailableError, match=r"has the sha1 \w{40}, published is"):
        door.fetch(known)
    assert list(home.iterdir()) == []


def test_a_file_that_was_changed_here_is_not_used(served, home: Path) -> None:
    known = of(CONTENT)
    home.mkdir(parents=True)
    (home / str(known.file)).write_bytes(b"changed")
    with pytest.raises(WeightsUnavailableError, match="is not the file that pytorchcv publishes"):
        door.fetch(known)


def whole(known: Published) -> bytes:
    return zipped({str(known.file): CONTENT})


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda known: None, "404"),
        (lambda known: b"no archive", "."),
        (lambda known: whole(known)[:-30], "."),
        (lambda known: zipped({}), "does not hold .* alone"),
        (lambda known: zipped({"../" + str(known.file): CONTENT}), "does not hold .* alone"),
        (lambda known: zipped({str(known.file): CONTENT, "b": b""}), "does not hold .* alone"),
    ],
    ids=["missing", "no archive", "cut off", "empty", "another place", "two files"],
)
def test_what_is_not_the_published_archive_is_one_sentence(
    served, home: Path, answer: Callable[[Published], bytes | None], reason: str
) -> None:
    known = of(CONTENT)
    content = answer(known)
    if content is not None:
        served[path_of(known)] = content
    with pytest.raises(WeightsUnavailableError, match=rf"pytorchcv:resnet18 cannot .*{reason}"):
        door.fetch(known)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("most", [len(CONTENT) - 1, 10])
def test_more_than_the_limit_is_not_written(
    served, home: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    known = of(CONTENT)
    served[path_of(known)] = whole(known)
    monkeypatch.setattr(door, "MOST_BYTES", most)
    with pytest.raises(WeightsUnavailableError, match=f"more than {most} bytes"):
        door.fetch(known)
    assert list(home.iterdir()) == []


def test_a_server_that_cannot_be_reached_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "RELEASES", "http://127.0.0.1:9")
    with pytest.raises(WeightsUnavailableError, match="use @random, or try again with a network"):
        door.fetch(of(CONTENT))


class _Command:
    def __reduce__(self) -> tuple[object, ...]:
        return print, ("run",)


@pytest.mark.torch
def test_a_published_pickle_that_names_more_than_tensors_is_refused(served) -> None:
    from zoodiff.zoos import checkpoints

    content = pickle.dumps({"weight": _Command()})
    known = of(content)
    served[path_of(known)] = zipped({str(known.file): content})
    with pytest.raises(RefusedError):
        checkpoints.read(door.fetch(known))
