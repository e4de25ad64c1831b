"""Sound records and manifests, for tests that make them unsound."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from zoodiff.store.manifest import Manifest
from zoodiff.store.records import Record, attachment_name, key_of

_COUNTS = (
    *("parameters", "statistics", "unused_parameters", "macs", "convolutions", "normalisations"),
    *("linear_layers", "nodes", "opaque_nodes", "framework_parameters", "framework_statistics"),
    *("peak_rss_bytes", "seconds"),
)
_HARDWARE = {"processor": "p", "cores": 2, "memory_bytes": 1, "system": "s"}
_BEGUN, _ENDED = "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:01+00:00"


def record_of(kind: str, entry: str, predictions: bytes | None = None, **changes: object) -> Record:
    """A record of one measurement."""
    key = key_of(kind=kind, entry=entry)
    share = {"value": 70.0, "low": 69.0, "high": 71.0}
    content = predictions or b""
    values: dict[str, dict[str, object]] = {
        "architecture": dict.fromkeys(_COUNTS, 3)
        | {"input_shape": [1, 3, 8, 8], "output_shape": [1, 4], "softmax_inside": False}
        | {"preprocessing_inside": False, "preprocessing_ops": []},
        "latency": {"median_ms": share, "p10_ms": 60.0, "p90_ms": 80.0, "calls": 9}
        | {"group": "g", "round_medians_ms": [69.0, 70.0, 71.5]},
        "accuracy": {"top1": share, "top5": share, "images": 3, "seconds": 1.0}
        | {"predictions_file": attachment_name(key, content)}
        | {"predictions_sha256": hashlib.sha256(content).hexdigest()},
    }
    fields: dict[str, object] = {
        "key": key,
        "entry": entry,
        "zoo": entry.partition(":")[0],
        "model": "resnet18",
        "architecture": "resnet18",
        "weights": {"name": "w", "state": "published"},
        "preprocessing": {"input_size": [8, 8]},
        "labels": "imagenet-1k",
        "conditions": {"data_sha256": "d", "data": "images", "batch": 1, "threads": 1, "seed": 0},
        "versions": {"numpy": "2"},
        "hardware": _HARDWARE,
        "started": _BEGUN,
        "finished": _ENDED,
        "values": values[kind] | {"kind": kind},
    }
    return Record.model_validate(fields | changes)


def manifest_of(records: Sequence[str], **changes: object) -> Manifest:
    """The manifest of a run."""
    text = 'name = "s"\ntitle = "t"\n[architecture]\nentries = ["a:b"]\n'
    fields: dict[str, object] = {
        "study": "s",
        "title": "t",
        "study_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "study_text": text,
        "started": _BEGUN,
        "updated": _ENDED,
        "complete": True,
        "records": list(records),
        "failures": [],
        "planned": len(records),
        "zoodiff_version": "0.1",
        "hardware": _HARDWARE,
        "versions": {"a": {"b": "1"}},
        "options": {},
    }
    return Manifest.model_validate(fields | changes)
