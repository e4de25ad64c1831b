"""Studies: run from a file or from names, read again from a results folder, and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from zoodiff.engines.choose import Choice
    from zoodiff.report import ReportFiles
    from zoodiff.store.records import Failure
    from zoodiff.study.config import LoadedStudy
    from zoodiff.study.result import StudyResult
    from zoodiff.study.run import Observer
    from zoodiff.workers.limits import Limits

__all__ = [
    "CompareRequest",
    "RunRequest",
    "Silent",
    "StoredRun",
    "StudyRun",
    "compare",
    "compare_entries",
    "read_run",
    "report_folder",
    "run",
    "run_study",
    "write_report",
]

_SHOWN = 100
"""Runs that are named where another one was asked for."""


class Silent:
    """An observer that prints nothing."""

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


def _silently(title: str) -> AbstractContextManager[Observer]:
    return nullcontext(Silent())


Observe = Callable[[str], AbstractContextManager["Observer"]]
"""Opens the observer of a run, given the study's title, for as long as the run takes."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A study, and how it is worked through."""

    study: str | LoadedStudy
    """Name of a built-in study, path of a TOML file, or a loaded study."""
    results: str | Path = "results"
    fresh: bool = False
    """Measure everything again, whatever the results folder has."""
    download: bool = False
    """Fetch files that entries need even to be described."""
    jobs: int | None = None
    """Tasks done at a time, latency excepted; None for what the engine thinks best."""
    engine: str = "local"
    """What does the tasks: ``local``, or ``ray`` for a cluster."""
    address: str | None = None
    """Address of a Ray cluster; None for one that is started for the run."""
    limits: Limits | None = None


@dataclass(frozen=True, kw_only=True)
class CompareRequest:
    """Architectures or entries to compare, and the optional measurements."""

    names: tuple[str, ...]
    """Architectures (``resnet50``), references ``zoo:model@weights`` and paths of model files."""
    latency: bool = False
    """Measure latency too, interleaved."""
    download: bool = False
    """Fetch files that entries need to be described."""
    threads: int = 1
    """Threads for latency."""
    rounds: int = 15
    """Rounds for latency."""
    results: str | Path = "results"
    limits: Limits | None = None


@dataclass(frozen=True)
class StudyRun:
    """A finished study: its result, and counts of measured and reused records."""

    result: StudyResult
    measured: int
    reused: int
    """Records taken from the results folder."""
    failures: tuple[Failure, ...]
    """What this run could not measure, with the reason."""
    damaged: tuple[str, ...]
    """Sentences on files of the results folder that were damaged."""

    @property
    def complete(self) -> bool:
        """Whether every measurement succeeded, except entries omitted on purpose."""
        return all(failure.declined for failure in self.failures)


@dataclass(frozen=True)
class StoredRun:
    """A run that was read from a results folder."""

    name: str
    result: StudyResult
    damaged: tuple[str, ...]
    """Sentences on files of the results folder that are damaged."""


def run(
    request: RunRequest | str | LoadedStudy,
    results: str | Path | None = None,
    *,
    observe: Observe = _silently,
    **options: Any,
) -> StudyRun:
    """Run a study: do the missing measurements and return the result.

    Takes a ``RunRequest``, or the study and its other fields by keyword. A failing measurement is
    among the ``failures``. Raises StudyError for a study that cannot be run, StoreError where the
    results cannot be written, UsageError for an engine that cannot be had.
    """
    options |= {} if results is None else {"results": results}
    if isinstance(request, RunRequest):
        _check_complete(options)
        return _work_through(request, observe)
    return _work_through(RunRequest(study=request, **options), observe)


def compare(
    request: CompareRequest | Iterable[str],
    results: str | Path | None = None,
    *,
    observe: Observe = _silently,
    **options: Any,
) -> StudyRun:
    """Compare architectures or entries: claims, counts, preprocessing and, if asked, latency.

    Takes a ``CompareRequest``, or the names and its other fields by keyword. Raises
    UnknownNameError for a name that does not exist, StudyError for a field that is not valid.
    """
    options |= {} if results is None else {"results": results}
    if isinstance(request, CompareRequest):
        _check_complete(options)
        asked = request
    else:
        names = (request,) if isinstance(request, str) else tuple(map(str, request))
        asked = CompareRequest(names=names, **options)
    from zoodiff.study.adhoc import study_of

    study = study_of(
        asked.names,
        latency=asked.latency,
        threads=asked.threads,
        rounds=asked.rounds,
        download=asked.download,
    )
    return _work_through(
        RunRequest(study=study, results=asked.results, limits=asked.limits), observe
    )


