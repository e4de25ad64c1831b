"""Shared result types: intervals, discrepancies, mismatches, controls.

A leaf module: records, claims, latency, accuracy and reports use these types.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    model_validator,
)

from zoodiff.display import Displayed, Shown
from zoodiff.text import well_formed_values

READ = {"read": True}
"""The pydantic context of values read from UTF-8, which need no escaping."""


class Strict(BaseModel):
    """Base of stored values: unknown keys are errors, instances are immutable."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    @model_validator(mode="before")
    @classmethod
    def _well_formed(cls, value: object, info: ValidationInfo) -> Any:
        """Replace characters that UTF-8 cannot encode by their escapes."""
        return value if info.context == READ else well_formed_values(value)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return self.model_dump(mode="json")


class Interval(Strict):
    """A value with its confidence interval at ``level`` (a fraction, 0.95 by default)."""

    value: float
    low: float
    high: float
    level: float = 0.95


Verdict = Literal["discrepancy", "within noise", "no difference", "not comparable"]


class Cause(Strict):
    """A named reason for a difference, with the part of it that is due to this reason."""

    code: str
    """Code of the finding; see ``zoodiff rules CODE``."""
    words: str


FactorName = Literal["framework", "layers", "inside"]
"""``inside``: pre/post-processing that only one of the two networks contains."""


class RatioFactor(Strict):
    """One of the factors that multiply to a latency ratio, slower over faster."""

    code: str
    """Code of the finding about such a factor; see ``zoodiff rules CODE``."""
    what: FactorName
    ratio: Interval


class LayerTime(Strict):
    """Median milliseconds of two aligned layers, or of a layer that one network lacks."""

    name: str
    """The layer in the first network; in the second if the first lacks it."""
    op: str
    """Its operator; empty for time that belongs to no layer."""
    first_ms: float
    second_ms: float
    codes: list[str] = Field(default_factory=list)
    """Codes of findings about the layers that change what they compute."""


class LayerTimes(Strict):
    """Where the latencies of two networks lie in the reference runtime, per batch.

    The times of the layers and the rest add up to those of the networks, under the profiler.
    """

    first: str
    second: str
    first_ms: float
    second_ms: float
    layers: list[LayerTime]
    """The layers that differ most, the largest difference first; none where ``reason`` says why."""
    rest: LayerTime | None = None
    """The sum of all others."""
    reason: str = ""
    """Why the layers could not be timed."""

    @classmethod
    def without(cls, first: str, second: str, reason: str) -> LayerTimes:
        """Return the reason why two networks have no times of layers."""
        return cls(first=first, second=second, first_ms=0, second_ms=0, layers=[], reason=reason)

    @property
    def exchanged(self) -> LayerTimes:
        """The same with the other network as the first."""

        def turned(time: LayerTime) -> LayerTime:
            return time.model_copy(update={"first_ms": time.second_ms, "second_ms": time.first_ms})

        return LayerTimes(
            first=self.second,
            second=self.first,
            first_ms=self.second_ms,
            second_ms=self.first_ms,
            layers=[turned(layer) for layer in self.layers],
            rest=None if self.rest is None else turned(self.rest),
            reason=self.reason,
        )


class Contingency(Strict):
    """Images by which of two entries names their label, over the images that both saw."""

    both: int
    high_alone: int
    low_alone: int
    neither: int
    same_answer: int | None = None
    """Images to which both give the same class, right or wrong; None if it was not counted. Classes
    that the data set does not have count as different."""


class Discrepancy(Displayed, Strict):
    """The difference between two entries of one architecture in one metric.

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
    """Interval of ``difference``; None for claims, which have no uncertainty."""
    p_value: float | None = None
    """Holm-corrected for the number of pairs, where a test applies."""
    verdict: Verdict
    high_weights: str
    """published, random, placeholder, trained, or ``claim`` for a published number."""
    low_weights: str
    high_source: str | None = None
    low_source: str | None = None
    note: str | None = None
    causes: list[Cause] = Field(default_factory=list)
    """Why the two differ, as far as it was measured; the largest part first."""
    factors: list[RatioFactor] = Field(default_factory=list)
    """Of latency: what the ratio was decomposed into; empty if it was not."""
    layers: LayerTimes | None = None
    """Of latency: the times of layers, ``high`` first; None if they were not timed."""
    doubtful: str | None = None
    """Why one of the two numbers is probably wrong; None if nothing speaks against them."""
    contingency: Contingency | None = None
    """Of measured accuracies: McNemar's table."""

    def _shown(self) -> Shown:
        unit = "points" if self.difference_unit == "percentage points" else "%"
        return Shown(
            f"{self.metric} of {self.architecture}: {self.high_entry} {self.high:g} {self.unit}, "
            f"{self.low_entry} {self.low:g} {self.unit}, {self.difference:.2f} {unit}; "
            f"{self.verdict}",
            list(self.to_dict().items()),
        )

    def _rows(self) -> list[dict[str, Any]]:
        return [self.to_dict()]


class Comparison(Strict):
    """Entries that are compared with each other: named together, or of one architecture."""

    kind: Literal["architecture", "latency", "accuracy"]
    name: str
    """The group of the study, or the architecture."""
    entries: list[str]


class Mismatch(Displayed, Strict):
    """A property in which the entries of one architecture disagree."""

    architecture: str
    property: str
    """For example ``parameters``, ``MACs``, ``input size``, ``softmax inside``."""
    values: dict[str, str]
    """Entry -> value as printed; entries that agree are listed too."""
    groups: int
    """Number of distinct values."""
    has_effect: bool = True
    """Whether the property changes what a network computes or accepts. Numbers of parameters and
    norms may differ without effect, because norms are folded or zero biases dropped."""

    def _shown(self) -> Shown:
        rows = [{"entry": entry, self.property: value} for entry, value in self.values.items()]
        return Shown(f"{self.property} of {self.architecture}: {self.groups} values", rows=rows)


class Control(Strict):
    """The A/A control of a latency run: one entry loaded and timed twice."""

    entry: str
    ratio: Interval
    noise_percent: float
    """Differences up to this percentage are within the noise of this run."""


class ClaimedRanking(Strict):
    """The discrepancies among claims, with the rules that selected the claims."""

    rows: list[Discrepancy]
    architectures: int
    entries: int
    rules: list[str]
    """One sentence per rule; inferred rules say so."""
    sensitivity: list[dict[str, Any]]
    """Per alternative rule set: ``rules``, ``first``, ``last``, ``top`` (list of names and
    differences), ``has_published_figures``."""
    notes: list[str]
