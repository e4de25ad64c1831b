"""What is said of a preprocessing that fits a network better than the given one.

A *finding* contradicts what the user stated. A change of zoodiff's default, or of the recipe that a
zoo publishes, is a *choice*: the note says what fits better, and by how much.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zoodiff.preprocessing.conventions import FIELDS, Factor
from zoodiff.preprocessing.spec import Preprocessing
from zoodiff.stats.intervals import Estimate

Origin = Literal["stated", "default", "published"]
"""Who chose a value: the user, zoodiff by default, or the zoo or file that publishes it."""
LEAST_POINTS = 0.05
"""Gain in top-1 points below which it is not printed."""
_WHOLE: tuple[Factor, ...] = ("normalisation", "crop")
"""Factors whose fields have a meaning together only."""
_CHOSEN: dict[Origin, str] = {"default": "zoodiff's default", "published": "the published one"}


@dataclass(frozen=True)
class Origins:
    """Who chose the fields of a preprocessing; all others are published."""

    stated: Collection[str] = ()
    defaulted: Collection[str] = ()

    def of(self, factor: Factor, given: Preprocessing, fits: Preprocessing) -> Origin:
        """Return who chose the given value of a factor."""
        fields = [
            field
            for field in FIELDS[factor]
            if factor in _WHOLE or getattr(given, field) != getattr(fits, field)
        ]
        if any(field in self.stated for field in fields):
            return "stated"
        return "default" if any(field in self.defaulted for field in fields) else "published"


UNSTATED = Origins()
"""Origins of a preprocessing of which the user stated nothing."""


@dataclass(frozen=True)
class Suggestion:
    """A change of preprocessing or labels with which the answers are better."""

    code: str
    factor: str
    given: str
    fits: str
    points: Estimate | None
    """Gain in top-1 points of this change, after all others; None if the labels do not fit."""
    p_value: float
    """Corrected for all preprocessings that were tried."""
    origin: Origin = "stated"
    """Who chose the given value."""

    @property
    def gains(self) -> bool:
        """Whether the gain in top-1 is positive."""
        return self.points is not None and self.points.value >= LEAST_POINTS

    @property
    def finding(self) -> bool:
        """Whether it contradicts what the user stated; otherwise it is a choice."""
        return self.factor == "labels" or (self.origin == "stated" and self.gains)


@dataclass(frozen=True)
class NearRecipe:
    """A recipe that is nearly the one that fits, and whether the images tell them apart."""

    factor: Factor
    fits: str
    near: str
    apart: str
    """What tells the two apart, in words."""
    changed: int
    """Number of images that get another class."""
    p_value: float
    """Two-sided, that both fit equally well, corrected for the near recipes that were tried."""
    better: Literal["fits", "near"] | None
    """The recipe that fits significantly better; None if these images do not tell."""


@dataclass(frozen=True)
class Inference:
    """The preprocessing that fits a network best, and its differences from the given one."""

    given: Preprocessing
    fits: Preprocessing
    suggestions: tuple[Suggestion, ...]
    top1_given: float
    """Top-1 in percent with the given preprocessing and labels."""
    top1_fits: float
    """Top-1 in percent with all suggestions."""
    images: int
    trials: int
    """Number of other preprocessings and readings of the labels that were tried."""
    near: tuple[NearRecipe, ...] = ()
    """Recipes that are nearly ``fits``."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        values = asdict(self)
        for plain, suggestion in zip(values["suggestions"], self.suggestions, strict=True):
            plain["finding"] = suggestion.finding
        return values


def sentences(inference: Inference) -> list[tuple[str, str]]:
    """Return the code and a sentence per finding."""
    lines = []
    for suggestion in inference.suggestions:
        if not suggestion.finding:
            continue
        gain = f" gives {_points(suggestion.points)} points" if suggestion.gains else ""
        if suggestion.factor == "labels":
            words = f"{suggestion.fits}{gain and f'; reading them so{gain}'}"
        else:
            words = (
                "the preprocessing is not the one that it was trained with: "
                f"{suggestion.factor} {suggestion.fits} instead of {suggestion.given}{gain}"
            )
        lines.append((suggestion.code, words))
    return lines


def notes(inference: Inference) -> list[str]:
    """Return a sentence per choice that fits better, and per near recipe that matters."""
    choices = [item for item in inference.suggestions if not item.finding]
    changed = {item.factor for item in inference.suggestions}
    relevant = [i for i in inference.near if i.better == "near" or i.factor in changed]
    return [
        *(_choice(item, inference.images) for item in choices),
        *(_near(item, inference.images) for item in relevant),
    ]


def _choice(item: Suggestion, images: int) -> str:
    given = item.given
    if item.origin != "stated":
        given = f"{given}, {_CHOSEN[item.origin]}"
    if item.gains:
        return (
            f"{item.factor} {item.fits} fits better than {given}: "
            f"{_points(item.points)} points on {images} images"
        )
    reason = "the labels do not fit" if item.points is None else "top-1 does not rise with it"
    return (
        f"{item.factor} {item.fits} fits the probabilities of {images} images better than "
        f"{given}; {reason}"
    )


def _near(item: NearRecipe, images: int) -> str:
    words = f"{item.factor} {item.fits} and {item.near} are nearly one: {item.apart}"
    if item.better is None:
        return f"{words}; these {images} images do not tell them apart"
    better = item.fits if item.better == "fits" else item.near
    return f"{words}; {better} fits these {images} images better"


def _points(value: Estimate | None) -> str:
    assert value is not None
    return f"{value.value:+.1f} [{value.low:+.1f}, {value.high:+.1f}]"