def _check_complete(options: dict[str, Any]) -> None:
    if options:
        raise UsageError("a request is complete; change it with dataclasses.replace")


def _work_through(request: RunRequest, observe: Observe) -> StudyRun:
    from zoodiff.engines.choose import Choice
    from zoodiff.store.folder import Store
    from zoodiff.study import config as studies
    from zoodiff.study.assemble import assemble
    from zoodiff.study.run import run as run_tasks

    study, limits, fresh = request.study, request.limits, request.fresh
    loaded = studies.load_study(study) if isinstance(study, str) else study
    if request.download:
        loaded = studies.with_download(loaded)
    store = Store(request.results)
    choice = Choice(request.engine, request.jobs, request.address, limits)
    with observe(loaded.study.title) as observer:
        outcome = run_tasks(loaded, store, observer, fresh=fresh, engine=choice)
    return StudyRun(
        assemble(store, outcome.manifest, loaded.study),
        measured=outcome.measured,
        reused=outcome.reused,
        failures=tuple(outcome.manifest.failures),
        damaged=outcome.damaged,
    )


def run_study(
    study: str | LoadedStudy,
    results: str | Path = "results",
    *,
    fresh: bool = False,
    limits: Limits | None = None,
    observer: Observer | None = None,
    engine: Choice | None = None,
) -> StudyResult:
    """Return the result of ``run`` alone.

    ``engine`` says where tasks are done and how many at a time; one after the other on this
    machine, unless it does.
    """
    request = RunRequest(study=study, results=results, fresh=fresh, limits=limits)
    if engine is not None:
        request = replace(
            request,
            engine=engine.name,
            jobs=engine.jobs,
            address=engine.address,
            limits=limits or engine.limits,
        )
    return run(request, observe=_told(observer)).result


def compare_entries(
    names: Iterable[str],
    results: str | Path = "results",
    *,
    limits: Limits | None = None,
    observer: Observer | None = None,
    **options: Any,
) -> StudyResult:
    """Return the result of ``compare``, whose other fields are passed by keyword."""
    return compare(names, results, limits=limits, observe=_told(observer), **options).result


def _told(observer: Observer | None) -> Observe:
    return _silently if observer is None else lambda title: nullcontext(observer)


def read_run(name: str | None = None, results: str | Path = "results") -> StoredRun:
    """Read a study's run from a results folder, the latest without a name; nothing is measured.

    Raises UnknownNameError where there is no such run, StudyError where its study no longer reads.
    """
    from zoodiff.entry import did_you_mean
    from zoodiff.store.folder import Store
    from zoodiff.study.assemble import assemble

    store = Store(results)
    runs = store.runs()
    if not runs:
        raise UnknownNameError(
            f"there is no run in {results}; make one with: zoodiff run quick, "
            "or name another folder with --results"
        )
    wanted = name or runs[-1]
    manifest = store.read_manifest(wanted) if wanted in runs else None
    if manifest is None:
        latest = runs[-_SHOWN:]
        hint = did_you_mean(wanted, latest) or f"; there are {', '.join(latest)}"
        raise UnknownNameError(f'no run "{wanted}" in {results}{hint}')
    result = assemble(store, manifest)
    return StoredRun(wanted, result, tuple(store.damaged))


def report_folder(study: str, results: str | Path = "results") -> Path:
    """Where a study's report goes unless somebody says otherwise: beside results in a folder."""
    from zoodiff.addresses import is_address

    text = str(results)
    return Path("report" if is_address(text) else f"{text}/report") / study


def write_report(result: StudyResult, folder: str | Path) -> ReportFiles:
    """Write index.html, report.md, discrepancies.csv and discrepancies.json into a folder.

    Raises StoreError where the folder cannot be written.
    """
    from zoodiff.report import write

    return write(result, Path(folder))
