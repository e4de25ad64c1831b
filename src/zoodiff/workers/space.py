"""Measure the space that a worker takes outside its memory: its folder and unnamed files.

A confined worker may be hostile, so no link is followed, no file is opened by name, and a folder or
list that is too large to search counts as more than the limit.
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
"""Files and folders of a scratch folder; more count as above the limit."""
DEEPEST = 32
"""Levels of folders in a scratch folder."""
_LARGEST_MAPS = 4 * 2**20
"""Bytes that are read of the list of a process's mappings."""
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Errors for a folder that was removed or replaced since it was listed."""
File = tuple[int, int]
"""Device and inode."""


class _TooMuchError(Exception):
    """A folder has too many entries, is too deep, or cannot be opened."""


class _Counted:
    """The bytes and entries counted so far."""

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
    """Return the bytes of the files in an open folder; above ``most`` if it cannot be searched.

    No link is followed, even while the worker replaces folders by links.
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
    """Return the bytes of removed files that processes still have open or mapped (Linux).

    These take space, in memory if ``folder`` is there, and no folder lists them. Files in
    ``beside`` are not counted; page tables are. Returns more than ``most`` if a list of mappings is
    too long.
    """
    sizes: dict[File, int] = {}
    tables = 0
    for process in processes:
        with contextlib.suppress(OSError), os.scandir(f"/proc/{process}/fd") as listed:
            for entry in listed:
                with contextlib.suppress(OSError):
                    facts = Path(entry.path).stat()
                    if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 0:
                        sizes[facts.st_dev, facts.st_ino] = facts.st_blocks * 512
        with contextlib.suppress(OSError):
            if not _add_mapped(Path(f"/proc/{process}/maps"), folder, sizes):
                return most + 1
        tables += _table_bytes(process)
    return tables + sum(size for file, size in sizes.items() if file not in beside)


def _add_mapped(maps: Path, folder: Path, sizes: dict[File, int]) -> bool:
    """Add the removed files that are mapped to ``sizes``; return False if the list is too long."""
    with maps.open("rb") as file:
        data = file.read(_LARGEST_MAPS + 1)
    for line in data.decode(errors="replace").splitlines():
        if line.endswith(" (deleted)") and str(folder) in line:
            with contextlib.suppress(ValueError):
                span, _, _, device, inode = line.split(maxsplit=5)[:5]
                first, last = (int(part, 16) for part in span.split("-"))
                key = os.makedev(*(int(part, 16) for part in device.split(":"))), int(inode)
                sizes[key] = max(sizes.get(key, 0), last - first)
    return len(data) <= _LARGEST_MAPS


def _table_bytes(process: int) -> int:
    """Return the bytes of a process's page tables, which also grow for unused pages."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{process}/status").read_text(errors="replace").splitlines():
            if line.startswith("VmPTE:"):
                return int(line.split()[1]) * 1024
    return 0


def resident_bytes(process: int) -> tuple[int, list[int]]:
    """Return the resident memory of a process and its children, in bytes, and their ids.

    Processes that end meanwhile are not counted.
    """
    import psutil

    used, members = 0, [process]
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(process)
        for member in (parent, *parent.children(recursive=True)):
            members.append(member.pid)
            used += member.memory_info().rss
    return used, members
