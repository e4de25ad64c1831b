"""Measure accuracy on a data set of images: evaluate, check plausibility, record."""

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
"""Share of images that may be undecodable before a pass is no result."""


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
    """Points: stop when every pair is known to differ by more, or by less."""


class Judge:
    """Tests pairs of entries as checkpoints come in, and says when every pair is decided."""

    def __init__(self, names: Sequence[str], points: float) -> None:
        self._pairs = list(combinations(names, 2))
        self._margin = points / 100
        self._right: dict[str, list[NDArray[np.bool_]]] = {name: [] for name in names}
        self._count = self._looked = 0

    def __call__(self, part: Part) -> bool:
        """Take a part in; whether every pair is decided, at 95 % for all of them together."""
        import numpy as np

        for name, seen in self._right.items():
            if name in part.found:
                seen.append(part.found[name].hits(1))
        self._count += len(part.images)
        if self._count < 1.05 * self._looked:
            return False  # sequences hold at any time, so one need not look at every time
        self._looked = self._count
        right = {name: np.concatenate(seen) for name, seen in self._right.items() if seen}
        if len(right) < 2:
            return False
        level = pair_level(len(self._pairs))
        return all(
            sequential.decided(
                right[one].astype(float) - right[other].astype(float), self._margin, level
            )[0]
            for one, other in self._pairs
            if one in right and other in right
        )


def pair_level(pairs: int) -> float:
    """Level of one pair's interval, at which all together hold at 95 %; C. E. Bonferroni."""
    return 1 - 0.05 / max(1, pairs)


@dataclass(frozen=True)
class Outcome:
    """Records in the order of the entries, with failures and images left out."""

    records: tuple[Record, ...]
    failures: tuple[Failure, ...]
    left_out: dict[str, str]
    """Names of the images that could not be decoded, and why."""
    notes: tuple[str, ...]
    images_per_second: float | None
    """None where everything was in the store already."""


def default_pipelines() -> int:
    """The cores that this process may use."""
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

    Raises UsageError for entries that are named twice and images without labels, MeasurementError
    where too many images are damaged or no entry could be run.
    """
    plan = prepare(subjects, images, settings)
    with waiting_for(store.leases, plan.lease):
        pending = find_pending(plan, store, settings)
        if not pending.missing:
            return finish(pending, images, store, settings, None)
        begun = now()
        found = Evaluator(
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
                enough=Judge([one.name for one in subjects], settings.decide)
                if settings.decide is not None
                else None,
            ),
        ).run()
        return finish(pending, images, store, settings, found, begun)


@dataclass(frozen=True)
class EvaluationPlan:
    """A planned pass over a data set: entries, record keys, images."""

    subjects: tuple[EvaluatedEntry, ...]
    keys: dict[str, str]
    """Of the records, by the entries' names."""
    numbers: list[int]
    """Of the images that are to be seen, in the order of the parts."""

    @property
    def folder(self) -> str:
        """Names the pass by all entries, so that an interrupted run finds its parts, whichever
        were recorded already.
        """
        return key_of(keys=sorted(self.keys.values()))[:16]

    @property
    def lease(self) -> str:
        """Of the whole pass."""
        return f"pass-{self.folder}"


@dataclass(frozen=True)
class PendingEvaluation:
    """A planned pass with the records that the store has and the missing entries."""

    plan: EvaluationPlan
    known: dict[str, Record]
    missing: tuple[EvaluatedEntry, ...]

    def parts(self, store: Store) -> Parts:
        """The checkpoints of this pass."""
        return Parts(store.files, f"unfinished/{self.plan.folder}")


def prepare(
    subjects: Sequence[EvaluatedEntry], images: ImageSet, settings: Settings
) -> EvaluationPlan:
    """Return the plan of a pass; raise UsageError as ``measure`` does."""
    names = Counter(one.name for one in subjects)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]} is named twice; name it once")
    if not images.labelled:
        raise UsageError(
            f"the images of {images.name} have no labels; name the file with them with --truth"
        )
    _check_labels(images)
    keys = {one.name: _key(one, images, settings, names) for one in subjects}
    return EvaluationPlan(tuple(subjects), keys, _numbers(len(images), settings))


