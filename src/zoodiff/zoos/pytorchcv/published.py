"""Fetch the published weights of pytorchcv, and check them against the package's checksums.

The package's own loader unpickles whatever its files hold, so it is not used. Files lie where it
keeps them, in ``~/.torch/models``, so that those it has fetched are not fetched again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import urllib.request
import zipfile
import zlib
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import IO

from zoodiff.bounded.files import open_regular
from zoodiff.errors import WeightsUnavailableError
from zoodiff.zoos.pytorchcv.catalogue import Published
from zoodiff.zoos.scan import archive

SILENT_SECONDS = 10.0
"""Time without data after which a download counts as failed."""
MOST_BYTES = 1 << 30
"""Most bytes of an archive and of the file in it; the largest networks take 0.6 GB."""
_CHUNK = 1 << 20
_BROKEN = (HTTPException, EOFError, zipfile.BadZipFile, zlib.error)
"""What an interrupted answer and a damaged archive raise, besides OSError and RuntimeError."""


def fetch(known: Published) -> Path:
    """Return the file with the published weights of a model, fetched where it is not there yet.

    Raises WeightsUnavailableError where it cannot be had, or is not the file that the package
    publishes; RefusedError for an archive whose directory exceeds the limits.
    """
    assert known.file is not None and known.sha1 is not None
    folder = Path("~/.torch/models").expanduser()
    path = folder / known.file
    if path.is_file():
        if _sha1_of(path) != known.sha1:
            raise WeightsUnavailableError(
                f"{path} is not the file that pytorchcv publishes: its sha1 is not {known.sha1}; "
                "delete it and try again"
            )
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _temporary(folder) as packed, _temporary(folder) as unpacked:
            _download(known.url, packed)
            digest = _unpack(packed, known.file, unpacked)
            if digest != known.sha1:
                raise ValueError(f"its file has the sha1 {digest}, published is {known.sha1}")
            unpacked.replace(path)
    except (OSError, RuntimeError, ValueError, *_BROKEN) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsUnavailableError(
            f"the weights of pytorchcv:{known.name} cannot be had from {known.url} ({reason}); "
            "use @random, or try again with a network"
        ) from None
    return path


def _download(url: str, target: Path) -> None:
    """Write what an address sends to a file; raise ValueError above ``MOST_BYTES``."""
    with urllib.request.urlopen(url, timeout=SILENT_SECONDS) as answer, target.open("wb") as file:
        _copy(answer, file)


def _unpack(packed: Path, name: str, target: Path) -> str:
    """Write the only file of an archive to another file, and return its sha1.

    Raises ValueError for an archive with other members. The file in it is not looked at here: what
    is loaded is scanned as any other checkpoint.
    """
    if archive.names(packed) != [name]:
        raise ValueError(f"the archive does not hold {name} alone")
    with (
        zipfile.ZipFile(packed) as opened,
        opened.open(name) as source,
        target.open("wb") as file,
    ):
        return _copy(source, file)


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy up to ``MOST_BYTES`` and return their sha1; raise ValueError for more."""
    digest = hashlib.sha1(usedforsecurity=False)
    size = 0
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES:,} bytes")
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def _sha1_of(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()


@contextlib.contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """Yield a path of a new file in a folder; what is there afterwards is removed."""
    path = folder / f".{os.getpid()}-{secrets.token_hex(8)}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
