"""What a report has beyond a study's result: what it reads in the store of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import ZoodiffError
from zoodiff.report.disagreements import DisagreementRow, PairDisagreements, PairKey
from zoodiff.report.pictures import PairPicture, PairPictures
from zoodiff.report.thumbnails import Thumbnails, data_set_of
from zoodiff.store.folder import Store
from zoodiff.study.result import StudyResult
from zoodiff.workers.limits import Limits


@dataclass(frozen=True)
class StoredParts:
    """Parts of a report that are read in the store; empty without one."""

    pictures: Mapping[str, PairPicture] = field(default_factory=dict)
    """By the name of the pair's picture."""
    disagreements: Mapping[PairKey, tuple[DisagreementRow, ...]] = field(default_factory=dict)
    thumbnails: Mapping[str, str] = field(default_factory=dict)
    """Small pictures of images as ``data:`` addresses, by name."""
    no_thumbnails: str | None = None
    """Why there are no small pictures, if they were asked for."""


class StoreReader:
    """Reads the graphs and predictions of a run, again while the study goes on."""

    def __init__(self, store: Store, *, thumbnails: int = 0, limits: Limits | None = None) -> None:
        """Take the number of images per pair that have small pictures.

        Images are decoded in a worker with these limits.
        """
        self._pictures = PairPictures(store)
        self._disagreements = PairDisagreements(store)
        self._most, self._limits = thumbnails, limits

    def parts(self, result: StudyResult) -> StoredParts:
        """Return the parts for the result of the run."""
        pictures = self._pictures.of(result)
        if not self._most or not result.measured_accuracy:
            return StoredParts(pictures, self._disagreements.of(result))
        try:
            images = data_set_of(result)
        except ZoodiffError as error:
            return StoredParts(pictures, self._disagreements.of(result), {}, str(error))
        with WorkerPool(self._limits) as pool:
            thumbnails = Thumbnails(images, pool)
            rows = self._disagreements.of(result, thumbnails, self._most)
        missing = None if thumbnails.addresses else f"{images.name} has other images now"
        return StoredParts(pictures, rows, thumbnails.addresses, missing if rows else None)
