"""For which sizes, batches and precisions an answer holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoodiff.equivalence.answer import Domain
from zoodiff.equivalence.outputs import BUDGET, Case, Outputs, precision
from zoodiff.equivalence.runs.execution import BATCH, Execution
from zoodiff.equivalence.runs.interpreted import LARGEST_HALF, obstacle, overflows
from zoodiff.equivalence.runs.probes import Probe
from zoodiff.equivalence.tolerance import MARGIN, deviation, spread

_SHOWN = 3
"""Layers that overflow and are named."""


def domain_of(case: Case, outputs: Outputs) -> Domain:
    """Return the sizes, batches and precisions tried, and notes on where the networks differ."""
    if not isinstance(case.questions.probes[0], Probe):
        return _domain_of_named(case)
    a, b = case.runs
    shape = case.questions.probes[0].values.shape
    sizes, batches, notes = [_size(shape)], [1], []
    limit = MARGIN * max(d.rounding for d in outputs.deviations)
    if outputs.explained:
        limit = max(limit, 2 * max(d.measured for d in outputs.deviations))
    for side, run in ((case.diff.a, a), (case.diff.b, b)):
        if run.batch is not None and _batch_dependent(run, limit):
            notes.append(f"the answers of {side.name} depend on the other images of a batch")
    if a.batch is not None and b.batch is not None:
        batches.append(BATCH)
        if _apart(a.batch, b.batch) > limit and outputs.explained:
            notes.append(f"the same one image at a time only; a batch of {BATCH} differs")
    resized = case.questions.other_size
    frozen = _frozen(case)
    if resized is not None:
        notes += _other_size(case, outputs, sizes, limit, resized.shape)
    if frozen and outputs.explained:
        beside = (n for n in notes if "the same at" not in n and " takes no " not in n)
        notes = [f"the same at {sizes[0]} only: {frozen}", *beside]
    notes += _overflows(case)
    precisions = dict.fromkeys(precision(side) for side in (case.diff.a, case.diff.b))
    given = case.questions.unread
    return Domain(tuple(sizes), tuple(batches), tuple(precisions), tuple(notes), given)


def _domain_of_named(case: Case) -> Domain:
    """The domain for networks that were run on named inputs: what was tried, and the pairing."""
    precisions = dict.fromkeys(precision(side) for side in (case.diff.a, case.diff.b))
    return Domain(
        precisions=tuple(precisions),
        notes=(*case.questions.notes, *_overflows(case)),
        inputs=(*case.questions.inputs, *case.questions.untried, *case.questions.unread),
        outputs=case.questions.paired,
    )


def _other_size(
    case: Case, outputs: Outputs, sizes: list[str], limit: float, shape: Sequence[int]
) -> list[str]:
    """Compare at another size, add it to ``sizes``, and return notes on what differs there."""
    a, b = (run.other_size for run in case.runs)
    usual, size = sizes[0], _size(shape)
    if a is not None and b is not None:
        sizes.append(size)
        if outputs.explained and _apart(a, b) > limit:
            return [f"the same at {usual} only"]
        return []
    if (a is None) != (b is None):
        name = case.diff.b.name if b is None else case.diff.a.name
        return [f"{name} takes no {size}"]
    return []


def _overflows(case: Case) -> list[str]:
    """Notes on layers whose values overflow half precision on the generated inputs."""
    if case.weights is None:
        return []
    feeds = [(p.name, p.feeds(case.diff)) for p in case.questions.probes]
    notes = []
    for k, (side, weights) in enumerate(zip((case.diff.a, case.diff.b), case.weights, strict=True)):
        inputs = [(name, both[k]) for name, both in feeds]
        if precision(side) != "float16" or obstacle(side):
            continue
        chosen = inputs[: max(int(BUDGET // max(side.counts.macs, 1)), 1)]
        over = overflows(side.canonical, weights, chosen)
        for name, size, label in over[:_SHOWN]:
            notes.append(
                f"{name} of {side.name} overflows half precision "
                f"({size:.2g} > {LARGEST_HALF:,.0f}, on {label})"
            )
        if len(over) > _SHOWN:
            notes.append(f"{len(over) - _SHOWN} more layers of {side.name} overflow it")
    return notes


def _frozen(case: Case) -> str:
    """Name of the global pooling that is frozen to the traced size; empty where none is."""
    alignment = case.diff.alignment
    for i, j in alignment.pairs:
        layers = alignment.a.layers[i], alignment.b.layers[j]
        notes = [{n for node in (x.node, *x.chain) for n in node.notes} for x in layers]
        if ("pooling" in notes[0]) != ("pooling" in notes[1]):
            side = case.diff.a if "pooling" in notes[0] else case.diff.b
            name = layers[0].name if "pooling" in notes[0] else layers[1].name
            return f"the global pooling {name} of {side.name} is frozen to that size"
    return ""


def _batch_dependent(run: Execution, limit: float) -> bool:
    assert run.batch is not None
    singles = np.concatenate([x[0].reshape(1, -1) for x in run.outputs[: len(run.batch)]])
    rows = run.batch.reshape(len(run.batch), -1)
    if rows.shape != singles.shape:
        return True
    return any(
        deviation(single, row, spread(single)) > max(limit, 1e-4)
        for single, row in zip(singles, rows, strict=True)
    )


def _apart(a: Any, b: Any) -> float:
    """The largest deviation of the rows of two batches."""
    rows = [np.asarray(x).reshape(len(x), -1) for x in (a, b)]
    if rows[0].shape != rows[1].shape:
        return float("inf")
    return max(deviation(x, y, spread(x)) for x, y in zip(*rows, strict=True))


def _size(shape: Sequence[int]) -> str:
    return "x".join(str(extent) for extent in (shape[2:] if len(shape) == 4 else shape[1:]))
