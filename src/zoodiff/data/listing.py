"""Lists the files of an untrusted folder whose names match.

A folder may hold millions of files, links that lead in a circle or to the root, pipes, devices,
and folders that cannot be read. Names are stored as short texts, so that ImageNet's training set
takes some hundred megabytes, and the number of visited files is limited.
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
"""Most files and folders that are visited."""
_MOST_MATCHED = 300_000
"""Most files and folders that patterns are compared with."""
_MAGIC = re.compile(r"[*?\[]")
_END = "\0"
"""Separates the parts of a listed file; sorts before all characters of names."""

Listed = tuple[str, int, object]
"""Name, size in bytes and time of change; the size is -1 if it is no regular file."""


@dataclass
class Tree:
    """The files below a folder whose names match."""

    files: dict[str, list[str]] = field(default_factory=dict)
    """Listed files by the first folder of their path ("" for none), sorted; see ``unpacked``."""
    notes: list[str] = field(default_factory=list)
    """What was left out, in sentences."""


def tree(folder: Place, accepts: Callable[[str], bool]) -> Tree:
    """Return the files below a folder whose names ``accepts`` returns true for.

    At the top level, hidden folders are skipped and links to folders are followed. Pipes, devices
    and broken links with a matching name are listed with size -1, so that they are reported when
    they are read. Raises UsageError for more than ``MOST_IMAGES`` files, OSError if the folder
    itself cannot be listed.
    """
    below = Tree()
    listed = _files(folder, accepts, below.notes)
    for count, (name, size, changed) in enumerate(listed):
        if count >= MOST_IMAGES:
            raise UsageError(f"{folder} holds more than {MOST_IMAGES:,} images")
        top, slash, inner = name.partition("/")
        below.files.setdefault(top if slash else "", []).append(
            f"{inner if slash else name}{_END}{size}{_END}{_packed(changed)}"
        )
    below.files = {top: sorted(files) for top, files in sorted(below.files.items())}
    return below


def unpacked(entry: str) -> Listed:
    """Return name, size and time of change of a listed file."""
    name, size, changed = entry.rsplit(_END, 2)
    kind, value = changed[:1], changed[1:]
    return name, int(size), int(value) if kind == "i" else value if kind == "s" else None


def name_of(entry: str) -> str:
    """Return the name of a listed file."""
    return entry.rsplit(_END, 2)[0]


def _packed(changed: object) -> str:
    if isinstance(changed, int):
        return f"i{changed}"
    return "n" if changed is None else "s" + str(changed).replace(_END, "")


def _files(folder: Place, accepts: Callable[[str], bool], notes: list[str]) -> Iterator[Listed]:
    if isinstance(folder, Path):
        yield from _local(folder, accepts, notes)
        return
    yield from _remote(folder, accepts)


def _remote(folder: Address, accepts: Callable[[str], bool]) -> Iterator[Listed]:
    with os_errors():
        files = folder.system.find(folder.path, detail=True)
    for path, facts in files.items():
        name = str(path)[len(folder.path.rstrip("/")) + 1 :]
        if accepts(name) and not (name.startswith(".") and "/" in name):
            yield name, int(facts.get("size") or 0), version_of(facts)


def _local(folder: Path, accepts: Callable[[str], bool], notes: list[str]) -> Iterator[Listed]:
    root = folder.resolve()
    waiting, remaining, unread = [""], [MOST_ENTRIES], 0
    while waiting:
        below = waiting.pop()
        try:
            for entry in _entries(folder / below, remaining):
                name = f"{below}/{entry.name}" if below else entry.name
                hidden = not below and entry.name.startswith(".")
                if entry.is_dir(follow_symlinks=False):
                    if not hidden:
                        waiting.append(name)
                elif not below and entry.is_symlink() and _leads_to_folder(entry):
                    if root.is_relative_to(os.path.realpath(entry.path)):
                        notes.append(f"the link {name} leads back to the data set and is left out")
                    elif not hidden:
                        waiting.append(name)
                elif accepts(name):
                    yield _facts(entry, name)
        except OSError:
            if not below:
                raise
            unread += 1
    if unread:
        notes.append(f"{unread} folders below {folder.name} cannot be read, and are left out")


def _entries(folder: Path, remaining: list[int]) -> Iterator[os.DirEntry[str]]:
    """List a folder; raise UsageError above the limit of files."""
    with os.scandir(folder) as entries:
        for entry in entries:
            remaining[0] -= 1
            if remaining[0] < 0:
                raise UsageError(
                    f"there are too many files in {folder}; name the folder of the images itself"
                )
            yield entry


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return False


def _facts(entry: os.DirEntry[str], name: str) -> Listed:
    try:
        facts = entry.stat()
    except OSError:  # removed meanwhile, or a link to nothing or in a circle
        return name, -1, 0
    if not stat.S_ISREG(facts.st_mode):
        return name, -1, 0
    return name, facts.st_size, facts.st_mtime_ns


def matching(patterns: list[str]) -> list[Path]:
    """Return the files and folders whose paths match a shell pattern, sorted.

    A star matches neither hidden names nor slashes. Raises UsageError if more than 300,000 names
    would have to be compared.
    """
    remaining = [_MOST_MATCHED]
    matches: set[str] = set()
    for pattern in patterns:
        path = Path(pattern)
        parts = path.parts[1:] if path.is_absolute() else path.parts
        matches |= set(_matched(path.anchor, parts, remaining))
    return sorted(Path(name) for name in matches)


def _matched(start: str, parts: tuple[str, ...], remaining: list[int]) -> list[str]:
    paths = [start]
    for part in parts:
        if not _MAGIC.search(part):
            candidates = (os.path.join(path, part) for path in paths)  # noqa: PTH118 - faster for many texts
            paths = [path for path in candidates if os.path.lexists(path)]
            continue
        match = re.compile(fnmatch.translate(part)).match
        paths = [
            os.path.join(path, name)  # noqa: PTH118
            for path in paths
            for name in _names(path, remaining)
            if match(name) and (part.startswith(".") or not name.startswith("."))
        ]
    return paths if parts else []


def _names(folder: str, remaining: list[int]) -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield from (entry.name for entry in _entries(Path(folder), remaining))
