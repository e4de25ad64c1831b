"""Measure the latency of entries, compare them, and attribute their ratios."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.api.pools import workers
from zoodiff.display import Displayed, Rows, Shown
from zoodiff.errors import UsageError

if TYPE_CHECKING:
    from zoodiff.latency.attribution.explain import Attribution, ReferenceSetup
    from zoodiff.latency.benchmark import Budget
    from zoodiff.latency.comparison import Pair, Timings
    from zoodiff.latency.extras import ExtraResults, LatencyExtras
    from zoodiff.latency.findings import LatencyFinding
    from zoodiff.latency.session import BenchmarkSettings, Outcome
    from zoodiff.workers.limits import Limits

Step = Callable[[str, int, int], None]
"""Called with the stage (``reference``, ``rounds`` or ``extras``), the number done and of all."""


@dataclass(frozen=True, kw_only=True)
class LatencyRequest:
    """The entries, the conditions and the options of a latency measurement."""

    entries: tuple[str, ...]
    """References ``zoo:model@weights`` and paths of model files; weights are random unless
    named."""
    batch: int = 1
    threads: int = 1
    modes: tuple[str, ...] = ()
    """Execution modes: ``MODE``, ``ZOO=MODE`` or ``ENTRY=MODE``; two modes of one entry are
    compared."""
    pause_ms: float = 0.0
    """Idle time before each call, milliseconds."""
    seconds: float = 60.0
    """Longest measuring time; loading is extra."""
    processes: int = 5
    """Least number of fresh processes per entry."""
    target: float = 1.0
    """Target precision of the ratios, percent; the measurement stops when it is reached."""
    rounds: int | None = None
    """Rounds per process, with exactly ``processes`` processes as in a study; None for as many
    rounds as the time allows, and more processes if needed."""
    block_ms: float = 20.0
    """Length of a block of calls, milliseconds."""
    within: float = 5.0
    """Percent within which entries count as the same."""
    controls: int = 1
    """Entries that are loaded twice, as A/A controls."""
    allow: tuple[str, ...] = ()
    """Conditions that may differ between entries, such as ``precision``."""
    why: bool = True
    """Attribute ratios to architecture, framework and layers, with runs of the same networks in
    one reference runtime."""
    cold: bool = False
    """Measure cold starts, in fresh processes."""
    sweep: int | None = None
    """Measure batch sizes 1, 2, 4, ... up to this."""
    sweep_threads: int = 1
    """With ``sweep``: threads 1, 2, 4, ... up to this."""
    scenarios: bool = False
    """Measure MLPerf's single stream, offline and server scenarios."""
    bound_ms: float | None = None
    """Latency bound for 99 % of the server's queries, milliseconds; None for three times the 90th
    percentile of the single stream."""
    environment: bool = False
    """Read the machine's settings, libraries and threads."""
    seed: int = 0
    fresh: bool = False
    """Repeat measurements that the results folder has. Records are reused only if no reference is
    timed in the same rounds: without ``why``, or for a single entry."""
    results: str = "results"
    limits: Limits | None = None


@dataclass(frozen=True, repr=False)
class LatencyReport(Displayed):
    """The result of a latency request; parts that were not requested are empty."""

    outcome: Outcome
    attribution: Attribution
    extras: ExtraResults
    findings: Rows[LatencyFinding] = field(default_factory=Rows)
    unopened: Mapping[str, str] = field(default_factory=dict)
    """Files that could not be opened, with the reason."""

    @property
    def timings(self) -> Timings:
        """Latencies of entries, all pairs and the controls."""
        return self.outcome.timings

    @property
    def pairs(self) -> Sequence[Pair]:
        """All pairs of entries, with the ratio and the verdict."""
        return self.timings.pairs

    @property
    def failures(self) -> Mapping[str, str]:
        """Entries and measurements that failed, with the reason."""
        return {**self.unopened, **self.timings.failures, **self.extras.failures}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            **self.timings.to_dict(),
            **self.attribution.to_dict(),
            **self.extras.to_dict(),
            "findings": [vars(finding) for finding in self.findings],
            "failures": dict(self.failures),
        }

    def _shown(self) -> Shown:
        shown = self.timings._shown()
        findings = [(finding.code, finding.sentence) for finding in self.findings]
        failed = [(f"failed: {name}", reason) for name, reason in self.unopened.items()]
        return replace(shown, facts=[*findings, *shown.facts, *failed])


