"""The protocols of zoos and of their backends.

A zoo has two sides. The *catalogue* (``Zoo``) lives in the command's process and must not import
a framework: it lists entries, weights, preprocessing, labels. The *backend* (``Backend``) is
imported by its dotted name inside a worker and may import anything.

A third party adds a zoo with an entry point in the group ``zoodiff.zoos`` whose value is an
object with the attributes of ``Zoo``; nothing in this repository has to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from zoodiff.data.labels import IMAGENET_1K, LabelSpace
from zoodiff.entry import RANDOM, ModelRef
from zoodiff.preprocessing.spec import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

CONFINED = "ZOODIFF_CONFINED"
"""The variable that is set in a worker that opens untrusted files."""
ALLOWED_CODE = "ZOODIFF_ALLOWED_CODE"
"""The variable in which a worker is told, by SHA-256, which files' code the user allowed."""

WeightsState = Literal["published", "random", "placeholder", "trained", "file"]
"""Where the numbers in a network come from.

``published``: the zoo's own file. ``random``: initialised here from a seed. ``placeholder``:
constants that ship with a graph in place of weights. ``trained``: trained here (the mini-zoo).
``file``: those of a file that the user named.
"""


@dataclass(frozen=True)
class Weights:
    """One set of published weights of a model."""

    name: str
    """As in ``zoo:model@name``."""
    default: bool = False
    url: str | None = None
    sha256: str | None = None
    """Full or leading hex digits, as far as the zoo publishes them."""
    bytes: int | None = None
    parameters: int | None = None
    """The zoo's own exact figure, where it publishes one."""
    macs: int | None = None
    """The zoo's own figure in MACs, where it publishes one."""
    preprocessing: Preprocessing | None = None
    """Overrides the model's, where weights differ in preprocessing."""
    since: str | None = None
    """Date (YYYY-MM-DD) or release in which the zoo first published them, where known."""


@dataclass(frozen=True)
class Model:
    """One model of a zoo: an entry for each of its weights, and one with random weights."""

    name: str
    architecture: str
    """Canonical name, shared with the same network of other zoos."""
    weights: tuple[Weights, ...] = ()
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    labels: LabelSpace = IMAGENET_1K
    input_shape: tuple[int, ...] = (3, 224, 224)
    """(channels, height, width) at which the zoo describes the model."""
    note: str | None = None
    needs_file: bool = False
    """Even describing it needs the zoo's own file, which must be fetched."""

    @property
    def default_weights(self) -> Weights | None:
        """The weights that the zoo hands out by default, or None."""
        return next((w for w in self.weights if w.default), None)


@dataclass(frozen=True)
class Environment:
    """A zoo's own virtual environment, created by ``zoodiff env create NAME``."""

    name: str
    requirements: tuple[str, ...]
    constraints: str | None = None
    """Name of a file in ``zoodiff/workers/constraints`` with exact versions."""
    megabytes: int | None = None
    """Disk space it takes, measured, to be said before it is made."""


@dataclass(frozen=True, kw_only=True)
class WorkerSpec:
    """The specification of a worker process."""

    name: str
    """Of the zoo, or of what else the worker does; shown in errors."""
    backend: str
    """``package.module:attribute`` of a callable without arguments that returns a Backend."""
    confined: bool = True
    """Whether the worker is sandboxed: no network, and writing only to its scratch folder.

    False is for zoos that fetch their own published weights; nothing else should say so.
    """
    distributions: tuple[str, ...] = ()
    """Distributions that must be installed for the backend to work; their versions are shown."""
    extra: str | None = None
    """The extra of zoodiff that installs them (``torch``), if one does."""
    environment: Environment | None = None
    """The environment of its own, where the worker cannot share the command's."""


class Zoo(Protocol):
    """The catalogue side. Every member answers without importing the zoo's framework."""

    name: str
    title: str
    worker: WorkerSpec
    """What its workers are started for."""
    listed: bool
    """Whether ``zoodiff list`` and studies over all zoos include it (the mini-zoo is not)."""

    def models(self) -> Sequence[Model]:
        """All models, ordered by name."""
        ...


@dataclass(frozen=True)
class Entry:
    """One PTNN of one zoo: architecture, weights, preprocessing, label space."""

    zoo: Zoo
    model: Model
    weights: Weights | None
    """None for random weights."""
    foreign: bool = False
    """Whether the weights are a file that nobody vouches for, put into the zoo's model."""

    @property
    def worker(self) -> WorkerSpec:
        """The spec of the worker that loads it; confined if it opens an untrusted file."""
        spec = self.zoo.worker
        return replace(spec, confined=True) if self.foreign else spec

    @property
    def ref(self) -> ModelRef:
        """The full reference, weights included."""
        return ModelRef(self.zoo.name, self.model.name, self.weights_name)

    @property
    def weights_name(self) -> str:
        """The name of the weights, ``random`` for weights initialised here."""
        return self.weights.name if self.weights else RANDOM

    @property
    def preprocessing(self) -> Preprocessing:
        """The weights' own, else the model's."""
        own = self.weights.preprocessing if self.weights else None
        return own or self.model.preprocessing

    def __str__(self) -> str:
        return str(self.ref)


class Network(Protocol):
    """A loaded network in a worker, ready to be fed."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    """With batch 1, in the framework's own layout."""
    layout: Literal["NCHW", "NHWC"]

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(batch, ...) in the network's own layout -> (batch, classes)."""
        ...

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Apply the entry's own preprocessing to decoded images (batch, height, width, 3 or 1)."""
        ...


@runtime_checkable
class TakesWeights(Protocol):
    """A network whose weights can be read and set, as the proof by execution needs it.

    Names are those of the parameters in the entry's graph with the same weights, arrays are as
    the framework stores them: no layout is changed. ``zoodiff.zoos.runtime.weights_access`` does
    it for PyTorch, Keras and TensorFlow, ``zoodiff.zoos.runtime.onnx_session`` for ONNX.
    """

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """All parameters and statistics of the graph; more are allowed."""
        ...

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace weights by name; the others keep their values.

        Raises MeasurementError for an unknown name and a shape that does not fit, before
        anything is changed.
        """
        ...


class Backend(Protocol):
    """The worker side of a zoo. Errors are ZoodiffErrors; anything else is a bug or a crash."""

    def versions(self) -> Mapping[str, str]:
        """Versions of the frameworks that are really imported."""
        ...

    def models(self) -> Sequence[str]:
        """Names that the installed framework itself knows; the contract test compares."""
        ...

    def describe(self, model: str, weights: str | None) -> Graph:
        """Build the network without allocating weights and return its graph.

        ``weights`` None means the zoo's default; some networks differ in structure between
        published and random weights, so the graph is that of the network with those weights.
        """
        ...

    def load(self, model: str, weights: str | None, *, seed: int, threads: int) -> Network:
        """Build the network with weights; ``weights="random"`` initialises from ``seed``.

        Raises WeightsUnavailableError where published weights cannot be had.
        """
        ...

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the framework's own figures, for cross-checks: ``parameters``, ``statistics``.

        ``sha256`` is that of the file that was described, where there was one.
        """
        ...


@runtime_checkable
class HasModes(Protocol):
    """A backend that can run a network in more than one way, eagerly or compiled for one.

    ``load`` then takes one of the modes; without it, it takes the first. A network may say what
    is measured when it is timed in an attribute ``scope``, a mapping of strings; what it does not
    say is derived (``zoodiff.workers.inside.timing``).
    """

    def modes(self) -> Sequence[str]:
        """Names of the modes, the default first."""
        ...

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """As ``Backend.load``, to be run in a mode of ``modes``."""
        ...
