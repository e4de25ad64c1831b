"""Reference models timed in the same run, used to decompose a latency ratio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from zoodiff.equivalence.reference_runtime import ReferenceModel, as_entry
from zoodiff.latency.attribution.decomposition import RatioParts, parts
from zoodiff.latency.benchmark import Measured, Samples
from zoodiff.latency.subject import TimedEntry

if TYPE_CHECKING:
    from zoodiff.stats.ratios import Rounds


def reference_entries(
    subjects: Sequence[TimedEntry], models: Sequence[ReferenceModel]
) -> tuple[TimedEntry, ...]:
    """Return the reference models of the entries as entries, under the same conditions.

    ``models`` are in the order of ``subjects`` and for their batch size. An entry timed in several
    modes is returned once.
    """
    found: dict[str, TimedEntry] = {}
    for one, files in zip(subjects, models, strict=True):
        conditions = replace(one.conditions, mode="")
        for path, name in ((files.full, whole(one)), (files.stripped, stripped(one))):
            if path is not None and name not in found:
                found[name] = TimedEntry(name, as_entry(path), conditions)
    return tuple(found.values())


def whole(one: TimedEntry) -> str:
    """Name of an entry's reference run with the whole network."""
    return f"{one.entry.ref} (reference runtime)"


def stripped(one: TimedEntry) -> str:
    """Name of an entry's reference run without the pre/post-processing that only it contains."""
    return f"{one.entry.ref} (reference runtime, stripped)"


def parts_of(
    measured: Measured,
    a: TimedEntry,
    b: TimedEntry,
    models: tuple[ReferenceModel, ReferenceModel],
) -> RatioParts:
    """Decompose the latency ratio of two entries, from a run that has their reference runs.

    If a reference run is missing, the result has a reason. Raises ValueError if one of the two
    entries was not measured.
    """
    native = tuple(_samples(measured, one) for one in (a, b))
    if native[0] is None or native[1] is None:
        raise ValueError(f"{a.name} and {b.name} were not both measured")
    rounds: tuple[Rounds, Rounds] = (native[0].rounds, native[1].rounds)
    wholes, bares = [], []
    for one, files in zip((a, b), models, strict=True):
        if files.full is None:
            return parts(rounds, None, None, reason=files.reason)
        full = measured.samples_of(whole(one))
        less = measured.samples_of(stripped(one)) if files.stripped is not None else full
        if full is None or less is None:
            return parts(rounds, None, None, reason=_failure(measured, one))
        wholes.append(full.rounds)
        bares.append(less.rounds)
    inside = models[0].inside, models[1].inside
    return parts(rounds, (wholes[0], wholes[1]), (bares[0], bares[1]), inside=inside)


def _samples(measured: Measured, one: TimedEntry) -> Samples | None:
    return measured.samples_of(one.name)


def _failure(measured: Measured, one: TimedEntry) -> str:
    names = {whole(one), stripped(one)}
    found = next((reason for failed, reason in measured.failures if failed.name in names), None)
    return found or f"{one.entry.ref} was not measured in the reference runtime"
