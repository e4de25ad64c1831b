"""What a study found, as typed values: the one thing that every report is made of."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from zoodiff.store.records import ExplanationValues, Failure, Hardware, Interval, Record, Strict

Verdict = Literal["discrepancy", "within noise", "no difference", "not comparable"]


class Discrepancy(Strict):
    """The difference of two entries of one architecture in one metric.

    ``difference`` is ``high`` minus ``low`` in percentage points for accuracies, and
    ``100 * (slower / faster - 1)`` in percent for latency.
    """

    metric: Literal["claimed_top1", "measured_top1", "latency"]
    architecture: str
    high_entry: str
    low_entry: str
    high: float
    low: float
    unit: Literal["%", "ms"]
    difference: float
    difference_unit: Literal["percentage points", "%"]
    interval: Interval | None
    """Of the difference; None where the source gives no uncertainty (claims)."""
    p_value: float | None = None
    """Holm-corrected for the number of pairs, where a test applies."""
    verdict: Verdict
    high_weights: str
    """published, random, placeholder, trained, or ``claim`` for a published number."""
    low_weights: str
    high_source: str | None = None
    low_source: str | None = None
    note: str | None = None


class Mismatch(Strict):
    """One property in which the entries of an architecture are not the same network."""

    architecture: str
    property: str
    """For example ``parameters``, ``MACs``, ``input size``, ``softmax inside``."""
    values: dict[str, str]
    """Entry -> value as printed; entries that agree are listed too."""
    groups: int
    """Number of distinct values."""


class Explained(Strict):
    """Why two entries differ in measured accuracy: ``values`` speaks of ``entry`` and another."""

    architecture: str
    entry: str
    values: ExplanationValues
    record: str
    """Digest of its record."""


class Control(Strict):
    """The A/A control of a latency run: one entry loaded twice, measured as if it were two."""

    entry: str
    ratio: Interval
    noise_percent: float
    """Differences up to this are not told apart from none in this run."""


class ClaimedRanking(Strict):
    """The discrepancies among claims, with the rules that selected the claims."""

    rows: list[Discrepancy]
    architectures: int
    entries: int
    rules: list[str]
    """One sentence each; inferred rules say so."""
    sensitivity: list[dict[str, Any]]
    """Per alternative rule set: ``rules``, ``first``, ``last``, ``top`` (list of names and
    differences), ``has_published_figures``."""
    notes: list[str]


class StudyResult(Strict):
    """Everything that a report shows; nothing in it is computed by the report."""

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
    """Differences in measured accuracy, taken apart."""
    records: list[Record]
    failures: list[Failure]
    not_run: list[str]
    """Sentences: what this study leaves out on purpose, and why."""
    zoodiff_version: str
    versions: dict[str, dict[str, str]]
    hardware: Hardware
    study_text: str
    study_sha256: str
    notes: list[str] = Field(default_factory=list)
