"""Measure the space of a worker outside its memory: its folder and unnamed files.

A confined worker may be hostile, so nothing is followed, opened by name or believed to be small:
what is too much to be looked through counts as more than is allowed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Container, Iterable
from pathlib import Path

from zoodiff.workers.scratch import FOLDER

MOST_ENTRIES = 20_000
"""Files and folders of a scratch folder; more are taken for an attack."""
DEEPEST = 32
"""Levels of folders in a scratch folder."""
_LARGEST_MAPS = 4 * 2**20
"""Bytes of the list of a process's mappings that are read."""
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""A folder that was removed or replaced by a file or a link since it was listed."""
File = tuple[int, int]
"""Device and inode."""


class _TooMuchError(Exception):
    """There is more than is looked through, or a folder that cannot be looked into."""


class _Counted:
    """The bytes counted so far."""

    def __init__(self) -> None:
        self.bytes = self.entries = 0

    def add_folder(self, folder: int, depth: int) -> None:
        """Count the bytes in an open folder, with one open descriptor per level."""
        inner = []
        with os.scandir(folder) as listed:
            for entry in listed:
                self.entries += 1
                if self.entries > MOST_ENTRIES or depth >= DEEPEST:
                    raise _TooMuchError
                with contextlib.suppress(OSError):
                    facts = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
                    self.bytes += facts.st_blocks * 512
                    if stat.S_ISDIR(facts.st_mode):
                        inner.append(entry.name)
        for name in inner:
            try:
                below = os.open(name, FOLDER, dir_fd=folder)
            except OSError as error:
                if error.errno in _GONE:
                    continue
                raise _TooMuchError from None
            try:
                self.add_folder(below, depth + 1)
            finally:
                os.close(below)


def folder_bytes(folder: int, most: int) -> int:
    """Bytes of the files in an open folder; more than ``most`` where it has too many or too deep.

    No link is followed, also while the worker swaps folders for links.
    """
    counted = _Counted()
    try:
        counted.add_folder(folder, 0)
    except _TooMuchError:
        return most + 1
    except OSError:
        return counted.bytes
    return counted.bytes


def hidden_bytes(
    processes: Iterable[int], folder: Path, most: int, beside: Container[File] = ()
) -> int:
    """Bytes of files that processes hold open or mapped after their names were removed (Linux).

    They take space, in memory where ``folder`` lies there, and no folder lists them. Files in
    ``beside`` are not counted. Tables of pages count too. More than ``most`` where the list of
    mappings is too long.
    """
    held: dict[File, int] = {}
    tables = 0
    for process in processes:
        with contextlib.suppress(OSError), os.scandir(f"/proc/{process}/fd") as listed:
            for entry in listed:
                with contextlib.suppress(OSError):
                    facts = Path(entry.path).stat()
                    if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 0:
                        held[facts.st_dev, facts.st_ino] = facts.st_blocks * 512
        with contextlib.suppress(OSError):
            if not _add_mapped(Path(f"/proc/{process}/maps"), folder, held):
                return most + 1
        tables += _table_bytes(process)
    return tables + sum(size for file, size in held.items() if file not in beside)


def _add_mapped(maps: Path, folder: Path, held: dict[File, int]) -> bool:
    """Add what is mapped to what is held; False where the list is too long."""
    with maps.open("rb") as file:
        data = file.read(_LARGEST_MAPS + 1)
    for line in data.decode(errors="replace").splitlines():
        if line.endswith(" (deleted)") and str(folder) in line:
            with contextlib.suppress(ValueError):
                span, _, _, device, inode = line.split(maxsplit=5)[:5]
                first, last = (int(part, 16) for part in span.split("-"))
                key = os.makedev(*(int(part, 16) for part in device.split(":"))), int(inode)
                held[key] = max(held.get(key, 0), last - first)
    return len(data) <= _LARGEST_MAPS


def _table_bytes(process: int) -> int:
    """Bytes of a process's tables of pages, which grow without its memory where pages are empty."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{process}/status").read_text(errors="replace").splitlines():
            if line.startswith("VmPTE:"):
                return int(line.split()[1]) * 1024
    return 0


def resident_bytes(process: int) -> tuple[int, list[int]]:
    """Resident memory of a process and those below it, and their numbers.

    What ends meanwhile is not counted.
    """
    import psutil

    used, members = 0, [process]
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(process)
        for one in (parent, *parent.children(recursive=True)):
            members.append(one.pid)
            used += one.memory_info().rss
    return used, members
