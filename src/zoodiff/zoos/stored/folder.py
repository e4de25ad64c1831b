"""Files of a folder on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from zoodiff import filenames
from zoodiff.errors import MeasurementError, UnreadableFileError, UsageError
from zoodiff.rules.security import climbs, refusal
from zoodiff.zoos.files.entries import stamp_of

MOST_FILES = 10_000
"""Most files that a pattern may match."""


@dataclass(frozen=True)
class FolderFile:
    """A file, or a SavedModel's folder, below a folder. Links below the folder are refused."""

    folder: Path
    name: str

    def path(self) -> Path:
        """Return its path; raise MeasurementError if it does not exist."""
        path = self.folder / self.name
        if climbs(self.name):
            raise refusal("SEC110", f"{self.name!r} is outside the folder {self.folder}")
        if (link := _link_below(self.folder, self.name)) is not None:
            raise refusal(
                "SEC110",
                f"{link} is a link; a zoo's files are in its own folder (cp -rL copies what links "
                "point to)",
            )
        if not filenames.exists(path):
            raise MeasurementError(f"there is no file {self.name} in {self.folder}")
        return path

    def local(self) -> Path | None:
        """Return its path if it exists and is no link, else None."""
        path = self.folder / self.name
        inside = not climbs(self.name) and _link_below(self.folder, self.name) is None
        return path if inside and filenames.exists(path) else None

    def identity(self) -> list[Any]:
        """Return size and time of the last change; zeros if it is missing."""
        local = self.local()
        if local is None:
            return [0, 0]
        try:
            return list(stamp_of(local))
        except UnreadableFileError:
            return [0, 0]


def _link_below(folder: Path, name: str) -> Path | None:
    """Return the first part of a name below a folder that is a symbolic link."""
    path = folder
    for part in PurePosixPath(name).parts:
        path /= part
        try:
            if path.is_symlink():
                return path
        except (OSError, ValueError):
            return None
    return None


def matching(folder: Path, pattern: str) -> Sequence[str]:
    """Return the names of the files below a folder that a glob matches, sorted, without links.

    Raises UsageError for a pattern out of the folder, and if more than ``MOST_FILES`` match.
    """
    if climbs(pattern):
        raise refusal("SEC110", f"{pattern!r} is outside the folder {folder}")
    try:
        paths = list(islice(folder.glob(pattern), MOST_FILES + 1))
    except (OSError, ValueError, NotImplementedError) as error:
        raise UsageError(f'the pattern "{pattern}" cannot be used in {folder} ({error})') from None
    if len(paths) > MOST_FILES:
        raise UsageError(f'"{pattern}" matches more than {MOST_FILES:,} files in {folder}')
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    return [name for name in names if _link_below(folder, name) is None]
