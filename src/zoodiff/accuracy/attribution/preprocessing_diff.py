"""Compares the effective preprocessing of two entries, including their input stages."""

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
    """The preprocessing of one of the two entries."""

    name: str
    spec: Preprocessing
    defaulted: tuple[str, ...]
    """Fields that the entry does not publish."""
    effective: Effective | None
    """None if the network's graph could not be read."""
    problem: str
    """Why the network's graph could not be read."""

    @property
    def warning(self) -> tuple[str, str] | None:
        """Code and sentence of pixels that are scaled twice or not at all."""
        return scaling_warning(self.effective) if self.effective else None


@dataclass(frozen=True)
class PreprocessingDiff:
    """The factors in which the effective preprocessing of two entries differs."""

    findings: tuple[Difference, ...]
    sides: tuple[EntryPreprocessing, EntryPreprocessing]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "findings": [asdict(finding) for finding in self.findings],
            "preprocessing": [side.spec.to_dict() for side in self.sides],
            "not_published": [list(side.defaulted) for side in self.sides],
            "effective": [side.effective and asdict(side.effective) for side in self.sides],
            "warnings": [side.warning and side.warning[0] for side in self.sides],
        }


def scaling_warning(preprocessing: Effective) -> tuple[str, str] | None:
    """Return the code and sentence of a scaling error in an effective preprocessing, or None."""
    if preprocessing.warning is None:
        return None
    code, words = _WARNINGS[preprocessing.warning]
    low, high = (
        min(preprocessing.offset),
        max(o + 255 * s for s, o in _scale_and_offset(preprocessing)),
    )
    return code, f"{words}; its channels are fed {low:.3g} to {high:.3g}"


def compare_preprocessing(engine: WorkerPool, first: Entry, second: Entry) -> PreprocessingDiff:
    """Compare the preprocessing of two entries; reads the input stages of networks built without
    weights.

    Raises UsageError if fields of a preprocessing contradict each other.
    """
    return diff_preprocessing(
        _entry_preprocessing(engine, evaluated_entry(engine, first)),
        _entry_preprocessing(engine, evaluated_entry(engine, second)),
    )


def diff_preprocessing(first: EntryPreprocessing, second: EntryPreprocessing) -> PreprocessingDiff:
    """Compare two effective preprocessings."""
    words = differing(first.spec, second.spec)
    if first.effective and second.effective:
        left, right = first.effective, second.effective
        for factor in ("normalisation", "channel order"):
            words.pop(factor, None)
        if left.channels != right.channels:
            words["channel order"] = (left.channels, right.channels)
            # Scale and offset follow the order of channels; compare those of the same colour.
            reordered = right
            if "grey" not in {left.channels, right.channels}:
                reordered = replace(right, scale=right.scale[::-1], offset=right.offset[::-1])
            right = replace(reordered, channels=left.channels, warning=None)
        if not left.same(right):
            words["normalisation"] = (left.numbers(), second.effective.numbers())
    findings = tuple(Difference(CODES[factor], factor, *both) for factor, both in words.items())
    findings = tuple(sorted(findings, key=lambda finding: finding.code))
    return PreprocessingDiff(findings, (first, second))


def _entry_preprocessing(engine: WorkerPool, subject: EvaluatedEntry) -> EntryPreprocessing:
    input_stage: InputStage | None = None
    problem = ""
    try:
        input_stage = input_stage_of(engine, subject.entry)
    except ZoodiffError as error:
        problem = str(error)
    preprocessing = None if input_stage is None else effective(subject.spec, input_stage)
    return EntryPreprocessing(subject.name, subject.spec, subject.defaulted, preprocessing, problem)


def _scale_and_offset(preprocessing: Effective) -> list[tuple[float, float]]:
    return list(zip(preprocessing.scale, preprocessing.offset, strict=True))
