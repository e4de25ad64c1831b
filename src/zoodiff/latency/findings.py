"""Findings about latency, each with the code of its rule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from zoodiff.claims import latency as claimed
from zoodiff.host.environment import Environment, oversubscribed, runtime_info_of
from zoodiff.host.machine import machine
from zoodiff.latency.attribution.decomposition import RatioParts
from zoodiff.latency.benchmark import PAUSE_MS, Measured
from zoodiff.latency.causes import causes_of
from zoodiff.latency.comparison import Pair, Row, Timings, unsettled
from zoodiff.zoos.registry import Entry

if TYPE_CHECKING:
    from zoodiff.latency.cold_start import Cold
    from zoodiff.latency.sweep_result import Sweep

_RATIO_TOLERANCE = 1.25
"""Factor by which a ratio must differ from the published one to be reported: published numbers are
rounded, and come from other versions."""
_PAUSED_RATIO = 1.10
_UNSETTLED_PERCENT = 5.0
_MANY_INFERENCES = 1000
"""A cold start is reported if it takes as long as more inferences than this."""


@dataclass(frozen=True)
class LatencyFinding:
    """A sentence about one or more entries, with the code of its rule."""

    code: str
    about: tuple[str, ...]
    """Names of the entries; empty for the whole run."""
    sentence: str


def find(
    timings: Timings,
    measured: Measured,
    entries: Mapping[str, Entry],
    macs: Mapping[str, int],
    parts: Mapping[tuple[str, str], RatioParts] = MappingProxyType({}),
) -> list[LatencyFinding]:
    """Return all findings of a run, sorted by code.

    ``entries`` and ``macs`` are keyed by the names of the timed entries; ``macs`` are
    multiply-accumulates per image, for the entries whose graph is known. ``parts`` are the
    decomposed ratios, by the names of both entries.
    """
    findings = [
        *_slower(timings),
        *_claims(timings, entries),
        *_slower_with_fewer_macs(timings, macs),
        *_factors(timings, parts),
        *_threads(measured),
        *_pauses(timings.rows),
        *_drifts(measured, timings.floor_percent),
        *_disturbances(timings),
    ]
    return sorted(findings, key=lambda finding: finding.code)


def _slower(timings: Timings) -> Iterator[LatencyFinding]:
    for pair in timings.pairs:
        if pair.verdict in {"slower", "faster"}:
            slow, fast, ratio = _slow_first(pair)
            yield LatencyFinding(
                "LAT101",
                (slow, fast),
                f"{slow} takes {ratio:.2f} times as long as {fast}",
            )


def _slow_first(pair: Pair) -> tuple[str, str, float]:
    if pair.ratio.value >= 1:
        return pair.first, pair.second, pair.ratio.value
    return pair.second, pair.first, 1 / pair.ratio.value


def _claims(timings: Timings, entries: Mapping[str, Entry]) -> Iterator[LatencyFinding]:
    """Compare the ratio of two published latencies with the measured ratio.

    Absolute values are not compared, since the zoo measured them on its own machine.
    """
    for pair in timings.pairs:
        first, second = entries.get(pair.first), entries.get(pair.second)
        if first is None or second is None or first.zoo.name != second.zoo.name:
            continue
        seconds = {
            c.conditions: c.milliseconds
            for c in claimed.of_model(second.zoo.name, second.model.name)
        }
        for claim in claimed.of_model(first.zoo.name, first.model.name):
            if claim.conditions not in seconds:
                continue
            published = claim.milliseconds / seconds[claim.conditions]
            low, high = pair.ratio.low / _RATIO_TOLERANCE, pair.ratio.high * _RATIO_TOLERANCE
            if not low <= published <= high:
                yield LatencyFinding(
                    "LAT102",
                    (pair.first, pair.second),
                    f"{first.zoo.name} publishes {claim.milliseconds:g} and "
                    f"{seconds[claim.conditions]:g} ms for {first.model.name} and "
                    f"{second.model.name}, a ratio of {published:.2f}; here it is "
                    f"{pair.ratio.value:.2f} [{pair.ratio.low:.2f}, {pair.ratio.high:.2f}]",
                )


def _slower_with_fewer_macs(timings: Timings, macs: Mapping[str, int]) -> Iterator[LatencyFinding]:
    for pair in timings.pairs:
        if pair.verdict not in {"slower", "faster"}:
            continue
        slow, fast, ratio = _slow_first(pair)
        if slow in macs and fast in macs and macs[slow] < macs[fast]:
            yield LatencyFinding(
                "LAT103",
                (slow, fast),
                f"{slow} has {macs[slow] / 1e9:.2f} G multiply-accumulates and {fast} "
                f"{macs[fast] / 1e9:.2f} G, but takes {ratio:.2f} times as long",
            )


def _factors(
    timings: Timings, parts: Mapping[tuple[str, str], RatioParts]
) -> Iterator[LatencyFinding]:
    floor = math.inf if timings.floor_percent is None else math.log1p(timings.floor_percent / 100)
    for pair in timings.pairs:
        names = pair.first, pair.second
        if names in parts and pair.verdict in {"slower", "faster"}:
            for cause in causes_of(parts[names], floor, *names):
                yield LatencyFinding(cause.code, names, cause.words)


def _threads(measured: Measured) -> Iterator[LatencyFinding]:
    this_machine = machine()
    for samples in measured.samples:
        subject = samples.subject
        surroundings = Environment(
            this_machine, {subject.entry.zoo.name: runtime_info_of(samples.runtime_info)}
        )
        for problem in (
            () if subject.copy else oversubscribed(surroundings, subject.conditions.threads)
        ):
            yield LatencyFinding("LAT104", (subject.name,), f"{subject.name}: {problem}")


def _pauses(rows: Sequence[Row]) -> Iterator[LatencyFinding]:
    for row in rows:
        if row.paused is not None and row.paused > _PAUSED_RATIO * row.median.value:
            yield LatencyFinding(
                "LAT107",
                (row.name,),
                f"{row.name} takes {row.paused:.3g} ms after {PAUSE_MS:g} ms of idle time, "
                f"{row.median.value:.3g} ms back to back",
            )


def _drifts(measured: Measured, floor_percent: float | None) -> Iterator[LatencyFinding]:
    least = max(_UNSETTLED_PERCENT, floor_percent or 0.0)
    for samples in measured.samples:
        drift = unsettled(samples)
        if drift is not None and abs(drift) > least and not samples.subject.copy:
            name = samples.subject.name
            yield LatencyFinding(
                "LAT108",
                (name,),
                f"{name} was still getting {'slower' if drift > 0 else 'faster'} when its rounds "
                f"ended, by {abs(drift):.0f} % over the later ones, in most processes",
            )


def _disturbances(timings: Timings) -> Iterator[LatencyFinding]:
    for sentence in timings.system_noise:
        yield LatencyFinding("LAT109", (), sentence)
    if timings.covered is False and timings.floor_percent is not None:
        yield LatencyFinding(
            "LAT109",
            (),
            "an entry differs from its own copy by more than its interval allows; differences "
            f"below {timings.floor_percent:.1f} % are not shown",
        )


def cold_starts(starts: Iterable[Cold]) -> Iterator[LatencyFinding]:
    """Yield LAT105 for entries whose cold start takes over a second and a thousand inferences."""
    for start in starts:
        if start.total.median > 1 and start.answers_to_pay > _MANY_INFERENCES:
            yield LatencyFinding(
                "LAT105",
                (start.name,),
                f"{start.name} starts in {start.total.median:.1f} s, as long as "
                f"{start.answers_to_pay:,.0f} inferences",
            )


def rank_changes(sweep: Sweep) -> Iterator[LatencyFinding]:
    """Yield LAT106 for pairs where one entry is faster at a batch size, the other at a larger."""
    for crossing in sweep.crossings:
        yield LatencyFinding(
            "LAT106",
            (crossing.first, crossing.second),
            f"{crossing.first} is the faster one at batch {crossing.before} and {crossing.second} "
            f"at batch {crossing.after}, with {crossing.threads} "
            f"thread{'s' if crossing.threads != 1 else ''}",
        )
