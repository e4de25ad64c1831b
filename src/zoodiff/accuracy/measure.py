"""Measures accuracy on a data set: evaluates entries, checks plausibility, stores records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from zoodiff._version import __version__
from zoodiff.accuracy.checkpoints import Part, Parts
from zoodiff.accuracy.evaluation import Evaluation, PassOptions
from zoodiff.accuracy.evaluator import Evaluator
from zoodiff.accuracy.predictions import Stored, from_parquet
from zoodiff.accuracy.recording import PassResult
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.cores import count_usable_cores
from zoodiff.data.containers.process import check_parquet
from zoodiff.data.images import ImageSet
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.host.provenance import identity, installed_versions, now
from zoodiff.stats import sequential
from zoodiff.store.folder import Store
from zoodiff.store.leases import waiting_for
from zoodiff.store.records import (
    Failure,
    Record,
    key_of,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BAD_PERCENT = 1.0
"""Most undecodable images of a pass, in percent of its images."""


@dataclass(frozen=True)
class Settings:
    """Settings of a pass; only ``limit`` and ``seed`` change the result."""

    pipelines: int = 1
    batch: int = 16
    limit: int | None = None
    seed: int = 0
    bad_percent: float = BAD_PERCENT
    fresh: bool = False
    decide: float | None = None
    """Margin in points: stop once every pair is known to differ by more or by less."""


class Judge:
    """Tests pairs of entries as checkpoints arrive, and reports when every pair is decided."""

    def __init__(self, names: Sequence[str], points: float) -> None:
        self._pairs = list(combinations(names, 2))
        self._margin = points / 100
        self._right: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in names}
        self._count = self._tested = 0

    def __call__(self, part: Part) -> bool:
        """Add a part; return whether every pair is decided, at a joint level of 95 %."""
        import numpy as np

        for name, seen in self._right.items():
            if name in part.predictions:
                seen.append(part.predictions[name].hits(1))
        self._count += len(part.images)
        if self._count < 1.05 * self._tested:
            return False  # the test is valid at any time, so it may be skipped to save work
        self._tested = self._count
        right = {name: np.concatenate(seen) for name, seen in self._right.items() if seen}
        if len(right) < 2:
            return False
        level = pair_level(len(self._pairs))
        return all(
            sequential.decided(
                right[first].astype(float) - right[second].astype(float), self._margin, level
            )[0]
            for first, second in self._pairs
            if first in right and second in right
        )


def pair_level(pairs: int) -> float:
    """Return the level of one pair's interval for a joint level of 95 % (Bonferroni)."""
    return 1 - 0.05 / max(1, pairs)


@dataclass(frozen=True)
class Outcome:
    """The records of a pass in the order of the entries, with failures and images left out."""

    records: tuple[Record, ...]
    failures: tuple[Failure, ...]
    left_out: dict[str, str]
    """Names of the images that could not be decoded, and why."""
    notes: tuple[str, ...]
    images_per_second: float | None
    """None if all records were in the store already."""


def default_pipelines() -> int:
    """Return the number of cores that this process may use."""
    return count_usable_cores()


