"""The result of a pass over a data set, collected from its checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.checkpoints import Part
from zoodiff.accuracy.classes.constant_outputs import constant_classes
from zoodiff.accuracy.predictions import Predictions
from zoodiff.accuracy.subject import EvaluatedEntry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PassOptions:
    """Options of a pass: images to run, resources, callbacks; only ``seed`` changes answers."""

    pipelines: int = 1
    """Number of pipelines that run in parallel."""
    batch: int = 16
    seed: int = 0
    """Seed of random weights."""
    numbers: Sequence[int] | None = None
    """Numbers of the images to run; None for all."""
    first: int = 0
    """Number of the first part, if earlier parts of the data set belong to other shards."""
    step: Callable[[int, int], None] = lambda done, of: None
    """Called with the number of finished images and the total."""
    trying: Callable[[str], None] = lambda text: None
    """Called with what is tried in the next steps, in words."""
    enough: Callable[[Part], bool] | None = None
    """Called with each part in the order of the images; returns whether to stop."""


@dataclass(frozen=True)
class Repeated:
    """How answers changed when some images were run again, one at a time in reverse order."""

    images: int
    changed: int
    """Number of images whose best output changed."""
    deviation: float
    """Largest difference of outputs, relative to their spread."""


@dataclass
class Evaluation:
    """The result of a pass. Rows are the decoded images in the order of the data set."""

    images: NDArray[np.int64]
    """(images,), numbers of the images that all entries saw."""
    labels: NDArray[np.int64]
    """(images,), classes of the data set; -1 for none."""
    hashes: list[bytes]
    """sha256 of the bytes of every image that was read, decoded or not."""
    predictions: dict[str, Predictions]
    """By the names of the entries."""
    left_out: dict[int, str]
    """Images that could not be decoded, and why."""
    failed: dict[str, str]
    """Entries that could not be run, and why."""
    loaded: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What workers reported on loading, by handle of the entry."""
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    """Versions of libraries by entry, including those of the decoder."""
    repeated: dict[str, Repeated] = field(default_factory=dict)
    """Results of the images that were run twice, by entry."""
    constant: dict[str, list[int]] = field(default_factory=dict)
    """Classes whose output is the same for all images, by entry."""
    seconds: float = 0.0
    done_now: int = 0
    """Images finished in this run, without those of an interrupted run before it."""


def collect(
    subjects: Sequence[EvaluatedEntry],
    parts: Sequence[Part],
    failed: Mapping[str, str],
    seconds: float,
) -> Evaluation:
    """Return the evaluation from all checkpoints of a pass.

    ``failed`` has the reasons of missing entries. Versions, weights and repeated images are taken
    from the checkpoints, which other processes may have written.
    """
    import numpy as np

    reasons = dict(failed)
    loaded: dict[str, dict[str, Any]] = {}
    versions: dict[str, dict[str, str]] = {}
    repeated: dict[str, Repeated] = {}
    for subject in subjects:
        if any(subject.name not in part.predictions for part in parts):
            reasons.setdefault(subject.name, "it did not answer for all images")
        for facts in (part.facts[subject.name] for part in parts if subject.name in part.facts):
            loaded.setdefault(subject.handle, facts["loaded"])
            versions.setdefault(subject.name, {**facts["versions"], **facts["decoder"]})
            if facts["repeated"] is not None:
                repeated.setdefault(subject.name, Repeated(*facts["repeated"]))
    return Evaluation(
        np.array([k for part in parts for k in part.images], dtype=np.int64),
        np.concatenate([part.labels for part in parts]),
        [sha for part in parts for sha in part.hashes],
        {
            subject.name: Predictions.joined(
                [part.predictions[subject.name].arrays() for part in parts]
            )
            for subject in subjects
            if subject.name not in reasons
        },
        {k: reason for part in parts for k, reason in part.left_out.items()},
        reasons,
        loaded,
        versions,
        repeated,
        {
            subject.name: _constant(subject.name, parts)
            for subject in subjects
            if all(
                subject.name in part.facts and subject.name in part.predictions for part in parts
            )
        },
        seconds,
    )


def _constant(name: str, parts: Sequence[Part]) -> list[int]:
    """Return the classes whose output is the same for all images."""
    classes = max((int(p.predictions[name].rank.max(initial=0)) for p in parts), default=0)
    every = [part.facts[name].get("constant") for part in parts]
    known = [constants for constants in every if constants is not None]
    return constant_classes(known, classes) if len(known) == len(every) else []
