"""Verify every file of a store and report damaged ones. Changes nothing."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from zoodiff.errors import StoreError
from zoodiff.store import graphs
from zoodiff.store.files import LARGEST_TEXT, Files
from zoodiff.store.manifest import Manifest, read_manifest
from zoodiff.store.records import OtherFormatError, Record, read_record
from zoodiff.store.self_hashed import DamagedError

Fault = Literal["damaged", "missing", "unreadable"]


@dataclass(frozen=True)
class Problem:
    """A damaged, missing or unreadable file of a store."""

    name: str
    """The file, below the store."""
    fault: Fault
    """``damaged`` (cut off, edited, swapped), ``missing``, or ``unreadable`` (an error of the disk,
    or another format)."""
    why: str


@dataclass(frozen=True)
class Verified:
    """The numbers of verified files, and the problems."""

    records: int
    attachments: int
    runs: int
    problems: tuple[Problem, ...]
    graphs: int = 0


def verify(files: Files) -> Verified:
    """Read and hash every record, attachment, graph and manifest of a store.

    Raises StoreError if the store cannot be listed.
    """
    try:
        names = sorted(file.name for file in files.walk())
    except OSError as error:
        raise StoreError(f"cannot read the results in {files.where} ({error})") from None
    problems: list[Problem] = []
    existing = set(names)
    paths = [n for n in names if n.startswith("records/") and n.endswith(".json") and _plain(n)]
    attachments: set[str] = set()
    users: dict[str, str] = {}
    for name in paths:
        record = _record(files, name, problems)
        if record is None:
            continue
        users |= {graphs.file_name(digest): record.entry for digest in record.graphs}
        if record.attachment is None:
            continue
        attachment = f"{name.rpartition('/')[0]}/{record.attachment}"
        attachments.add(attachment)
        _check_attachment(files, record, attachment, existing, problems)
    problems += [
        problem
        for name in sorted({*users, *filter(graphs.NAME.fullmatch, names)})
        if (problem := _graph_problem(files, name, users.get(name))) is not None
    ]
    runs = [n for n in names if n.startswith("runs/") and n.endswith("/run.json")]
    for name in runs:
        manifest = _manifest(files, name, problems)
        for record_name in manifest.records if manifest is not None else ():
            if f"records/{record_name}" not in existing:
                why = f"the run {manifest.study} names it" if manifest else ""
                problems.append(Problem(f"records/{record_name}", "missing", why))
    unique = dict.fromkeys(problems)
    return Verified(len(paths), len(attachments), len(runs), tuple(unique), len(users))


def _plain(name: str) -> bool:
    return not name.rpartition("/")[2].startswith(".")


def _record(files: Files, name: str, problems: list[Problem]) -> Record | None:
    folder, _, last = name.rpartition("/")
    try:
        record = read_record(files.read(name, LARGEST_TEXT), last)
        if f"records/{record.kind}" != folder:
            raise DamagedError(f"it is a record of {record.kind}")
        return record
    except DamagedError as error:
        problems.append(Problem(name, "damaged", str(error)))
    except OtherFormatError as error:
        problems.append(Problem(name, "unreadable", str(error)))
    except FileNotFoundError:
        problems.append(Problem(name, "missing", "it was removed during the check"))
    except (OSError, StoreError) as error:
        problems.append(Problem(name, "unreadable", str(error)))
    return None


def _check_attachment(
    files: Files, record: Record, name: str, existing: set[str], problems: list[Problem]
) -> None:
    if name not in existing:
        why = f"the record of {record.entry} names it"
        problems.append(Problem(name, "missing", why))
        return
    try:
        content = files.read(name)
    except OSError as error:
        problems.append(Problem(name, "unreadable", str(error)))
        return
    if hashlib.sha256(content).hexdigest() != record.attachment_sha256:
        why = f"its content does not match the hash in the record of {record.entry}"
        problems.append(Problem(name, "damaged", why))


def _graph_problem(files: Files, name: str, user: str | None) -> Problem | None:
    """Return what is wrong with a graph, which a record of the entry ``user`` names, or none."""
    match = graphs.NAME.fullmatch(name)
    assert match is not None
    try:
        content = files.read(name, graphs.LARGEST)
    except FileNotFoundError:
        return Problem(name, "missing", f"a record of {user} names it")
    except OSError as error:
        return Problem(name, "unreadable", str(error))
    if graphs.digest_of(content) != match["digest"]:
        return Problem(name, "damaged", "its content does not match its name")
    return None


def _manifest(files: Files, name: str, problems: list[Problem]) -> Manifest | None:
    try:
        manifest = read_manifest(files.read(name, LARGEST_TEXT))
        if name.split("/")[-2] != manifest.study:
            raise DamagedError(f"it is the manifest of {manifest.study}")
        return manifest
    except DamagedError as error:
        problems.append(Problem(name, "damaged", str(error)))
    except ValidationError:
        problems.append(Problem(name, "unreadable", "it is not a run manifest of this version"))
    except OSError as error:
        problems.append(Problem(name, "unreadable", str(error)))
    return None