def measure(
    engine: WorkerPool,
    subjects: Sequence[EvaluatedEntry],
    images: ImageSet,
    store: Store,
    settings: Settings,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> Outcome:
    """Measure the accuracy of all entries on the images; reuse stored records.

    Raises MissingFrameworkError without pyarrow, UsageError for an entry named twice and for images
    without labels, MeasurementError if too many images are damaged or no entry can be run.
    """
    plan = prepare(subjects, images, settings)
    with waiting_for(store.leases, plan.lease):
        pending = find_pending(plan, store, settings)
        if not pending.missing:
            return finish(pending, images, store, settings, None)
        begun = now()
        evaluation = Evaluator(
            engine,
            pending.missing,
            images,
            pending.parts(store),
            PassOptions(
                pipelines=settings.pipelines,
                batch=settings.batch,
                seed=settings.seed,
                numbers=pending.plan.numbers,
                step=step,
                enough=Judge([subject.name for subject in subjects], settings.decide)
                if settings.decide is not None
                else None,
            ),
        ).run()
        return finish(pending, images, store, settings, evaluation, begun)


@dataclass(frozen=True)
class EvaluationPlan:
    """A planned pass over a data set: entries, record keys, images."""

    subjects: tuple[EvaluatedEntry, ...]
    keys: dict[str, str]
    """Keys of the records by the names of the entries."""
    numbers: list[int]
    """Numbers of the images to run, in the order of the parts."""

    @property
    def folder(self) -> str:
        """Name of the folder of checkpoints.

        It depends on all entries, also on those with a record, so that an interrupted run finds its
        checkpoints.
        """
        return key_of(keys=sorted(self.keys.values()))[:16]

    @property
    def lease(self) -> str:
        """Name of the lease of the pass."""
        return f"pass-{self.folder}"


@dataclass(frozen=True)
class PendingEvaluation:
    """A planned pass with its stored records and the entries without a record."""

    plan: EvaluationPlan
    known: dict[str, Record]
    missing: tuple[EvaluatedEntry, ...]

    def parts(self, store: Store) -> Parts:
        """Return the checkpoints of this pass."""
        return Parts(store.files, f"unfinished/{self.plan.folder}")


def prepare(
    subjects: Sequence[EvaluatedEntry], images: ImageSet, settings: Settings
) -> EvaluationPlan:
    """Return the plan of a pass; raise UsageError and MissingFrameworkError as ``measure`` does."""
    check_parquet("storing predictions needs")
    names = Counter(subject.name for subject in subjects)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]} is named twice; name it once")
    if not images.labelled:
        raise UsageError(
            f"the images of {images.name} have no labels; name the file with them with --truth"
        )
    _check_labels(images)
    keys = {subject.name: _key(subject, images, settings, names) for subject in subjects}
    return EvaluationPlan(tuple(subjects), keys, _numbers(len(images), settings))


def find_pending(plan: EvaluationPlan, store: Store, settings: Settings) -> PendingEvaluation:
    """Return the entries without a record; the caller must hold the lease of the pass."""
    known = {} if settings.fresh else _known(store, plan.keys)
    if settings.decide is not None and len(known) < len(plan.keys):
        known = {}  # the number of images depends on all entries
    missing = tuple(subject for subject in plan.subjects if subject.name not in known)
    return PendingEvaluation(plan, known, missing)


def finish(
    pending: PendingEvaluation,
    images: ImageSet,
    store: Store,
    settings: Settings,
    evaluation: Evaluation | None,
    begun: str = "",
) -> Outcome:
    """Store the records, remove the checkpoints and return the outcome.

    ``evaluation`` is None if all records existed. Raises MeasurementError if too many images are
    damaged.
    """
    known = dict(pending.known)
    failures: list[Failure] = []
    left_out: dict[str, str] = {}
    speed = None
    notes = list(images.notes)
    if evaluation is not None:
        numbers = pending.plan.numbers[: len(evaluation.hashes)]
        _check_counts(evaluation, numbers)
        left_out = {images.samples[k].name: why for k, why in evaluation.left_out.items()}
        _check_damage(left_out, len(numbers), settings)
        failures = [
            Failure(
                kind="accuracy",
                entry=subject.name,
                architecture=subject.entry.model.architecture,
                reason=evaluation.failed[subject.name],
            )
            for subject in pending.missing
            if subject.name in evaluation.failed
        ]
        result = PassResult(images, evaluation, numbers, _conditions(images, settings), begun)
        for subject in pending.missing:
            if subject.name in evaluation.predictions:
                record, table = result.record(subject, pending.plan.keys[subject.name])
                store.put(record, table)
                known[subject.name] = record
        if not failures:  # otherwise they save work when the failed entries are run again
            pending.parts(store).remove()
        speed = evaluation.done_now / evaluation.seconds if evaluation.seconds else None
        repeated = len(evaluation.hashes) - len(set(evaluation.hashes))
        if repeated:
            copies = "image is a copy" if repeated == 1 else "images are copies"
            notes.append(f"{repeated} {copies} of others, to the byte")
    records = tuple(
        known[subject.name] for subject in pending.plan.subjects if subject.name in known
    )
    return Outcome(records, tuple(failures), left_out, tuple(notes), speed)


