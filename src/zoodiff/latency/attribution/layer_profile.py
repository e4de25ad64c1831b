"""Attribute the difference of two latencies to layers, in the reference runtime.

The profiler of the runtime times operators, some of which the runtime has merged. The name of an
operator leads to a node of the canonical graph and thus to a layer, and the layers of the two
networks are aligned. A merged operator counts for the layer that has the weights. Operators without
a layer, the time between operators, and the error of adding medians have their own rows, so the
rows add up to the median of whole runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from statistics import median
from typing import Any, Literal

from zoodiff.architecture.diff import Diff
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.runs.reference_runtime import ReferenceModel, as_entry
from zoodiff.errors import MeasurementError
from zoodiff.graph.cost import macs_of
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.onnx_export.emit import node_of
from zoodiff.results import LayerTime, LayerTimes
from zoodiff.rules.context import AFFINE
from zoodiff.workers.messages import OperatorTime, Profile, Profiled

Kind = Literal["both", "only a", "only b", "other"]
BETWEEN = "between operators"
RUNS, BLOCKS = 10, 3
"""Runs of a network in a block, and blocks, of a profile."""
NOISE = "noise: medians do not add up"
"""The median of whole runs minus the sum of all other rows."""
_FOLDED = frozenset({"center", "epsilon", "momentum", "scale", *AFFINE})
"""Subjects of differences that do not change the work of a layer: biases, norms, scales."""
_SOURCES = {
    "Conv": ("Conv", "Gemm"),
    "ConvTranspose": ("ConvTranspose",),
    "Gemm": ("Gemm", "MatMul"),
    "MatMul": ("Gemm", "MatMul"),
}
"""By runtime operator that others are merged into: the canonical operators with its weights."""


@dataclass(frozen=True)
class Row:
    """The times of two aligned layers, a layer of one network, or time without a layer."""

    kind: Kind
    a: str
    b: str
    """Names of the layers in their sources; empty if the network has no such layer."""
    op: str
    a_ms: float
    b_ms: float
    a_macs: int = 0
    b_macs: int = 0
    codes: tuple[str, ...] = ()
    """Codes of findings about these layers that change the computation."""

    @property
    def difference(self) -> float:
        """Milliseconds that the first network takes longer than the second."""
        return self.a_ms - self.b_ms


@dataclass(frozen=True)
class LatencyProfile:
    """The times of two networks by row; both columns add up to the median of whole runs."""

    a: str
    b: str
    rows: tuple[Row, ...]
    runs: int

    @property
    def a_ms(self) -> float:
        """Median milliseconds of whole runs of the first network under the profiler."""
        return sum(row.a_ms for row in self.rows)

    @property
    def b_ms(self) -> float:
        """Median milliseconds of whole runs of the second network under the profiler."""
        return sum(row.b_ms for row in self.rows)

    @property
    def largest(self) -> tuple[Row, ...]:
        """Rows in descending order of their absolute difference."""
        return tuple(sorted(self.rows, key=lambda row: -abs(row.difference)))

    def share(self, row: Row) -> float | None:
        """Return the share of a row in the difference; negative if the row reduces it."""
        whole = self.a_ms - self.b_ms
        return row.difference / whole if whole else None

    def grouped(self) -> tuple[tuple[str, float, float], ...]:
        """Return milliseconds of A and B by kind of difference, largest difference first."""
        groups: dict[str, list[float]] = {}
        for row in self.rows:
            sums = groups.setdefault(_group(row), [0.0, 0.0])
            sums[0] += row.a_ms
            sums[1] += row.b_ms
        ordered = sorted(groups.items(), key=lambda item: -abs(item[1][0] - item[1][1]))
        return tuple((name, a, b) for name, (a, b) in ordered)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        rows = [
            {**asdict(row), "difference_ms": row.difference, "share": self.share(row)}
            for row in self.rows
        ]
        groups = [{"group": name, "a_ms": a, "b_ms": b} for name, a, b in self.grouped()]
        return {
            "a": self.a,
            "b": self.b,
            "a_ms": self.a_ms,
            "b_ms": self.b_ms,
            "runs": self.runs,
            "groups": groups,
            "rows": rows,
        }


def shortened(profile: LatencyProfile, first: str, second: str, *, most: int = 10) -> LayerTimes:
    """Return the rows of a profile that differ most, and the sum of the others."""
    rows = profile.largest
    others = rows[most:]
    sums = sum(row.a_ms for row in others), sum(row.b_ms for row in others)
    name = f"{len(others):,} others"
    return LayerTimes(
        first=first,
        second=second,
        first_ms=profile.a_ms,
        second_ms=profile.b_ms,
        layers=[
            LayerTime(
                name=row.a or row.b,
                op=row.op,
                first_ms=row.a_ms,
                second_ms=row.b_ms,
                codes=list(row.codes),
            )
            for row in rows[:most]
        ],
        rest=LayerTime(name=name, op="", first_ms=sums[0], second_ms=sums[1]) if others else None,
    )


def profile_pair(
    pool: WorkerPool,
    diff: Diff,
    models: tuple[ReferenceModel, ReferenceModel],
    *,
    threads: int = 1,
    runs: int = RUNS,
    blocks: int = BLOCKS,
    seed: int = 0,
) -> LatencyProfile:
    """Profile two reference models in turn, in ``blocks`` blocks of ``runs`` runs each.

    ``diff`` compares the graphs of the two. Raises MeasurementError if a model has no file or
    cannot be run.
    """
    for model in models:
        if model.full is None or model.graph is None:
            raise MeasurementError(f"{model.entry} has no profile: {model.reason}")
    answers: tuple[list[Profiled], list[Profiled]] = ([], [])
    for _ in range(blocks):
        for model, profiles in zip(models, answers, strict=True):
            assert model.full is not None
            worker = pool.worker(as_entry(model.full).worker, "profile", threads=threads)
            profiles.append(
                worker.profile(
                    Profile(str(model.full), runs, model.batch, seed, threads),
                    doing=f"profiling {model.entry}",
                )
            )
    graphs = [model.graph for model in models]
    assert graphs[0] is not None and graphs[1] is not None
    return profile_of(diff, (graphs[0], graphs[1]), answers, batch=models[0].batch)


@dataclass(frozen=True)
class _Times:
    """Milliseconds of one network by layer; operators without a layer by name."""

    layers: Mapping[int, float]
    others: Mapping[str, float]


def profile_of(
    diff: Diff,
    graphs: tuple[Graph, Graph],
    answers: tuple[Sequence[Profiled], Sequence[Profiled]],
    *,
    batch: int = 1,
) -> LatencyProfile:
    """Return the layer profile from the workers' profiles of the exported graphs."""
    alignment = diff.alignment
    layers = (alignment.a, alignment.b)
    a, b = (_times(*side) for side in zip(graphs, layers, answers, strict=True))
    codes = _codes(diff)

    def macs(side: LayerGraph, layer: Layer) -> int:
        return batch * sum(macs_of(side.graph, node) for node in (layer.node, *layer.chain))

    rows: list[Row] = []
    for i, j in alignment.pairs:
        left, right = layers[0].layers[i], layers[1].layers[j]
        op = left.op if left.op == right.op else f"{left.op} | {right.op}"
        pair_codes = tuple(dict.fromkeys((*codes[0].get(i, ()), *codes[1].get(j, ()))))
        rows.append(
            Row(
                "both",
                left.name,
                right.name,
                op,
                a.layers.get(i, 0.0),
                b.layers.get(j, 0.0),
                macs(layers[0], left),
                macs(layers[1], right),
                pair_codes,
            )
        )
    for i in alignment.only_a:
        layer, work = layers[0].layers[i], macs(layers[0], layers[0].layers[i])
        a_ms, own = a.layers.get(i, 0.0), codes[0].get(i, ())
        rows.append(Row("only a", layer.name, "", layer.op, a_ms, 0.0, work, 0, own))
    for j in alignment.only_b:
        layer, work = layers[1].layers[j], macs(layers[1], layers[1].layers[j])
        b_ms, own = b.layers.get(j, 0.0), codes[1].get(j, ())
        rows.append(Row("only b", "", layer.name, layer.op, 0.0, b_ms, 0, work, own))
    for name in dict.fromkeys((*a.others, *b.others)):
        a_ms, b_ms = a.others.get(name, 0.0), b.others.get(name, 0.0)
        rows.append(Row("other", name, name, "", a_ms, b_ms))
    timed_rows = tuple(row for row in rows if row.a_ms or row.b_ms or row.kind == "other")
    runs = sum(len(answer.runs_ms) for answer in answers[0])
    return LatencyProfile(diff.a.name, diff.b.name, timed_rows, runs)


