"""What the machine refuses is one sentence and an exit code, never a traceback or a bug."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.text import harmless
from support.text.hostile_world import network, results_folder, write_data
from zoodiff.cli.failures import explained
from zoodiff.errors import StoreError

COMMAND = shutil.which("zoodiff", path=str(Path(sys.executable).parent)) or "zoodiff"
pytestmark = pytest.mark.e2e

WORKING = {
    "accuracy": ["net.onnx", "other.onnx", "--data", "data", "--evidence", "evidence"],
    "compare": ["net.onnx", "other.onnx"],
    "diff": ["net.onnx", "other.onnx"],
    "fingerprint": ["net.onnx"],
    "latency": ["net.onnx", "other.onnx", "--seconds", "0.2", "--processes", "2"],
    "run": ["study.toml"],
    "show": ["net.onnx", "--save", "graph.json"],
    "report": ["--results", "kept", "--output", "report"],
    "store export": ["bundle.tar", "--results", "kept"],
    "store verify": ["--results", "kept"],
    "store gc": ["--results", "kept"],
    "env list": [],
    "zoos": [],
    "list": [],
    "claims": [],
    "rules": [],
}
"""Calls that work as they stand."""
STARTS_WORKERS = {"accuracy", "compare", "diff", "fingerprint", "latency", "run", "show"}
STUDY = """\
name = "small"
title = "Small"
[architecture]
entries = ["file:net.onnx", "file:other.onnx"]
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx", reason="the onnx extra")
    folder = tmp_path_factory.mktemp("failures")
    network(folder / "net.onnx", outputs=2)
    network(folder / "other.onnx", outputs=2, seed=1)
    write_data(folder / "data", ["cat", "dog"])
    (folder / "study.toml").write_text(STUDY)
    results_folder(folder / "kept")
    return folder


