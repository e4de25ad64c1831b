"""In which layers the difference of two latencies sits, in the reference runtime.

The runtime's profiler times operators, after it merged some of them. Names lead each operator back
to a node of the canonical graph and so to a layer, and layers of the two networks are aligned. A
merged operator counts for the layer that has the weights. Nothing is left out: what leads nowhere,
the time between operators, and what keeps medians from adding up have rows of their own, so rows
add up to the median of whole runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from statistics import median
from typing import Any, Literal

from zoodiff.architecture.diff import Diff
from zoodiff.engines.pool import WorkerPool
from zoodiff.equivalence.reference_runtime import ReferenceModel, as_entry
from zoodiff.errors import MeasurementError
from zoodiff.graph.cost import macs_of
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.graph.onnx_export.emit import node_of
from zoodiff.rules.context import AFFINE
from zoodiff.workers.messages import OperatorTime, Profile, Profiled

Kind = Literal["both", "only a", "only b", "other"]
BETWEEN = "between operators"
NOISE = "noise: medians do not add up"
"""The median of whole runs less all other rows."""
_FOLDED = frozenset({"center", "epsilon", "momentum", "scale", *AFFINE})
"""What differences without effect on the work are about: biases, norms, scales."""
_WEIGHED = {
    "Conv": ("Conv", "Gemm"),
    "ConvTranspose": ("ConvTranspose",),
    "Gemm": ("Gemm", "MatMul"),
    "MatMul": ("Gemm", "MatMul"),
}
"""Operators that runtimes merge others into, and the canonical ones that they come from."""


@dataclass(frozen=True)
class Row:
    """Two aligned layers, a layer of one network, or something of the runtime's own."""

    kind: Kind
    a: str
    b: str
    """Names as the sources have them; empty where one network has no such layer."""
    op: str
    a_ms: float
    b_ms: float
    a_macs: int = 0
    b_macs: int = 0
    codes: tuple[str, ...] = ()
    """Findings about these layers that change what is to be computed."""

    @property
    def difference(self) -> float:
        """Milliseconds that the first network takes longer here."""
        return self.a_ms - self.b_ms


@dataclass(frozen=True)
class LatencyProfile:
    """All rows; both columns add up to the latencies of whole runs."""

    a: str
    b: str
    rows: tuple[Row, ...]
    runs: int

    @property
    def a_ms(self) -> float:
        """Median of whole runs of the first network under the profiler."""
        return sum(row.a_ms for row in self.rows)

    @property
    def b_ms(self) -> float:
        """Median of whole runs of the second network under the profiler."""
        return sum(row.b_ms for row in self.rows)

    @property
    def largest(self) -> tuple[Row, ...]:
        """Rows by how much they differ."""
        return tuple(sorted(self.rows, key=lambda row: -abs(row.difference)))

    def share(self, row: Row) -> float | None:
        """The share of the whole difference, negative for a row that reduces it."""
        whole = self.a_ms - self.b_ms
        return row.difference / whole if whole else None

    def grouped(self) -> tuple[tuple[str, float, float], ...]:
        """Milliseconds of A and B by kind of difference; they add up to the sum of the rows."""
        found: dict[str, list[float]] = {}
        for row in self.rows:
            sums = found.setdefault(_group(row), [0.0, 0.0])
            sums[0] += row.a_ms
            sums[1] += row.b_ms
        ordered = sorted(found.items(), key=lambda item: -abs(item[1][0] - item[1][1]))
        return tuple((name, a, b) for name, (a, b) in ordered)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
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


