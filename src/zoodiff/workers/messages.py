"""Every request to a worker and every reply, as types, and the decoder that checks them.

Both sides use these types: the worker returns a reply, ``encode`` makes plain values of it, and the
parent's ``decode`` accepts exactly the declared fields with the declared types, since a worker that
has opened a foreign file may answer anything. Standard library only: this runs in workers.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NewType, TypeVar, Union

from zoodiff.workers.protocol import ProtocolError

Array = NewType("Array", dict[str, Any])
"""Stands for a numpy array, whose numbers lie in a file; see ``exchange`` and ``worker_arrays``."""

Scenario = Literal["single-stream", "offline", "server"]
"""A scenario of MLPerf Inference."""


@dataclass(frozen=True)
class Hello:
    """Asks for versions, which imports the framework."""


@dataclass(frozen=True)
class Models:
    """Asks for the names that the installed framework itself knows."""


@dataclass(frozen=True)
class Modes:
    """Asks for the ways in which the backend can run networks."""


@dataclass(frozen=True)
class Describe:
    """Asks for the graph of a network, without weights."""

    model: str
    weights: str | None


@dataclass(frozen=True)
class Forget:
    """Moves PyTorch's compilation cache to another folder, owned by the parent."""

    folder: str


@dataclass(frozen=True)
class Load:
    """Loads a network under a handle; one that had the same handle is dropped."""

    handle: str
    model: str
    weights: str | None
    seed: int
    threads: int
    mode: str = ""
    """One of ``Modes``; empty for the first."""
    fetch: bool = True
    """Whether published weights that are not on this machine may be fetched."""


@dataclass(frozen=True)
class Unload:
    """Drops a network."""

    handle: str


@dataclass(frozen=True)
class Time:
    """Times single inferences on one fixed standard-normal input.

    The handle ``identity`` is a network that returns its input, and needs no loading.
    """

    handle: str
    calls: int
    batch: int
    seed: int
    settle_ms: float = 0.0
    """Untimed calls come first for so long."""
    pause_ms: float = 0.0
    """Sleep before each timed call."""


@dataclass(frozen=True)
class Memory:
    """Asks for the peak of resident memory so far."""


@dataclass(frozen=True)
class Size:
    """Asks for the bytes of a loaded network's weights."""

    handle: str


@dataclass(frozen=True)
class ScenarioLoad:
    """The load of one MLPerf scenario."""

    scenario: Scenario
    seconds: float
    """The least duration."""
    queries: int
    """The least number of queries (offline: of images)."""
    batch: int = 1
    """Offline: images of a call. Server: waiting queries that one call may take together."""
    rate: float = 0.0
    """Server: queries per second. Offline: images per second that are expected."""
    bound_ms: float = 0.0
    """Server: the latency that counts as too late."""
    allowed: float = 0.01
    """Server: the share of queries that may be too late."""
    seed: int = 0


@dataclass(frozen=True)
class LoadTest:
    """Runs an MLPerf load test; see ``zoodiff.workers.scenarios``."""

    handle: str
    load: ScenarioLoad
    generator: str = ""


@dataclass(frozen=True)
class Weights:
    """Asks for all weights of a loaded network, by name."""

    handle: str


@dataclass(frozen=True)
class Assign:
    """Puts values into a loaded network's weights, by name."""

    handle: str
    weights: dict[str, Array]


@dataclass(frozen=True)
class Run:
    """Runs one image (1, channels, height, width)."""

    handle: str
    image: Array


@dataclass(frozen=True)
class Pixels:
    """Decodes images, concatenated in ``data``, and resizes them to each geometry."""

    data: Array
    sizes: list[int]
    """Bytes of each image."""
    geometries: list[dict[str, Any]]


@dataclass(frozen=True)
class Classify:
    """Runs pixels (images, rows, columns, 3) by a stated preprocessing.

    The first ``repeat`` images are run a second time, one by one and the last first.
    """

    handle: str
    pixels: Array
    preprocessing: dict[str, Any]
    batch: int
    repeat: int = 0


@dataclass(frozen=True)
class Predict:
    """Prepares decoded images by the zoo's own preprocessing, and runs them."""

    handle: str
    images: Array
    batch: int


@dataclass(frozen=True)
class Profile:
    """Asks how long each operator of an ONNX file takes."""

    path: str
    runs: int
    batch: int
    seed: int
    threads: int


@dataclass(frozen=True)
class Environment:
    """Requests the runtime info; the framework is imported first, so that its threads count."""


