"""What is timed beside two entries, so that the ratio of their latencies can be taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from zoodiff.equivalence.reference_runtime import Prepared, as_entry
from zoodiff.latency.attribution.decomposition import RatioParts, parts
from zoodiff.latency.benchmark import Measured, Samples
from zoodiff.latency.subject import TimedEntry

if TYPE_CHECKING:
    from zoodiff.stats.ratios import Rounds


def companions(
    subjects: Sequence[TimedEntry], prepared: Sequence[Prepared]
) -> tuple[TimedEntry, ...]:
    """The common-runtime files of entries, timed under the same conditions.

    ``prepared`` belong to ``subjects`` one by one and are for their batch size. Of several
    entries of one entry, in several modes, the first brings the files.
    """
    found: dict[str, TimedEntry] = {}
    for one, files in zip(subjects, prepared, strict=True):
        conditions = replace(one.conditions, mode="")
        for path, name in ((files.full, common(one)), (files.stripped, stripped(one))):
            if path is not None and name not in found:
                found[name] = TimedEntry(name, as_entry(path), conditions)
    return tuple(found.values())


def common(one: TimedEntry) -> str:
    """Name of an entry's companion: the whole network in the common runtime."""
    return f"{one.entry.ref} (common runtime)"


def stripped(one: TimedEntry) -> str:
    """Name of an entry's companion without what is inside it and not inside the others."""
    return f"{one.entry.ref} (common runtime, stripped)"


def parts_of(
    measured: Measured,
    a: TimedEntry,
    b: TimedEntry,
    prepared: tuple[Prepared, Prepared],
) -> RatioParts:
    """The ratio of two entries' latencies taken apart, from a run with their companions.

    Where a companion is missing the parts have a reason. Raises ValueError where one of the two
    entries was not measured.
    """
    native = tuple(_samples(measured, one) for one in (a, b))
    if native[0] is None or native[1] is None:
        raise ValueError(f"{a.name} and {b.name} were not both measured")
    rounds: tuple[Rounds, Rounds] = (native[0].rounds, native[1].rounds)
    whole, bare = [], []
    for one, files in zip((a, b), prepared, strict=True):
        if files.full is None:
            return parts(rounds, None, None, reason=files.reason)
        full = measured.samples_of(common(one))
        less = measured.samples_of(stripped(one)) if files.stripped is not None else full
        if full is None or less is None:
            return parts(rounds, None, None, reason=_failure(measured, one))
        whole.append(full.rounds)
        bare.append(less.rounds)
    inside = prepared[0].inside, prepared[1].inside
    return parts(rounds, (whole[0], whole[1]), (bare[0], bare[1]), inside=inside)


def _samples(measured: Measured, one: TimedEntry) -> Samples | None:
    return measured.samples_of(one.name)


def _failure(measured: Measured, one: TimedEntry) -> str:
    names = {common(one), stripped(one)}
    found = next((reason for failed, reason in measured.failures if failed.name in names), None)
    return found or f"{one.entry.ref} was not measured in the common runtime"
