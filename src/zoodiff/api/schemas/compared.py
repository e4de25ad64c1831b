"""What ``zoodiff diff`` prints."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from zoodiff.accuracy.attribution.preprocessing_diff import Difference
from zoodiff.api.schemas.generation import object_of
from zoodiff.api.schemas.listed import PublishedPreprocessing
from zoodiff.architecture.diff import Sameness
from zoodiff.equivalence.answer import Answer
from zoodiff.equivalence.proof import Proof
from zoodiff.equivalence.weights.weight_diff import LayerWeights
from zoodiff.equivalence.weights.weight_diff import Sameness as WeightsSameness
from zoodiff.graph.cost import Counts
from zoodiff.preprocessing.effective import Effective
from zoodiff.rules.findings import Finding

FunctionAnswer = object_of(Answer, same_function=bool | None)
NamedFinding = object_of(Finding, without=("differences",))


class Network(TypedDict):
    """A network of the comparison."""

    entry: str
    fingerprint: str | None
    """Of the canonical graph; None for more symmetries than can be searched."""
    structure: str | None
    """Of the structure, which a network and its exports share."""
    counts: Counts
    layers: int
    variants: list[str]


class Relation(TypedDict):
    """How weights of the two are related."""

    kind: str
    sentence: str
    undone: bool | None
    places_a: list[str]
    places_b: list[str]


class ComparedWeights(TypedDict):
    """The weights of aligned layers."""

    sameness: WeightsSameness
    layers: list[LayerWeights]
    relations: list[Relation]


class DiffDocument(TypedDict):
    """Whether two networks compute the same function, and why not."""

    answer: FunctionAnswer
    a: Network
    b: Network
    sameness: Sameness
    """Whether the graphs have the same structure."""
    same_up_to: list[str]
    """Codes of the findings that leave the architecture unchanged."""
    passes_needed: list[str]
    aligned_layers: int
    findings: list[NamedFinding]
    weights: NotRequired[ComparedWeights]
    """Where weights were compared."""
    proof: NotRequired[Proof]
    """With ``--prove``."""


class NotCompared(TypedDict):
    """A second entry that could not be compared."""

    b: str
    error: str


class PreprocessingDocument(TypedDict):
    """How two entries prepare images; each list has the first entry's value, then the second's."""

    findings: list[Difference]
    preprocessing: list[PublishedPreprocessing]
    not_published: list[list[str]]
    """Fields that the zoo does not publish, which were filled in."""
    effective: list[Effective | None]
    warnings: list[str | None]
    """Codes of scaling errors."""
