"""Records: one immutable JSON document per measurement.

A record holds the results (``values``), their subject (``entry``, ``weights``), and everything
needed to repeat the measurement (``conditions``, ``versions``, ``hardware``). Two hashes name it:
``key`` over the request, to find a finished measurement again, and ``digest`` over the content, to
detect edits and damage. Records of format 2 carry their digest (``sha256``); in records of format 1
only the file name holds it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, ConfigDict, Field, ValidationError

from zoodiff.display import Displayed, Shown
from zoodiff.errors import StoreError
from zoodiff.results import READ, Interval, LayerTimes, Strict
from zoodiff.store.explanation_values import ExplanationValues
from zoodiff.store.recipe_values import RecipesValues
from zoodiff.store.self_hashed import (
    HASH_KEY,
    DamagedError,
    canonical_json,
    digest_of,
    read_self_hashed,
    self_hashed,
)

SCHEMA = 2
"""Version of the record format; newer records are refused."""
_NAME = re.compile(r"(?P<key>[0-9a-f]{16})-(?P<digest>[0-9a-f]{16})\.json")
_ATTACHMENT = re.compile(r"[0-9a-f]{16}(-[0-9a-f]{16})?\.parquet")
_DIGITS = 16


GraphDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""sha256 of the file of a graph, hexadecimal; see ``zoodiff.store.graphs``."""


def _stored_as(key: str, name: str, **options: Any) -> Any:
    """Declare the field ``name``, which every record format stores under ``key``."""
    return Field(validation_alias=AliasChoices(name, key), serialization_alias=key, **options)


class WeightsInfo(Strict):
    """The origin of the weights in a network."""

    name: str
    state: Literal["published", "random", "placeholder", "trained", "file", "none"]
    """``none``: the measurement needs no weights and none were allocated."""
    sha256: str | None = None
    """Of the file that was read, also if only its graph was read; None if no file was. For folders
    and files with external weights see ``zoodiff.zoos.digest``."""


class Hardware(Strict):
    """The machine of a measurement."""

    processor: str
    cores: int
    memory_bytes: int
    system: str


class ArchitectureValues(Strict):
    """Counts of a network's graph; parameters count scalars."""

    kind: Literal["architecture"] = "architecture"
    parameters: int
    statistics: int
    unused_parameters: int
    macs: int
    convolutions: int
    normalisations: int
    linear_layers: int
    nodes: int
    opaque_nodes: int
    """Nodes with an operator that no frontend understands."""
    input_shape: list[int]
    """``(batch, channels, height, width)`` for images."""
    output_shape: list[int]
    softmax_inside: bool
    preprocessing_inside: bool
    preprocessing_ops: list[str]
    structure: str | None = None
    """Fingerprint of the structure, equal for a network and its exports; None in older records."""
    published_parameters: int | None = None
    """The exact number that the zoo publishes; None if it publishes none."""
    framework_parameters: int
    """The framework's own count of learned weights, an independent check of ``parameters``."""
    framework_statistics: int
    peak_rss_bytes: int
    """Peak resident memory of the worker up to and including this measurement."""
    seconds: float


class FindingValues(Strict):
    """A named difference between two graphs, with all its places."""

    code: str
    name: str
    effect: str
    """What it changes; see ``zoodiff.rules.rule.Effect``."""
    has_effect: bool
    """Whether the outputs of inference may change."""
    left: str
    right: str
    """How the graph of the record's entry and that of ``other`` have it."""
    count: int
    """Number of places."""
    noun: str
    """What the places are, in the plural."""
    places: str
    """The places as text: the first names of layers, and how many more."""


class DifferenceValues(Strict):
    """What differs between the graphs of the record's entry and of ``other``; nothing was run."""

    kind: Literal["difference"] = "difference"
    other: str
    relation: str
    """See ``zoodiff.equivalence.answer.Relation``."""
    sentence: str
    """The answer of ``zoodiff diff --graph-only``."""
    because: list[str]
    """Codes of the findings for which the functions differ."""
    of_effect: list[str]
    """Codes of the findings that may change the function."""
    up_to: list[str]
    """Codes of the findings that change no function."""
    sameness: Literal["same", "same up to", "different"]
    """Whether the two are one architecture."""
    findings: list[FindingValues]
    """Those with an effect first."""
    more_findings: int = 0
    """Number of findings beyond those that a record holds."""
    fingerprints: list[str | None]
    """Of both canonical graphs; None for more symmetries than can be searched."""
    structures: list[str | None]
    """Of the structures of both graphs, equal for a network and its exports."""
    graphs: list[GraphDigest] = Field(default_factory=list, max_length=2)
    """Both graphs in the store's folder ``graphs``; empty in records of older versions, and if one
    is larger than a store keeps."""
    seconds: float

    @property
    def has_effect(self) -> bool:
        """Whether the functions differ, or may."""
        decided_apart = self.relation not in {"same function", "not decided"}
        return decided_apart or bool(self.of_effect)


