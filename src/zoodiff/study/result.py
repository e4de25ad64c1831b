"""The result of a study as typed values; every report is rendered from it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from zoodiff.architecture.names_table import NamesTable
from zoodiff.display import Displayed, Shown
from zoodiff.results import ClaimedRanking, Comparison, Control, Discrepancy, Mismatch, Strict
from zoodiff.store.explanation_values import ExplanationValues
from zoodiff.store.recipe_values import RecipesValues
from zoodiff.store.records import DifferenceValues, Failure, Hardware, Record
from zoodiff.study.candidates import Choice


class Explained(Strict):
    """Why two entries, ``entry`` and ``values.other``, differ in measured accuracy."""

    architecture: str
    entry: str
    values: ExplanationValues
    record: str
    """Digest of its record."""


class Difference(Strict):
    """What differs between two distinct graphs of a comparison; nothing was run for it."""

    comparison: str
    """Name of the comparison."""
    first: str
    second: str
    """The entries whose graphs were compared; others have the same graphs."""
    answer: str
    """The answer with the codes, names and places of the findings, as one line."""
    has_effect: bool
    """Whether the functions differ, or may."""
    values: DifferenceValues
    record: str
    """Digest of its record."""


class AuditedName(Strict):
    """The recipes of a name, compared in pixels."""

    name: str
    values: RecipesValues
    record: str
    """Digest of its record."""


GraphsVerdict = Literal["mismatch", "not decided", "harmless", "same"]
"""``mismatch``: two graphs differ with an effect. ``not decided``: no two do, and two could not be
compared. ``harmless``: all differences are without effect. ``same``: there is one graph."""


class ComparedGraphs(Strict):
    """The distinct graphs of a comparison, and whether they are one network."""

    comparison: str
    graphs: list[list[str]]
    """Entries by graph, in the order of the comparison."""
    verdict: GraphsVerdict
    same: str | None
    """A sentence that names the entries with one graph; None where each has its own."""
    not_compared: list[list[str]]
    """Pairs of entries whose graphs should have been compared and were not."""


class StudyResult(Displayed, Strict):
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
    """Counts in which the entries of a comparison differ, side by side."""
    differences: list[Difference] = Field(default_factory=list)
    """What differs between each two distinct graphs of a comparison."""
    graphs: list[ComparedGraphs] = Field(default_factory=list)
    """The distinct graphs of each comparison; none of runs by older versions."""
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
    choice: Choice | None = None
    """The entries as networks to choose from; None if no two of them can be ranked."""
    names: NamesTable | None = None
    """The table of names; None if the study has none."""
    recipes: list[AuditedName] = Field(default_factory=list)
    """The audit of recipes, by name."""
    comparisons: list[Comparison] = Field(default_factory=list)
    """Which entries are compared with each other, in each section."""
    not_compared: str | None = None
    """A sentence that says why nothing was compared; None if something was."""

    def _shown(self) -> Shown:
        counts = {
            "records": len(self.records),
            "failures": len(self.failures),
            "differences between graphs": len(self.differences),
            "mismatches": len(self.mismatches),
        }
        return Shown(
            self.not_compared or f"{self.title or self.study}: {self._counted()}",
            [
                ("question", self.question),
                ("complete", self.complete),
                *counts.items(),
                *(("note", note) for note in self.notes),
            ],
            self._rows(),
            ("metric", "architecture", "high_entry", "low_entry", "difference", "verdict"),
        )

    def _counted(self) -> str:
        rows = self.discrepancies
        real = sum(row.verdict == "discrepancy" for row in rows)
        return f"{real} discrepancies in {len(rows)} compared pairs"

    @property
    def discrepancies(self) -> list[Discrepancy]:
        """The pairs of all rankings: claimed and measured accuracy, latency."""
        claimed = self.claimed.rows if self.claimed else []
        return [*claimed, *self.measured_accuracy, *self.latency]

    def _rows(self) -> list[dict[str, Any]]:
        return [row.to_dict() for row in self.discrepancies]