def latency(
    request: LatencyRequest | Iterable[str],
    results: str | Path | None = None,
    *,
    step: Step = lambda stage, done, of: None,
    **options: Any,
) -> LatencyReport:
    """Time entries in fresh processes, compare them and attribute the ratios.

    Takes a ``LatencyRequest``, or the entries and its other fields by keyword. The records go into
    the results folder. Raises UsageError for an invalid reference or mode and for entries that are
    not comparable, MeasurementError if nothing can be timed.
    """
    request = _request(request, {**options, **({"results": str(results)} if results else {})})
    from zoodiff.latency import session
    from zoodiff.latency.attribution.explain import Attribution, attribute, prepare_references
    from zoodiff.latency.extras import measure_extras
    from zoodiff.store.folder import Store
    from zoodiff.zoos import registry

    store = Store(request.results)
    store.prepare()
    entries, unreadable = registry.resolve_readable(request.entries, session.entry_of)
    rounds = _rounds(request)
    subjects = session.timed_entries(entries, rounds)
    with (
        tempfile.TemporaryDirectory(prefix="zoodiff-") as folder,
        workers(request.limits) as engine,
    ):
        reference: ReferenceSetup | None = None
        if request.why and len(subjects) > 1:
            step("reference", 0, 1)
            reference = prepare_references(engine, subjects, Path(folder), request.seed)
            step("reference", 1, 1)
        outcome = None
        if reference is None and not request.fresh:
            outcome = session.recorded(subjects, rounds, store)
        if outcome is None:
            outcome = session.run(
                engine,
                subjects,
                rounds,
                references=reference.references if reference else (),
                step=lambda done, of: step("rounds", done, of),
            )
            session.record(outcome, rounds, store)
        attribution = attribute(engine, reference, outcome.measured) if reference else Attribution()
        extras = measure_extras(
            engine, subjects, _extras(request), lambda done, of: step("extras", done, of)
        )
    findings = _findings(outcome, extras, reference, attribution)
    return LatencyReport(outcome, attribution, extras, findings, unreadable)


def _request(request: LatencyRequest | Iterable[str], options: dict[str, Any]) -> LatencyRequest:
    if isinstance(request, LatencyRequest):
        if options:
            raise UsageError("a request is complete; change it with dataclasses.replace")
        return request
    options = {
        name: tuple(value) if name in {"modes", "allow"} else value
        for name, value in options.items()
    }
    entries = (request,) if isinstance(request, str) else tuple(map(str, request))
    return LatencyRequest(entries=entries, **options)


def _rounds(request: LatencyRequest) -> BenchmarkSettings:
    from zoodiff.latency.conditions import Conditions
    from zoodiff.latency.session import BenchmarkSettings

    return BenchmarkSettings(
        conditions=Conditions(
            batch=request.batch, threads=request.threads, pause_ms=request.pause_ms
        ),
        budget=_effort(request),
        modes=request.modes,
        allowed=request.allow,
        within_percent=request.within,
        controls=request.controls,
    )


def _effort(request: LatencyRequest) -> Budget:
    from zoodiff.latency.benchmark import Budget
    from zoodiff.latency.records.keys import fixed_budget

    if request.rounds is None:
        return Budget(
            seconds=request.seconds,
            processes=request.processes,
            block_ms=request.block_ms,
            target_percent=request.target,
            seed=request.seed,
        )
    return fixed_budget(
        processes=request.processes,
        rounds=request.rounds,
        block_ms=request.block_ms,
        seconds=request.seconds,
        seed=request.seed,
    )


def _extras(request: LatencyRequest) -> LatencyExtras:
    from zoodiff.latency.extras import LatencyExtras
    from zoodiff.latency.sweep import batches_up_to, threads_up_to

    return LatencyExtras(
        cold=request.cold,
        batches=batches_up_to(request.sweep) if request.sweep else (),
        threads=threads_up_to(request.sweep_threads),
        scenarios=request.scenarios,
        bound_ms=request.bound_ms,
        environment=request.environment,
        processes=request.processes,
        seconds=request.seconds,
        seed=request.seed,
    )


def _findings(
    outcome: Outcome,
    extras: ExtraResults,
    reference: ReferenceSetup | None,
    attribution: Attribution,
) -> Rows[LatencyFinding]:
    from zoodiff.latency.findings import find

    entries = {subject.name: subject.entry for subject in outcome.subjects}
    macs = reference.macs() if reference else {}
    parts = {(pair.first, pair.second): pair.parts for pair in attribution.pairs}
    ratios = find(outcome.timings, outcome.measured, entries, macs, parts)
    return Rows(sorted([*ratios, *extras.findings()], key=lambda finding: finding.code))
