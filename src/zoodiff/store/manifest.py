"""The manifest of a run: which study, which records it rests on, what could not be measured."""

from __future__ import annotations

from typing import Any

from zoodiff.store.records import Failure, Hardware, Strict


class Manifest(Strict):
    """``run.json`` in the folder of a run; written anew after each task, by renaming."""

    study: str
    title: str
    study_sha256: str
    study_text: str
    started: str
    updated: str
    complete: bool
    records: list[str]
    """File names of the records, relative to the store's ``records`` folder."""
    failures: list[Failure]
    planned: int
    """Number of tasks of the study, finished or not."""
    zoodiff_version: str
    hardware: Hardware
    versions: dict[str, dict[str, str]]
    """Per zoo, the versions that its worker really imported."""
    options: dict[str, Any]
