"""Tricks on the process that the parent starts next: modules, settings and folders left behind."""

from __future__ import annotations

import contextlib
import importlib.util
import marshal
import os
import struct
import sys
import tempfile
from pathlib import Path

from .files import own
from .pipes import answer, instead
from .table import Given, trick

MARK = "ZOODIFF_TESTS_PLANTED"
"""A name in ``builtins`` that what was planted sets where it is imported."""
_CODE = f"import builtins\nbuiltins.{MARK} = __file__ if '__file__' in globals() else 'x'\n"
MODULES = (
    "zoodiff", "numpy", "sitecustomize", "usercustomize", "site", "confine", "bootstrap", "child",
    "py_landlock", "pyseccomp", "json", "os", "encodings", "attacking_backend", "attacks", "ctypes",
    "psutil", "__main__", "codecs", "importlib",
)  # fmt: skip


def planted() -> str:
    """Where planted code was imported from in this process; empty where it was not."""
    import builtins

    return str(getattr(builtins, MARK, ""))


def compiled() -> bytes:
    """A compiled module, which needs no source beside it."""
    code = compile(_CODE, "planted", "exec")
    return importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, 0, 0) + marshal.dumps(code)


def plants(place: Path) -> int:
    """Leave code under every name that Python looks for; return how many files could be written."""
    written = 0
    files: dict[str, bytes] = {}
    for name in MODULES:
        files[f"{name}.py"] = _CODE.encode()
        files[f"{name}.pyc"] = compiled()
        files[f"{name}/__init__.py"] = _CODE.encode()
        files[f"__pycache__/{name}.{sys.implementation.cache_tag}.pyc"] = compiled()
    for name in ("__init__", "inside/__init__", "inside/child"):
        files[f"zoodiff/workers/{name}.py"] = _CODE.encode()
    files["evil.pth"] = f"import builtins; builtins.{MARK} = 'pth'\n{place}\n".encode()
    files["python311._pth"] = f"{place}\nimport site\n".encode()
    files["pyvenv.cfg"] = f"home = {place}\ninclude-system-site-packages = true\n".encode()
    files["site-packages/evil.pth"] = files["evil.pth"]
    files["lib/python3/site-packages/sitecustomize.py"] = _CODE.encode()
    for name, data in files.items():
        with contextlib.suppress(OSError):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)
            written += 1
    return written


def places(given: Given) -> list[Path]:
    """Where a worker may be able to write, and others where it should not."""
    import numpy

    import zoodiff

    return [
        Path(tempfile.gettempdir()),
        own("").parent,
        Path(given.outgoing),
        Path(given.guard),
        Path(given.home),
        Path.cwd(),
        Path("/tmp"),
        Path("/dev/shm"),
        Path("/var/tmp"),
        Path(zoodiff.__file__).parent,
        Path(zoodiff.__file__).parents[1],
        Path(numpy.__file__).parents[1],
        Path(sys.executable).parent,
        Path(os.__file__).parent,
    ]


@trick("ended")
def plants_modules_and_dies(given: Given) -> None:
    """Leave modules wherever it can write, and make the parent start another process."""
    assert plants(Path(tempfile.gettempdir())) > 40
    for place in places(given)[1:]:
        plants(place)
    os._exit(1)


@trick("ended", seconds=2)
def plants_modules_and_hangs(given: Given) -> None:
    """Leave modules wherever it can write, and wait for the time limit."""
    for place in places(given):
        plants(place)
    while True:
        pass


@trick("ended")
def plants_settings_and_dies(given: Given) -> None:
    """Change its environment, path and current folder, and die."""
    own("lib").mkdir()
    for name in (
        "PYTHONPATH",
        "PYTHONHOME",
        "PYTHONSTARTUP",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "PATH",
    ):
        os.environ[name] = str(own("lib"))
    sys.path.insert(0, str(own("lib")))
    os.chdir(own("lib"))
    plants(own("lib"))
    os._exit(1)


@trick("ended")
def guesses_the_next_folder_and_dies(given: Given) -> None:
    """Make links and folders beside its own, by names that the next one might have."""
    folder = own("").absolute()
    for number in range(50):
        for make in (Path.mkdir, lambda path: path.symlink_to(given.guard)):
            with contextlib.suppress(OSError):
                make(folder.with_name(f"{folder.name[:-8]}{number:08}"))
    os._exit(1)


@trick("either", late=True)
def changes_its_own_code(given: Given) -> None:
    """Replace zoodiff's code in its own memory, which is its own to spoil."""
    from zoodiff.workers.inside import handlers

    handlers.Handlers.call = lambda *_, **__: {"versions": {"planted": ""}}  # type: ignore[method-assign]
    instead(answer(result=1))
