"""Measures how far entries agree on images without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.checkpoints import Part
from zoodiff.accuracy.classes.class_comparison import NamedClasses, against_entry
from zoodiff.accuracy.classes.class_findings import constant_findings
from zoodiff.accuracy.classes.label_mapping import label_mapping_of
from zoodiff.accuracy.evaluation import Evaluation, PassOptions
from zoodiff.accuracy.evaluator import Evaluator
from zoodiff.accuracy.measure import Settings
from zoodiff.accuracy.predictions import probabilities
from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.data.images import ImageSet
from zoodiff.data.labels import IMAGENET_1K, LabelSpace
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import UsageError
from zoodiff.results import Interval
from zoodiff.stats import intervals

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WORST = 5


@dataclass(frozen=True)
class Agreement:
    """How far two entries agree on images without labels."""

    first: str
    second: str
    images: int
    changed: Interval
    """Percent of images to which the two entries give different classes."""
    top5: float
    """Mean number of classes that are among the five best of both entries."""
    divergence: float
    """Mean Jensen-Shannon divergence of the probabilities, in bits: 0 if equal, at most 1.
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. IT 37 (1991)."""
    worst: tuple[tuple[str, float], ...]
    """Names of the images with the largest divergence, and the divergence in bits."""


@dataclass(frozen=True)
class Agreements:
    """The agreement of all pairs, and the entries and images that are missing from them."""

    pairs: tuple[Agreement, ...]
    failed: dict[str, str]
    """Entries that could not be run, and why."""
    left_out: dict[str, str]
    """Images that could not be decoded, and why."""
    images_per_second: float
    class_findings: tuple[NamedClasses, ...] = ()
    """Classes that an entry exchanges or never predicts, compared with another entry."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = asdict(self)
        for pair in values["pairs"]:
            pair["changed"] = pair["changed"].model_dump()
        values["class_findings"] = [item.to_dict() for item in self.class_findings]
        return values


@dataclass
class _Sums:
    changed: int = 0
    images: int = 0
    common: int = 0
    divergence: float = 0.0
    worst: list[tuple[float, int]] = field(default_factory=list)


class _Comparator:
    """Stores parts without their outputs and compares pairs of entries on each part."""

    wants_outputs = True

    def __init__(self, subjects: Sequence[EvaluatedEntry], images: ImageSet) -> None:
        self._subjects, self._images = subjects, images
        self._parts: dict[int, Part] = {}
        self.sums = {
            (first.name, second.name): _Sums() for first, second in combinations(subjects, 2)
        }

    def has(self, number: int) -> bool:
        """Return whether a part is stored."""
        return number in self._parts

    def get(self, number: int) -> Part:
        """Return the part of this number, without outputs."""
        return self._parts[number]

    def put(self, part: Part) -> None:
        """Store a part and compare all pairs on it."""
        shares = {
            subject.name: self._common(subject, part.outputs[subject.name])
            for subject in self._subjects
            if subject.name in part.outputs
        }
        for (first, second), sums in self.sums.items():
            if first in shares and second in shares:
                _add(sums, shares[first], shares[second], part.images)
        self._parts[part.number] = replace(part, outputs={})

    def _common(self, subject: EvaluatedEntry, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Return probabilities in the common label space, (images, classes), with rows of sum 1."""
        probability = probabilities(outputs)
        chosen = probability[:, label_mapping_of(subject, self._images, probability.shape[1])]
        total = chosen.sum(1, keepdims=True)
        return chosen / total.clip(1e-12)  # type: ignore[no-any-return]


def agree(
    engine: WorkerPool,
    subjects: Sequence[EvaluatedEntry],
    images: ImageSet,
    settings: Settings,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> Agreements:
    """Run entries on images without labels and return the agreement of each pair.

    Raises UsageError for fewer than two entries, MeasurementError if no entry can be run.
    """
    import numpy as np

    if len(subjects) < 2:
        raise UsageError(
            f"the images of {images.name} have no labels, so one entry alone has no accuracy; name "
            "two to see how far they agree, or the file with the labels with --truth"
        )
    images = replace(images, space=_space(subjects))
    total, limit = len(images), settings.limit or len(images)
    drawn = np.random.default_rng(settings.seed).choice(total, min(limit, total), replace=False)
    parts = _Comparator(subjects, images)
    evaluation = Evaluator(
        engine,
        subjects,
        images,
        parts,
        PassOptions(
            pipelines=settings.pipelines,
            batch=settings.batch,
            seed=settings.seed,
            numbers=sorted(drawn.tolist()),
            step=step,
        ),
    ).run()
    pairs = tuple(
        _agreement(first, second, sums, images)
        for (first, second), sums in parts.sums.items()
        if sums.images and first in evaluation.predictions and second in evaluation.predictions
    )
    left_out = {images.samples[k].name: why for k, why in evaluation.left_out.items()}
    return Agreements(
        pairs,
        evaluation.failed,
        left_out,
        len(drawn) / max(evaluation.seconds, 1e-9),
        _class_findings(evaluation),
    )


def _class_findings(evaluation: Evaluation) -> tuple[NamedClasses, ...]:
    """Return the findings about classes of all entries that ran."""
    best = {name: rows.classes[:, 0] for name, rows in evaluation.predictions.items()}
    known = {
        name: [
            NamedClasses(name, None, finding)
            for finding in constant_findings(evaluation.constant.get(name, []), len(rows))
        ]
        for name, rows in best.items()
    }
    return (
        *(item for findings in known.values() for item in findings),
        *(
            item
            for first, second in combinations(best, 2)
            for item in against_entry(first, second, (best[first], best[second]), known)
        ),
    )


def _space(subjects: Sequence[EvaluatedEntry]) -> LabelSpace:
    """Return the label space in which all entries are compared."""
    known = [subject.labels for subject in subjects if subject.labels.classes]
    if any(space.name.startswith(IMAGENET_1K.name) for space in known) or not known:
        return IMAGENET_1K
    return known[0]


def _add(
    sums: _Sums, first: NDArray[np.float64], second: NDArray[np.float64], images: Sequence[int]
) -> None:
    import numpy as np
    from scipy.spatial.distance import jensenshannon

    top = min(5, first.shape[1])
    orders = [np.argsort(-p, axis=1, kind="stable")[:, :top] for p in (first, second)]
    sums.changed += int((orders[0][:, 0] != orders[1][:, 0]).sum())
    sums.common += sum(len(np.intersect1d(*rows)) for rows in zip(*orders, strict=True))
    divergence = np.nan_to_num(jensenshannon(first, second, base=2, axis=1) ** 2)
    sums.images += len(first)
    sums.divergence += float(divergence.sum())
    worst = [*sums.worst, *zip(divergence.tolist(), images, strict=True)]
    sums.worst = sorted(worst, key=lambda item: (-item[0], item[1]))[:_WORST]


def _agreement(first: str, second: str, sums: _Sums, images: ImageSet) -> Agreement:
    changed = intervals.proportion(sums.changed, sums.images)
    return Agreement(
        first,
        second,
        sums.images,
        Interval(value=100 * changed.value, low=100 * changed.low, high=100 * changed.high),
        sums.common / sums.images,
        sums.divergence / sums.images,
        tuple((images.samples[k].name, value) for value, k in sums.worst),
    )
