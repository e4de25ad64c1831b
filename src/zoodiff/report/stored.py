"""What a report has beyond a study's result: what it reads in the store of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zoodiff.report.disagreements import DisagreementRow, PairDisagreements, PairKey
from zoodiff.report.pictures import PairPicture, PairPictures
from zoodiff.store.folder import Store
from zoodiff.study.result import StudyResult


@dataclass(frozen=True)
class StoredParts:
    """Parts of a report that are read in the store; empty without one."""

    pictures: Mapping[str, PairPicture] = field(default_factory=dict)
    """By the name of the pair's picture."""
    disagreements: Mapping[PairKey, tuple[DisagreementRow, ...]] = field(default_factory=dict)


class StoreReader:
    """Reads the graphs and predictions of a run, again while the study goes on."""

    def __init__(self, store: Store) -> None:
        self._pictures = PairPictures(store)
        self._disagreements = PairDisagreements(store)

    def parts(self, result: StudyResult) -> StoredParts:
        """Return the parts for the result of the run."""
        return StoredParts(self._pictures.of(result), self._disagreements.of(result))
