"""The store.

Layout below the results folder, or below an address (see ``files.py``)::

    records/<kind>/<key, 16 digits>-<digest, 16 digits>.json      immutable
    records/<kind>/<key>-<hash of content, 16 digits>.parquet     predictions, where there are any
    graphs/<hash of content>.json.gz                              graphs that records name
    set-aside/                                                    damaged files, never deleted
    unfinished/                                                   parts of passes over images
    leases/                                                       which run works on which task
    runs/<study>/run.json                                         the manifest of a study's run

A file name holds the start of the record's key (what was requested) and of its digest (the
content), so a finished measurement is found by listing, and damage is detected by hashing. Two
files of one name have the same content, so any number of runs may write at the same time.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from zoodiff.activity import note
from zoodiff.errors import StoreError
from zoodiff.graph.ir import Graph
from zoodiff.store import graphs
from zoodiff.store.files import LARGEST_TEXT, Files, LocalFiles
from zoodiff.store.leases import Leases, leases_of
from zoodiff.store.manifest import Manifest, read_manifest
from zoodiff.store.open import open_files
from zoodiff.store.records import OtherFormatError, Record, read_record
from zoodiff.store.self_hashed import DamagedError

_DIGITS = 16
_MOST_RECORDS = 20_000
_LARGEST_RUN = 32 << 20
"""Bytes of a run's records. Measuring every known network makes 6,000 records of 3,000 bytes."""
_KIND = re.compile(r"[a-z]+")


