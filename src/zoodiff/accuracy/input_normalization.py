"""What an entry's network does to its pixels by itself, read off its graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.architecture import describe as architecture
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.native_run import weights_of
from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.input_stage import InputStage, read_input_stage
from zoodiff.zoos.registry import Entry


def input_stage_of(engine: WorkerPool, entry: Entry) -> InputStage:
    """The input stage of an entry's network; stored values are read where the weights can be had.

    Raises MeasurementError where the entry cannot be described, or takes no single image.
    """
    graph = canonical(architecture.graph_of(engine, entry))
    found = read_input_stage(graph)
    if found is None:
        raise MeasurementError(f"{entry.ref} does not take one image")
    if not found.unread:
        return found
    weights: Mapping[str, Any]
    try:
        weights = weights_of(engine, entry)
    except ZoodiffError:
        return found
    return read_input_stage(graph, weights) or found


def with_input_stage(engine: WorkerPool, one: EvaluatedEntry) -> EvaluatedEntry:
    """An entry with its network's input stage, where it can be read."""
    try:
        return replace(one, input_stage=input_stage_of(engine, one.entry))
    except ZoodiffError:
        return one
