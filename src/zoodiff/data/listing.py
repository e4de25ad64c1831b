"""List an untrusted folder: images, and files with wanted names.

A folder may hold millions of files, links that lead in a circle or to the root, pipes, devices,
and folders that cannot be read. Names are kept as short texts, so that the images of ImageNet's
training set take some hundred megabytes, and there are limits to what is looked at.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zoodiff.addresses import os_errors
from zoodiff.data.images import MOST_IMAGES
from zoodiff.data.places import Address, Place, version_of
from zoodiff.errors import UsageError

MOST_ENTRIES = 2_000_000
"""Files and folders that are looked at."""
_MOST_MATCHED = 300_000
"""Files and folders that a pattern is compared with."""
_MAGIC = re.compile(r"[*?\[]")
_END = "\0"
"""Between the parts of a listed file; sorts before all that names have."""

Listed = tuple[str, int, object]
"""Name, size and time of change; the size is -1 of what is no file and cannot be read."""


@dataclass
class Tree:
    """The wanted files below a folder."""

    files: dict[str, list[str]] = field(default_factory=dict)
    """By the first folder that they lie in, "" for none; each for ``unpacked``, sorted."""
    notes: list[str] = field(default_factory=list)
    """What was left out."""


def tree(folder: Place, wanted: Callable[[str], bool]) -> Tree:
    """Files below a folder whose names are wanted.

    Hidden folders do not count at the top, and links to folders are followed there only. What has
    a wanted name and is a pipe, a device or a link to nothing is listed too, since it should have
    been a file. Raises UsageError for more files than a data set has, OSError where the folder
    itself cannot be listed.
    """
    found = Tree()
    listed = _files(folder, wanted, found.notes)
    for count, (name, size, changed) in enumerate(listed):
        if count >= MOST_IMAGES:
            raise UsageError(f"{folder} holds more than {MOST_IMAGES:,} images")
        top, slash, rest = name.partition("/")
        found.files.setdefault(top if slash else "", []).append(
            f"{rest if slash else name}{_END}{size}{_END}{_packed(changed)}"
        )
    found.files = {top: sorted(files) for top, files in sorted(found.files.items())}
    return found


def unpacked(entry: str) -> Listed:
    """Name, size and time of change of a listed file."""
    name, size, changed = entry.rsplit(_END, 2)
    kind, value = changed[:1], changed[1:]
    return name, int(size), int(value) if kind == "i" else value if kind == "s" else None


def name_of(entry: str) -> str:
    """The name of a listed file."""
    return entry.rsplit(_END, 2)[0]


def _packed(changed: object) -> str:
    if isinstance(changed, int):
        return f"i{changed}"
    return "n" if changed is None else "s" + str(changed).replace(_END, "")


def _files(folder: Place, wanted: Callable[[str], bool], notes: list[str]) -> Iterator[Listed]:
    if isinstance(folder, Path):
        yield from _local(folder, wanted, notes)
        return
    yield from _remote(folder, wanted)


def _remote(folder: Address, wanted: Callable[[str], bool]) -> Iterator[Listed]:
    with os_errors():
        below = folder.system.find(folder.path, detail=True)
    for path, facts in below.items():
        name = str(path)[len(folder.path.rstrip("/")) + 1 :]
        if wanted(name) and not (name.startswith(".") and "/" in name):
            yield name, int(facts.get("size") or 0), version_of(facts)


def _local(folder: Path, wanted: Callable[[str], bool], notes: list[str]) -> Iterator[Listed]:
    own = folder.resolve()
    waiting, left, unread = [""], [MOST_ENTRIES], 0
    while waiting:
        below = waiting.pop()
        try:
            for entry in _entries(folder / below, left):
                name = f"{below}/{entry.name}" if below else entry.name
                hidden = not below and entry.name.startswith(".")
                if entry.is_dir(follow_symlinks=False):
                    if not hidden:
                        waiting.append(name)
                elif not below and entry.is_symlink() and _leads_to_folder(entry):
                    if own.is_relative_to(os.path.realpath(entry.path)):
                        notes.append(f"the link {name} leads back to the data set and is left out")
                    elif not hidden:
                        waiting.append(name)
                elif wanted(name):
                    yield _facts(entry, name)
        except OSError:
            if not below:
                raise
            unread += 1
    if unread:
        notes.append(f"{unread} folders below {folder.name} cannot be read, and are left out")


def _entries(folder: Path, left: list[int]) -> Iterator[os.DirEntry[str]]:
    """List a folder; raise UsageError above the limit of files."""
    with os.scandir(folder) as entries:
        for entry in entries:
            left[0] -= 1
            if left[0] < 0:
                raise UsageError(
                    f"there are too many files in {folder}; name the folder of the images itself"
                )
            yield entry


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # in a circle
        return False


def _facts(entry: os.DirEntry[str], name: str) -> Listed:
    try:
        facts = entry.stat()
    except OSError:  # it went, its link leads nowhere or in a circle
        return name, -1, 0
    if not stat.S_ISREG(facts.st_mode):
        return name, -1, 0
    return name, facts.st_size, facts.st_mtime_ns


def matching(patterns: list[str]) -> list[Path]:
    """Files and folders whose paths match a pattern of the shell, sorted.

    A star stands for no hidden name and for no slash. Raises UsageError where more would have to
    be looked at than lies in folders of shards.
    """
    left = [_MOST_MATCHED]
    found: set[str] = set()
    for pattern in patterns:
        path = Path(pattern)
        parts = path.parts[1:] if path.is_absolute() else path.parts
        found |= set(_matched(path.anchor, parts, left))
    return sorted(Path(name) for name in found)


def _matched(start: str, parts: tuple[str, ...], left: list[int]) -> list[str]:
    here = [start]
    for part in parts:
        if not _MAGIC.search(part):
            there = (os.path.join(one, part) for one in here)  # noqa: PTH118 - of very many texts
            here = [one for one in there if os.path.lexists(one)]
            continue
        match = re.compile(fnmatch.translate(part)).match
        here = [
            os.path.join(one, name)  # noqa: PTH118
            for one in here
            for name in _names(one, left)
            if match(name) and (part.startswith(".") or not name.startswith("."))
        ]
    return here if parts else []


def _names(folder: str, left: list[int]) -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield from (entry.name for entry in _entries(Path(folder), left))