def profile_pair(
    engine: WorkerPool,
    diff: Diff,
    models: tuple[ReferenceModel, ReferenceModel],
    *,
    threads: int = 1,
    runs: int = 10,
    blocks: int = 3,
    seed: int = 0,
) -> LatencyProfile:
    """Profile two prepared entries in turn, ``blocks`` times ``runs`` runs each.

    ``diff`` is theirs. Raises MeasurementError where one of them has no file, or cannot be run.
    """
    for one in models:
        if one.full is None or one.graph is None:
            raise MeasurementError(f"{one.entry} has no profile: {one.reason}")
    answers: tuple[list[Profiled], list[Profiled]] = ([], [])
    for _ in range(blocks):
        for one, into in zip(models, answers, strict=True):
            assert one.full is not None
            worker = engine.worker(as_entry(one.full).worker, "profile", threads=threads)
            into.append(
                worker.profile(
                    Profile(str(one.full), runs, one.batch, seed, threads),
                    doing=f"profiling {one.entry}",
                )
            )
    graphs = [one.graph for one in models]
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
    """Compute the layer profile from the workers' profiles of the exported graphs."""
    alignment = diff.alignment
    layers = (alignment.a, alignment.b)
    a, b = (_times(*side) for side in zip(graphs, layers, answers, strict=True))
    codes = _codes(diff)

    def macs(side: LayerGraph, layer: Layer) -> int:
        return batch * sum(macs_of(side.graph, node) for node in (layer.node, *layer.chain))

    rows: list[Row] = []
    for i, j in alignment.pairs:
        one, other = layers[0].layers[i], layers[1].layers[j]
        op = one.op if one.op == other.op else f"{one.op} | {other.op}"
        found = tuple(dict.fromkeys((*codes[0].get(i, ()), *codes[1].get(j, ()))))
        rows.append(
            Row(
                "both",
                one.name,
                other.name,
                op,
                a.layers.get(i, 0.0),
                b.layers.get(j, 0.0),
                macs(layers[0], one),
                macs(layers[1], other),
                found,
            )
        )
    for i in alignment.only_a:
        one, named = layers[0].layers[i], codes[0].get(i, ())
        took = a.layers.get(i, 0.0)
        rows.append(Row("only a", one.name, "", one.op, took, 0.0, macs(layers[0], one), 0, named))
    for j in alignment.only_b:
        one, named = layers[1].layers[j], codes[1].get(j, ())
        took = b.layers.get(j, 0.0)
        rows.append(Row("only b", "", one.name, one.op, 0.0, took, 0, macs(layers[1], one), named))
    for name in dict.fromkeys((*a.others, *b.others)):
        took, theirs = a.others.get(name, 0.0), b.others.get(name, 0.0)
        rows.append(Row("other", name, name, "", took, theirs))
    kept = tuple(row for row in rows if row.a_ms or row.b_ms or row.kind == "other")
    runs = sum(len(answer.runs_ms) for answer in answers[0])
    return LatencyProfile(diff.a.name, diff.b.name, kept, runs)


def _times(graph: Graph, layers: LayerGraph, answers: Sequence[Profiled]) -> _Times:
    """Medians over the runs of all blocks; operators of one layer are added up in each run."""
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
    """Each operator that ran with the index of its node in the lowered graph, or None.

    Of an operator that was merged from several, the node with the weights, since the runtime
    names some of them after what it merged last.
    """
    producers = {name: k for k, node in enumerate(graph.nodes) for name in node.outputs}
    named = [(one, _named(one)) for one in operators]
    taken = {
        node
        for one, node in named
        if node is not None and graph.nodes[node].op in _WEIGHED.get(_plain(one.op), ())
    }
    found: list[tuple[OperatorTime, int | None]] = []
    for one, node in named:
        wanted = _WEIGHED.get(_plain(one.op), ())
        place = node
        if node is not None and wanted and graph.nodes[node].op not in wanted:
            place = _weighed(graph, producers, node, wanted, one.weight, taken)
            taken.add(place)
        found.append((one, place))
    return found


def _plain(op: str) -> str:
    return op.removeprefix("Fused").removeprefix("QLinear")


def _named(operator: OperatorTime) -> int | None:
    """The node that an operator's name or else its output leads to; none of changes of layout."""
    if operator.op.startswith("Reorder"):
        return None
    names = (operator.name, *operator.outputs)
    return next((k for k in map(node_of, names) if k is not None), None)


def _weighed(
    graph: Graph,
    producers: Mapping[str, int],
    start: int,
    wanted: Sequence[str],
    weight: Sequence[int] | None,
    taken: set[int],
) -> int:
    """The node with weights that was merged into an operator named after ``start``."""
    candidates: list[int] = []
    waiting, seen = [start], {start}
    while waiting:
        node = graph.nodes[waiting.pop(0)]
        for source in (producers[name] for name in node.inputs if name in producers):
            if source in seen:
                continue
            seen.add(source)
            if graph.nodes[source].op in wanted:
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
    """Codes of the findings about each layer that are about more than its folded arithmetic."""
    found: tuple[dict[int, tuple[str, ...]], dict[int, tuple[str, ...]]] = ({}, {})
    for finding in diff.findings:
        for difference in finding.differences:
            if difference.explains and _FOLDED.issuperset(difference.explains):
                continue
            for side, indices in zip(found, (difference.a, difference.b), strict=True):
                for index in indices:
                    side[index] = tuple(dict.fromkeys((*side.get(index, ()), finding.code)))
    return found


def _group(row: Row) -> str:
    if row.kind == "other":
        return "the runtime's own" if row.a.startswith("the runtime's") else row.a
    if row.codes:
        return ", ".join(row.codes)
    return {"both": "layers alike", "only a": "only in A", "only b": "only in B"}[row.kind]
