"""Run studies from files or from names, read their results, and write reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.display import Displayed, Shown
from zoodiff.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from zoodiff.engines.choose import Choice
    from zoodiff.report import ReportFiles
    from zoodiff.report.changes import Changes as Changes  # noqa: PLC0414 - for the command
    from zoodiff.report.serve import ReportServer
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
    "compare_runs",
    "read_run",
    "report_folder",
    "report_server",
    "run",
    "run_study",
    "write_report",
]

_SHOWN = 100
"""Runs listed in the error about an unknown run."""


class Silent:
    """An observer that prints nothing."""

    def begin(self, tasks: int, finished: int) -> None:
        """Ignore the beginning."""

    def expects(self, sentence: str) -> None:
        """Ignore what is missing and how long it will take."""

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
"""Returns the observer of a run, as a context manager around the run, for the study's title."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A study, and how to run it."""

    study: str | LoadedStudy
    """Name of a built-in study, path of a TOML file, or a loaded study."""
    results: str | Path = "results"
    fresh: bool = False
    """Repeat measurements that the results folder has."""
    download: bool = False
    """Fetch files without which entries cannot be described."""
    jobs: int | None = None
    """Number of concurrent tasks, except for latency; None for the engine's choice."""
    engine: str = "local"
    """The engine that runs the tasks: ``local``, or ``ray`` for a cluster."""
    address: str | None = None
    """Address of a Ray cluster; None to start a cluster for the run."""
    limits: Limits | None = None


@dataclass(frozen=True, kw_only=True)
class CompareRequest:
    """Architectures or entries to compare, and the optional measurements."""

    names: tuple[str, ...]
    """Architectures (``resnet50``), references ``zoo:model@weights`` and paths of model files."""
    latency: bool = False
    """Measure latency too, interleaved."""
    download: bool = False
    """Fetch files without which entries cannot be described."""
    threads: int = 1
    """Threads for latency."""
    rounds: int = 15
    """Rounds for latency."""
    results: str | Path = "results"
    limits: Limits | None = None


@dataclass(frozen=True, repr=False)
class StudyRun(Displayed):
    """A finished study: its result, and counts of measured and reused records."""

    result: StudyResult
    measured: int
    reused: int
    """Records taken from the results folder."""
    failures: tuple[Failure, ...]
    """Measurements of this run that failed, with the reason."""
    damaged: tuple[str, ...]
    """One sentence per damaged file of the results folder."""

    @property
    def complete(self) -> bool:
        """Whether every measurement succeeded, apart from entries omitted on purpose."""
        return all(failure.declined for failure in self.failures)

    def _shown(self) -> Shown:
        shown = self.result._shown()
        headline = f"{self.measured} measured, {self.reused} reused; {shown.headline}"
        return replace(shown, headline=headline, facts=[*shown.facts, *self._problems()])

    def _problems(self) -> list[tuple[str, object]]:
        return [(f"failed: {each.entry}", each.reason) for each in self.failures]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values, for JSON."""
        return self.result.to_dict()


@dataclass(frozen=True, repr=False)
class StoredRun(Displayed):
    """A run that was read from a results folder."""

    name: str
    result: StudyResult
    damaged: tuple[str, ...]
    """One sentence per damaged file of the results folder."""

    def _shown(self) -> Shown:
        shown = self.result._shown()
        headline = f"{self.name}; {shown.headline}"
        return replace(shown, headline=headline, facts=[*shown.facts, *self._problems()])

    def _problems(self) -> list[tuple[str, object]]:
        return [("damaged", sentence) for sentence in self.damaged]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values, for JSON."""
        return self.result.to_dict()


def run(
    request: RunRequest | str | LoadedStudy,
    results: str | Path | None = None,
    *,
    observe: Observe = _silently,
    **options: Any,
) -> StudyRun:
    """Run a study: make the missing measurements and return the result.

    Takes a ``RunRequest``, or the study and its other fields by keyword. A failed measurement is
    among the ``failures``. Raises StudyError for a study that cannot be run, StoreError if the
    results cannot be written, UsageError for an engine that is unknown or unavailable.
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
    """Compare the claims, counts, preprocessing and optionally latency of architectures or entries.

    Takes a ``CompareRequest``, or the names and its other fields by keyword. Raises
    UnknownNameError for an unknown name, StudyError for an invalid field.
    """
    options |= {} if results is None else {"results": results}
    if isinstance(request, CompareRequest):
        _check_complete(options)
    else:
        names = (request,) if isinstance(request, str) else tuple(map(str, request))
        request = CompareRequest(names=names, **options)
    from zoodiff.study.adhoc import study_of

    study = study_of(
        request.names,
        latency=request.latency,
        threads=request.threads,
        rounds=request.rounds,
        download=request.download,
    )
    return _work_through(
        RunRequest(study=study, results=request.results, limits=request.limits), observe
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
    """Run a study and return its result, without the counts and failures of ``run``.

    ``engine`` says where tasks run and how many at a time; by default one at a time on this
    machine.
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
    return run(request, observe=_observing(observer)).result