def _times(graph: Graph, layers: LayerGraph, answers: Sequence[Profiled]) -> _Times:
    """Return medians over the runs of all blocks; in each run, operators of a layer add up."""
    sums: dict[int | str, list[float]] = {}
    whole: list[float] = []
    for answer in answers:
        before, whole = len(whole), [*whole, *answer.runs_ms]
        for operator, node in attributed(graph, answer.operators):
            column = sums.setdefault(_owner(graph, layers, operator, node), [])
            column.extend([0.0] * (len(whole) - len(column)))
            for run, took in enumerate(operator.ms, start=before):
                column[run] += took
    for column in sums.values():
        column.extend([0.0] * (len(whole) - len(column)))
    if whole:
        columns = zip(*sums.values(), strict=True) if sums else [()] * len(whole)
        sums[BETWEEN] = [run - sum(parts) for run, parts in zip(whole, columns, strict=True)]
        sums[NOISE] = [median(whole) - sum(map(median, sums.values()))]
    medians = {key: median(column) for key, column in sums.items()}
    return _Times(
        {key: took for key, took in medians.items() if isinstance(key, int)},
        {key: took for key, took in medians.items() if isinstance(key, str)},
    )


def _owner(graph: Graph, layers: LayerGraph, operator: OperatorTime, node: int | None) -> int | str:
    """Return the index of an operator's layer, or a name for operators without one."""
    if node is None:
        return f"the runtime's {operator.op}"
    index = layers.layer_of(graph.nodes[node].outputs[0])
    if index is None or index < 0:
        return f"{graph.nodes[node].name} at the input"
    return index