def find_pending(plan: EvaluationPlan, store: Store, settings: Settings) -> PendingEvaluation:
    """Return the entries without a record; the caller must hold the lease of the pass."""
    known = {} if settings.fresh else _known(store, plan.keys)
    if settings.decide is not None and len(known) < len(plan.keys):
        known = {}  # how many images are needed depends on all entries
    missing = tuple(one for one in plan.subjects if one.name not in known)
    return PendingEvaluation(plan, known, missing)


def finish(
    pending: PendingEvaluation,
    images: ImageSet,
    store: Store,
    settings: Settings,
    found: Evaluation | None,
    begun: str = "",
) -> Outcome:
    """Store the records and remove the checkpoints; ``found`` is None if all records existed.

    Raises MeasurementError where too many images are damaged.
    """
    known = dict(pending.known)
    failures: list[Failure] = []
    left_out: dict[str, str] = {}
    speed = None
    notes = list(images.notes)
    if found is not None:
        numbers = pending.plan.numbers[: len(found.hashes)]
        _check_counts(found, numbers)
        left_out = {images.samples[k].name: why for k, why in found.left_out.items()}
        _check_damage(left_out, len(numbers), settings)
        failures = [
            Failure(
                kind="accuracy",
                entry=one.name,
                architecture=one.entry.model.architecture,
                reason=found.failed[one.name],
            )
            for one in pending.missing
            if one.name in found.failed
        ]
        made = PassResult(images, found, numbers, _conditions(images, settings), begun)
        for one in pending.missing:
            if one.name in found.found:
                record, table = made.record(one, pending.plan.keys[one.name])
                store.put(record, table)
                known[one.name] = record
        if not failures:  # else they save work when the failed ones are tried again
            pending.parts(store).remove()
        speed = found.done_now / found.seconds if found.seconds else None
        repeated = len(found.hashes) - len(set(found.hashes))
        if repeated:
            copies = "image is a copy" if repeated == 1 else "images are copies"
            notes.append(f"{repeated} {copies} of others, to the byte")
    records = tuple(known[one.name] for one in pending.plan.subjects if one.name in known)
    return Outcome(records, tuple(failures), left_out, tuple(notes), speed)


def _conditions(images: ImageSet, settings: Settings) -> dict[str, Any]:
    """What a record says of the data set and of the pass."""
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
    """A record's predictions; raise MeasurementError where they are missing or damaged."""
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


def _key(one: EvaluatedEntry, images: ImageSet, settings: Settings, names: Iterable[str]) -> str:
    decide = {"decide": settings.decide, "among": sorted(names)} if settings.decide else {}
    return key_of(
        kind="accuracy",
        entry=one.name,
        preprocessing=one.spec.to_dict(),
        labels=[one.labels.name, one.labels.classes, list(one.labels.names)],
        data=images.stamp,
        limit=settings.limit,
        seed=settings.seed,
        versions=installed_versions(one.entry),
        zoodiff=__version__,
        **decide,
        **identity(one.entry),
    )


def _known(store: Store, keys: dict[str, str]) -> dict[str, Record]:
    found = {name: store.find("accuracy", key, again=True) for name, key in keys.items()}
    return {
        name: record
        for name, record in found.items()
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


def _check_counts(found: Evaluation, numbers: Sequence[int]) -> None:
    """Every image once: counted or left out, and by every entry."""
    seen = [*found.images.tolist(), *found.left_out]
    if sorted(seen) != sorted(numbers):
        raise MeasurementError("not every image was counted exactly once; report this as a bug")
    for name, one in found.found.items():
        if len(one) != len(found.images):
            raise MeasurementError(f"{name} answered for {len(one)} of {len(found.images)} images")


def _check_damage(left_out: dict[str, str], total: int, settings: Settings) -> None:
    percent = 100 * len(left_out) / total
    if left_out and (percent > settings.bad_percent or len(left_out) == total):
        name, why = next(iter(left_out.items()))
        raise MeasurementError(
            f"{len(left_out)} of {total} images could not be decoded, the first {name}: {why}; "
            f"allow {percent:.1f} % with --max-bad (max_bad_percent in a study)"
        )
