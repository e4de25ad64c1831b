"""The fields of the page's document. Texts are untrusted until ``encode`` has written them."""

from __future__ import annotations

from dataclasses import dataclass

from zoodiff.report.disagreements import DisagreementRow
from zoodiff.report.sections.standing import Level


@dataclass(frozen=True)
class Cell:
    """A number of a table: ``text`` to show, ``exact`` in words, ``sort`` to order by."""

    text: str
    exact: str | None = None
    sort: float | None = None


@dataclass(frozen=True)
class Measured:
    """A measured value with its interval."""

    value: float
    low: float
    high: float
    level: float
    text: str
    exact: str
    """The value, its interval, and what it was measured on, in words."""
    samples: tuple[float, ...] = ()
    """Of latency: the median of each round, milliseconds; of many rounds, evenly chosen ones."""
    doubts: tuple[str, ...] = ()
    """Plausibility checks that failed, or other activity of the machine."""


@dataclass(frozen=True)
class EntryFacts:
    """An entry with one set of weights."""

    name: str
    zoo: str
    weights: str
    untrained: bool
    """Whether its predictions mean nothing: random and placeholder weights."""
    graph: int | None
    """Number of its graph among those of the architecture; None if it is not known."""
    fingerprint: str | None
    input: Cell
    parameters: Cell
    macs: Cell
    layers: Cell
    latency: tuple[Measured, ...]
    top1: tuple[Measured, ...]
    top5: tuple[Measured, ...]
    remarks: tuple[str, ...]
    failed: tuple[str, ...]
    """Kinds of measurement that failed."""


@dataclass(frozen=True)
class SourceFacts:
    """Where a claim is published; ``url`` begins with http."""

    text: str
    url: str | None
    detail: str | None


@dataclass(frozen=True)
class ClaimFacts:
    """A published top-1 accuracy, percent."""

    label: str
    zoo: str
    top1: float
    source: SourceFacts | None
    doubtful: str | None
    copied: bool
    compared: bool
    """Whether it is one of the two claims of the study's ranking."""


@dataclass(frozen=True)
class FindingFacts:
    """A named difference between two graphs."""

    code: str
    name: str
    effect: bool
    left: str
    right: str
    count: int
    noun: str
    places: str


@dataclass(frozen=True)
class DifferenceFacts:
    """What differs between two graphs of an architecture, by their numbers."""

    first: int
    second: int
    entries: tuple[str, str]
    """The entries whose graphs were compared; ``left`` of a finding is of the first."""
    level: Level
    answer: str
    sentence: str
    findings: tuple[FindingFacts, ...]
    more: int
    """Findings that are not listed."""
    fingerprints: tuple[str | None, ...]
    structures: tuple[str | None, ...]
    picture: str | None
    """Name of the picture among the page's pictures; None if the pair was not drawn."""
    page: str | None
    """Path of the picture as a page of its own, if there is one."""


@dataclass(frozen=True)
class RowFacts:
    """A discrepancy of one ranking: ``high`` is the higher accuracy or the slower entry."""

    metric: str
    rank: int
    high: str
    low: str
    values: tuple[str, str]
    difference: str
    interval: str | None
    verdict: str
    why: tuple[tuple[str, str], ...]
    """Codes with words, the largest part first."""
    note: str | None
    doubtful: str | None
    contingency: tuple[int, int, int, int] | None
    """Images named correctly by both, by ``high`` alone, by ``low`` alone, by neither."""
    same_answer: int | None
    """Images to which both give the same class, right or wrong."""
    disagreements: tuple[DisagreementRow, ...]
    """Images to which the two give different classes, with both answers."""
    noise_percent: float | None
    """Of latency: the noise of the run, where it is known."""
    factors: tuple[tuple[str, str, float, float, float], ...]
    """Of latency: code, what it is, value and interval of each factor of the ratio."""
    layers: tuple[tuple[str, str, float, float, tuple[str, ...]], ...]
    """Of latency: name, operator, milliseconds of ``high`` and ``low`` and codes of the layers that
    differ most in the reference runtime; the last is the sum of all others, without an operator."""
    no_layers: str
    """Of latency: why the layers were not timed, where that was tried."""
    numbers: tuple[float, float, float] | None
    """The difference with the ends of its interval, where there is one."""


@dataclass(frozen=True)
class PartFacts:
    """A part of a difference in accuracy, percentage points; depth 0 is the whole."""

    depth: int
    code: str
    what: str
    first: str
    second: str
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class AttributionFacts:
    """Where a difference in measured accuracy comes from."""

    first: str
    second: str
    summary: str
    parts: tuple[PartFacts, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class PropertyFacts:
    """A counted property in which entries differ: a text and the letter of its group per entry."""

    name: str
    values: tuple[tuple[str, str, bool], ...]
    """Text, letter, and whether it is not the commonest."""


@dataclass(frozen=True)
class ArchitectureFacts:
    """Entries that are compared with each other."""

    name: str
    level: Level | None
    """The worst answer; None where no two entries were described."""
    summary: str
    entries: tuple[EntryFacts, ...]
    graphs: tuple[tuple[str, ...], ...]
    """Entries by graph."""
    differences: tuple[DifferenceFacts, ...]
    claims: tuple[ClaimFacts, ...]
    rows: tuple[RowFacts, ...]
    attributions: tuple[AttributionFacts, ...]
    columns: tuple[str, ...]
    """The entries of ``properties``."""
    properties: tuple[PropertyFacts, ...]
    because: str
    """Why counts differ where no difference of graphs has an effect."""


@dataclass(frozen=True)
class PointFacts:
    """A network of the chart of accuracy over cost."""

    name: str
    zoo: str
    architecture: str
    top1: float
    measured: bool
    macs: float | None
    """Billions."""
    latency: float | None
    """Milliseconds."""
    size: float | None
    """Megabytes."""


@dataclass(frozen=True)
class RuleFacts:
    """What the code of a finding means."""

    name: str
    cause: str
    consequence: str


@dataclass(frozen=True)
class Document:
    """Everything that the scripts of the page draw."""

    study: str
    title: str
    zoodiff: str
    drawn_by: str | None
    """The zoodiff that drew the pictures, where it is not the one that made the comparisons."""
    no_thumbnails: str | None
    """Why there are no small pictures of images, if they were asked for."""
    architectures: tuple[ArchitectureFacts, ...]
    points: tuple[PointFacts, ...]
    rules: dict[str, RuleFacts]
