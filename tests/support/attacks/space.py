"""Tricks by taking space: files, folders, descriptors, mappings, memory that nobody holds."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import threading
import time
from pathlib import Path

import numpy as np

from .calls import call
from .files import own
from .pipes import answer, instead
from .table import Given, trick

MUCH = 2 * 10**9
"""Bytes; four times what the worker may use."""
_CHUNK = 64 << 20


def _fills(file: int, size: int) -> None:
    """Make a file take space."""
    data = bytes(_CHUNK)
    for _ in range(size // _CHUNK):
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]


def _waits() -> None:
    """Wait to be ended."""
    time.sleep(60)


@trick("ended", says="--worker-memory|died")
def eats_memory(given: Given) -> None:
    """Take memory without an end."""
    held = []
    with contextlib.suppress(MemoryError):
        while True:
            held.append(np.ones(1 << 22))
    os._exit(5)


@trick("ended", says="--worker-memory")
def fills_a_file(given: Given) -> None:
    """Write a large file into its folder."""
    with own("large").open("wb") as file:
        _fills(file.fileno(), MUCH)
    _waits()


@trick("ended", says="--worker-memory")
def fills_a_file_without_a_name(given: Given) -> None:
    """Write a large file whose name is gone, and one that never had any."""
    for file in (
        os.open(own("x"), os.O_RDWR | os.O_CREAT),
        os.open(own(""), os.O_RDWR | os.O_TMPFILE),
    ):
        own("x").unlink(missing_ok=True)
        _fills(file, MUCH // 2)
    _waits()


@trick("ended", says="--worker-memory")
def fills_a_file_that_is_only_mapped(given: Given) -> None:
    """Write a large file without a name that no descriptor holds any more."""
    maps = []
    for number in range(MUCH // _CHUNK):
        path = own(f"mapped{number}")
        with path.open("w+b") as file:
            _fills(file.fileno(), _CHUNK)
            maps.append(mmap.mmap(file.fileno(), 0))
        path.unlink()
    _waits()


@trick("ended", says="--worker-memory")
def fills_the_log_and_closes_it(given: Given) -> None:
    """Fill its log by a mapping, take the pages off, and close the descriptors."""
    size = MUCH
    os.ftruncate(1, size)
    data = mmap.mmap(1, size)
    os.close(1)
    os.close(2)
    for start in range(0, size, _CHUNK):
        part = min(_CHUNK, size - start)
        data[start : start + part] = bytes(part)
        data.madvise(mmap.MADV_DONTNEED)
    _waits()


@trick("ended", says="--worker-memory")
def fills_behind_a_thousand_mappings(given: Given) -> None:
    """Hide the mapping of a large file behind so many others that a reader of them gives up."""
    name = "m" * 200
    folder = own("")
    for _ in range(12):
        folder = folder / name
        with contextlib.suppress(OSError):
            folder.mkdir()
    small = folder / "small"
    small.write_bytes(bytes(1 << 16))
    kept = []
    with small.open("rb") as file:
        for _ in range(4000):
            kept.append(mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ))
    hidden = 0
    while hidden < MUCH:
        path = own("hidden")
        with path.open("w+b") as file:
            _fills(file.fileno(), _CHUNK)
            address = call("mmap", 0, _CHUNK, 3, 1, file.fileno(), 0)
            kept.append(address)
        path.unlink()
        hidden += _CHUNK
    _waits()


@trick("ended", says="--worker-memory")
def fills_behind_many_folders(given: Given) -> None:
    """Hide a large file in the last of so many folders that a reader cannot hold them all open."""
    base = own("many")
    base.mkdir()
    for number in range(3000):
        (base / f"{number:05}").mkdir()
    for number in range(0, 3000, 100):
        with (base / f"{number:05}" / "large").open("wb") as file:
            _fills(file.fileno(), _CHUNK)
    _waits()


@trick("ended", says="--worker-memory")
def fills_behind_a_folder_that_cannot_be_listed(given: Given) -> None:
    """Hide a large file in a folder that may be written to and not be read."""
    own("blind").mkdir(0o300)
    with (own("blind") / "large").open("wb") as file:
        _fills(file.fileno(), MUCH)
    _waits()


@trick("ended", says="--worker-memory")
def makes_files_without_an_end(given: Given) -> None:
    """Create empty files as fast as it can."""
    number, base = 0, os.open(own(""), os.O_RDONLY)
    while True:
        os.close(os.open(f"{number}", os.O_CREAT | os.O_WRONLY, dir_fd=base))
        number += 1


@trick("ended", says="--worker-memory")
def makes_folders_without_an_end(given: Given) -> None:
    """Create folders in folders, deeper than any path is long."""
    os.chdir(own(""))
    while True:
        Path("d").mkdir()
        os.chdir("d")


@trick("either")
def makes_names_of_every_byte(given: Given) -> None:
    """Create names of every byte that a name may hold, and the longest."""
    for number in range(1, 256):
        if number != ord("/"):
            with contextlib.suppress(OSError):
                os.close(os.open(os.fsencode(own("")) + b"/" + bytes([number]) * 3, os.O_CREAT))
    for name in (b"\xff" * 255, b"\x1b]0;x\x07\n\r" * 20, b" ", b"-rf", b"..."):
        with contextlib.suppress(OSError):
            own(os.fsdecode(name)).mkdir()
    instead(answer(result=1))


@trick("either")
def makes_folders_without_rights(given: Given) -> None:
    """Create folders that nobody may enter, list or empty, and links beside them."""
    for mode in (0o000, 0o100, 0o300, 0o400, 0o500):
        with contextlib.suppress(OSError):
            own(f"mode{mode:o}").mkdir(mode)
    with contextlib.suppress(OSError):
        own("link").symlink_to(given.guard)
        (own("mode300") / "link").symlink_to(given.there)
    instead(answer(result=1))


@trick("either", late=True)
def opens_all_descriptors(given: Given) -> None:
    """Open as many files as it may."""
    with contextlib.suppress(OSError):
        while True:
            os.open("/dev/null", os.O_RDONLY)
    instead(answer(result=1))


@trick("ended", says="--worker-memory")
def swaps_folders_while_they_are_counted(given: Given) -> None:
    """Rename folders and links to folders of the user's over each other while it fills its own."""
    first, second, link = own("first"), own("second"), own("way")
    first.mkdir()
    with (first / "large").open("wb") as file:
        _fills(file.fileno(), MUCH // 4)

    def swap() -> None:
        while True:
            with contextlib.suppress(OSError):
                first.rename(second)
                link.symlink_to("/usr")
                link.rename(first)
                first.unlink()
                second.rename(first)

    for _ in range(3):
        threading.Thread(target=swap, daemon=True).start()
    with own("more").open("wb") as file:
        _fills(file.fileno(), MUCH)
    _waits()


@trick("either", late=True)
def goes_on_after_its_answer(given: Given) -> None:
    """Answer at once, and fill its folder while nobody waits for it."""

    def work() -> None:
        number = 0
        while True:
            with own(f"after{number}").open("wb") as file:
                _fills(file.fileno(), _CHUNK)
            number += 1

    threading.Thread(target=work, daemon=True).start()
    instead(answer(result=1))


@trick("ended", says="--worker-memory")
def fills_tables_of_pages(given: Given) -> None:
    """Touch pages far apart, so that the tables of pages grow and the pages do not."""
    size, step = 1 << 39, 2 << 20
    private, anonymous, no_reserve = 2, 0x20, 0x4000
    address = call("mmap", 0, size, 1, private | anonymous | no_reserve, -1, 0)
    for start in range(0, size, step):
        ctypes.c_char.from_address(address + start).value  # noqa: B018 - it is read, which is all
    _waits()
