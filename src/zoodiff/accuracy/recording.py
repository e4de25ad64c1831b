"""Creates the record of an entry from a finished pass, with its plausibility checks."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.evaluation import Evaluation, Repeated
from zoodiff.accuracy.predictions import Predictions, Stored, to_parquet
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.data.images import ImageSet, content_hash
from zoodiff.data.labels import mapping
from zoodiff.host.provenance import hardware, now
from zoodiff.results import Interval
from zoodiff.stats import calibration, intervals
from zoodiff.store.records import AccuracyValues, Record, WeightsInfo, attachment_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CONSTANT = 0.9
"""Share of images with the same answer above which an entry counts as constant."""
_SAME_ANSWER = 1e-2
"""Deviation of outputs, relative to their spread, that rounding may cause."""


@dataclass(frozen=True)
class PassResult:
    """A finished pass over a data set."""

    images: ImageSet
    evaluation: Evaluation
    numbers: Sequence[int]
    """Numbers of the images that were run, decoded or not."""
    conditions: Mapping[str, Any]
    """Conditions of all records, without the hash of the data."""
    begun: str

    @cached_property
    def _hashes(self) -> dict[int, bytes]:
        """sha256 of each image by its number."""
        return dict(zip(self.numbers, self.evaluation.hashes, strict=True))

    @cached_property
    def _content(self) -> str:
        """Hash of the images that were run, with their labels."""
        samples = self.images.samples
        return content_hash((sha, samples[k].label) for k, sha in self._hashes.items())

    def record(self, subject: EvaluatedEntry, key: str) -> tuple[Record, bytes]:
        """Return an entry's record, and the Parquet file of its predictions."""
        evaluation = self.evaluation
        table = self._table(evaluation.predictions[subject.name])
        loaded = evaluation.loaded.get(subject.handle, {})
        record = Record(
            key=key,
            entry=subject.name,
            zoo=subject.entry.zoo.name,
            model=subject.entry.model.name,
            architecture=subject.entry.model.architecture,
            weights=WeightsInfo(
                name=subject.entry.weights_name,
                state=loaded.get("weights_state", "none"),
                sha256=loaded.get("weights_sha256"),
            ),
            preprocessing=subject.spec.to_dict(),
            labels=subject.labels.name,
            conditions={**self.conditions, "data_sha256": self._content},
            versions=evaluation.versions.get(subject.name, {}),
            hardware=hardware(),
            started=self.begun,
            finished=now(),
            values=self._values(subject, key, table),
        )
        return record, table

    def _table(self, predictions: Predictions) -> bytes:
        import numpy as np

        numbers = self.evaluation.images
        keys = np.array(
            [int.from_bytes(self._hashes[k][:8], "big") for k in numbers.tolist()],
            dtype=np.uint64,
        )
        return to_parquet(
            Stored(predictions, numbers.astype(np.int32), self.evaluation.labels, keys)
        )

    def _values(self, subject: EvaluatedEntry, key: str, table: bytes) -> AccuracyValues:
        import numpy as np

        evaluation = self.evaluation
        predictions = evaluation.predictions[subject.name]
        top1, top5 = predictions.hits(1), predictions.hits(5)
        state = evaluation.loaded.get(subject.handle, {}).get("weights_state")
        return AccuracyValues(
            top1=_percent(int(top1.sum()), len(predictions)),
            top5=_percent(int(top5.sum()), len(predictions)),
            images=len(predictions),
            predictions_file=attachment_name(key, table),
            predictions_sha256=hashlib.sha256(table).hexdigest(),
            seconds=evaluation.seconds,
            left_out=len(evaluation.left_out),
            calibration_error=calibration.expected_calibration_error(
                np.clip(predictions.probabilities[:, 0], 0, 1), top1
            ),
            defaulted=list(subject.defaulted),
            without_output=sorted(set(_lost_labels(subject, self.images, evaluation))),
            constant_outputs=evaluation.constant.get(subject.name, []),
            failed_checks=[
                *_failed_checks(predictions, top1, self.images, state == "random"),
                *_order_check(evaluation.repeated.get(subject.name)),
                *_without_output(subject, self.images, evaluation),
            ],
        )


def _failed_checks(
    predictions: Predictions, top1: NDArray[np.bool_], images: ImageSet, random: bool
) -> list[str]:
    """Return the plausibility checks that failed, in sentences; random weights may be at chance."""
    assert images.space is not None
    failed = []
    count, classes = len(predictions), images.space.classes
    _, largest = Counter(predictions.classes[:, 0].tolist()).most_common(1)[0]
    present = len({sample.label for sample in images.samples})
    if count >= 20 and present > 2 and largest / count > _CONSTANT and not random:
        failed.append(f"it gives one class for {100 * largest / count:.0f} % of the images")
    chance = intervals.proportion(int(top1.sum()), count)
    if chance.low <= 1 / classes and count >= 3 * classes**0.5 and not random:
        failed.append(
            f"its top-1 of {100 * chance.value:.2f} % is no better than chance "
            f"({100 / classes:.2f} %); labels, preprocessing or weights are not what they seem"
        )
    return failed


def _order_check(rerun: Repeated | None) -> list[str]:
    """Return a sentence if answers change when images are run a second time, one at a time."""
    if rerun is None or rerun.deviation <= _SAME_ANSWER:
        return []
    return [
        f"its answers depend on more than the image: run again one by one, {rerun.changed} of "
        f"{rerun.images} images get another class, outputs differ by {100 * rerun.deviation:.2g} %"
    ]


def _without_output(subject: EvaluatedEntry, images: ImageSet, evaluation: Evaluation) -> list[str]:
    """Return a sentence if images are of classes without an output; they count as wrong."""
    lost = _lost_labels(subject, images, evaluation)
    if not lost or images.space is None:
        return []
    count, space = len(set(lost)), images.space
    names = f", {space.names[lost[0]]} for one" if lost[0] < len(space.names) else ""
    return [
        f"it has no output for {count} of {space.classes} classes{names}: {len(lost)} of "
        f"{len(evaluation.labels)} images count as wrong"
    ]


def _lost_labels(subject: EvaluatedEntry, images: ImageSet, evaluation: Evaluation) -> list[int]:
    """Return the label of each image whose class has no output."""
    if subject.labels.classes == 0 or images.space is None:
        return []
    label_mapping = mapping(subject.labels, images.space)
    labels = evaluation.labels.tolist()
    return [label for label in labels if label >= 0 and label_mapping[label] < 0]


def _percent(successes: int, trials: int) -> Interval:
    estimate = intervals.proportion(successes, trials)
    return Interval(value=100 * estimate.value, low=100 * estimate.low, high=100 * estimate.high)
