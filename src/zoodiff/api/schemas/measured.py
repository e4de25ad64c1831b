"""What ``zoodiff accuracy`` and ``zoodiff latency`` print."""

from __future__ import annotations

from typing import NotRequired, get_type_hints

from typing_extensions import TypedDict

from zoodiff.accuracy.agreement import Agreement
from zoodiff.accuracy.attribution.preprocessing import Explanation
from zoodiff.accuracy.attribution.suggestions import Inference, Suggestion
from zoodiff.accuracy.classes.class_comparison import NamedClasses
from zoodiff.accuracy.classes.class_findings import ClassFinding
from zoodiff.accuracy.comparison import Row
from zoodiff.accuracy.pairs import Pair
from zoodiff.api.schemas.generation import object_of
from zoodiff.host.environment import Environment
from zoodiff.host.peaks import Peaks
from zoodiff.latency.attribution import layer_profile
from zoodiff.latency.attribution.decomposition import RatioParts
from zoodiff.latency.attribution.roofline import Roofline
from zoodiff.latency.cold_start import Spread
from zoodiff.latency.comparison import Timings
from zoodiff.latency.findings import LatencyFinding
from zoodiff.latency.mlperf_scenarios import Outcome
from zoodiff.latency.sweep_result import Crossing, LeftOut
from zoodiff.stats.drift import Drift
from zoodiff.stats.intervals import Estimate
from zoodiff.store.records import Failure, Record

Classes = object_of(NamedClasses, without=("finding",), **get_type_hints(object_of(ClassFinding)))


class DataFacts(TypedDict):
    """The data set."""

    name: str
    layout: str
    images: int


class AccuracyComparison(TypedDict):
    """The accuracies, and every pair of entries on the same images."""

    rows: list[Row]
    pairs: list[Pair]
    within: float
    """Percentage points within which entries count as the same."""
    notes: list[str]
    class_findings: list[Classes]


Suggested = object_of(Suggestion, finding=bool)
Inferred = object_of(Inference, without=("suggestions",), suggestions=list[Suggested])


class AccuracyDocument(TypedDict):
    """Accuracies on labelled images."""

    data: DataFacts
    left_out: dict[str, str]
    """Images that could not be decoded, with the reason."""
    notes: list[str]
    failures: list[Failure]
    comparison: AccuracyComparison | None
    """None if no entry could be measured."""
    records: list[Record]
    inferences: NotRequired[dict[str, Inferred]]
    """The preprocessing that fits best, by entry, with ``--infer-preprocessing``."""
    explanations: NotRequired[list[Explanation]]
    """The causes of differences, with ``--explain``."""
    warnings: NotRequired[dict[str, str]]
    """Codes of scaling errors, by entry."""
    problems: NotRequired[list[str]]


class AgreementDocument(TypedDict):
    """How far entries agree on images without labels."""

    pairs: list[Agreement]
    failed: dict[str, str]
    left_out: dict[str, str]
    images_per_second: float
    class_findings: list[Classes]
    unopened: NotRequired[dict[str, str]]
    """Entries that could not be opened, with the reason."""


Parts = object_of(RatioParts, rest=float)
ProfileRow = object_of(layer_profile.Row, difference_ms=float, share=float | None)


class ProfileGroup(TypedDict):
    """Layers of one kind, milliseconds of each network."""

    group: str
    a_ms: float
    b_ms: float


class Profile(TypedDict):
    """Where the difference of two latencies is, by layer."""

    a: str
    b: str
    a_ms: float
    b_ms: float
    runs: int
    groups: list[ProfileGroup]
    rows: list[ProfileRow]


class PairAttribution(TypedDict):
    """The causes of one ratio."""

    first: str
    second: str
    parts: Parts
    profile: Profile | None
    profile_reason: str
    """Why there is no profile."""


PeakFacts = object_of(
    Peaks, macs_per_second=float, bytes_per_second=float, ridge_macs_per_byte=float
)
RooflineFacts = object_of(
    Roofline,
    macs=int,
    weights_bytes=int,
    activations_bytes=int,
    intensity_macs_per_byte=float,
    roof_ms=float,
    memory_share=float,
    attained_native=float | None,
    attained_reference=float | None,
)


class PeakMemory(TypedDict):
    """Peak resident memory in bytes, up to each stage."""

    before_loading: int
    loaded: int
    after_running: int


class ColdStart(TypedDict):
    """The start of an entry in fresh processes."""

    name: str
    entry: str
    batch: int
    threads: int
    conditions: dict[str, str]
    processes: int
    stages_seconds: dict[str, Spread]
    total_seconds: Spread
    second_seconds: Spread
    steady_seconds: Spread
    checks_seconds: float
    peak_rss_bytes: PeakMemory
    weights_bytes: int | None


class SweepCell(TypedDict):
    """An entry at a batch size and number of threads."""

    name: str
    threads: int
    batch: int
    has_interval: bool
    latency_ms: Estimate
    images_per_second: Estimate
    rounds_ms: list[list[float]]
    """One list per process."""
    drifting: Drift | None


class Place(TypedDict):
    """A batch size and a number of threads."""

    threads: int
    batch: int


class SweepFacts(TypedDict):
    """Latencies over batch sizes and threads."""

    cells: list[SweepCell]
    best: dict[str, Place]
    """Where an entry processes the most images per second."""
    left_out: list[LeftOut]
    crossings: list[Crossing]
    seconds: float
    needed_seconds: float | None


Offline = object_of(Outcome, batch=int)
ServerTrial = object_of(Outcome, rate=float, held=bool, shown=bool, late=int, late_share=Estimate)


class ServerFacts(TypedDict):
    """The search for the largest rate within a latency bound."""

    bound_ms: float
    percentile: float
    rate: float | None
    note: str
    trials: list[ServerTrial]


class ScenarioFacts(TypedDict):
    """MLPerf's scenarios of one entry."""

    name: str
    entry: str
    threads: int
    conditions: dict[str, str]
    single_stream: Outcome
    offline: Offline
    server: ServerFacts


EnvironmentFacts = object_of(Environment, digest=str)
LatencyDocument = object_of(
    Timings,
    findings=list[LatencyFinding],
    why=NotRequired[list[PairAttribution]],
    peaks=NotRequired[PeakFacts | None],
    rooflines=NotRequired[list[RooflineFacts]],
    cold=NotRequired[list[ColdStart]],
    sweep=NotRequired[SweepFacts],
    scenarios=NotRequired[list[ScenarioFacts]],
    environment=NotRequired[EnvironmentFacts],
)
__all__ = ["AccuracyDocument", "AgreementDocument", "LatencyDocument"]