def called(
    place: Path, words: str, *, limit: tuple[int, int] | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A command, with a limit of the system on it and its workers."""

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(limit[0], (limit[1], limit[1]))

    return subprocess.run(
        [COMMAND, *words.split(), *WORKING[words]],
        capture_output=True,
        text=True,
        cwd=place,
        env=os.environ | {"NO_COLOR": "1", "ZOODIFF_RESULTS": "results"} | variables,
        timeout=300,
        check=False,
        preexec_fn=limited,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], codes: tuple[int, ...]) -> None:
    """The last line of standard error is the sentence; before it may stand lines of progress."""
    assert done.returncode in codes, done.stderr
    assert not harmless.problems(done.stdout + done.stderr)
    for word in ("Traceback", "unexpected", "report it", "Exception ignored"):
        assert word not in done.stderr
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("zoodiff: ")]
        assert said, done.stderr
        assert re.search(r"[;,] .*\w", said[-1]), "there is no way out in: " + said[-1]


@pytest.mark.parametrize(
    ("words", "files"),
    [(words, n) for words in WORKING for n in ((12, 20) if words in STARTS_WORKERS else (5,))],
)
def test_few_open_files(place: Path, words: str, files: int) -> None:
    done = called(place, words, limit=(resource.RLIMIT_NOFILE, files))
    assert_one_sentence(done, (0, 3))
    if done.returncode:
        assert "Too many open files" in done.stderr
        assert "ulimit -n" in done.stderr


@pytest.mark.parametrize("words", ["show", "compare", "run", "report", "store export"])
def test_files_that_may_not_grow(place: Path, words: str) -> None:
    """As a full disk: the write fails in the middle, in the command and in its workers."""
    done = called(place, words, limit=(resource.RLIMIT_FSIZE, 512), ZOODIFF_RESULTS="fresh")
    shutil.rmtree(place / "fresh", ignore_errors=True)
    assert_one_sentence(done, (2, 3))
    assert "File too large" in done.stderr


@contextlib.contextmanager
def full(folder: Path) -> Iterator[Path]:
    """A file system on which nothing fits any more; skips the test where none can be mounted."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("nothing can be mounted here")
    try:
        with contextlib.suppress(OSError), (folder / "fill").open("wb") as file:
            for _ in range(64):
                file.write(bytes(1024))
                file.flush()
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


FULL: dict[str, Callable[[str], list[str]]] = {
    "accuracy": lambda d: ["net.onnx", "--data", "data", "--results", f"{d}/r"],
    "compare": lambda d: ["net.onnx", "other.onnx", "--results", f"{d}/r"],
    "latency": lambda d: ["net.onnx", "--seconds", "0.2", "--results", f"{d}/r"],
    "run": lambda d: ["study.toml", "--results", f"{d}/r"],
    "show": lambda d: ["net.onnx", "--save", f"{d}/graph.dot"],
    "report": lambda d: ["--results", "kept", "--output", f"{d}/report"],
    "store export": lambda d: [f"{d}/bundle.tar", "--results", "kept"],
    "store import": lambda d: ["kept.tar", "--results", f"{d}/r"],
    "show, allowed code": lambda d: ["net.onnx", "--catalogue-only", "--allow-code", "net.onnx"],
    "env create": lambda d: ["tfmg"],
    "accuracy, evidence": lambda d: [
        *("net.onnx", "other.onnx", "--data", "data", "--evidence", f"{d}/e"),
    ],
}


def test_a_full_disk(place: Path, tmp_path: Path) -> None:
    subprocess.run(
        [COMMAND, "store", "export", "kept.tar", "--results", "kept"], cwd=place, check=True
    )
    with full(tmp_path / "full") as folder:
        for words, arguments in FULL.items():
            done = subprocess.run(
                [COMMAND, *words.partition(",")[0].split(), *arguments(str(folder))],
                capture_output=True,
                text=True,
                cwd=place,
                env=os.environ | {"ZOODIFF_HOME": str(folder / "home")},
                timeout=300,
                check=False,
            )
            assert done.returncode in (2, 3), (words, done.stderr)
            assert_one_sentence(done, (2, 3))
            assert "No space left on device" in done.stderr, (words, done.stderr)


def test_standard_output_that_is_full(place: Path) -> None:
    for words in ("list", "rules", "--help"):
        with Path("/dev/full").open("w") as nowhere:
            done = subprocess.run(
                [COMMAND, words], stdout=nowhere, stderr=subprocess.PIPE, text=True, check=False
            )
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert "standard output cannot be written (No space left on device)" in done.stderr


@pytest.mark.parametrize(
    "words", ["list", "rules", "--help", "claims", "zoos --json", "list --json"]
)
def test_a_reader_that_goes_away(words: str) -> None:
    shell = f"set -o pipefail; '{COMMAND}' {words} | true"
    done = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_closed_streams(place: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{COMMAND}' show net.onnx <&- >&- 2>&-"],
        cwd=place,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0


def test_standard_error_that_is_full(place: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"'{COMMAND}' show no.onnx 2>/dev/full"], cwd=place, check=False, timeout=120
    )
    assert done.returncode == 2


def test_a_home_that_is_not_known(place: Path) -> None:
    done = called(place, "show", ZOODIFF_HOME="~nobody-of-this-name/x")
    assert_one_sentence(done, (2,))
    assert "set HOME" in done.stderr


@pytest.mark.parametrize("words", ["show", "latency", "compare"])
def test_no_home_and_no_temporary_folder(place: Path, words: str) -> None:
    variables = {"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent"}
    assert_one_sentence(called(place, words, **variables), (0, 2, 3))


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    shell = f"cd '{gone}'; rmdir '{gone}'; '{COMMAND}' accuracy a.onnx --data x"
    done = subprocess.run(
        ["bash", "-c", shell], capture_output=True, text=True, check=False, timeout=120
    )
    assert_one_sentence(done, (2,))


@pytest.mark.parametrize("folder", ["/proc/1/x", "/sys/x", "/dev/null/x"])
def test_places_that_cannot_be_written(place: Path, folder: str) -> None:
    for words, arguments in FULL.items():
        if words in ("env create", "show, allowed code", "store import", "accuracy, evidence"):
            continue
        done = subprocess.run(
            [COMMAND, *words.split(), *arguments(folder)],
            capture_output=True,
            text=True,
            cwd=place,
            timeout=300,
            check=False,
        )
        assert done.returncode in (2, 3)
        assert_one_sentence(done, (2, 3))


ERRORS = [
    *((OSError(n, os.strerror(n), "a/b"), 2) for n in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)),
    *((OSError(n, os.strerror(n), b"a/b"), 2) for n in (errno.EACCES, errno.EPERM, errno.EFBIG)),
    *((OSError(n, os.strerror(n)), 3) for n in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)),
    (OSError(errno.EIO, os.strerror(errno.EIO), "a/b"), 2),
    (OSError("7736 requested and 896 written"), 2),
    (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), 3),
    (MemoryError(), 3),
    (ImportError("libx.so: cannot open shared object file: Too many open files"), 3),
    (ImportError("libblas.so.5: failed to map segment from shared object"), 3),
    (RuntimeError("can't start new thread"), 3),
    (RuntimeError("Could not determine home directory."), 2),
    (StoreError("the store is full"), 2),
]


