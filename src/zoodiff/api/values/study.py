"""The types of a ``StudyRun``'s parts, and the observer of a run."""

from __future__ import annotations

from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.results import Control, Discrepancy
from zoodiff.store.records import (
    ArchitectureValues,
    DifferenceValues,
    Failure,
    FindingValues,
    Record,
)
from zoodiff.study.result import ComparedGraphs, Difference, StudyResult
from zoodiff.study.run import Observer

__all__ = [
    "ArchitectureValues",
    "ComparedGraphs",
    "Control",
    "Difference",
    "DifferenceValues",
    "Discrepancy",
    "Failure",
    "FindingValues",
    "Observer",
    "Preprocessing",
    "Record",
    "StudyResult",
]
