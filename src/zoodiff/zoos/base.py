"""The protocols of zoos and of their backends.

A zoo has two sides. The *catalogue* (``Zoo``) runs in the command's process and must not import a
framework: it lists entries, weights, preprocessing, labels. The *backend* (``Backend``) is imported
by its dotted name inside a worker and may import anything.

A third party adds a zoo by an entry point in the group ``zoodiff.zoos`` whose value is an object
with the attributes of ``Zoo``; this repository need not change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from zoodiff.data.labels import IMAGENET_1K, LabelSpace
from zoodiff.display import Displayed, Shown
from zoodiff.entry import RANDOM, ModelRef
from zoodiff.preprocessing.spec import Preprocessing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoodiff.graph.ir import Graph

CONFINED = "ZOODIFF_CONFINED"
"""The variable that is set in a worker that opens untrusted files."""
ALLOWED_CODE = "ZOODIFF_ALLOWED_CODE"
"""The variable that lists, by SHA-256, the files whose code the worker may run."""

WeightsState = Literal["published", "random", "placeholder", "trained", "file"]
"""The origin of the values in a network.

``published``: the zoo's own file. ``random``: initialised here from a seed. ``placeholder``:
constants that ship with a graph in place of weights. ``trained``: trained here (the mini-zoo).
``file``: a file that the user named.
"""


@dataclass(frozen=True)
class Weights:
    """One set of published weights of a model."""

    name: str
    """The name in ``zoo:model@name``."""
    default: bool = False
    url: str | None = None
    sha256: str | None = None
    """All or the leading hexadecimal digits, as the zoo publishes them."""
    bytes: int | None = None
    parameters: int | None = None
    """The exact number that the zoo publishes, or None."""
    macs: int | None = None
    """The number of MACs that the zoo publishes, or None."""
    preprocessing: Preprocessing | None = None
    """Preprocessing that overrides the model's, or None."""
    labels: LabelSpace | None = None
    """Label space that overrides the model's, or None."""
    since: str | None = None
    """Date (YYYY-MM-DD) or release in which the zoo first published them; None if unknown."""


@dataclass(frozen=True)
class Model:
    """A model of a zoo: it has an entry per set of weights, and one with random weights."""

    name: str
    architecture: str
    """Canonical name, shared with the same network of other zoos."""
    weights: tuple[Weights, ...] = ()
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    labels: LabelSpace = IMAGENET_1K
    input_shape: tuple[int, ...] = (3, 224, 224)
    """``(channels, height, width)`` at which the zoo describes the model."""
    note: str | None = None
    needs_file: bool = False
    """Whether describing the model needs the zoo's own file, which must be fetched."""

    @property
    def default_weights(self) -> Weights | None:
        """The zoo's default weights, or None."""
        return next((w for w in self.weights if w.default), None)


@dataclass(frozen=True)
class Environment:
    """A zoo's own virtual environment, created by ``zoodiff env create NAME``."""

    name: str
    requirements: tuple[str, ...]
    constraints: str | None = None
    """Name of a file in ``zoodiff/workers/constraints`` with exact versions."""
    megabytes: int | None = None
    """Measured disk space, to be shown before the environment is created."""
    shared: tuple[str, ...] = ()
    """Distributions of zoodiff's own environment that it uses.

    Its interpreter then sees zoodiff's packages too, and its requirements, which must be complete,
    are installed without what they require.
    """
    without_dependencies: tuple[str, ...] = ()
    """Packages that are installed without what they require; ``requirements`` names what is needed
    of it."""

    @property
    def packages(self) -> tuple[str, ...]:
        """All packages that are installed by name."""
        return (*self.requirements, *self.without_dependencies)


@dataclass(frozen=True, kw_only=True)
class WorkerSpec:
    """The specification of a worker process."""

    name: str
    """Name of the zoo or of the worker's task; shown in errors."""
    backend: str
    """``package.module:attribute`` of a callable without arguments that returns a Backend."""
    confined: bool = True
    """Whether the worker is sandboxed: no network, and writing only to its scratch folder.

    Only zoos that fetch their own published weights may set False, and those that open no files and
    whose framework starts programs.
    """
    distributions: tuple[str, ...] = ()
    """Distributions that must be installed for the backend to work; their versions are shown."""
    extra: str | None = None
    """The extra of zoodiff that installs them (``torch``), or the shared ones of an environment."""
    environment: Environment | None = None
    """The worker's own environment; None if it shares zoodiff's."""


