"""The manifest of a run: its study, its records and its failures."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field

from zoodiff.results import READ, Comparison, Strict
from zoodiff.store.records import Failure, Hardware
from zoodiff.store.self_hashed import read_self_hashed, self_hashed

RecordName = Annotated[
    str,
    Field(
        pattern=r"^(architecture|difference|latency|accuracy|explanation|names|recipes)"
        r"/[0-9a-f]{16}-[0-9a-f]{16}\.json$"
    ),
]
"""A manifest is untrusted: its names must stay in the folder of the records."""


class Manifest(Strict):
    """``run.json`` in the folder of a run; replaced after each task."""

    study: str
    title: str
    study_sha256: str
    study_text: str
    started: str
    updated: str
    complete: bool
    records: list[RecordName]
    """File names of the records, relative to the store's ``records`` folder."""
    failures: list[Failure]
    planned: int
    """Number of tasks of the study, finished or not."""
    zoodiff_version: str
    hardware: Hardware
    versions: dict[str, dict[str, str]]
    """Versions that the worker of each zoo imported."""
    options: dict[str, Any]
    comparisons: list[Comparison] | None = None
    """Which entries are compared; None in older runs, which compare those of one architecture."""

    def to_bytes(self) -> bytes:
        """Return the manifest as indented JSON with its own hash."""
        return json.dumps(
            self_hashed(self.model_dump(mode="json")), indent=1, ensure_ascii=False
        ).encode()


def read_manifest(raw: bytes) -> Manifest:
    """Return the manifest in a file; manifests of older versions carry no hash.

    Raises DamagedError if the content does not match its hash, pydantic's ValidationError if the
    format is another.
    """
    content, _, _ = read_self_hashed(raw, canonical=False)
    return Manifest.model_validate(content, context=READ)
