"""Compare the effective preprocessing of two entries, including their input stages."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from zoodiff.accuracy.attribution.inference import CODES
from zoodiff.accuracy.input_normalization import input_stage_of
from zoodiff.accuracy.subject import EvaluatedEntry, evaluated_entry
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import ZoodiffError
from zoodiff.graph.input_stage import InputStage
from zoodiff.preprocessing.conventions import Factor, differing
from zoodiff.preprocessing.effective import Effective, ScalingWarning, effective
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.zoos.registry import Entry

_WARNINGS: dict[ScalingWarning, tuple[str, str]] = {
    "scaled twice": ("PRE107", "pixels are scaled outside and again inside the network"),
    "not scaled": (
        "PRE108",
        "pixels reach the first layer as they are, though the network is said to scale them",
    ),
}


@dataclass(frozen=True)
class Difference:
    """One factor in which two preprocessings differ."""

    code: str
    factor: Factor
    left: str
    right: str


@dataclass(frozen=True)
class EntryPreprocessing:
    """One of the two."""

    name: str
    spec: Preprocessing
    defaulted: tuple[str, ...]
    """Fields that the entry does not publish."""
    effective: Effective | None
    problem: str
    """Why the network could not be read."""

    @property
    def warning(self) -> tuple[str, str] | None:
        """Code and words of a scaling that is done twice or never."""
        return scaling_warning(self.effective) if self.effective else None


@dataclass(frozen=True)
class PreprocessingDiff:
    """What differs, as the first layers see it."""

    findings: tuple[Difference, ...]
    sides: tuple[EntryPreprocessing, EntryPreprocessing]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "findings": [asdict(one) for one in self.findings],
            "preprocessing": [side.spec.to_dict() for side in self.sides],
            "not_published": [list(side.defaulted) for side in self.sides],
            "effective": [side.effective and asdict(side.effective) for side in self.sides],
            "warnings": [side.warning and side.warning[0] for side in self.sides],
        }


def scaling_warning(found: Effective) -> tuple[str, str] | None:
    """Return the code and sentence of a scaling error in an effective preprocessing, or None."""
    if found.warning is None:
        return None
    code, words = _WARNINGS[found.warning]
    low, high = (min(found.offset), max(o + 255 * s for s, o in _rows(found)))
    return code, f"{words}; its channels are fed {low:.3g} to {high:.3g}"


def compare_preprocessing(engine: WorkerPool, a: Entry, b: Entry) -> PreprocessingDiff:
    """Compare the preprocessing of two entries; reads the input stages of networks built without
    weights.

    Raises UsageError where fields of a preprocessing do not fit together.
    """
    return diff_preprocessing(
        _entry_preprocessing(engine, evaluated_entry(engine, a)),
        _entry_preprocessing(engine, evaluated_entry(engine, b)),
    )


def diff_preprocessing(one: EntryPreprocessing, other: EntryPreprocessing) -> PreprocessingDiff:
    """Compare two effective preprocessings."""
    words = differing(one.spec, other.spec)
    if one.effective and other.effective:
        left, right = one.effective, other.effective
        for factor in ("normalisation", "channel order"):
            words.pop(factor, None)
        if left.channels != right.channels:
            words["channel order"] = (left.channels, right.channels)
            # Numbers follow the order of channels; compare those of the same colour.
            turned = right
            if "grey" not in {left.channels, right.channels}:
                turned = replace(right, scale=right.scale[::-1], offset=right.offset[::-1])
            right = replace(turned, channels=left.channels, warning=None)
        if not left.same(right):
            words["normalisation"] = (left.numbers(), other.effective.numbers())
    findings = tuple(Difference(CODES[factor], factor, *both) for factor, both in words.items())
    findings = tuple(sorted(findings, key=lambda one: one.code))
    return PreprocessingDiff(findings, (one, other))


def _entry_preprocessing(engine: WorkerPool, one: EvaluatedEntry) -> EntryPreprocessing:
    input_stage: InputStage | None = None
    problem = ""
    try:
        input_stage = input_stage_of(engine, one.entry)
    except ZoodiffError as error:
        problem = str(error)
    found = None if input_stage is None else effective(one.spec, input_stage)
    return EntryPreprocessing(one.name, one.spec, one.defaulted, found, problem)


def _rows(found: Effective) -> list[tuple[float, float]]:
    return list(zip(found.scale, found.offset, strict=True))
