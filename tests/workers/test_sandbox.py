"""What a worker that opens files cannot do, with bubblewrap and without it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoodiff.errors import MeasurementError, UsageError, WorkerError
from zoodiff.workers import environments, launch, permissions, process
from zoodiff.workers.limits import Limits
from zoodiff.workers.process import Worker
from zoodiff.workers.sandbox import available, bubblewrap, confine
from zoodiff.workers.sandbox.available import Protection, protections

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the protections are Linux's")


@pytest.fixture(params=["bubblewrap", "kernel"])
def worker(request, fake_zoo, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A confined worker of a harmful backend; ``kernel``: as where bubblewrap does not work."""
    if request.param == "bubblewrap" and bubblewrap.missing():
        pytest.skip(bubblewrap.missing())
    if request.param == "kernel":
        weak = [p for p in protections() if p.name in {"landlock", "seccomp"} and not p.in_force]
        if weak:
            pytest.skip(f"{weak[0].name}: {weak[0].reason}")
        monkeypatch.setattr(bubblewrap, "missing", lambda: "not wanted here")
    monkeypatch.setattr(type(fake_zoo), "backend", "harmful_backend:make")
    monkeypatch.setattr(type(fake_zoo), "confined", True, raising=False)
    monkeypatch.setenv("MY_PRIVATE_SETTING", "x")
    with Worker(fake_zoo.worker, limits=Limits(seconds=60, memory_bytes=500_000_000)) as made:
        yield made


def tried(worker: Worker, what: str, on: object) -> str:
    with pytest.raises(MeasurementError) as caught:
        worker.call("describe", doing=f"trying {what}", model=what, weights=str(on))
    return str(caught.value)


