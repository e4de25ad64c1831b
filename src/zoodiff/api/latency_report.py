"""The latency of entries, their ratios and the attribution of the ratios."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.api.pools import workers
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
"""Is told what is done (``reference``, ``rounds`` or ``extras``), how much of it, of how much."""


@dataclass(frozen=True, kw_only=True)
class LatencyRequest:
    """Everything that can be asked about the latency of entries."""

    entries: tuple[str, ...]
    """References ``zoo:model@weights`` and paths of model files; weights that nobody names are
    random."""
    batch: int = 1
    threads: int = 1
    modes: tuple[str, ...] = ()
    """Execution modes: ``MODE``, ``ZOO=MODE`` or ``ENTRY=MODE``; two of one entry are compared."""
    pause_ms: float = 0.0
    """Idle time before each call."""
    seconds: float = 60.0
    """Measuring time at most; loading comes on top."""
    processes: int = 5
    """Fresh processes of each entry, at least."""
    target: float = 1.0
    """Stop when ratios are known to this many percent."""
    rounds: int | None = None
    """Rounds in each of exactly ``processes`` processes, as a study measures; None: as many as the
    time allows, and more processes where they are needed."""
    block_ms: float = 20.0
    """Length of the blocks of calls that a round is made of."""
    within: float = 5.0
    """Percent within which entries count as the same."""
    controls: int = 1
    """Entries that are loaded twice, as A/A controls."""
    allow: tuple[str, ...] = ()
    """Conditions that may differ between entries, as ``precision``."""
    why: bool = True
    """Attribute ratios to architecture, framework and layers, by the same networks in one
    reference runtime."""
    cold: bool = False
    """Measure cold starts, in fresh processes."""
    sweep: int | None = None
    """Measure batch sizes 1, 2, 4, ... up to this."""
    sweep_threads: int = 1
    """With ``sweep``: threads 1, 2, 4, ... up to this."""
    scenarios: bool = False
    """Measure MLPerf's single stream, offline and server scenarios."""
    bound_ms: float | None = None
    """Latency within which a server answers 99 of 100 queries; None for three times the 90th
    percentile of the single stream."""
    environment: bool = False
    """Read the machine, libraries and threads."""
    seed: int = 0
    fresh: bool = False
    """Measure again what the results folder has. It is taken from there where nothing else is timed
    in the same rounds: without ``why``, or for a single entry."""
    results: str = "results"
    limits: Limits | None = None


@dataclass(frozen=True)
class LatencyReport:
    """Result of a latency request; parts that were not requested are empty."""

    outcome: Outcome
    attribution: Attribution
    extras: ExtraResults
    findings: tuple[LatencyFinding, ...] = ()
    unopened: Mapping[str, str] = field(default_factory=dict)
    """Files that could not even be opened, with the reason."""

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
        """The reason, by what could not be measured."""
        return {**self.unopened, **self.timings.failures, **self.extras.failures}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            **self.timings.to_dict(),
            **self.attribution.to_dict(),
            **self.extras.to_dict(),
            "findings": [vars(one) for one in self.findings],
            "failures": dict(self.failures),
        }


def latency(
    request: LatencyRequest | Iterable[str],
    results: str | Path | None = None,
    *,
    step: Step = lambda what, done, of: None,
    **options: Any,
) -> LatencyReport:
    """Time entries in fresh processes, compare them and attribute the ratios.

    Takes a ``LatencyRequest``, or the entries and its other fields by keyword. The records go into
    the results folder. Raises UsageError for an invalid reference or mode and for entries that are
    not comparable, and MeasurementError where nothing can be timed.
    """
    asked = _request(request, {**options, **({"results": str(results)} if results else {})})
    from zoodiff.latency import session
    from zoodiff.latency.attribution.explain import Attribution, attribute, prepare_references
    from zoodiff.latency.extras import measure_extras
    from zoodiff.store.folder import Store
    from zoodiff.zoos import registry

    store = Store(asked.results)
    store.prepare()
    entries, unreadable = registry.resolve_readable(asked.entries, session.entry_of)
    rounds = _rounds(asked)
    subjects = session.timed_entries(entries, rounds)
    with tempfile.TemporaryDirectory(prefix="zoodiff-") as folder, workers(asked.limits) as engine:
        reference: ReferenceSetup | None = None
        if asked.why and len(subjects) > 1:
            step("reference", 0, 1)
            reference = prepare_references(engine, subjects, Path(folder), asked.seed)
            step("reference", 1, 1)
        outcome = None
        if reference is None and not asked.fresh:
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
            engine, subjects, _extras(asked), lambda done, of: step("extras", done, of)
        )
    findings = _findings(outcome, extras, reference)
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


def _rounds(asked: LatencyRequest) -> BenchmarkSettings:
    from zoodiff.latency.conditions import Conditions
    from zoodiff.latency.session import BenchmarkSettings

    return BenchmarkSettings(
        conditions=Conditions(batch=asked.batch, threads=asked.threads, pause_ms=asked.pause_ms),
        budget=_effort(asked),
        modes=asked.modes,
        allowed=asked.allow,
        within_percent=asked.within,
        controls=asked.controls,
    )


def _effort(asked: LatencyRequest) -> Budget:
    from zoodiff.latency.benchmark import Budget
    from zoodiff.latency.record_keys import fixed_budget

    if asked.rounds is None:
        return Budget(
            seconds=asked.seconds,
            processes=asked.processes,
            block_ms=asked.block_ms,
            target_percent=asked.target,
            seed=asked.seed,
        )
    return fixed_budget(
        processes=asked.processes,
        rounds=asked.rounds,
        block_ms=asked.block_ms,
        seconds=asked.seconds,
        seed=asked.seed,
    )


def _extras(asked: LatencyRequest) -> LatencyExtras:
    from zoodiff.latency.extras import LatencyExtras
    from zoodiff.latency.sweep import batches_up_to, threads_up_to

    return LatencyExtras(
        cold=asked.cold,
        batches=batches_up_to(asked.sweep) if asked.sweep else (),
        threads=threads_up_to(asked.sweep_threads),
        scenarios=asked.scenarios,
        bound_ms=asked.bound_ms,
        environment=asked.environment,
        processes=asked.processes,
        seconds=asked.seconds,
        seed=asked.seed,
    )


def _findings(
    outcome: Outcome, extras: ExtraResults, reference: ReferenceSetup | None
) -> tuple[LatencyFinding, ...]:
    from zoodiff.latency.findings import find

    entries = {one.name: one.entry for one in outcome.subjects}
    macs = reference.macs() if reference else {}
    ratios = find(outcome.timings, outcome.measured, entries, macs)
    return tuple(sorted([*ratios, *extras.findings()], key=lambda one: one.code))
