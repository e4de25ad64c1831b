"""Positions that look at nothing but hidden ones, whose outputs are left to the runtime.

Padding on the left of a causal decoder, padding longer than a window, a row that is all padding:
what a network answers there depends on how it writes "minus infinity", and nobody reads it. Which
value of a mask hides is not known. It is the one for which two networks agree, on every input, at
all positions that the mask shows and at those right behind one that it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.outputs import Case, Outputs
from zoodiff.equivalence.runs.named_probes import NamedProbe
from zoodiff.equivalence.runs.probes import Probe
from zoodiff.equivalence.tolerance import (
    MARGIN,
    Deviation,
    largest_deviation,
    scales_of,
    spread,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOTE = "the outputs differ where a mask hides all that a position looks at"
_UNDECIDED = (
    "the outputs agree where masks are {} and then {}, and differ for others, which may hide all "
    "that a position looks at"
)
_BEFORE = (
    "the outputs agree at all positions that masks show if the {} positions more than the mask has "
    "come before its own, and differ at others, which may look at nothing"
)
_SHORTEST = 3
"""Extent of the positions of a mask; fewer values are rather a choice than a mask."""


@dataclass(frozen=True)
class BesideHidden:
    """The outputs to decide by, without what masks hide."""

    outputs: Outputs
    notes: tuple[str, ...] = ()
    """What is said of networks that agree at all positions that masks show."""
    doubt: str = ""
    """Why outputs that differ prove nothing."""


def beside_hidden_positions(case: Case, outputs: Outputs, *, tables_differ: bool) -> BesideHidden:
    """Return the outputs without hidden positions, where the networks agree at all others.

    With ``tables_differ``, ids that only some of the inputs have may make the difference, so
    hidden positions decide like others.
    """
    if outputs.explained or case.questions.images or tables_differ:
        return BesideHidden(outputs)
    for shown in (1, 0):
        agreeing = _at_deciding_positions(case, outputs, shown)
        if agreeing is not None:
            return BesideHidden(agreeing, notes=(_NOTE,))
    before = _positions_before(case)
    if before and any(_at_deciding_positions(case, outputs, v, before) for v in (1, 0)):
        return BesideHidden(outputs, doubt=_BEFORE.format(before))
    known = _value_that_shows(case, outputs)
    if known is None or any(d.probe == "example" and not d.explained for d in outputs.deviations):
        return BesideHidden(outputs)
    return BesideHidden(outputs, doubt=_UNDECIDED.format(known, 1 - known))


def _value_that_shows(case: Case, outputs: Outputs) -> int | None:
    """Return the value for which the networks agree on all masks that are it and then the other."""
    agrees: dict[int | None, list[bool]] = {}
    for probe, d in zip(case.questions.probes, outputs.deviations, strict=True):
        if isinstance(probe, NamedProbe) and probe.name != "example":
            agrees.setdefault(probe.mask_start, []).append(d.explained)
    known = (v for v in (1, 0) if len(agrees.get(v, ())) > 1 and all(agrees[v]))
    return next((v for v in known if 1 - v not in _whole_rows_of_example(case)), None)


def _positions_before(case: Case) -> int:
    """How many positions more than masks the outputs have: of an image, say, before the text."""
    masks, outputs = _masks(case.questions.probes[0]), case.runs[0].outputs[0]
    more = {
        x.shape[mask.ndim - 1] - mask.shape[-1]
        for mask in masks
        for x in outputs
        if x.ndim == mask.ndim + 1 and x.shape[: mask.ndim - 1] == mask.shape[:-1]
    }
    return min(more) if more and min(more) > 0 else 0


def _at_deciding_positions(
    case: Case, outputs: Outputs, shown: int, before: int = 0
) -> Outputs | None:
    """Return the outputs with deviations at deciding positions in place of those that differ.

    ``before`` positions that are always shown come before those of masks. None where the networks
    differ at such a position, where nothing is a position, or where they differ for nothing but
    rows that are hidden as a whole, and the value may as well show them.
    """
    deviations, partial = [], False
    probes: Sequence[Probe | NamedProbe] = case.questions.probes
    for k, (probe, d) in enumerate(zip(probes, outputs.deviations, strict=True)):
        if d.explained:
            deviations.append(d)
            continue
        masks = [_with_positions(mask == shown, before) for mask in _masks(probe)]
        if not masks:
            return None
        whole = case.runs[0].outputs[k], case.runs[1].outputs[k]
        open_rows = _rows_left_open(*whole, masks, d.rounding)
        first, second = ([_deciding(x, masks, open_rows) for x in outputs] for outputs in whole)
        rest = largest_deviation(first, second, scales_of(first, second))
        deviations.append(Deviation(d.probe, rest, d.rounding))
        if not deviations[-1].explained:
            return None
        partial |= not any(_alike_rows(mask).any() for mask in masks)
    sure = partial or _shows_whole_rows(case, shown)
    return replace(outputs, deviations=deviations) if sure else None


def _with_positions(shown: NDArray[np.bool_], before: int) -> NDArray[np.bool_]:
    return np.concatenate([np.ones((*shown.shape[:-1], before), dtype=bool), shown], axis=-1)


def _masks(probe: Probe | NamedProbe) -> list[NDArray[Any]]:
    """The masks of positions among the inputs; of each row the last axis has the positions."""
    if not isinstance(probe, NamedProbe):
        return []
    arrays = [probe.arrays[each.names[0]] for each in probe.inputs if each.kind == "mask"]
    return [array for array in arrays if array.ndim > 1 and array.shape[-1] >= _SHORTEST]


def _alike_rows(mask: NDArray[Any]) -> NDArray[np.bool_]:
    alike: NDArray[np.bool_] = (mask == mask[..., :1]).all(axis=-1)
    return alike


def _shows_whole_rows(case: Case, shown: int) -> bool:
    """Whether a row that is this value everywhere is shown, as far as anything tells.

    The example tells where it has such a row, of either value. Whole numbers that are no truth
    values are 1 where they show, by custom.
    """
    whole = _whole_rows_of_example(case)
    if whole:
        return whole == {shown}
    return shown == 1 and all(m.dtype.kind != "b" for m in _masks(case.questions.probes[0]))


def _whole_rows_of_example(case: Case) -> set[int]:
    """The values of masks in the example that are the same in a whole row, which shows it."""
    probes: Sequence[Probe | NamedProbe] = case.questions.probes
    examples = [m for probe in probes if probe.name == "example" for m in _masks(probe)]
    rows = [mask[..., 0][_alike_rows(mask)] for mask in examples]
    return {int(value) for values in rows for value in values.reshape(-1)}


def _rows_left_open(
    first: Sequence[NDArray[Any]],
    second: Sequence[NDArray[Any]],
    masks: Sequence[NDArray[np.bool_]],
    rounding: float,
) -> NDArray[np.bool_]:
    """The rows in which outputs by position differ somewhere.

    What is picked or pooled from such a row may be of a position that looks at nothing.
    """
    rows = np.zeros(len(masks[0]), dtype=bool)
    for x, y in zip(first, second, strict=True):
        if x.shape == y.shape and any(_by_position(x, mask) for mask in masks):
            apart = np.abs(x.astype(np.float64) - y).reshape(len(x), -1).max(axis=1)
            near = apart <= MARGIN * rounding * spread(x)
            rows |= ~near if len(near) == len(rows) else False
    return rows


def _by_position(output: NDArray[Any], mask: NDArray[np.bool_]) -> bool:
    return output.shape[: mask.ndim] == mask.shape


def _deciding(
    output: NDArray[Any], masks: Sequence[NDArray[np.bool_]], open_rows: NDArray[np.bool_]
) -> NDArray[Any]:
    """The part of an output in rows that masks show anything of, at positions that decide."""
    rows = np.ones(len(open_rows), dtype=bool)
    for mask in masks:
        if len(mask) == len(rows):
            rows &= mask.reshape(len(mask), -1).any(axis=1)
    if not any(_by_position(output, mask) for mask in masks):
        rows &= ~open_rows
    if output.shape[:1] != rows.shape:  # of all rows together, such as scores of pairs
        return output.reshape(-1)[: output.size if rows.all() else 0]
    chosen = np.broadcast_to(rows.reshape(-1, *[1] * (output.ndim - 1)), output.shape).copy()
    for mask in masks:
        if _by_position(output, mask):
            looking = mask.copy()
            looking[..., 1:] |= mask[..., :-1]
            chosen &= looking.reshape(*mask.shape, *[1] * (output.ndim - mask.ndim))
    part: NDArray[Any] = output[chosen]
    return part
