"""Export a store, or some of its runs, as one file, and import such a file.

A bundle is a TAR archive. Its first member, ``bundle.json``, lists the other members with length
and sha256, in their order. Records, attachments and manifests are also checked by their own hashes.
If any check fails, nothing is imported.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from zoodiff import tars
from zoodiff.bounded import json as bounded
from zoodiff.bounded.files import open_regular, size_of
from zoodiff.errors import StoreError, UsageError
from zoodiff.store import graphs
from zoodiff.store.files import LARGEST_FILE, LARGEST_TEXT, Files
from zoodiff.store.folder import Store, manifest_name
from zoodiff.store.manifest import read_manifest
from zoodiff.store.records import OtherFormatError, read_record
from zoodiff.store.self_hashed import DamagedError

CONTENTS = "bundle.json"
FORMAT = 2
"""Format 1 has no graphs; a bundle without any is of that format, which older versions read."""
_LONGEST = 16 * 2**20
"""Bytes of the table of contents: 70,000 files."""
_SHOWN = 100
"""Runs listed in the error about an unknown run."""
_NAME = re.compile(
    r"records/(architecture|difference|latency|accuracy|explanation|names|recipes)"
    r"/[0-9a-f]{16}-[0-9a-f]{16}\.json"
    r"|records/accuracy/[0-9a-f]{16}(-[0-9a-f]{16})?\.parquet"
    r"|graphs/[0-9a-f]{64}\.json\.gz"
    r"|runs/[A-Za-z0-9][A-Za-z0-9_.-]{0,200}/run\.json"
)


class Member(BaseModel):
    """A file of a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    name: str
    bytes: int = Field(ge=0, le=LARGEST_FILE)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Contents(BaseModel):
    """The first member of a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: int
    files: list[Member]


@dataclass(frozen=True)
class Exported:
    """The files of a bundle."""

    records: int
    attachments: int
    runs: int
    bytes: int
    graphs: int = 0


@dataclass(frozen=True)
class Imported:
    """The result of an import: added and existing files."""

    new: tuple[str, ...]
    known: tuple[str, ...]
    """Files that the store had already with the same bytes."""
    kept: tuple[str, ...]
    """Runs that differ from the store's run of the same name; the store's run was kept."""


def write_bundle(store: Store, target: Path, runs: Collection[str] | None = None) -> Exported:
    """Write the intact records, attachments and manifests of a store, or of some runs, as a bundle.

    The same store gives the same bytes. Raises UsageError for an unknown run; StoreError for a run
    with missing or damaged records, or if the file cannot be written.
    """
    names = _chosen(store, runs)
    members = []
    for name in names:
        content = store.files.read(name)
        digest = hashlib.sha256(content).hexdigest()
        members.append(Member(name=name, bytes=len(content), sha256=digest))
    format_ = FORMAT if any(map(graphs.NAME.fullmatch, names)) else 1
    contents = Contents(format=format_, files=members).model_dump_json(indent=1).encode()
    if len(contents) > _LONGEST:
        raise StoreError(f"{len(names):,} files are too many for one bundle; export run by run")
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        with tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as archive:
            _add(archive, CONTENTS, contents)
            for member in members:
                content = store.files.read(member.name)
                if hashlib.sha256(content).hexdigest() != member.sha256:
                    raise StoreError(f"{member.name} changed while it was exported; try again")
                _add(archive, member.name, content)
        temporary.replace(target)
    except OSError as error:
        raise StoreError(
            f"cannot write {target} ({error.strerror or error}); make room, or name another file"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    kinds = [name.partition("/")[0] + name[name.rindex(".") :] for name in names]
    return Exported(
        kinds.count("records.json"),
        kinds.count("records.parquet"),
        kinds.count("runs.json"),
        target.stat().st_size,
        kinds.count("graphs.gz"),
    )


def read_bundle(store: Store, source: Path) -> Imported:
    """Import a bundle: verify all of it, then write the files that the store lacks.

    Raises StoreError, before anything is written, if the bundle cannot be read, fails a check, or
    holds a file that differs from the store's file of the same name.
    """
    new: list[str] = []
    known: list[str] = []
    kept: list[str] = []
    try:
        for name, content in _members(source, check=True):
            have = _have(store.files, name)
            if have is None:
                new.append(name)
            elif have == content:
                known.append(name)
            elif name.startswith("runs/"):
                kept.append(name.split("/")[1])
            else:
                raise StoreError(
                    f"{name} in {source} differs from the store's file of this name; one "
                    "of them is damaged: see zoodiff store verify. Nothing was imported"
                )
        new_names = set(new)
        store.prepare()
        for name, content in _members(source, check=False):
            if name in new_names:
                store.files.write(name, content)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise StoreError(f"cannot import {source} ({' '.join(str(error).split())[:200]})") from None
    return Imported(tuple(new), tuple(known), tuple(kept))


def _chosen(store: Store, runs: Collection[str] | None) -> list[str]:
    existing = store.runs()
    for run in runs or ():
        if run not in existing:
            raise UsageError(
                f'there is no run "{run}"; there are {", ".join(existing[-_SHOWN:]) or "none"}'
            )
    chosen = existing if runs is None else list(dict.fromkeys(runs))
    required: set[str] = set()
    for run in chosen:
        manifest = store.read_manifest(run)
        if manifest is None:
            raise StoreError(f"the manifest of the run {run} is damaged; run the study again")
        required |= set(manifest.records)
    names: list[str] = []
    present = set()
    for record in store:
        name = store.name_of(record)
        if (runs is not None and name not in required) or not store.intact(record):
            continue
        present.add(name)
        names.append(f"records/{name}")
        if record.attachment is not None:
            names.append(f"records/{record.kind}/{record.attachment}")
        names += map(graphs.file_name, record.graphs)
    lost = required - present
    if lost:
        raise StoreError(
            f"{len(lost)} records of these runs are missing or damaged, the first {min(lost)}; "
            "run the study again to measure them"
        )
    return sorted({*names, *(manifest_name(run) for run in chosen)}, key=_order)


def _order(name: str) -> tuple[int, str]:
    """Return a sort key that puts each file after the files that it names.

    An interrupted import then leaves no record without its attachment and no run without records.
    """
    if name.startswith("runs/"):
        return 2, name
    return int(name.endswith(".json")), name


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    facts = tarfile.TarInfo(name)
    facts.size, facts.mode, facts.mtime = len(content), 0o644, 0
    archive.addfile(facts, io.BytesIO(content))


def _members(source: Path, *, check: bool) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents in order, each verified against the table of contents.

    Raises StoreError for unexpected members: other names, links, devices, surplus members.
    """
    with open_regular(source) as file:
        archive = tars.members(file, size_of(file))
        head = next(archive, None)
        if head is None or head.name != CONTENTS or not head.isreg() or head.size > _LONGEST:
            raise StoreError(
                f"{source} is not a bundle of results; make one with zoodiff store export"
            )
        contents = _contents(source, tars.content(file, head, _LONGEST))
        hashes: dict[str, str] = {}
        last = (-1, "")
        for listed in contents.files:
            member = next(archive, None)
            if not _NAME.fullmatch(listed.name) or listed.name in hashes:
                raise StoreError(f"{source} lists {listed.name[:200]!r}, which no store holds")
            if _order(listed.name) < last:
                raise StoreError(f"{source} is not in order: {listed.name} comes too late")
            last = _order(listed.name)
            if member is None or member.name != listed.name or not member.isreg():
                raise StoreError(f"{source} is not whole: {listed.name} is missing or out of place")
            if member.size != listed.bytes:
                raise StoreError(f"{listed.name} in {source} is not as long as the bundle says")
            content = tars.content(file, member, _longest(listed.name))
            if hashlib.sha256(content).hexdigest() != listed.sha256:
                raise StoreError(f"{listed.name} in {source} is damaged: its hash differs")
            if check:
                _check(source, listed.name, content, hashes)
            hashes[listed.name] = listed.sha256
            yield listed.name, content
        if next(archive, None) is not None:
            raise StoreError(f"{source} holds members that its table of contents lacks")


