"""Entries whose network is described by the files of a folder, named by the user or fetched."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

from zoodiff.entry import ModelRef
from zoodiff.zoos.base import Entry


@dataclass(frozen=True)
class FolderEntry(Entry):
    """An entry of a folder or a repository; the model's name begins with the folder's path."""

    named: str = ""
    """The repository, or the path as the user wrote it."""

    @property
    def address(self) -> str:
        """The reference that names the entry from any folder."""
        return str(ModelRef(self.zoo.name, self.model.name))

    @property
    @abstractmethod
    def stamp(self) -> tuple[Any, ...]:
        """Values that distinguish versions of the folder."""
