"""Repositories of the hub and folders as entries: ``hf:owner/name@revision``, ``hf:./folder``.

The files of a repository are fetched here, in the command's process, by the hub's own client; what
is in them is read as text of bounded size. Networks are built from them in confined workers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoodiff.bounded import files
from zoodiff.entry import RANDOM, ModelRef, did_you_mean
from zoodiff.errors import UnknownNameError, UnreadableFileError, UsageError
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.base import Model, Weights, Zoo
from zoodiff.zoos.folder_entry import FolderEntry
from zoodiff.zoos.hf import config as network_config
from zoodiff.zoos.hf import image_processor, snapshots
from zoodiff.zoos.hf.architectures import architectures, known
from zoodiff.zoos.hf.known_checkpoints import checkpoints

WEIGHTS = "model.safetensors"
PICKLE = "pytorch_model.bin"
"""Weights that are read where a folder has no others and the user allows them; tensors only."""
OWN = "file"
"""Name of a folder's own weights."""


@dataclass(frozen=True)
class HubEntry(FolderEntry):
    """A repository at a commit, or a folder; the model's name is the folder's absolute path."""

    @property
    def ref(self) -> ModelRef:
        """``hf:owner/name@commit``; a folder's own weights have no name."""
        name = self.weights_name
        return ModelRef(self.zoo.name, self.named, None if name == OWN else name)

    @property
    def address(self) -> str:
        """The reference that names the entry from any folder."""
        if snapshots.is_repository(self.named):
            return str(self.ref)
        name = ModelRef(self.zoo.name, self.model.name, RANDOM if self.weights is None else None)
        return str(name)

    @property
    def stamp(self) -> tuple[int, int]:
        """The size and the newest time of the files, which distinguish versions of a folder."""
        size = newest = 0
        for name in (network_config.FILE, image_processor.FILE, WEIGHTS):
            try:
                facts = (Path(self.model.name) / name).stat()
            except OSError:
                continue
            size, newest = size + facts.st_size, max(newest, facts.st_mtime_ns)
        return size, newest


def entry_of(zoo: Zoo, reference: ModelRef) -> HubEntry | None:
    """Return the entry of a repository or a folder; None for what the catalogue alone answers.

    A known checkpoint without files in the cache is described by the catalogue. Raises
    UnknownNameError, WeightsUnavailableError, or what reading the configuration raises.
    """
    name, revision = reference.model, reference.weights
    if name.startswith(("./", "../", "/", "~")) or name in (".", ".."):
        return _of_folder(zoo, name, revision)
    if not snapshots.is_repository(name):
        _refuse_left_out(name)
        return None
    wanted = snapshots.MAIN if revision in (None, RANDOM) else str(revision)
    if not snapshots.is_revision(wanted):
        raise UsageError(f'"{wanted}" is no revision of {name}; name a commit, a branch or a tag')
    if name in checkpoints() and revision in (None, RANDOM, snapshots.MAIN):
        snapshot = snapshots.cached(name, snapshots.MAIN)
        if revision == RANDOM or not snapshots.has(snapshot, (network_config.FILE, WEIGHTS)):
            return None
        assert snapshot is not None
        wanted = snapshot.commit  # as it was fetched; a branch that is named is asked for
    return _of_snapshot(zoo, name, wanted, random=revision == RANDOM)


def _refuse_left_out(name: str) -> None:
    reason = known().left_out.get(name)
    if reason is not None:
        raise UnknownNameError(f"hf:{name} is no entry: {reason}")


def _of_folder(zoo: Zoo, name: str, weights: str | None) -> HubEntry:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise UnknownNameError(f"there is no folder {name}; a repository is named hf:owner/name")
    if weights not in (None, RANDOM, OWN):
        raise UsageError(f"the folder {name} has no revisions; leave @{weights} out")
    random = weights == RANDOM
    return _entry(zoo, folder.resolve(), name, OWN, random=random, note="a folder")


def _of_snapshot(zoo: Zoo, name: str, revision: str, *, random: bool) -> HubEntry:
    needed = [network_config.FILE] if random else [network_config.FILE, WEIGHTS]
    snapshot = snapshots.find(name, revision, needed, (image_processor.FILE,))
    note = f"{snapshots.url(name)} at {snapshot.commit}"
    if snapshot.moved_from is not None:
        note = (
            f"{revision} of {name} moved from {snapshot.moved_from[:12]} to "
            f"{snapshot.commit[:12]}; name hf:{name}@{snapshot.moved_from} for the earlier one"
        )
    return _entry(zoo, snapshot.folder, name, snapshot.commit, random=random, note=note)


def _entry(
    zoo: Zoo, folder: Path, named: str, weights: str, *, random: bool, note: str
) -> HubEntry:
    config = read_config(folder)
    spec = read_preprocessing(folder, config)
    default = spec.input_size or config.architecture.input_shape[1:]
    own = Weights(weights, default=True)
    checkpoint = checkpoints().get(named)
    model = Model(
        name=str(folder),
        architecture=checkpoint.name if checkpoint else _plain(named, folder),
        weights=(own,),
        preprocessing=spec,
        labels=config.labels,
        input_shape=(3, *network_config.image_size(config.values, default)),
        note=note,
    )
    return HubEntry(zoo, model, None if random else own, foreign=True, named=named)


def _plain(named: str, folder: Path) -> str:
    return (named if snapshots.is_repository(named) else folder.name).rpartition("/")[2].lower()


def read_config(folder: Path) -> network_config.NetworkConfig:
    """Return what the ``config.json`` of a folder says."""
    path = folder / network_config.FILE
    return network_config.read(_read(path, network_config.LARGEST), str(path))


def read_preprocessing(
    folder: Path,
    config: network_config.NetworkConfig,
    backend: image_processor.Backend = "torchvision",
) -> Preprocessing:
    """Return the preprocessing of a folder; without a file, the defaults of the model type."""
    model_type = config.architecture.model_type
    return image_processor.specification(
        read_processor(folder), model_type=model_type, backend=backend, where=image_processor.FILE
    )


def read_processor(folder: Path) -> Mapping[str, Any]:
    """Return the object in a folder's ``preprocessor_config.json``; empty without one."""
    path = folder / image_processor.FILE
    if not path.exists():
        return {}
    return _read(path, image_processor.LARGEST)


def _read(path: Path, largest: int) -> Mapping[str, Any]:
    try:
        with files.open_regular(path) as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise UnreadableFileError(f"cannot read {path} ({error.strerror or error})") from None
    if len(data) > largest:
        raise UnreadableFileError(f"{path} has more than {largest:,} bytes, which are read at most")
    return image_processor.parse(data, str(path))


def suggestion(name: str) -> str:
    """Return entries that resemble a mistyped name, to append to an error message."""
    return did_you_mean(name, [*architectures(), *checkpoints()])