def _longest(name: str) -> int:
    if graphs.NAME.fullmatch(name):
        return graphs.LARGEST
    return LARGEST_TEXT if name.endswith(".json") else LARGEST_FILE


def _check(source: Path, name: str, content: bytes, before: dict[str, str]) -> None:
    """Raise StoreError for an invalid record or manifest, or a graph of another name."""
    folder, _, last = name.rpartition("/")
    try:
        if name.startswith("runs/"):
            if read_manifest(content).study != name.split("/")[1]:
                raise DamagedError("it belongs to another study")
        elif name.endswith(".json"):
            record = read_record(content, last)
            attached = before.get(f"{folder}/{record.attachment}")
            if folder != f"records/{record.kind}" or attached != record.attachment_sha256:
                raise DamagedError("its predictions are not beside it")
            if any(graphs.file_name(digest) not in before for digest in record.graphs):
                raise DamagedError("the graphs that it names are not beside it")
        elif folder == graphs.FOLDER and graphs.file_name(graphs.digest_of(content)) != name:
            raise DamagedError("its content does not match its name")
    except (DamagedError, OtherFormatError, ValidationError) as error:
        why = str(error) if isinstance(error, StoreError) else "it is of another format"
        raise StoreError(
            f"{name} in {source} cannot be taken: {why}. Nothing was imported"
        ) from None


def _have(files: Files, name: str) -> bytes | None:
    try:
        return files.read(name)
    except FileNotFoundError:
        return None


def _contents(source: Path, raw: bytes) -> Contents:
    try:
        contents = Contents.model_validate(bounded.parse(raw))
    except (ValueError, ValidationError):
        raise StoreError(f"{source} has no readable table of contents") from None
    if contents.format > FORMAT:
        raise StoreError(f"{source} was written by a newer zoodiff; upgrade zoodiff to read it")
    return contents
