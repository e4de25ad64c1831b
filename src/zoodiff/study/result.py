"""The result of a study as typed values; every report is rendered from it."""

from __future__ import annotations

from pydantic import Field

from zoodiff.results import ClaimedRanking, Comparison, Control, Discrepancy, Mismatch, Strict
from zoodiff.store.records import ExplanationValues, Failure, Hardware, Record


class Explained(Strict):
    """Why two entries, ``entry`` and ``values.other``, differ in measured accuracy."""

    architecture: str
    entry: str
    values: ExplanationValues
    record: str
    """Digest of its record."""


class StudyResult(Strict):
    """Everything that a report shows; a report computes nothing itself."""

    study: str
    title: str
    question: str
    complete: bool
    started: str
    finished: str
    top: int
    """How many discrepancies each ranking shows (10 in the paper)."""
    claimed: ClaimedRanking | None
    measured_accuracy: list[Discrepancy]
    latency: list[Discrepancy]
    controls: list[Control]
    mismatches: list[Mismatch]
    explanations: list[Explained] = Field(default_factory=list)
    """Decomposed differences in measured accuracy."""
    records: list[Record]
    failures: list[Failure]
    not_run: list[str]
    """Sentences that say what this study leaves out on purpose, and why."""
    zoodiff_version: str
    versions: dict[str, dict[str, str]]
    hardware: Hardware
    study_text: str
    study_sha256: str
    notes: list[str] = Field(default_factory=list)
    comparisons: list[Comparison] = Field(default_factory=list)
    """Which entries are compared with each other, in each section."""
    not_compared: str | None = None
    """A sentence that says why nothing was compared; None if something was."""
