"""Two entries in one reference runtime, ONNX Runtime, each with its own weights.

Each entry's canonical graph is lowered to an ONNX file, which is measured as one more entry. A
second file leaves out the parts that only one of the two networks has (preprocessing, softmax).
No framework's exporter is used, so that exporters are not compared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoodiff.architecture import describe as architecture
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.native_run import weights_and_outputs
from zoodiff.equivalence.weights.weight_diff import canonical as canonical_weights
from zoodiff.errors import MeasurementError, ZoodiffError
from zoodiff.graph.boundary import Part, parts_inside, with_layout, without
from zoodiff.graph.canonical import canonical
from zoodiff.graph.ir import Graph
from zoodiff.graph.onnx_export import to_model
from zoodiff.workers.messages import Load
from zoodiff.zoos import registry
from zoodiff.zoos.base import WorkerSpec
from zoodiff.zoos.files.formats import ONNX
from zoodiff.zoos.registry import Entry

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROLE = "lower"
_HANDLE = "lowered"
_THREADS = 2
_LARGEST = 2**31 - 2**20
"""Bytes of one ONNX file; a limit of its format."""
_ALIKE = 1e-5
"""Relative spread below which outputs are one number after rounding, and show nothing."""
SAME = 1e-3
"""Largest difference of outputs, over their spread, at which two networks are one function."""


@dataclass(frozen=True)
class ReferenceModel:
    """An entry in the reference runtime."""

    entry: str
    batch: int = 1
    full: Path | None = None
    """The whole network; None where there is none, and ``reason`` says why."""
    stripped: Path | None = None
    """The network without the parts that only it has inside; None where it has none."""
    inside: tuple[str, ...] = ()
    """The parts that ``stripped`` leaves out, in words."""
    reason: str = ""
    deviation: float | None = None
    """Largest difference to the outputs in its own framework, over their spread, on one image;
    None where that shows nothing, outputs being no numbers or all alike."""
    graph: Graph | None = None
    """What ``full`` computes; names of its nodes lead back to this graph's."""
    source: Graph | None = None
    """As the zoo's frontend gave it."""

    def to_dict(self) -> dict[str, Any]:
        """Everything but the graphs, for JSON."""
        return {
            "entry": self.entry,
            "batch": self.batch,
            "full": str(self.full) if self.full else None,
            "stripped": str(self.stripped) if self.stripped else None,
            "inside": list(self.inside),
            "reason": self.reason,
            "deviation": self.deviation,
        }


@dataclass(frozen=True)
class _Read:
    """An entry, read from its zoo."""

    entry: Entry
    source: Graph
    graph: Graph
    weights: Mapping[str, Any]
    parts: tuple[Part, ...]
    image: NDArray[Any]
    outputs: NDArray[Any]


def reference_models(
    engine: WorkerPool, entries: Sequence[Entry], folder: Path, *, batch: int = 1, seed: int = 0
) -> tuple[ReferenceModel, ...]:
    """Entries as ONNX files for batches of one size, in a folder that exists.

    ``stripped`` lacks what is not inside all of those that can be lowered; of a single entry it
    lacks nothing. Each is held to the outputs that its own framework gives for one image with the
    same weights; at batch sizes above 1 also to itself at batch size 1. ``seed`` is for random
    weights. What cannot be lowered, or comes out otherwise, has a reason instead of files; nothing
    is raised for it, and the others are not affected.
    """
    zoos = {worker.name: worker for worker in (*(entry.worker for entry in entries), ONNX.worker)}
    _start(engine, zoos.values())
    read = [_read(engine, entry, seed) for entry in entries]
    kinds = [
        {part.kind for part in network.parts} for network in read if isinstance(network, _Read)
    ]
    shared = set.intersection(*kinds) if kinds else set()
    models: list[ReferenceModel] = []
    for number, network in enumerate(read):
        if isinstance(network, ReferenceModel):
            models.append(replace(network, batch=batch))
        else:
            only = tuple(part for part in network.parts if part.kind not in shared)
            models.append(_written(engine, network, only, folder, number, batch))
    for zoo in zoos.values():
        engine.release(zoo, _ROLE)
    return tuple(models)


def reference_pair(
    engine: WorkerPool, a: Entry, b: Entry, folder: Path, *, batch: int = 1, seed: int = 0
) -> tuple[ReferenceModel, ReferenceModel]:
    """Two entries; ``stripped`` lacks what is not inside the other. See ``reference_models``."""
    first, second = reference_models(engine, (a, b), folder, batch=batch, seed=seed)
    return first, second


def as_entry(path: Path) -> Entry:
    """The entry that a prepared file is, to be measured like any other."""
    return registry.resolve(str(path))


def _start(engine: WorkerPool, zoos: Iterable[WorkerSpec]) -> None:
    """Import frameworks in parallel; an import that fails is reported when the worker is used."""
    waiting = []
    for zoo in zoos:
        with contextlib.suppress(ZoodiffError):
            worker = engine.worker(zoo, _ROLE, threads=_THREADS)
            waiting.append(worker.hello_later("importing its framework"))
    for answer in waiting:
        with contextlib.suppress(ZoodiffError):
            answer()


