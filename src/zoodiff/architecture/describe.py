"""Describe an entry's architecture: build the network without weights, get its graph, count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zoodiff.architecture import graph_cache
from zoodiff.engines.pool import WorkerPool
from zoodiff.errors import MeasurementError, WorkerError
from zoodiff.graph import validate
from zoodiff.graph.canonical import canonical
from zoodiff.graph.cost import count
from zoodiff.graph.fingerprint import fingerprint, structure
from zoodiff.graph.ir import Graph
from zoodiff.host.provenance import hardware, now
from zoodiff.store.records import ArchitectureValues, Record, WeightsInfo
from zoodiff.workers.messages import Described
from zoodiff.zoos.registry import Entry


def describe(
    engine: WorkerPool,
    entry: Entry,
    *,
    role: str = "describe",
    threads: int = 1,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[Graph, Described]:
    """Return the entry's graph and the facts that its worker reports with it.

    ``shapes`` are those of inputs whose extents the network leaves open, by name.
    """
    worker = engine.worker(entry.worker, role, threads=threads)
    described = worker.describe(
        entry.worker_model,
        entry.weights_name if entry.weights else "random",
        doing=f"describing {entry.model.name}",
        shapes=shapes,
    )
    try:
        graph = Graph.from_dict(described.graph)
        validate.check(graph)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WorkerError(
            f"the worker of {entry.zoo.name} sent no graph of {entry.model.name} ({error!r})"
        ) from None
    return graph, described


def graph_of(
    engine: WorkerPool, entry: Entry, *, role: str = "describe", threads: int = 1
) -> Graph:
    """Return the entry's graph, from the cache where the same versions have described it before.

    Raises as ``describe`` does.
    """
    key = graph_cache.key_of(entry)
    cached = graph_cache.load(key) if key is not None else None
    if cached is not None:
        return cached
    graph, _ = describe(engine, entry, role=role, threads=threads)
    if key is not None:
        graph_cache.save(key, graph)
    return graph


def measure(engine: WorkerPool, entry: Entry, key: str) -> Record:
    """Describe and count one entry; raise a ZoodiffError if that fails.

    The graph is put into the cache, from which the comparison of graphs takes it.
    """
    started = now()
    graph, described = describe(engine, entry)
    try:
        fingerprints = _fingerprints(graph)
        values = _values(graph, fingerprints.structure, described, entry)
        weights = WeightsInfo(name=entry.weights_name, state="none", sha256=described.facts.sha256)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise WorkerError(
            f"the worker of {entry.zoo.name} sent an invalid description of {entry.model.name} "
            f"({reason})"
        ) from error
    cache_key = graph_cache.key_of(entry)
    if cache_key is not None:
        graph_cache.save(cache_key, graph)
    return Record(
        key=key,
        entry=str(entry.ref),
        zoo=entry.zoo.name,
        model=entry.model.name,
        architecture=entry.model.architecture,
        weights=weights,
        preprocessing=entry.preprocessing.to_dict(),
        labels=entry.labels.name,
        fingerprint=fingerprints.network,
        conditions={},
        versions=engine.versions(engine.worker(entry.worker, "describe")),
        hardware=hardware(),
        started=started,
        finished=now(),
        values=values,
    )


@dataclass(frozen=True)
class _Fingerprints:
    """Both fingerprints of a graph; None where it has more symmetries than can be searched."""

    network: str | None = None
    structure: str | None = None


def _fingerprints(graph: Graph) -> _Fingerprints:
    """Return the fingerprints of a graph; none of one that contradicts itself."""
    try:
        clean = canonical(graph)
    except MeasurementError:
        return _Fingerprints()
    return _Fingerprints(_digest(fingerprint, clean), _digest(structure, clean))


def _digest(of: Callable[..., str], clean: Graph) -> str | None:
    try:
        return of(clean, is_canonical=True)
    except MeasurementError:
        return None


def fingerprint_of(graph: Graph) -> str | None:
    """Return the fingerprint that the record of a graph has."""
    try:
        return fingerprint(graph)
    except MeasurementError:
        return None


def _values(
    graph: Graph, structural: str | None, described: Described, entry: Entry
) -> ArchitectureValues:
    counts, facts = count(graph), described.facts
    return ArchitectureValues(
        parameters=counts.parameters,
        statistics=counts.statistics,
        unused_parameters=counts.unused_parameters,
        macs=counts.macs,
        convolutions=counts.convolutions,
        normalisations=counts.normalisations,
        linear_layers=counts.linear_layers,
        nodes=len(graph.nodes),
        opaque_nodes=sum("::" in node.op for node in graph.nodes),
        input_shape=list(graph.inputs[0].channels_first) if graph.inputs else [],
        output_shape=list(graph.outputs[0].shape) if graph.outputs else [],
        softmax_inside=counts.softmax_inside,
        preprocessing_inside=counts.preprocessing_inside,
        preprocessing_ops=list(counts.preprocessing_ops),
        structure=structural,
        published_parameters=entry.weights.parameters if entry.weights else None,
        framework_parameters=facts.parameters,
        framework_statistics=facts.statistics,
        peak_rss_bytes=described.peak_rss_bytes,
        seconds=described.seconds,
    )
