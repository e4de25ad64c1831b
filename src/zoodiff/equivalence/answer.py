"""The answer to whether two networks compute the same function, and the causes if they do not."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from zoodiff.display import Displayed, Shown

Relation = Literal[
    "same function",
    "same network, preprocessing inside one",
    "same network, other precision",
    "different functions",
    "not decided",
]
"""How two networks are related; ``same_function`` is true for the first only."""


@dataclass(frozen=True)
class OutputsEvidence:
    """What running both showed. Deviations are relative to the spread of the first's outputs."""

    compared: bool
    reason: str = ""
    """Why the outputs were not compared, or what limits the comparison."""
    where: str = ""
    """Where they were run."""
    inputs: int = 0
    """On how many generated inputs."""
    deviation: float | None = None
    """The largest."""
    rounding: float | None = None
    """The deviation that rounding explains."""
    probe: str = ""
    """The input with the largest deviation relative to what rounding explains."""
    in_double: float | None = None
    """The largest deviation in zoodiff's interpreter, in double precision."""
    undone: float | None = None
    """The deviation left in double precision when every named finding is undone."""
    other_best: int = 0
    """Number of inputs for which the two predict different classes."""
    classes: bool = False
    """Whether the outputs are one vector per image, so that there is a best class."""


@dataclass(frozen=True)
class WeightsEvidence:
    """What comparing the weights showed."""

    compared: bool
    reason: str = ""
    """Why they were not compared."""
    sameness: str = ""
    """One of ``weight_diff.Sameness``, or "drawn" for weights that were put in."""
    layers: int = 0
    differing: int = 0
    relations: tuple[str, ...] = ()
    """How the weights that differ are related, one sentence each."""


@dataclass(frozen=True)
class GraphEvidence:
    """What comparing the graphs showed."""

    aligned_layers: int
    of_effect: tuple[str, ...]
    """Codes of the findings that may change the function."""
    without_effect: tuple[str, ...]
    """Codes of the findings that change no function."""


@dataclass(frozen=True)
class Domain:
    """For which inputs the answer holds."""

    sizes: tuple[str, ...] = ()
    batches: tuple[int, ...] = ()
    precisions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Where the networks part outside of it, one sentence each."""
    inputs: tuple[str, ...] = ()
    """What named inputs were given, and inputs that nothing reads, one sentence each."""
    outputs: tuple[str, ...] = ()
    """Which outputs were compared with which; empty for a single one."""


@dataclass(frozen=True)
class Evidence:
    """What an answer rests on."""

    outputs: OutputsEvidence
    weights: WeightsEvidence
    graph: GraphEvidence


@dataclass(frozen=True, repr=False)
class Answer(Displayed):
    """Whether two networks compute the same; ``same_function`` is None where it is not known."""

    relation: Relation
    sentence: str
    evidence: Evidence
    reason: str = ""
    """Why it is not decided."""
    because: tuple[str, ...] = ()
    """Codes of the findings for which the functions differ, and "weights" where these do."""
    up_to: tuple[str, ...] = ()
    """Codes of the findings that change nothing here."""
    domain: Domain = field(default_factory=Domain)

    @property
    def same_function(self) -> bool | None:
        """Whether the two compute the same function; None if undecided."""
        if self.relation == "not decided":
            return None
        return self.relation == "same function"

    def __bool__(self) -> bool:
        raise TypeError(
            "an answer is neither true nor false, since it may be undecided; "
            "look at .same_function, which is True, False or None"
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {"same_function": self.same_function, **_plain(asdict(self))}

    def _shown(self) -> Shown:
        same = self.same_function
        return Shown(
            self.sentence,
            [
                ("same function", "not known" if same is None else same),
                ("because", self.because or self.reason or self.up_to),
                ("outputs", self.evidence.outputs.where or self.evidence.outputs.reason),
                ("weights", self.evidence.weights.sameness or self.evidence.weights.reason),
            ],
        )

    def _rows(self) -> list[dict[str, Any]]:
        return [self.to_dict()]


def _plain(value: Any) -> Any:
    """Lists for tuples, and text for numbers that JSON lacks."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