class Store:
    """Results in a folder or at an address.

    ``damaged`` collects one sentence per record that was set aside.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = root
        self.files: Files = open_files(root)
        self.leases: Leases = leases_of(self.files)
        self.damaged: list[str] = []
        self._listed: dict[str, dict[str, list[str]]] = {}
        """Names of records by kind and start of the key."""
        self._intact_graphs: set[str] = set()
        """Digests of graphs that were written, or read and found to be intact."""

    @property
    def where(self) -> str:
        """The folder or the address, for people."""
        return self.files.where

    @property
    def records_folder(self) -> Path:
        """The folder of the records; only for a store in a folder."""
        assert isinstance(self.files, LocalFiles)
        return self.files.root / "records"

    def prepare(self) -> None:
        """Create the folder and prove that it can be written; raise StoreError otherwise."""
        with _clear_errors(self.where):
            self.files.prepare()

    def put(self, record: Record, attachment: bytes | None = None) -> str:
        """Write a record (and its attachment first) and return its name below ``records``."""
        file, content = record.named_bytes()
        with _clear_errors(self.where):
            if attachment is not None:
                assert record.attachment is not None
                self.files.write(f"records/{record.kind}/{record.attachment}", attachment)
            self.files.write(f"records/{record.kind}/{file}", content)
        if record.kind in self._listed:
            names = self._listed[record.kind].setdefault(record.key[:_DIGITS], [])
            if file not in names:
                names.append(file)
        return f"{record.kind}/{file}"

    def put_graph(self, content: bytes) -> str:
        """Write a packed graph and return its digest; see ``graphs``."""
        digest = graphs.digest_of(content)
        if digest not in self._intact_graphs:
            with _clear_errors(self.where):
                self.files.write(graphs.file_name(digest), content)
            self._intact_graphs.add(digest)
        return digest

    def read_graph(self, digest: str) -> Graph:
        """Return a graph that a record names; raise StoreError if it cannot be read."""
        return graphs.read(self.files, digest)

    def find(self, kind: str, key: str, *, again: bool = False) -> Record | None:
        """Return the newest intact record with this key, or None.

        The folder is listed once; ``again`` lists it anew, to see the records of other runs.
        """
        record = next(iter(self.find_all(kind, key, again=again)), None)
        if record is not None:
            note("%s of %s: a record of %s is in the store", kind, record.entry, record.finished)
        return record

    def find_all(self, kind: str, key: str, *, again: bool = False) -> list[Record]:
        """Return all intact records with this key, the newest first; see ``find``."""
        return [record for _, record in self.find_named(kind, key, again=again)]

    def find_named(self, kind: str, key: str, *, again: bool = False) -> list[tuple[str, Record]]:
        """Return all intact records with this key and their names, the newest first."""
        names = [f"{kind}/{name}" for name in self._names(kind, key, again=again)]
        pairs = [(name, record) for name in names if (record := self._read(name)) is not None]
        return sorted(
            (pair for pair in pairs if pair[1].key == key),
            key=lambda pair: pair[1].finished,
            reverse=True,
        )

    def name_of(self, record: Record) -> str:
        """Return the record's name below ``records``.

        A record of an older zoodiff, with fewer fields, has another digest in its name than it
        would get now; it is found by its content.
        """
        kind, key, own = record.kind, record.key, record.file_name
        if own in self._names(kind, key) or own in self._names(kind, key, again=True):
            return f"{kind}/{own}"
        candidates = (f"{kind}/{file}" for file in self._names(kind, key))
        same = (name for name in candidates if self._read(name) == record)
        return next(same, f"{kind}/{own}")

    def get_all(self, names: Iterable[str]) -> dict[str, Record | None]:
        """Return the records of a run by name; None for a missing or damaged one.

        Raises StoreError for more records, or more bytes, than the limits of a run.
        """
        records: dict[str, Record | None] = {}
        left = _LARGEST_RUN
        for name in names:
            if name in records:
                continue
            records[name], length = self._read_sized(name)
            left -= length
            if left < 0 or len(records) > _MOST_RECORDS:
                raise StoreError(
                    f"a run in {self.where} has more than {_MOST_RECORDS:,} records or "
                    f"{_LARGEST_RUN:,} bytes of them, and is not read"
                )
        return records

    def get(self, name: str) -> Record | None:
        """Return the record of this name; None if it is missing or damaged (see ``damaged``)."""
        return self._read(name)

    def read_attachment(self, record: Record) -> bytes:
        """Return the predictions of a record; raise OSError if they cannot be read."""
        if record.attachment is None:
            raise FileNotFoundError(f"{record.entry} has no predictions")
        return self.files.read(f"records/{record.kind}/{record.attachment}")

    def intact(self, record: Record) -> bool:
        """Return whether the record's attachment and graphs, if any, are intact.

        A record that lacks one is set aside, and so is a damaged one.
        """
        return self._has_attachment(record) and all(
            self._has_graph(record, digest) for digest in record.graphs
        )

    def _has_attachment(self, record: Record) -> bool:
        if record.attachment is None:
            return True
        name = f"records/{record.kind}/{record.attachment}"
        try:
            content = self.files.read(name)
        except FileNotFoundError:
            why = "its predictions are missing"
        except OSError as error:
            raise StoreError(f"cannot read {self._path(name)} ({_reason(error)})") from None
        else:
            if hashlib.sha256(content).hexdigest() == record.attachment_sha256:
                return True
            why = "its predictions are damaged"
            self._set_aside(name, "its content does not match the hash in its record")
        self._set_aside(f"records/{self.name_of(record)}", why)
        return False

    def _has_graph(self, record: Record, digest: str) -> bool:
        if digest in self._intact_graphs:
            return True
        name = graphs.file_name(digest)
        try:
            intact = graphs.is_intact(self.files, digest)
        except OSError as error:
            raise StoreError(f"cannot read {self._path(name)} ({_reason(error)})") from None
        if intact:
            self._intact_graphs.add(digest)
            return True
        self._set_aside(name, "its content does not match its name")
        self._set_aside(
            f"records/{self.name_of(record)}", "a graph that it names is missing or damaged"
        )
        return False

    def __iter__(self) -> Iterator[Record]:
        """Yield all intact records, sorted by kind and name."""
        paths = [file.name for file in self.files.walk("records")]
        for name in sorted(name for name in paths if name.endswith(".json")):
            record = self._read(name.removeprefix("records/"))
            if record is not None:
                yield record

    def write_manifest(self, manifest: Manifest) -> None:
        """Replace the manifest of a study's run."""
        with _clear_errors(self.where):
            self.files.write(manifest_name(manifest.study), manifest.to_bytes())

    def read_manifest(self, study: str) -> Manifest | None:
        """Return the manifest of a study's run; None if it is missing or damaged."""
        name = manifest_name(study)
        try:
            return read_manifest(self.files.read(name, LARGEST_TEXT))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"cannot read {self._path(name)} ({_reason(error)})") from None
        except DamagedError as error:
            self._set_aside(name, str(error))
        except ValidationError:
            self._set_aside(name, "it is not a run manifest of this version")
        return None

    def runs(self) -> list[str]:
        """Return the names of the studies with a run in this store, the latest last."""
        manifests = [file for file in self.files.walk("runs") if file.name.endswith("/run.json")]
        manifests.sort(key=lambda file: file.changed)
        return [file.name.split("/")[-2] for file in manifests]

    def _names(self, kind: str, key: str, *, again: bool = False) -> list[str]:
        """Return the files of records whose keys begin like this one; listed once, or ``again``."""
        start = key[:_DIGITS]
        if kind not in self._listed:
            self._listed[kind] = self._list(kind)
        elif again:
            self._listed[kind] |= {start: self._list(kind, start).get(start, [])}
        return self._listed[kind].get(start, [])

    def _list(self, kind: str, start: str = "") -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        with _clear_reads(self.where):
            for name in self.files.names(f"records/{kind}", start):
                if name.endswith(".json"):
                    names.setdefault(name[:_DIGITS], []).append(name)
        return names

    def _read(self, name: str) -> Record | None:
        return self._read_sized(name)[0]

    def _read_sized(self, name: str) -> tuple[Record | None, int]:
        """Return the record of this name and its size in bytes."""
        kind, _, file = name.partition("/")
        if not _KIND.fullmatch(kind) or "/" in file:
            return None, 0
        path = f"records/{name}"
        try:
            raw = self.files.read(path, LARGEST_TEXT)
            return read_record(raw, file), len(raw)
        except FileNotFoundError:
            return None, 0
        except OSError as error:
            raise StoreError(f"cannot read {self._path(path)} ({_reason(error)})") from None
        except OtherFormatError:
            return None, 0  # intact, and readable by the version that wrote it
        except DamagedError as error:
            self._set_aside(path, str(error))
            return None, 0

    def _set_aside(self, name: str, why: str) -> None:
        last = name.rpartition("/")[2]
        target = f"set-aside/{last}"
        try:
            if last in self.files.names("set-aside"):
                target += f".{secrets.token_hex(4)}"
            self.files.move(name, target)
        except FileNotFoundError:
            return  # another run moved it first
        except OSError as error:
            self.damaged.append(f"{name} is not used because {why} ({_reason(error)})")
            return
        self.damaged.append(
            f"{name} was set aside in {self._path('set-aside')} because {why}; it is measured again"
        )

    def _path(self, name: str) -> str:
        return f"{self.where}/{name}"


def manifest_name(study: str) -> str:
    """Return the path of the manifest of a study's run."""
    return f"runs/{study}/run.json"


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


@contextlib.contextmanager
def _clear_errors(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot write the results folder {where} ({_reason(error)}); "
            "make room or permit writing there, or name another folder with --results"
        ) from None


@contextlib.contextmanager
def _clear_reads(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot read the results in {where} ({_reason(error)}); "
            "permit reading there, or name another folder with --results"
        ) from None