def attributed(
    graph: Graph, operators: Iterable[OperatorTime]
) -> list[tuple[OperatorTime, int | None]]:
    """Return each operator that ran with the index of its node in the lowered graph, or None.

    An operator that was merged from several nodes gets the node with the weights, since the runtime
    names some merged operators after their last node.
    """
    producers = {name: k for k, node in enumerate(graph.nodes) for name in node.outputs}
    named = [(operator, _node_by_name(operator)) for operator in operators]
    taken = {
        node
        for operator, node in named
        if node is not None and graph.nodes[node].op in _SOURCES.get(_unfused(operator.op), ())
    }
    attributions: list[tuple[OperatorTime, int | None]] = []
    for operator, node in named:
        with_weights = _SOURCES.get(_unfused(operator.op), ())
        owner = node
        if node is not None and with_weights and graph.nodes[node].op not in with_weights:
            owner = _node_with_weights(graph, producers, node, with_weights, operator.weight, taken)
            taken.add(owner)
        attributions.append((operator, owner))
    return attributions


def _unfused(op: str) -> str:
    return op.removeprefix("Fused").removeprefix("QLinear")


def _node_by_name(operator: OperatorTime) -> int | None:
    """Return the node that an operator is named after, or its output; None for layout changes."""
    if operator.op.startswith("Reorder"):
        return None
    names = (operator.name, *operator.outputs)
    return next((k for k in map(node_of, names) if k is not None), None)


def _node_with_weights(
    graph: Graph,
    producers: Mapping[str, int],
    start: int,
    with_weights: Sequence[str],
    weight: Sequence[int] | None,
    taken: set[int],
) -> int:
    """Return the node whose weights an operator uses that is named after the node ``start``.

    It searches backwards from ``start`` through nodes that runtimes merge, and prefers a node whose
    weights have the operator's size and that no other operator has.
    """
    candidates: list[int] = []
    waiting, seen = [start], {start}
    while waiting:
        node = graph.nodes[waiting.pop(0)]
        for source in (producers[name] for name in node.inputs if name in producers):
            if source in seen:
                continue
            seen.add(source)
            if graph.nodes[source].op in with_weights:
                candidates.append(source)
            elif graph.nodes[source].op in _MERGED:
                waiting.append(source)
    fitting = [k for k in candidates if weight is None or _size(graph.nodes[k]) == prod(weight)]
    for group in (fitting, candidates):
        free = [k for k in group if k not in taken]
        if free:
            return free[0]
    return start


_MERGED = frozenset(
    {"Add", "BatchNormalization", "Clip", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu"}
    | {"Mul", "Relu", "Reshape", "Sigmoid", "Squeeze", "Swish", "Tanh"}
)


def _size(node: Node) -> int:
    return max((p.size for p in node.parameters), default=0)


def _codes(diff: Diff) -> tuple[dict[int, tuple[str, ...]], dict[int, tuple[str, ...]]]:
    """Return finding codes by layer, for both networks; findings without effect are left out."""
    codes: tuple[dict[int, tuple[str, ...]], dict[int, tuple[str, ...]]] = ({}, {})
    for finding in diff.findings:
        for difference in finding.differences:
            if difference.explains and _FOLDED.issuperset(difference.explains):
                continue
            for side, indices in zip(codes, (difference.a, difference.b), strict=True):
                for index in indices:
                    side[index] = tuple(dict.fromkeys((*side.get(index, ()), finding.code)))
    return codes


def _group(row: Row) -> str:
    if row.kind == "other":
        return "the runtime's own" if row.a.startswith("the runtime's") else row.a
    if row.codes:
        return ", ".join(row.codes)
    return {"both": "layers alike", "only a": "only in A", "only b": "only in B"}[row.kind]
