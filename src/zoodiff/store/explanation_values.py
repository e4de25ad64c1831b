"""The values of a record of the causes of a difference in accuracy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from zoodiff.results import Interval, Strict


class PartValues(Strict):
    """One cause in an explanation, with its percentage points of the difference."""

    kind: str
    what: str
    code: str | None
    first: str
    second: str
    """The values of the two entries."""
    points: Interval


class ConfirmationValues(Strict):
    """The main cause, confirmed by applying it to the second entry."""

    what: str
    code: str
    points: Interval
    confirmed: bool


class NamedValues(Strict):
    """A finding about one entry: a convention that fits better, or a scaling error."""

    code: str
    entry: str
    words: str


class ExplanationValues(Strict):
    """The causes of the difference in top-1 between the record's entry and ``other``."""

    kind: Literal["explanation"] = "explanation"
    other: str
    images: int
    total: Interval | None
    """Percentage points, the record's entry minus ``other``; None if it was not decomposed."""
    parts: list[PartValues] = Field(default_factory=list)
    """The parts add up to the total, level by level; see
    ``zoodiff.accuracy.attribution.preprocessing``."""
    confirmation: ConfirmationValues | None = None
    named: list[NamedValues] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    problems: list[str] = Field(default_factory=list)
