"""The store on disk.

Layout below the results folder::

    records/<kind>/<key, 16 digits>-<digest, 16 digits>.json    immutable
    records/<kind>/<same stem>.parquet                          predictions, where there are any
    set-aside/                                                  what was damaged, never deleted
    runs/<study>/run.json                                       the manifest of a study's run

A file name holds the start of the record's key (what was asked) and of its digest (what was
found), so a finished measurement is looked up by listing, and damage shows by hashing.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from zoodiff.errors import StoreError
from zoodiff.store.manifest import Manifest
from zoodiff.store.records import SCHEMA, Record

_NAME = re.compile(r"(?P<key>[0-9a-f]{16})-(?P<digest>[0-9a-f]{16})\.json")
_DIGITS = 16


@dataclass
class Store:
    """A results folder. ``damaged`` collects one sentence for each record that was set aside."""

    root: Path
    damaged: list[str] = field(default_factory=list)

    @property
    def records_folder(self) -> Path:
        """The folder of the records."""
        return self.root / "records"

    def prepare(self) -> None:
        """Make the folder and prove that it can be written; raise StoreError otherwise."""
        probe = self.root / f".probe-{secrets.token_hex(4)}"
        with _clear_errors(self.root):
            self.records_folder.mkdir(parents=True, exist_ok=True)
            try:
                probe.write_bytes(b"zoodiff")
            finally:
                with contextlib.suppress(OSError):
                    probe.unlink()

    def put(self, record: Record, attachment: bytes | None = None) -> str:
        """Write a record (and its attachment first) and return its name below ``records``."""
        stem = f"{record.key[:_DIGITS]}-{record.digest[:_DIGITS]}"
        folder = self.records_folder / record.kind
        with _clear_errors(self.root):
            folder.mkdir(parents=True, exist_ok=True)
            if attachment is not None:
                # Named by the key alone inside the record, so it is there before the record is.
                write_atomically(folder / attachment_name(record.key), attachment)
            write_atomically(folder / f"{stem}.json", record.to_bytes())
        return f"{record.kind}/{stem}.json"

    def find(self, kind: str, key: str) -> Record | None:
        """The intact record that answers ``key``, the newest where there are several."""
        found = [
            record
            for path in sorted((self.records_folder / kind).glob(f"{key[:_DIGITS]}-*.json"))
            if (record := self._read(path)) is not None and record.key == key
        ]
        return max(found, key=lambda r: r.finished, default=None)

    def name_of(self, record: Record) -> str:
        """The record's name below ``records``."""
        return f"{record.kind}/{record.key[:_DIGITS]}-{record.digest[:_DIGITS]}.json"

    def get(self, name: str) -> Record | None:
        """The record of this name, or None where it is missing or damaged (see ``damaged``)."""
        return self._read(self.records_folder / name)

    def attachment(self, record: Record) -> Path:
        """Path of a record's attachment."""
        return self.records_folder / record.kind / attachment_name(record.key)

    def __iter__(self) -> Iterator[Record]:
        """All intact records, by kind and name."""
        for path in sorted(self.records_folder.glob("*/*.json")):
            record = self._read(path)
            if record is not None:
                yield record

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest of a study's run."""
        path = self.manifest_path(manifest.study)
        with _clear_errors(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, manifest.model_dump_json(indent=1).encode())

    def manifest_path(self, study: str) -> Path:
        """Where the manifest of a study's run lies."""
        return self.root / "runs" / study / "run.json"

    def read_manifest(self, study: str) -> Manifest | None:
        """The manifest of a study's run; None where there is none or it is damaged."""
        path = self.manifest_path(study)
        try:
            return Manifest.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"cannot read {path} ({error.strerror})") from None
        except ValidationError:
            self._set_aside(path, "it is not a run manifest of this version")
            return None

    def runs(self) -> list[str]:
        """Names of the studies that have a run here, the latest last."""
        paths = sorted((self.root / "runs").glob("*/run.json"), key=lambda p: p.stat().st_mtime)
        return [path.parent.name for path in paths]

    def _read(self, path: Path) -> Record | None:
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"cannot read {path} ({error.strerror})") from None
        try:
            record = Record.model_validate_json(raw)
        except (ValidationError, ValueError):
            self._set_aside(path, "it is not a record")
            return None
        if record.schema_version > SCHEMA:
            raise StoreError(
                f"{path} was written by a newer zoodiff (record format {record.schema_version}); "
                "upgrade zoodiff to read it"
            )
        match = _NAME.fullmatch(path.name)
        if match is None or not (
            record.digest.startswith(match["digest"]) and record.key.startswith(match["key"])
        ):
            self._set_aside(path, "its content does not match its hash")
            return None
        return record

    def _set_aside(self, path: Path, why: str) -> None:
        target = self.root / "set-aside" / path.name
        with _clear_errors(self.root):
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        self.damaged.append(
            f"{path.relative_to(self.root)} was set aside in {target.parent} because {why}; "
            "it is measured again"
        )


def attachment_name(key: str) -> str:
    """File name of the predictions that belong to the record with this key."""
    return f"{key[:_DIGITS]}.parquet"


def write_atomically(path: Path, content: bytes, *, flush: bool = True) -> None:
    """Write under a temporary name, flush to the disk, rename; a killed run leaves no half file.

    Without ``flush`` a machine that loses its power may, and the reader must check the content.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextlib.contextmanager
def _clear_errors(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write the results folder {root} ({error.strerror}); "
            "make room or permit writing there, or name another folder with --results"
        ) from None
