"""Records: one immutable JSON document per measurement.

A record says what was measured (``values``), of what (``entry``, ``weights``), and everything
needed to repeat it (``conditions``, ``versions``, ``hardware``). Two hashes name it: ``key`` over
what was asked, so that a finished measurement is found again, and ``digest`` over the whole
content, so that an edited or damaged record is noticed. Since version 2 of the format the record
carries its digest itself (``sha256``); in records of version 1 only the file name does.
"""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, ConfigDict, Field, ValidationError

from zoodiff.errors import StoreError
from zoodiff.results import READ, Interval, Strict
from zoodiff.store.self_hashed import (
    HASH_KEY,
    DamagedError,
    canonical_json,
    digest_of,
    read_self_hashed,
    self_hashed,
)

SCHEMA = 2
"""Version of the record format; a reader refuses what is newer."""
_NAME = re.compile(r"(?P<key>[0-9a-f]{16})-(?P<digest>[0-9a-f]{16})\.json")
_ATTACHMENT = re.compile(r"[0-9a-f]{16}(-[0-9a-f]{16})?\.parquet")
_DIGITS = 16


def _stored_as(key: str, name: str, **options: Any) -> Any:
    """Declare the field ``name``, which every record format stores under ``key``."""
    return Field(validation_alias=AliasChoices(name, key), serialization_alias=key, **options)


class WeightsInfo(Strict):
    """The origin of the weights in a network."""

    name: str
    state: Literal["published", "random", "placeholder", "trained", "file", "none"]
    """``none``: the measurement needs no weights and none were allocated."""
    sha256: str | None = None
    """Of the file that was read, also where only its graph was; None where none was. Of a folder,
    and of a file that keeps weights in others, see ``zoodiff.zoos.digest``."""


class Hardware(Strict):
    """The machine of a measurement."""

    processor: str
    cores: int
    memory_bytes: int
    system: str


class ArchitectureValues(Strict):
    """Counts of a network's graph; parameters are numbers of scalars."""

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
    """Nodes whose operator the frontend kept under its source's name."""
    input_shape: list[int]
    """With the batch; of an image channels, rows, columns."""
    output_shape: list[int]
    softmax_inside: bool
    preprocessing_inside: bool
    preprocessing_ops: list[str]
    structure: str | None = None
    """Fingerprint of the structure, equal for a network and its exports; None in older records."""
    published_parameters: int | None = None
    """The zoo's own exact figure, where it publishes one."""
    framework_parameters: int
    """The framework's own count of learned weights, an independent check of ``parameters``."""
    framework_statistics: int
    peak_rss_bytes: int
    """Peak resident memory of the worker up to and including this measurement."""
    seconds: float


class LatencyValues(Strict):
    """Latency of one entry in one interleaved run, milliseconds per batch."""

    model_config = ConfigDict(serialize_by_alias=True)

    kind: Literal["latency"] = "latency"
    median_ms: Interval
    p10_ms: float
    p90_ms: float
    calls: int
    round_medians_ms: list[float]
    """One per round, in the order of the rounds; ratios are formed within a round."""
    round_quartiles_ms: list[float] = Field(default_factory=list)
    """Lower quartiles of the same rounds, of which ratios are formed where they are there."""
    process_rounds: list[int] = Field(default_factory=list)
    """How many of these rounds each fresh process had, in order; empty: all were of one."""
    p99_ms: float | None = None
    overhead_ms: float | None = None
    """What the clock itself shows a call, by a network that does nothing."""
    paused_ms: float | None = None
    """Median of calls with 10 ms of idle time before each."""
    peak_rss_bytes: int | None = None
    conditions: dict[str, str] = _stored_as("scope", "conditions", default_factory=dict)
    """What is inside the clock and how the network is run, by condition."""
    stopped: str | None = None
    """Why no more was measured: ``narrow enough``, ``time spent``, ``most processes``."""
    system_noise: list[str] = _stored_as("disturbances", "system_noise", default_factory=list)
    """What else the machine did during the run, one sentence per observation."""
    environment: dict[str, Any] = Field(default_factory=dict)
    """The machine, and libraries, threads and variables of the process: see
    ``zoodiff.host.environment``. Latencies of two environments are not compared."""
    group: str
    """Names the interleaved run that this entry was measured in, with all others of it."""
    repeat: int = 0
    """0, or 1 for the second copy of an entry that serves as the A/A control."""


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
    """Images that could not be decoded, for no entry of the run."""
    calibration_error: float | None = None
    """Expected calibration error of top-1 in 15 bins, a fraction."""
    defaulted: list[str] = _stored_as("taken", "defaulted", default_factory=list)
    """Fields of the preprocessing that the zoo does not publish, filled in by default."""
    failed_checks: list[str] = _stored_as("guards", "failed_checks", default_factory=list)
    """Plausibility checks that failed, one sentence per check."""


