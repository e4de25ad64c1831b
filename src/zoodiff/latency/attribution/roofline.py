r"""Compare a network with the measured peaks of the machine, layer by layer.

A group of nodes that runtimes run as one (a layer with the elementwise operators behind it) needs
at least :math:`\max(MACs / P, bytes / B)` seconds on a machine that does :math:`P` MACs and moves
:math:`B` bytes a second (Williams et al., 2009). The roof of a network is the sum over its groups.
Bytes are weights once and activations for every image, as if nothing stayed in a cache from one
group to the next: small networks, whose activations stay, may come out above 100 %. So may
convolutions by Winograd's algorithm, which needs fewer multiplications than are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from zoodiff.graph.cost import Traffic, macs_of, traffic_of
from zoodiff.graph.ir import Graph, Node
from zoodiff.graph.layers import Layer, LayerGraph
from zoodiff.host.peaks import Peaks

Bound = Literal["arithmetic", "memory"]
_ELEMENTWISE = frozenset(
    {"Add", "Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "Mul", "PRelu"}
    | {"Relu", "Selu", "Sigmoid", "Softplus", "Sub", "Swish", "Tanh"}
)


@dataclass(frozen=True)
class LayerRoof:
    """A layer with the operators that are fused into it."""

    name: str
    op: str
    macs: int
    weights_bytes: int
    activations_bytes: int
    roof_ms: float
    """The least time by the two peaks."""
    bound: Bound

    @property
    def intensity(self) -> float:
        """MACs a byte."""
        moved = self.weights_bytes + self.activations_bytes
        return self.macs / moved if moved else 0.0


@dataclass(frozen=True)
class Roofline:
    """One network against the peaks of a machine, at one batch size."""

    entry: str
    batch: int
    layers: tuple[LayerRoof, ...]
    peak_macs: float
    """MACs a second."""
    native_ms: float | None = None
    """Latency of a batch in its own framework."""
    reference_ms: float | None = None
    """Latency of a batch in the reference runtime."""

    @property
    def macs(self) -> int:
        """Of a batch."""
        return sum(layer.macs for layer in self.layers)

    @property
    def weights_bytes(self) -> int:
        """Of all weights in single precision."""
        return sum(layer.weights_bytes for layer in self.layers)

    @property
    def activations_bytes(self) -> int:
        """Read and written for a batch."""
        return sum(layer.activations_bytes for layer in self.layers)

    @property
    def intensity(self) -> float:
        """MACs a byte."""
        moved = self.weights_bytes + self.activations_bytes
        return self.macs / moved if moved else 0.0

    @property
    def roof_ms(self) -> float:
        """The least time for a batch by the two peaks."""
        return sum(layer.roof_ms for layer in self.layers)

    @property
    def memory_share(self) -> float:
        """Part of the roof's time in layers that memory limits."""
        limited = sum(layer.roof_ms for layer in self.layers if layer.bound == "memory")
        return limited / self.roof_ms if self.roof_ms else 0.0

    def attained(self, milliseconds: float | None) -> float | None:
        """Share of the roof that a latency reaches."""
        return self.roof_ms / milliseconds if milliseconds else None

    def arithmetic(self, milliseconds: float | None) -> float | None:
        """Share of the peak of MACs a second that a latency reaches."""
        return self.macs / (milliseconds / 1e3) / self.peak_macs if milliseconds else None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            **asdict(self),
            "macs": self.macs,
            "weights_bytes": self.weights_bytes,
            "activations_bytes": self.activations_bytes,
            "intensity_macs_per_byte": self.intensity,
            "roof_ms": self.roof_ms,
            "memory_share": self.memory_share,
            "attained_native": self.attained(self.native_ms),
            "attained_reference": self.attained(self.reference_ms),
        }


def roofline(
    graph: Graph,
    entry: str,
    peaks: Peaks,
    *,
    batch: int = 1,
    native_ms: float | None = None,
    reference_ms: float | None = None,
) -> Roofline:
    """The roof of a canonical graph, and how near the latencies of a batch come to it."""
    found = []
    for layer, nodes in groups(graph):
        macs = batch * sum(macs_of(graph, node) for node in nodes)
        moved = traffic_of(graph, nodes, batch=batch)
        if macs or moved.total:
            found.append(_roof(layer, macs, moved, peaks))
    return Roofline(entry, batch, tuple(found), peaks.macs_per_second, native_ms, reference_ms)


def groups(graph: Graph) -> list[tuple[Layer, Sequence[Node]]]:
    """Layers with the elementwise operators behind them that only they feed, or they last."""
    layers = LayerGraph(graph)
    home: dict[int, int] = {}
    found: dict[int, list[Node]] = {}
    ends = set(layers.outputs)
    for layer in layers.layers:
        before = max((i for i in layer.inputs if i >= 0), default=None)
        merged = (
            layer.op in _ELEMENTWISE
            and before is not None
            and len(layers.layers[before].users) == 1
            and before not in ends
            and layers.layers[home[before]].op in _TAKING
        )
        home[layer.index] = home[before] if merged and before is not None else layer.index
        found.setdefault(home[layer.index], []).extend((layer.node, *layer.chain))
    return [(layers.layers[index], nodes) for index, nodes in found.items()]


_TAKING = frozenset({"Conv", "ConvTranspose", "Gemm"}) | _ELEMENTWISE
"""Operators that runtimes merge elementwise ones into."""


def _roof(layer: Layer, macs: int, moved: Traffic, peaks: Peaks) -> LayerRoof:
    arithmetic, memory = macs / peaks.macs_per_second, moved.total / peaks.bytes_per_second
    return LayerRoof(
        layer.name,
        layer.op,
        macs,
        moved.weights,
        moved.activations,
        1e3 * max(arithmetic, memory),
        "arithmetic" if arithmetic >= memory else "memory",
    )