class LatencyValues(Strict):
    """Latency of one entry in one interleaved run, milliseconds per batch."""

    model_config = ConfigDict(serialize_by_alias=True)

    kind: Literal["latency"] = "latency"
    median_ms: Interval
    p10_ms: float
    p90_ms: float
    calls: int
    round_medians_ms: list[float]
    """One per round, in order; ratios are computed within a round."""
    round_quartiles_ms: list[float] = Field(default_factory=list)
    """Lower quartiles of the same rounds; if present, ratios are computed from these."""
    process_rounds: list[int] = Field(default_factory=list)
    """Number of rounds per fresh process, in order; empty if one process ran all rounds."""
    p99_ms: float | None = None
    overhead_ms: float | None = None
    """Timer overhead per call: the latency of a network that does nothing."""
    paused_ms: float | None = None
    """Median of calls with 10 ms of idle time before each."""
    peak_rss_bytes: int | None = None
    conditions: dict[str, str] = _stored_as("scope", "conditions", default_factory=dict)
    """What the timing includes and how the network is run, by condition."""
    stopped: str | None = None
    """Why the measurement ended: ``narrow enough``, ``time spent``, ``most processes``."""
    system_noise: list[str] = _stored_as("disturbances", "system_noise", default_factory=list)
    """Other activity of the machine during the run, one sentence per observation."""
    environment: dict[str, Any] = Field(default_factory=dict)
    """The machine, and the libraries, threads and variables of the process; see
    ``zoodiff.host.environment``. Only latencies of one environment are compared."""
    group: str
    """Id of the interleaved run, shared by all entries timed in it."""
    repeat: int = 0
    """0, or 1 for the second copy of an entry that serves as the A/A control."""
    layers: list[LayerTimes] = Field(default_factory=list)
    """Times of layers in the reference runtime, beside entries that were timed in the same run."""


class AccuracyValues(Strict):
    """Accuracy of one entry on a labelled data set, percent."""

    model_config = ConfigDict(serialize_by_alias=True)

    kind: Literal["accuracy"] = "accuracy"
    top1: Interval
    top5: Interval
    images: int
    predictions_file: str
    """Parquet file beside the record: image, label, the top five classes and their scores."""
    predictions_sha256: str
    seconds: float
    left_out: int = 0
    """Images that could not be decoded; they are left out for every entry of the run."""
    calibration_error: float | None = None
    """Expected calibration error of top-1 in 15 bins, a fraction."""
    defaulted: list[str] = _stored_as("taken", "defaulted", default_factory=list)
    """Fields of the preprocessing that the zoo does not publish, filled in by default."""
    failed_checks: list[str] = _stored_as("guards", "failed_checks", default_factory=list)
    """Plausibility checks that failed, one sentence per check."""
    constant_outputs: list[int] = Field(default_factory=list)
    """Classes whose output is the same for all images."""
    without_output: list[int] = Field(default_factory=list)
    """Classes of the images for which the entry has no output."""


class NamesValues(Strict):
    """The network of an entry, for the table of names."""

    kind: Literal["names"] = "names"
    network: str
    """Structure fingerprint without the pre- and post-processing inside; the record's own
    fingerprint is that of the exact network."""
    parameters: int
    macs: int
    input_shape: list[int]
    """``(channels, height, width)`` at which it was built."""
    classes: int
    seconds: float


Values = Annotated[
    ArchitectureValues
    | DifferenceValues
    | LatencyValues
    | AccuracyValues
    | ExplanationValues
    | NamesValues
    | RecipesValues,
    Field(discriminator="kind"),
]


