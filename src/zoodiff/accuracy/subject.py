"""Evaluated entries: entries with complete preprocessing and label space."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from zoodiff.data.labels import LabelSpace
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.graph.input_stage import InputStage
from zoodiff.preprocessing.completed import completed
from zoodiff.preprocessing.conventions import FIELDS
from zoodiff.preprocessing.geometry import Geometry, geometry_of
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.tasks import entry_of, of_entry
from zoodiff.workers.messages import Load
from zoodiff.zoos.base import Entry
from zoodiff.zoos.files import FileEntry
from zoodiff.zoos.files.sidecar import specification


@dataclass(frozen=True)
class EvaluatedEntry:
    """An entry with complete preprocessing and label space."""

    entry: Entry
    spec: Preprocessing
    defaulted: tuple[str, ...]
    """Fields of the preprocessing that the zoo does not publish and zoodiff filled in."""
    labels: LabelSpace
    input_stage: InputStage | None = None
    """The input stage of the network; None if it was not read."""
    variant: str = ""
    """Distinguishes several evaluations of one entry in a pass, for example ``trial 2``."""
    stated: tuple[str, ...] = ()
    """Fields of the preprocessing that the user stated, in a sidecar or by an option."""

    @property
    def handle(self) -> str:
        """The full reference; evaluated entries with the same handle share a loaded network."""
        return str(self.entry.ref)

    @property
    def name(self) -> str:
        """The full reference with the variant."""
        return f"{self.handle} [{self.variant}]" if self.variant else self.handle

    @property
    def geometry(self) -> Geometry:
        """The geometry of its preprocessing."""
        return geometry_of(self.spec)


def evaluated_entry(
    engine: WorkerPool,
    entry: Entry,
    *,
    changes: Mapping[str, Any] | None = None,
    labels: LabelSpace | None = None,
) -> EvaluatedEntry:
    """Return an entry with complete preprocessing; ``changes`` replaces fields of it.

    ``labels`` is the label space if the entry has none. A model file without a stated input size is
    opened to read it. Raises UsageError if fields contradict each other, MeasurementError if a file
    cannot be opened.
    """
    published = replace(entry.preprocessing, **(changes or {}))
    size = published.input_size
    if size is None and isinstance(entry, FileEntry):
        size = _own_size(engine, entry)
    _, rows, columns = entry.model.input_shape
    spec, defaulted = completed(published, size or (rows, columns))
    own = entry.labels
    evaluated = EvaluatedEntry(
        entry,
        spec,
        defaulted,
        labels if labels and not own.classes else own,
        stated=_stated(entry, changes or {}),
    )
    geometry_of(spec)
    return evaluated


def _stated(entry: Entry, changes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the fields that the user stated: in the sidecar of a file, or as changes."""
    fields = {name for names in FIELDS.values() for name in names}
    from_sidecar = isinstance(entry, FileEntry)
    return tuple(
        sorted(
            name
            for name in fields
            if name in changes or (from_sidecar and getattr(entry.preprocessing, name) is not None)
        )
    )


def _own_size(engine: WorkerPool, entry: FileEntry) -> tuple[int, int]:
    """Return rows and columns of a model file's input."""
    worker = engine.worker(entry.worker, "describe")
    handle = str(entry.ref)
    loaded = worker.load(
        Load(handle, entry.worker_model, entry.weights_name, seed=0, threads=worker.threads),
        doing=f"opening {entry.ref}",
    )
    worker.unload(handle, doing=f"closing {entry.ref}")
    shape = loaded.input_shape
    if len(shape) != 4:
        raise MeasurementError(f"{entry.ref} takes no images but arrays of shape {shape}")
    rows, columns = shape[1:3] if loaded.layout == "NHWC" else shape[2:4]
    return rows, columns


def changes_of(texts: Sequence[str]) -> dict[str, Any]:
    """Parse ``field=value`` texts into preprocessing fields; raise UsageError if one is invalid.

    >>> changes_of(["interpolation=bicubic", "mean=0.5,0.5,0.5", "resize=256", "antialias=false"])
    {'interpolation': 'bicubic', 'mean': (0.5, 0.5, 0.5), 'resize': 256, 'antialias': False}
    """
    raw: dict[str, Any] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator:
            raise UsageError(f'"{text}" changes no field; write field=value')
        raw[key.strip()] = _value(value.strip())
    spec = specification(raw, "--preprocessing")
    return {key: getattr(spec, key) for key in raw}


def _value(text: str) -> Any:
    if "," in text:
        return [_value(part) for part in text.split(",")]
    if text in {"true", "false", "none"}:
        return {"true": True, "false": False, "none": None}[text]
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def to_plain(subject: EvaluatedEntry) -> dict[str, Any]:
    """Return the entry as plain values for a job, without its input stage."""
    return {
        "entry": of_entry(subject.entry),
        "spec": subject.spec.to_dict(),
        "defaulted": list(subject.defaulted),
        "stated": list(subject.stated),
        "labels": asdict(subject.labels),
    }


def from_plain(plain: Mapping[str, Any]) -> EvaluatedEntry:
    """Return the entry from plain values; raise as ``entry_of`` does."""
    labels = {**plain["labels"], "names": tuple(plain["labels"]["names"])}
    return EvaluatedEntry(
        entry_of(plain["entry"]),
        Preprocessing.from_dict(plain["spec"]),
        tuple(plain["defaulted"]),
        LabelSpace(**labels),
        stated=tuple(plain["stated"]),
    )
