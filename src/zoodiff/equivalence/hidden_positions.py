"""Positions of a sequence that a mask hides, whose outputs are left to the runtime.

Which value of a mask hides is not known. It is concluded where two networks agree everywhere on
all masks that are one value and then the other: then the first shows and the second hides. What a
network answers at a position that looks at nothing but hidden ones (padding on the left of a
causal decoder, a row that is all padding) depends on how it writes "minus infinity", and nobody
reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zoodiff.equivalence.outputs import Case, Outputs
from zoodiff.equivalence.runs.named_probes import NamedProbe
from zoodiff.equivalence.tolerance import Deviation, largest_deviation, scales_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NOTE = "the outputs differ where a mask hides all that a position looks at"
_UNDECIDED = (
    "the outputs agree where masks are {} and then {}, and differ for others, which may hide all "
    "that a position looks at"
)


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
    shown = _shown_value(case, outputs)
    if shown is None:
        return BesideHidden(outputs)
    agreeing = _at_shown_positions(case, outputs, shown)
    if agreeing is not None:
        return BesideHidden(agreeing, notes=(_NOTE,))
    pairs = zip(case.questions.probes, outputs.deviations, strict=True)
    if any(probe.name == "example" and not d.explained for probe, d in pairs):
        return BesideHidden(outputs)
    return BesideHidden(outputs, doubt=_UNDECIDED.format(shown, 1 - shown))


def _shown_value(case: Case, outputs: Outputs) -> int | None:
    """Return the value of masks that shows a position; None where outputs do not tell.

    The networks agree on every mask that is this value and then the other, whatever is hidden.
    """
    agrees: dict[int | None, list[bool]] = {}
    for probe, d in zip(case.questions.probes, outputs.deviations, strict=True):
        if isinstance(probe, NamedProbe) and probe.name != "example":
            agrees.setdefault(probe.mask_start, []).append(d.explained)
    known = (v for v in (1, 0) if len(agrees.get(v, ())) > 1 and all(agrees[v]))
    return next(known, None)


def _at_shown_positions(case: Case, outputs: Outputs, shown: int) -> Outputs | None:
    """Return the outputs with deviations at shown positions in place of those that differ.

    None where the networks differ at a position that a mask shows.
    """
    deviations = []
    for k, (probe, d) in enumerate(zip(case.questions.probes, outputs.deviations, strict=True)):
        if d.explained or not isinstance(probe, NamedProbe):
            deviations.append(d)
            continue
        masks = [
            probe.arrays[each.names[0]] == shown for each in probe.inputs if each.kind == "mask"
        ]
        pair = [[_shown(x, masks) for x in run.outputs[k]] for run in case.runs]
        at_shown = Deviation(d.probe, largest_deviation(*pair, scales_of(*pair)), d.rounding)
        if not at_shown.explained:
            return None
        deviations.append(at_shown)
    return replace(outputs, deviations=deviations)


def _shown(output: NDArray[Any], masks: Sequence[NDArray[np.bool_]]) -> NDArray[Any]:
    """The part of an output that belongs to shown positions, of rows in which any is shown."""
    whole = np.ones(output.shape[:1], dtype=bool)
    for mask in masks:
        if mask.ndim and mask.shape[:1] == whole.shape:
            whole &= mask.reshape(len(mask), -1).any(axis=1)
    places = np.broadcast_to(whole.reshape(-1, *[1] * (output.ndim - 1)), output.shape).copy()
    for mask in masks:
        if mask.ndim > 1 and output.shape[: mask.ndim] == mask.shape:
            places &= mask.reshape(*mask.shape, *[1] * (output.ndim - mask.ndim))
    return output[places]
