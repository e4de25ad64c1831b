"""Decompose latency ratios from the records of a run and of its runs in the reference runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoodiff.latency.attribution.decomposition import RatioParts, parts
from zoodiff.latency.records.keys import STRIPPED, WHOLE
from zoodiff.store.records import LatencyValues, Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RUNTIME = "runtime"
"""Condition of a record: the runtime, where it is not the entry's own."""
INSIDE = "inside"
"""Condition of a record of a reference run: what its stripped network leaves out, in words."""
NO_REFERENCE = "no_reference"
"""Condition of an entry's record: why the network was not timed in the reference runtime."""
OF_REFERENCES = frozenset({RUNTIME, INSIDE, NO_REFERENCE})


def by_process(values: LatencyValues) -> list[NDArray[np.float64]]:
    """Return the block times that form ratios, processes -> (rounds,) milliseconds.

    They are lower quartiles of blocks, or medians in records that lack quartiles.
    """
    import numpy as np

    every = np.array(values.round_quartiles_ms or values.round_medians_ms)
    ends = np.cumsum(values.process_rounds or [len(every)])
    return [process for process in np.split(every, ends[:-1]) if len(process)]


def recorded_parts(first: Record, second: Record, run: Sequence[Record]) -> RatioParts | None:
    """Return the decomposed ratio of two entries of a run; None without reference runs.

    If one of the two has no reference run, the result has only the ratio and a reason.
    """
    by_repeat = {(r.entry, r.values.repeat): r for r in run if isinstance(r.values, LatencyValues)}
    if not any(repeat == WHOLE for _, repeat in by_repeat) and not any(
        NO_REFERENCE in record.conditions for record in run
    ):
        return None
    native = (_rounds(first), _rounds(second))
    entire, bare, inside = [], [], []
    for record in (first, second):
        whole = by_repeat.get((record.entry, WHOLE))
        if whole is None:
            return parts(native, None, None, reason=_reason(record))
        held = tuple(map(str, whole.conditions.get(INSIDE) or ()))
        stripped = by_repeat.get((record.entry, STRIPPED)) if held else whole
        if stripped is None:
            return parts(native, None, None, reason=_reason(record))
        entire.append(_rounds(whole))
        bare.append(_rounds(stripped))
        inside.append(held)
    try:
        return parts(
            native, (entire[0], entire[1]), (bare[0], bare[1]), inside=(inside[0], inside[1])
        )
    except ValueError as error:  # edited records
        return parts(native, None, None, reason=str(error))


def _rounds(record: Record) -> list[NDArray[np.float64]]:
    assert isinstance(record.values, LatencyValues)
    return by_process(record.values)


def _reason(record: Record) -> str:
    stated = record.conditions.get(NO_REFERENCE)
    return str(stated or f"{record.entry} was not timed in the reference runtime")
