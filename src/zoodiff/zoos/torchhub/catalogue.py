"""The catalogue side of ``torchhub``: repositories of GitHub, and folders with a ``hubconf.py``.

References are ``torchhub:owner/repo/ENTRY@revision`` and ``torchhub:./folder/ENTRY``, where ENTRY
is a function of ``hubconf.py``. The revision may be left out (the default branch). An entry's own
reference names the commit. Nothing of the code runs here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from zoodiff import filenames
from zoodiff.data.labels import UNKNOWN
from zoodiff.entry import RANDOM, ModelRef
from zoodiff.errors import MeasurementError, UnknownNameError, UsageError
from zoodiff.zoos.base import Entry, Model, WorkerSpec, Zoo
from zoodiff.zoos.folder_entry import FolderEntry
from zoodiff.zoos.scan.python_code import HUBCONF, code_digest
from zoodiff.zoos.torchhub import repositories

_PATHS = (".", "/", "~")
"""How the path of a folder begins; anything else is a repository."""
_ENTRY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,199}")

_WORKER = WorkerSpec(
    name="torchhub",
    backend="zoodiff.zoos.torchhub.backend:TorchHubBackend",
    confined=True,
    distributions=("torch", "torchvision"),
    extra="torch",
)


@dataclass(frozen=True)
class TorchHubEntry(FolderEntry):
    """A function of a ``hubconf.py``; the model's name is the folder's path and the function's."""

    commit: str | None = None
    """The commit of a repository; None for a folder."""

    @property
    def ref(self) -> ModelRef:
        """``torchhub:owner/repo/ENTRY@commit``; of a folder without a commit."""
        return ModelRef(self.zoo.name, self.named, self.commit)

    @property
    def address(self) -> str:
        """The reference that names the entry from any folder."""
        return super().address if self.commit is None else str(self.ref)

    @property
    def stamp(self) -> tuple[Any, ...]:
        """The SHA-256 of the code; raises MeasurementError if it cannot be read."""
        folder = Path(self.model.name).parent
        try:
            return (code_digest(folder),)
        except OSError as error:
            raise MeasurementError(
                f"cannot read the code of {folder} ({error.strerror or error})"
            ) from None


@dataclass(frozen=True)
class TorchHubZoo:
    """Networks that a ``hubconf.py`` builds; none are listed."""

    name: str = "torchhub"
    title: str = "PyTorch Hub (hubconf.py)"
    worker: WorkerSpec = _WORKER
    listed: bool = False

    def models(self) -> Sequence[Model]:
        """Return no models: repositories are named, not listed."""
        return ()

    def unlisted(self, reference: ModelRef) -> Entry:
        """Return the entry of a repository or folder, without running its code.

        Raises UsageError or UnknownNameError for a reference of another form, MeasurementError
        if the code of a repository cannot be fetched.
        """
        place, _, function = reference.model.rpartition("/")
        local = reference.model.startswith(_PATHS)
        if not _ENTRY.fullmatch(function) or not place:
            example = "./folder/resnet18" if local else "owner/repo/resnet18"
            raise UsageError(
                f'"{reference.model}" names no function of a {HUBCONF}; write for example '
                f"{self.name}:{example}"
            )
        if local:
            folder, commit = _folder(place, reference.weights), None
            note = f"built by {HUBCONF} of a folder"
        else:
            revision = None if reference.weights == RANDOM else reference.weights
            folder, commit = repositories.find(place, revision, str(reference))
            note = f"built by {HUBCONF} of {repositories.url(place)} at {commit}"
        if not filenames.is_file(folder / HUBCONF):
            where = folder if commit is None else f"{repositories.url(place)} at {commit}"
            raise UnknownNameError(
                f"{where} has no {HUBCONF}, so torch.hub finds no networks in it"
            )
        model = Model(
            name=f"{folder}/{function}",
            architecture=function.lower(),
            labels=UNKNOWN,
            note=f"{note}; without weights",
        )
        return TorchHubEntry(
            cast(Zoo, self), model, None, foreign=True, named=reference.model, commit=commit
        )


def _folder(path: str, weights: str | None) -> Path:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UnknownNameError(
            f"there is no folder {path}; a repository is named torchhub:owner/repo/ENTRY"
        )
    if weights not in (None, RANDOM):
        raise UsageError(f"the folder {path} has no revisions; leave @{weights} out")
    return folder.resolve()


ZOO = TorchHubZoo()
