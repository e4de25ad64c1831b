"""The code of GitHub's repositories at a commit: found in zoodiff's cache, or fetched into it.

A branch or tag is resolved to a commit first, and what is fetched is the archive of that commit.
Of it, code and settings are kept (``zoodiff.zoos.scan.python_code``). The archive is untrusted.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import tarfile
import tempfile
import urllib.request
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from zoodiff import tars
from zoodiff.bounded import files
from zoodiff.errors import MeasurementError, UsageError, WeightsUnavailableError
from zoodiff.home import home
from zoodiff.rules.security import climbs
from zoodiff.zoos.scan.python_code import LARGEST, is_kept
from zoodiff.zoos.stored.revisions import RevisionWarning

PAGES = "https://github.com"
API = "https://api.github.com"
ARCHIVES = "https://codeload.github.com"
SECONDS = 5.0
"""How long GitHub may be silent before it counts as out of reach."""
_LARGEST_ARCHIVE = 1 << 30
"""Bytes of an archive, packed and unpacked."""
_PART = 1 << 20
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9_.-]{1,100}")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]{0,250}")
_DEFAULT = "HEAD"


def url(repository: str) -> str:
    """Return the page of a repository."""
    return f"{PAGES}/{repository}"


def find(repository: str, revision: str | None, reference: str) -> tuple[Path, str]:
    """Return the folder with the code of a repository, and its commit.

    ``revision`` is a commit, a branch or a tag; None for the default branch. A branch is asked for
    its commit every time; where GitHub is out of reach, the commit of last time is taken, with a
    RevisionWarning. Raises UsageError for names that are none, WeightsUnavailableError if the code
    cannot be had.
    """
    wanted = revision or _DEFAULT
    if not _REPOSITORY.fullmatch(repository) or repository.endswith(("/.", "/..")):
        raise UsageError(
            f'"{repository}" is no repository of GitHub and no path; write '
            "torchhub:owner/repo/ENTRY or torchhub:./folder/ENTRY"
        )
    if not _REVISION.fullmatch(wanted) or ".." in wanted or "//" in wanted:
        raise UsageError(f'"{wanted}" is no revision; name a commit, a branch or a tag')
    place = home() / "cache" / "torchhub" / repository.replace("/", "--")
    commit = wanted if _COMMIT.fullmatch(wanted) else None
    try:
        commit = commit or _commit(repository, wanted, place)
        folder = place / commit
        if not folder.is_dir():
            _fetch(repository, commit, folder)
    except (OSError, ValueError, EOFError, tarfile.TarError, zlib.error) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        at = "its default branch" if wanted == _DEFAULT else wanted
        raise WeightsUnavailableError(
            f"{reference} needs the code of {url(repository)} at {at}, which cannot be fetched "
            f"({reason}); clone it where there is a network, and name the folder: "
            f"torchhub:./{repository.partition('/')[2]}/ENTRY"
        ) from None
    return folder, commit


def _commit(repository: str, revision: str, place: Path) -> str:
    """Return the commit of a branch or tag; raise OSError or ValueError if it cannot be known."""
    note = place / "refs" / f"{revision.replace('/', '%')}.txt"
    before = _noted(note)
    try:
        with _opened(f"{API}/repos/{repository}/commits/{revision}") as reply:
            commit = reply.read(100).decode("ascii").strip()
        if not _COMMIT.fullmatch(commit):
            raise ValueError(f"GitHub answered {commit[:60]!r}, which is no commit")
    except (OSError, ValueError) as error:
        if before is None or not (place / before).is_dir():
            raise
        warnings.warn(
            f"GitHub does not say what {revision} of {repository} is now "
            f"({type(error).__name__}); the commit {before} of last time is taken",
            RevisionWarning,
            stacklevel=3,
        )
        return before
    if before not in (None, commit):
        warnings.warn(
            f"{revision} of {repository} moved from {before} to {commit} since it was used last; "
            "name the commit to keep to it",
            RevisionWarning,
            stacklevel=3,
        )
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(commit, encoding="ascii")
    return commit


def _noted(note: Path) -> str | None:
    """Return the commit that a branch or tag had when it was last asked for."""
    try:
        text = files.read_text(note, 100).strip()
    except (OSError, UnicodeDecodeError):
        return None
    return text if _COMMIT.fullmatch(text) else None


def _opened(address: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    headers = {"Accept": "application/vnd.github.sha", "User-Agent": "zoodiff"}
    request = urllib.request.Request(address, headers=headers)
    reply: contextlib.AbstractContextManager[IO[bytes]] = urllib.request.urlopen(
        request, timeout=SECONDS
    )
    return reply


def _fetch(repository: str, commit: str, folder: Path) -> None:
    """Fetch the code of a commit into a folder, completely or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f"{commit}.{secrets.token_hex(8)}")
    try:
        with tempfile.TemporaryFile() as archive:
            with _opened(f"{ARCHIVES}/{repository}/tar.gz/{commit}") as reply:
                size = _unpack(reply, archive)
            partial.mkdir()
            for name, content in _kept(archive, size):
                place = partial / name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
        with contextlib.suppress(FileExistsError):  # another process was faster
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unpack(reply: IO[bytes], archive: IO[bytes]) -> int:
    """Decompress a reply of gzip into a file, and return the number of bytes."""
    unpacker = zlib.decompressobj(wbits=31)
    size = read = 0
    while not unpacker.eof:
        part = unpacker.unconsumed_tail or reply.read(_PART)
        if not part:
            raise EOFError("the archive is cut off")
        read += 0 if unpacker.unconsumed_tail else len(part)
        content = unpacker.decompress(part, _PART)
        size += len(content)
        if max(size, read) > _LARGEST_ARCHIVE:
            raise ValueError(f"its archive has more than {_LARGEST_ARCHIVE >> 20} MiB")
        archive.write(content)
    archive.seek(0)
    return size


def _kept(archive: IO[bytes], size: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the code and settings in an archive, without its top folder."""
    room = LARGEST
    file = cast("BinaryIO", archive)
    for member in tars.members(file, size):
        name = member.name.partition("/")[2]
        if not member.isreg() or not name or not is_kept(name):
            continue
        if climbs(name):
            raise MeasurementError(f"the archive has a file outside its folder: {name[:100]!r}")
        content = tars.content(file, member, room)
        room -= len(content)
        yield name, content