def compare_entries(
    names: Iterable[str],
    results: str | Path = "results",
    *,
    limits: Limits | None = None,
    observer: Observer | None = None,
    **options: Any,
) -> StudyResult:
    """Return the result of ``compare``; its other fields are passed by keyword."""
    return compare(names, results, limits=limits, observe=_observing(observer), **options).result


def _observing(observer: Observer | None) -> Observe:
    return _silently if observer is None else lambda title: nullcontext(observer)


def read_run(name: str | None = None, results: str | Path = "results") -> StoredRun:
    """Return a study's run from a results folder, by default the latest; measures nothing.

    Raises UnknownNameError for an unknown run, StudyError if its study is no longer valid.
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
    run_name = name or runs[-1]
    manifest = store.read_manifest(run_name) if run_name in runs else None
    if manifest is None:
        latest = runs[-_SHOWN:]
        hint = did_you_mean(run_name, latest) or f"; there are {', '.join(latest)}"
        raise UnknownNameError(f'no run "{run_name}" in {results}{hint}')
    result = assemble(store, manifest)
    return StoredRun(run_name, result, tuple(store.damaged))


def compare_runs(old: str, new: str, results: str | Path = "results") -> Changes:
    """Return what changed from one run to another, as far as it is more than noise.

    Each is the name of a run in the results folder, or another results folder (or address), whose
    latest run is meant: a study that is run again replaces its earlier run. Raises
    UnknownNameError for others.
    """
    from zoodiff.report.changes import changes

    return changes(_named_run(old, results).result, _named_run(new, results).result)


def _named_run(name: str, results: str | Path) -> StoredRun:
    from zoodiff.addresses import is_address
    from zoodiff.store.folder import Store

    if name in Store(results).runs():
        return read_run(name, results)
    try:
        is_folder = is_address(name) or Path(name).is_dir()
    except OSError:  # a name that is no path, such as one that is too long
        is_folder = False
    return read_run(None, name) if is_folder and name else read_run(name, results)


def report_folder(study: str, results: str | Path = "results") -> Path:
    """Return the default folder of a study's report: in the results folder, or ``report`` for
    results at an address.
    """
    from zoodiff.addresses import is_address

    text = str(results)
    return Path("report" if is_address(text) else f"{text}/report") / study


def report_server(
    name: str | None = None,
    results: str | Path = "results",
    port: int = 0,
    *,
    thumbnails: int = 0,
    limits: Limits | None = None,
) -> ReportServer:
    """Return a server of a run's report on 127.0.0.1; its ``serve_forever`` serves.

    The report is made again when the run has gone on. ``port`` 0 takes a free one. ``thumbnails``
    and ``limits`` are those of ``write_report``. Raises UsageError for a port that cannot be used,
    and what ``read_run`` raises.
    """
    from zoodiff.report.serve import ReportServer
    from zoodiff.report.stored import StoreReader
    from zoodiff.store.folder import Store

    run_name = read_run(name, results).name

    def version() -> str:
        manifest = Store(results).read_manifest(run_name)
        return "" if manifest is None else f"{manifest.updated} {len(manifest.records)}"

    reader = StoreReader(Store(results), thumbnails=thumbnails, limits=limits)
    return ReportServer(lambda: read_run(run_name, results).result, version, port, reader)


def write_report(
    result: StudyResult,
    folder: str | Path,
    results: str | Path | None = None,
    *,
    thumbnails: int = 0,
    limits: Limits | None = None,
) -> ReportFiles:
    """Write index.html, report.md, discrepancies.csv and .json, and tables into a folder.

    With ``results``, the results folder of the run or its address, the report has pictures of
    pairs and the images on which entries disagree, the first ``thumbnails`` of them small; a
    worker with these ``limits`` decodes them. Raises StoreError if the folder cannot be written.
    """
    from zoodiff.report import write
    from zoodiff.report.stored import StoreReader
    from zoodiff.store.folder import Store

    if results is None:
        return write(result, Path(folder))
    reader = StoreReader(Store(results), thumbnails=thumbnails, limits=limits)
    return write(result, Path(folder), reader)
