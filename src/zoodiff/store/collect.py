"""Remove leftovers: temporary files of killed runs, and damaged files that were set aside."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from zoodiff.errors import StoreError
from zoodiff.store import graphs
from zoodiff.store.files import TEMPORARY, Files, StoredFile
from zoodiff.store.folder import Store
from zoodiff.store.leases import FOLDER
from zoodiff.store.records import Record

Why = Literal[
    "temporary",
    "set aside",
    "unfinished",
    "lease",
    "attachment without record",
    "graph without record",
    "named by no run",
]


@dataclass(frozen=True)
class Waste:
    """A file that can be removed, and why."""

    name: str
    bytes: int
    why: Why


def waste(
    store: Store, *, older: float, unnamed: bool = False, now: float | None = None
) -> list[Waste]:
    """Return the files of a store that no run needs and that are older than ``older`` seconds.

    ``unnamed`` adds the records that no manifest names: measurements that a later run replaced, and
    those of commands without a run. Raises StoreError if the store cannot be read.
    """
    moment = time.time() if now is None else now
    try:
        files = [
            file
            for file in store.files.walk()
            if file.name.partition("/")[0] in _OURS or file.name.startswith(".probe-")
        ]
    except OSError as error:
        raise StoreError(f"cannot read the results in {store.where} ({error})") from None
    old = [file for file in files if moment - file.changed > older]
    return sorted(
        (*_leftovers(store, files, old), *_orphans(store, old), *_unnamed(store, old, unnamed)),
        key=lambda leftover: leftover.name,
    )


_OURS = frozenset({"records", "runs", graphs.FOLDER, "set-aside", "unfinished", FOLDER})


def remove(store: Store, files: Iterable[Waste]) -> list[Waste]:
    """Remove leftovers and return the removed ones; leases that are held stay.

    Raises StoreError if the store cannot be written.
    """
    gone = []
    for leftover in files:
        try:
            if leftover.why == "lease" and not store.files.remote:
                lease = store.leases.take(
                    leftover.name.removeprefix(f"{FOLDER}/").removesuffix(".lock")
                )
                if lease is None:
                    continue
                lease.release()
            store.files.remove(leftover.name)
        except OSError as error:
            raise StoreError(
                f"cannot remove {leftover.name} from {store.where} ({error.strerror or error})"
            ) from None
        gone.append(leftover)
    return gone


def _leftovers(store: Store, files: list[StoredFile], old: list[StoredFile]) -> Iterator[Waste]:
    living = _living(store, files)
    for file in old:
        top, _, below = file.name.partition("/")
        last = file.name.rpartition("/")[2]
        if last.startswith(".") and last.endswith(TEMPORARY):
            yield Waste(file.name, file.bytes, "temporary")
        elif top == "set-aside":
            yield Waste(file.name, file.bytes, "set aside")
        elif top == FOLDER:
            yield Waste(file.name, file.bytes, "lease")
        elif top == "unfinished" and below.partition("/")[0] not in living:
            yield Waste(file.name, file.bytes, "unfinished")


def _living(store: Store, files: list[StoredFile]) -> set[str]:
    """Return the names of the passes over images whose lease is held."""
    in_progress = set()
    for file in files:
        if file.name.startswith(f"{FOLDER}/pass-"):
            name = file.name.removeprefix(f"{FOLDER}/").rpartition(".")[0]
            lease = store.leases.take(name)
            if lease is None:
                in_progress.add(name.removeprefix("pass-"))
            else:
                lease.release()
    return in_progress


def _orphans(store: Store, old: list[StoredFile]) -> Iterator[Waste]:
    """Yield attachments and graphs whose record was never written or was removed."""
    attachments = [
        file for file in old if file.name.startswith("records/") and file.name.endswith(".parquet")
    ]
    drawn = [file for file in old if graphs.NAME.fullmatch(file.name)]
    if not attachments and not drawn:
        return
    named = {name for record in store for name in _files_of(record)}
    for file in attachments:
        if file.name not in named:
            yield Waste(file.name, file.bytes, "attachment without record")
    for file in drawn:
        if file.name not in named:
            yield Waste(file.name, file.bytes, "graph without record")


def _files_of(record: Record) -> Iterator[str]:
    """Yield the files beside a record that it names."""
    if record.attachment is not None:
        yield f"records/{record.kind}/{record.attachment}"
    yield from map(graphs.file_name, record.graphs)


def _unnamed(store: Store, old: list[StoredFile], requested: bool) -> Iterator[Waste]:
    if not requested:
        return
    manifests = [store.read_manifest(study) for study in store.runs()]
    if any(manifest is None for manifest in manifests):
        raise StoreError(
            "a run's manifest cannot be read, so the records that no run names are unknown; "
            "see zoodiff store verify"
        )
    named = {name for manifest in manifests if manifest is not None for name in manifest.records}
    records = list(store)
    needed = {name for r in records if store.name_of(r) in named for name in _files_of(r)}
    # Graphs that no record names at all are waste anyway.
    replaced = {name for r in records for name in _files_of(r)} - needed
    for file in old:
        of_a_record = file.name.startswith("records/")
        if of_a_record and not file.name.rpartition("/")[2].startswith("."):
            name = file.name.removeprefix("records/")
            if name not in named and file.name not in needed:
                yield Waste(file.name, file.bytes, "named by no run")
        elif file.name in replaced:
            yield Waste(file.name, file.bytes, "named by no run")


def is_empty(files: Files) -> bool:
    """Whether the store holds no file."""
    return next(iter(files.walk()), None) is None
