"""Files at an address of fsspec, such as ``s3://bucket/models``, fetched into zoodiff's cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from zoodiff.data import places
from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.rules.security import climbs, refusal

_LARGEST = 64 * 2**30
"""The largest file that is fetched, in bytes."""
_PART = 1 << 22


@dataclass(frozen=True)
class BucketFile:
    """A file below an address; ``beside`` are files of weights that it needs in its folder."""

    address: str
    name: str
    cache: Path
    """The folder into which files are fetched."""
    beside: tuple[str, ...] = ()

    def path(self) -> Path:
        """Return the path of the fetched file; its version is asked for every time.

        Raises MeasurementError if the address does not answer, RefusedError for a climbing name.
        """
        for name in (self.name, *self.beside):
            if climbs(name):
                raise refusal("SEC110", f"{name!r} is outside {self.address}")
        wanted = f"{self.address.rstrip('/')}/{self.name}"
        try:
            folder = self._folder()
            for name in (self.name, *self.beside):
                self._fetch(name, folder)
        except FileNotFoundError:
            raise MeasurementError(f"there is no file {wanted}") from None
        except (OSError, ZoodiffError) as error:
            reason = " ".join(str(error).split())[:200]
            raise MeasurementError(f"cannot fetch {wanted} ({reason})") from None
        return folder / PurePosixPath(self.name).name

    def local(self) -> Path | None:
        """Return None: whether the fetched version is current, only the address knows."""
        return None

    def identity(self) -> list[Any]:
        """Return address, size and version; without an answer the address alone."""
        wanted = f"{self.address.rstrip('/')}/{self.name}"
        try:
            _, size, version = places.stat_of(places.place(wanted))
        except (OSError, ZoodiffError):
            return [wanted]
        return [wanted, size, str(version)]

    def _folder(self) -> Path:
        """Return the folder of this version of the file and of the files beside it."""
        root = self.address.rstrip("/")
        facts = [
            (name, *places.stat_of(places.place(f"{root}/{name}"))[1:])
            for name in (self.name, *self.beside)
        ]
        version = hashlib.sha256(repr((root, facts)).encode()).hexdigest()[:32]
        return self.cache / version

    def _fetch(self, name: str, folder: Path) -> None:
        target = folder / PurePosixPath(name).name
        if target.exists():
            return
        source = places.place(f"{self.address.rstrip('/')}/{name}")
        if places.size_of(source) > _LARGEST:
            raise MeasurementError(f"{source} has more than {_LARGEST:,} bytes")
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{secrets.token_hex(8)}")
        try:
            with places.opened(source) as stream, partial.open("xb") as file:
                shutil.copyfileobj(stream, file, _PART)
            os.replace(partial, target)  # noqa: PTH105 - atomic, also over an existing file
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def matching(address: str, pattern: str) -> list[str]:
    """Return the names below an address that a glob matches, sorted.

    Raises OSError or a ZoodiffError if the address does not answer.
    """
    if climbs(pattern):
        raise refusal("SEC110", f"{pattern!r} is outside {address}")
    place = places.place(address)
    root = str(place).rstrip("/") + "/"
    return sorted(str(file).removeprefix(root) for file in place.glob(pattern))
