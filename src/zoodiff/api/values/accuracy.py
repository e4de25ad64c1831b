"""The types of an ``AccuracyReport``'s parts."""

from __future__ import annotations

from zoodiff.accuracy.agreement import Agreement, Agreements
from zoodiff.accuracy.attribution.preprocessing import Explanation
from zoodiff.accuracy.attribution.session import Attribution
from zoodiff.accuracy.attribution.suggestions import Inference, notes, sentences
from zoodiff.accuracy.classes.class_comparison import NamedClasses
from zoodiff.accuracy.comparison import Comparison
from zoodiff.accuracy.measure import Outcome
from zoodiff.accuracy.pairs import Pair
from zoodiff.data.images import ImageSet
from zoodiff.stats.intervals import Estimate

__all__ = [
    "Agreement",
    "Agreements",
    "Attribution",
    "Comparison",
    "Estimate",
    "Explanation",
    "ImageSet",
    "Inference",
    "NamedClasses",
    "Outcome",
    "Pair",
    "notes",
    "sentences",
]