class Record(Displayed, Strict):
    """One measurement."""

    schema_version: int = SCHEMA
    key: str
    """sha256 over the request: kind, entry, weights, conditions and the zoo's versions."""
    entry: str
    zoo: str
    model: str
    architecture: str
    weights: WeightsInfo
    preprocessing: dict[str, Any]
    labels: str
    fingerprint: str | None = None
    """Fingerprint of the canonical graph; None if it was not computed, as in records of older
    versions."""
    conditions: dict[str, Any]
    """Whatever shapes the result: batch size, threads, seed, data set and its hash, ..."""
    versions: dict[str, str]
    hardware: Hardware
    started: str
    """UTC, ISO 8601."""
    finished: str
    values: Values

    @property
    def kind(self) -> str:
        """The kind of measurement, for example ``architecture`` or ``latency``."""
        return self.values.kind

    @property
    def attachment(self) -> str | None:
        """The file name of the record's predictions, or None."""
        return self.values.predictions_file if isinstance(self.values, AccuracyValues) else None

    @property
    def attachment_sha256(self) -> str | None:
        """sha256 of the record's predictions, or None."""
        return self.values.predictions_sha256 if isinstance(self.values, AccuracyValues) else None

    @property
    def graphs(self) -> tuple[str, ...]:
        """The digests of the graphs that the record names."""
        return tuple(self.values.graphs) if isinstance(self.values, DifferenceValues) else ()

    def to_bytes(self) -> bytes:
        """Return the stored form: canonical JSON (sorted keys, no spaces) with the digest."""
        return self.named_bytes()[1]

    def named_bytes(self) -> tuple[str, bytes]:
        """Return the record's file name and content."""
        document = self_hashed(self.model_dump(mode="json"))
        return self._name(document[HASH_KEY]), canonical_json(document)

    @property
    def digest(self) -> str:
        """sha256 over the canonical JSON without the digest itself, hexadecimal."""
        return digest_of(self.model_dump(mode="json"))

    @property
    def file_name(self) -> str:
        """The name of the record's file in the folder of its kind."""
        return self._name(self.digest)

    def _name(self, digest: str) -> str:
        return f"{self.key[:_DIGITS]}-{digest[:_DIGITS]}.json"

    def _shown(self) -> Shown:
        return Shown(
            f"{self.kind} of {self.entry}, {self.started}",
            [
                ("weights", f"{self.weights.name}, {self.weights.state}"),
                *self.values.model_dump(mode="json").items(),
                ("conditions", self.conditions),
                ("versions", self.versions),
            ],
        )

    def _rows(self) -> list[dict[str, Any]]:
        return [self.to_dict()]


class Failure(Strict):
    """A requested measurement that failed, with the reason."""

    kind: Literal[
        "architecture", "difference", "latency", "accuracy", "explanation", "names", "recipes"
    ]
    entry: str
    architecture: str | None
    reason: str
    declined: bool = False
    """Whether it was left out because fetching its file was not permitted; nothing failed."""


def key_of(**request: object) -> str:
    """Return the sha256 over a request, hexadecimal."""
    return hashlib.sha256(canonical_json(request)).hexdigest()


class OtherFormatError(StoreError):
    """An intact record that this version of zoodiff does not understand."""


def read_record(raw: bytes, name: str) -> Record:
    """Return the record in a file of this name.

    Raises DamagedError if the content does not match its hash, OtherFormatError for an intact
    record of another format, StoreError for a record of a newer zoodiff.
    """
    named = _NAME.fullmatch(name)
    if named is None:
        raise DamagedError("its name is not that of a record")
    content, digest, carried = read_self_hashed(raw, canonical=True)
    version = content.get("schema_version")
    if not isinstance(version, int):
        raise DamagedError("it is not a record")
    if (
        not digest.startswith(named["digest"])
        or not str(content.get("key")).startswith(named["key"])
        or (version > 1 and not carried)
    ):
        raise DamagedError("its content does not match its hash")
    if version > SCHEMA:
        raise StoreError(
            f"{name} was written by a newer zoodiff (record format {version}); "
            "upgrade zoodiff to read it"
        )
    try:
        record = Record.model_validate(content, context=READ)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise OtherFormatError(f"it is of another format ({where})") from None
    if record.attachment is not None and not _ATTACHMENT.fullmatch(record.attachment):
        raise DamagedError("it names an attachment outside its folder")
    return record


def attachment_name(key: str, content: bytes) -> str:
    """Return the file name of predictions, from the key of their record and their own hash."""
    return f"{key[:_DIGITS]}-{hashlib.sha256(content).hexdigest()[:_DIGITS]}.parquet"
