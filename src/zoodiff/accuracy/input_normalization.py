"""Reads the input stage of an entry's network from its graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zoodiff.accuracy.subject import EvaluatedEntry
from zoodiff.architecture import describe as architecture
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.native_run import weights_of
from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.graph.canonical import canonical
from zoodiff.graph.input_stage import InputStage, read_input_stage
from zoodiff.zoos.registry import Entry


def input_stage_of(engine: WorkerPool, entry: Entry) -> InputStage:
    """Return the input stage of an entry's network, with stored values if the weights are
    available.

    Raises MeasurementError if the entry cannot be described or its input is not one image.
    """
    graph = canonical(architecture.graph_of(engine, entry))
    input_stage = read_input_stage(graph)
    if input_stage is None:
        raise MeasurementError(f"{entry.ref} does not take one image")
    if not input_stage.unread:
        return input_stage
    weights: Mapping[str, Any]
    try:
        weights = weights_of(engine, entry)
    except ZoodiffError:
        return input_stage
    return read_input_stage(graph, weights) or input_stage


def with_input_stage(engine: WorkerPool, subject: EvaluatedEntry) -> EvaluatedEntry:
    """Return the entry with the input stage of its network, if it can be read."""
    try:
        return replace(subject, input_stage=input_stage_of(engine, subject.entry))
    except ZoodiffError:
        return subject
