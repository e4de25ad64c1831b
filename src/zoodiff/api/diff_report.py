"""``zoodiff.diff``: decide whether two networks compute the same function, and explain why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from zoodiff.accuracy.attribution.preprocessing_diff import (
    PreprocessingDiff,
    compare_preprocessing,
)
from zoodiff.api.held import Subjects, subjects
from zoodiff.api.notebook import brief
from zoodiff.api.pools import workers
from zoodiff.architecture.diff import Diff, Sameness, Side
from zoodiff.display import Displayed, Rows, Shown
from zoodiff.equivalence.answer import Answer, OutputsEvidence
from zoodiff.equivalence.comparison import Comparison, Effort, compare
from zoodiff.equivalence.evidence_lines import EvidenceLine, Evident, evidence_lines
from zoodiff.equivalence.layer_outputs import LayerOutputs
from zoodiff.equivalence.proof import Proof
from zoodiff.equivalence.symmetries import WeightRelation
from zoodiff.equivalence.tolerance import MARGIN
from zoodiff.equivalence.weights.weight_diff import LayerWeights, WeightsDiff
from zoodiff.errors import UsageError, WeightsUnavailableError
from zoodiff.picture import Picture, Subject
from zoodiff.rules.findings import Finding
from zoodiff.workers.limits import Limits
from zoodiff.zoos import registry

__all__ = [
    "MARGIN",
    "Answer",
    "Diff",
    "DiffReport",
    "DiffRequest",
    "EvidenceLine",
    "FailOn",
    "Finding",
    "LayerOutputs",
    "LayerWeights",
    "OutputsEvidence",
    "Picture",
    "PreprocessingDiff",
    "Proof",
    "diff",
    "diff_preprocessing",
]
FailOn = Literal["function", "weights", "graph", "any"]


@dataclass(frozen=True)
class DiffRequest:
    """The two networks to compare, and how thoroughly.

    ``a`` and ``b`` are entry references, paths of model files, or networks in this process: of
    PyTorch, TensorFlow and Keras, ONNX models in memory, and sessions of ONNX Runtime.
    """

    a: Any
    b: Any
    graph_only: bool = False
    """Compare graphs only; weights are not read, and nothing is run."""
    no_run: bool = False
    """Compare graphs and weights; nothing is run."""
    prove: bool = False
    """Also draw weights for the first network, transfer them into the second, and run both."""
    weights: bool = False
    """Require the comparison of weights: an error if they are unavailable."""
    download: bool = False
    """Fetch published weights that are not on this machine."""
    without: tuple[str, ...] = ()
    """Passes to leave out; then only graphs are compared."""
    input_range: tuple[float, float] | None = None
    """Least and largest input value; None to try several ranges."""
    seed: int = 0
    """Seed of the generated inputs and the drawn weights."""
    inputs: tuple[str, ...] = ()
    """What inputs are that the networks do not say: ``NAME=TYPE[EXTENTS]``, and ``:LOW..HIGH``."""
    example: Any = None
    """Inputs to run as well: arrays by name, the path of an ``.npz`` file with them, or what a
    network in this process is called with."""
    layer_outputs: bool = False
    """Also compare the output of each layer with that of its counterpart."""


@dataclass(frozen=True, repr=False)
class DiffReport(Displayed):
    """The answer and its evidence."""

    request: DiffRequest
    answer: Answer
    graphs: Diff
    weights: WeightsDiff | None = None
    """None if weights were not compared; ``answer.evidence.weights`` says why."""
    proof: Proof | None = None
    """None if nothing was run with drawn weights."""
    relations: tuple[WeightRelation, ...] = ()
    """How weights that differ, or are stored in another order, are related."""
    layers: LayerOutputs | None = None
    """How far the outputs of aligned layers are apart; None if not asked for or nothing was run."""
    notes: tuple[str, ...] = ()
    """What to know of the networks first, such as training mode."""

    @property
    def same_function(self) -> bool | None:
        """Whether the two compute the same function; None if undecided."""
        return self.answer.same_function

    @property
    def findings(self) -> Rows[Finding]:
        """The named differences between the graphs."""
        return Rows(self.graphs.findings)

    @property
    def sameness(self) -> Sameness:
        """Whether the graphs of the two have the same structure."""
        return self.graphs.sameness

    @property
    def up_to(self) -> tuple[str, ...]:
        """Codes of the findings that leave the architecture unchanged."""
        return self.graphs.up_to

    @property
    def passes(self) -> tuple[str, ...]:
        """Passes that made aligned layers equal."""
        return self.graphs.passes

    @property
    def a(self) -> Side:
        """The first network."""
        return self.graphs.a

    @property
    def b(self) -> Side:
        """The second network."""
        return self.graphs.b

    def __bool__(self) -> bool:
        return bool(self.answer)

    def __repr__(self) -> str:
        return brief(self._headline, self.same_function, self.findings)

    def _shown(self) -> Shown:
        *notes, answer = self._headline[1:]
        return Shown(
            f"{self._headline[0]}: {answer}",
            [
                *(("note", note) for note in notes),
                *((line.title, line.text) for line in self.evidence()),
            ],
            self._rows(),
            ("code", "name", "left", "right", "count"),
            self.picture.figure,
        )

    def _rows(self) -> list[dict[str, Any]]:
        return self.findings.to_dict()

    @property
    def _headline(self) -> tuple[str, ...]:
        """The names, what to know of the networks first, and the answer."""
        return (f"{self.a.name} and {self.b.name}", *self.notes, self.answer.sentence)

    def exit_code(self, fail_on: FailOn | None) -> int:
        """Return 1 if the named part differs, 3 if that is unknown, else 0."""
        if fail_on is None:
            return 0
        states = {
            "function": self.same_function,
            "weights": None if self.weights is None else self.weights.sameness != "differ",
            "graph": self.sameness == "same",
        }
        if fail_on == "any":
            selected = [states["function"], states["graph"]]
            selected += [states["weights"]] if self.weights is not None else []
        else:
            selected = [states[fail_on]]
        if False in selected:
            return 1
        return 3 if None in selected else 0

    def evidence(self, *, places: bool = False) -> tuple[EvidenceLine, ...]:
        """Return what the answer rests on, one line each, as the command prints it."""
        return evidence_lines(self._evident, places=places)

    @property
    def picture(self) -> Picture:
        """The picture of the two networks side by side; it is drawn when it is saved.

        >>> zoodiff.diff("a.onnx", "b.onnx").picture.save("diff.html")  # doctest: +SKIP
        """
        return Picture(
            Subject(self._evident, self.evidence(), self.layers, (self._name("a"), self._name("b")))
        )

    def _name(self, side: Literal["a", "b"]) -> str:
        """The entry as the caller wrote it; of an object, what it is."""
        given = self.request.a if side == "a" else self.request.b
        shown = self.a if side == "a" else self.b
        return str(given) if isinstance(given, str | Path) else shown.name

    @property
    def _evident(self) -> Evident:
        return Evident(self.answer, self.graphs, self.weights, self.proof, self.relations)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the graphs as plain values, for JSON; the answer comes first."""
        plain = {"answer": self.answer.to_dict(), **self.graphs.to_dict()}
        if self.notes:  # of networks in Python
            plain["notes"] = list(self.notes)
        if self.weights is not None:
            plain["weights"] = {
                "sameness": self.weights.sameness,
                **asdict(self.weights),
                "relations": [_relation(relation) for relation in self.relations],
            }
        if self.proof is not None:
            plain["proof"] = asdict(self.proof)
        return plain


