"""Remove leftovers: temporary files of killed runs, and damaged files that were set aside."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from zoodiff.errors import StoreError
from zoodiff.store.files import TEMPORARY, Files, Found
from zoodiff.store.folder import Store
from zoodiff.store.leases import FOLDER

Why = Literal[
    "temporary",
    "set aside",
    "unfinished",
    "lease",
    "attachment without record",
    "named by no run",
]


@dataclass(frozen=True)
class Waste:
    """A file that can go, and why."""

    name: str
    bytes: int
    why: Why


def waste(
    store: Store, *, older: float, unnamed: bool = False, now: float | None = None
) -> list[Waste]:
    """Files of a store that no run needs and that are older than ``older`` seconds.

    With ``unnamed`` also records that no run's manifest names: measurements that a later run
    replaced, and those of commands that make no run. Raises StoreError where it cannot be read.
    """
    moment = time.time() if now is None else now
    try:
        found = [
            one
            for one in store.files.walk()
            if one.name.partition("/")[0] in _OURS or one.name.startswith(".probe-")
        ]
    except OSError as error:
        raise StoreError(f"cannot read the results in {store.where} ({error})") from None
    old = [one for one in found if moment - one.changed > older]
    return sorted(
        (*_rests(store, found, old), *_orphans(store, old), *_unnamed(store, old, unnamed)),
        key=lambda one: one.name,
    )


_OURS = frozenset({"records", "runs", "set-aside", "unfinished", FOLDER})


def remove(store: Store, files: Iterable[Waste]) -> list[Waste]:
    """Remove leftovers and return them; leases that are held stay.

    Raises StoreError where the store cannot be written.
    """
    gone = []
    for one in files:
        try:
            if one.why == "lease" and not store.files.remote:
                lease = store.leases.take(one.name.removeprefix(f"{FOLDER}/").removesuffix(".lock"))
                if lease is None:
                    continue
                lease.release()
            store.files.remove(one.name)
        except OSError as error:
            raise StoreError(
                f"cannot remove {one.name} from {store.where} ({error.strerror or error})"
            ) from None
        gone.append(one)
    return gone


def _rests(store: Store, found: list[Found], old: list[Found]) -> Iterator[Waste]:
    living = _living(store, found)
    for one in old:
        top, _, rest = one.name.partition("/")
        last = one.name.rpartition("/")[2]
        if last.startswith(".") and last.endswith(TEMPORARY):
            yield Waste(one.name, one.bytes, "temporary")
        elif top == "set-aside":
            yield Waste(one.name, one.bytes, "set aside")
        elif top == FOLDER:
            yield Waste(one.name, one.bytes, "lease")
        elif top == "unfinished" and rest.partition("/")[0] not in living:
            yield Waste(one.name, one.bytes, "unfinished")


def _living(store: Store, found: list[Found]) -> set[str]:
    """Return the passes over images whose lease is held."""
    held = set()
    for one in found:
        if one.name.startswith(f"{FOLDER}/pass-"):
            name = one.name.removeprefix(f"{FOLDER}/").rpartition(".")[0]
            lease = store.leases.take(name)
            if lease is None:
                held.add(name.removeprefix("pass-"))
            else:
                lease.release()
    return held


def _orphans(store: Store, old: list[Found]) -> Iterator[Waste]:
    """Attachments whose record was never written, or went."""
    files = [one for one in old if one.name.startswith("records/")]
    attachments = [one for one in files if one.name.endswith(".parquet")]
    if not attachments:
        return
    named = {f"records/{r.kind}/{r.attachment}" for r in store if r.attachment is not None}
    for one in attachments:
        if one.name not in named:
            yield Waste(one.name, one.bytes, "attachment without record")


def _unnamed(store: Store, old: list[Found], wanted: bool) -> Iterator[Waste]:
    if not wanted:
        return
    manifests = [store.read_manifest(study) for study in store.runs()]
    if any(manifest is None for manifest in manifests):
        raise StoreError(
            "a run's manifest cannot be read, so what no run names is not known; "
            "see zoodiff store verify"
        )
    named = {name for one in manifests if one is not None for name in one.records}
    kept = {
        f"records/{r.kind}/{r.attachment}"
        for r in store
        if r.attachment is not None and store.name_of(r) in named
    }
    for one in old:
        if one.name.startswith("records/") and not one.name.rpartition("/")[2].startswith("."):
            name = one.name.removeprefix("records/")
            if name not in named and one.name not in kept:
                yield Waste(one.name, one.bytes, "named by no run")


def is_empty(files: Files) -> bool:
    """Whether there is no store here."""
    return next(iter(files.walk()), None) is None
