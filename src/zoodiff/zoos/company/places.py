"""The files of a company's zoo: in its folder, its bucket, or its repositories of the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from zoodiff.home import home
from zoodiff.zoos.stored import bucket, folder
from zoodiff.zoos.stored.entry import StoredFile
from zoodiff.zoos.stored.hub import HubFile, Repository, checked_name, weights_beside
from zoodiff.zoos.stored.revisions import cache

if TYPE_CHECKING:
    from zoodiff.zoos.company.definition import ReadDefinition


@dataclass(frozen=True)
class Named:
    """A file as an entry names it; ``revision`` and ``repository`` are those of the entry."""

    file: str
    data: tuple[str, ...] | None = None
    repository: str | None = None
    revision: str | None = None


class Place(Protocol):
    """Where the files of a zoo are."""

    @property
    def remote(self) -> bool:
        """Whether files must be fetched."""
        ...

    def file(self, named: Named) -> StoredFile:
        """Return a file; nothing is read."""
        ...

    def matching(self, pattern: Named) -> Sequence[str]:
        """Return the names that a pattern matches; raise OSError or ZoodiffError on failure."""
        ...


@dataclass(frozen=True)
class InFolder:
    """A folder of this machine."""

    path: Path
    remote: bool = False

    def file(self, named: Named) -> StoredFile:
        """Return a file of the folder."""
        return folder.FolderFile(self.path, named.file)

    def matching(self, pattern: Named) -> Sequence[str]:
        """Return the files that a pattern matches."""
        return folder.matching(self.path, pattern.file)


@dataclass(frozen=True)
class InBucket:
    """An address of fsspec."""

    address: str
    remote: bool = True

    def file(self, named: Named) -> StoredFile:
        """Return a file below the address."""
        cache = home() / "cache" / "buckets"
        return bucket.BucketFile(self.address, named.file, cache, named.data or ())

    def matching(self, pattern: Named) -> Sequence[str]:
        """Return the files that a pattern matches; asks the address."""
        return bucket.matching(self.address, pattern.file)


@dataclass(frozen=True)
class InHub:
    """An organisation or a repository of the Hub, with the commit for all entries."""

    owner: str
    """``owner`` or ``owner/model``."""
    revision: str | None
    remote: bool = True

    def file(self, named: Named) -> StoredFile:
        """Return a file of a repository."""
        return HubFile(self._repository(named), named.file, named.data)

    def matching(self, pattern: Named) -> Sequence[str]:
        """Return the files that a pattern matches; asks the hub once per commit."""
        files = self._repository(pattern).files()
        beside = {data for name in files for data in weights_beside(name, files)}
        return [name for name in files if fnmatchcase(name, pattern.file) and name not in beside]

    def _repository(self, named: Named) -> Repository:
        whole = "/" in self.owner
        name = self.owner if whole else f"{self.owner}/{named.repository}"
        return Repository(checked_name(name), str(named.revision or self.revision), cache())


def place(definition: ReadDefinition) -> Place:
    """Return the place that a definition names."""
    from zoodiff.zoos.company.definition import HUB, place_of

    where = place_of(definition)
    if isinstance(where, Path):
        return InFolder(where)
    if where.startswith(HUB):
        return InHub(where.removeprefix(HUB), definition.definition.revision)
    return InBucket(where)
