"""Accuracy on a data set of images: evaluate what is missing, record it, and guard it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from zoodiff._version import __version__
from zoodiff.accuracy.checkpoints import Part, Parts
from zoodiff.accuracy.evaluation import Evaluation, Repeated
from zoodiff.accuracy.evaluator import Evaluator
from zoodiff.accuracy.predictions import Predictions, Stored, from_parquet, to_parquet
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.cores import count_usable_cores
from zoodiff.data.images import ImageSet, content_hash
from zoodiff.data.labels import mapping
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, UsageError
from zoodiff.host.provenance import hardware, identity, installed_versions, now
from zoodiff.results import Interval
from zoodiff.stats import calibration, intervals, sequential
from zoodiff.store.folder import Store
from zoodiff.store.leases import waiting_for
from zoodiff.store.records import (
    AccuracyValues,
    Failure,
    Record,
    WeightsInfo,
    attachment_name,
    key_of,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BAD_PERCENT = 1.0
"""Share of images that may be undecodable before a pass is no result."""
_CONSTANT = 0.9
_SAME_ANSWER = 1e-2
"""Deviation of outputs, relative to their spread, that arithmetic in another order may cause."""


@dataclass(frozen=True)
class Settings:
    """How a pass is made; none of it but ``limit`` and ``seed`` changes the result."""

    pipelines: int = 1
    batch: int = 16
    limit: int | None = None
    seed: int = 0
    bad_percent: float = BAD_PERCENT
    fresh: bool = False
    decide: float | None = None
    """Points: stop when every pair is known to differ by more, or by less."""


class Judge:
    """Looks at pairs of entries as parts come in, and says when all are decided."""

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
    """Records in the order of the entries, and what a user should know."""

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
    """Accuracy of all entries on the images; what the store has is not measured again.

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
            pipelines=settings.pipelines,
            batch=settings.batch,
            seed=settings.seed,
            numbers=pending.plan.numbers,
            step=step,
            enough=Judge([one.name for one in subjects], settings.decide)
            if settings.decide is not None
            else None,
        ).run()
        return finish(pending, images, store, settings, found, begun)


@dataclass(frozen=True)
class EvaluationPlan:
    """A pass over a data set before anything is looked up."""

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
    """A pass over a data set, and what of it the store has."""

    plan: EvaluationPlan
    known: dict[str, Record]
    missing: tuple[EvaluatedEntry, ...]

    def parts(self, store: Store) -> Parts:
        """Where what is finished of it lies."""
        return Parts(store.files, f"unfinished/{self.plan.folder}")