def diff(
    a: Any,
    b: Any = None,
    *,
    limits: Limits | None = None,
    progress: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> DiffReport:
    """Compare two networks; ``options`` are the fields of ``DiffRequest``.

    A network in this process is run here, as it is: its weights and its mode are left alone.

    >>> zoodiff.diff(model, "exported.onnx", example=(ids, mask))  # doctest: +SKIP
    >>> zoodiff.diff("original.onnx", "exported.onnx").same_function  # doctest: +SKIP
    True

    Raises UsageError for an invalid reference, pass or option, MeasurementError if an entry cannot
    be built, WeightsUnavailableError if ``weights`` are required and unavailable.
    """
    request = a if isinstance(a, DiffRequest) else _request(a, b, options)
    _check(request)
    with subjects((request.a, request.b), request.example, request.inputs) as given:
        return _reported(request, given, limits, progress)


def _reported(
    request: DiffRequest,
    given: Subjects,
    limits: Limits | None,
    progress: Callable[[str], None],
) -> DiffReport:
    entries = given.entries
    if request.prove and not all(entry.takes_weights for entry in entries):
        raise UsageError(
            "--prove puts drawn weights into networks, and a network in Python stays as it is; "
            "save it to a file to have that done"
        )
    graphs_only = request.graph_only or bool(request.without)
    effort = Effort(
        run=not (graphs_only or request.no_run),
        weights=not graphs_only,
        prove=request.prove,
        download=request.download,
        seed=request.seed,
        value_range=request.input_range,
        layers=request.layer_outputs,
        inputs=given.inputs,
    )
    with workers(limits) as engine:
        comparison = compare(
            engine,
            entries[0],
            entries[1],
            effort,
            without=request.without,
            concurrent=True,
            progress=progress,
        )
    _demanded(request, comparison)
    return DiffReport(
        request,
        comparison.answer,
        comparison.diff,
        comparison.weights,
        comparison.proof,
        comparison.relations,
        comparison.layers,
        given.notes,
    )


def _request(a: Any, b: Any, options: dict[str, Any]) -> DiffRequest:
    if b is None:
        raise UsageError("two networks are needed: diff(a, b)")
    try:
        return DiffRequest(a, b, **options)
    except TypeError as error:
        raise UsageError(f"diff takes the fields of DiffRequest ({error})") from None


def _check(request: DiffRequest) -> None:
    if request.without and (request.prove or request.weights):
        raise UsageError("--prove and --weights take all passes; leave out --without")
    if request.graph_only and (request.prove or request.weights):
        raise UsageError("--graph-only compares no weights and runs nothing; leave it out")
    if request.input_range is not None and not request.input_range[0] < request.input_range[1]:
        raise UsageError("the least value of inputs is not below the largest; turn them round")


def _demanded(request: DiffRequest, comparison: Comparison) -> None:
    if request.weights and comparison.weights is None:
        reason = comparison.answer.evidence.weights.reason or "there are none"
        raise WeightsUnavailableError(
            f"the weights of {request.a} and {request.b} could not be compared: {reason}"
        )


def diff_preprocessing(a: str, b: str, *, limits: Limits | None = None) -> PreprocessingDiff:
    """Compare how two entries prepare images, outside and inside their networks.

    Raises UsageError for an invalid reference, MeasurementError if an entry cannot be built.
    """
    entries = [registry.resolve(name) for name in (a, b)]
    with workers(limits) as engine:
        return compare_preprocessing(engine, entries[0], entries[1])


def _relation(relation: WeightRelation) -> dict[str, Any]:
    """A relation for JSON, its layers by network."""
    return {
        "kind": relation.kind,
        "sentence": relation.sentence,
        "undone": relation.undone,
        "places_a": [a for a, _ in relation.layers if a],
        "places_b": [b for _, b in relation.layers if b],
    }