@dataclass(frozen=True)
class Peaks:
    """Requests the measured peaks of the process."""

    threads: int
    each_seconds: float
    cache_bytes: int | None


@dataclass(frozen=True)
class Versions:
    """Versions of Python and of the imported packages, by name."""

    versions: dict[str, str]


@dataclass(frozen=True)
class Names:
    """A list of names."""

    names: list[str]


@dataclass(frozen=True)
class Facts:
    """The framework's own figures, for cross-checks."""

    parameters: int
    statistics: int
    sha256: str | None = None
    """Of the file that was described."""


@dataclass(frozen=True)
class Described:
    """The graph of a network as plain values, not yet validated, and facts about it."""

    graph: dict[str, Any]
    facts: Facts
    seconds: float
    peak_rss_bytes: int


@dataclass(frozen=True)
class Loaded:
    """Facts about a network, known after loading it."""

    seconds: float
    weights_state: Literal["published", "random", "placeholder", "trained", "file"]
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    """With the batch, in the network's own order of axes."""
    layout: Literal["NCHW", "NHWC"]
    peak_rss_bytes: int
    scope: dict[str, str]
    """Conditions under which it is measured when it is timed."""
    stages: dict[str, float]
    """Seconds by stage, which add up to ``seconds``."""


@dataclass(frozen=True)
class Times:
    """Milliseconds of each call."""

    milliseconds: tuple[float, ...]


@dataclass(frozen=True)
class PeakMemory:
    """Peak of resident memory so far."""

    peak_rss_bytes: int


@dataclass(frozen=True)
class WeightsSize:
    """Bytes of a network's weights as stored; None if unknown."""

    weights_bytes: int | None


@dataclass(frozen=True)
class Percentiles:
    """Latency in milliseconds."""

    mean: float
    p50: float
    p90: float
    p99: float


@dataclass(frozen=True)
class LoadTested:
    """The result of an MLPerf load test."""

    generator: str
    """``LoadGen`` and its version, or ``zoodiff``."""
    queries: int
    images: int
    seconds: float
    images_per_second: float
    latency_ms: Percentiles
    late: int = 0
    """Server: queries beyond the bound."""
    given_up: bool = False
    """Server: more were late than may be, so the rest was not waited for."""


@dataclass(frozen=True)
class Arrays:
    """Arrays by name."""

    arrays: dict[str, Array]


@dataclass(frozen=True)
class Outputs:
    """Raw outputs of a network, one row per image."""

    outputs: Array


@dataclass(frozen=True)
class Decoded:
    """For each geometry an array (images, rows, columns, 3), and why images failed."""

    pixels: list[Array]
    failed: dict[str, str]
    """Reasons by the image's position; its rows are 0."""
    extents: list[tuple[int, int]]
    """For a single image, by geometry: rows and columns before it is resized."""


@dataclass(frozen=True)
class Classified:
    """Outputs, one row per image, and the outputs of repeated images."""

    outputs: Array
    repeated: int = 0
    changed: int = 0
    """Of the repeated images, how many have another best output."""
    deviation: float | None = None
    """Largest difference over the spread of the outputs; None where they are no numbers."""


@dataclass(frozen=True)
class OperatorTime:
    """Latency of one operator."""

    name: str
    op: str
    outputs: list[str]
    """Names of its tensors; empty where they are not known."""
    weight: list[int] | None
    """Shape of its second input; None without one."""
    ms: list[float]
    """Milliseconds, one number per run."""


@dataclass(frozen=True)
class Profiled:
    """Latency by operator."""

    operators: list[OperatorTime]
    runs_ms: list[float]
    """The whole runs, operators and what lies between them."""


@dataclass(frozen=True)
class RuntimeInfo:
    """Runtime info of a worker process: versions, thread pools, variables."""

    python: str
    libraries: dict[str, str]
    threading: list[dict[str, Any]] | None
    """Thread pools of BLAS and OpenMP libraries; None where they cannot be told."""
    frameworks: dict[str, dict[str, int]]
    """Threads by framework, ``intra`` and ``inter``."""
    variables: dict[str, str]


@dataclass(frozen=True)
class MeasuredPeaks:
    """Multiply-accumulates and bytes per second, by how they were measured."""

    threads: int
    macs_per_second: dict[str, float | None]
    bytes_per_second: dict[str, float | None]
    array_bytes: int