def test_it_writes_removes_and_opens_nothing_outside_its_folder(worker, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("mine")
    for what, on in (
        ("writes", tmp_path / "new"),
        ("writes", there),
        ("removes", there),
        ("opens_to_all", there),
        ("links", tmp_path),
    ):
        assert tried(worker, what, on).startswith("stopped"), what
    assert [p.name for p in tmp_path.iterdir()] == ["there"]
    assert there.read_text() == "mine"
    assert there.stat().st_mode & 0o777 != 0o777
    assert tried(worker, "keeps", "") == "done"
    assert tried(worker, "reads", there) == "done"


def test_it_reaches_no_network_and_no_socket(worker, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as local,
    ):
        local.bind(str(tmp_path / "socket"))
        local.listen()
        port = server.getsockname()[1]
        for what, on in (("connects", port), ("sends", port), ("talks", tmp_path / "socket")):
            assert tried(worker, what, on).startswith("stopped"), what


def test_it_starts_no_process_and_signals_none(worker, tmp_path: Path) -> None:
    for what, on in (("starts", tmp_path / "x"), ("forks", ""), ("kills", os.getpid())):
        assert tried(worker, what, on).startswith("stopped"), what
    assert not (tmp_path / "x").exists()


def test_it_sees_no_settings_of_the_user(worker) -> None:
    seen = worker.call("hello", doing="asking")["versions"]["environment"].split()
    assert "PATH" in seen
    assert "MY_PRIVATE_SETTING" not in seen


def test_its_memory_ends_where_it_is_told(worker) -> None:
    """The limit of the kernel, two gigabytes above, or the parent's watch, whichever is first."""
    said = tried(worker, "eats", 4 * 10**9)
    assert said == "stopped: MemoryError" or "--worker-memory" in said or "died" in said
    assert worker.call("hello", doing="going on")


def test_what_it_writes_into_its_folder_counts(worker) -> None:
    with pytest.raises(WorkerError, match=r"--worker-memory|died"):
        worker.call("describe", doing="filling", model="fills", weights=str(2 * 10**9))
    assert worker.call("hello", doing="going on")


def test_its_time_ends_by_the_kernel_too(worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the parent does not look."""
    monkeypatch.setattr(process, "_POLL_SECONDS", 0.1)
    with pytest.raises(WorkerError, match=r"ran out of its time|CPU time"):
        worker.call("describe", doing="spinning", seconds=0.5, model="spins", weights="")


def test_every_protection_says_whether_it_is_in_force() -> None:
    found = {one.name: one for one in protections()}
    assert list(found) == ["bubblewrap", "resource limits", "landlock", "seccomp"]
    assert found["resource limits"].in_force
    for one in found.values():
        assert one.in_force != bool(one.reason)


def lacking(*names: str) -> list[Protection]:
    return [
        Protection(name, "", name not in names, "not here" if name in names else "")
        for name in ("bubblewrap", "resource limits", "landlock", "seccomp")
    ]


@pytest.mark.parametrize("way", ["variable", "limits"])
def test_a_required_sandbox_that_is_not_whole_opens_nothing(fake_zoo, monkeypatch, way) -> None:
    monkeypatch.setattr(available, "protections", lambda: lacking("landlock"))
    monkeypatch.setattr(type(fake_zoo), "confined", True, raising=False)
    if way == "variable":
        monkeypatch.setenv("ZOODIFF_REQUIRE_SANDBOX", "1")
    limits = Limits() if way == "variable" else Limits(require_sandbox=True)
    with (
        Worker(fake_zoo.worker, limits=limits) as worker,
        pytest.raises(MeasurementError, match=r"--require-sandbox.*landlock: not here"),
    ):
        worker.call("hello", doing="")
    monkeypatch.setattr(available, "protections", lacking)
    with Worker(fake_zoo.worker, limits=limits) as worker:
        assert worker.call("hello", doing="")


def test_a_worker_that_opens_no_files_needs_no_sandbox(fake_zoo, monkeypatch) -> None:
    monkeypatch.setattr(available, "protections", lambda: lacking("bubblewrap"))
    with Worker(fake_zoo.worker, limits=Limits(require_sandbox=True)) as worker:
        assert worker.call("hello", doing="")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ((), "fully sandboxed"),
        (("bubblewrap",), "can read every file of yours (bubblewrap not in force)"),
        (("landlock",), "by bubblewrap alone (landlock not in force)"),
        (("bubblewrap", "seccomp"), "NOT sandboxed (bubblewrap and seccomp not in force)"),
    ],
)
def test_one_sentence_says_what_a_file_can_do_here(missing: tuple[str, ...], said: str) -> None:
    assert said in available.summary(lacking(*missing))


def test_where_bubblewrap_fails_it_is_said_and_done_without(monkeypatch, tmp_path: Path) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'no namespaces here' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    bubblewrap.missing.cache_clear()
    try:
        assert "no namespaces here" in bubblewrap.missing()
        assert bubblewrap.wrapped(["true"], tmp_path) == ["true"]
    finally:
        monkeypatch.undo()
        bubblewrap.missing.cache_clear()


def test_a_permission_is_for_a_content(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("ZOODIFF_HOME", str(tmp_path / "home"))
    file = tmp_path / "a\nb.pt"
    file.write_bytes(b"code")
    first = permissions.allow(file)
    assert permissions.allow(file) == first
    assert permissions.allowed() == {first}
    file.write_bytes(b"other code")
    assert permissions.allow(file) != first
    assert len(permissions.allowed()) == 2
    assert len(permissions.place().read_text().splitlines()) == 2
    with pytest.raises(UsageError, match="cannot be read"):
        permissions.allow(tmp_path / "missing")


@pytest.mark.parametrize("entry", ["", ".", "tools"])
def test_bubblewrap_is_not_taken_from_the_current_folder(
    entry, tmp_path: Path, monkeypatch
) -> None:
    """Which may be one that untrusted files were unpacked in."""
    usual = bubblewrap.program()
    place = tmp_path / entry
    place.mkdir(exist_ok=True)
    (place / "bwrap").write_text("#!/bin/sh\n")
    (place / "bwrap").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{entry}{os.pathsep}{os.environ['PATH']}")
    assert bubblewrap.program() == usual
    monkeypatch.setenv("PATH", entry)
    assert bubblewrap.program() == shutil.which("bwrap", path=os.defpath)


@pytest.mark.parametrize("allowed", [confine._FILE_CONTROLS, confine._DEVICE_CONTROLS, ()])
def test_blocks_cover_exactly_what_is_not_allowed(allowed) -> None:
    blocks = list(confine._complement(allowed))
    wanted = {number for numbers in allowed for number in numbers}
    covered = [
        number
        for mask, value in blocks
        for number in range(value, value + (0xFFFF ^ mask) + 1)
        if number & mask == value
    ]
    assert len(covered) == len(set(covered))
    assert set(covered) | wanted == set(range(1 << 16))
    assert not set(covered) & wanted


def test_every_call_that_is_refused_has_a_number() -> None:
    """A name that is misspelled, or that no library knows, would let the call through."""
    pyseccomp = pytest.importorskip("pyseccomp")
    names = {*confine._DENIED, *confine._ABSENT, "memfd_create", "memfd_secret"}
    unknown = {
        name
        for name in names
        if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) == -1
        and name not in confine._NUMBERS
    }
    assert not unknown


def test_numbers_of_young_calls_are_those_of_the_library() -> None:
    pyseccomp = pytest.importorskip("pyseccomp")
    for name, number in confine._NUMBERS.items():
        known = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
        assert known in {-1, number}, name
    assert not set(confine._NUMBERS.values()) & set(confine._FUTURE)


def test_a_worker_of_another_interpreter_is_confined_too(worker, tmp_path, monkeypatch) -> None:
    """It is sent the text of what confines it, which this process cannot compile for it."""
    protections(), bubblewrap.missing()  # found out by the interpreter that there is
    interpreter = Path(sys.executable)
    monkeypatch.setattr(environments, "interpreter_for", lambda spec: interpreter)
    monkeypatch.setattr(launch, "compiled", dict)
    monkeypatch.setattr(sys, "executable", "/another/python")
    assert tried(worker, "writes", tmp_path / "new").startswith("stopped")
    assert tried(worker, "starts", tmp_path / "new").startswith("stopped")
