"""The types of a ``StudyRun``'s parts, and the observer of a run."""

from __future__ import annotations

from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.results import Control, Discrepancy
from zoodiff.store.records import ArchitectureValues, Failure, Record
from zoodiff.study.result import StudyResult
from zoodiff.study.run import Observer

__all__ = [
    "ArchitectureValues",
    "Control",
    "Discrepancy",
    "Failure",
    "Observer",
    "Preprocessing",
    "Record",
    "StudyResult",
]
