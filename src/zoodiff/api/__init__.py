"""The same things that the commands do, one call each, with typed results.

``limits`` say how long a worker may take for one request, and how much memory it may use: what
``--worker-seconds`` and ``--worker-memory`` are to the commands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from zoodiff.api.accuracy_report import AccuracyReport, AccuracyRequest, accuracy
from zoodiff.api.diff_report import (
    MARGIN,
    Answer,
    Diff,
    DiffReport,
    DiffRequest,
    FailOn,
    Finding,
    LayerWeights,
    OutputsEvidence,
    PreprocessingDiff,
    Proof,
    diff,
    diff_preprocessing,
)
from zoodiff.api.latency_report import LatencyReport, LatencyRequest, latency
from zoodiff.api.pools import workers
from zoodiff.architecture import describe as architecture
from zoodiff.architecture.diff import diff as compare_graphs
from zoodiff.architecture.survey import describe_all
from zoodiff.engines.choose import Choice
from zoodiff.equivalence.native_run import run_with, weights_of
from zoodiff.equivalence.proof import Native
from zoodiff.equivalence.proof import prove as prove_diff
from zoodiff.equivalence.weight_diff import WeightsDiff, compare_weights
from zoodiff.graph.fingerprint import fingerprint
from zoodiff.graph.ir import Graph
from zoodiff.report import ReportFiles, write
from zoodiff.store.folder import Store
from zoodiff.study import config as studies
from zoodiff.study.adhoc import study_of
from zoodiff.study.assemble import assemble
from zoodiff.study.config import LoadedStudy
from zoodiff.study.result import StudyResult
from zoodiff.study.run import Observer, run
from zoodiff.workers.process import Limits
from zoodiff.zoos import registry

__all__ = [
    "MARGIN",
    "AccuracyReport",
    "AccuracyRequest",
    "Answer",
    "Diff",
    "DiffReport",
    "DiffRequest",
    "FailOn",
    "Finding",
    "LatencyReport",
    "LatencyRequest",
    "LayerWeights",
    "OutputsEvidence",
    "PreprocessingDiff",
    "Proof",
    "Silent",
    "accuracy",
    "compare_entries",
    "describe",
    "diff",
    "diff_preprocessing",
    "diff_weights",
    "fingerprints",
    "latency",
    "prove",
    "run_study",
    "survey",
    "write_report",
]


class Silent:
    """An observer that says nothing."""

    def begin(self, tasks: int, finished: int) -> None:
        """Ignore the beginning."""

    def task(self, label: str) -> None:
        """Ignore a task."""

    def step(self, label: str, done: int, of: int) -> None:
        """Ignore a step."""

    def waits(self, label: str, holder: str) -> None:
        """Ignore that a task waits."""

    def done(self, label: str, failures: int) -> None:
        """Ignore a task's end."""


def describe(entry: str, *, limits: Limits | None = None) -> Graph:
    """The canonical graph of an entry, built in its worker without allocating weights.

    Raises UsageError for an invalid reference, MeasurementError where it cannot be built.
    """
    found = registry.resolve(entry)
    with workers(limits) as engine:
        return architecture.graph_of(engine, found)


def prove(a: str, b: str, *, seed: int = 0, limits: Limits | None = None) -> tuple[Diff, Proof]:
    """The diff of two entries, and the proof by execution in their own frameworks.

    Networks whose structure depends on published weights are proved as they are with random ones.
    Raises UsageError for an invalid reference, MeasurementError where an entry cannot be
    built; a proof that cannot be made is one with the verdict "not proved" and the reason.
    """
    first, second = (
        registry.resolve(registry.resolve(x).ref.with_weights("random")) for x in (a, b)
    )
    with workers(limits) as engine:
        one, other = (architecture.graph_of(engine, entry) for entry in (first, second))
        found = compare_graphs(one, other, a, b)

        def runner(entry: registry.Entry) -> Native:
            return lambda weights, image: run_with(engine, entry, weights, image)

        return found, prove_diff(found, (runner(first), runner(second)), seed=seed)


def diff_weights(a: str, b: str, *, limits: Limits | None = None) -> tuple[Diff, WeightsDiff]:
    """The diff of two entries, and whether they hold the same weights.

    Raises UsageError for an invalid reference, WeightsUnavailableError where weights cannot be
    had, MeasurementError where an entry cannot be built or gives no weights.
    """
    first, second = registry.resolve(a), registry.resolve(b)
    with workers(limits) as engine:
        one, other = (architecture.graph_of(engine, entry) for entry in (first, second))
        found = compare_graphs(one, other, str(first.ref), str(second.ref))
        return found, compare_weights(found, weights_of(engine, first), weights_of(engine, second))


def fingerprints(entries: Iterable[str], *, limits: Limits | None = None) -> dict[str, str]:
    """The fingerprint of each entry's architecture, by the entry's name."""
    found = [registry.resolve(entry) for entry in entries]
    with workers(limits) as engine:
        return {
            str(entry.ref): fingerprint(architecture.graph_of(engine, entry)) for entry in found
        }


def survey(
    zoos: Collection[str] | None = None,
    *,
    jobs: int = 2,
    limits: Limits | None = None,
    done: Callable[[registry.Entry, str | None], None] | None = None,
) -> tuple[dict[str, Graph], dict[str, str]]:
    """Graphs of every entry that can be described, and reasons for those that cannot.

    Entries are those with default weights; networks are built without allocating them.
    """
    groups = registry.by_architecture(list(zoos) if zoos else None)
    entries = [entry for members in groups.values() for entry in members]
    unique = list({str(entry.ref): entry for entry in entries}.values())
    return describe_all(unique, jobs=jobs, limits=limits, done=done)


def run_study(
    study: str | LoadedStudy,
    results: str | Path = "results",
    *,
    fresh: bool = False,
    limits: Limits | None = None,
    observer: Observer | None = None,
    engine: Choice | None = None,
) -> StudyResult:
    """Run a study (a built-in name, a path, or a loaded one) and return what it found.

    Finished measurements are taken from the results folder unless ``fresh``. ``engine`` says where
    they are made and how many at a time; one after the other on this machine, unless it does.
    """
    loaded = studies.load_study(study) if isinstance(study, str) else study
    store = Store(results)
    watching = observer or Silent()
    outcome = run(loaded, store, watching, fresh=fresh, limits=limits, engine=engine)
    return assemble(store, outcome.manifest)


def compare_entries(
    names: Iterable[str],
    results: str | Path = "results",
    *,
    latency: bool = False,
    threads: int = 1,
    rounds: int = 15,
    download: bool = False,
    limits: Limits | None = None,
    observer: Observer | None = None,
) -> StudyResult:
    """Compare architectures or entries: claims, counts, preprocessing and, if asked, latency.

    With ``download`` entries are fetched that need their file even to be described.
    """
    loaded = study_of(
        list(names), latency=latency, threads=threads, rounds=rounds, download=download
    )
    return run_study(loaded, results, limits=limits, observer=observer)


def write_report(result: StudyResult, folder: str | Path) -> ReportFiles:
    """Write index.html, report.md, discrepancies.csv and discrepancies.json into a folder."""
    return write(result, Path(folder))