@dataclass(frozen=True)
class Done:
    """The reply to a request that only does something."""

    note: str = field(default="")


REQUESTS: dict[str, type[Any]] = {
    "hello": Hello,
    "models": Models,
    "modes": Modes,
    "describe": Describe,
    "forget": Forget,
    "load": Load,
    "unload": Unload,
    "time": Time,
    "memory": Memory,
    "size": Size,
    "load_test": LoadTest,
    "weights": Weights,
    "assign": Assign,
    "run": Run,
    "pixels": Pixels,
    "classify": Classify,
    "predict": Predict,
    "profile": Profile,
    "environment": Environment,
    "peaks": Peaks,
}
"""Types of requests by method."""

METHODS = {kind: method for method, kind in REQUESTS.items()}
"""The method of each type of request."""

T = TypeVar("T")
_LARGEST_INTEGER = 2**63


def encode(message: Any) -> dict[str, Any]:
    """Return the fields of a message as plain values."""
    return dataclasses.asdict(message)


def decode(kind: type[T], raw: Any) -> T:
    """Return ``raw`` as the type ``kind``.

    Raises ProtocolError where a field is missing, unknown or of another type; numbers must be
    finite.
    """
    message: T = _decoded(kind, raw, kind.__name__)
    return message


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _decoded(kind: Any, raw: Any, where: str) -> Any:
    if isinstance(kind, NewType):
        kind = kind.__supertype__
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        value = _of_fields(typing.cast("type[Any]", kind), raw, where)
    elif origin in {Union, types.UnionType}:
        value = _of_union(typing.get_args(kind), raw, where)
    elif origin is dict and isinstance(raw, dict):
        inner = typing.get_args(kind)[1]
        value = {key: _decoded(inner, held, f"{where}.{key}") for key, held in raw.items()}
    elif origin in {list, tuple} and isinstance(raw, list | tuple):
        value = _of_list(origin, typing.get_args(kind), list(raw), where)
    elif _fits(kind, raw):
        # A worker's own values may be of a subclass, as torch's version is of str.
        value = kind(raw) if kind in {float, str} else raw
    else:
        raise ProtocolError(f"{where[:200]} is {_short(raw)}")
    return value


def _fits(kind: Any, raw: Any) -> bool:
    """Whether a single value is of a kind."""
    if kind is Any:
        return True
    if kind is float:
        return (isinstance(raw, float) or type(raw) is int) and math.isfinite(raw)
    if kind is int:
        return type(raw) is int and abs(raw) < _LARGEST_INTEGER
    if typing.get_origin(kind) is Literal:
        return isinstance(raw, str) and raw in typing.get_args(kind)
    if kind is str:
        return isinstance(raw, str)
    return kind in {bool, type(None)} and type(raw) is kind


def _of_fields(kind: type[Any], raw: Any, where: str) -> Any:
    if isinstance(raw, kind):
        raw = vars(raw)
    if not isinstance(raw, Mapping):
        raise ProtocolError(f"{where[:200]} is {_short(raw)}")
    hints, fields = _hints(typing.cast("Any", kind)), dataclasses.fields(kind)
    unknown = sorted(str(name) for name in raw.keys() - hints.keys())
    if unknown:
        raise ProtocolError(f"{where[:200]} has no field {unknown[0][:100]!r}")
    missing = [
        one.name
        for one in fields
        if one.name not in raw and one.default is one.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ProtocolError(f"{where[:200]} lacks the field {missing[0]}")
    values = {name: _decoded(hints[name], raw[name], f"{where}.{name}") for name in raw}
    return kind(**values)


def _of_union(kinds: tuple[Any, ...], raw: Any, where: str) -> Any:
    for kind in kinds:
        try:
            return _decoded(kind, raw, where)
        except ProtocolError:
            continue
    raise ProtocolError(f"{where[:200]} is {_short(raw)}")


def _of_list(origin: Any, inner: tuple[Any, ...], raw: list[Any], where: str) -> Any:
    if origin is tuple and inner[-1] is not Ellipsis:
        if len(raw) != len(inner):
            raise ProtocolError(f"{where[:200]} has {len(raw)} values, not {len(inner)}")
        kinds = inner
    else:
        kinds = (inner[0],) * len(raw)
    return origin(
        _decoded(kind, value, f"{where}[{k}]")
        for k, (kind, value) in enumerate(zip(kinds, raw, strict=True))
    )


def _short(value: Any) -> str:
    return f"a value of type {type(value).__name__} that does not fit"
