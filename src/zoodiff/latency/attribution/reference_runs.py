"""Reference models timed in the same run, used to decompose a latency ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from zoodiff.equivalence.runs.reference_runtime import ReferenceModel, as_entry
from zoodiff.latency.attribution.decomposition import RatioParts, parts
from zoodiff.latency.benchmark import Measured, Samples
from zoodiff.latency.subject import TimedEntry

if TYPE_CHECKING:
    from zoodiff.stats.ratios import Rounds


def reference_entries(
    subjects: Sequence[TimedEntry], models: Sequence[ReferenceModel]
) -> tuple[TimedEntry, ...]:
    """Return the reference models of the entries as timed entries, under the same conditions.

    ``models`` are in the order of ``subjects`` and have their batch size. The reference model of an
    entry that is timed in several modes is returned once.
    """
    entries: dict[str, TimedEntry] = {}
    for subject, model in zip(subjects, models, strict=True):
        conditions = replace(subject.conditions, mode="")
        for path, name in ((model.full, whole(subject)), (model.stripped, stripped(subject))):
            if path is not None and name not in entries:
                entries[name] = TimedEntry(name, as_entry(path), conditions)
    return tuple(entries.values())


def whole(subject: TimedEntry) -> str:
    """Return the name of an entry's reference run with the whole network."""
    return f"{subject.entry.ref} (reference runtime)"


def stripped(subject: TimedEntry) -> str:
    """Return the name of an entry's reference run without pre/post-processing of its own."""
    return f"{subject.entry.ref} (reference runtime, stripped)"


def parts_of(
    measured: Measured,
    a: TimedEntry,
    b: TimedEntry,
    models: tuple[ReferenceModel, ReferenceModel],
) -> RatioParts:
    """Decompose the latency ratio of two entries, from a run that has their reference runs.

    If a reference run is missing, the result has only the ratio and a reason. Raises ValueError if
    one of the two entries was not measured.
    """
    native = tuple(_samples(measured, subject) for subject in (a, b))
    if native[0] is None or native[1] is None:
        raise ValueError(f"{a.name} and {b.name} were not both measured")
    rounds: tuple[Rounds, Rounds] = (native[0].rounds, native[1].rounds)
    entire_rounds, bare_rounds = [], []
    for subject, model in zip((a, b), models, strict=True):
        if model.full is None:
            return parts(rounds, None, None, reason=model.reason)
        entire = measured.samples_of(whole(subject))
        bare = measured.samples_of(stripped(subject)) if model.stripped is not None else entire
        if entire is None or bare is None:
            return parts(rounds, None, None, reason=_failure(measured, subject))
        entire_rounds.append(entire.rounds)
        bare_rounds.append(bare.rounds)
    inside = models[0].inside, models[1].inside
    common = (entire_rounds[0], entire_rounds[1])
    return parts(rounds, common, (bare_rounds[0], bare_rounds[1]), inside=inside)


def _samples(measured: Measured, subject: TimedEntry) -> Samples | None:
    return measured.samples_of(subject.name)


def _failure(measured: Measured, subject: TimedEntry) -> str:
    names = {whole(subject), stripped(subject)}
    failure = next((reason for failed, reason in measured.failures if failed.name in names), None)
    return failure or f"{subject.entry.ref} was not measured in the reference runtime"