def _conditions(images: ImageSet, settings: Settings) -> dict[str, Any]:
    """Return the conditions of a record: data set and settings of the pass."""
    return {
        "data": images.name,
        "layout": images.layout,
        "space": images.space.name if images.space else "",
        "limit": settings.limit,
        "decide": settings.decide,
        "seed": settings.seed,
        "batch": settings.batch,
        "threads": 1,
    }


def of_record(store: Store, record: Record) -> Stored:
    """Return a record's predictions; raise MeasurementError if they are missing or damaged."""
    if not store.intact(record):
        raise MeasurementError(
            f"the predictions of {record.entry} are missing or damaged; measure anew with --fresh"
        )
    return from_parquet(store.read_attachment(record))


def _numbers(count: int, settings: Settings) -> list[int]:
    import numpy as np

    limit = count if settings.limit is None else min(settings.limit, count)
    if limit == count and settings.decide is None:
        return list(range(count))
    drawn = np.random.default_rng(settings.seed).choice(count, limit, replace=False).tolist()
    return drawn if settings.decide is not None else sorted(drawn)


def _key(
    subject: EvaluatedEntry, images: ImageSet, settings: Settings, names: Iterable[str]
) -> str:
    decide = {"decide": settings.decide, "among": sorted(names)} if settings.decide else {}
    return key_of(
        kind="accuracy",
        entry=subject.name,
        preprocessing=subject.spec.to_dict(),
        labels=[subject.labels.name, subject.labels.classes, list(subject.labels.names)],
        data=images.stamp,
        limit=settings.limit,
        seed=settings.seed,
        versions=installed_versions(subject.entry),
        zoodiff=__version__,
        **decide,
        **identity(subject.entry),
    )


def _known(store: Store, keys: dict[str, str]) -> dict[str, Record]:
    records = {name: store.find("accuracy", key, again=True) for name, key in keys.items()}
    return {
        name: record
        for name, record in records.items()
        if record is not None and store.intact(record)
    }


def _check_labels(images: ImageSet) -> None:
    assert images.space is not None
    outside = [
        sample
        for sample in images.samples
        if sample.label is not None and not 0 <= sample.label < images.space.classes
    ]
    if outside:
        raise UsageError(
            f"{outside[0].name} is labelled {outside[0].label}, outside the label space "
            f"{images.space.name} of {images.space.classes} classes ({len(outside)} such images)"
        )


def _check_counts(evaluation: Evaluation, numbers: Sequence[int]) -> None:
    """Raise MeasurementError unless each image is counted once, or left out, for every entry."""
    seen = [*evaluation.images.tolist(), *evaluation.left_out]
    if sorted(seen) != sorted(numbers):
        raise MeasurementError("not every image was counted exactly once; report this as a bug")
    for name, predictions in evaluation.predictions.items():
        if len(predictions) != len(evaluation.images):
            raise MeasurementError(
                f"{name} answered for {len(predictions)} of {len(evaluation.images)} images"
            )


def _check_damage(left_out: dict[str, str], total: int, settings: Settings) -> None:
    percent = 100 * len(left_out) / total
    if left_out and (percent > settings.bad_percent or len(left_out) == total):
        name, why = next(iter(left_out.items()))
        raise MeasurementError(
            f"{len(left_out)} of {total} images could not be decoded, the first {name}: {why}; "
            f"allow {percent:.1f} % with --max-bad (max_bad_percent in a study)"
        )
