"""How far entries agree on images without labels: would one notice if they were swapped?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.checkpoints import Part
from zoodiff.accuracy.evaluation import PassOptions
from zoodiff.accuracy.evaluator import Evaluator
from zoodiff.accuracy.label_mapping import label_mapping_of
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
    """Two entries on images without labels."""

    first: str
    second: str
    images: int
    changed: Interval
    """Percent of images whose class changes when one entry is put in the place of the other."""
    top5: float
    """Mean number of classes that the five best of both have in common."""
    divergence: float
    """Mean Jensen-Shannon divergence of the probabilities, bits: 0 for the same, at most 1.
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. IT 37 (1991)."""
    worst: tuple[tuple[str, float], ...]
    """Names of the images on which they diverge most, with the divergence."""


@dataclass(frozen=True)
class Agreements:
    """All pairs, and who could not be run."""

    pairs: tuple[Agreement, ...]
    failed: dict[str, str]
    left_out: dict[str, str]
    images_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        found = asdict(self)
        for pair in found["pairs"]:
            pair["changed"] = pair["changed"].model_dump()
        return found


@dataclass
class _Sums:
    changed: int = 0
    images: int = 0
    common: int = 0
    divergence: float = 0.0
    worst: list[tuple[float, int]] = field(default_factory=list)


class _Comparing:
    """Takes parts in, compares, and keeps no outputs; see ``accuracy.checkpoints.Memory``."""

    wants_outputs = True

    def __init__(self, subjects: Sequence[EvaluatedEntry], images: ImageSet) -> None:
        self._subjects, self._images = subjects, images
        self._parts: dict[int, Part] = {}
        self.sums = {(one.name, other.name): _Sums() for one, other in combinations(subjects, 2)}

    def has(self, number: int) -> bool:
        """Whether a part is there."""
        return number in self._parts

    def get(self, number: int) -> Part:
        """The part of this number, without outputs."""
        return self._parts[number]

    def put(self, part: Part) -> None:
        """Compare all pairs on a part."""
        shares = {
            one.name: self._common(one, part.outputs[one.name])
            for one in self._subjects
            if one.name in part.outputs
        }
        for (first, second), sums in self.sums.items():
            if first in shares and second in shares:
                _add(sums, shares[first], shares[second], part.images)
        self._parts[part.number] = replace(part, outputs={})

    def _common(self, one: EvaluatedEntry, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """(images, classes of the common space), rows of sum 1."""
        found = probabilities(outputs)
        chosen = found[:, label_mapping_of(one, self._images, found.shape[1])]
        total = chosen.sum(1, keepdims=True)
        return chosen / total.clip(1e-12)  # type: ignore[no-any-return]


def agree(
    engine: WorkerPool,
    subjects: Sequence[EvaluatedEntry],
    images: ImageSet,
    settings: Settings,
    step: Callable[[int, int], None] = lambda done, of: None,
) -> Agreements:
    """Compare the answers of entries, pair by pair.

    Raises UsageError for less than two entries, MeasurementError where none can be run.
    """
    import numpy as np

    if len(subjects) < 2:
        raise UsageError(
            f"the images of {images.name} have no labels, so one entry alone has no accuracy; name "
            "two to see how far they agree, or the file with the labels with --truth"
        )
    images = replace(images, space=_space(subjects))
    every, limit = len(images), settings.limit or len(images)
    drawn = np.random.default_rng(settings.seed).choice(every, min(limit, every), replace=False)
    parts = _Comparing(subjects, images)
    found = Evaluator(
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
        if sums.images and first in found.found and second in found.found
    )
    left_out = {images.samples[k].name: why for k, why in found.left_out.items()}
    return Agreements(pairs, found.failed, left_out, len(drawn) / max(found.seconds, 1e-9))


def _space(subjects: Sequence[EvaluatedEntry]) -> LabelSpace:
    """Classes in which all entries can be compared."""
    known = [one.labels for one in subjects if one.labels.classes]
    if any(space.name.startswith(IMAGENET_1K.name) for space in known) or not known:
        return IMAGENET_1K
    return known[0]


def _add(
    sums: _Sums, first: NDArray[np.float64], second: NDArray[np.float64], images: Sequence[int]
) -> None:
    import numpy as np
    from scipy.spatial.distance import jensenshannon

    top = min(5, first.shape[1])
    orders = [np.argsort(-one, axis=1, kind="stable")[:, :top] for one in (first, second)]
    sums.changed += int((orders[0][:, 0] != orders[1][:, 0]).sum())
    sums.common += sum(len(np.intersect1d(one, other)) for one, other in zip(*orders, strict=True))
    divergence = np.nan_to_num(jensenshannon(first, second, base=2, axis=1) ** 2)
    sums.images += len(first)
    sums.divergence += float(divergence.sum())
    worst = [*sums.worst, *zip(divergence.tolist(), images, strict=True)]
    sums.worst = sorted(worst, key=lambda one: (-one[0], one[1]))[:_WORST]


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