def prepare(
    subjects: Sequence[EvaluatedEntry], images: ImageSet, settings: Settings
) -> EvaluationPlan:
    """What a pass asks for; raises UsageError as ``measure`` does."""
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
    """What is missing; whoever asks holds the lease, so that nobody else is at work on it."""
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
    """Record what was found, and remove the parts; ``found`` is None where nothing was missing.

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
        for one in pending.missing:
            if one.name in found.found:
                key = pending.plan.keys[one.name]
                known[one.name] = _record(one, images, found, key, settings, begun, numbers, store)
        if not failures:  # else they save work when the failed ones are tried again
            pending.parts(store).remove()
        speed = found.done_now / found.seconds if found.seconds else None
        repeated = len(found.hashes) - len(set(found.hashes))
        if repeated:
            copies = "image is a copy" if repeated == 1 else "images are copies"
            notes.append(f"{repeated} {copies} of others, to the byte")
    records = tuple(known[one.name] for one in pending.plan.subjects if one.name in known)
    return Outcome(records, tuple(failures), left_out, tuple(notes), speed)


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


def _record(
    one: EvaluatedEntry,
    images: ImageSet,
    found: Evaluation,
    key: str,
    settings: Settings,
    begun: str,
    numbers: Sequence[int],
    store: Store,
) -> Record:
    import numpy as np

    mine = found.found[one.name]
    hashes = dict(zip(numbers, found.hashes, strict=True))
    keys = np.array(
        [int.from_bytes(hashes[k][:8], "big") for k in found.images.tolist()], dtype=np.uint64
    )
    content = content_hash((hashes[k], images.samples[k].label) for k in hashes)
    table = to_parquet(Stored(mine, found.images.astype(np.int32), found.labels, keys))
    loaded, count = found.loaded.get(one.handle, {}), len(mine)
    top1, top5 = mine.hits(1), mine.hits(5)
    record = Record(
        key=key,
        entry=one.name,
        zoo=one.entry.zoo.name,
        model=one.entry.model.name,
        architecture=one.entry.model.architecture,
        weights=WeightsInfo(
            name=one.entry.weights_name,
            state=loaded.get("weights_state", "none"),
            sha256=loaded.get("weights_sha256"),
        ),
        preprocessing=one.spec.to_dict(),
        labels=one.labels.name,
        conditions={
            "data": images.name,
            "data_sha256": content,
            "layout": images.layout,
            "space": images.space.name if images.space else "",
            "limit": settings.limit,
            "decide": settings.decide,
            "seed": settings.seed,
            "batch": settings.batch,
            "threads": 1,
        },
        versions=found.versions.get(one.name, {}),
        hardware=hardware(),
        started=begun,
        finished=now(),
        values=AccuracyValues(
            top1=_percent(int(top1.sum()), count),
            top5=_percent(int(top5.sum()), count),
            images=count,
            predictions_file=attachment_name(key, table),
            predictions_sha256=hashlib.sha256(table).hexdigest(),
            seconds=found.seconds,
            left_out=len(found.left_out),
            calibration_error=calibration.expected_calibration_error(
                np.clip(mine.probabilities[:, 0], 0, 1), top1
            ),
            defaulted=list(one.defaulted),
            failed_checks=[
                *_failed_checks(mine, top1, images, loaded.get("weights_state") == "random"),
                *_depends(found.repeated.get(one.name)),
                *_without_output(one, images, found),
            ],
        ),
    )
    store.put(record, table)
    return record


def _failed_checks(
    mine: Predictions, top1: NDArray[np.bool_], images: ImageSet, random: bool
) -> list[str]:
    """What makes a number doubtful. Random weights are at chance, as they should be."""
    assert images.space is not None
    found = []
    count, classes = len(mine), images.space.classes
    _, largest = Counter(mine.classes[:, 0].tolist()).most_common(1)[0]
    present = len({sample.label for sample in images.samples})
    if count >= 20 and present > 2 and largest / count > _CONSTANT and not random:
        found.append(f"it gives one class for {100 * largest / count:.0f} % of the images")
    chance = intervals.proportion(int(top1.sum()), count)
    if chance.low <= 1 / classes and count >= 3 * classes**0.5 and not random:
        found.append(
            f"its top-1 of {100 * chance.value:.2f} % is no better than chance "
            f"({100 / classes:.2f} %); labels, preprocessing or weights are not what they seem"
        )
    return found


def _depends(again: Repeated | None) -> list[str]:
    """Said where an image's answer changes when it is run a second time, alone."""
    if again is None or again.deviation <= _SAME_ANSWER:
        return []
    return [
        f"its answers depend on more than the image: run again one by one, {again.changed} of "
        f"{again.images} images get another class, outputs differ by {100 * again.deviation:.2g} %"
    ]


def _without_output(one: EvaluatedEntry, images: ImageSet, found: Evaluation) -> list[str]:
    """Said where images are of classes that the entry does not know; they count as wrong."""
    if one.labels.classes == 0 or images.space is None:
        return []
    label_mapping = mapping(one.labels, images.space)
    lost = [label for label in found.labels.tolist() if label >= 0 and label_mapping[label] < 0]
    if not lost:
        return []
    count, space = len(set(lost)), images.space
    names = f", {space.names[lost[0]]} for one" if lost[0] < len(space.names) else ""
    return [
        f"it has no output for {count} of {space.classes} classes{names}: {len(lost)} of "
        f"{len(found.labels)} images count as wrong"
    ]


def _percent(successes: int, trials: int) -> Interval:
    estimate = intervals.proportion(successes, trials)
    return Interval(value=100 * estimate.value, low=100 * estimate.low, high=100 * estimate.high)
