"""Regular files only, and no more of them than is asked for."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from zoodiff.bounded import files


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert files.read_bytes(tmp_path / "a", 3) == b"abc"
    (tmp_path / "link").symlink_to("a")
    assert files.read_bytes(tmp_path / "link", 3) == b"abc"
    (tmp_path / "empty").touch()
    assert files.read_bytes(tmp_path / "empty", 0) == b""


def test_more_than_is_asked_for_is_an_error_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(files.TooLargeError, match="it has 1,099,511,627,776 bytes, and 9 are"):
        files.read_bytes(tmp_path / "a", 9)


def test_a_file_that_says_it_is_empty_is_read_up_to_the_limit() -> None:
    assert files.read_bytes("/proc/self/stat", 1 << 16).startswith(str(os.getpid()).encode())
    with pytest.raises(files.TooLargeError, match="it goes on"):
        files.read_bytes("/proc/self/stat", 10)


def test_a_file_that_grows_is_read_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    with files.open_regular(tmp_path / "a") as file:
        size_of, files.size_of = files.size_of, lambda file: 1
        try:
            assert files.read_all(file, 3) == b"abc"
            file.seek(0)
            with pytest.raises(files.TooLargeError):
                files.read_all(file, 2)
        finally:
            files.size_of = size_of


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "socket", "circle"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    expected = f"it is a {kind}, not a file"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        expected = "a socket"
        with pytest.MonkeyPatch.context() as patch, socket.socket(socket.AF_UNIX) as made:
            patch.chdir(tmp_path)
            made.bind("a")
    else:
        path.symlink_to("a")
        expected = "links lead in a circle"
    with pytest.raises(files.NotRegularError, match=expected):
        files.open_regular(path)


def test_names_that_no_file_has_are_errors_of_the_system(tmp_path: Path) -> None:
    for name in ("a" * 300, "a\0b", "nothing"):
        with pytest.raises(OSError):
            files.open_regular(tmp_path / name)


def test_a_link_is_refused_where_none_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("a")
    with pytest.raises(files.NotRegularError, match="it is a link"):
        files.open_regular(tmp_path / "link", follow=False)


def test_beneath_a_folder_no_link_is_followed(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    (inside / "deep").mkdir(parents=True)
    outside.mkdir()
    (inside / "deep" / "a").write_bytes(b"abc")
    (outside / "b").write_bytes(b"secret")
    with files.open_beneath(inside, "deep/a") as file:
        assert file.read() == b"abc"
    (inside / "link").symlink_to(outside)
    (inside / "b").symlink_to(outside / "b")
    for name in ("link/b", "b", "../out/b", str(outside / "b"), "deep/../../out/b", "deep", ""):
        with pytest.raises(OSError):
            files.open_beneath(inside, name)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(files.NotRegularError):
            files.open_beneath(inside, "link/b")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_lines_come_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("a\r\nö\n\nlast".encode())
    assert list(files.lines(files.open_regular(tmp_path / "a"), 100)) == ["a", "ö", "", "last"]
    with pytest.raises(files.TooLargeError):
        list(files.lines(files.open_regular(tmp_path / "a"), 4))
    (tmp_path / "a").write_bytes(b"x" * (files.LONGEST_LINE + 1))
    with pytest.raises(files.TooLargeError, match="a line of more than"):
        list(files.lines(files.open_regular(tmp_path / "a"), 1 << 30))
    (tmp_path / "a").write_bytes(b"\xff\n")
    with pytest.raises(UnicodeDecodeError):
        list(files.lines(files.open_regular(tmp_path / "a"), 100))


def test_more_lines_than_a_text_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"\n" * 4)
    monkeypatch.setattr(files, "MOST_LINES", 3)
    with pytest.raises(files.TooLargeError, match="more than 3 lines"):
        list(files.lines(files.open_regular(tmp_path / "a"), 100))


def test_nobody_waits_for_a_pipe_with_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    held = os.open(tmp_path / "a", os.O_RDWR)
    done = threading.Event()

    def attempt() -> None:
        with pytest.raises(files.NotRegularError):
            files.read_bytes(tmp_path / "a", 10)
        done.set()

    threading.Thread(target=attempt, daemon=True).start()
    assert done.wait(20)
    os.close(held)