def _read(engine: WorkerPool, entry: Entry, seed: int) -> _Read | ReferenceModel:
    try:
        # In a worker of its own: TensorFlow fixes its threads when it builds the first network.
        source = architecture.graph_of(engine, entry)
        core = canonical(source)
        if len(core.inputs) != 1:
            raise MeasurementError(f"{entry.ref} has {len(core.inputs)} inputs; one is expected")
        if any("quantisation" in node.notes for node in core.nodes):
            raise MeasurementError(
                f"{entry.ref} computes with integers, which lowering would turn into real numbers"
            )
        graph = with_layout(core, source)
        inside = parts_inside(graph)
        image = _images(core.inputs[0].shape, inside)
        stored, outputs = weights_and_outputs(engine, entry, image, seed=seed, role=_ROLE)
        return _Read(entry, source, graph, canonical_weights(core, stored), inside, image, outputs)
    except ZoodiffError as error:
        return ReferenceModel(str(entry.ref), reason=str(error))


def _written(
    engine: WorkerPool, read: _Read, only: Sequence[Part], folder: Path, number: int, batch: int
) -> ReferenceModel:
    name = f"{read.entry.zoo.name}-{Path(read.entry.model.name).name}-{number}-{batch}"
    full, stripped = folder / f"{name}.onnx", folder / f"{name}-stripped.onnx"
    model = ReferenceModel(str(read.entry.ref), batch)
    try:
        full.write_bytes(serialised(read.graph, read.weights, batch))
        deviation = _deviation(engine, read, full, batch)
        if deviation is not None and deviation > SAME:
            raise MeasurementError(
                f"{read.entry.ref} gives other outputs in the reference runtime than in its own "
                f"(by {deviation:.1g} of their spread)"
            )
        if only:
            bare = without(read.graph, only)
            stripped.write_bytes(serialised(bare, read.weights, batch))
            _outputs(engine, stripped, _batch(read, batch))
    except ZoodiffError as error:
        for path in (full, stripped):
            path.unlink(missing_ok=True)
        return replace(model, reason=str(error))
    return replace(
        model,
        full=full,
        stripped=stripped if only else None,
        inside=tuple(map(str, only)),
        deviation=deviation,
        graph=read.graph,
        source=read.source,
    )


def serialised(graph: Graph, weights: Mapping[str, Any], batch: int = 1) -> bytes:
    """A graph as an ONNX model; MeasurementError where it cannot be one."""
    size = 4 * sum(p.size for node in graph.nodes for p in node.parameters)
    if size > _LARGEST:
        raise MeasurementError(f"{graph.source} has {size / 2**30:.1f} GiB of weights, too many")
    return to_model(graph, weights, batch=batch)


def _images(shape: Sequence[int], inside: Sequence[Part]) -> NDArray[Any]:
    """Pixels from 0 to 255 for a network that prepares them itself, else prepared ones."""
    import numpy as np

    rng = np.random.default_rng(0)
    if any(part.kind == "preprocessing" for part in inside):
        return rng.uniform(0, 255, shape).astype(np.float32)
    return rng.standard_normal(shape).astype(np.float32)


def _deviation(engine: WorkerPool, read: _Read, full: Path, batch: int) -> float | None:
    """Deviation of the lowered network from the entry, and from its own run one image at a time."""
    import numpy as np

    images = _batch(read, batch)
    outputs = _outputs(engine, full, images)
    distances = [_distance(outputs[:1], read.outputs)]
    if batch > 1:
        single = full.with_name(f"{full.stem}-single.onnx")
        single.write_bytes(serialised(read.graph, read.weights))
        try:
            alone = _outputs(engine, single, images)
        finally:
            single.unlink()
        apart = _distance(outputs, alone)
        if apart is not None and apart > SAME:
            raise MeasurementError(
                f"{read.entry.ref} can be lowered for batch size 1 only: it moves the batch from "
                "its first axis"
            )
        distances.append(apart)
    known = [x for x in distances if x is not None]
    return float(np.max(known)) if known else None


def _batch(read: _Read, batch: int) -> NDArray[Any]:
    """The image that was run natively and shifted copies, (batch, channels, height, width)."""
    import numpy as np

    return np.concatenate([np.roll(read.image, 7 * k, axis=-1) for k in range(batch)])


def _distance(x: NDArray[Any], y: NDArray[Any]) -> float | None:
    import numpy as np

    if x.size != y.size:
        return float("inf")
    x, y = (np.asarray(v, dtype=np.float64).reshape(len(x), -1) for v in (x, y))
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        return None
    spread = float(np.ptp(y))
    if spread <= _ALIKE * float(np.abs(y).max()):
        return None
    return float(np.abs(x - y).max()) / spread


def _outputs(engine: WorkerPool, path: Path, images: NDArray[Any]) -> NDArray[Any]:
    """(batch, classes), run in a worker as it will be measured."""
    entry = as_entry(path)
    worker = engine.worker(entry.worker, _ROLE, threads=_THREADS)
    worker.load(
        Load(_HANDLE, entry.worker_model, entry.weights_name, seed=0, threads=_THREADS),
        doing=f"loading {path.name}",
    )
    outputs = worker.run(_HANDLE, images, doing=f"running {path.name}")
    worker.unload(_HANDLE, doing=f"dropping {path.name}")
    return outputs
