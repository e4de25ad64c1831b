"""The result of a pass over a data set, collected from its checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zoodiff.accuracy.checkpoints import Part
from zoodiff.accuracy.predictions import Predictions
from zoodiff.accuracy.subject import EvaluatedEntry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PassOptions:
    """Which images are run, how, and who is told; nothing but ``seed`` changes an answer."""

    pipelines: int = 1
    """Pairs of a decoding worker and inference workers that work side by side."""
    batch: int = 16
    seed: int = 0
    """Of random weights."""
    numbers: Sequence[int] | None = None
    """Of the images that are run; None for all."""
    first: int = 0
    """Number of the first part, where other parts of the data set are done elsewhere."""
    step: Callable[[int, int], None] = lambda done, of: None
    """Is told the images done, of how many."""
    enough: Callable[[Part], bool] | None = None
    """Is shown each part in the order of the images; says whether no more are needed."""


@dataclass(frozen=True)
class Repeated:
    """Some images run a second time, one by one and the last first."""

    images: int
    changed: int
    """How many have another best output then."""
    deviation: float
    """Largest difference over the spread of the outputs."""


@dataclass
class Evaluation:
    """The result of a pass. Rows are the decoded images in the order of the data set."""

    images: NDArray[np.int64]
    """(n,), numbers of the images that all entries saw."""
    labels: NDArray[np.int64]
    """(n,), classes of the data set; -1 for none."""
    hashes: list[bytes]
    """sha256 of each image's bytes, of all images of the data set."""
    found: dict[str, Predictions]
    """By the names of the entries."""
    left_out: dict[int, str]
    """Images that could not be decoded, and why."""
    failed: dict[str, str]
    """Entries that could not be run, and why."""
    loaded: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What workers said when they loaded them, by handles."""
    versions: dict[str, dict[str, str]] = field(default_factory=dict)
    """By entry, with those of the decoder."""
    repeated: dict[str, Repeated] = field(default_factory=dict)
    """By entry, what became of the images that were run twice."""
    seconds: float = 0.0
    done_now: int = 0
    """Images of this run, without those that an interrupted one had finished."""


def collect(
    subjects: Sequence[EvaluatedEntry],
    parts: Sequence[Part],
    failed: Mapping[str, str],
    seconds: float,
) -> Evaluation:
    """Collect all checkpoints of a pass; ``failed`` has the reasons of missing entries.

    Versions, weights and repeated images are what the parts say, whoever made them.
    """
    import numpy as np

    why = dict(failed)
    loaded: dict[str, dict[str, Any]] = {}
    versions: dict[str, dict[str, str]] = {}
    repeated: dict[str, Repeated] = {}
    for one in subjects:
        if any(one.name not in part.found for part in parts):
            why.setdefault(one.name, "it did not answer for all images")
        for facts in (part.facts[one.name] for part in parts if one.name in part.facts):
            loaded.setdefault(one.handle, facts["loaded"])
            versions.setdefault(one.name, {**facts["versions"], **facts["decoder"]})
            if facts["repeated"] is not None:
                repeated.setdefault(one.name, Repeated(*facts["repeated"]))
    return Evaluation(
        np.array([k for part in parts for k in part.images], dtype=np.int64),
        np.concatenate([part.labels for part in parts]),
        [one for part in parts for one in part.hashes],
        {
            one.name: Predictions.joined([part.found[one.name].arrays() for part in parts])
            for one in subjects
            if one.name not in why
        },
        {k: reason for part in parts for k, reason in part.left_out.items()},
        why,
        loaded,
        versions,
        repeated,
        seconds,
    )