@pytest.mark.parametrize(("error", "code"), ERRORS, ids=lambda value: repr(value)[:60])
def test_each_error_of_the_system_names_a_way_out(error: Exception, code: int) -> None:
    sentence, found = explained(error)
    assert found == code
    assert "unexpected" not in sentence
    assert isinstance(error, StoreError) or "; " in sentence
    assert "a/b" in sentence or getattr(error, "filename", None) is None


def test_a_shortage_shows_through_what_libraries_make_of_it() -> None:
    try:
        try:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "x.so")
        except OSError as inner:
            raise ValueError("cannot load the module") from inner
    except ValueError as outer:
        sentence, code = explained(outer)
    assert (code, "x.so" in sentence) == (3, True)


def test_a_bug_stays_a_bug() -> None:
    try:
        try:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", "x")
        except OSError:
            raise KeyError("bug")  # noqa: B904 - what is to be told apart
    except KeyError as error:
        sentence, code = explained(error)
    assert code == 3
    assert sentence.startswith("unexpected KeyError: 'bug'")


def test_an_error_in_a_thread_is_one_sentence(tmp_path: Path) -> None:
    program = (
        "import sys, threading\n"
        "from zoodiff.cli import app\n"
        "def work():\n"
        "    raise OSError(28, 'No space left on device', 'a\\x1b]0;x\\x07')\n"
        "class Bad:\n"
        "    def __del__(self):\n"
        "        raise ValueError('in a destructor')\n"
        "def run(**_):\n"
        "    t = threading.Thread(target=work); t.start(); t.join(); Bad()\n"
        "    import warnings; warnings.warn('look\\n\\x1b[2Jout')\n"
        "    sys.stderr.write('raw \\x1b]0;x\\x07\\u202e\\n')\n"
        "    print('raw \\x1b]0;x\\x07\\u202e')\n"
        "app.app = run\n"
        "app.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert not harmless.problems(done.stdout + done.stderr)
    assert done.stdout == "raw \\x1b]0;x\\x07\\u202e\n"
    assert done.stderr.splitlines() == [
        "zoodiff: cannot use a\\x1b]0;x\\x07 (No space left on device); make room, or name a "
        "folder on another disk",
        "zoodiff: UserWarning: look\\n\\x1b[2Jout",
        "raw \\x1b]0;x\\x07\\u202e",
    ]


def test_a_traceback_is_harmless_too(tmp_path: Path) -> None:
    done = subprocess.run(
        [COMMAND, "--debug", "show", "no\x1b]0;x\x07\n\u202e.onnx"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" in done.stderr
    assert not harmless.problems(done.stderr)


def test_what_terminals_cannot_encode_is_an_escape() -> None:
    done = subprocess.run(
        [COMMAND, "list", "réseau"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert b'"r\\xe9seau"' in done.stderr
