"""What commands print about entries, zoos, claims and the results folder."""

from __future__ import annotations

from typing import NotRequired

from typing_extensions import TypedDict

from zoodiff.api.schemas.generation import object_of
from zoodiff.api.zoos import ZooState
from zoodiff.architecture.graph_holdings import IndexSummary
from zoodiff.architecture.graph_index import ExportedIndex
from zoodiff.architecture.names_table import NameRow
from zoodiff.architecture.naming import NameFinding
from zoodiff.claims.candidates import Candidate
from zoodiff.claims.catalogue import Claim
from zoodiff.claims.front import Standing
from zoodiff.claims.machines import Conditions, MachineRanking
from zoodiff.claims.times import LatencyClaim
from zoodiff.data.labels import LabelSpace
from zoodiff.graph.cost import Counts
from zoodiff.graph.ir import Node
from zoodiff.preprocessing.spec import CropRounding, Preprocessing
from zoodiff.recipes.attribution import Cause
from zoodiff.recipes.by_name import AuditedRecipe
from zoodiff.recipes.difference import Difference
from zoodiff.recipes.findings import RecipeFinding
from zoodiff.recipes.steps import Step
from zoodiff.report.changes import Kind
from zoodiff.rules.rule import Effect
from zoodiff.store.bundle import Exported
from zoodiff.store.collect import Waste
from zoodiff.store.records import Failure
from zoodiff.store.verify import Problem
from zoodiff.workers.sandbox.available import Protection
from zoodiff.zoos.base import Weights

PublishedPreprocessing = object_of(
    Preprocessing,
    without=("rounded", "crop_rounding"),
    rounded=NotRequired[bool],
    crop_rounding=NotRequired[CropRounding],
)
ClaimOfZoo = object_of(Claim, without=("entry",), entry=str | None)


class Facts(TypedDict):
    """What ``zoodiff show`` knows of an entry."""

    entry: str
    architecture: str
    zoo: str
    weights: dict[str, Weights]
    """The weights of the model, by name."""
    input_shape: list[int]
    labels: LabelSpace
    preprocessing: PublishedPreprocessing
    note: str | None
    claims: list[Claim]
    counts: NotRequired[Counts]
    """Of the network, unless ``--catalogue-only`` leaves it out."""
    fingerprint: NotRequired[str | None]
    layers: NotRequired[list[Node]]
    """The nodes of the graph, with ``--layers``."""


class FingerprintGroups(TypedDict):
    """Entries with the same network."""

    fingerprints: dict[str, list[str]]
    """Entries by the fingerprint that they share."""
    not_described: dict[str, str]
    """Entries that could not be described, with the reason."""


class ErrorFacts(TypedDict):
    """An error: what went wrong, in one sentence."""

    kind: str
    message: str
    exit_code: int


class Error(TypedDict):
    """What a command prints with ``--json`` in place of a result."""

    error: ErrorFacts


NameOfZoos = object_of(
    NameRow,
    without=("interpolations",),
    interpolations=dict[str, int],
    zoos=list[str],
    networks=int,
    not_built=int,
    published=int,
)


class Names(TypedDict):
    """The table of names, and the findings about them."""

    zoos: list[str]
    names: list[NameOfZoos]
    findings: list[NameFinding]
    failures: dict[str, str]
    """Entries that could not be built, with the reason."""


class RecipePair(TypedDict):
    """Two recipes of a name, compared in pixels."""

    first: int
    second: int
    """Places of the two in ``recipes``."""
    same: bool
    whole: Difference | None
    """None if the inputs have other shapes."""
    causes: list[Cause]
    in_words_only: list[Step]
    """Steps that differ in words, and not in pixels."""
    unstated: list[str]
    explained: bool


class RecipesOfName(TypedDict):
    """The recipes that zoos publish for a name."""

    name: str
    recipes: list[AuditedRecipe]
    pairs: list[RecipePair]
    unpublished: int


class Recipes(TypedDict):
    """The audit of recipes."""

    zoos: list[str]
    images: int
    names: list[RecipesOfName]
    findings: list[RecipeFinding]
    failures: dict[str, str]
    absent: dict[str, str]
    """Recipes that are not on this machine, each with what gets it."""


TimeClaim = object_of(LatencyClaim, computed_images_per_second=float | None)


class OtherConditions(TypedDict):
    """Conditions that two machines share, with the number of networks."""

    conditions: Conditions
    networks: int


Ranking = object_of(MachineRanking, without=("alternatives",), alternatives=list[OtherConditions])
Ranked = object_of(Candidate, standing=Standing, reason=str | None, origin=str)


class Which(TypedDict):
    """Candidates, the Pareto front first."""

    rows: list[Ranked]
    left: int
    """Candidates that the filters leave."""
    known: int
    """Candidates before any filter."""
    ranked_by: list[str]
    latency_conditions: str | None


class Zoos(TypedDict):
    """The zoos that are usable here, and the protections of workers."""

    zoos: list[ZooState]
    sandbox: str
    protections: list[Protection]
    broken: dict[str, str]
    """Zoos that cannot be loaded, with the reason."""


class RemovedZoo(TypedDict):
    """A zoo that was removed, and its file."""

    zoo: str
    definition: str


class EnvironmentState(TypedDict):
    """A virtual environment that zoos need."""

    environment: str
    zoos: list[str]
    python: str
    """Its interpreter; empty if it was not made."""
    requirements: list[str]


class RuleText(TypedDict):
    """A rule of ``zoodiff rules``."""

    code: str
    name: str
    effect: Effect
    cause: str
    consequence: str
    advice: str


class DocumentName(TypedDict):
    """A kind of JSON document."""

    document: str
    schema: str
    """Name and version."""
    command: str
    title: str


class ExampleFiles(TypedDict):
    """The files that ``zoodiff example`` wrote."""

    files: list[str]


class ReportFiles(TypedDict):
    """The files of a report."""

    folder: str
    html: str
    markdown: str
    csv: str
    json: str
    tables: str
    """The folder of the tables."""


class RunChange(TypedDict):
    """A value that differs in two runs by more than noise."""

    kind: Kind
    name: str
    """The architecture or comparison."""
    entries: list[str]
    old: str
    new: str


class RunChanges(TypedDict):
    """What changed from one run to another."""

    sentence: str
    old: str
    new: str
    changed: list[RunChange]
    unchanged: dict[str, int]
    """By kind, the number of values that did not change beyond noise."""
    not_comparable: list[str]


class RunSummary(TypedDict):
    """What a study measured, and where its report is."""

    study: str
    not_compared: str | None
    measured: int
    reused: int
    failures: list[Failure]
    report: str


class VerifiedStore(TypedDict):
    """What ``zoodiff store verify`` saw."""

    records: int
    attachments: int
    graphs: int
    runs: int
    problems: list[Problem]


class Collected(TypedDict):
    """What ``zoodiff store gc`` removed, or would."""

    dry_run: bool
    bytes: int
    files: list[Waste]


class ImportedResults(TypedDict):
    """The files of a bundle."""

    new: list[str]
    known: list[str]
    kept: list[str]
    """Runs that differ from those here, which were kept."""


ExportedResults = object_of(Exported, file=str)
ExportedGraphs = object_of(ExportedIndex, file=str)
Index = object_of(IndexSummary, graphs=int, bytes=int)
