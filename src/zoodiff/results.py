"""Shared result types: intervals, discrepancies, mismatches, controls.

A leaf: records, claims, latency, accuracy and reports all pass these on.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationInfo,
    model_validator,
)

from zoodiff.text import well_formed_values

READ = {"read": True}
"""The context in which a value is validated that was read from UTF-8."""


class Strict(BaseModel):
    """A value at the border: unknown keys are errors, instances do not change."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    @model_validator(mode="before")
    @classmethod
    def _well_formed(cls, value: object, info: ValidationInfo) -> Any:
        """Names that are no UTF-8 are kept as the text of their escapes."""
        return value if info.context == READ else well_formed_values(value)


class Interval(Strict):
    """A value with a confidence interval at ``level`` (0.95 unless said otherwise)."""

    value: float
    low: float
    high: float
    level: float = 0.95


Verdict = Literal["discrepancy", "within noise", "no difference", "not comparable"]


class Discrepancy(Strict):
    """The difference of two entries of one architecture in one metric.

    ``difference`` is ``high`` minus ``low`` in percentage points for accuracies, and
    ``100 * (slower / faster - 1)`` in percent for latency.
    """

    metric: Literal["claimed_top1", "measured_top1", "latency"]
    architecture: str
    high_entry: str
    low_entry: str
    high: float
    low: float
    unit: Literal["%", "ms"]
    difference: float
    difference_unit: Literal["percentage points", "%"]
    interval: Interval | None
    """Of the difference; None where the source gives no uncertainty (claims)."""
    p_value: float | None = None
    """Holm-corrected for the number of pairs, where a test applies."""
    verdict: Verdict
    high_weights: str
    """published, random, placeholder, trained, or ``claim`` for a published number."""
    low_weights: str
    high_source: str | None = None
    low_source: str | None = None
    note: str | None = None


class Comparison(Strict):
    """Entries that are compared with each other: named together, or of one architecture."""

    kind: Literal["architecture", "latency", "accuracy"]
    name: str
    """The group of the study, or the architecture."""
    entries: list[str]


class Mismatch(Strict):
    """One property in which the entries of an architecture are not the same network."""

    architecture: str
    property: str
    """For example ``parameters``, ``MACs``, ``input size``, ``softmax inside``."""
    values: dict[str, str]
    """Entry -> value as printed; entries that agree are listed too."""
    groups: int
    """Number of distinct values."""
    has_effect: bool = True
    """Whether networks that differ in it differ in what they compute or take; the parameters and
    norms alone may differ because norms are folded or biases of zeros dropped."""


class Control(Strict):
    """The A/A control of a latency run: one entry loaded twice, measured as if it were two."""

    entry: str
    ratio: Interval
    noise_percent: float
    """Differences up to this are not told apart from none in this run."""


class ClaimedRanking(Strict):
    """The discrepancies among claims, with the rules that selected the claims."""

    rows: list[Discrepancy]
    architectures: int
    entries: int
    rules: list[str]
    """One sentence each; inferred rules say so."""
    sensitivity: list[dict[str, Any]]
    """Per alternative rule set: ``rules``, ``first``, ``last``, ``top`` (list of names and
    differences), ``has_published_figures``."""
    notes: list[str]
