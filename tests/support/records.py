"""Records, and stores that hold some."""

import hashlib
from pathlib import Path

from zoodiff.results import Interval
from zoodiff.store.folder import Store
from zoodiff.store.manifest import Manifest
from zoodiff.store.records import (
    AccuracyValues,
    ArchitectureValues,
    Hardware,
    Record,
    WeightsInfo,
    attachment_name,
    key_of,
)


def a_record(entry: str = "fake:small@w1", parameters: int = 12, **changes: object) -> Record:
    values = ArchitectureValues(
        parameters=parameters,
        statistics=0,
        unused_parameters=0,
        macs=12,
        convolutions=0,
        normalisations=0,
        linear_layers=1,
        nodes=1,
        opaque_nodes=0,
        input_shape=[1, 3],
        output_shape=[1, 4],
        softmax_inside=False,
        preprocessing_inside=False,
        preprocessing_ops=[],
        framework_parameters=parameters,
        framework_statistics=0,
        peak_rss_bytes=1,
        seconds=0.1,
    )
    fields: dict[str, object] = {
        "key": key_of(kind="architecture", entry=entry),
        "entry": entry,
        "zoo": "fake",
        "model": "small",
        "architecture": "small_net",
        "weights": WeightsInfo(name="w1", state="none"),
        "preprocessing": {},
        "labels": "imagenet-1k",
        "conditions": {},
        "versions": {"numpy": "2"},
        "hardware": Hardware(processor="p", cores=2, memory_bytes=1, system="s"),
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:00:01+00:00",
        "values": values,
    }
    return Record.model_validate(fields | changes)


def accuracy_record(content: bytes, entry: str = "fake:small@w1") -> Record:
    some = Interval(value=50, low=40, high=60)
    base = a_record(entry)
    return base.model_copy(
        update={
            "values": AccuracyValues(
                top1=some,
                top5=some,
                images=10,
                predictions_file=attachment_name(base.key, content),
                predictions_sha256=hashlib.sha256(content).hexdigest(),
                seconds=1.0,
            )
        }
    )


def manifest(names: list[str], study: str = "s") -> Manifest:
    return Manifest(
        study=study,
        title="t",
        study_sha256="0" * 64,
        study_text="",
        started="2026-01-01T00:00:00+00:00",
        updated="2026-01-01T00:00:00+00:00",
        complete=True,
        records=names,
        failures=[],
        planned=len(names),
        zoodiff_version="0",
        hardware=Hardware(processor="p", cores=1, memory_bytes=1, system="s"),
        versions={},
        options={},
    )


def filled(where: Path | str) -> Store:
    """Three records, one of them with predictions, and a run that names them."""
    store = Store(where)
    content = b"predictions"
    names = [
        store.put(a_record("fake:small@w1")),
        store.put(a_record("fake:wide@w1", parameters=24)),
        store.put(accuracy_record(content), content),
    ]
    store.write_manifest(manifest(names))
    return store


def files(store: Path, ending: str) -> list[Path]:
    return sorted(p for p in store.rglob(f"*{ending}") if p.is_file())
