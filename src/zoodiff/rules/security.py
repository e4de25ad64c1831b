"""Refusals of files, and names of files that must not be followed.

What each code means is said in ``rules/reported/security.py``; a refusal is raised where a file is
looked at.
"""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

from zoodiff.errors import RefusedError


def climbs(name: str) -> bool:
    """Whether a path is absolute or climbs out of its folder, on any operating system.

    >>> climbs("a/b.bin"), climbs("../b.bin"), climbs("/b.bin"), climbs("C:b.bin")
    (False, True, True, True)
    """
    windows = PureWindowsPath(name)
    return bool(
        windows.drive
        or "\\" in name
        or "\0" in name
        or PurePosixPath(name).is_absolute()
        or ".." in windows.parts
    )


def refusal(code: str, sentence: str) -> RefusedError:
    """The error of a rule: its code, and one sentence that names the file and the reason."""
    return RefusedError(f"{code}: {sentence}")