class Zoo(Protocol):
    """The catalogue side of a zoo. No member imports the zoo's framework."""

    name: str
    title: str
    listed: bool
    """Whether ``zoodiff list`` and studies over all zoos include it (the mini-zoo is not)."""

    @property
    def worker(self) -> WorkerSpec:
        """Specification of its workers; an attribute will do."""
        ...

    def models(self) -> Sequence[Model]:
        """Return all models, ordered by name."""
        ...


@runtime_checkable
class MakesEntries(Protocol):
    """A zoo whose entries are more than a model and weights, such as files."""

    def entry(self, model: Model, weights: Weights | None) -> Entry:
        """Return the entry of one of its models; None for random weights."""
        ...


@dataclass(frozen=True, repr=False)
class Entry(Displayed):
    """A model of a zoo with one set of weights."""

    zoo: Zoo
    model: Model
    weights: Weights | None
    """None for random weights."""
    foreign: bool = False
    """Whether the weights are an untrusted file, put into the zoo's model."""

    @property
    def worker(self) -> WorkerSpec:
        """The specification of its worker; confined if the weights are an untrusted file."""
        spec = self.zoo.worker
        return replace(spec, confined=True) if self.foreign else spec

    @property
    def ref(self) -> ModelRef:
        """The full reference, weights included."""
        return ModelRef(self.zoo.name, self.model.name, self.weights_name)

    @property
    def worker_model(self) -> str:
        """The name by which the entry's worker knows the model; of a file, its path.

        A file that is elsewhere is fetched first; raises MeasurementError if it cannot be had.
        """
        return self.model.name

    @property
    def weights_name(self) -> str:
        """The name of the weights, ``random`` for weights initialised here."""
        return self.weights.name if self.weights else RANDOM

    @property
    def takes_weights(self) -> bool:
        """Whether other weights may be put into it."""
        return True

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing of the weights, else of the model."""
        own = self.weights.preprocessing if self.weights else None
        return own or self.model.preprocessing

    @property
    def labels(self) -> LabelSpace:
        """The weights' own, else the model's."""
        return (self.weights.labels if self.weights else None) or self.model.labels

    def __str__(self) -> str:
        return str(self.ref)

    def _shown(self) -> Shown:
        return Shown(
            f"{self.ref}, {self.model.architecture} of {self.zoo.title}",
            [
                ("input", list(self.model.input_shape)),
                ("classes", self.labels.classes),
                ("preprocessing", self.preprocessing.sentence()),
                ("note", self.model.note),
            ],
            [asdict(weights) for weights in self.model.weights],
            ("name", "default", "parameters"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values: the reference, and what the catalogue says of the model."""
        return {
            "entry": str(self.ref),
            "architecture": self.model.architecture,
            "zoo": self.zoo.name,
            "input_shape": list(self.model.input_shape),
            "labels": asdict(self.labels),
            "preprocessing": self.preprocessing.to_dict(),
            "weights": [asdict(weights) for weights in self.model.weights],
            "note": self.model.note,
        }


@runtime_checkable
class OpenZoo(Protocol):
    """A zoo with entries that its catalogue does not list, for example any repository of a hub."""

    def unlisted(self, reference: ModelRef) -> Entry | None:
        """Return the entry that a reference to this zoo names; None if the catalogue answers it.

        Runs in the command's process and must not import the zoo's framework. Raises
        ZoodiffErrors.
        """
        ...


@runtime_checkable
class RecipesElsewhere(Protocol):
    """A zoo with recipes that are not in its catalogue: of a class, or in fetched files.

    Neither method fetches anything.
    """

    def has_recipe(self, model: Model) -> bool:
        """Return whether the zoo's code has a recipe for a model without published weights."""
        ...

    def fetched(self, model: Model) -> Entry | None:
        """Return the entry of a model's files, if they are on this machine."""
        ...