class PartValues(Strict):
    """One line of an explanation: points of the difference that come from it."""

    kind: str
    what: str
    code: str | None
    first: str
    second: str
    """How the two entries have it."""
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
    """Points, the record's entry less the other; None where it could not be taken apart."""
    parts: list[PartValues] = Field(default_factory=list)
    """They add up, level by level; see ``zoodiff.accuracy.attribution.preprocessing``."""
    confirmation: ConfirmationValues | None = None
    named: list[NamedValues] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)
    problems: list[str] = Field(default_factory=list)


Values = Annotated[
    ArchitectureValues | LatencyValues | AccuracyValues | ExplanationValues,
    Field(discriminator="kind"),
]


class Record(Strict):
    """One measurement."""

    schema_version: int = SCHEMA
    key: str
    """sha256 over what was asked: kind, entry, weights, conditions and the zoo's versions."""
    entry: str
    zoo: str
    model: str
    architecture: str
    weights: WeightsInfo
    preprocessing: dict[str, Any]
    labels: str
    fingerprint: str | None = None
    """Of the canonical graph; null until fingerprints exist."""
    conditions: dict[str, Any]
    """Batch size, threads, seed, data set and its hash, ... whatever shapes the number."""
    versions: dict[str, str]
    hardware: Hardware
    started: str
    """UTC, ISO 8601."""
    finished: str
    values: Values

    @property
    def kind(self) -> str:
        """``architecture``, ``latency``, ``accuracy`` or ``explanation``."""
        return self.values.kind

    @property
    def attachment(self) -> str | None:
        """The file name of the record's predictions, or None."""
        return self.values.predictions_file if isinstance(self.values, AccuracyValues) else None

    @property
    def attachment_sha256(self) -> str | None:
        """Hash of those predictions."""
        return self.values.predictions_sha256 if isinstance(self.values, AccuracyValues) else None

    def to_bytes(self) -> bytes:
        """Return the stored form: canonical JSON (sorted keys, no spaces) with the digest."""
        return self.named_bytes()[1]

    def named_bytes(self) -> tuple[str, bytes]:
        """Return the record's file name and content."""
        found = self_hashed(self.model_dump(mode="json"))
        return self._name(found[HASH_KEY]), canonical_json(found)

    @property
    def digest(self) -> str:
        """sha256 over the canonical JSON without it, hexadecimal."""
        return digest_of(self.model_dump(mode="json"))

    @property
    def file_name(self) -> str:
        """The record's file, in the folder of its kind."""
        return self._name(self.digest)

    def _name(self, digest: str) -> str:
        return f"{self.key[:_DIGITS]}-{digest[:_DIGITS]}.json"


class Failure(Strict):
    """A requested measurement that failed, with the reason."""

    kind: Literal["architecture", "latency", "accuracy", "explanation"]
    entry: str
    architecture: str | None
    reason: str
    declined: bool = False
    """Nothing failed: it was left out for want of permission to fetch its file."""


def key_of(**asked: object) -> str:
    """sha256 over what was asked."""
    return hashlib.sha256(canonical_json(asked)).hexdigest()


class OtherFormatError(StoreError):
    """An intact record that this version of zoodiff does not understand."""


def read_record(raw: bytes, name: str) -> Record:
    """The record in a file of this name.

    Raises DamagedError where it is not what was written, OtherFormatError where it is intact and
    of another format, StoreError where that is a newer zoodiff's.
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
    """Return the file name of predictions, from their record's key and their own hash."""
    return f"{key[:_DIGITS]}-{hashlib.sha256(content).hexdigest()[:_DIGITS]}.parquet"