class Network(Protocol):
    """A loaded network in a worker."""

    weights_state: WeightsState
    weights_sha256: str | None
    input_shape: tuple[int, ...]
    """With batch 1, in the framework's own layout."""
    layout: Literal["NCHW", "NHWC"]

    def run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return outputs ``(batch, classes)`` for a batch in the network's own layout."""
        ...

    def prepare(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Apply the entry's preprocessing to decoded images ``(batch, height, width, 3 or 1)``."""
        ...


@runtime_checkable
class TakesWeights(Protocol):
    """A network whose weights can be read and replaced, as the proof by execution requires.

    Names are those of the parameters in the entry's graph; arrays have the framework's own layout.
    ``zoodiff.zoos.runtime.weights_access`` implements it for PyTorch, Keras and TensorFlow,
    ``zoodiff.zoos.runtime.onnx_session`` for ONNX.
    """

    def weights(self) -> Mapping[str, NDArray[Any]]:
        """Return all parameters and statistics of the graph; more are allowed."""
        ...

    def assign(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Replace weights by name; the others keep their values.

        Raises MeasurementError for an unknown name and a shape that does not fit, before
        anything is changed.
        """
        ...


class Backend(Protocol):
    """The worker side of a zoo. Expected errors are ZoodiffErrors."""

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the imported frameworks."""
        ...

    def models(self) -> Sequence[str]:
        """Return the models that the installed framework knows, for the contract test."""
        ...

    def describe(self, model: str, weights: str | None) -> Graph:
        """Build the network without allocating weights and return its graph.

        ``weights`` None selects the zoo's default. The structure of some networks differs between
        published and random weights; the graph is that of the network with ``weights``.
        """
        ...

    def load(self, model: str, weights: str | None, *, seed: int, threads: int) -> Network:
        """Build the network with weights; ``weights="random"`` initialises from ``seed``.

        Raises WeightsUnavailableError if published weights are unavailable.
        """
        ...

    def facts(self, model: str, weights: str | None) -> Mapping[str, Any]:
        """Return the framework's own counts, for cross-checks: ``parameters``, ``statistics``.

        ``sha256`` is the hash of the described file, if there is one.
        """
        ...


@runtime_checkable
class RunsNamed(Protocol):
    """A network that runs on named inputs of any type and rank."""

    def run_named(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Return the outputs of one run by name, in the network's order.

        Raises MeasurementError where the network refuses the inputs or gives no arrays.
        """
        ...


@runtime_checkable
class TakesShapes(Protocol):
    """A backend whose networks leave extents of their inputs open."""

    def describe_at(
        self, model: str, weights: str | None, shapes: Mapping[str, tuple[int, ...]]
    ) -> Graph:
        """Return the graph for inputs of these shapes, by name; the others are as usual.

        Raises MeasurementError for an unknown input or a shape that the network does not take.
        """
        ...


@runtime_checkable
class HasModes(Protocol):
    """A backend with several execution modes, for example eager and compiled.

    ``load`` takes one of the modes, the first by default. A network may state the conditions of
    timing it in an attribute ``scope``, a mapping of strings; missing conditions are derived
    (``zoodiff.workers.inside.timing``).
    """

    def modes(self) -> Sequence[str]:
        """Return the names of the modes, the default first."""
        ...

    def load(
        self, model: str, weights: str | None, *, seed: int, threads: int, mode: str = ""
    ) -> Network:
        """Load a network as ``Backend.load`` does, to be run in one of ``modes``."""
        ...


@dataclass(frozen=True)
class OwnRecipe:
    """An evaluation preprocessing as the zoo's own code computes it."""

    words: str
    """The zoo's own description: recipes of one zoo with equal words give equal inputs."""
    takes: Literal["file", "pixels"]
    """``file``: it decodes and resizes images itself. ``pixels``: it takes pixels of the network's
    input size, since the zoo publishes no resizing."""
    layout: Literal["NCHW", "NHWC"]
    processor: str = ""
    """The name among several of the same weights, for example ``fast``; empty for the only one."""
    preprocessing: Preprocessing | None = None
    """zoodiff's specification of it; None for that of the weights in the catalogue."""


@runtime_checkable
class HasRecipes(Protocol):
    """A backend that runs its zoo's own preprocessing, without any network or weights."""

    def recipes(self, model: str, weights: str) -> Sequence[OwnRecipe]:
        """Return the evaluation preprocessings that the zoo's code has for published weights.

        Raises UnknownNameError or MeasurementError if the installed zoo has no such weights.
        """
        ...

    def prepared(
        self, model: str, weights: str, processor: str, image: bytes | NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        """Return the network's input for one image, without the batch, in the recipe's layout.

        ``image`` is a file's content or pixels ``(height, width, 3)`` in RGB, as the recipe takes.
        Raises ImageError if the file is no image.
        """
        ...
